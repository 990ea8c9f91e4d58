//! The shortest text of a number, laid out as JavaScript prints it.
//!
//! The digits are those that zmij finds: the fewest that stand for no other number, and of those
//! the nearest. It lays them out a little differently where numbers are very large or very small.

use super::{TEXT_MAX, write_whole};

/// 2^53: up to there every whole number is one `f64`.
const WHOLE_END: f64 = 9_007_199_254_740_992.0;
/// JavaScript prints numbers from here on with an exponent (ECMA-262, `Number::toString`).
const PLAIN_END: i32 = 21;
/// And numbers below one with this exponent.
const PLAIN_START: i32 = -7;

/// Appends the text of a finite number.
pub(super) fn write(value: f64, out: &mut Vec<u8>) {
    debug_assert!(value.is_finite(), "what goes out is finite");
    if value.abs() < WHOLE_END && value.trunc() == value {
        return write_small_whole(value, out);
    }
    let mut buffer = zmij::Buffer::new();
    let text = buffer.format_finite(value);
    match text.split_once('e') {
        None => out.extend_from_slice(text.strip_suffix(".0").unwrap_or(text).as_bytes()),
        Some((digits, exponent)) => match exponent.parse() {
            Ok(exponent) if (PLAIN_START + 1..PLAIN_END).contains(&exponent) => {
                write_plainly(digits, exponent, out);
            }
            _ => out.extend_from_slice(text.as_bytes()),
        },
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole, below 2^53")]
fn write_small_whole(value: f64, out: &mut Vec<u8>) {
    if value < 0.0 {
        out.push(b'-');
    }
    let mut text = [0; TEXT_MAX];
    let start = write_whole(value.abs() as u64, &mut text, TEXT_MAX);
    out.extend_from_slice(&text[start..]);
}

/// Writes `1.5e-6` as `0.0000015` and `1.5e+20` with zeros.
fn write_plainly(digits: &str, exponent: i32, out: &mut Vec<u8>) {
    let (sign, digits) = match digits.strip_prefix('-') {
        Some(digits) => ("-", digits),
        None => ("", digits),
    };
    out.extend_from_slice(sign.as_bytes());
    let digits = digits.bytes().filter(u8::is_ascii_digit);
    if exponent < 0 {
        out.extend_from_slice(b"0.");
        out.extend((exponent + 1..0).map(|_| b'0'));
        out.extend(digits);
    } else {
        // No more than 17 digits, and the exponent is at least 16.
        let zeros = std::iter::repeat(b'0');
        let count = usize::try_from(exponent).map_or(0, |exponent| exponent + 1);
        out.extend(digits.chain(zeros).take(count));
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::Number;

    fn text(value: f64) -> String {
        Number::Short(value).text()
    }

    #[test]
    fn numbers_read_as_javascript_prints_them() {
        // Of Node 20, `String(x)`.
        let cases = [
            (0.0, "0"),
            (-0.0, "0"),
            (1.0, "1"),
            (-1.0, "-1"),
            (0.1, "0.1"),
            (-63.333_333_333_333_336, "-63.333333333333336"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e-5, "0.00001"),
            (1.5e-6, "0.0000015"),
            (-1e-6, "-0.000001"),
            (9.999_999e-7, "9.999999e-7"),
            (1e-7, "1e-7"),
            (5e-324, "5e-324"),
            (9_007_199_254_740_991.0, "9007199254740991"),
            (9_007_199_254_740_993.0, "9007199254740992"),
            // Exactly between two of as many digits: the even one.
            (119_381_144_516_827.0 + 0.625, "119381144516827.62"),
            (1e16, "10000000000000000"),
            (123_456_789_012_345_680.0, "123456789012345680"),
            (-500_000_000_000_043_200_000.0, "-500000000000043200000"),
            (999_999_999_999_999_900_000.0, "999999999999999900000"),
            (1e21, "1e+21"),
            (1.000_000_000_000_086_4e21, "1.0000000000000864e+21"),
            (f64::MAX, "1.7976931348623157e+308"),
            (f64::MIN, "-1.7976931348623157e+308"),
        ];
        for (value, expected) in cases {
            assert_eq!(text(value), expected, "{value:e}");
        }
    }

    /// The layout of ECMA-262 from the digits that the standard library finds.
    fn by_the_book(value: f64) -> String {
        if value == 0.0 {
            return "0".to_owned();
        }
        let shortest = format!("{:e}", value.abs());
        let fraction = shortest.split(['.', 'e']).nth(1).filter(|_| shortest.contains('.'));
        // Of as many digits the nearest: of two that are equally near the even one.
        let scientific = format!("{:.*e}", fraction.map_or(0, str::len), value.abs());
        let (digits, exponent) = scientific.split_once('e').unwrap();
        let digits = digits.replace('.', "");
        let point = exponent.parse::<isize>().unwrap() + 1;
        let count = isize::try_from(digits.len()).unwrap();
        let zeros = |count: isize| "0".repeat(usize::try_from(count).unwrap());
        let plain = match point {
            -5..=0 => format!("0.{}{digits}", zeros(-point)),
            1..=21 if count <= point => digits.clone() + &zeros(point - count),
            1..=21 => {
                let (whole, fraction) = digits.split_at(usize::try_from(point).unwrap());
                format!("{whole}.{fraction}")
            }
            _ => {
                let (first, rest) = digits.split_at(1);
                let rest = if rest.is_empty() { String::new() } else { format!(".{rest}") };
                format!("{first}{rest}e{:+}", point - 1)
            }
        };
        if value < 0.0 { format!("-{plain}") } else { plain }
    }

    #[test]
    fn every_power_of_ten_reads_by_the_book() {
        for exponent in -323..308 {
            for digits in ["1", "-1.5", "9.999999999999999", "1.2345678901234567"] {
                let value: f64 = format!("{digits}e{exponent}").parse().unwrap();
                assert_eq!(text(value), by_the_book(value));
            }
        }
    }

    proptest! {
        #[test]
        fn property_test_any_number_reads_by_the_book_and_is_read_back(
            bits in any::<u64>(), thousandths in any::<i32>(), whole in any::<i64>()
        ) {
            let wide = f64::from_bits(bits);
            for value in [wide, f64::from(thousandths) / 1e3, whole as f64] {
                if value.is_finite() {
                    prop_assert_eq!(text(value), by_the_book(value));
                    prop_assert_eq!(text(value).parse::<f64>().unwrap(), value);
                }
            }
        }
    }
}
