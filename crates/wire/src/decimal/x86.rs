//! Short unsigned decimals with the byte shuffles of SSSE3 and SSE4.1: sixteen characters at
//! once, in the same steps as in `decimal.rs`, each of them one instruction.

use std::arch::x86_64::{
    __m128i, _mm_and_si128, _mm_cmpeq_epi8, _mm_cvtsi128_si64, _mm_madd_epi16, _mm_maddubs_epi16,
    _mm_movemask_epi8, _mm_packus_epi32, _mm_set_epi64x, _mm_set1_epi8, _mm_set1_epi16,
    _mm_set1_epi32, _mm_shuffle_epi8, _mm_sub_epi8, _mm_subs_epu8, _mm_testz_si128,
};

use super::WIDE;

/// The sixteen bytes from the one with the index of a length are ones for the last so many, and
/// zeros before.
const LAST: [u8; 32] = {
    let mut bytes = [0; 32];
    let (_, ones) = bytes.split_at_mut(16);
    ones.copy_from_slice(&[0xff; 16]);
    bytes
};

/// What is known by the place of the point: which byte comes where to close the gap, and by what
/// to divide. The last entry is for no point.
struct Point {
    from: [u8; 16],
    power: f64,
}

#[expect(clippy::indexing_slicing, reason = "made by the compiler, which would refuse it")]
const POINTS: [Point; 17] = {
    let mut points = [const { Point { from: [0; 16], power: 1.0 } }; 17];
    let mut place: u8 = 0;
    while place <= 16 {
        let point = &mut points[place as usize];
        let mut to: u8 = 0;
        while to < 16 {
            // Up to the point each byte comes from the one before; 0x80 makes a zero.
            point.from[to as usize] = match to {
                _ if to > place || place == 16 => to,
                0 => 0x80,
                _ => to - 1,
            };
            to += 1;
        }
        if place < 16 {
            point.power = WIDE[15 - place as usize];
        }
        place += 1;
    }
    points
};

/// The number that the last `length` bytes, 1 to 16, stand for, if it is such a number as
/// [`read`](super::read()) reads.
#[target_feature(enable = "ssse3,sse4.1")]
#[inline]
pub(crate) fn last(bytes: &[u8; 16], length: usize) -> Option<f64> {
    let inside = vector(LAST.get(length..)?.first_chunk()?);
    let digits = _mm_and_si128(_mm_sub_epi8(vector(bytes), all(b'0')), inside);
    let is_point = _mm_cmpeq_epi8(digits, all(b'.'.wrapping_sub(b'0')));
    let place = (_mm_movemask_epi8(is_point) | 1 << 16).trailing_zeros() as usize;
    let point = POINTS.get(place)?;
    let closed = _mm_shuffle_epi8(digits, vector(&point.from));
    // A second point, and whatever is no digit, is more than 9.
    let more = _mm_subs_epu8(closed, all(9));
    if _mm_testz_si128(more, more) == 0 || length == usize::from(place < 16) {
        return None;
    }
    // Neighbours together: 16 digits, 8 numbers of two digits, 4 of four, 2 of eight.
    let twos = _mm_maddubs_epi16(closed, _mm_set1_epi16(0x010a));
    let fours = _mm_madd_epi16(twos, _mm_set1_epi32(0x0001_0064));
    let fours = _mm_packus_epi32(fours, fours);
    let eights = _mm_madd_epi16(fours, _mm_set1_epi32(0x0001_2710));
    let eights = _mm_cvtsi128_si64(eights);
    let whole = (eights & 0xffff_ffff) * 100_000_000 + (eights >> 32);
    Some(whole as f64 / point.power)
}

#[target_feature(enable = "sse2")]
#[inline]
fn all(byte: u8) -> __m128i {
    _mm_set1_epi8(byte.cast_signed())
}

#[target_feature(enable = "sse2")]
#[inline]
fn vector(bytes: &[u8; 16]) -> __m128i {
    let both = u128::from_le_bytes(*bytes).cast_signed();
    #[expect(clippy::cast_possible_truncation, reason = "the upper half is the other argument")]
    let low = both as i64;
    _mm_set_epi64x((both >> 64) as i64, low)
}
