//! The estimate of distinct things against their true number, and its laws.

use gstatsd_sketch::{DecodeError, HyperLogLog};
use proptest::collection::vec;
use proptest::prelude::*;

fn of(things: impl IntoIterator<Item = u32>) -> HyperLogLog {
    let mut sketch = HyperLogLog::default();
    things.into_iter().for_each(|thing| sketch.insert(format!("user-{thing}").as_bytes()));
    sketch
}

fn bytes(sketch: &HyperLogLog) -> Vec<u8> {
    let mut bytes = Vec::new();
    sketch.encode(&mut bytes);
    bytes
}

#[test]
fn estimates_are_within_three_standard_errors_and_memory_is_flat() {
    let mut sketch = HyperLogLog::default();
    assert_eq!(sketch.estimate(), 0.0);
    let mut things = 0;
    for until in [1, 7, 100, 1_000, 10_000, 30_000, 100_000, 2_000_000_u32] {
        for thing in things..until {
            sketch.insert(&thing.to_le_bytes());
        }
        things = until;
        let (estimate, exact) = (sketch.estimate(), f64::from(until));
        let error = (estimate - exact).abs() / exact;
        assert!(error < 3.0 * HyperLogLog::ERROR, "{exact}: {estimate}");
        assert!(sketch.bytes() < 20_000, "{}", sketch.bytes());
    }
}

#[test]
fn few_things_are_counted_exactly_and_things_that_came_before_count_nothing() {
    let mut sketch = of(0..50);
    assert_eq!(sketch.estimate().round(), 50.0);
    sketch.merge(&of(0..50));
    assert_eq!(sketch.estimate().round(), 50.0);
    assert!(sketch.bytes() < 2_000, "{}", sketch.bytes());
    // An empty thing is one too, and so is one that some languages have words for.
    for thing in ["", "__proto__"] {
        sketch.insert(thing.as_bytes());
    }
    assert_eq!(sketch.estimate().round(), 52.0);
}

#[test]
fn bytes_that_are_not_ours_are_errors() {
    let bytes = bytes(&of(0..5));
    let with = |place: usize, byte: u8| {
        let mut bytes = bytes.clone();
        bytes[place] = byte;
        HyperLogLog::decode(&bytes).unwrap_err()
    };
    // The family, the logarithm of the number of registers, the length of all.
    for (place, byte) in [(6, 99), (7, 12)] {
        assert_eq!(with(place, byte), DecodeError::Value(bytes.len()), "{place}");
    }
    assert_eq!(with(3, 1), DecodeError::Short(bytes.len()));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn property_test_the_order_of_things_and_of_merges_makes_no_difference(
        parts in vec((0..5_000_u32, 0..8_000_u32), 3)
    ) {
        let parts: Vec<_> = parts.iter().map(|(start, length)| *start..start + length).collect();
        let merged = |order: [usize; 3]| {
            let mut whole = HyperLogLog::default();
            order.iter().for_each(|part| whole.merge(&of(parts[*part].clone())));
            whole.estimate()
        };
        let whole = merged([0, 1, 2]);
        prop_assert_eq!(merged([2, 0, 1]), whole);
        let mut right = of(parts[1].clone());
        right.merge(&of(parts[2].clone()));
        let mut left = of(parts[0].clone());
        left.merge(&right);
        prop_assert_eq!(left.estimate(), whole);
        prop_assert_eq!(of(parts.iter().cloned().flatten()).estimate(), whole);
    }

    #[test]
    fn property_test_bytes_are_the_sketch(things in 0..20_000_u32) {
        let sketch = of(0..things);
        let mut bytes = bytes(&sketch);
        let length = bytes.len();
        bytes.extend(b"rest");
        let (mut decoded, rest) = HyperLogLog::decode(&bytes).unwrap();
        prop_assert_eq!(rest, b"rest");
        prop_assert_eq!(decoded.estimate(), sketch.estimate());
        decoded.merge(&of(things..2 * things));
        prop_assert_eq!(decoded.estimate(), of(0..2 * things).estimate());
        for end in [0, 3, 4, length / 2, length - 1] {
            let error = HyperLogLog::decode(&bytes[..end]).unwrap_err();
            prop_assert_eq!(error, DecodeError::Short(end));
        }
    }

    #[test]
    fn property_test_damaged_bytes_are_an_error_or_a_sketch(
        things in prop::sample::select(vec![0_u32, 3, 100, 3_000]),
        place in any::<prop::sample::Index>(),
        byte: u8,
    ) {
        let mut bytes = bytes(&of(0..things));
        let place = place.index(bytes.len().min(64));
        bytes[place] = byte;
        if let Ok((mut sketch, _)) = HyperLogLog::decode(&bytes) {
            sketch.insert(b"one more");
            sketch.merge(&of(0..100));
            prop_assert!(sketch.estimate() >= 0.0);
        }
    }
}
