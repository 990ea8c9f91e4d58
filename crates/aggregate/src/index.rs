//! Which slot a spelling belongs to, and where the slot's record of this interval stands.
//!
//! A table is keyed by the spelling: the kind of series and the name as it arrived, as a keyed
//! fingerprint. The first time a spelling is seen, the name is sanitised, and the spelling becomes
//! an alias of the slot of its series; from then on it is found in one look-up. The sanitised name
//! is an alias too, the canonical one, so that every other spelling finds the slot. Where it is no
//! spelling, as that of a series with tags, the first spelling is the canonical one, and
//! `homes.rs` leads to it.
//!
//! ```text
//! fingerprint --> alias { fingerprint, slot, interval, record }     32 bytes, two in a cache line
//!                            |          the alias knows where the record of this interval
//!                            v          stands, once it was used in it
//!                         slot { interval, record, aliases }        the same, if it has several
//! ```
//!
//! Aliases that were not used for some intervals expire, a few at a time; a slot goes with its
//! last alias. The number of aliases is bounded.
//!
//! When there are too many for the places, there are twice as many places at once, but the aliases
//! move a few at a time. So no sample waits for all of them.

mod homes;
mod places;
mod room;

use std::collections::HashMap;

use crate::Shed;
use homes::Homes;
use places::{Alias, Line, Places};
pub(crate) use room::Discarded;
use room::taken_max;

/// How many lines of places there are at first. Tests grow all the time.
const LINES_MIN: usize = if cfg!(test) { 2 } else { 512 };
/// Up to so many lines a quarter of the places is taken at most, then a half: a small table costs
/// nothing, and the sooner an alias is found the better.
const LINES_SMALL: usize = if cfg!(test) { 4 } else { 1 << 17 };
/// How many lines move with each new alias: all of them before the next growth.
const MOVE_LINES: usize = 4;
/// To look at a place for expiry costs about a sixteenth of moving a line.
const MOVE_SHARE: usize = 16;

/// Spellings, and the slots that they belong to.
#[derive(Debug)]
pub(crate) struct Index {
    /// Open addressing: an alias stands in the first line that is not full, from the one that its
    /// fingerprint names.
    places: Places,
    /// What is too small, as long as not all has moved from there.
    outgrown: Option<Outgrown>,
    /// What nothing is left in. To give it back to the system takes a while.
    discarded: Vec<Places>,
    count: usize,
    aliases_max: usize,
    /// The place where [`Index::sweep`] goes on.
    cursor: usize,
    homes: Homes,
    /// Of those series that have or had several aliases.
    shared: HashMap<u32, Slot>,
    slots: u32,
    slots_free: Vec<u32>,
}

#[derive(Debug)]
struct Outgrown {
    places: Places,
    /// The aliases of the lines before this one have moved; some others have too.
    next: usize,
}

/// What several aliases have in common.
#[derive(Clone, Copy, Debug)]
struct Slot {
    /// The interval in which it was last written.
    interval: u32,
    /// Where the record of that interval stands.
    record: u32,
    aliases: u32,
}

/// Where an alias stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Place {
    line: usize,
    at: usize,
}

/// What became of a spelling that was not known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Learned {
    /// A further spelling of a known series: that is known by this one in any case.
    Alias(u128),
    /// A new series.
    Series(u32),
    /// A new series that there is no room for.
    Refused(Shed),
}

impl Index {
    pub(crate) fn new(aliases_max: usize) -> Self {
        Self {
            places: Places::new(LINES_MIN),
            outgrown: None,
            discarded: Vec::new(),
            count: 0,
            aliases_max,
            cursor: 0,
            homes: Homes::default(),
            shared: HashMap::new(),
            slots: 0,
            slots_free: Vec::new(),
        }
    }

    /// Begins to fetch the place of a spelling.
    #[inline(always)]
    pub(crate) fn prefetch(&self, fingerprint: u128) {
        self.places.prefetch(fingerprint);
    }

    /// Where the record of a spelling stands, if it is found at once and its series has one in
    /// this interval; otherwise [`Index::use_record`] knows.
    #[inline(always)]
    pub(crate) fn record(&self, fingerprint: u128, interval: u32) -> Option<u32> {
        let line = self.places.line(fingerprint);
        let alias = match line.find(fingerprint) {
            Some(at) => &line.0[at],
            None => self.find_further(fingerprint)?,
        };
        (alias.interval == interval).then_some(alias.record)
    }

    #[inline(never)]
    fn find_further(&self, fingerprint: u128) -> Option<&Alias> {
        let Place { line, at } = find(&self.places, fingerprint)?;
        Some(&self.places[line].0[at])
    }

