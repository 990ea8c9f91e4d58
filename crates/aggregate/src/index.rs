//! Which slot a spelling belongs to, and where the slot's record of this interval stands.
//!
//! A table is keyed by the spelling: the kind of series and the name as it arrived, as a keyed
//! fingerprint. The first time a spelling is seen, the name is sanitised, and the spelling becomes
//! an alias of the slot of its series; from then on it is found in one look-up. The sanitised name
//! is an alias too, the canonical one, so that every other spelling finds the slot.
//!
//! ```text
//! fingerprint --> alias { fingerprint, slot, interval, record }     32 bytes, open addressing
//!                            |          the alias knows where the record of this interval
//!                            v          stands, once it was used in it
//!                         slot { interval, record, aliases }        the same, for all aliases
//! ```
//!
//! Aliases that were not used for some intervals expire, a few at a time; a slot goes with its
//! last alias. The number of aliases is bounded.

use crate::prefetch::prefetch;

/// How many places there are at first; always a power of two. Tests grow all the time.
const PLACES_MIN: usize = if cfg!(test) { 4 } else { 1_024 };

/// Spellings, and the slots that they belong to.
pub(crate) struct Index {
    /// Open addressing with linear probing: an alias stands at the first free place from the one
    /// that its fingerprint names. At most half of the places are taken.
    places: Box<[Alias]>,
    count: usize,
    aliases_max: usize,
    /// Where [`Index::sweep`] goes on.
    cursor: usize,
    slots: Vec<Slot>,
    slots_free: Vec<u32>,
}

/// A place for an alias.
#[derive(Clone, Copy, Debug, Default)]
struct Alias {
    /// 0 where the place is free.
    fingerprint: u128,
    slot: u32,
    /// The interval in which it was last used.
    interval: u32,
    /// Where the record of that interval stands.
    record: u32,
    canonical: bool,
    /// Whether other spellings lead to the slot too, or have done so. As long as there is but
    /// the canonical one, it alone knows the record, and the slot need not be fetched.
    shared: bool,
}

