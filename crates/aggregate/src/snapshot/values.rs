//! What an interval brought to a timer or to a set: all of it, or a sketch where there was much.

use gstatsd_sketch::{Histogram, HyperLogLog};

use super::Texts;
use crate::timer;

/// The values of a timer, a histogram or a distribution: each sample once, whatever its rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Values<'a> {
    /// All of them, in ascending order; finite.
    Exact(&'a [f64]),
    /// A sketch, where there were more than are kept. Count, sum, least and greatest are exact;
    /// the others are wrong by [`Histogram::relative_error`] at most.
    Sketch(&'a Histogram),
}

/// The distinct members of a set.
#[derive(Clone, Copy, Debug)]
pub struct SetMembers<'a> {
    texts: &'a Texts,
    start: u32,
    end: u32,
    sketch: Option<&'a HyperLogLog>,
}

impl<'a> Values<'a> {
    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        match self {
            Self::Exact(values) => values.len(),
            Self::Sketch(sketch) => usize::try_from(sketch.count()).unwrap_or(usize::MAX),
        }
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// All of them in ascending order, where they were kept.
    #[must_use]
    pub fn exact(&self) -> Option<&'a [f64]> {
        match self {
            Self::Exact(values) => Some(values),
            Self::Sketch(_) => None,
        }
    }

    /// The sketch, where there is one.
    #[must_use]
    pub fn sketch(&self) -> Option<&'a Histogram> {
        match self {
            Self::Exact(_) => None,
            Self::Sketch(sketch) => Some(sketch),
        }
    }

    /// Their sum, held at the edge of a double.
    #[must_use]
    pub fn sum(&self) -> f64 {
        match self {
            Self::Exact(values) => timer::total(values),
            Self::Sketch(sketch) => sketch.sum(),
        }
    }

    /// The least; `None` where there is none.
    #[must_use]
    pub fn min(&self) -> Option<f64> {
        self.at_rank(0)
    }

    /// The greatest; `None` where there is none.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.at_rank(self.len().checked_sub(1)?)
    }

    /// The one that so many others come before in ascending order. `None` where there are not so
    /// many.
    #[must_use]
    pub fn at_rank(&self, rank: usize) -> Option<f64> {
        match self {
            Self::Exact(values) => values.get(rank).copied(),
            Self::Sketch(sketch) => sketch.at_rank(rank as u64),
        }
    }

    /// The smallest that this part of all, in `0..=1`, is not above: the nearest rank.
    #[must_use]
    pub fn quantile(&self, part: f64) -> Option<f64> {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a rank, which is held between the first and the last"
        )]
        let rank = (self.len() as f64 * part).ceil() as usize;
        self.at_rank(rank.clamp(1, self.len().max(1)) - 1)
    }

    /// How many are below a bound; of a sketch those whose bucket is.
    #[must_use]
    pub fn count_below(&self, bound: f64) -> usize {
        match self {
            Self::Exact(values) => values.partition_point(|&value| value < bound),
            Self::Sketch(sketch) => {
                let below = sketch.bins().filter(|(value, _)| *value < bound);
                let count = below.fold(0_u64, |sum, (_, count)| sum.saturating_add(count));
                usize::try_from(count).unwrap_or(usize::MAX)
            }
        }
    }
}

impl<'a> SetMembers<'a> {
    /// Those of these numbers, unless there is a sketch.
    pub(super) fn new(
        texts: &'a Texts,
        [start, end]: [u32; 2],
        sketch: Option<&'a HyperLogLog>,
    ) -> Self {
        Self { texts, start, end, sketch }
    }

    /// How many there are; about so many where there is a sketch.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "an estimate is not below 0"
    )]
    pub fn count(&self) -> usize {
        match self.sketch {
            None => (self.end - self.start) as usize,
            Some(sketch) => sketch.estimate().round() as usize,
        }
    }

    /// The sketch, where there were more members than are kept.
    #[must_use]
    pub fn sketch(&self) -> Option<&'a HyperLogLog> {
        self.sketch
    }

    /// Each of them, once, in byte order; none where there is a sketch.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let texts = self.texts;
        (self.start..self.end).map(|number| texts.text(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sketch_has_the_ranks_of_the_values_that_it_got() {
        let values: Vec<f64> = (1..=1_000).map(f64::from).collect();
        let mut sketch = Histogram::default();
        values.iter().for_each(|value| sketch.insert(*value, 1));
        let error = sketch.relative_error();
        let (exact, sketched) = (Values::Exact(&values), Values::Sketch(&sketch));
        assert_eq!((exact.len(), exact.sum()), (sketched.len(), sketched.sum()));
        assert_eq!((exact.min(), exact.max()), (sketched.min(), sketched.max()));
        for part in [0.0, 0.001, 0.5, 0.9, 0.99, 1.0] {
            let [exact, sketched] = [exact, sketched].map(|all| all.quantile(part).unwrap());
            assert!((exact - sketched).abs() <= exact * error, "{part}: {exact}, {sketched}");
        }
        let [below, about] = [exact, sketched].map(|all| all.count_below(500.0));
        assert_eq!(below, 499);
        assert!(below.abs_diff(about) <= 25, "{about}");
        assert_eq!([exact, sketched].map(|all| all.at_rank(1_000)), [None, None]);
    }

    #[test]
    fn of_nothing_there_is_no_quantile() {
        let nothing = Histogram::default();
        for values in [Values::Exact(&[]), Values::Sketch(&nothing)] {
            assert!(values.is_empty());
            assert_eq!((values.min(), values.max(), values.quantile(0.5)), (None, None, None));
            assert_eq!((values.sum(), values.count_below(1.0)), (0.0, 0));
        }
    }
}