    /// Where the record of a known spelling stands, which is used now: the first time in an
    /// interval `new_record` is asked for one of the slot, unless another spelling did.
    pub(crate) fn use_record(
        &mut self,
        fingerprint: u128,
        interval: u32,
        new_record: impl FnOnce(u32) -> u32,
    ) -> Option<u32> {
        let Place { line, at } = self.find(fingerprint)?;
        let alias = &mut self.places[line].0[at];
        // A spelling without room for an alias comes this way each time, by the canonical one.
        if alias.interval == interval {
            return Some(alias.record);
        }
        let record = match alias.shared.then(|| self.shared.get_mut(&alias.slot)).flatten() {
            None => new_record(alias.slot),
            Some(slot) if slot.interval == interval => slot.record,
            Some(slot) => {
                (slot.interval, slot.record) = (interval, new_record(alias.slot));
                slot.record
            }
        };
        (alias.interval, alias.record) = (interval, record);
        alias.uses = alias.uses.saturating_add(1);
        Some(record)
    }

    /// Makes a spelling known that was not found, for the series whose canonical spelling has
    /// the other fingerprint. `before` is an interval that is over.
    ///
    /// Where there is no room for a further spelling of a known series, the series is found all
    /// the same. Whether there is memory for one more, `admit` is asked: it gets the bytes that are
    /// allocated for it.
    pub(crate) fn learn(
        &mut self,
        fingerprint: u128,
        canonical: u128,
        before: u32,
        admit: &mut dyn FnMut(usize) -> Option<Shed>,
    ) -> Learned {
        if let Some(place) = self.find(canonical) {
            if fingerprint != canonical {
                self.learn_further(fingerprint, place, before, admit);
            }
            return Learned::Alias(canonical);
        }
        if let Some(shed) = self.refusal(admit) {
            return Learned::Refused(shed);
        }
        let slot = self.new_slot();
        let place = self.add(canonical, slot, true, before);
        if fingerprint != canonical {
            self.learn_further(fingerprint, place, before, admit);
        }
        Learned::Series(slot)
    }

    /// Does the same for a series whose canonical fingerprint is that of no spelling.
    pub(crate) fn learn_homed(
        &mut self,
        fingerprint: u128,
        canonical: u128,
        before: u32,
        admit: &mut dyn FnMut(usize) -> Option<Shed>,
    ) -> Learned {
        let first = self.homes.find(canonical);
        let known = first.and_then(|first| Some((first, self.find(first)?)));
        if let Some((first, place)) = known {
            self.learn_further(fingerprint, place, before, admit);
            return Learned::Alias(first);
        }
        if let Some(shed) = self.refusal(admit) {
            return Learned::Refused(shed);
        }
        let slot = self.new_slot();
        self.add(fingerprint, slot, true, before);
        let Self { homes, places, outgrown, .. } = self;
        homes.insert(canonical, fingerprint, |first| {
            let outgrown = outgrown.as_ref().map(|outgrown| &outgrown.places);
            find(places, first).is_some()
                || outgrown.is_some_and(|places| find(places, first).is_some())
        });
        Learned::Series(slot)
    }

    /// Looks at up to `budget` places and forgets the aliases that were not used for `idle_max`
    /// intervals, those that were used in one interval alone for the first number of them; `retire`
    /// is told of each slot that goes with its last alias. While the index grows, moves aliases
    /// instead.
    pub(crate) fn sweep(
        &mut self,
        budget: usize,
        interval: u32,
        idle_max: [u32; 2],
        mut retire: impl FnMut(u32),
    ) {
        if self.outgrown.is_some() {
            return self.move_lines(budget.div_ceil(MOVE_SHARE));
        }
        let places = self.places.len() * Line::ALIASES;
        for _ in 0..budget.min(places) {
            let place =
                Place { line: self.cursor / Line::ALIASES, at: self.cursor % Line::ALIASES };
            match self.is_expired(self.alias(place), interval, idle_max) {
                // What moves into its place is looked at next.
                true => self.remove(place, &mut retire),
                false => self.cursor = (self.cursor + 1) % places,
            }
        }
    }

    fn is_expired(&self, alias: &Alias, interval: u32, idle_max: [u32; 2]) -> bool {
        let mut used = alias.interval;
        if alias.canonical
            && alias.shared
            && let Some(slot) = self.shared.get(&alias.slot)
        {
            // It stays as long as any other leads to its slot.
            if slot.aliases > 1 {
                return false;
            }
            used = slot.interval;
        }
        alias.fingerprint != 0
            && interval.wrapping_sub(used) > idle_max[usize::from(alias.uses > 1)]
    }

    fn alias(&self, Place { line, at }: Place) -> &Alias {
        &self.places[line].0[at]
    }

    /// Finds an alias. One that has not moved yet moves now.
    fn find(&mut self, fingerprint: u128) -> Option<Place> {
        find(&self.places, fingerprint).or_else(|| {
            let Outgrown { places, .. } = self.outgrown.as_ref()?;
            let Place { line, at } = find(places, fingerprint)?;
            Some(insert(&mut self.places, places[line].0[at]))
        })
    }

    /// Makes a further spelling of a known series known, if there is room for it.
    fn learn_further(
        &mut self,
        fingerprint: u128,
        canonical: Place,
        before: u32,
        admit: &mut dyn FnMut(usize) -> Option<Shed>,
    ) {
        if self.refusal(admit).is_none() {
            self.share(canonical);
            let slot = self.alias(canonical).slot;
            self.add(fingerprint, slot, false, before);
        }
    }

