//! The scanner for any processor: eight bytes at a time in an ordinary register.

use super::{Marks, Scanner};

/// Needs nothing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Portable;

/// Eight times the same byte.
const fn eight(byte: u8) -> u64 {
    u64::from_ne_bytes([byte; 8])
}

impl Scanner for Portable {
    #[inline(always)]
    fn block<const N: usize>(self, block: &[u8; N], odd: bool) -> Marks<u64> {
        let mut marks = Marks { ends: 0, colons: 0, pipes: 0, odd: 0 };
        let (chunks, _) = block.as_chunks::<8>();
        for (index, chunk) in chunks.iter().enumerate() {
            let bytes = u64::from_le_bytes(*chunk);
            let odd = if odd { gather(unprintable(bytes)) } else { 0 };
            let chunk = Marks {
                ends: gather(zeros(bytes ^ eight(b'\n'))),
                colons: gather(zeros(bytes ^ eight(b':'))),
                pipes: gather(zeros(bytes ^ eight(b'|'))),
                odd,
            };
            marks = marks.and(chunk, 8 * index);
        }
        marks
    }
}

/// The top bit of each byte that is 0.
#[inline(always)]
fn zeros(bytes: u64) -> u64 {
    // A byte has a bit among the lower seven exactly if adding 0x7f to those reaches the top bit.
    // No sum passes on to the next byte.
    !(((bytes & eight(0x7f)) + eight(0x7f)) | bytes) & eight(0x80)
}

/// The top bit of each byte that is not printable ASCII.
#[inline(always)]
fn unprintable(bytes: u64) -> u64 {
    // Of the lower seven bits, 0x20 and more reach the top bit when 0x60 is added.
    let below_blank = !((bytes & eight(0x7f)) + eight(0x60));
    (below_blank | bytes | zeros(bytes ^ eight(0x7f))) & eight(0x80)
}

/// The top bits of eight bytes as the lower eight bits, the first byte's first.
#[inline(always)]
fn gather(tops: u64) -> u64 {
    // As 0 or 1, byte i moves to bit 56 + i: the factor has its bit 56 - 7 * i for that. No two
    // products meet.
    (tops >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56
}
