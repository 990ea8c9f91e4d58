//! Numbers of the protocol: values, rates, and whole numbers.

use crate::Reason;
use crate::parse::until;

/// The powers of ten by which a short decimal is divided; all of them are exact doubles.
const POWERS_OF_TEN: [f64; SHORT + 1] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15];

/// As many digits always make a whole number below 2^53, which is an exact double.
const SHORT: usize = 15;

/// The number that a text without blanks around it stands for, correctly rounded: a sign or
/// none, decimal digits with or without a point (`.5` and `5.` too), an exponent or none.
///
/// # Errors
///
/// [`Reason::NonFinite`] for `nan`, `inf` and `infinity` in any case and for what is too large
/// for a double, [`Reason::BadValue`] for what is not a number.
pub(crate) fn value(text: &[u8]) -> Result<f64, Reason> {
    let (negative, unsigned) = match text.split_first() {
        Some((b'-', rest)) => (true, rest),
        Some((b'+', rest)) => (false, rest),
        _ => (false, text),
    };
    match decimal(unsigned) {
        Some(number) if number.is_finite() => Ok(if negative { -number } else { number }),
        Some(_) => Err(Reason::NonFinite),
        None if is_word(unsigned) => Err(Reason::NonFinite),
        None => Err(Reason::BadValue),
    }
}

/// The rate that a text without blanks around it stands for: an unsigned decimal number in
/// (0, 1].
///
/// # Errors
///
/// [`Reason::BadSampleRate`] for anything else, a number that rounds to 0 included.
pub(crate) fn rate(text: &[u8]) -> Result<f64, Reason> {
    decimal(text).filter(|rate| *rate > 0.0 && *rate <= 1.0).ok_or(Reason::BadSampleRate)
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

/// The unsigned decimal number that a text stands for; infinite where it is too large.
fn decimal(text: &[u8]) -> Option<f64> {
    let (integer, rest) = digits(text);
    let (fraction, rest) = rest.strip_prefix(b".").map_or((&[][..], rest), digits);
    let count = integer.len() + fraction.len();
    if count == 0 {
        return None;
    }
    if rest.is_empty() && count <= SHORT {
        return short(integer, fraction);
    }
    if !rest.is_empty() && !is_exponent(rest) {
        return None;
    }
    // The form is checked, so that what else std takes for a number does not get this far.
    str::from_utf8(text).ok()?.parse().ok()
}

/// The digits that a text begins with, and the rest.
fn digits(text: &[u8]) -> (&[u8], &[u8]) {
    until(text, |byte| !byte.is_ascii_digit())
}

/// The number of few digits: both parts of the division are exact, so its one rounding is the
/// correct one.
fn short(integer: &[u8], fraction: &[u8]) -> Option<f64> {
    let add = |sum: u64, digit: &u8| sum * 10 + u64::from(digit - b'0');
    let sum = fraction.iter().fold(integer.iter().fold(0, add), add);
    Some(sum as f64 / POWERS_OF_TEN.get(fraction.len())?)
}

/// `e`, a sign or none, and at least one digit.
fn is_exponent(text: &[u8]) -> bool {
    let Some(power) = text.strip_prefix(b"e").or_else(|| text.strip_prefix(b"E")) else {
        return false;
    };
    let digits = power.strip_prefix(b"+").or_else(|| power.strip_prefix(b"-")).unwrap_or(power);
    !digits.is_empty() && digits.iter().all(u8::is_ascii_digit)
}

/// What a double prints as when it is no number.
fn is_word(text: &[u8]) -> bool {
    [&b"nan"[..], b"inf", b"infinity"].iter().any(|word| text.eq_ignore_ascii_case(word))
}
