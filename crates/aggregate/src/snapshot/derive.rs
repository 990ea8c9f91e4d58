//! Snapshots that are made of others: of neighbours in time, and of some of the series.
//!
//! ```text
//! older   a 1   b 2         window up to 10, 10 s
//! newer   a 4         c 8   window up to 20, 10 s
//! merged  a 5   b 2   c 8   window up to 20, 20 s
//! ```

use std::collections::{BTreeMap, HashMap};
use std::mem::replace;

use gstatsd_sketch::{Histogram, HyperLogLog};

use super::{Reading, Snapshot, Span, Texts, Window, number_of_text};
use crate::{DatedReading, SeriesKind, SeriesName, sum};

impl Snapshot {
    /// One snapshot of two that are neighbours in time, as if there had been one interval: sums
    /// of counters, the newer values of gauges, all members of sets, all values of timers, or
    /// sketches of them where one of the two has a sketch, or where both together have more than is
    /// kept of one series. What the daemon tells of itself is that
    /// of the newer, and so is the number. Sums that leave the range of a double are held at its
    /// edge.
    #[must_use]
    pub fn merged(older: &Self, newer: &Self) -> Self {
        let mut numbers = Numbers::new(older, newer);
        let seconds = older.window.seconds + newer.window.seconds;
        let window = Window { timestamp: newer.window.timestamp, seconds };
        let mut merged = Self { number: newer.number, times: newer.times, ..Self::new(window) };
        merged.kept = newer.kept;
        merged.own.clone_from(&newer.own);
        let later = |_, later| later;
        merged.counters =
            numbers.readings(SeriesKind::Counter, [older, newer].map(|of| &*of.counters), add);
        merged.gauges =
            numbers.readings(SeriesKind::Gauge, [older, newer].map(|of| &*of.gauges), later);
        merged.merge_timers(older, newer, &mut numbers);
        merged.merge_sets(older, newer, &mut numbers);
        merged.names = numbers.names;
        merged.counts = older.counts.clone();
        merged.counts.add(&newer.counts);
        merged.dated = dated(&older.dated, &newer.dated);
        merged.notices = older.notices.clone();
        merged.notices.extend(&newer.notices);
        merged.lease = newer.lease.another(merged.bytes());
        merged
    }

    /// The gauges alone.
    #[must_use]
    pub fn gauges_only(&self) -> Self {
        let (names, gauges) = (self.names.clone(), self.gauges.clone());
        Self { number: self.number, names, gauges, ..Self::new(self.window) }
    }

    /// The same with those series alone whose names are to be kept; a name is without its tags.
    /// What the daemon tells of itself stays, and so do events and service checks.
    #[must_use]
    pub fn only(&self, mut keep: impl FnMut(&[u8]) -> bool) -> Self {
        let mut keep_series = |series: &[u8]| keep(SeriesName::of(series).name());
        let mut only = Self { number: self.number, times: self.times, ..Self::new(self.window) };
        let mut keep_number = |number: u32| keep_series(self.names.text(number));
        let mut kept = |readings: &[Reading]| {
            readings.iter().filter(|reading| keep_number(reading.name)).copied().collect()
        };
        (only.counters, only.gauges) = (kept(&self.counters), kept(&self.gauges));
        let mut start = 0;
        for (place, span) in self.timers.iter().enumerate() {
            let values = replace(&mut start, span.end)..span.end;
            if keep_number(span.name) {
                if let Some(sketch) = self.sketches.timer(place) {
                    only.sketches.timers.push((only.timers.len(), sketch.clone()));
                }
                only.values.extend_from_slice(&self.values[values]);
                only.timers.push(Span { end: only.values.len(), ..*span });
            }
        }
        start = 0;
        for (place, span) in self.sets.iter().enumerate() {
            let members = replace(&mut start, span.end)..span.end;
            if keep_number(span.name) {
                if let Some(sketch) = self.sketches.set(place) {
                    only.sketches.sets.push((only.sets.len(), sketch.clone()));
                }
                for member in members {
                    only.members.push(self.members.text(number_of_text(member)));
                }
                only.sets.push(Span { end: only.members.len(), ..*span });
            }
        }
        only.dated = self.dated.iter().filter(|dated| keep_series(&dated.name)).cloned().collect();
        only.names = self.names.clone();
        only.kept = self.kept;
        only.counts = self.counts.clone();
        only.own.clone_from(&self.own);
        only.notices = self.notices.clone();
        only.lease = self.lease.another(only.bytes());
        only
    }

