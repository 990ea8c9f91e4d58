//! What is computed from the values of one timer.

use super::timers::{AtPercent, Statistic};

/// What the values of a timer come to. Kept from timer to timer for its room.
#[derive(Clone, Debug, Default)]
pub(super) struct Measures {
    pub(super) count: f64,
    pub(super) count_ps: f64,
    pub(super) lower: f64,
    pub(super) mean: f64,
    pub(super) median: f64,
    pub(super) std: f64,
    pub(super) sum: f64,
    pub(super) sum_squares: f64,
    pub(super) upper: f64,
    /// For each percentile, unless no value is in it.
    pub(super) at: Vec<Option<Rank>>,
}

/// What the values up to a percentile, or from it on, come to.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Rank {
    pub(super) bound: f64,
    pub(super) count: f64,
    pub(super) mean: f64,
    pub(super) sum: f64,
    pub(super) sum_squares: f64,
}

impl Measures {
    /// One of them. Buckets are not among them.
    pub(super) fn value(&self, statistic: Statistic) -> Option<f64> {
        let value = match statistic {
            Statistic::Count => self.count,
            Statistic::CountPs => self.count_ps,
            Statistic::Lower => self.lower,
            Statistic::Mean => self.mean,
            Statistic::Median => self.median,
            Statistic::Std => self.std,
            Statistic::Sum => self.sum,
            Statistic::SumSquares => self.sum_squares,
            Statistic::Upper => self.upper,
            Statistic::At(at, index) => {
                let rank = self.at.get(index).copied().flatten()?;
                match at {
                    AtPercent::Bound => rank.bound,
                    AtPercent::Count => rank.count,
                    AtPercent::Mean => rank.mean,
                    AtPercent::Sum => rank.sum,
                    AtPercent::SumSquares => rank.sum_squares,
                }
            }
            Statistic::Bucket(_) => return None,
        };
        Some(value)
    }
}
