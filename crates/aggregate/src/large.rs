//! Series that get more in an interval than is kept of one: the rest goes into a sketch.
//!
//! ```text
//! value --> values, up to so many of a timer      member --> members, up to so many of a set
//!       --> sketch of its record                         --> sketch of its record
//! ```
//!
//! What was kept before stays where it is; the merger puts both together.

use crate::members::Insertion;
use crate::part::{Part, SET_SKETCH_THINGS, TIMER_SKETCH_THINGS};

/// A timer with so few values has no sketch made of them for their room: it takes as much.
const SKETCHED_MIN: usize = 256;

impl Part {
    /// Takes in a value of a timer or the like, of which so many are kept; `room` is how many more
    /// things may be held. Says whether there was room. The record counts the sample.
    pub(crate) fn take_value(&mut self, record: u32, value: f64, kept: u64, room: usize) -> bool {
        if self.records[record as usize].samples >= kept {
            if let Some(sketch) = self.timer_sketches.find(record) {
                sketch.insert(value, 1);
                return true;
            }
            if room >= TIMER_SKETCH_THINGS {
                self.timer_sketches.of(record).insert(value, 1);
                return true;
            }
        }
        if room > 0 {
            self.timed.push(record);
            self.values.push(value);
        }
        room > 0
    }

    /// Takes in values that are counted by their records, of which some have more than are kept.
    #[cold]
    pub(crate) fn take_values(&mut self, timed: &[u32], values: &[f64], kept: u64) {
        for (&record, &value) in timed.iter().zip(values) {
            // The sample itself is counted already.
            self.take_value(record, value, kept.saturating_add(1), usize::MAX);
        }
    }

    /// Takes in a member of a set, of which so many are kept; `room` is how many more things may be
    /// held. Says whether there was room. The fingerprint is that of both.
    pub(crate) fn take_member(
        &mut self,
        record: u32,
        (fingerprint, member): (u128, &[u8]),
        kept: f64,
        room: usize,
    ) -> bool {
        let members = &mut self.records[record as usize].value;
        let is_kept = *members < kept;
        match self.members.insert(fingerprint, record, member, is_kept && room > 0) {
            Insertion::Known => true,
            Insertion::New => {
                *members += 1.0;
                true
            }
            Insertion::Refused => {
                let mut sketch = self.set_sketches.find(record);
                if sketch.is_none() && !is_kept && room >= SET_SKETCH_THINGS {
                    sketch = Some(self.set_sketches.of(record));
                }
                sketch.map(|sketch| sketch.insert(member)).is_some()
            }
        }
    }

    /// Makes sketches of the timers with the most values, so that the room of half of all values
    /// becomes free, or of an eighth of all things at least. Gives how many values of a timer are
    /// to be kept from now on; nothing where no timer has many.
    pub(crate) fn sketch_largest(&mut self) -> Option<u64> {
        let mut counts = vec![0_usize; self.records.len()];
        self.timed.iter().for_each(|record| counts[*record as usize] += 1);
        // What is gained from timers with up to 1, 3, 7, ... values.
        let mut gains = [0; usize::BITS as usize + 1];
        for count in counts.iter().filter(|count| **count >= SKETCHED_MIN) {
            gains[(usize::BITS - count.leading_zeros()) as usize] += count - TIMER_SKETCH_THINGS;
        }
        let mut gained = 0;
        let bits = (1..gains.len()).rev().find(|bits| {
            gained += gains[*bits];
            gained >= self.values.len().div_ceil(2) || 1 << (bits - 1) <= SKETCHED_MIN
        });
        let kept = bits.map(|bits| (1_usize << (bits - 1)) - 1)?;
        if gained == 0 || gained < self.things() / 8 {
            return None;
        }
        let mut left = 0;
        for place in 0..self.values.len() {
            let (record, value) = (self.timed[place], self.values[place]);
            if counts[record as usize] > kept {
                self.timer_sketches.of(record).insert(value, 1);
            } else {
                (self.timed[left], self.values[left]) = (record, value);
                left += 1;
            }
        }
        self.timed.truncate(left);
        self.values.truncate(left);
        Some(kept as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SeriesKind;
    use crate::part::Record;

    fn part(counts: &[u32]) -> Part {
        let mut part = Part::default();
        for (record, &count) in (0..).zip(counts) {
            part.records.push(Record::new(record, SeriesKind::Timer));
            for value in 0..count {
                assert!(part.take_value(record, f64::from(value), u64::MAX, 1));
            }
        }
        part
    }

    #[test]
    fn the_largest_timers_become_sketches_and_the_others_stay() {
        let mut part = part(&[300, 2_500, 10, 1_000, 500]);
        // It has more than half of all.
        assert_eq!(part.sketch_largest(), Some(2_047));
        assert_eq!(part.values.len(), 1_810);
        assert_eq!(part.timer_sketches.find(1).map(|sketch| sketch.count()), Some(2_500));
        assert!(part.timed.iter().all(|record| *record != 1));
        // The next alone has not.
        assert_eq!(part.sketch_largest(), Some(255));
        assert_eq!((part.values.len(), part.sketch_largest()), (10, None));
        assert_eq!((part.timer_sketches.len(), part.timed), (4, vec![2; 10]));
    }

    #[test]
    fn many_small_timers_make_no_room() {
        let mut part = part(&[255; 50]);
        assert_eq!(part.sketch_largest(), None);
        assert_eq!(part.values.len(), 50 * 255);
        assert_eq!(Part::default().sketch_largest(), None);
    }
}
