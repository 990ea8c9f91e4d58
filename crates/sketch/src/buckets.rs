//! Counts of neighbouring buckets.

use crate::scale;

/// The counts of the buckets of one sign, from the first that is not empty to the last.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Buckets {
    /// The index of the first one, at the scale of the histogram; 0 where there is none.
    first: i32,
    /// Neither the first nor the last is 0.
    counts: Vec<u64>,
}

impl Buckets {
    /// Buckets with counts from an index on; without zeros at their ends.
    pub(crate) fn new(first: i32, counts: Vec<u64>) -> Option<Self> {
        let is_trimmed = [counts.first(), counts.last()].iter().all(|end| *end != Some(&0));
        let first_of_none = counts.is_empty().then_some(0);
        (is_trimmed && first == first_of_none.unwrap_or(first)).then_some(Self { first, counts })
    }

    /// The index of the first bucket. Bucket `i` holds magnitudes above `base^i` up to and with
    /// `base^(i + 1)`: the `offset` of OpenTelemetry, and 1 less than the index of Prometheus.
    #[must_use]
    pub fn offset(&self) -> i32 {
        self.first
    }

    /// How many samples lie in each bucket from the first one on.
    #[must_use]
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }

    /// How many buckets there would be with others too, after so many steps to coarser scales.
    pub(crate) fn length_with(&self, others: Option<(i32, i32)>, steps: i8) -> u64 {
        let (first, last) = match (self.range(), others) {
            (None, None) => return 0,
            (Some(range), None) | (None, Some(range)) => range,
            (Some(ours), Some(theirs)) => (ours.0.min(theirs.0), ours.1.max(theirs.1)),
        };
        let steps = steps.min(31);
        u64::from((last >> steps).abs_diff(first >> steps)) + 1
    }

    /// The indices of the first and the last one.
    pub(crate) fn range(&self) -> Option<(i32, i32)> {
        let length = i32::try_from(self.counts.len()).ok().filter(|length| *length > 0)?;
        Some((self.first, self.first + (length - 1)))
    }

    /// The count of an index between the first and the last: nothing has to grow for it.
    pub(crate) fn known(&mut self, index: i32) -> Option<&mut u64> {
        let place = i64::from(index) - i64::from(self.first);
        self.counts.get_mut(usize::try_from(place).ok()?)
    }

    /// The memory that they take beside themselves, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.counts.capacity() * size_of::<u64>()
    }

    /// Adds samples to the bucket of an index.
    pub(crate) fn add(&mut self, index: i32, count: u64) {
        if count == 0 {
            return;
        }
        let place = self.make_room(index);
        self.counts[place] = self.counts[place].saturating_add(count);
    }

    /// Adds all samples of others, at the same scale.
    pub(crate) fn add_all(&mut self, other: &Self) {
        let Some((first, last)) = other.range() else { return };
        self.make_room(last);
        let place = self.make_room(first);
        for (ours, theirs) in self.counts[place..].iter_mut().zip(&other.counts) {
            *ours = ours.saturating_add(*theirs);
        }
    }

    /// Makes them those of a scale that is less by so much.
    pub(crate) fn coarsen(&mut self, steps: i8) {
        let Some((first, last)) = self.range() else { return };
        let steps = steps.min(31);
        let mut coarse = Self { first: first >> steps, counts: Vec::new() };
        #[expect(clippy::cast_sign_loss, reason = "the last is not before the first")]
        coarse.counts.resize(((last >> steps) - (first >> steps)) as usize + 1, 0);
        for (index, count) in (first..).zip(&self.counts) {
            #[expect(clippy::cast_sign_loss, reason = "the first is the least")]
            let place = ((index >> steps) - coarse.first) as usize;
            coarse.counts[place] = coarse.counts[place].saturating_add(*count);
        }
        *self = coarse;
    }

    /// Each bucket that is not empty: where it begins, where it ends, and its count.
    pub(crate) fn iter(&self, at: i8) -> impl DoubleEndedIterator<Item = (f64, f64, u64)> {
        let filled = self.counts.iter().enumerate().filter(|(_, count)| **count > 0);
        filled.map(move |(place, count)| {
            let index = self.first + i32::try_from(place).unwrap_or(i32::MAX);
            (scale::lower_bound(index, at), scale::lower_bound(index + 1, at), *count)
        })
    }

    /// Makes room for an index: its place.
    fn make_room(&mut self, index: i32) -> usize {
        let Some((first, last)) = self.range() else {
            self.first = index;
            self.counts.push(0);
            return 0;
        };
        #[expect(clippy::cast_sign_loss, reason = "each is compared before it is taken away")]
        if index < first {
            let more = (first - index) as usize;
            self.counts.splice(0..0, std::iter::repeat_n(0, more));
            self.first = index;
            0
        } else {
            if index > last {
                self.counts.resize((index - first) as usize + 1, 0);
            }
            (index - first) as usize
        }
    }
}
