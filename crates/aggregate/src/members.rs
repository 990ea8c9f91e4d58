//! The distinct members of the sets of one worker in one interval.

use crate::memory::{self, clear_large, large_growth, reserve_large, vec_bytes};
use crate::prefetch::prefetch;

/// How many places there are for fingerprints at first; always a power of two.
const PLACES_MIN: usize = 64;

/// Members, each of one record, in one text: a known member costs no allocation, and neither does
/// a new one once there is as much room as usual.
///
/// A member is known by the fingerprint of its text and its record; so no text has to be compared
/// or fetched.
#[derive(Debug, Default)]
pub(crate) struct Members {
    /// Open addressing with linear probing; 0 where a place is free. At most half are taken.
    places: Vec<u128>,
    /// The record of each member, and where its text ends; it begins where the one before ends.
    members: Vec<(u32, usize)>,
    text: Vec<u8>,
}

/// What became of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Insertion {
    /// It was there.
    Known,
    /// It is there now.
    New,
    /// It is not there.
    Refused,
}

impl Members {
    /// Begins to fetch the place of a member.
    #[inline]
    pub(crate) fn prefetch(&self, fingerprint: u128) {
        prefetch(&self.places, self.place(fingerprint));
    }

    /// Adds a member to the set of `record` unless it is known. While `room` is false nothing
    /// new is added.
    ///
    /// The fingerprint is that of both, and not 0.
    pub(crate) fn insert(
        &mut self,
        fingerprint: u128,
        record: u32,
        member: &[u8],
        room: bool,
    ) -> Insertion {
        let place = match self.find(fingerprint) {
            Ok(()) => return Insertion::Known,
            Err(_) if !room => return Insertion::Refused,
            Err(_) if self.members.len() * 2 >= self.places.len() => {
                self.grow();
                let free = self.find(fingerprint);
                free.expect_err("it is still new")
            }
            Err(free) => free,
        };
        self.places[place] = fingerprint;
        self.text.extend_from_slice(member);
        self.members.push((record, self.text.len()));
        Insertion::New
    }

    /// Each member with its record, in the order in which they came.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u32, &[u8])> {
        let mut start = 0;
        self.members.iter().map(move |&(record, end)| {
            let text = &self.text[start..end];
            start = end;
            (record, text)
        })
    }

    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    /// The memory of all, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        vec_bytes(&self.places) + vec_bytes(&self.members) + vec_bytes(&self.text)
    }

    /// The bytes of their texts.
    pub(crate) fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// How much is allocated for so many members more, of so many bytes together.
    pub(crate) fn growth(&self, more: usize, text: usize) -> usize {
        let places = match (self.members.len() + more) * 2 > self.places.len() {
            true => 4 * (self.members.len() + more).next_power_of_two() * size_of::<u128>(),
            false => 0,
        };
        places + large_growth(&self.members, more) + large_growth(&self.text, text)
    }

    /// Makes room for so many members more, of so many bytes together.
    pub(crate) fn reserve(&mut self, more: usize, text: usize) {
        reserve_large(&mut self.members, more);
        reserve_large(&mut self.text, text);
    }

    /// Removes all, and keeps the room that they had a use for, or none.
    pub(crate) fn clear(&mut self, keeps_room: bool) {
        let Self { places, members, text } = self;
        if !keeps_room || memory::is_sparse(places.len(), 2 * members.len()) {
            *places = Vec::new();
        } else if !members.is_empty() {
            places.fill(0);
        }
        clear_large(members, keeps_room);
        clear_large(text, keeps_room);
    }

    #[inline]
    fn place(&self, fingerprint: u128) -> usize {
        fingerprint as usize & self.places.len().wrapping_sub(1)
    }

    /// Whether a fingerprint is there; otherwise a free place for it.
    fn find(&self, fingerprint: u128) -> Result<(), usize> {
        let mut place = self.place(fingerprint);
        loop {
            match self.places.get(place) {
                Some(&found) if found == fingerprint => return Ok(()),
                None | Some(0) => return Err(place),
                _ => place = (place + 1) & (self.places.len() - 1),
            }
        }
    }

    fn grow(&mut self) {
        let twice = PLACES_MIN.max(self.places.len() * 2);
        let before = std::mem::replace(&mut self.places, vec![0; twice]);
        for fingerprint in before.into_iter().filter(|&fingerprint| fingerprint != 0) {
            if let Err(free) = self.find(fingerprint) {
                self.places[free] = fingerprint;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn a_member_is_kept_once() {
        let mut members = Members::default();
        let mut expected = BTreeSet::new();
        for round in 0..2 {
            // Many want the same places, and the table grows.
            for number in (0..1_000_u32).chain(0..1_000) {
                let fingerprint = u128::from(number / 3 + 1) | u128::from(number) << 64;
                let text = number.to_string();
                members.prefetch(fingerprint);
                let inserted = members.insert(fingerprint, number % 7, text.as_bytes(), true);
                assert_ne!(inserted, Insertion::Refused);
                expected.insert((number % 7, text.into_bytes()));
            }
            let all: Vec<_> =
                members.iter().map(|(record, text)| (record, text.to_vec())).collect();
            assert_eq!(all.len(), 1_000, "round {round}");
            assert_eq!(BTreeSet::from_iter(all), expected);
            members.clear(true);
            assert_eq!((members.len(), members.iter().count()), (0, 0));
        }
    }

    #[test]
    fn without_room_a_known_member_counts_and_a_new_one_does_not() {
        let mut members = Members::default();
        assert_eq!(members.insert(1, 0, b"a", false), Insertion::Refused);
        assert_eq!(members.insert(1, 0, b"a", true), Insertion::New);
        assert_eq!(members.insert(1, 0, b"a", false), Insertion::Known);
        assert_eq!(members.insert(2, 0, b"b", false), Insertion::Refused);
        assert_eq!(members.len(), 1);
    }
}
