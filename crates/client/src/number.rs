//! Numbers as they are written on the wire.

use std::io::Write as _;
use std::time::Duration;

use gstatsd_wire::Kind;

/// A finite number to be sent. Whole numbers are written in full; others with the fewest digits
/// that read back as the same number. What is not finite is refused when it is sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Number<'a>(Form<'a>);

#[derive(Clone, Copy, Debug, PartialEq)]
enum Form<'a> {
    Digits(&'a str),
    Float(f64),
    /// Nanoseconds, to be written as milliseconds.
    Time(Duration),
    /// A sign and a size, so that every `i64` and every `u64` has its place.
    Whole(bool, u64),
}

impl<'a> Number<'a> {
    /// A whole number of any size, in decimal digits with `-` before them or nothing; `None` for
    /// any other text, and where it is too large for a double.
    #[must_use]
    pub fn from_digits(text: &'a str) -> Option<Self> {
        let digits = text.strip_prefix('-').unwrap_or(text);
        let whole = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
        let finite = || text.parse().is_ok_and(f64::is_finite);
        (whole && finite()).then_some(Self(Form::Digits(text)))
    }

    /// The number as the nearest double; milliseconds for a duration.
    #[must_use]
    pub fn as_f64(self) -> f64 {
        match self.0 {
            // Both were looked at when they were made.
            Form::Digits(text) => text.parse().unwrap_or(f64::NAN),
            Form::Float(number) => number,
            Form::Time(time) => time.as_nanos() as f64 / 1e6,
            Form::Whole(negative, size) => {
                let size = size as f64;
                if negative { -size } else { size }
            }
        }
    }

    /// The number, where it is a whole one that fits.
    pub(crate) fn as_i64(self) -> Option<i64> {
        match self.0 {
            Form::Whole(false, size) => i64::try_from(size).ok(),
            Form::Whole(true, size) => 0_i64.checked_sub_unsigned(size),
            _ => None,
        }
    }
}

/// What can be sent as a number: whole numbers, doubles, and durations in milliseconds.
pub trait IntoNumber {
    /// The number to be sent.
    fn into_number(self) -> Number<'static>;
}

macro_rules! into_number {
    ($($signed:ty)*; $($unsigned:ty)*) => {
        $(impl IntoNumber for $signed {
            #[inline]
            fn into_number(self) -> Number<'static> {
                // No integer here has more than 64 bits.
                Number(Form::Whole(self < 0, self.unsigned_abs() as u64))
            }
        })*
        $(impl IntoNumber for $unsigned {
            #[inline]
            fn into_number(self) -> Number<'static> {
                Number(Form::Whole(false, self as u64))
            }
        })*
    };
}

#[expect(clippy::cast_lossless, reason = "`usize` has no lossless way to 64 bits")]
mod integers {
    use super::{Form, IntoNumber, Number};

    into_number!(i8 i16 i32 i64 isize; u8 u16 u32 u64 usize);
}

impl IntoNumber for f32 {
    #[inline]
    fn into_number(self) -> Number<'static> {
        f64::from(self).into_number()
    }
}

impl IntoNumber for f64 {
    #[inline]
    fn into_number(self) -> Number<'static> {
        Number(Form::Float(self))
    }
}

impl IntoNumber for Duration {
    #[inline]
    fn into_number(self) -> Number<'static> {
        Number(Form::Time(self))
    }
}

impl From<i64> for Number<'static> {
    fn from(number: i64) -> Self {
        number.into_number()
    }
}

impl From<f64> for Number<'static> {
    fn from(number: f64) -> Self {
        number.into_number()
    }
}

impl IntoNumber for Number<'static> {
    #[inline]
    fn into_number(self) -> Self {
        self
    }
}

/// How numbers that are not whole are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Rounding {
    /// As they are: they read back as the same double.
    #[default]
    Exact,
    /// As gstatsd 0.6 wrote them: counters and timers rounded to whole numbers, halves away from
    /// zero, and gauges to six decimals. A stopped [`Timer`](crate::Timer) is cut to whole
    /// milliseconds. Other types are exact.
    Gstatsd,
}

