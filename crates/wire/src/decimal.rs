//! Short unsigned decimals without a loop: up to 16 characters at once in a register.
//!
//! The text `12.5` in a register of eight bytes, the first character in the lowest byte, as the
//! values of its digits (`E` is what a point comes to). Bytes before the text are cleared; the
//! part before the point moves up by a byte to close the gap:
//!
//! ```text
//!        first byte                      last byte
//! bytes       0   0   0   0   1   2   E   5
//! closed      0   0   0   0   0   1   2   5         = 125, divided by 10^1
//! ```
//!
//! Beside a point stand 15 digits at most. They make a whole number below 2^53, and the powers of
//! ten up to 10^15 are exact doubles too, so the one rounding of the division is the correct one
//! (Clinger, 1990). Without a point nothing is divided, and the one rounding is that of the whole
//! number.

#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

/// Divides by the power of ten of as many digits as follow the point; the last two entries are
/// for no point at all in 8 and in 16 characters.
const NARROW: [f64; 9] = [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e0];
const WIDE: [f64; 17] =
    [1e0, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e0];

/// The number that `text[start..end]` stands for, 1 to 16 bytes: digits, at least one, with or
/// without a point among, before or behind them. Nothing for any other text, and for one outside
/// of `text`.
#[inline(always)]
pub(crate) fn read(text: &[u8], start: usize, end: usize) -> Option<f64> {
    match end.wrapping_sub(start) {
        length @ 1..=8 => narrow(u64::from_le_bytes(up_to(text, end)?), length),
        length @ 9..=16 => wide(u128::from_le_bytes(up_to(text, end)?), length),
        _ => None,
    }
}

/// The `N` bytes before `end`. Where the text has fewer, anything stands for the others.
#[inline(always)]
fn up_to<const N: usize>(text: &[u8], end: usize) -> Option<[u8; N]> {
    let before = text.get(..end)?;
    Some(before.last_chunk::<N>().copied().unwrap_or_else(|| padded(before)))
}

#[cold]
#[inline(never)]
fn padded<const N: usize>(before: &[u8]) -> [u8; N] {
    let mut bytes = [0; N];
    for (byte, found) in bytes.iter_mut().rev().zip(before.iter().rev()) {
        *byte = *found;
    }
    bytes
}

/// Defines the reading of a text at the end of a register of some width.
macro_rules! define {
    ($name:ident, $register:ty, $powers:ident, $whole:expr) => {
        #[inline(always)]
        fn $name(bytes: $register, length: usize) -> Option<f64> {
            const fn every(byte: u8) -> $register {
                <$register>::from_ne_bytes([byte; <$register>::BITS as usize / 8])
            }
            // Digits become their values, and what stands before the text becomes 0.
            let bytes = (bytes ^ every(b'0'))
                & (<$register>::MAX << (<$register>::BITS as usize - 8 * length));
            // The top bit of each byte that is a point. Bytes behind a point may be taken for
            // one, never one before it, and only the first counts.
            let points = bytes ^ every(b'.' ^ b'0');
            let points = points.wrapping_sub(every(1)) & !points & every(0x80);
            let point = points & points.wrapping_neg();
            let has_point = point != 0;
            let bytes = bytes ^ (point >> 7).wrapping_mul(<$register>::from(b'.' ^ b'0'));
            // 0x76 is what a byte lacks to its top bit when it is 10.
            let digits = ((bytes.wrapping_add(every(0x76))) | bytes) & every(0x80) == 0;
            if !digits || length == usize::from(has_point) {
                return None;
            }
            // Everything where there is no point.
            let before = (point >> 7).wrapping_sub(1);
            let gap = if has_point { 8 } else { 0 };
            let closed = (bytes & !before) | ((bytes & before) << gap);
            let whole: i64 = $whole(closed);
            // Without a point this is the number of bytes, for which there is an entry.
            let fraction = point.leading_zeros() as usize / 8;
            Some(whole as f64 / $powers.get(fraction)?)
        }
    };
}

define!(narrow, u64, NARROW, whole);
define!(wide, u128, WIDE, |closed: u128| {
    let bytes = closed.to_le_bytes();
    let (halves, _) = bytes.as_chunks::<8>();
    halves.iter().fold(0, |sum, half| sum * 100_000_000 + whole(u64::from_le_bytes(*half)))
});

/// The whole number of eight digits, the first in the lowest byte: neighbours are put together
/// to pairs, pairs to fours and those to the whole, by factors that do two steps in one.
#[inline(always)]
fn whole(digits: u64) -> i64 {
    // Every other byte: ten times a digit and the next one.
    let pairs = digits.wrapping_mul(10) + (digits >> 8);
    let low = (pairs & 0x0000_00ff_0000_00ff).wrapping_mul(100 + (1_000_000 << 32));
    let high = ((pairs >> 16) & 0x0000_00ff_0000_00ff).wrapping_mul(1 + (10_000 << 32));
    (low.wrapping_add(high) >> 32).cast_signed()
}
