//! The distinct members of the sets of one worker in one interval.

use std::hash::{BuildHasher as _, RandomState};

use hashbrown::HashTable;

/// Members, each of one record, in one arena: a known member costs no allocation, and neither
/// does a new one once the arena has grown to its usual size.
#[derive(Debug, Default)]
pub(crate) struct Members {
    hasher: RandomState,
    table: HashTable<Member>,
    arena: Vec<u8>,
}

#[derive(Clone, Copy, Debug)]
struct Member {
    record: u32,
    start: usize,
    bytes: usize,
}

impl Members {
    /// Adds a member to the set of `record` unless it is known. While `room` is false nothing
    /// new is added. Says whether the set now has the member.
    pub(crate) fn insert(&mut self, record: u32, member: &[u8], room: bool) -> bool {
        let hash = self.hasher.hash_one((record, member));
        let arena = &self.arena;
        let known = self.table.find(hash, |known| known.is(record, member, arena));
        if known.is_some() {
            return true;
        }
        if !room {
            return false;
        }
        let new = Member { record, start: self.arena.len(), bytes: member.len() };
        self.arena.extend_from_slice(member);
        let (arena, hasher) = (&self.arena, &self.hasher);
        self.table
            .insert_unique(hash, new, |known| hasher.hash_one((known.record, known.text(arena))));
        true
    }

    /// Each member with its record, in no order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        self.table.iter().map(|member| (member.record, member.text(&self.arena)))
    }

    pub(crate) fn len(&self) -> usize {
        self.table.len()
    }

    pub(crate) fn clear(&mut self) {
        self.table.clear();
        self.arena.clear();
    }
}

impl Member {
    fn text<'a>(&self, arena: &'a [u8]) -> &'a [u8] {
        &arena[self.start..self.start + self.bytes]
    }

    fn is(&self, record: u32, member: &[u8], arena: &[u8]) -> bool {
        self.record == record && self.text(arena) == member
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_is_kept_once_for_each_record() {
        let mut members = Members::default();
        for (record, member) in [(0, "ab"), (0, "a"), (0, "ab"), (1, "ab")] {
            assert!(members.insert(record, member.as_bytes(), true));
        }
        let mut all: Vec<_> = members.iter().collect();
        all.sort_unstable();
        assert_eq!(all, [(0, &b"a"[..]), (0, b"ab"), (1, b"ab")]);
        members.clear();
        assert_eq!((members.len(), members.iter().count()), (0, 0));
    }

    #[test]
    fn without_room_a_known_member_counts_and_a_new_one_does_not() {
        let mut members = Members::default();
        members.insert(0, b"a", true);
        assert!(members.insert(0, b"a", false));
        assert!(!members.insert(0, b"b", false));
        assert_eq!(members.len(), 1);
    }
}