    fn merge_timers(&mut self, older: &Self, newer: &Self, numbers: &mut Numbers<'_>) {
        for (name, [old, new]) in numbers.pairs(&older.timers, &newer.timers) {
            let (start, mut count) = (self.values.len(), 0.0);
            let mut sketch: Option<Histogram> = None;
            for (of, begun) in [(older, old), (newer, new)] {
                let Some(Begun { span, start, place }) = begun else { continue };
                self.values.extend_from_slice(&of.values[start..span.end]);
                count = sum::clamp(count + span.count);
                if let Some(part) = of.sketches.timer(place) {
                    sketch.get_or_insert_default().merge(part);
                }
            }
            if self.values.len() - start > self.kept.values {
                sketch.get_or_insert_default();
            }
            if let Some(mut sketch) = sketch {
                self.values.drain(start..).for_each(|value| sketch.insert(value, 1));
                self.sketches.timers.push((self.timers.len(), sketch));
            }
            self.values[start..].sort_unstable_by(f64::total_cmp);
            let Some(Begun { span: latest, .. }) = new.or(old) else { continue };
            self.timers.push(Span { name, end: self.values.len(), count, ..latest });
        }
    }

    fn merge_sets(&mut self, older: &Self, newer: &Self, numbers: &mut Numbers<'_>) {
        let mut members: Vec<&[u8]> = Vec::new();
        for (name, [old, new]) in numbers.pairs(&older.sets, &newer.sets) {
            members.clear();
            let mut sketch: Option<HyperLogLog> = None;
            for (of, begun) in [(older, old), (newer, new)] {
                let Some(Begun { span, start, place }) = begun else { continue };
                let places = (start..span.end).map(number_of_text);
                members.extend(places.map(|place| of.members.text(place)));
                if let Some(part) = of.sketches.set(place) {
                    sketch.get_or_insert_default().merge(part);
                }
            }
            members.sort_unstable();
            members.dedup();
            if members.len() > self.kept.members {
                sketch.get_or_insert_default();
            }
            if let Some(mut sketch) = sketch {
                members.drain(..).for_each(|member| sketch.insert(member));
                self.sketches.sets.push((self.sets.len(), sketch));
            }
            for member in &members {
                self.members.push(member);
            }
            let Some(Begun { span: latest, .. }) = new.or(old) else { continue };
            self.sets.push(Span { name, end: self.members.len(), ..latest });
        }
    }
}

/// The numbers of names in a merged snapshot: those of the newer one, and more.
struct Numbers<'s> {
    older: &'s Snapshot,
    newer: &'s Snapshot,
    names: Texts,
    /// Whether a number of the older one means the same in the newer one.
    is_shared: bool,
    /// Those of the newer one that have a series, in order.
    living: Vec<(SeriesKind, u32)>,
    /// The same by what they stand for; made when it is first needed.
    by_name: Option<HashMap<(SeriesKind, &'s [u8]), u32>>,
}

impl<'s> Numbers<'s> {
    fn new(older: &'s Snapshot, newer: &'s Snapshot) -> Self {
        let names = newer.names.clone();
        let is_shared = names.continues(&older.names);
        let mut living: Vec<_> = kinds(newer).collect();
        living.sort_unstable();
        Self { older, newer, names, is_shared, living, by_name: None }
    }

