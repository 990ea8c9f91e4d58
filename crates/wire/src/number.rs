//! Numbers of the protocol: values, rates, and whole numbers.

use crate::Reason;
use crate::parse::until;

/// As many digits always make a whole number below 2^53, which is an exact double.
const SHORT: usize = 15;

/// The powers of ten by which a short decimal is divided; all of them are exact doubles.
const POWERS_OF_TEN: [f64; SHORT + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// The number that a text without blanks around it stands for, correctly rounded: a sign or
/// none, decimal digits with or without a point (`.5` and `5.` too), an exponent or none.
///
/// # Errors
///
/// [`Reason::NonFinite`] for `nan`, `inf` and `infinity` in any case and for what is too large
/// for a double, [`Reason::BadValue`] for what is not a number.
pub(crate) fn value(text: &[u8]) -> Result<f64, Reason> {
    if let Some(number) = short(text) {
        return Ok(number);
    }
    // The grammar that std documents is that of the protocol, but for the words and infinity.
    let number: f64 =
        str::from_utf8(text).ok().and_then(|text| text.parse().ok()).ok_or(Reason::BadValue)?;
    if number.is_finite() { Ok(number) } else { Err(Reason::NonFinite) }
}

/// The rate that a text stands for: a number in (0, 1] as [`value`] reads it, without a sign.
///
/// # Errors
///
/// [`Reason::BadSampleRate`] for anything else, a number that rounds to 0 included.
pub(crate) fn rate(text: &[u8]) -> Result<f64, Reason> {
    match value(text) {
        Ok(rate) if rate > 0.0 && rate <= 1.0 && !text.starts_with(b"+") => Ok(rate),
        _ => Err(Reason::BadSampleRate),
    }
}

/// The whole number that a text of decimal digits stands for, if it fits.
pub(crate) fn whole(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u64::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}

/// The number that a sign or none and few digits with or without a point stand for. Both parts
/// of the division are exact, so its one rounding is the correct one.
fn short(text: &[u8]) -> Option<f64> {
    let (sign, unsigned) = match text.split_first() {
        Some((b'-', rest)) => (-1.0, rest),
        Some((b'+', rest)) => (1.0, rest),
        _ => (1.0, text),
    };
    let (integer, rest) = digits(unsigned);
    let (fraction, rest) = rest.strip_prefix(b".").map_or((&[][..], rest), digits);
    let count = integer.len() + fraction.len();
    if count == 0 || count > SHORT || !rest.is_empty() {
        return None;
    }
    let add = |sum: u64, digit: &u8| sum * 10 + u64::from(digit - b'0');
    let sum = fraction.iter().fold(integer.iter().fold(0, add), add);
    Some(sign * (sum as f64 / POWERS_OF_TEN.get(fraction.len())?))
}

/// The digits that a text begins with, and the rest.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    until(text, |byte| !byte.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is told apart here makes a difference in time alone, so that no other test sees it.
    #[test]
    fn numbers_of_few_digits_take_the_short_way() {
        let numbers =
            ["0", "-0", "+7", "-12.5", ".5", "5.", "999999999999999", "-.123456789012345"];
        for text in numbers {
            let number: f64 = text.parse().unwrap();
            assert_eq!(short(text.as_bytes()).map(f64::to_bits), Some(number.to_bits()), "{text}");
        }
        for text in ["", "+", ".", "--1", "1e3", "nan", "1 ", "1000000000000000"] {
            assert_eq!(short(text.as_bytes()), None, "{text}");
        }
    }
}
