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

/// Sorts the values of timers, which lie side by side, each up to one of `ends`. The original
/// sorts stably and by value, so that 0 and -0 stay as they came.
///
/// Sorted as integers: their comparison needs no branch, which is twice as fast.
pub(crate) fn sort_each(values: Vec<f64>, ends: impl Iterator<Item = usize>) -> Vec<f64> {
    // Neither of the two collections allocates.
    let mut ranks: Vec<u64> = values.into_iter().map(rank).collect();
    let mut start = 0;
    for end in ends {
        sort(&mut ranks[start..end]);
        start = end;
    }
    ranks.into_iter().map(value_of_rank).collect()
}

/// The integer 1 below that of 0.
const NEGATIVE_ZERO: u64 = SIGN - 1;
const SIGN: u64 = 1 << 63;

fn sort(ranks: &mut [u64]) {
    // Otherwise equal values are the same bits, and nobody can tell how they were ordered.
    if ranks.contains(&NEGATIVE_ZERO) {
        ranks.sort_by_key(|&rank| rank + u64::from(rank == NEGATIVE_ZERO));
    } else {
        ranks.sort_unstable();
    }
}

/// An integer for each number, in the order of the numbers.
fn rank(value: f64) -> u64 {
    let bits = value.to_bits();
    if value.is_sign_negative() { !bits } else { bits | SIGN }
}

fn value_of_rank(rank: u64) -> f64 {
    f64::from_bits(if rank & SIGN == 0 { !rank } else { rank & !SIGN })
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
        let cases: [(&[f64], &[f64]); 5] = [
            (&[3.0, -1.0, 2.0, 0.0], &[-1.0, 0.0, 2.0, 3.0]),
            (&[0.0, 1.0, -0.0, -1.0, 0.0], &[-1.0, 0.0, -0.0, 0.0, 1.0]),
            (&[-0.0, 0.0, -0.0], &[-0.0, 0.0, -0.0]),
            (&[5e-324, 0.0, -0.0, -5e-324], &[-5e-324, 0.0, -0.0, 5e-324]),
            (&[1.5, f64::MAX, -2.5, f64::MIN], &[f64::MIN, -2.5, 1.5, f64::MAX]),
        ];
        let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
        let mut ends = Vec::new();
        let (mut values, mut sorted) = (Vec::new(), Vec::new());
        for (case, expected) in cases {
            values.extend_from_slice(case);
            sorted.extend_from_slice(expected);
            ends.push(values.len());
        }
        assert_eq!(bits(&sort_each(values, ends.into_iter())), bits(&sorted));
    }

    proptest::proptest! {
        #[test]
        fn property_test_sorting_equals_a_stable_sort_by_value(
            numbers in proptest::collection::vec(-4..4_i8, 0..40), end in 0..40_usize
        ) {
            // Zeros of both signs among few other values, and two timers.
            let number = |&number: &i8| f64::from(number / 2) * f64::from(number).signum();
            let values: Vec<f64> = numbers.iter().map(number).collect();
            let ends = [end.min(values.len()), values.len()];
            let mut expected = values.clone();
            let (first, second) = expected.split_at_mut(ends[0]);
            for timer in [first, second] {
                timer.sort_by(|left, right| left.partial_cmp(right).unwrap());
            }
            let bits = |values: &[f64]| values.iter().map(|v| v.to_bits()).collect::<Vec<_>>();
            assert_eq!(bits(&sort_each(values, ends.into_iter())), bits(&expected));
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
