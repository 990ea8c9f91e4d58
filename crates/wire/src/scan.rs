//! Where the bytes stand that divide a line, as bits: many bytes are looked at in one step.
//!
//! ```text
//! text     h i t s : 1 | c | @ 0 . 1 \n …
//! colons   . . . . 1 . . . . . . . . .
//! pipes    . . . . . . 1 . 1 . . . . .
//! ends     . . . . . . . . . . . . . 1       newlines, and the end of the text
//! ```
//!
//! Bit 0 is the first byte. A [`Scanner`] makes such [`Marks`] of blocks of bytes, one for each
//! family of processors; [`Scanner::window`] and [`wide`] put blocks together so that no byte
//! outside the text is touched.

#[cfg(target_arch = "x86_64")]
pub(crate) mod avx512;
pub(crate) mod portable;
#[cfg(target_arch = "x86_64")]
pub(crate) mod x86;

use std::ops::{BitAnd, BitOr, Not};

use crate::decimal;

/// A set of positions in a text: bit 0 is its first byte.
pub(crate) trait Bits:
    Copy + PartialEq + BitAnd<Output = Self> + BitOr<Output = Self> + Not<Output = Self>
{
    /// No position.
    const NONE: Self;
    /// The first position, or the number of bits where there is none.
    fn first(self) -> usize;
    /// All but the first position.
    fn others(self) -> Self;
    /// The first position and every one behind it.
    fn and_above(self) -> Self;
    /// Every position before `end`, which is less than the number of bits.
    fn before(end: usize) -> Self;
}

macro_rules! impl_bits {
    ($bits:ty) => {
        impl Bits for $bits {
            const NONE: Self = 0;
            #[inline(always)]
            fn first(self) -> usize {
                self.trailing_zeros() as usize
            }
            #[inline(always)]
            fn others(self) -> Self {
                self & self.wrapping_sub(1)
            }
            #[inline(always)]
            fn and_above(self) -> Self {
                // All bits from the lowest one on.
                self | self.wrapping_neg()
            }
            #[inline(always)]
            fn before(end: usize) -> Self {
                ((1 as $bits) << end) - 1
            }
        }
    };
}

impl_bits!(u64);
impl_bits!(u128);

/// What stands where in a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Marks<B> {
    /// Newlines; of a window also the end of the text, where it lies inside.
    pub(crate) ends: B,
    /// Colons.
    pub(crate) colons: B,
    /// Pipes.
    pub(crate) pipes: B,
    /// Bytes that are not printable ASCII, if they were asked for: 0 to 0x1f and from 0x7f.
    pub(crate) odd: B,
}

/// A way to make marks. Having a value of it proves that the processor can.
pub(crate) trait Scanner: Copy {
    /// The marks of `N` bytes: 8, 16, 32 or 64. The bits from `N` are 0, and so are those of
    /// `odd` where it is not asked for.
    fn block<const N: usize>(self, block: &[u8; N], odd: bool) -> Marks<u64>;

    /// The marks of the first 64 bytes of a text, or of all where they are fewer. Nothing where
    /// it cannot look at so short a text.
    #[inline(always)]
    fn window(self, text: &[u8], odd: bool) -> Option<Marks<u64>> {
        window(self, text, odd)
    }

    /// The number that `text[start..end]` stands for, as [`decimal::read`] reads it.
    #[inline(always)]
    fn decimal(self, text: &[u8], start: usize, end: usize) -> Option<f64> {
        decimal::read(text, start, end)
    }
}

impl<B: Bits> Marks<B> {
    /// Every position from the first end on.
    #[inline(always)]
    pub(crate) fn behind_ends(&self) -> B {
        self.ends.and_above()
    }
}

impl Marks<u64> {
    /// These, and others that stand `by` bytes behind; those that leave the window are lost.
    #[inline(always)]
    fn and(self, behind: Self, by: usize) -> Self {
        Self {
            ends: self.ends | behind.ends << by,
            colons: self.colons | behind.colons << by,
            pipes: self.pipes | behind.pipes << by,
            odd: self.odd | behind.odd << by,
        }
    }
}

/// The marks of the first 64 bytes, or of all where they are fewer. Nothing for a text of less
/// than 8 bytes.
#[inline(always)]
fn window<S: Scanner>(scanner: S, text: &[u8], odd: bool) -> Option<Marks<u64>> {
    if let Some(block) = text.first_chunk::<64>() {
        return Some(scanner.block(block, odd));
    }
    let marks = overlapping::<S, 32>(scanner, text, odd)
        .or_else(|| overlapping::<S, 16>(scanner, text, odd))
        .or_else(|| overlapping::<S, 8>(scanner, text, odd))?;
    Some(Marks { ends: marks.ends | 1 << text.len(), ..marks })
}

/// The marks of `N` to `2 * N` bytes, less than 64: two blocks, one from the first byte and one up
/// to the last. They agree where they overlap.
///
/// ```text
/// text     . . . . . . . . . . .
/// blocks   [------N------]
///                [------N------]
/// ```
#[inline(always)]
fn overlapping<S: Scanner, const N: usize>(
    scanner: S,
    text: &[u8],
    odd: bool,
) -> Option<Marks<u64>> {
    let (first, last) = (text.first_chunk::<N>()?, text.last_chunk::<N>()?);
    Some(scanner.block(first, odd).and(scanner.block(last, odd), text.len() - N))
}

