//! A histogram whose buckets are as wide as its values are large.

use crate::Buckets;
use crate::scale::{self, SCALE_MAX, SCALE_MIN};

/// How many buckets of each sign a histogram has at most, where nothing else is said: what
/// OpenTelemetry recommends.
pub const BUCKETS_MAX: usize = 160;

/// An exponential histogram: the counts of buckets of which each ends `base` times as far from 0 as
/// it begins.
///
/// It begins as fine as can be, and becomes coarser where its values lie too far apart for its
/// number of buckets. Which values went into it decides how fine it is, and nothing else does: two
/// histograms that got the same values in any order, over any others that were merged, are equal
/// but for the rounding of their sums.
#[derive(Clone, Debug, PartialEq)]
pub struct Histogram {
    pub(crate) buckets_max: u32,
    pub(crate) scale: i8,
    pub(crate) positive: Buckets,
    pub(crate) negative: Buckets,
    pub(crate) zeros: u64,
    pub(crate) sum: f64,
    pub(crate) min: f64,
    pub(crate) max: f64,
}

impl Default for Histogram {
    fn default() -> Self {
        Self::new(BUCKETS_MAX)
    }
}

impl Histogram {
    /// An empty one, with at most so many buckets of each sign, at least 2.
    #[must_use]
    pub fn new(buckets_max: usize) -> Self {
        Self {
            buckets_max: u32::try_from(buckets_max).unwrap_or(u32::MAX).max(2),
            scale: SCALE_MAX,
            positive: Buckets::default(),
            negative: Buckets::default(),
            zeros: 0,
            sum: 0.0,
            min: f64::INFINITY,
            max: f64::NEG_INFINITY,
        }
    }

    /// Takes in a value so many times. One that is not finite is none.
    pub fn insert(&mut self, value: f64, count: u64) {
        if !value.is_finite() || count == 0 {
            return;
        }
        #[expect(clippy::cast_precision_loss, reason = "a sum is rounded anyway")]
        let added = self.sum + value * count as f64;
        self.sum = added.clamp(f64::MIN, f64::MAX);
        self.min = self.min.min(value);
        self.max = self.max.max(value);
        if value == 0.0 {
            self.zeros = self.zeros.saturating_add(count);
            return;
        }
        let index = scale::index(value.abs());
        let at = scale::coarser(index, self.scale);
        let buckets = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        if let Some(known) = buckets.known(at) {
            *known = known.saturating_add(count);
            return;
        }
        let buckets = if value > 0.0 { &self.positive } else { &self.negative };
        let steps = self.steps_until(|steps| buckets.length_with(Some((at, at)), steps));
        self.coarsen_to(self.scale - steps);
        let at = scale::coarser(index, self.scale);
        let buckets = if value > 0.0 { &mut self.positive } else { &mut self.negative };
        buckets.add(at, count);
    }

    /// Takes in all that another one has. The result has as many buckets as the smaller may have.
    pub fn merge(&mut self, other: &Self) {
        self.buckets_max = self.buckets_max.min(other.buckets_max);
        let mut other = other.clone();
        self.coarsen_to(other.scale);
        other.coarsen_to(self.scale);
        let steps = self.steps_until(|steps| {
            let positive = self.positive.length_with(other.positive.range(), steps);
            positive.max(self.negative.length_with(other.negative.range(), steps))
        });
        self.coarsen_to(self.scale - steps);
        other.coarsen_to(self.scale);
        self.positive.add_all(&other.positive);
        self.negative.add_all(&other.negative);
        self.zeros = self.zeros.saturating_add(other.zeros);
        self.sum = (self.sum + other.sum).clamp(f64::MIN, f64::MAX);
        self.min = self.min.min(other.min);
        self.max = self.max.max(other.max);
    }

    /// The fewest steps to a coarser scale after which so many buckets are not too many.
    fn steps_until(&self, length_after: impl Fn(i8) -> u64) -> i8 {
        let most = u64::from(self.buckets_max);
        (0..self.scale - SCALE_MIN)
            .find(|steps| length_after(*steps) <= most)
            .unwrap_or(self.scale - SCALE_MIN)
    }

