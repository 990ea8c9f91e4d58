//! Fingerprints by the processor's AES rounds.
//!
//! ```text
//! spelling   |----- 16 bytes -----|----- 16 -----|- 16 (overlaps) -|- 16 (overlaps) -|
//! each       xor its own whitening key, then four rounds of AES
//! together   xor of the four, xor length and number
//! ```
//!
//! Four rounds of AES with secret keys map any two different blocks to outputs whose difference
//! is as good as random (no differential has more than a chance of 2^-113, Keliher and Sui, 2007),
//! so the sum of blocks under different whitening keys is a universal hash. Blocks overlap where
//! a spelling is no multiple of 16 bytes; with the length it is still told apart from all others.
#![expect(unsafe_code, reason = "functions for one kind of processor are unsafe to call")]

use std::arch::x86_64::{
    __m128i, _mm_aesenc_si128, _mm_cvtsi128_si64, _mm_loadu_si128, _mm_set_epi64x,
    _mm_unpackhi_epi64, _mm_xor_si128,
};
use std::hash::{BuildHasher as _, RandomState};

const BLOCK: usize = 16;
/// How many blocks are taken in one step.
pub(super) const LANES: usize = 4;
pub(super) const WINDOW: usize = BLOCK * LANES;
const ROUNDS: usize = 4;

/// A secret key; it exists only where the processor has AES.
pub(super) struct Key {
    /// What each lane begins with.
    pub(super) whitening: [__m128i; LANES],
    /// What is added between two windows of a long spelling.
    pub(super) chain: __m128i,
    pub(super) rounds: [__m128i; ROUNDS],
}

impl Key {
    /// A random key; `None` where the processor has no AES.
    pub(super) fn draw() -> Option<Self> {
        if !std::is_x86_feature_detected!("aes") {
            return None;
        }
        // Seeded by the system; its outputs are those of a keyed function.
        let random = RandomState::new();
        let part = |index: u8, half: bool| random.hash_one((index, half)).cast_signed();
        // SAFETY: SSE2, which these two words need, is part of x86-64.
        let block = |index: u8| unsafe { _mm_set_epi64x(part(index, true), part(index, false)) };
        Some(Self {
            whitening: [0, 1, 2, 3].map(block),
            chain: block(4),
            rounds: [5, 6, 7, 8].map(block),
        })
    }

    // Always, so that `sum` can be inlined into code that is compiled for such a processor.
    #[inline(always)]
    pub(super) fn fingerprint(&self, number: u32, first: &[u8], second: &[u8]) -> u128 {
        // SAFETY: there is no key unless the processor has AES.
        unsafe { self.sum(number, first, second) }
    }

    #[target_feature(enable = "aes,sse2")]
    #[inline]
    fn sum(&self, number: u32, first: &[u8], second: &[u8]) -> u128 {
        let mut sum = self.blocks(first);
        if !second.is_empty() {
            sum = self.go_on(sum, second);
        }
        with_tail(sum, number, first, second)
    }

    /// A second text goes on where the first ends as a further window does; that there are two
    /// of them is told by their lengths.
    #[target_feature(enable = "aes,sse2")]
    #[inline(never)]
    fn go_on(&self, sum: __m128i, second: &[u8]) -> __m128i {
        let sum = self.rounds(_mm_xor_si128(sum, self.chain));
        _mm_xor_si128(sum, self.blocks(second))
    }

    #[target_feature(enable = "aes,sse2")]
    #[inline]
    fn blocks(&self, text: &[u8]) -> __m128i {
        match text.len() {
            0..BLOCK => self.lane(0, short_block(text)),
            _ => self.long(text),
        }
    }

    /// The sum of a spelling of at least one block.
    #[target_feature(enable = "aes,sse2")]
    #[inline]
    fn long(&self, spelling: &[u8]) -> __m128i {
        let last = spelling.len() - BLOCK;
        let mut sum = self.window(spelling, 0, last);
        let mut at = WINDOW;
        while at < spelling.len() {
            sum = self.rounds(_mm_xor_si128(sum, self.chain));
            sum = _mm_xor_si128(sum, self.window(spelling, at, last));
            at += WINDOW;
        }
        sum
    }

    /// The sum of the blocks from `at`; those that would leave the spelling are its last block.
    #[target_feature(enable = "aes,sse2")]
    #[inline]
    fn window(&self, spelling: &[u8], at: usize, last: usize) -> __m128i {
        let lane = |index: usize| {
            let from = (at + index * BLOCK).min(last);
            self.lane(index, block(spelling, from))
        };
        let (left, right) = (_mm_xor_si128(lane(0), lane(1)), _mm_xor_si128(lane(2), lane(3)));
        _mm_xor_si128(left, right)
    }

    #[target_feature(enable = "aes,sse2")]
    fn lane(&self, index: usize, block: __m128i) -> __m128i {
        self.rounds(_mm_xor_si128(block, self.whitening[index]))
    }

    #[target_feature(enable = "aes,sse2")]
    pub(super) fn rounds(&self, block: __m128i) -> __m128i {
        self.rounds.iter().fold(block, |block, &round| _mm_aesenc_si128(block, round))
    }
}

/// The sum of blocks with that which tells apart what has the same blocks.
#[target_feature(enable = "sse2")]
#[inline]
pub(super) fn with_tail(sum: __m128i, number: u32, first: &[u8], second: &[u8]) -> u128 {
    let number = u64::from(number) | (second.len() as u64) << 32;
    let tail = _mm_set_epi64x(number.cast_signed(), (first.len() as u64).cast_signed());
    let sum = _mm_xor_si128(sum, tail);
    let low = _mm_cvtsi128_si64(sum).cast_unsigned();
    let high = _mm_cvtsi128_si64(_mm_unpackhi_epi64(sum, sum)).cast_unsigned();
    u128::from(high) << 64 | u128::from(low)
}

/// The block that begins at `from`, which is no later than the last one.
#[target_feature(enable = "sse2")]
fn block(spelling: &[u8], from: usize) -> __m128i {
    debug_assert!(from + BLOCK <= spelling.len());
    // SAFETY: every caller holds `from` to the last block, so 16 bytes from it are in the
    // spelling; the load needs no alignment.
    unsafe { _mm_loadu_si128(spelling.as_ptr().add(from).cast()) }
}

/// A spelling of less than a block, in words that overlap.
#[target_feature(enable = "sse2")]
fn short_block(spelling: &[u8]) -> __m128i {
    let (low, high) = match (spelling.first_chunk(), spelling.last_chunk()) {
        (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
        _ => match (spelling.first_chunk(), spelling.last_chunk()) {
            (Some(first), Some(last)) => {
                (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
            }
            _ => (spelling.iter().fold(0, |word, &byte| word << 8 | u64::from(byte)), 0),
        },
    };
    _mm_set_epi64x(high.cast_signed(), low.cast_signed())
}
