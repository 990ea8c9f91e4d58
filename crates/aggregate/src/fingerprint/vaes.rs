//! Fingerprints by AES rounds on four blocks at once.
//!
//! What `aes.rs` says of the sum holds for this one too. It is another one: where a spelling is no
//! multiple of 64 bytes the last blocks are filled up with zeros, and not overlapping.
#![expect(unsafe_code, reason = "functions for one kind of processor are unsafe to call")]

use std::arch::x86_64::{
    __m128i, __m512i, _mm_xor_si128, _mm256_castsi256_si128, _mm256_extracti128_si256,
    _mm256_xor_si256, _mm512_aesenc_epi128, _mm512_broadcast_i32x4, _mm512_castsi512_si256,
    _mm512_extracti64x4_epi64, _mm512_loadu_si512, _mm512_maskz_loadu_epi8, _mm512_xor_si512,
};

use super::aes::{self, WINDOW, with_tail};

/// A secret key; it exists only where the processor has AES on vectors of 64 bytes.
pub(super) struct Key(aes::Key);

impl Key {
    /// A random key; `None` where the processor has no vector AES.
    pub(super) fn draw() -> Option<Self> {
        let detected = is_x86_feature_detected!("avx512f")
            && is_x86_feature_detected!("avx512bw")
            && is_x86_feature_detected!("vaes");
        aes::Key::draw().filter(|_| detected).map(Self)
    }

    // Always, so that `sum` can be inlined into code that is compiled for such a processor.
    #[inline(always)]
    pub(super) fn fingerprint(&self, number: u32, first: &[u8], second: &[u8]) -> u128 {
        // SAFETY: there is no key unless the processor has vector AES.
        unsafe { self.sum(number, first, second) }
    }

    #[target_feature(enable = "avx512f,avx512bw,vaes,avx2,aes,bmi2")]
    #[inline]
    fn sum(&self, number: u32, first: &[u8], second: &[u8]) -> u128 {
        let mut sum = self.blocks(first);
        if !second.is_empty() {
            sum = self.go_on(sum, second);
        }
        with_tail(sum, number, first, second)
    }

    #[target_feature(enable = "avx512f,avx512bw,vaes,avx2,aes,bmi2")]
    #[inline(never)]
    fn go_on(&self, sum: __m128i, second: &[u8]) -> __m128i {
        let sum = self.0.rounds(_mm_xor_si128(sum, self.0.chain));
        _mm_xor_si128(sum, self.blocks(second))
    }

    #[target_feature(enable = "avx512f,avx512bw,vaes,avx2,aes,bmi2")]
    #[inline]
    fn blocks(&self, text: &[u8]) -> __m128i {
        let sum = self.window(text);
        if text.len() > WINDOW { self.long(sum, &text[WINDOW..]) } else { sum }
    }

    /// Goes on with what follows the first window.
    #[target_feature(enable = "avx512f,avx512bw,vaes,avx2,aes,bmi2")]
    #[inline(never)]
    fn long(&self, first: __m128i, rest: &[u8]) -> __m128i {
        rest.chunks(WINDOW).fold(first, |sum, chunk| {
            let sum = self.0.rounds(_mm_xor_si128(sum, self.0.chain));
            _mm_xor_si128(sum, self.window(chunk))
        })
    }

    /// The sum of the first four blocks, with zeros for what is not there.
    #[target_feature(enable = "avx512f,avx512bw,vaes,avx2,bmi2")]
    #[inline]
    fn window(&self, text: &[u8]) -> __m128i {
        let inside = match text.len() {
            0 => 0,
            1..WINDOW => u64::MAX >> (WINDOW - text.len()),
            _ => u64::MAX,
        };
        // SAFETY: only bytes are read that have a bit, and those are in the text.
        let blocks = unsafe { _mm512_maskz_loadu_epi8(inside, text.as_ptr().cast()) };
        // SAFETY: the whitening keys are 64 bytes.
        let whitening = unsafe { _mm512_loadu_si512(self.0.whitening.as_ptr().cast::<__m512i>()) };
        let blocks = _mm512_xor_si512(blocks, whitening);
        let blocks = self.0.rounds.iter().fold(blocks, |blocks, &round| {
            _mm512_aesenc_epi128(blocks, _mm512_broadcast_i32x4(round))
        });
        let (low, high) = (_mm512_castsi512_si256(blocks), _mm512_extracti64x4_epi64(blocks, 1));
        let half = _mm256_xor_si256(low, high);
        _mm_xor_si128(_mm256_castsi256_si128(half), _mm256_extracti128_si256(half, 1))
    }
}
