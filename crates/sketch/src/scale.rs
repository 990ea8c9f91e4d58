//! Which bucket a value belongs to, and where the buckets end.
//!
//! At scale `s` a bucket is `2^(2^-s)` times as wide as the one before; bucket `i` holds the
//! values above `2^(i * 2^-s)` up to and with `2^((i + 1) * 2^-s)`. One scale less makes one bucket
//! of two: that of index `i` goes into `i >> 1`. See "Exponential Buckets" in the data model for
//! metrics of OpenTelemetry.

/// The finest scale: a bucket is a millionth wide.
pub const SCALE_MAX: i8 = 20;
/// The coarsest scale: one bucket holds all numbers above 1, and one all others above 0.
pub const SCALE_MIN: i8 = -11;

/// The explicit bits of the fraction of a double.
const FRACTION_BITS: u32 = f64::MANTISSA_DIGITS - 1;
/// The exponent of the smallest normal double.
const EXPONENT_MIN: i32 = f64::MIN_EXP - 1;

/// The index of the bucket of a finite value greater than 0, at the finest scale.
///
/// All other scales follow from it, so that a value goes the same way whether it was put into a
/// coarse histogram at once or into a fine one that became coarse.
pub(crate) fn index(value: f64) -> i32 {
    let (mantissa, exponent) = split(value);
    let first = exponent << SCALE_MAX;
    if mantissa == 1.0 {
        // A power of two is the last value of its bucket.
        return first - 1;
    }
    let width = f64::from(1 << SCALE_MAX);
    #[expect(clippy::cast_possible_truncation, reason = "between 0 and 2^20")]
    let within = (mantissa.log2() * width).ceil() as i32;
    // A mantissa next to 1 or 2 has a logarithm that is rounded to theirs.
    first + within.clamp(1, 1 << SCALE_MAX) - 1
}

/// The bucket at a scale of what has this index at the finest one.
pub(crate) fn coarser(index: i32, scale: i8) -> i32 {
    // A double has about 2^32 buckets at the finest scale: beyond 31 bits nothing is left.
    index >> (SCALE_MAX - scale).min(31)
}

/// Where the bucket before that of an index ends, which is where it begins.
pub(crate) fn lower_bound(index: i32, scale: i8) -> f64 {
    (f64::from(index) * f64::from(-i32::from(scale)).exp2()).exp2()
}

/// A finite value above 0 as a mantissa in `[1, 2)` and an exponent.
fn split(value: f64) -> (f64, i32) {
    let normal = if value.is_normal() { value } else { value * 2_f64.powi(64) };
    let shift = if value.is_normal() { 0 } else { 64 };
    let bits = normal.to_bits();
    let exponent = (bits >> FRACTION_BITS) as i32 - 1 + EXPONENT_MIN;
    let fraction = bits & ((1 << FRACTION_BITS) - 1);
    (f64::from_bits(1_f64.to_bits() | fraction), exponent - shift)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_a_mantissa_times_a_power_of_two() {
        let cases = [
            (1.0, (1.0, 0)),
            (1.5, (1.5, 0)),
            (0.75, (1.5, -1)),
            (f64::MIN_POSITIVE, (1.0, -1022)),
            (5e-324, (1.0, -1074)),
            (3.0 * 5e-324, (1.5, -1073)),
            (f64::MAX, (2.0 - f64::EPSILON, 1023)),
        ];
        for (value, parts) in cases {
            assert_eq!(split(value), parts, "{value}");
        }
    }

    #[test]
    fn powers_of_two_end_their_buckets_at_every_scale() {
        for exponent in [-1074, -1022, -5, -1, 0, 1, 10, 1023] {
            // Not by `powi`, which goes over a power that is not finite.
            let value = f64::from(exponent).exp2();
            for scale in 0..=SCALE_MAX {
                assert_eq!(coarser(index(value), scale), (exponent << scale) - 1, "{exponent}");
            }
        }
        assert_eq!([0.3, 1.0, 1.1, 1e300].map(|value| coarser(index(value), -11)), [-1, -1, 0, 0]);
    }

    #[test]
    fn neighbours_of_a_power_of_two_stay_on_their_side() {
        let first = |value: f64| coarser(index(value), 0);
        assert_eq!(first(1.0_f64.next_up()), 0);
        assert_eq!(first(1.0_f64.next_down()), -1);
        assert_eq!(first(2.0_f64.next_down()), 0);
        assert_eq!(first(2.0_f64.next_up()), 1);
        assert_eq!(first(f64::MAX), 1023);
    }

    proptest::proptest! {
        #[test]
        fn property_test_a_value_lies_within_its_bucket(bits in 1_u64..0x7ff0_0000_0000_0000,
                                                        scale in SCALE_MIN..=12_i8) {
            let value = f64::from_bits(bits);
            let index = coarser(index(value), scale);
            // The ends themselves are rounded, and so is the logarithm.
            let slack = 1.0 + 1e-12;
            assert!(lower_bound(index, scale) <= value * slack, "{value} {index}");
            assert!(value <= lower_bound(index + 1, scale) * slack, "{value} {index}");
        }
    }
}
