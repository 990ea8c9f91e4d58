//! The statistics of a timer.

use crate::sum;

/// What gstatsd 0.6 says about the values of a timer.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TimerStatistics {
    /// How many values there are.
    pub count: u64,
    /// The smallest.
    pub lower: f64,
    /// The mean of the values up to the threshold, not of all.
    pub mean: f64,
    /// The largest.
    pub upper: f64,
    /// The largest up to the threshold: of the smallest `percent` of the values.
    pub upper_percent: f64,
}

impl TimerStatistics {
    /// Computes them from the values in ascending order; `None` where there are none.
    /// `percent` lies in (0, 100].
    ///
    /// Every step is in the order of the original, `round(percent / 100.0 * count)` half away
    /// from zero and a plain sum from left to right, so that the last digit is the same.
    #[must_use]
    pub fn of(sorted: &[f64], percent: f64) -> Option<Self> {
        let (&lower, &upper) = (sorted.first()?, sorted.last()?);
        let mut statistics =
            Self { count: sorted.len() as u64, lower, mean: lower, upper, upper_percent: upper };
        if sorted.len() > 1 {
            let rank = threshold_rank(sorted.len(), percent);
            if let Some((&threshold, _)) = sorted[..rank].split_last() {
                let total = total(&sorted[..rank]);
                statistics.upper_percent = threshold;
                #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
                let count = rank as f64;
                statistics.mean = total / count;
            }
        }
        Some(statistics)
    }
}

/// Sorts the values of a timer as the original does: stably and by value, so that 0 and -0 stay
/// as they came.
pub(crate) fn sort(values: &mut [f64]) {
    let is_negative_zero = |value: &f64| value.to_bits() == (-0.0_f64).to_bits();
    if values.iter().any(is_negative_zero) {
        values.sort_by(|left, right| left.partial_cmp(right).expect("values are finite"));
    } else {
        // Equal values are the same bits, so nobody can tell how they were ordered.
        values.sort_unstable_by(f64::total_cmp);
    }
}

/// The sum from left to right, held at the edge of the range.
fn total(values: &[f64]) -> f64 {
    let plain = values.iter().fold(0.0, |total, value| total + value);
    // A plain sum that has once left the range never comes back.
    match plain.is_finite() {
        true => plain,
        false => values.iter().fold(0.0, |total, &value| sum::saturating(total, value).0),
    }
}

/// How many of `count` values lie up to the threshold.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts stay far below 2^53, and percent lies in (0, 100]"
)]
fn threshold_rank(count: usize, percent: f64) -> usize {
    (((percent / 100.0) * count as f64).round() as usize).min(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_has_no_statistics() {
        assert_eq!(TimerStatistics::of(&[], 90.0), None);
    }

    #[test]
    fn the_rank_rounds_half_away_from_zero_in_the_order_of_the_original() {
        assert_eq!(threshold_rank(5, 90.0), 5);
        assert_eq!(threshold_rank(25, 90.0), 23);
        // 29 / 100.0 * 50 is 14.499999999999998
        assert_eq!(threshold_rank(50, 29.0), 14);
        assert_eq!(threshold_rank(3, 0.5), 0);
    }

    #[test]
    fn a_threshold_below_the_first_value_leaves_mean_and_upper_as_they_are() {
        let statistics = TimerStatistics::of(&[1.0, 2.0], 0.5).unwrap();
        assert_eq!((statistics.mean, statistics.upper_percent), (1.0, 2.0));
    }

    #[test]
    fn values_are_sorted_and_zeros_of_both_signs_stay_as_they_came() {
        let cases: [(&[f64], &[f64]); 3] = [
            (&[3.0, -1.0, 2.0, 0.0], &[-1.0, 0.0, 2.0, 3.0]),
            (&[0.0, 1.0, -0.0, -1.0, 0.0], &[-1.0, 0.0, -0.0, 0.0, 1.0]),
            (&[-0.0, 0.0, -0.0], &[-0.0, 0.0, -0.0]),
        ];
        for (values, sorted) in cases {
            let mut values = values.to_vec();
            sort(&mut values);
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&values), bits(sorted));
        }
    }

    #[test]
    fn the_sum_is_made_from_left_to_right() {
        // The other way round, the ones are not lost one by one.
        let values = [[2_f64.powi(53)].as_slice(), &[1.0; 5]].concat();
        assert_eq!(total(&values), 2_f64.powi(53));
        assert_eq!(total(&[-f64::MAX, -f64::MAX, f64::MAX]), 0.0);
    }

    #[test]
    fn the_sum_saturates() {
        let statistics = TimerStatistics::of(&[f64::MAX, f64::MAX], 100.0).unwrap();
        assert_eq!(statistics.mean, f64::MAX / 2.0);
    }
}