    fn new_slot(&mut self) -> u32 {
        self.slots_free.pop().unwrap_or_else(|| {
            self.slots += 1;
            self.slots - 1
        })
    }

    /// Why there is no room for one more.
    fn refusal(&self, admit: &mut dyn FnMut(usize) -> Option<Shed>) -> Option<Shed> {
        match self.count < self.aliases_max {
            true => admit(self.bytes() + self.growth()),
            false => Some(Shed::SeriesLimit),
        }
    }

    /// From now on the slot of this canonical alias knows the record.
    fn share(&mut self, Place { line, at }: Place) {
        let alias = &mut self.places[line].0[at];
        if !alias.shared {
            alias.shared = true;
            let Alias { slot, interval, record, .. } = *alias;
            self.shared.insert(slot, Slot { interval, record, aliases: 1 });
        }
    }

    fn add(&mut self, fingerprint: u128, slot: u32, canonical: bool, interval: u32) -> Place {
        self.move_lines(MOVE_LINES);
        self.count += 1;
        if self.count > taken_max(self.places.len()) {
            self.grow();
        }
        let shared = !canonical;
        let alias = Alias { fingerprint, slot, interval, record: 0, canonical, shared, uses: 0 };
        let place = insert(&mut self.places, alias);
        if let Some(slot) = shared.then(|| self.shared.get_mut(&slot)).flatten() {
            slot.aliases += 1;
        }
        place
    }

    fn grow(&mut self) {
        // All have moved, but for a table of a few lines.
        if let Some(outgrown) = &self.outgrown {
            self.move_lines(outgrown.places.len());
        }
        self.replace(self.places.len() * 2);
    }

    /// Begins to move to so many lines.
    fn replace(&mut self, lines: usize) {
        let places = std::mem::replace(&mut self.places, Places::new(lines));
        self.outgrown = Some(Outgrown { places, next: 0 });
        self.cursor = 0;
    }

    /// Moves the aliases of so many lines. As long as there are some to move none is removed, so
    /// what has moved before can be told.
    fn move_lines(&mut self, lines: usize) {
        let Some(Outgrown { places, next }) = &mut self.outgrown else { return };
        let end = places.len().min(*next + lines);
        let aliases = places[*next..end].iter().flat_map(|line| &line.0);
        for alias in aliases.filter(|alias| alias.fingerprint != 0) {
            if find(&self.places, alias.fingerprint).is_none() {
                insert(&mut self.places, *alias);
            }
        }
        *next = end;
        if end == places.len() {
            self.discarded.extend(self.outgrown.take().map(|outgrown| outgrown.places));
        }
    }

    /// Frees a place, and moves back what stands behind it, so that no search ends too early.
    fn remove(&mut self, place: Place, retire: &mut impl FnMut(u32)) {
        let Alias { slot, shared, .. } = *self.alias(place);
        remove(&mut self.places, place);
        self.count -= 1;
        if shared && let Some(state) = self.shared.get_mut(&slot) {
            state.aliases -= 1;
            if state.aliases > 0 {
                return;
            }
            self.shared.remove(&slot);
        }
        self.slots_free.push(slot);
        retire(slot);
    }
}

/// A search ends with a line that is not full.
fn find(places: &Places, fingerprint: u128) -> Option<Place> {
    let mut line = places.line_of(fingerprint);
    loop {
        if let Some(at) = places[line].find(fingerprint) {
            return Some(Place { line, at });
        }
        if !places[line].is_full() {
            return None;
        }
        line = places.next(line);
    }
}

fn insert(places: &mut Places, alias: Alias) -> Place {
    let mut line = places.line_of(alias.fingerprint);
    while places[line].is_full() {
        line = places.next(line);
    }
    let at = usize::from(places[line].0[0].fingerprint != 0);
    places[line].0[at] = alias;
    Place { line, at }
}

/// Frees a place, and moves back what would not be found any more.
fn remove(places: &mut Places, mut free: Place) {
    loop {
        let was_full = places[free.line].is_full();
        places[free.line].0[free.at] = Alias::default();
        // Otherwise no search went beyond it.
        let Some(moves) = was_full.then(|| behind(places, free.line)).flatten() else { return };
        places[free.line].0[free.at] = places[moves.line].0[moves.at];
        free = moves;
    }
}

/// The first alias behind a line whose search begins there or before.
fn behind(places: &Places, free: usize) -> Option<Place> {
    let mut line = free;
    loop {
        line = places.next(line);
        let may_move = |alias: &Alias| {
            let begin = places.line_of(alias.fingerprint);
            alias.fingerprint != 0 && places.distance(begin, line) >= places.distance(free, line)
        };
        if let Some(at) = places[line].0.iter().position(may_move) {
            return Some(Place { line, at });
        }
        if !places[line].is_full() {
            return None;
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
