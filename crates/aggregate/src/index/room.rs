//! The memory of an index: how much it is, how much more it would be, and how it becomes less.

use super::places::{Line, Places};
use super::{Index, LINES_MIN, LINES_SMALL, Slot, find};
use crate::memory::{table_bytes, vec_bytes};

/// Memory that an index has outgrown, or a whole index. To drop it takes a while.
#[derive(Debug, Default)]
pub(crate) struct Discarded {
    places: Vec<Places>,
    index: Option<Box<Index>>,
}

impl Discarded {
    /// How much memory it is.
    pub(crate) fn bytes(&self) -> usize {
        let index = self.index.as_ref().map_or(0, |index| index.bytes());
        self.places.iter().map(Places::bytes).sum::<usize>() + index
    }
}

impl Index {
    /// Takes out the memory that the index has outgrown.
    pub(crate) fn take_discarded(&mut self) -> Discarded {
        Discarded { places: std::mem::take(&mut self.discarded), index: None }
    }

    /// All of its memory.
    pub(crate) fn discard(self) -> Discarded {
        Discarded { places: Vec::new(), index: Some(Box::new(self)) }
    }

    /// Its memory, in bytes: all that is allocated.
    pub(crate) fn bytes(&self) -> usize {
        let Self { places, outgrown, discarded, homes, shared, slots_free, .. } = self;
        let outgrown = outgrown.iter().map(|outgrown| &outgrown.places);
        let others: usize = outgrown.chain(discarded).map(Places::bytes).sum();
        let shared = table_bytes(shared.capacity(), size_of::<(u32, Slot)>());
        places.bytes() + others + homes.bytes() + shared + vec_bytes(slots_free)
    }

    /// How many places there are for a sweep to look at, or to move from.
    pub(crate) fn places(&self) -> usize {
        let outgrown = self.outgrown.as_ref().map_or(0, |outgrown| outgrown.places.len());
        self.places.len().max(outgrown) * Line::ALIASES
    }

    /// Begins to move into less memory where most of it is free; the rest is done with the next
    /// sweeps.
    pub(crate) fn shrink(&mut self) {
        let lines = self.places.len();
        if self.outgrown.is_some() || lines == LINES_MIN || self.count > taken_max(lines) / 4 {
            return;
        }
        let mut fewer = LINES_MIN;
        while taken_max(fewer) < 2 * self.count {
            fewer *= 2;
        }
        if fewer == lines {
            return;
        }
        self.replace(fewer);
        let (places, outgrown) = (&self.places, self.outgrown.as_ref());
        let places = [Some(places), outgrown.map(|outgrown| &outgrown.places)];
        let is_known = |first| places.into_iter().flatten().any(|in_| find(in_, first).is_some());
        self.homes.trim(is_known);
        self.shared.shrink_to_fit();
        // The highest slots were the last to be needed, so those that go are among them.
        self.slots_free.sort_unstable();
        while self.slots_free.last().is_some_and(|last| last + 1 == self.slots) {
            self.slots_free.pop();
            self.slots -= 1;
        }
        self.slots_free.shrink_to_fit();
    }

    /// How much is allocated for one more.
    pub(super) fn growth(&self) -> usize {
        let lines = self.places.len();
        let places = if self.count < taken_max(lines) { 0 } else { Places::bytes_of(2 * lines) };
        let shared = &self.shared;
        let is_full = shared.len() == shared.capacity();
        let shared =
            if is_full { 2 * table_bytes(shared.capacity(), size_of::<(u32, Slot)>()) } else { 0 };
        places + shared + self.homes.growth()
    }
}

/// How many places of so many lines may be taken.
pub(super) fn taken_max(lines: usize) -> usize {
    match lines {
        ..=LINES_SMALL => lines * Line::ALIASES / 4,
        lines => lines * Line::ALIASES / 2,
    }
}
