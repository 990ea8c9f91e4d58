//! Merges the parts of all workers by key.
//!
//! ```text
//! slot of a worker --> entry of the series --> its record of this interval --> Snapshot
//!                      registry                one row for each kind           takes the rows
//! ```

mod log;
mod registry;

use crate::gauge::Gauge;
use crate::part::{Part, Record as PartRecord};
use crate::snapshot::{Reading, Span, Texts};
use crate::{OwnPoint, Snapshot, Window, sum, timer};
use log::{Group, Log};
use registry::{Record, Registry};

/// The registry of the series that workers hold, and what the current interval brought to them.
///
/// Merging is commutative and associative: exactly for counts, gauges, sets and the values of
/// timers, within rounding for sums of fractions.
#[derive(Default)]
pub struct Merger {
    registry: Registry,
    counters: Vec<Reading>,
    gauges: Vec<GaugeRecord>,
    /// Each by its number among `members`; with repetitions, where several workers saw one.
    sets: Log<u32>,
    members: Texts,
    timers: Log<f64>,
    /// Room for the group of each record of a part.
    route: Vec<u32>,
}

struct GaugeRecord {
    name: u32,
    gauge: Gauge,
}

impl Record for GaugeRecord {
    fn name(&self) -> u32 {
        self.name
    }
}

impl Merger {
    /// A merger that knows no series.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes in what a worker gathered. The samples that went into series are counted in
    /// `part.counts`, which closes the identity of samples.
    pub fn add(&mut self, worker: usize, part: &mut Part) {
        // Taken with their room: that of the first interval would never be needed again.
        self.registry.follow(worker, std::mem::take(&mut part.changes));
        part.counts.samples_aggregated += self.add_counters(worker, part)
            + self.add_gauges(worker, part)
            + self.add_sets(worker, part)
            + self.add_timers(worker, part);
    }

    /// Closes the interval.
    pub fn finish(&mut self, window: Window, own: Vec<OwnPoint>) -> Snapshot {
        // In the order of names, which are then read from memory from front to back.
        self.counters.sort_unstable_by_key(|counter| counter.name);
        self.counters.shrink_to_fit();
        let room = Vec::with_capacity(self.counters.len());
        let counters = std::mem::replace(&mut self.counters, room);
        // Gauges of this dialect vanish with their interval, so there is none before it.
        let gauges = self.gauges.drain(..);
        let value = |GaugeRecord { name, gauge }| Reading { name, value: gauge.resolve(0.0) };
        let mut gauges: Vec<_> = gauges.map(value).collect();
        gauges.sort_unstable_by_key(|gauge| gauge.name);
        let (sets, members) = self.close_sets();
        let (timers, values) = self.close_timers();
        let names = self.registry.names().clone();
        self.registry.end_interval();
        Snapshot { window, own, names, counters, gauges, sets, members, timers, values }
    }

    /// How many series the workers hold; one that several of them hold counts once.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.registry.series_count()
    }

    fn add_counters(&mut self, worker: usize, part: &mut Part) -> u64 {
        let mut samples = 0;
        for record in &part.counters {
            samples += record.value.samples;
            let new = |name| Reading { name, value: 0.0 };
            let index = self.registry.record(worker, record.slot, &mut self.counters, new);
            let counter = &mut self.counters[index as usize];
            let overflow;
            (counter.value, overflow) = sum::saturating(counter.value, record.value.sum);
            part.counts.overflows += u64::from(overflow);
        }
        samples
    }

    fn add_gauges(&mut self, worker: usize, part: &Part) -> u64 {
        let mut samples = 0;
        for record in &part.gauges {
            samples += u64::from(record.value.samples);
            let new = |name| GaugeRecord { name, gauge: Gauge::default() };
            let index = self.registry.record(worker, record.slot, &mut self.gauges, new);
            self.gauges[index as usize].gauge.merge(&record.value);
        }
        samples
    }

    fn add_timers(&mut self, worker: usize, part: &Part) -> u64 {
        let Self { registry, timers, route, .. } = self;
        let samples = find_groups(registry, worker, &part.timers, &mut timers.groups, route);
        for &(record, value) in &part.values {
            timers.push(route[record as usize], value);
        }
        samples
    }

    fn add_sets(&mut self, worker: usize, part: &Part) -> u64 {
        let Self { registry, sets, members, route, .. } = self;
        let samples = find_groups(registry, worker, &part.sets, &mut sets.groups, route);
        for (record, member) in part.members.iter() {
            sets.push(route[record as usize], members.push(member));
        }
        samples
    }

    fn close_timers(&mut self) -> (Vec<Span>, Vec<f64>) {
        let (timers, values) = self.timers.take_grouped();
        let values = timer::sort_each(values, timers.iter().map(|timer| timer.end));
        (timers, values)
    }

    fn close_sets(&mut self) -> (Vec<Span>, Texts) {
        let (mut sets, numbers) = self.sets.take_grouped();
        let (mut members, mut texts) = (Texts::default(), Vec::new());
        let mut start = 0;
        for set in &mut sets {
            texts.clear();
            texts.extend(numbers[start..set.end].iter().map(|&number| self.members.text(number)));
            texts.sort_unstable();
            texts.dedup();
            for member in &texts {
                members.push(member);
            }
            start = set.end;
            set.end = members.len();
        }
        self.members.clear();
        (sets, members)
    }
}

/// Finds the group of each record of a part, of sets or of timers. Gives the sum of the records'
/// samples.
fn find_groups(
    registry: &mut Registry,
    worker: usize,
    records: &[PartRecord<u64>],
    groups: &mut Vec<Group>,
    found: &mut Vec<u32>,
) -> u64 {
    found.clear();
    found.extend(records.iter().map(|record| {
        let kind = registry.kind(worker, record.slot);
        registry.record(worker, record.slot, groups, |name| Group::new(name, kind))
    }));
    records.iter().map(|record| record.value).sum()
}