/// Appends a number. `false`, and nothing is appended, where it is not finite.
#[inline]
pub(crate) fn write(number: Number<'_>, kind: Kind, rounding: Rounding, out: &mut Vec<u8>) -> bool {
    if let Form::Whole(negative, size) = number.0 {
        if negative {
            out.push(b'-');
        }
        write_u64(size, out);
        return true;
    }
    write_other(number, kind, rounding, out)
}

fn write_other(number: Number<'_>, kind: Kind, rounding: Rounding, out: &mut Vec<u8>) -> bool {
    if let Form::Digits(digits) = number.0 {
        out.extend_from_slice(digits.as_bytes());
        return true;
    }
    let float = number.as_f64();
    if !float.is_finite() {
        return false;
    }
    match (rounding, kind, number.0) {
        (Rounding::Gstatsd, Kind::Counter | Kind::Timer, _) => write_rounded(float, out),
        (Rounding::Gstatsd, Kind::Gauge, _) => write_six_decimals(float, out),
        (_, _, Form::Time(time)) => write_millis(time, out),
        _ => write_shortest(float, out),
    }
    true
}

/// Appends the digits of a whole number.
#[inline]
pub(crate) fn write_u64(mut number: u64, out: &mut Vec<u8>) {
    if let Ok(digit @ 0..=9) = u8::try_from(number) {
        out.push(b'0' + digit);
        return;
    }
    let mut digits = [0; 20];
    let mut start = digits.len();
    while number > 0 {
        start -= 1;
        // A remainder of ten fits.
        digits[start] = b'0' + u8::try_from(number % 10).unwrap_or(0);
        number /= 10;
    }
    out.extend_from_slice(&digits[start..]);
}

/// Appends the fewest digits that read back as the same double. Very small and very large
/// numbers have an exponent of at least two digits, as in Python.
pub(crate) fn write_shortest(number: f64, out: &mut Vec<u8>) {
    let size = number.abs();
    if size == 0.0 {
        // Without its sign, which some receivers would take for that of a change.
        out.push(b'0');
        return;
    }
    if let Some(millionths) = whole_millionths(size) {
        if number < 0.0 {
            out.push(b'-');
        }
        write_u64(millionths / 1_000_000, out);
        return write_fraction(millionths % 1_000_000, out);
    }
    // Writing to a vector cannot fail.
    if (1e-4..1e16).contains(&size) {
        write!(out, "{number}").ok();
        return;
    }
    let start = out.len();
    write!(out, "{number:e}").ok();
    let Some(at) = out[start..].iter().position(|byte| *byte == b'e') else { return };
    let digits = start + at + 1 + usize::from(size < 1.0);
    if out.len() == digits + 1 {
        out.insert(digits, b'0');
    }
}

fn write_rounded(number: f64, out: &mut Vec<u8>) {
    let rounded = number.round();
    if rounded.abs() < 9e18 {
        if rounded < 0.0 {
            out.push(b'-');
        }
        #[expect(clippy::cast_possible_truncation, reason = "a whole number that fits")]
        return write_u64((rounded as i64).unsigned_abs(), out);
    }
    write!(out, "{rounded:.0}").ok();
}

/// Appends a number rounded to six decimals, without the zeros at their end.
fn write_six_decimals(number: f64, out: &mut Vec<u8>) {
    if number.is_sign_negative() {
        out.push(b'-');
    }
    let Some(millionths) = millionths(number.abs()) else {
        let start = out.len();
        write!(out, "{:.6}", number.abs()).ok();
        let zeros = out[start..].iter().rev().take_while(|byte| **byte == b'0').count();
        out.truncate(out.len() - zeros);
        if out.ends_with(b".") {
            out.pop();
        }
        return;
    };
    write_u64(millionths / 1_000_000, out);
    write_fraction(millionths % 1_000_000, out);
}

