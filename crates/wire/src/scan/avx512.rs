//! The scanner for x86-64 with AVX-512: 64 bytes at a time, and fewer where the text ends.
#![expect(unsafe_code, reason = "vector instructions take pointers, and need a proof of support")]

use std::arch::x86_64::{
    _mm512_cmpeq_epi8_mask, _mm512_mask_cmplt_epu8_mask, _mm512_maskz_loadu_epi8, _mm512_set1_epi8,
};

use super::x86::Avx2;
use super::{Marks, Scanner};
use crate::{Grammar, Receiver, usual};

/// AVX-512 on bytes, and vector AES, which came with it. Only [`Avx512::detect`] makes one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Avx512(Avx2);

impl Avx512 {
    /// A proof that this processor has it, if it has.
    ///
    /// Processors that have AVX-512 but no vector AES are left out: they are those that slow
    /// down when it is used.
    pub(crate) fn detect() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("avx512vl")
            && is_x86_feature_detected!("vaes");
        Avx2::detect().filter(|_| detected).map(Self)
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
        unsafe { parse_avx512::<CHECKED>(self, packet, grammar, receiver) }
    }

    /// As [`super::count_marks`] does.
    pub(crate) fn count_marks(self, text: &[u8]) -> u32 {
        // SAFETY: `self` proves that the processor has these instructions.
        unsafe { count_marks_avx512(self, text) }
    }
}

// AES is for receivers that need it: they can be inlined then.
#[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,avx2,aes,bmi1,bmi2,lzcnt")]
fn parse_avx512<'a, const CHECKED: bool>(
    scanner: Avx512,
    packet: &'a [u8],
    grammar: &Grammar,
    receiver: &mut impl Receiver<'a>,
) {
    usual::parse::<_, CHECKED>(scanner, packet, grammar, receiver);
}

#[target_feature(enable = "avx512f,avx512bw,avx512vl,vaes,avx2,aes,bmi1,bmi2,lzcnt")]
fn count_marks_avx512(scanner: Avx512, text: &[u8]) -> u32 {
    super::count_marks(scanner, text)
}

impl Scanner for Avx512 {
    #[inline(always)]
    fn block<const N: usize>(self, block: &[u8; N], odd: bool) -> Marks<u64> {
        // SAFETY: `self` proves that the processor has AVX-512.
        unsafe { marks(block, odd) }
    }

    #[inline(always)]
    fn window(self, text: &[u8], odd: bool) -> Option<Marks<u64>> {
        // SAFETY: `self` proves that the processor has AVX-512.
        let marks = unsafe { marks(text, odd) };
        // Nothing where the text has 64 bytes or more.
        let end = inside(text).wrapping_add(1);
        Some(Marks { ends: marks.ends | end, ..marks })
    }

    #[inline(always)]
    fn decimal(self, text: &[u8], start: usize, end: usize) -> Option<f64> {
        self.0.decimal(text, start, end)
    }
}

/// A bit for each byte of a text, up to 64.
#[inline(always)]
fn inside(text: &[u8]) -> u64 {
    match text.len() {
        0 => 0,
        1..64 => u64::MAX >> (64 - text.len()),
        _ => u64::MAX,
    }
}

/// The marks of the first 64 bytes, or of all where they are fewer.
#[target_feature(enable = "avx512f,avx512bw")]
#[inline]
fn marks(text: &[u8], odd: bool) -> Marks<u64> {
    let inside = inside(text);
    // SAFETY: only bytes are read that have a bit, and those are in the text.
    let bytes = unsafe { _mm512_maskz_loadu_epi8(inside, text.as_ptr().cast()) };
    let find = |byte: u8| _mm512_cmpeq_epi8_mask(bytes, _mm512_set1_epi8(byte.cast_signed()));
    let below_blank = || _mm512_mask_cmplt_epu8_mask(inside, bytes, _mm512_set1_epi8(0x20));
    let above_tilde = || {
        let tilde = _mm512_set1_epi8(b'~'.cast_signed());
        _mm512_mask_cmplt_epu8_mask(inside, tilde, bytes)
    };
    Marks {
        ends: find(b'\n'),
        colons: find(b':'),
        pipes: find(b'|'),
        odd: if odd { below_blank() | above_tilde() } else { 0 },
    }
}
