//! A histogram of samples of which each stands for several.

use crate::{Buckets, Histogram};

impl Histogram {
    /// The same histogram as if there were so many samples, at least as many as there are: each
    /// stands for as many as every other. Counts are rounded so that together they are the rounded
    /// total, and the sum grows with it.
    #[must_use]
    pub fn weighted_to(&self, total: f64) -> Self {
        let count = self.count();
        #[expect(clippy::cast_precision_loss, reason = "a ratio of two counts")]
        let factor = total / count as f64;
        if count == 0 || !factor.is_finite() || factor <= 1.0 {
            return self.clone();
        }
        let (mut before, mut given) = (0_u64, 0_u64);
        // Rounded where each ends, so that no error adds up.
        let mut weigh = |count: u64| {
            before = before.saturating_add(count);
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "a count that is greater than 0; beyond the range it is held"
            )]
            let end = (before as f64 * factor).round() as u64;
            let weighed = end - given;
            given = end;
            weighed
        };
        let mut weighed = self.clone();
        let zeros = weigh(self.zeros);
        weighed.zeros = zeros;
        for (buckets, own) in
            [(&mut weighed.negative, &self.negative), (&mut weighed.positive, &self.positive)]
        {
            let counts = own.counts().iter().map(|count| weigh(*count)).collect();
            *buckets = Buckets::new(own.offset(), counts).unwrap_or_default();
        }
        weighed.sum = (self.sum * factor).clamp(f64::MIN, f64::MAX);
        weighed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_sample_weighs_the_same_and_the_total_is_met() {
        let mut histogram = Histogram::default();
        for value in [-3.0, 0.0, 0.0, 1.0, 1.0, 1.0, 40.0] {
            histogram.insert(value, 1);
        }
        for (total, rounded) in [(7.0, 7), (8.0, 8), (10.0, 10), (23.4, 23), (7e6, 7_000_000)] {
            let weighed = histogram.weighted_to(total);
            assert_eq!(weighed.count(), rounded, "{total}");
            assert_eq!(weighed.sum(), 40.0 * (total / 7.0), "{total}");
            assert_eq!((weighed.min(), weighed.max()), (Some(-3.0), Some(40.0)));
            assert_eq!(weighed.positive().offset(), histogram.positive().offset());
            let filled = |histogram: &Histogram| -> Vec<bool> {
                histogram.positive().counts().iter().map(|count| *count > 0).collect()
            };
            assert_eq!(filled(&weighed), filled(&histogram), "{total}");
        }
        let ten = histogram.weighted_to(70.0);
        assert_eq!((ten.zeros(), ten.negative().counts()), (20, &[10][..]));
        assert_eq!(ten.positive().counts().first(), Some(&30));
        // Nothing stands for less than itself.
        assert_eq!(histogram.weighted_to(3.0), histogram);
        assert_eq!(Histogram::default().weighted_to(5.0), Histogram::default());
    }
}