/// A number in millionths, correctly rounded from its exact value, halves to even; nothing where
/// it is large.
fn millionths(size: f64) -> Option<u64> {
    /// Below this the result fits.
    const SIZE_MAX: f64 = (1_u64 << 43) as f64;
    if size >= SIZE_MAX {
        return None;
    }
    let bits = size.to_bits();
    // The number is `digits` over two to the power of `shift`, which is at least 10 here.
    let (exponent, digits) = (bits >> 52, bits & ((1 << 52) - 1));
    let (digits, shift) = match exponent {
        0 => (digits, 1_074),
        _ => (digits | 1 << 52, 1_075 - exponent),
    };
    // 73 bits, of which nothing is left after so many.
    if shift > 75 {
        return Some(0);
    }
    let exact = u128::from(digits) * 1_000_000;
    let (whole, rest, half) = (exact >> shift, exact & ((1 << shift) - 1), 1 << (shift - 1));
    let up = rest > half || rest == half && whole & 1 == 1;
    u64::try_from(whole + u128::from(up)).ok()
}

/// A number in millionths, where it has up to six decimals and fifteen digits: no other double has
/// these, so they are the fewest that read back.
fn whole_millionths(size: f64) -> Option<u64> {
    if !(1e-4..1e9).contains(&size) {
        return None;
    }
    let millionths = (size * 1e6).round();
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a whole number that fits"
    )]
    (millionths / 1e6 == size).then_some(millionths as u64)
}

/// Appends up to six decimals of a number of millionths, after a point; nothing where it is 0.
fn write_fraction(mut millionths: u64, out: &mut Vec<u8>) {
    if millionths == 0 {
        return;
    }
    out.push(b'.');
    let mut unit = 100_000;
    while millionths > 0 {
        // One digit: there are less than ten units.
        out.push(b'0' + u8::try_from(millionths / unit).unwrap_or(0));
        millionths %= unit;
        unit /= 10;
    }
}

