//! The interval while it is open: what it would come out with if it ended now, and deleting series
//! from it.

use super::log::Group;
use super::registry::{Entry, NO_NAME};
use super::{Merger, closing};
use crate::snapshot::{Reading, Span, Texts};
use crate::{SeriesKind, Snapshot, Window};

/// Series that are shown and deleted together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Counters.
    Counters,
    /// Gauges.
    Gauges,
    /// Timers, histograms and distributions.
    Timers,
}

/// Series that were deleted from the open interval.
#[derive(Debug, Default)]
pub struct Deleted {
    /// Shared with the merger.
    names: Texts,
    /// The number of the name of each.
    series: Vec<(SeriesKind, u32)>,
}

impl Family {
    /// Whether the series of a kind are among them.
    #[must_use]
    pub const fn contains(self, kind: SeriesKind) -> bool {
        match kind {
            SeriesKind::Counter => matches!(self, Self::Counters),
            SeriesKind::Gauge => matches!(self, Self::Gauges),
            SeriesKind::Set => false,
            SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
                matches!(self, Self::Timers)
            }
        }
    }
}

impl Merger {
    /// What was added since the last interval, and the series that are kept without samples:
    /// those of a family, as they would come out if the interval ended now. What totals count is
    /// known at the end alone. Nothing changes.
    #[must_use]
    pub fn open(&self, family: Family, window: Window) -> Snapshot {
        let mut snapshot = Snapshot::new(window);
        snapshot.number = self.number;
        snapshot.counts = self.counts.clone();
        snapshot.names = self.registry.names().clone();
        if family == Family::Timers {
            let (grouped, sketches) = (self.timers.grouped(), self.timers.sketches.clone());
            let (timers, values, sketches) = closing::timers(grouped, sketches, self.kept.values);
            (snapshot.timers, snapshot.values) = (timers, values);
            snapshot.sketches.timers = sketches;
        }
        let entries = self.registry.entries();
        for (index, entry) in entries.filter(|(_, entry)| family.contains(entry.kind)) {
            let (name, kept) = (entry.name, self.idle.value(index as usize));
            match family {
                Family::Counters => {
                    let written = entry.written(&self.counters).map(|counter| counter.value);
                    let value = written.or_else(|| kept.map(|_| 0.0));
                    snapshot.counters.extend(value.map(|value| Reading { name, value }));
                }
                Family::Gauges => {
                    let written = entry.written(&self.gauges);
                    let before = || self.idle.before(index as usize, entry);
                    let value = written.map(|record| record.gauge.resolve(before())).or(kept);
                    snapshot.gauges.extend(value.map(|value| Reading { name, value }));
                }
                Family::Timers if kept.is_some() && !self.has_values(entry) => {
                    let &Entry { name, kind, settings, .. } = entry;
                    let end = snapshot.values.len();
                    snapshot.timers.push(Span { name, kind, settings, end, count: 0.0 });
                }
                Family::Timers => {}
            }
        }
        snapshot
    }

    /// Deletes the series of a family that `is_meant` says so of, by their kind and the text of
    /// name and tags: what the open interval brought to them, and what is kept of them. A further
    /// sample makes such a series anew.
    pub fn delete(
        &mut self,
        family: Family,
        mut is_meant: impl FnMut(SeriesKind, &[u8]) -> bool,
    ) -> Deleted {
        let Self { registry, counters, gauges, timers, idle, .. } = self;
        let names = registry.names().clone();
        let (mut series, mut expired) = (Vec::new(), Vec::new());
        let entries = registry.entries().filter(|(_, entry)| family.contains(entry.kind));
        for (index, entry) in entries {
            if !is_meant(entry.kind, names.text(entry.name)) {
                continue;
            }
            let was_written = match family {
                Family::Counters => {
                    entry.written_mut(counters).map(|counter| counter.name = NO_NAME).is_some()
                }
                Family::Gauges => {
                    entry.written_mut(gauges).map(|gauge| gauge.name = NO_NAME).is_some()
                }
                Family::Timers => {
                    let group = entry.written_mut(&mut timers.groups);
                    group.filter(|group| !group.is_empty()).map(Group::delete).is_some()
                }
            };
            if idle.forget(index as usize) || was_written {
                series.push((entry.kind, entry.name));
                expired.push(index);
            }
        }
        self.has_deleted |= !series.is_empty();
        timers.drop_deleted();
        registry.expire(expired);
        Deleted { names, series }
    }

    fn has_values(&self, entry: &Entry) -> bool {
        entry.written(&self.timers.groups).is_some_and(|group| !group.is_empty())
    }
}

impl Deleted {
    /// Each of them: its kind, and the text of name and tags, which
    /// [`SeriesName`](crate::SeriesName) reads.
    pub fn iter(&self) -> impl Iterator<Item = (SeriesKind, &[u8])> {
        self.series.iter().map(|(kind, name)| (*kind, self.names.text(*name)))
    }
}
