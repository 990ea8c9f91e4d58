//! Spellings whose samples go into no record: those that a rule drops, and those of counters
//! that are repeated as totals.
//!
//! They stand beside the index, so that a sample of any other spelling costs nothing for them.

use std::collections::HashMap;

use crate::memory::table_bytes;

/// How many dropped spellings are remembered; a power of two. Of those beyond it the rules are
/// asked again.
const DROPPED_MAX: usize = 1 << 15;

/// Spellings that a rule drops. Where two share a place the later one is remembered: however many
/// there are, they take no room from series that count.
#[derive(Debug, Default)]
pub(crate) struct Dropped(Box<[u128]>);

impl Dropped {
    pub(crate) fn contains(&self, fingerprint: u128) -> bool {
        !self.0.is_empty() && self.0[place(fingerprint)] == fingerprint
    }

    /// Its memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        size_of_val(&*self.0)
    }

    pub(crate) fn insert(&mut self, fingerprint: u128) {
        if self.0.is_empty() {
            self.0 = vec![0; DROPPED_MAX].into();
        }
        self.0[place(fingerprint)] = fingerprint;
    }
}

fn place(fingerprint: u128) -> usize {
    fingerprint as usize % DROPPED_MAX
}

/// Spellings of counters that are repeated as totals, each with a number that the merger knows.
#[derive(Debug)]
pub(crate) struct Sources {
    known: HashMap<u128, Source>,
    sources_max: usize,
    numbers: u32,
    numbers_free: Vec<u32>,
}

#[derive(Debug)]
struct Source {
    number: u32,
    /// The interval in which it was last used.
    interval: u32,
}

impl Sources {
    pub(crate) fn new(sources_max: usize) -> Self {
        Self { known: HashMap::new(), sources_max, numbers: 0, numbers_free: Vec::new() }
    }

    /// Its memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.table_bytes() + crate::memory::vec_bytes(&self.numbers_free)
    }

    /// How much is allocated for one more.
    pub(crate) fn growth(&self) -> usize {
        let is_full = self.known.len() == self.known.capacity();
        if is_full { 2 * self.table_bytes() } else { 0 }
    }

    fn table_bytes(&self) -> usize {
        table_bytes(self.known.capacity(), size_of::<(u128, Source)>())
    }

    /// The number of a known spelling, which is used now.
    pub(crate) fn find(&mut self, fingerprint: u128, interval: u32) -> Option<u32> {
        let source = self.known.get_mut(&fingerprint)?;
        source.interval = interval;
        Some(source.number)
    }

    /// Makes a spelling known that was not found, if there is room, and gives its number.
    pub(crate) fn learn(&mut self, fingerprint: u128, interval: u32) -> Option<u32> {
        if self.known.len() >= self.sources_max {
            return None;
        }
        let number = self.numbers_free.pop().unwrap_or_else(|| {
            self.numbers += 1;
            self.numbers - 1
        });
        self.known.insert(fingerprint, Source { number, interval });
        Some(number)
    }

    /// Forgets the spellings that were not used for `idle_max` intervals; `retire` is told of
    /// their numbers.
    pub(crate) fn sweep(&mut self, interval: u32, idle_max: u32, mut retire: impl FnMut(u32)) {
        let Self { known, numbers_free, .. } = self;
        for (_, source) in
            known.extract_if(|_, source| interval.wrapping_sub(source.interval) > idle_max)
        {
            numbers_free.push(source.number);
            retire(source.number);
        }
        if crate::memory::is_sparse(known.capacity(), known.len()) {
            known.shrink_to_fit();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_dropped_spellings_the_later_ones_are_remembered() {
        let mut dropped = Dropped::default();
        assert!(!dropped.contains(0) && !dropped.contains(7));
        dropped.insert(7);
        assert!(dropped.contains(7) && !dropped.contains(8));
        let other = 7 + DROPPED_MAX as u128;
        dropped.insert(other);
        assert!(dropped.contains(other) && !dropped.contains(7));
    }

    #[test]
    fn sources_have_numbers_of_their_own_and_are_forgotten() {
        let mut sources = Sources::new(2);
        assert_eq!([1, 2, 3].map(|it| sources.learn(it, 0)), [Some(0), Some(1), None]);
        assert_eq!([1, 2, 3].map(|it| sources.find(it, 0)), [Some(0), Some(1), None]);
        sources.find(2, 5);
        let mut retired = Vec::new();
        sources.sweep(60, 60, |number| retired.push(number));
        assert!(retired.is_empty());
        sources.sweep(61, 60, |number| retired.push(number));
        assert_eq!(retired, [0]);
        assert_eq!((sources.find(1, 61), sources.find(2, 61)), (None, Some(1)));
        assert_eq!(sources.learn(4, 61), Some(0));
    }
}