/// Appends milliseconds with up to six decimals, which is exact.
fn write_millis(time: Duration, out: &mut Vec<u8>) {
    let nanos = time.as_nanos();
    let Ok(millis) = u64::try_from(nanos / 1_000_000) else {
        write_shortest(nanos as f64 / 1e6, out);
        return;
    };
    write_u64(millis, out);
    // A remainder of a million fits.
    write_fraction(u64::try_from(nanos % 1_000_000).unwrap_or(0), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(number: Number<'_>, kind: Kind, rounding: Rounding) -> String {
        let mut out = b"=".to_vec();
        assert!(write(number, kind, rounding, &mut out));
        String::from_utf8(out).unwrap()
    }

    fn exact(number: impl IntoNumber) -> String {
        text(number.into_number(), Kind::Counter, Rounding::Exact)
    }

    #[test]
    fn whole_numbers_are_written_in_full() {
        assert_eq!(exact(0_u8), "=0");
        assert_eq!(exact(-7_i8), "=-7");
        assert_eq!(exact(10_usize), "=10");
        assert_eq!(exact(i64::MIN), format!("={}", i64::MIN));
        assert_eq!(exact(u64::MAX), format!("={}", u64::MAX));
    }

    #[test]
    fn doubles_have_the_fewest_digits_that_read_back() {
        assert_eq!(exact(0.1), "=0.1");
        assert_eq!(exact(-2.0), "=-2");
        assert_eq!(exact(-0.0), "=0");
        assert_eq!(exact(1.0 / 3.0), "=0.3333333333333333");
        assert_eq!(exact(0.0001), "=0.0001");
        assert_eq!(exact(0.00001), "=1e-05");
        assert_eq!(exact(1.5e-300), "=1.5e-300");
        assert_eq!(exact(1e16), "=1e16");
        assert_eq!(exact(-1e7_f32), "=-10000000");
    }

    #[test]
    fn durations_are_milliseconds_with_as_many_decimals_as_they_need() {
        assert_eq!(exact(Duration::from_millis(20)), "=20");
        assert_eq!(exact(Duration::from_micros(1_500)), "=1.5");
        assert_eq!(exact(Duration::from_nanos(1)), "=0.000001");
        assert_eq!(exact(Duration::from_nanos(3_050_007)), "=3.050007");
        assert_eq!(exact(Duration::MAX), "=1.8446744073709552e22");
        let rounded = |time: Duration| text(time.into_number(), Kind::Timer, Rounding::Gstatsd);
        assert_eq!(rounded(Duration::from_micros(2_500)), "=3");
    }

    #[test]
    fn gstatsd_rounded_halves_away_from_zero_and_gauges_to_six_decimals() {
        let of = |kind, number: f64| text(number.into_number(), kind, Rounding::Gstatsd);
        assert_eq!(of(Kind::Counter, -2.5), "=-3");
        assert_eq!(of(Kind::Counter, -0.4), "=0");
        assert_eq!(of(Kind::Timer, 1e22), "=10000000000000000000000");
        assert_eq!(of(Kind::Gauge, 0.1234567), "=0.123457");
        assert_eq!(of(Kind::Gauge, -1e-7), "=-0");
        assert_eq!(of(Kind::Gauge, 1e22), "=10000000000000000000000");
        assert_eq!(of(Kind::Histogram, 0.1234567), "=0.1234567");
    }

    #[test]
    fn the_fewest_digits_are_those_of_the_standard_library() {
        let check = |number: f64| {
            for number in [number, -number] {
                let expected = match number.abs() {
                    1e-4..1e16 => format!("={number}"),
                    _ => return,
                };
                assert_eq!(exact(number), expected);
            }
        };
        let mut bits = 0x1234_5678_9abc_def0_u64;
        for digits in 0..4_000_u32 {
            bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            for power in 0..12 {
                let decimal = f64::from(digits) / 10_f64.powi(power);
                check(decimal);
                check(decimal.next_up());
                check(f64::from(u32::try_from(bits >> 34).unwrap()) / 10_f64.powi(power));
            }
            check(f64::from_bits(bits >> 12 | (1_000 + bits % 80) << 52));
        }
        check(1e9);
        check(1e9_f64.next_down());
        check(999_999_999.999_999);
        check(1e-4);
    }

    #[test]
    fn six_decimals_are_exact_at_every_size() {
        let slow = |number: f64| {
            let text = format!("={number:.6}");
            text.trim_end_matches('0').trim_end_matches('.').to_owned()
        };
        let check = |number: f64| {
            for number in [number, -number] {
                let fast = text(number.into_number(), Kind::Gauge, Rounding::Gstatsd);
                assert_eq!(fast, slow(number), "{number:e}");
            }
        };
        // Halves of a millionth that are exact: 2^-7 has seven decimals.
        for odd in (1..100_u32).step_by(2) {
            check(f64::from(odd) / 128.0);
        }
        let mut bits = 0x1234_5678_9abc_def0_u64;
        for exponent in 0..0x7ff {
            for _ in 0..5 {
                bits = bits.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                check(f64::from_bits(bits >> 12 | exponent << 52));
                check(f64::from_bits(bits >> 60 | exponent << 52));
            }
        }
        for power in 40..46 {
            check(f64::from(1 << (power - 20)) * f64::from(1 << 20) - 0.001);
        }
    }

    #[test]
    fn what_is_not_finite_is_not_written() {
        for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            for rounding in [Rounding::Exact, Rounding::Gstatsd] {
                let mut out = Vec::new();
                assert!(!write(number.into_number(), Kind::Gauge, rounding, &mut out));
                assert!(out.is_empty());
            }
        }
    }

    #[test]
    fn digits_are_a_whole_number_within_a_double() {
        let long = format!("-1{}", "0".repeat(300));
        let number = Number::from_digits(&long).unwrap();
        assert_eq!(text(number, Kind::Counter, Rounding::Gstatsd), format!("={long}"));
        let too_long = "9".repeat(400);
        for text in ["", "-", "+1", "1.5", "1e3", " 1", "--1", "inf", &too_long] {
            assert_eq!(Number::from_digits(text), None, "{text}");
        }
    }
}
