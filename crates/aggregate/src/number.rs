//! The text of the numbers that come out.

mod short;

use std::io::Write as _;

/// 2^52: from there on, numbers have no fraction.
const SHORT_END: f64 = 4_503_599_627_370_496.0;
/// Six decimals.
const MILLIONTHS: u64 = 1_000_000;
/// The digits of `u64::MAX`, and seven for the point and its decimals, and a sign.
const TEXT_MAX: usize = 28;

/// A number on its way out.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Number {
    /// Written with six decimals, correctly rounded from the exact value, as `%f` does.
    Fixed(f64),
    /// Written with the fewest digits that stand for no other number, laid out as JavaScript
    /// does: plainly from a millionth up to 1e21, else with an exponent; -0 as 0. Finite.
    Short(f64),
    /// A whole number.
    Whole(u64),
}

impl Number {
    /// The text alone.
    pub(crate) fn text(self) -> String {
        let mut text = Vec::new();
        self.write(&mut text);
        String::from_utf8_lossy(&text).into_owned()
    }

    /// Appends the text.
    pub fn write(self, out: &mut Vec<u8>) {
        match self {
            Self::Fixed(value) if value.abs() < SHORT_END => write_fixed(value, out),
            Self::Fixed(value) => {
                let written = write!(out, "{value:.6}");
                debug_assert!(written.is_ok(), "writing to a vector cannot fail");
            }
            Self::Short(value) => short::write(value, out),
            Self::Whole(value) => {
                let mut text = [0; TEXT_MAX];
                let start = write_whole(value, &mut text, TEXT_MAX);
                out.extend_from_slice(&text[start..]);
            }
        }
    }
}

/// Writes a number of an ordinary size.
fn write_fixed(value: f64, out: &mut Vec<u8>) {
    let (whole, millionths) = split(value.abs());
    let mut text = [0; TEXT_MAX];
    text[TEXT_MAX - 2..].copy_from_slice(pair(millionths % 100));
    text[TEXT_MAX - 4..TEXT_MAX - 2].copy_from_slice(pair(millionths / 100 % 100));
    text[TEXT_MAX - 6..TEXT_MAX - 4].copy_from_slice(pair(millionths / 10_000));
    text[TEXT_MAX - 7] = b'.';
    let mut start = write_whole(whole, &mut text, TEXT_MAX - 7);
    if value.is_sign_negative() {
        start -= 1;
        text[start] = b'-';
    }
    out.extend_from_slice(&text[start..]);
}

/// The whole part of a positive number below [`SHORT_END`], and the rest in millionths: rounded
/// to the nearest, and to the even one of two that are as near.
///
/// The number is `mantissa / 2^shift`, and all of this is exact arithmetic with integers.
fn split(value: f64) -> (u64, u64) {
    let bits = value.to_bits();
    let fraction = bits & ((1 << 52) - 1);
    // The smallest numbers have no leading 1, and the exponent of those that do.
    let (mantissa, exponent) = match bits >> 52 {
        0 => (fraction, 1),
        exponent => (fraction | 1 << 52, exponent),
    };
    let shift = 1_075 - exponent;
    let (whole, rest) = match shift {
        ..64 => (mantissa >> shift, mantissa & ((1 << shift) - 1)),
        64.. => (0, mantissa),
    };
    // Less than 2^73, as a mantissa has 53 bits and a million 20. Shifted by 100 or by more it
    // is nothing, and no tie.
    let scaled = u128::from(rest) * u128::from(MILLIONTHS);
    let shift = shift.min(100);
    let odd = scaled >> shift & 1;
    let below_half = (1 << (shift - 1)) - 1;
    #[expect(clippy::cast_possible_truncation, reason = "it is a million at most")]
    let millionths = ((scaled + below_half + odd) >> shift) as u64;
    match millionths {
        MILLIONTHS => (whole + 1, 0),
        _ => (whole, millionths),
    }
}

/// Writes the digits so that they end before `end`, and says where they start.
fn write_whole(mut value: u64, text: &mut [u8; TEXT_MAX], end: usize) -> usize {
    let mut start = end;
    while value >= 100 {
        start -= 2;
        text[start..start + 2].copy_from_slice(pair(value % 100));
        value /= 100;
    }
    if value >= 10 {
        start -= 2;
        text[start..start + 2].copy_from_slice(pair(value));
    } else {
        start -= 1;
        text[start] = pair(value)[1];
    }
    start
}

/// The two digits of a number below 100.
#[expect(clippy::cast_possible_truncation, reason = "it is below 100")]
fn pair(value: u64) -> &'static [u8; 2] {
    &PAIRS[value as usize]
}

/// `00` to `99`.
static PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[b'0'; 2]; 100];
    let mut value = 0;
    while value < 100 {
        #[expect(clippy::cast_possible_truncation, reason = "it is below 100")]
        let (tens, ones) = (value as u8 / 10, value as u8 % 10);
        pairs[value] = [b'0' + tens, b'0' + ones];
        value += 1;
    }
    pairs
};

#[cfg(test)]
mod tests;
