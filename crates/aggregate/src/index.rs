//! Which slot a spelling belongs to.
//!
//! A table is keyed by the spelling: the kind of series and the name as it arrived. The first
//! time a spelling is seen, the name is sanitised, and the spelling becomes an alias of the slot
//! of its series; from then on it is found in one look-up. The sanitised name is an alias too,
//! the canonical one, so that every other spelling finds the slot.
//!
//! Aliases that were not used for some intervals expire, a few at a time; a slot goes with its
//! last alias. The number of aliases is bounded.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

use crate::SeriesKind;

/// Spellings, and the slots that they belong to.
pub(crate) struct Index {
    /// Keyed at random, so that no sender can choose names that collide.
    hasher: RandomState,
    by_spelling: HashTable<u32>,
    aliases: Vec<Option<Alias>>,
    aliases_free: Vec<u32>,
    aliases_max: usize,
    /// Where [`Index::sweep`] goes on.
    cursor: usize,
    slots: Vec<Slot>,
    slots_free: Vec<u32>,
}

struct Alias {
    kind: SeriesKind,
    spelling: Box<[u8]>,
    slot: u32,
    /// The interval in which it was last used.
    used: u32,
    canonical: bool,
}

/// A place for one series.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slot {
    /// The interval in which it was last written.
    pub(crate) written: u32,
    /// Where its record of that interval stands.
    pub(crate) record: u32,
    aliases: u32,
}

/// What became of a spelling that was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// A further spelling of a known series.
    Alias(u32),
    /// A new series.
    Series(u32),
    /// A new series that there is no room for.
    Refused,
}

impl Index {
    pub(crate) fn new(aliases_max: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            by_spelling: HashTable::new(),
            aliases: Vec::new(),
            aliases_free: Vec::new(),
            aliases_max,
            cursor: 0,
            slots: Vec::new(),
            slots_free: Vec::new(),
        }
    }

    /// The slot of a known spelling, which is marked as used in this interval.
    pub(crate) fn find(&mut self, kind: SeriesKind, spelling: &[u8], interval: u32) -> Option<u32> {
        let hash = self.hash(kind, spelling);
        let aliases = &mut self.aliases;
        let &index = self.by_spelling.find(hash, |&index| {
            aliases[index as usize].as_ref().is_some_and(|alias| alias.is(kind, spelling))
        })?;
        let alias = aliases[index as usize].as_mut()?;
        alias.used = interval;
        Some(alias.slot)
    }

    /// Makes a spelling known that [`Index::find`] did not find. Where there is no room for a
    /// further spelling of a known series, the slot is found all the same.
    pub(crate) fn learn(
        &mut self,
        kind: SeriesKind,
        spelling: &[u8],
        canonical: &[u8],
        interval: u32,
    ) -> Learned {
        if let Some(slot) = self.find(kind, canonical, interval) {
            if spelling != canonical && self.has_room() {
                self.insert(kind, spelling, slot, false, interval);
            }
            return Learned::Alias(slot);
        }
        if !self.has_room() {
            return Learned::Refused;
        }
        // Never written: the interval before any that can be current.
        let fresh = Slot { written: interval.wrapping_sub(1), record: 0, aliases: 0 };
        let slot = place(&mut self.slots, &mut self.slots_free, fresh);
        self.insert(kind, canonical, slot, true, interval);
        if spelling != canonical && self.has_room() {
            self.insert(kind, spelling, slot, false, interval);
        }
        Learned::Series(slot)
    }

    pub(crate) fn slot_mut(&mut self, slot: u32) -> &mut Slot {
        &mut self.slots[slot as usize]
    }

    /// Looks at up to `budget` aliases and forgets those that were not used for `idle_max`
    /// intervals; `retire` is told of each slot that goes with its last alias.
    pub(crate) fn sweep(
        &mut self,
        budget: usize,
        interval: u32,
        idle_max: u32,
        mut retire: impl FnMut(u32),
    ) {
        for _ in 0..budget.min(self.aliases.len()) {
            self.cursor = (self.cursor + 1) % self.aliases.len();
            let Some(alias) = &self.aliases[self.cursor] else { continue };
            let slot = self.slots[alias.slot as usize];
            // The canonical alias stays as long as any other leads to its slot.
            let (used, alone) = match alias.canonical {
                true => (slot.written, slot.aliases == 1),
                false => (alias.used, true),
            };
            if alone && interval.wrapping_sub(used) > idle_max {
                self.remove(self.cursor, &mut retire);
            }
        }
    }

    /// How many spellings are known.
    pub(crate) fn len(&self) -> usize {
        self.by_spelling.len()
    }

    fn remove(&mut self, index: usize, retire: &mut impl FnMut(u32)) {
        let Some(alias) = self.aliases[index].take() else { return };
        let hash = self.hash(alias.kind, &alias.spelling);
        let index = as_index(index);
        if let Ok(found) = self.by_spelling.find_entry(hash, |&other| other == index) {
            found.remove();
        }
        self.aliases_free.push(index);
        let slot = &mut self.slots[alias.slot as usize];
        slot.aliases -= 1;
        if slot.aliases == 0 {
            self.slots_free.push(alias.slot);
            retire(alias.slot);
        }
    }

    fn insert(&mut self, kind: SeriesKind, spelling: &[u8], slot: u32, canonical: bool, used: u32) {
        let hash = self.hash(kind, spelling);
        let alias = Alias { kind, spelling: spelling.into(), slot, used, canonical };
        let index = place(&mut self.aliases, &mut self.aliases_free, Some(alias));
        let (aliases, hasher) = (&self.aliases, &self.hasher);
        self.by_spelling.insert_unique(hash, index, |&index| {
            let alias = aliases[index as usize].as_ref();
            alias.map_or(0, |alias| hasher.hash_one((alias.kind as u8, &*alias.spelling)))
        });
        self.slots[slot as usize].aliases += 1;
    }

    fn has_room(&self) -> bool {
        self.len() < self.aliases_max
    }

    fn hash(&self, kind: SeriesKind, spelling: &[u8]) -> u64 {
        self.hasher.hash_one((kind as u8, spelling))
    }
}