    /// The number of a series that has this one in the older snapshot.
    fn of(&mut self, kind: SeriesKind, number: u32) -> u32 {
        if self.is_shared && self.living.binary_search(&(kind, number)).is_ok() {
            return number;
        }
        // A series that was forgotten and came back has another number.
        let newer = self.newer;
        let index = || kinds(newer).map(|(kind, name)| ((kind, newer.names.text(name)), name));
        let by_name = self.by_name.get_or_insert_with(|| index().collect());
        let name = self.older.names.text(number);
        match by_name.get(&(kind, name)) {
            Some(found) => *found,
            None if self.is_shared => number,
            None => self.names.push(name),
        }
    }

    /// The readings of both, in the order of their names.
    fn readings(
        &mut self,
        kind: SeriesKind,
        [older, newer]: [&[Reading]; 2],
        both: fn(f64, f64) -> f64,
    ) -> Vec<Reading> {
        let mut merged: Vec<_> = older
            .iter()
            .map(|&Reading { name, value }| Reading { name: self.of(kind, name), value })
            .collect();
        merged.extend_from_slice(newer);
        // Stable: the older one comes first.
        merged.sort_by_key(|reading| reading.name);
        merged.dedup_by(|newer, older| {
            let is_same = newer.name == older.name;
            if is_same {
                older.value = both(older.value, newer.value);
            }
            is_same
        });
        merged.shrink_to_fit();
        merged
    }

    /// The spans of both by their names, in the order of these.
    fn pairs(&mut self, older: &[Span], newer: &[Span]) -> Vec<(u32, [Option<Begun>; 2])> {
        let begun = |next: &mut usize, (place, span): (usize, &Span)| {
            Some(Begun { span: *span, start: replace(next, span.end), place })
        };
        let olds = older.iter().enumerate().scan(0, begun);
        let olds = olds.map(|old| (self.of(old.span.kind, old.span.name), [Some(old), None]));
        let mut pairs: Vec<_> = olds.collect();
        let news = newer.iter().enumerate().scan(0, begun);
        pairs.extend(news.map(|new| (new.span.name, [None, Some(new)])));
        // Stable: the older one comes first.
        pairs.sort_by_key(|(name, _)| *name);
        pairs.dedup_by(|(name, newer), (kept, older)| {
            let is_same = name == kept;
            if is_same {
                older[1] = newer[1];
            }
            is_same
        });
        pairs
    }
}

/// The kind of each series, and the number of its name.
fn kinds(snapshot: &Snapshot) -> impl Iterator<Item = (SeriesKind, u32)> {
    let Snapshot { counters, gauges, timers, sets, .. } = snapshot;
    let counters = counters.iter().map(|reading| (SeriesKind::Counter, reading.name));
    let gauges = gauges.iter().map(|reading| (SeriesKind::Gauge, reading.name));
    let spans = timers.iter().chain(sets).map(|span| (span.kind, span.name));
    counters.chain(gauges).chain(spans)
}

fn add(older: f64, newer: f64) -> f64 {
    sum::clamp(older + newer)
}

/// A span, where its things begin, and its place among the spans of its kind.
#[derive(Clone, Copy)]
struct Begun {
    span: Span,
    start: usize,
    place: usize,
}

/// The readings at a second of their own of both, each series and second once.
fn dated(older: &[DatedReading], newer: &[DatedReading]) -> Vec<DatedReading> {
    let mut merged = BTreeMap::new();
    for DatedReading { kind, name, second, value } in older.iter().chain(newer) {
        let held = merged.entry((*kind, name, *second));
        held.and_modify(|held| {
            *held = if *kind == SeriesKind::Counter { add(*held, *value) } else { *value };
        })
        .or_insert(*value);
    }
    merged
        .into_iter()
        .map(|((kind, name, second), value)| {
            let name = name.clone();
            DatedReading { kind, name, second, value }
        })
        .collect()
}

#[cfg(test)]
mod tests;