    /// Makes it as coarse as a scale, where it is finer: 8 is the finest that Prometheus knows.
    pub fn coarsen_to(&mut self, scale: i8) {
        let scale = scale.max(SCALE_MIN);
        if scale < self.scale {
            self.positive.coarsen(self.scale - scale);
            self.negative.coarsen(self.scale - scale);
            self.scale = scale;
        }
    }

    /// The value below or at which this part of the samples lies, in `0..=1`: that of rank
    /// `part * (count - 1)`, rounded down, with an error of at most [`Histogram::relative_error`].
    /// `None` where there is no sample.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        let last = self.count().checked_sub(1)?;
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank, which is held between 0 and the last"
        )]
        let rank = ((part.clamp(0.0, 1.0) * last as f64) as u64).min(last);
        self.at_rank(rank)
    }

    /// The value that so many others come before in ascending order, with an error of at most
    /// [`Histogram::relative_error`]; the first and the last are exact. `None` where there are not
    /// so many.
    #[must_use]
    pub fn at_rank(&self, rank: u64) -> Option<f64> {
        let last = self.count().checked_sub(1).filter(|last| rank <= *last)?;
        if rank == 0 || rank == last {
            return if rank == 0 { self.min() } else { self.max() };
        }
        let mut before = 0_u64;
        for (value, count) in self.bins() {
            before = before.saturating_add(count);
            if rank < before {
                return Some(value);
            }
        }
        Some(self.max)
    }

    /// Each bucket that is not empty, in ascending order: a value that stands for all of it, with
    /// an error of at most [`Histogram::relative_error`], and how many samples it has.
    pub fn bins(&self) -> impl Iterator<Item = (f64, u64)> {
        let middle = |(low, high, count): (f64, f64, u64)| (middle(low, high), count);
        let negative = self.negative.iter(self.scale).rev().map(middle);
        let positive = self.positive.iter(self.scale).map(middle);
        let zeros = (self.zeros > 0).then_some((0.0, self.zeros));
        let all = negative.map(|(value, count)| (-value, count)).chain(zeros).chain(positive);
        all.map(|(value, count)| (value.clamp(self.min, self.max), count))
    }

    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.positive.bytes() + self.negative.bytes()
    }

    /// By which part of itself a quantile may be wrong: `(base - 1) / (base + 1)`. It does not hold
    /// for values so near to 0 that a double has fewer digits for them (below 2.3e-308).
    #[must_use]
    pub fn relative_error(&self) -> f64 {
        let base = f64::from(-i32::from(self.scale)).exp2().exp2();
        match base.is_finite() {
            true => (base - 1.0) / (base + 1.0),
            false => 1.0,
        }
    }

    /// The scale: `base` is `2^(2^-scale)`. From [`SCALE_MIN`] to [`SCALE_MAX`].
    #[must_use]
    pub fn scale(&self) -> i8 {
        self.scale
    }

    /// The values above 0.
    #[must_use]
    pub fn positive(&self) -> &Buckets {
        &self.positive
    }

    /// The values below 0, by their magnitudes.
    #[must_use]
    pub fn negative(&self) -> &Buckets {
        &self.negative
    }

    /// How many values are 0.
    #[must_use]
    pub fn zeros(&self) -> u64 {
        self.zeros
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        let all = self.positive.counts().iter().chain(self.negative.counts());
        all.fold(self.zeros, |sum, count| sum.saturating_add(*count))
    }

    /// The sum of the values, held at the edge of a double.
    #[must_use]
    pub fn sum(&self) -> f64 {
        self.sum
    }

    /// The least value; `None` where there is none.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        (self.min <= self.max).then_some(self.min)
    }

    /// The greatest value; `None` where there is none.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        (self.min <= self.max).then_some(self.max)
    }
}

/// The value that is wrong by the same part of itself at both ends of a bucket.
fn middle(low: f64, high: f64) -> f64 {
    // 2 * low * high / (low + high), without leaving the range; the ends of the outermost buckets
    // are 0 and infinite.
    if low == 0.0 { 0.0 } else { low * (2.0 / (1.0 + low / high)) }
}