impl Alias {
    fn is(&self, kind: SeriesKind, spelling: &[u8]) -> bool {
        self.kind == kind && *self.spelling == *spelling
    }
}

/// Puts a thing into a free place, or a new one at the end, and says where.
pub(crate) fn place<T>(places: &mut Vec<T>, free: &mut Vec<u32>, thing: T) -> u32 {
    if let Some(index) = free.pop() {
        places[index as usize] = thing;
        return index;
    }
    places.push(thing);
    as_index(places.len() - 1)
}

fn as_index(index: usize) -> u32 {
    u32::try_from(index).expect("limits keep every table below 2^32 places")
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTER: SeriesKind = SeriesKind::Counter;

    fn sweep_all(index: &mut Index, interval: u32, idle_max: u32) -> Vec<u32> {
        let mut retired = Vec::new();
        // Twice round, since a canonical alias goes after the others.
        index.sweep(index.aliases.len(), interval, idle_max, |slot| retired.push(slot));
        index.sweep(index.aliases.len(), interval, idle_max, |slot| retired.push(slot));
        retired
    }

    #[test]
    fn two_spellings_of_a_series_share_its_slot() {
        let mut index = Index::new(10);
        assert_eq!(index.learn(COUNTER, b"a b", b"ab", 1), Learned::Series(0));
        assert_eq!(index.learn(COUNTER, b"a!b", b"ab", 1), Learned::Alias(0));
        for spelling in [&b"a b"[..], b"a!b", b"ab"] {
            assert_eq!(index.find(COUNTER, spelling, 1), Some(0));
        }
        assert_eq!(index.find(SeriesKind::Gauge, b"ab", 1), None);
        assert_eq!(index.len(), 3);
    }

    #[test]
    fn without_room_a_known_series_is_found_and_a_new_one_refused() {
        let mut index = Index::new(1);
        assert_eq!(index.learn(COUNTER, b"a", b"a", 1), Learned::Series(0));
        assert_eq!(index.learn(COUNTER, b"a!", b"a", 1), Learned::Alias(0));
        assert_eq!(index.learn(COUNTER, b"b", b"b", 1), Learned::Refused);
        assert_eq!(index.len(), 1);
    }

    #[test]
    fn an_idle_slot_is_retired_and_its_place_used_again() {
        let mut index = Index::new(10);
        index.learn(COUNTER, b"a!", b"a", 1);
        index.slot_mut(0).written = 1;
        assert_eq!(sweep_all(&mut index, 3, 2), []);
        assert_eq!(sweep_all(&mut index, 4, 2), [0]);
        assert_eq!(index.len(), 0);
        assert_eq!(index.find(COUNTER, b"a", 4), None);
        assert_eq!(index.learn(COUNTER, b"b", b"b", 4), Learned::Series(0));
    }

    #[test]
    fn an_idle_spelling_of_a_busy_series_expires_alone() {
        let mut index = Index::new(10);
        index.learn(COUNTER, b"a!", b"a", 1);
        index.slot_mut(0).written = 9;
        assert_eq!(sweep_all(&mut index, 9, 2), []);
        assert_eq!(index.find(COUNTER, b"a!", 9), None);
        assert_eq!(index.find(COUNTER, b"a", 9), Some(0));
    }

    #[test]
    fn a_busy_spelling_keeps_the_canonical_one() {
        let mut index = Index::new(10);
        index.learn(COUNTER, b"a!", b"a", 1);
        index.find(COUNTER, b"a!", 9);
        assert_eq!(sweep_all(&mut index, 9, 2), []);
        assert_eq!(index.len(), 2);
    }
}