/// A place for one series. What it says of an interval holds once it has several aliases.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The interval in which it was last written.
    interval: u32,
    /// Where the record of that interval stands.
    record: u32,
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
            places: vec![Alias::default(); PLACES_MIN].into(),
            count: 0,
            aliases_max,
            cursor: 0,
            slots: Vec::new(),
            slots_free: Vec::new(),
        }
    }

    /// Begins to fetch the place of a spelling.
    #[inline]
    pub(crate) fn prefetch(&self, fingerprint: u128) {
        prefetch(&self.places, self.place(fingerprint));
    }

    /// Where the record of a known spelling stands, if its series has one in this interval.
    #[inline]
    pub(crate) fn record(&self, fingerprint: u128, interval: u32) -> Option<u32> {
        let alias = &self.places[self.find(fingerprint)?];
        (alias.interval == interval).then_some(alias.record)
    }

    /// Where the record of a known spelling stands, which is used now: the first time in an
    /// interval `new_record` is asked for one of the slot, unless another spelling did.
    pub(crate) fn use_record(
        &mut self,
        fingerprint: u128,
        interval: u32,
        new_record: impl FnOnce(u32) -> u32,
    ) -> Option<u32> {
        let place = self.find(fingerprint)?;
        let alias = &mut self.places[place];
        // A spelling without room for an alias comes this way each time, by the canonical one.
        if alias.interval == interval {
            return Some(alias.record);
        }
        if !alias.shared {
            (alias.interval, alias.record) = (interval, new_record(alias.slot));
            return Some(alias.record);
        }
        let slot = &mut self.slots[alias.slot as usize];
        if slot.interval != interval {
            slot.interval = interval;
            slot.record = new_record(alias.slot);
        }
        (alias.interval, alias.record) = (interval, slot.record);
        Some(slot.record)
    }

    /// Makes a spelling known that was not found, for the series whose canonical spelling has
    /// the other fingerprint. `before` is an interval that is over.
    ///
    /// Where there is no room for a further spelling of a known series, the series is found all
    /// the same.
    pub(crate) fn learn(&mut self, fingerprint: u128, canonical: u128, before: u32) -> Learned {
        if let Some(place) = self.find(canonical) {
            let slot = self.places[place].slot;
            if fingerprint != canonical && self.has_room() {
                self.share(place);
                self.add(fingerprint, slot, false, before);
            }
            return Learned::Alias(slot);
        }
        if !self.has_room() {
            return Learned::Refused;
        }
        let fresh = Slot { interval: before, record: 0, aliases: 0 };
        let slot = place(&mut self.slots, &mut self.slots_free, fresh);
        self.add(canonical, slot, true, before);
        // Found now, it learns the other spelling.
        self.learn(fingerprint, canonical, before);
        Learned::Series(slot)
    }

    /// Looks at up to `budget` places and forgets the aliases that were not used for `idle_max`
    /// intervals; `retire` is told of each slot that goes with its last alias.
    pub(crate) fn sweep(
        &mut self,
        budget: usize,
        interval: u32,
        idle_max: u32,
        mut retire: impl FnMut(u32),
    ) {
        for _ in 0..budget.min(self.places.len()) {
            let alias = self.places[self.cursor];
            let expired = alias.fingerprint != 0 && {
                // The canonical alias stays as long as any other leads to its slot.
                let (used, alone) = match alias.canonical && alias.shared {
                    true => {
                        let slot = self.slots[alias.slot as usize];
                        (slot.interval, slot.aliases == 1)
                    }
                    false => (alias.interval, true),
                };
                alone && interval.wrapping_sub(used) > idle_max
            };
            match expired {
                // What moves into its place is looked at next.
                true => self.remove(self.cursor, &mut retire),
                false => self.cursor = (self.cursor + 1) & (self.places.len() - 1),
            }
        }
    }

    #[inline]
    fn place(&self, fingerprint: u128) -> usize {
        fingerprint as usize & (self.places.len() - 1)
    }

    #[inline]
    fn find(&self, fingerprint: u128) -> Option<usize> {
        let mut place = self.place(fingerprint);
        loop {
            match self.places[place].fingerprint {
                found if found == fingerprint => return Some(place),
                0 => return None,
                _ => place = (place + 1) & (self.places.len() - 1),
            }
        }
    }

    fn has_room(&self) -> bool {
        self.count < self.aliases_max
    }

    /// From now on the slot of this canonical alias knows the record.
    fn share(&mut self, place: usize) {
        let alias = &mut self.places[place];
        if !alias.shared {
            alias.shared = true;
            let slot = &mut self.slots[alias.slot as usize];
            (slot.interval, slot.record) = (alias.interval, alias.record);
        }
    }

    fn add(&mut self, fingerprint: u128, slot: u32, canonical: bool, interval: u32) {
        if (self.count + 1) * 2 > self.places.len() {
            self.grow();
        }
        self.insert(Alias {
            fingerprint,
            slot,
            interval,
            record: 0,
            canonical,
            shared: !canonical,
        });
        self.count += 1;
        self.slots[slot as usize].aliases += 1;
    }

    fn grow(&mut self) {
        let twice = vec![Alias::default(); self.places.len() * 2].into();
        let before = std::mem::replace(&mut self.places, twice);
        for alias in before.into_iter().filter(|alias| alias.fingerprint != 0) {
            self.insert(alias);
        }
        self.cursor = 0;
    }

    fn insert(&mut self, alias: Alias) {
        let mut place = self.place(alias.fingerprint);
        while self.places[place].fingerprint != 0 {
            place = (place + 1) & (self.places.len() - 1);
        }
        self.places[place] = alias;
    }

    /// Frees a place, and moves back what stands behind it, so that no search ends too early.
    fn remove(&mut self, place: usize, retire: &mut impl FnMut(u32)) {
        let slot = self.places[place].slot;
        let mask = self.places.len() - 1;
        let (mut free, mut next) = (place, (place + 1) & mask);
        while self.places[next].fingerprint != 0 {
            let home = self.place(self.places[next].fingerprint);
            // It may move unless its search begins behind the free place.
            if next.wrapping_sub(home) & mask >= next.wrapping_sub(free) & mask {
                self.places[free] = self.places[next];
                free = next;
            }
            next = (next + 1) & mask;
        }
        self.places[free] = Alias::default();
        self.count -= 1;
        let state = &mut self.slots[slot as usize];
        state.aliases -= 1;
        if state.aliases == 0 {
            self.slots_free.push(slot);
            retire(slot);
        }
    }
}

/// Puts a thing into a free place, or a new one at the end, and says where.
pub(crate) fn place<T>(places: &mut Vec<T>, free: &mut Vec<u32>, thing: T) -> u32 {
    if let Some(index) = free.pop() {
        places[index as usize] = thing;
        return index;
    }
    places.push(thing);
    u32::try_from(places.len() - 1).expect("limits keep every table below 2^32 places")
}

#[cfg(test)]
mod tests;
