//! The series that workers hold: which slot of which worker is which series, and its name.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use super::totals::Totals;
use crate::SeriesKind;
use crate::index::place;
use crate::memory::{is_sparse, table_bytes, trim, vec_bytes};
use crate::part::{Changes, SlotChange};
use crate::snapshot::{Buried, Reading, Texts};

/// Names of series that nobody holds any more are kept until there are this many more of them
/// than of the others.
const DEAD_NAMES_MAX: usize = 10_000;

/// Stands for the name of a record whose series was deleted.
pub(super) const NO_NAME: u32 = u32::MAX;

/// Stands for the entry of a slot that has no series.
const NO_SERIES: u32 = u32::MAX;

/// Every series that a worker holds.
#[derive(Default)]
pub(super) struct Registry {
    /// Keyed at random, so that no sender can choose names that collide.
    hasher: RandomState,
    by_key: HashTable<u32>,
    entries: Vec<Option<Entry>>,
    entries_free: Vec<u32>,
    /// For each worker, the entry of each of its slots.
    slots: Vec<Vec<u32>>,
    names: Texts,
    /// Names that snapshots have, and nobody else.
    buried: Buried,
    /// How many series no worker holds.
    unheld: usize,
    /// Entries that may have to be forgotten at the end of the interval: a last worker has
    /// released them, and another may hold them again; or they were kept without one. What they
    /// have gathered in the interval is still theirs.
    released: Vec<u32>,
}

/// A series.
pub(super) struct Entry {
    /// The number of its name.
    pub(super) name: u32,
    /// Where its record of this interval stands, or that of an earlier interval stood.
    record: u32,
    /// How many workers hold the series.
    holders: u16,
    /// The number of its settings.
    pub(super) settings: u16,
    pub(super) kind: SeriesKind,
}

impl Entry {
    /// A series that a worker holds.
    pub(super) fn new(name: u32, kind: SeriesKind, settings: u16) -> Self {
        Self { name, record: u32::MAX, holders: 1, settings, kind }
    }

    /// Whether no worker holds it.
    pub(super) fn is_unheld(&self) -> bool {
        self.holders == 0
    }

    /// Its record of this interval, where it has one. `records` are those of its kind.
    pub(super) fn written<'r, R: Record>(&self, records: &'r [R]) -> Option<&'r R> {
        records.get(self.record as usize).filter(|record| record.name() == self.name)
    }

    /// The same, to be changed.
    pub(super) fn written_mut<'r, R: Record>(&self, records: &'r mut [R]) -> Option<&'r mut R> {
        records.get_mut(self.record as usize).filter(|record| record.name() == self.name)
    }
}

/// What an interval has brought to a series so far.
pub(super) trait Record {
    /// The number of the name of the series.
    fn name(&self) -> u32;
}

impl Record for Reading {
    fn name(&self) -> u32 {
        self.name
    }
}

impl Registry {
    /// Every name, the living among the dead.
    pub(super) fn names(&self) -> &Texts {
        &self.names
    }

    /// How many series there are; one that several workers hold counts once.
    pub(super) fn series_count(&self) -> usize {
        self.by_key.len()
    }

    /// How many of them no worker holds.
    pub(super) fn unheld(&self) -> usize {
        self.unheld
    }

