//! Merges the parts of all workers by key.

use std::collections::HashMap;
use std::sync::Arc;

use crate::gauge::Gauge;
use crate::index::place;
use crate::part::{Change, Counter, Part};
use crate::{Key, OwnPoint, Series, Snapshot, State, Window, sum};

/// The registry of the series that workers hold, and what the current interval brought to them.
///
/// Merging is commutative and associative: exactly for counts, gauges, sets and the values of
/// timers, within rounding for sums of fractions.
#[derive(Default)]
pub struct Merger {
    by_key: HashMap<Arc<Key>, u32>,
    entries: Vec<Option<Entry>>,
    entries_free: Vec<u32>,
    /// For each worker, the entry of each of its slots.
    slots: Vec<Vec<u32>>,
    /// The entries that this interval wrote, in the order of their first write.
    written: Vec<u32>,
    /// Room for the entries of the records of one part.
    route: Vec<u32>,
}

struct Entry {
    key: Arc<Key>,
    /// How many workers hold the series.
    holders: usize,
    gathered: Option<Gathered>,
}

/// What an interval has brought to a series so far.
enum Gathered {
    Counter(Counter),
    Gauge(Gauge),
    /// With repetitions, where several workers saw a member.
    Set(Vec<Box<[u8]>>),
    /// As they came.
    Timer(Vec<f64>),
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
        self.follow_changes(worker, part.changes.drain(..));
        let mut samples = 0;
        for record in &part.counters {
            samples += record.value.samples;
            let Gathered::Counter(counter) =
                self.gathered(worker, record.slot, || Gathered::Counter(Counter::default()))
            else {
                unreachable!("a slot has one kind")
            };
            let overflow;
            (counter.sum, overflow) = sum::saturating(counter.sum, record.value.sum);
            part.counts.overflows += u64::from(overflow);
        }
        for record in &part.gauges {
            samples += u64::from(record.value.samples);
            let Gathered::Gauge(gauge) =
                self.gathered(worker, record.slot, || Gathered::Gauge(Gauge::default()))
            else {
                unreachable!("a slot has one kind")
            };
            gauge.merge(&record.value);
        }
        samples += self.add_timers(worker, part) + self.add_sets(worker, part);
        part.counts.samples_aggregated += samples;
    }

    /// Closes the interval.
    pub fn finish(&mut self, window: Window, own: Vec<OwnPoint>) -> Snapshot {
        let mut series = Vec::with_capacity(self.written.len());
        let mut written = std::mem::take(&mut self.written);
        for index in written.drain(..) {
            let Some(entry) = self.entries[index as usize].as_mut() else { continue };
            let Some(gathered) = entry.gathered.take() else { continue };
            if let Some(state) = gathered.close() {
                series.push(Series { key: Arc::clone(&entry.key), state });
            }
            if entry.holders == 0 {
                self.forget(index);
            }
        }
        self.written = written;
        Snapshot { window, series, own }
    }

    /// How many series the workers hold; one that several of them hold counts once.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.by_key.len()
    }

    fn add_timers(&mut self, worker: usize, part: &Part) -> u64 {
        self.route.clear();
        let mut samples = 0;
        for record in &part.timers {
            samples += record.value;
            self.gathered(worker, record.slot, || Gathered::Timer(Vec::new()));
            self.route.push(self.slots[worker][record.slot as usize]);
        }
        for &(record, value) in &part.values {
            let entry = &mut self.entries[self.route[record as usize] as usize];
            if let Some(Entry { gathered: Some(Gathered::Timer(values)), .. }) = entry {
                values.push(value);
            }
        }
        samples
    }

    fn add_sets(&mut self, worker: usize, part: &Part) -> u64 {
        self.route.clear();
        let mut samples = 0;
        for record in &part.sets {
            samples += record.value;
            self.gathered(worker, record.slot, || Gathered::Set(Vec::new()));
            self.route.push(self.slots[worker][record.slot as usize]);
        }
        for (record, member) in part.members.iter() {
            let entry = &mut self.entries[self.route[record as usize] as usize];
            if let Some(Entry { gathered: Some(Gathered::Set(members)), .. }) = entry {
                members.push(member.into());
            }
        }
        samples
    }

    fn follow_changes(&mut self, worker: usize, changes: impl Iterator<Item = Change>) {
        if self.slots.len() <= worker {
            self.slots.resize_with(worker + 1, Vec::new);
        }
        for change in changes {
            match change {
                Change::Born(slot, key) => {
                    let index = self.hold(key);
                    let slots = &mut self.slots[worker];
                    if slots.len() <= slot as usize {
                        slots.resize(slot as usize + 1, u32::MAX);
                    }
                    slots[slot as usize] = index;
                }
                Change::Retired(slot) => self.release(self.slots[worker][slot as usize]),
            }
        }
    }

    /// One more worker holds the series.
    fn hold(&mut self, key: Key) -> u32 {
        if let Some(&index) = self.by_key.get(&key) {
            if let Some(entry) = &mut self.entries[index as usize] {
                entry.holders += 1;
            }
            return index;
        }
        let key = Arc::new(key);
        let entry = Entry { key: Arc::clone(&key), holders: 1, gathered: None };
        let index = place(&mut self.entries, &mut self.entries_free, Some(entry));
        self.by_key.insert(key, index);
        index
    }

    /// One worker less holds the series.
    fn release(&mut self, index: u32) {
        let Some(entry) = &mut self.entries[index as usize] else { return };
        entry.holders -= 1;
        // What another worker has brought already is still to be flushed.
        if entry.holders == 0 && entry.gathered.is_none() {
            self.forget(index);
        }
    }

    fn forget(&mut self, index: u32) {
        if let Some(entry) = self.entries[index as usize].take() {
            self.by_key.remove(&entry.key);
            self.entries_free.push(index);
        }
    }

    fn gathered(
        &mut self,
        worker: usize,
        slot: u32,
        new: impl FnOnce() -> Gathered,
    ) -> &mut Gathered {
        let index = self.slots[worker][slot as usize];
        let entry = self.entries[index as usize].as_mut().expect("a written series is held");
        if entry.gathered.is_none() {
            self.written.push(index);
        }
        entry.gathered.get_or_insert_with(new)
    }
}

impl Gathered {
    fn close(self) -> Option<State> {
        match self {
            Self::Counter(counter) => Some(State::Counter(counter.sum)),
            // Gauges of this dialect vanish with their interval, so there is none before it.
            Self::Gauge(gauge) => Some(State::Gauge(gauge.resolve(0.0))),
            Self::Set(mut members) => {
                members.sort_unstable();
                members.dedup();
                (!members.is_empty()).then_some(State::Set(members))
            }
            Self::Timer(mut values) => {
                // Stable and by value, so that 0 and -0 stay as they came, as in the original.
                values.sort_by(|left, right| left.partial_cmp(right).expect("values are finite"));
                Some(State::Timer(values))
            }
        }
    }
}
