//! Every number reads as the standard library writes it from its exact value.

use proptest::prelude::*;

use super::*;

fn text(number: Number) -> String {
    let mut out = b"before ".to_vec();
    number.write(&mut out);
    String::from_utf8(out).unwrap().strip_prefix("before ").unwrap().to_owned()
}

fn assert_as_std(value: f64) {
    assert_eq!(text(Number::Fixed(value)), format!("{value:.6}"), "{:#018x}", value.to_bits());
}

/// The number, its neighbours, and the same with the other sign.
fn assert_around_as_std(value: f64) {
    for value in [value.next_down(), value, value.next_up()] {
        assert_as_std(value);
        assert_as_std(-value);
    }
}

#[test]
fn numbers_read_as_printf_writes_them() {
    let cases = [
        (Number::Whole(0), "0"),
        (Number::Whole(9), "9"),
        (Number::Whole(10), "10"),
        (Number::Whole(105), "105"),
        (Number::Whole(u64::MAX), "18446744073709551615"),
        (Number::Fixed(0.1), "0.100000"),
        (Number::Fixed(-0.0), "-0.000000"),
        (Number::Fixed(-0.000_000_1), "-0.000000"),
        (Number::Fixed(0.000_000_5), "0.000000"),
        (Number::Fixed(0.000_001_5), "0.000002"),
        (Number::Fixed(0.999_999_6), "1.000000"),
        (Number::Fixed(-99.999_999_9), "-100.000000"),
        (Number::Fixed(1e22), "10000000000000000000000.000000"),
        (Number::Fixed(5e-324), "0.000000"),
    ];
    for (number, expected) in cases {
        assert_eq!(text(number), expected);
    }
}

#[test]
fn ties_go_to_the_even_digit() {
    // An odd number of 128ths is half a millionth from two numbers with six decimals.
    assert_eq!(text(Number::Fixed(1.0 / 128.0)), "0.007812");
    assert_eq!(text(Number::Fixed(3.0 / 128.0)), "0.023438");
    assert_eq!(text(Number::Fixed(-1_000.0 - 5.0 / 128.0)), "-1000.039062");
    for odd in (1..1_000_000_u32).step_by(38) {
        assert_around_as_std(f64::from(odd) / 128.0);
    }
}

#[test]
fn every_exponent_reads_as_the_standard_library_writes_it() {
    for exponent in 0..0x7ff_u64 {
        for fraction in [0, 1, 0x8_0000_0000_0000, 0xa_5a5a_5a5a_5a5a, 0xf_ffff_ffff_ffff] {
            assert_as_std(f64::from_bits(exponent << 52 | fraction));
        }
    }
    for edge in [SHORT_END, 9e15, 2_f64.powi(53), 2_f64.powi(63), 1e-6, 5e-7, 1.0] {
        assert_around_as_std(edge);
    }
}

#[test]
fn near_ties_round_as_the_exact_value_decides() {
    // A release build has the time for more.
    let count = if cfg!(debug_assertions) { 20_000 } else { 300_000 };
    for index in 0..count {
        let random = random(index);
        assert_around_as_std((random % 1_000_000_000) as f64 / 1e6 + 0.5e-6);
        assert_around_as_std((random % 1_000_000_000_000) as f64 / 1e3);
        assert_around_as_std((random >> 10) as f64);
        assert_as_std(f64::from_bits(random));
        let short = random % (1_075 << 52);
        assert_as_std(f64::from_bits(short));
    }
}

/// Bits that look random and are the same each time (splitmix64).
fn random(index: u64) -> u64 {
    let mut bits = index.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ bits >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ bits >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ bits >> 31
}

proptest! {
    #[test]
    fn property_test_any_number_reads_as_the_standard_library_writes_it(
        bits in any::<u64>(), whole in any::<u64>(), shift in 0..64_u32
    ) {
        let value = f64::from_bits(bits);
        if value.is_finite() {
            prop_assert_eq!(text(Number::Fixed(value)), format!("{value:.6}"));
        }
        let whole = whole >> shift;
        prop_assert_eq!(text(Number::Whole(whole)), whole.to_string());
    }
}
