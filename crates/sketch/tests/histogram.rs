//! The histogram against the sorted values themselves, and its laws.
#![expect(clippy::unwrap_used, reason = "tests")]

use gstatsd_sketch::{DecodeError, Histogram, SCALE_MIN};
use proptest::collection::vec;
use proptest::prelude::*;

fn of(values: &[f64]) -> Histogram {
    let mut histogram = Histogram::default();
    values.iter().for_each(|value| histogram.insert(*value, 1));
    histogram
}

/// All but the sum, which depends on the order by its rounding.
fn shape(histogram: &Histogram) -> impl PartialEq + std::fmt::Debug + use<> {
    let (positive, negative) = (histogram.positive().clone(), histogram.negative().clone());
    let ends = (histogram.min(), histogram.max());
    (histogram.scale(), positive, negative, histogram.zeros(), ends)
}

/// Holds every quantile against the value of its rank.
fn assert_quantiles(values: &mut [f64], histogram: &Histogram) {
    values.sort_by(f64::total_cmp);
    let error = histogram.relative_error();
    for rank in 0..values.len() {
        // Just above, so that rounding does not make it the rank before.
        let part = (rank as f64 + 0.5) / (values.len() - 1).max(1) as f64;
        let (exact, found) = (values[rank], histogram.quantile(part).unwrap());
        let slack = exact.abs() * (error * (1.0 + 1e-9) + 1e-12);
        assert!((found - exact).abs() <= slack, "{part}: {found}, not {exact} +- {error}");
    }
}

fn any_value() -> impl Strategy<Value = f64> {
    let normal = prop::num::f64::NORMAL | prop::num::f64::ZERO;
    prop_oneof![
        3 => 0.001..1e6_f64,
        1 => normal,
        1 => Just(0.0),
        1 => (-30..30_i32).prop_map(|exponent| f64::from(exponent).exp2()),
        1 => -1e3..1e3_f64,
    ]
}

proptest! {
    #[test]
    fn property_test_quantiles_are_within_the_error(mut values in vec(any_value(), 1..300)) {
        let histogram = of(&values);
        prop_assert_eq!(histogram.count(), values.len() as u64);
        assert_quantiles(&mut values, &histogram);
        prop_assert_eq!(histogram.min(), values.first().copied());
        prop_assert_eq!(histogram.max(), values.last().copied());
    }

    #[test]
    fn property_test_the_order_of_values_and_of_merges_makes_no_difference(
        first in vec(any_value(), 0..60),
        second in vec(any_value(), 0..60),
        third in vec(any_value(), 0..60),
    ) {
        let merged = |parts: &[&[f64]]| {
            let mut whole = Histogram::default();
            parts.iter().for_each(|part| whole.merge(&of(part)));
            shape(&whole)
        };
        let mut right = of(&second);
        right.merge(&of(&third));
        let mut left = of(&first);
        left.merge(&right);
        let whole = merged(&[&first, &second, &third]);
        prop_assert!(shape(&left) == whole);
        prop_assert!(merged(&[&third, &first, &second]) == whole);
        let mut all = [first, second, third].concat();
        prop_assert!(shape(&of(&all)) == whole);
        all.reverse();
        prop_assert!(shape(&of(&all)) == whole);
    }

    #[test]
    fn property_test_a_coarser_one_is_that_of_the_coarser_scale(
        values in vec(any_value(), 0..100), scale in SCALE_MIN..=20_i8
    ) {
        let mut coarse = Histogram::default();
        coarse.coarsen_to(scale);
        values.iter().for_each(|value| coarse.insert(*value, 1));
        let mut coarsened = of(&values);
        coarsened.coarsen_to(scale);
        prop_assert_eq!(coarsened, coarse);
    }

    #[test]
    fn property_test_bytes_are_the_histogram(values in vec((any_value(), 1..u64::MAX), 0..100)) {
        let mut histogram = Histogram::default();
        values.iter().for_each(|(value, count)| histogram.insert(*value, *count));
        let mut bytes = Vec::new();
        histogram.encode(&mut bytes);
        let length = bytes.len();
        bytes.extend(b"rest");
        prop_assert_eq!(Histogram::decode(&bytes).unwrap(), (histogram, &b"rest"[..]));
        for end in 0..length {
            prop_assert_eq!(Histogram::decode(&bytes[..end]), Err(DecodeError::Short(end)));
        }
    }

    #[test]
    fn property_test_damaged_bytes_are_an_error_or_a_histogram(
        values in vec(any_value(), 0..20), place in any::<prop::sample::Index>(), byte: u8
    ) {
        let mut bytes = Vec::new();
        of(&values).encode(&mut bytes);
        let place = place.index(bytes.len());
        bytes[place] = byte;
        if let Ok((histogram, rest)) = Histogram::decode(&bytes) {
            let mut again = Vec::new();
            histogram.encode(&mut again);
            prop_assert_eq!([&again, rest].concat(), bytes);
            prop_assert_eq!(histogram.quantile(0.5).is_some(), histogram.count() > 0);
        }
    }
}