    /// Its memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let Self { by_key, entries, entries_free, slots, names, buried, released, .. } = self;
        table_bytes(by_key.capacity(), size_of::<u32>())
            + vec_bytes(entries)
            + vec_bytes(entries_free)
            + slots.iter().map(vec_bytes).sum::<usize>()
            + names.bytes()
            + buried.bytes()
            + vec_bytes(released)
    }

    /// How many places there are for entries.
    pub(super) fn places(&self) -> usize {
        self.entries.len()
    }

    /// Every series, with the number of its place.
    pub(super) fn entries(&self) -> impl Iterator<Item = (u32, &Entry)> {
        (0..).zip(&self.entries).filter_map(|(index, entry)| Some((index, entry.as_ref()?)))
    }

    /// Learns which slots and which sources of a worker got or lost their series.
    pub(super) fn follow(&mut self, worker: usize, changes: &Changes, totals: &mut Totals) {
        if self.slots.len() <= worker {
            self.slots.resize_with(worker + 1, Vec::new);
        }
        for change in changes.iter() {
            match change {
                SlotChange::Cleared => {
                    for index in std::mem::take(&mut self.slots[worker]) {
                        self.release(index);
                    }
                    for held in totals.release_all(worker) {
                        self.release(held.entry);
                    }
                }
                SlotChange::Born { slot, kind, settings, name } => {
                    let index = self.hold(kind, settings, name);
                    let slots = &mut self.slots[worker];
                    if slots.len() <= slot as usize {
                        slots.resize(slot as usize + 1, NO_SERIES);
                    }
                    slots[slot as usize] = index;
                }
                SlotChange::Retired { slot } => {
                    let retired = &mut self.slots[worker][slot as usize];
                    let index = std::mem::replace(retired, NO_SERIES);
                    self.release(index);
                }
                SlotChange::SourceBorn { source, settings, name, series } => {
                    let entry = self.hold(SeriesKind::Counter, settings, series);
                    totals.hold(worker, source, name, entry);
                }
                SlotChange::SourceRetired { source } => {
                    if let Some(held) = totals.release(worker, source) {
                        self.release(held.entry);
                    }
                }
            }
        }
    }

    /// The entry of a slot's series.
    pub(super) fn entry_of(&self, worker: usize, slot: u32) -> u32 {
        self.slots[worker][slot as usize]
    }

    /// Where the record of a slot's series stands in `records`, which are those of its kind; the
    /// first write of an interval makes it.
    pub(super) fn record<R: Record>(
        &mut self,
        worker: usize,
        slot: u32,
        records: &mut Vec<R>,
        new: impl FnOnce(&Entry) -> R,
    ) -> u32 {
        self.record_of(self.slots[worker][slot as usize], records, new)
    }

    /// The same of the series of an entry.
    pub(super) fn record_of<R: Record>(
        &mut self,
        index: u32,
        records: &mut Vec<R>,
        new: impl FnOnce(&Entry) -> R,
    ) -> u32 {
        let entry = self.entries[index as usize].as_mut().expect("a written series is held");
        // What is left of an earlier interval leads nowhere, or to the record of another series.
        let left = records.get(entry.record as usize);
        if left.is_none_or(|record| record.name() != entry.name) {
            entry.record = u32::try_from(records.len()).expect("no more records than series");
            records.push(new(entry));
        }
        entry.record
    }

    /// These may have to be forgotten at the end of the interval.
    pub(super) fn expire(&mut self, entries: impl IntoIterator<Item = u32>) {
        self.released.extend(entries);
    }

    /// So may all that no worker holds.
    pub(super) fn release_kept(&mut self) {
        let unheld = (0..).zip(&self.entries);
        let unheld = unheld.filter(|(_, entry)| entry.as_ref().is_some_and(Entry::is_unheld));
        self.released.extend(unheld.map(|(index, _)| index));
    }

    /// Forgets the series that nobody holds and that are not kept; `bury` is told of each. No
    /// record may be left of the interval.
    pub(super) fn end_interval(
        &mut self,
        is_kept: impl Fn(usize) -> bool,
        mut bury: impl FnMut(u32, &[u8]),
    ) {
        while let Some(index) = self.released.pop() {
            let entry = &mut self.entries[index as usize];
            let is_dead = |entry: &mut Entry| entry.is_unheld() && !is_kept(index as usize);
            let Some(dead) = entry.take_if(is_dead) else { continue };
            self.unheld -= 1;
            bury(index, self.names.text(dead.name));
            let hash = self.hasher.hash_one((dead.kind as u8, self.names.text(dead.name)));
            if let Ok(found) = self.by_key.find_entry(hash, |&known| known == index) {
                found.remove();
            }
            self.entries_free.push(index);
        }
        if self.names.len() > 2 * self.series_count() + DEAD_NAMES_MAX {
            self.bury_dead_names();
        }
        if is_sparse(self.entries.len(), self.series_count()) {
            self.trim();
        }
    }

    /// Gives back the memory of many series that are gone. Those that stay keep their places, and
    /// so the memory before the last of them; those that came last are the first to go.
    fn trim(&mut self) {
        let Self { by_key, entries, entries_free, slots, released, hasher, names, .. } = self;
        let last = entries.iter().rposition(Option::is_some);
        let end = last.map_or(0, |last| last + 1);
        entries.truncate(end);
        trim(entries);
        entries_free.retain(|free| (*free as usize) < end);
        trim(entries_free);
        for slots in slots {
            let last = slots.iter().rposition(|entry| *entry != NO_SERIES);
            slots.truncate(last.map_or(0, |last| last + 1));
            trim(slots);
        }
        *released = Vec::new();
        if is_sparse(by_key.capacity(), by_key.len()) {
            by_key.shrink_to(by_key.len(), |&index| {
                let entry = entries[index as usize].as_ref();
                entry.map_or(0, |entry| hasher.hash_one((entry.kind as u8, names.text(entry.name))))
            });
        }
    }

    /// The entry of a series, which is made where nobody holds it.
    pub(super) fn restored(&mut self, kind: SeriesKind, name: &[u8]) -> u32 {
        let hash = self.hasher.hash_one((kind as u8, name));
        self.find(hash, kind, name).unwrap_or_else(|| {
            let index = self.hold(kind, 0, name);
            self.release(index);
            index
        })
    }

    fn find(&self, hash: u64, kind: SeriesKind, name: &[u8]) -> Option<u32> {
        let is_same = |&index: &u32| {
            let entry = self.entries[index as usize].as_ref();
            entry.is_some_and(|entry| entry.kind == kind && self.names.text(entry.name) == name)
        };
        self.by_key.find(hash, is_same).copied()
    }

    /// One more worker holds the series.
    fn hold(&mut self, kind: SeriesKind, settings: u16, name: &[u8]) -> u32 {
        let hash = self.hasher.hash_one((kind as u8, name));
        if let Some(index) = self.find(hash, kind, name) {
            if let Some(entry) = &mut self.entries[index as usize] {
                self.unheld -= usize::from(entry.is_unheld());
                entry.holders += 1;
                // Of several workers, the one that speaks last knows the newest rules.
                entry.settings = settings;
            }
            return index;
        }
        let name = self.names.push(name);
        let entry = Some(Entry::new(name, kind, settings));
        let index = place(&mut self.entries, &mut self.entries_free, entry);
        let (entries, names, hasher) = (&self.entries, &self.names, &self.hasher);
        self.by_key.insert_unique(hash, index, |&index| {
            let entry = entries[index as usize].as_ref();
            entry.map_or(0, |entry| hasher.hash_one((entry.kind as u8, names.text(entry.name))))
        });
        index
    }

    /// One worker less holds the series.
    fn release(&mut self, index: u32) {
        let Some(Some(entry)) = self.entries.get_mut(index as usize) else { return };
        entry.holders -= 1;
        if entry.is_unheld() {
            self.unheld += 1;
            self.released.push(index);
        }
    }

    /// Numbers the names of the living anew. Snapshots keep the old ones.
    fn bury_dead_names(&mut self) {
        let mut living = Texts::default();
        for entry in self.entries.iter_mut().flatten() {
            entry.name = living.push(self.names.text(entry.name));
        }
        self.buried.push(std::mem::replace(&mut self.names, living));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTER: SeriesKind = SeriesKind::Counter;

    /// Slots that get a series of these names.
    fn born(series: &[(u32, &str)]) -> Changes {
        let mut changes = Changes::default();
        series.iter().for_each(|(slot, name)| changes.born(*slot, COUNTER, 0, name.as_bytes()));
        changes
    }

    fn follow(registry: &mut Registry, worker: usize, changes: &Changes) {
        registry.follow(worker, changes, &mut Totals::default());
    }

    fn retired(slot: u32) -> Changes {
        let mut changes = Changes::default();
        changes.retired(slot);
        changes
    }

    fn names(registry: &Registry, records: &[Reading]) -> Vec<String> {
        let name = |record: &Reading| registry.names().text(record.name).to_vec();
        records.iter().map(|record| String::from_utf8(name(record)).unwrap()).collect()
    }

    fn new(entry: &Entry) -> Reading {
        Reading { name: entry.name, value: 0.0 }
    }

    #[test]
    fn the_slots_of_all_workers_lead_to_one_record_of_a_series() {
        let mut registry = Registry::default();
        follow(&mut registry, 0, &born(&[(0, "a"), (1, "b")]));
        follow(&mut registry, 1, &born(&[(7, "b")]));
        assert_eq!(registry.series_count(), 2);
        let mut records = Vec::new();
        assert_eq!(registry.record(1, 7, &mut records, new), 0);
        assert_eq!(registry.record(0, 0, &mut records, new), 1);
        assert_eq!(registry.record(0, 1, &mut records, new), 0);
        assert_eq!(names(&registry, &records), ["b", "a"]);
        // Of the next interval: where `b` stood before, `a` stands now.
        records.clear();
        assert_eq!(registry.record(0, 0, &mut records, new), 0);
        assert_eq!(registry.record(0, 1, &mut records, new), 1);
        assert_eq!(names(&registry, &records), ["a", "b"]);
    }

    #[test]
    fn a_series_of_the_interval_that_is_released_and_held_again_is_the_same() {
        let mut registry = Registry::default();
        follow(&mut registry, 0, &born(&[(0, "a")]));
        let mut records = Vec::new();
        registry.record(0, 0, &mut records, new);
        follow(&mut registry, 0, &retired(0));
        assert_eq!((registry.series_count(), registry.unheld()), (1, 1));
        follow(&mut registry, 1, &born(&[(5, "a")]));
        assert_eq!(registry.record(1, 5, &mut records, new), 0);
        registry.end_interval(|_| false, |_, _| ());
        assert_eq!((registry.series_count(), registry.unheld()), (1, 0));
        follow(&mut registry, 1, &retired(5));
        registry.end_interval(|_| false, |_, _| ());
        assert_eq!((registry.series_count(), registry.by_key.len()), (0, 0));
    }

    #[test]
    fn names_of_the_dead_are_buried_when_they_are_many() {
        let mut registry = Registry::default();
        follow(&mut registry, 0, &born(&[(0, "first"), (1, "second")]));
        for number in 0..2 * DEAD_NAMES_MAX {
            follow(&mut registry, 1, &born(&[(0, &number.to_string())]));
            follow(&mut registry, 1, &retired(0));
            registry.end_interval(|_| false, |_, _| ());
        }
        follow(&mut registry, 0, &retired(0));
        registry.end_interval(|_| false, |_, _| ());
        assert!(registry.names.len() <= DEAD_NAMES_MAX + 4);
        assert_eq!((registry.entries.len(), registry.by_key.len()), (3, 1));
        let mut records = Vec::new();
        registry.record(0, 1, &mut records, new);
        assert_eq!(names(&registry, &records), ["second"]);
        follow(&mut registry, 1, &born(&[(0, "second")]));
        assert_eq!(registry.series_count(), 1);
    }

    #[test]
    fn a_worker_that_begins_anew_has_let_go_of_what_it_held() {
        let mut registry = Registry::default();
        follow(&mut registry, 0, &born(&[(0, "a"), (1, "b"), (2, "c")]));
        follow(&mut registry, 0, &retired(1));
        follow(&mut registry, 1, &born(&[(0, "a")]));
        let mut records = Vec::new();
        registry.record(0, 0, &mut records, new);
        registry.record(0, 2, &mut records, new);
        let mut changes = Changes::default();
        changes.cleared();
        changes.born(0, COUNTER, 0, b"c");
        follow(&mut registry, 0, &changes);
        assert_eq!(registry.series_count() - registry.unheld(), 2);
        // Of the interval in which it began anew: the same record.
        assert_eq!(registry.record(0, 0, &mut records, new), 1);
        registry.end_interval(|_| false, |_, _| ());
        follow(&mut registry, 1, &retired(0));
        follow(&mut registry, 0, &retired(0));
        registry.end_interval(|_| false, |_, _| ());
        assert_eq!((registry.series_count(), registry.by_key.len()), (0, 0));
    }
}
