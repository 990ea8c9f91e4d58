//! Which spelling of a series is known, for series whose name and tags are no spelling themselves.
//!
//! A series with tags, or one that a rule has named, has a canonical fingerprint that no sample
//! comes with. Were it an alias, each such series would take two. Instead it leads to the first
//! spelling, whose alias is the canonical one then.

use hashbrown::HashTable;

use crate::memory::table_bytes;

/// In how many tables the homes are, so that none of them takes long to grow.
const SHARDS: usize = 64;
/// A shard may hold so many homes that lead nowhere, besides as many as lead somewhere.
const STALE_MAX: usize = if cfg!(test) { 1 } else { 16 };

/// From canonical fingerprints to first spellings.
#[derive(Debug)]
pub(super) struct Homes {
    shards: Box<[HashTable<Home>; SHARDS]>,
    /// The memory of all shards.
    bytes: usize,
}

#[derive(Clone, Copy, Debug)]
struct Home {
    canonical: u128,
    first: u128,
}

impl Default for Homes {
    fn default() -> Self {
        Self { shards: Box::new([const { HashTable::new() }; SHARDS]), bytes: 0 }
    }
}

impl Homes {
    /// The first spelling of a series, if there was one. It may be forgotten meanwhile.
    pub(super) fn find(&self, canonical: u128) -> Option<u128> {
        let is = |home: &Home| home.canonical == canonical;
        self.shards[shard(canonical)].find(hash(canonical), is).map(|home| home.first)
    }

    /// Remembers the first spelling of a series, where it was not known or is forgotten. Of
    /// others `is_known` says whether they still are.
    pub(super) fn insert(&mut self, canonical: u128, first: u128, is_known: impl Fn(u128) -> bool) {
        let Self { shards, bytes } = self;
        let shard = &mut shards[shard(canonical)];
        let is = |home: &Home| home.canonical == canonical;
        if let Some(home) = shard.find_mut(hash(canonical), is) {
            home.first = first;
            return;
        }
        // All of them are looked at before the table would grow: often enough, and not too often.
        if shard.len() == shard.capacity() && shard.len() > STALE_MAX {
            shard.retain(|home| is_known(home.first));
            if shard.len() > shard.capacity() / 2 {
                let before = shard_bytes(shard);
                shard.reserve(shard.len(), |home| hash(home.canonical));
                *bytes = *bytes + shard_bytes(shard) - before;
            }
        }
        let before = shard_bytes(shard);
        shard
            .insert_unique(hash(canonical), Home { canonical, first }, |home| hash(home.canonical));
        *bytes = *bytes + shard_bytes(shard) - before;
    }

    /// Its memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        size_of_val(&*self.shards) + self.bytes
    }

    /// How much is allocated anew when one more does not fit into its shard: twice a shard.
    pub(super) fn growth(&self) -> usize {
        4 * self.bytes / SHARDS
    }

    /// Forgets those that lead nowhere, and gives back the memory that is left over.
    pub(super) fn trim(&mut self, is_known: impl Fn(u128) -> bool) {
        self.bytes = 0;
        for shard in &mut *self.shards {
            shard.retain(|home| is_known(home.first));
            if shard.capacity() > 4 * shard.len() + STALE_MAX {
                shard.shrink_to(shard.len(), |home| hash(home.canonical));
            }
            self.bytes += shard_bytes(shard);
        }
    }

    /// How many there are, those that lead nowhere among them.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.shards.iter().map(HashTable::len).sum()
    }
}

fn shard_bytes(shard: &HashTable<Home>) -> usize {
    table_bytes(shard.capacity(), size_of::<Home>())
}

#[expect(clippy::cast_possible_truncation, reason = "any bits of it will do")]
fn shard(canonical: u128) -> usize {
    (canonical >> 64) as usize % SHARDS
}

/// It is random already.
#[expect(clippy::cast_possible_truncation, reason = "any bits of it will do")]
fn hash(canonical: u128) -> u64 {
    canonical as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_first_spelling_is_found() {
        let mut homes = Homes::default();
        assert_eq!(homes.find(7), None);
        homes.insert(7, 1, |_| true);
        homes.insert(7 | 1 << 64, 2, |_| true);
        homes.insert(7, 3, |_| true);
        assert_eq!((homes.find(7), homes.find(7 | 1 << 64), homes.len()), (Some(3), Some(2), 2));
    }

    #[test]
    fn homes_that_lead_nowhere_do_not_gather() {
        let mut homes = Homes::default();
        for canonical in 0..100_000 {
            homes.insert(canonical, canonical, |first| first + 100 > canonical);
            assert_eq!(homes.find(canonical), Some(canonical));
        }
        assert!(homes.len() < 1_000, "{}", homes.len());
        assert_eq!((99_901..100_000).filter(|it| homes.find(*it).is_none()).count(), 0);
    }
}
