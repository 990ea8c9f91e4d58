//! The values of a timer: their order and their sum.

use crate::sum;

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
pub(crate) fn total(values: &[f64]) -> f64 {
    let plain = values.iter().fold(0.0, |total, value| total + value);
    // A plain sum that has once left the range never comes back.
    match plain.is_finite() {
        true => plain,
        false => values.iter().fold(0.0, |total, &value| sum::saturating(total, value).0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