#[test]
fn distributions_that_are_hard_for_it_are_within_the_error() {
    let mut random = fastrand::Rng::with_seed(7);
    let size = 5_000;
    let mut pareto: Vec<f64> = (0..size).map(|_| (1.0 - random.f64()).powf(-1.0 / 0.7)).collect();
    let mut two_peaks: Vec<f64> = (0..size)
        .map(|_| if random.bool() { 1.0 + random.f64() * 1e-6 } else { 1e9 * (1.0 + random.f64()) })
        .collect();
    let mut latencies: Vec<f64> =
        (0..size).map(|_| (0..6).map(|_| random.f64()).product::<f64>() * 1e3).collect();
    let mut all_equal = vec![12.5; size];
    let mut neighbours: Vec<f64> =
        (0..size).map(|at| f64::from_bits(1e3_f64.to_bits() + at as u64)).collect();
    let mut ladder: Vec<f64> = (-1022..=1023).map(|exponent| f64::from(exponent).exp2()).collect();
    // How fine each must be, at most so wrong.
    let cases = [
        (&mut pareto, 0.05),
        (&mut two_peaks, 0.09),
        (&mut latencies, 0.09),
        (&mut all_equal, 1e-6),
        (&mut neighbours, 1e-6),
        (&mut ladder, 1.0),
    ];
    for (values, error_max) in cases {
        let histogram = of(values);
        assert!(histogram.relative_error() <= error_max, "{error_max}: {}", histogram.scale());
        assert_quantiles(values, &histogram);
    }
}

#[test]
fn what_is_no_number_and_what_is_not_there_counts_nothing() {
    let mut histogram = Histogram::new(0);
    for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        histogram.insert(value, 1);
    }
    histogram.insert(5.0, 0);
    assert_eq!((histogram.count(), histogram.min(), histogram.max()), (0, None, None));
    assert_eq!(histogram.quantile(0.5), None);
    assert_eq!(histogram, Histogram::new(2));
}

#[test]
fn counts_and_sums_are_held_at_their_edge() {
    let mut histogram = Histogram::default();
    histogram.insert(f64::MAX, u64::MAX);
    histogram.insert(f64::MAX, 7);
    histogram.insert(1.0, 1);
    assert_eq!((histogram.count(), histogram.sum()), (u64::MAX, f64::MAX));
    let copy = histogram.clone();
    histogram.merge(&copy);
    assert_eq!((histogram.count(), histogram.sum()), (u64::MAX, f64::MAX));
    assert_eq!(histogram.quantile(1.0), Some(f64::MAX));
}

#[test]
fn buckets_are_those_of_opentelemetry() {
    // At scale 0 a bucket ends with a power of two: (1, 2] has index 0.
    let mut histogram = of(&[1.0, 1.5, 2.0, 3.0, 4.0, 4.1, 0.0, -0.3]);
    histogram.coarsen_to(0);
    assert_eq!(
        (histogram.positive().offset(), histogram.positive().counts()),
        (-1, &[1, 2, 2, 1][..])
    );
    assert_eq!((histogram.negative().offset(), histogram.negative().counts()), (-2, &[1][..]));
    assert_eq!((histogram.zeros(), histogram.scale()), (1, 0));
}

#[test]
fn bytes_of_another_version_and_impossible_values_are_errors() {
    let mut bytes = Vec::new();
    of(&[1.0]).encode(&mut bytes);
    let with = |place: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[place] = byte;
        Histogram::decode(&bytes).unwrap_err()
    };
    assert_eq!(with(0, 9), DecodeError::Version(9));
    assert_eq!(with(1, 21), DecodeError::Value(2));
    assert_eq!(with(bytes.len() - 3, 0), DecodeError::Value(bytes.len() - 2));
    assert_eq!(DecodeError::Value(2).to_string(), "what ends at byte 2 cannot stand there");
}