/// How many marks of each sort a text has, all sorts together.
#[inline(always)]
pub(crate) fn count_marks<S: Scanner>(scanner: S, text: &[u8]) -> u32 {
    let (blocks, rest) = text.as_chunks::<64>();
    let count = |Marks { ends, colons, pipes, odd }: Marks<u64>| {
        // Newlines are not printable either.
        ends.count_ones() + colons.count_ones() + pipes.count_ones() + (odd & !ends).count_ones()
    };
    let whole: u32 = blocks.iter().map(|block| count(scanner.block(block, true))).sum();
    let mut last = [b' '; 64];
    last.iter_mut().zip(rest).for_each(|(last, byte)| *last = *byte);
    whole + count(scanner.block(&last, true))
}

/// The marks of the first 128 bytes, or of all where they are fewer, given those of the first 64.
/// Nothing for a text of less than 64 bytes.
///
/// ```text
/// text     . . . . . . . . . . . . . . .                64 to 127 bytes
/// blocks   [------64-------]
///                    [------64-------]      of this one only what is new
/// ```
#[inline(always)]
pub(crate) fn wide<S: Scanner>(
    scanner: S,
    text: &[u8],
    low: Marks<u64>,
    odd: bool,
) -> Option<Marks<u128>> {
    let (_, behind) = text.split_at_checked(64)?;
    let high = if let Some(block) = behind.first_chunk::<64>() {
        scanner.block(block, odd)
    } else {
        let marks = scanner.block(text.last_chunk::<64>()?, odd);
        let new = behind.len();
        // From 1 to 64 bytes are known already.
        let down = |bits: u64| bits >> 1 >> (63 - new);
        Marks {
            ends: down(marks.ends) | 1 << new,
            colons: down(marks.colons),
            pipes: down(marks.pipes),
            odd: down(marks.odd),
        }
    };
    let join = |low: u64, high: u64| u128::from(low) | u128::from(high) << 64;
    Some(Marks {
        ends: join(low.ends, high.ends),
        colons: join(low.colons, high.colons),
        pipes: join(low.pipes, high.pipes),
        odd: join(low.odd, high.odd),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The marks of up to 128 bytes, byte by byte.
    fn marks(text: &[u8]) -> Marks<u128> {
        let find = |is: fn(u8) -> bool| {
            let found = text.iter().enumerate().filter(|(_, byte)| is(**byte));
            found.fold(0, |bits, (place, _)| bits | 1_u128 << place)
        };
        Marks {
            ends: find(|byte| byte == b'\n'),
            colons: find(|byte| byte == b':'),
            pipes: find(|byte| byte == b'|'),
            odd: find(|byte| !matches!(byte, b' '..=b'~')),
        }
    }

    /// Every byte in every place, beside one of three others.
    fn texts(length: usize) -> impl Iterator<Item = Vec<u8>> {
        (0..=0xff_u8).flat_map(move |begin| {
            [1, 11, 27].map(|step: u8| {
                let bytes =
                    std::iter::successors(Some(begin), |byte| Some(byte.wrapping_add(step)));
                bytes.take(length).collect()
            })
        })
    }

    fn check_block<const N: usize>(scanner: impl Scanner) {
        for text in texts(N) {
            let expected = marks(&text);
            let found = scanner.block::<N>(text.first_chunk().unwrap(), true);
            let wide = |bits: u64| u128::from(bits);
            let Marks { ends, colons, pipes, odd } = found;
            let found = [ends, colons, pipes, odd].map(wide);
            let expected = [expected.ends, expected.colons, expected.pipes, expected.odd];
            assert_eq!(found, expected, "{}", text.escape_ascii());
            assert_eq!(scanner.block::<N>(text.first_chunk().unwrap(), false).odd, 0);
        }
    }

    fn check_windows(scanner: impl Scanner) {
        for length in 8..140_u8 {
            for text in texts(length.into()).step_by(16) {
                let expected =
                    marks(text.first_chunk::<128>().map_or(&text, <[u8; 128]>::as_slice));
                let ends = expected.ends | 1_u128.checked_shl(length.into()).unwrap_or(0);
                let low = scanner.window(&text, true).unwrap();
                assert_eq!(u128::from(low.ends), ends & u128::from(u64::MAX));
                assert_eq!(u128::from(low.odd), expected.odd & u128::from(u64::MAX));
                if length >= 64 {
                    let found = wide(scanner, &text, low, true).unwrap();
                    assert_eq!(found, Marks { ends, ..expected }, "{}", text.escape_ascii());
                }
            }
        }
    }

    fn check(scanner: impl Scanner) {
        check_block::<8>(scanner);
        check_block::<16>(scanner);
        check_block::<32>(scanner);
        check_block::<64>(scanner);
        check_windows(scanner);
    }

    #[test]
    fn every_scanner_finds_the_marks_that_are_there_and_no_others() {
        check(portable::Portable);
        #[cfg(target_arch = "x86_64")]
        {
            check(x86::Sse2);
            x86::Avx2::detect().into_iter().for_each(check);
            avx512::Avx512::detect().into_iter().for_each(check);
        }
    }
}
