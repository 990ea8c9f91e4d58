//! The scanners for x86-64: 16 bytes at a time with SSE2, which all of them have, or 32 with AVX2.
#![expect(unsafe_code, reason = "vector instructions take pointers, and need a proof of support")]

use std::arch::x86_64::{
    __m128i, __m256i, _mm_cmpeq_epi8, _mm_cmpgt_epi8, _mm_loadu_si128, _mm_movemask_epi8,
    _mm_set1_epi8, _mm256_cmpeq_epi8, _mm256_cmpgt_epi8, _mm256_loadu_si256, _mm256_movemask_epi8,
    _mm256_set1_epi8,
};

use super::{Marks, Scanner};
use crate::decimal::{self, x86};
use crate::{Grammar, Receiver, usual};

/// SSE2 belongs to every x86-64.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sse2;

/// AVX2, and the instructions on single bits that came with it, and AES. Only [`Avx2::detect`]
/// makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx2(());

impl Scanner for Sse2 {
    #[inline(always)]
    fn block<const N: usize>(self, block: &[u8; N], odd: bool) -> Marks<u64> {
        let (chunks, eight) = block.as_chunks::<16>();
        let mut marks = Marks { ends: 0, colons: 0, pipes: 0, odd: 0 };
        for (index, chunk) in chunks.iter().enumerate() {
            // SAFETY: every x86-64 has SSE2.
            marks = marks.and(unsafe { marks_of_16(chunk, odd) }, 16 * index);
        }
        if let Some(eight) = eight.first_chunk::<8>() {
            // Filled up with blanks, which are neither marks nor odd.
            let chunk = (u128::from(u64::from_le_bytes(*eight)) | BLANKS).to_le_bytes();
            // SAFETY: every x86-64 has SSE2.
            return unsafe { marks_of_16(&chunk, odd) };
        }
        marks
    }
}

/// Eight blanks behind eight zeros.
const BLANKS: u128 = (u64::from_le_bytes([b' '; 8]) as u128) << 64;

#[target_feature(enable = "sse2")]
#[inline]
fn marks_of_16(chunk: &[u8; 16], odd: bool) -> Marks<u64> {
    // SAFETY: the 16 bytes that are read are those of `chunk`.
    let bytes = unsafe { _mm_loadu_si128(chunk.as_ptr().cast::<__m128i>()) };
    let bits = |found| u64::from(_mm_movemask_epi8(found).cast_unsigned());
    let find = |byte: u8| bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(byte.cast_signed())));
    // The comparison has a sign, so that a byte from 0x80 is below 0x20 too.
    let below_blank = || bits(_mm_cmpgt_epi8(_mm_set1_epi8(0x20), bytes));
    Marks {
        ends: find(b'\n'),
        colons: find(b':'),
        pipes: find(b'|'),
        odd: if odd { below_blank() | find(0x7f) } else { 0 },
    }
}

impl Avx2 {
    /// A proof that this processor has it, if it has.
    pub(crate) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx2")
            && is_x86_feature_detected!("aes")
            && is_x86_feature_detected!("bmi1")
            && is_x86_feature_detected!("bmi2")
            && is_x86_feature_detected!("lzcnt");
        detected.then_some(Self(()))
    }

    /// Reads a packet with code that is compiled for such a processor, all that is inlined into
    /// it included.
    pub(crate) fn parse<'a, const CHECKED: bool>(
        self,
        packet: &'a [u8],
        grammar: &Grammar,
        receiver: &mut impl Receiver<'a>,
    ) {
        // SAFETY: `self` proves that the processor has these instructions.
        unsafe { parse_avx2::<CHECKED>(self, packet, grammar, receiver) }
    }

    /// As [`super::count_marks`] does.
    pub(crate) fn count_marks(self, text: &[u8]) -> u32 {
        // SAFETY: `self` proves that the processor has these instructions.
        unsafe { count_marks_avx2(self, text) }
    }
}

// AES is for receivers that need it: they can be inlined then.
#[target_feature(enable = "avx2,aes,bmi1,bmi2,lzcnt")]
fn parse_avx2<'a, const CHECKED: bool>(
    scanner: Avx2,
    packet: &'a [u8],
    grammar: &Grammar,
    receiver: &mut impl Receiver<'a>,
) {
    usual::parse::<_, CHECKED>(scanner, packet, grammar, receiver);
}

#[target_feature(enable = "avx2,aes,bmi1,bmi2,lzcnt")]
fn count_marks_avx2(scanner: Avx2, text: &[u8]) -> u32 {
    super::count_marks(scanner, text)
}

impl Scanner for Avx2 {
    #[inline(always)]
    fn block<const N: usize>(self, block: &[u8; N], odd: bool) -> Marks<u64> {
        let (chunks, rest) = block.as_chunks::<32>();
        if !rest.is_empty() {
            return Sse2.block(block, odd);
        }
        let mut marks = Marks { ends: 0, colons: 0, pipes: 0, odd: 0 };
        for (index, chunk) in chunks.iter().enumerate() {
            // SAFETY: `self` proves that the processor has AVX2.
            marks = marks.and(unsafe { marks_of_32(chunk, odd) }, 32 * index);
        }
        marks
    }

    #[inline(always)]
    fn decimal(self, text: &[u8], start: usize, end: usize) -> Option<f64> {
        let length = end.wrapping_sub(start);
        match text.get(..end)?.last_chunk::<16>() {
            // SAFETY: a processor that has AVX2 has everything up to SSE4.2.
            Some(bytes) if (1..=16).contains(&length) => unsafe { x86::last(bytes, length) },
            _ => read_near_begin(text, start, end),
        }
    }
}

/// Where not even sixteen bytes stand before the end of the number, which is so for short names.
#[inline(never)]
fn read_near_begin(text: &[u8], start: usize, end: usize) -> Option<f64> {
    decimal::read(text, start, end)
}

#[target_feature(enable = "avx2")]
#[inline]
fn marks_of_32(chunk: &[u8; 32], odd: bool) -> Marks<u64> {
    // SAFETY: the 32 bytes that are read are those of `chunk`.
    let bytes = unsafe { _mm256_loadu_si256(chunk.as_ptr().cast::<__m256i>()) };
    let bits = |found| u64::from(_mm256_movemask_epi8(found).cast_unsigned());
    let find = |byte: u8| bits(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(byte.cast_signed())));
    // The comparison has a sign, so that a byte from 0x80 is below 0x20 too.
    let below_blank = || bits(_mm256_cmpgt_epi8(_mm256_set1_epi8(0x20), bytes));
    Marks {
        ends: find(b'\n'),
        colons: find(b':'),
        pipes: find(b'|'),
        odd: if odd { below_blank() | find(0x7f) } else { 0 },
    }
}
