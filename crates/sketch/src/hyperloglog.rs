//! How many distinct things there are among many, without keeping them.

use datasketches::hash::value::raw_bytes;
use datasketches::hll::{Coupon, HllSketch, HllType, HllUnion};

use crate::DecodeError;

/// The base-2 logarithm of the number of registers, of a byte each.
const REGISTERS_LOG: u8 = 14;

/// A HyperLogLog of 16,384 registers: an estimate of how many distinct things it got, in 16 KiB at
/// most; less where there were few.
///
/// Its standard error is 1.04 / sqrt(16,384), which is [`HyperLogLog::ERROR`]. Two that got the
/// same things in any order, over any others that were merged, have one estimate. The hash is the
/// same in every process, so that sketches of several can be merged; that a sender can choose
/// things which collide costs the truth of that one set.
#[derive(Clone)]
pub struct HyperLogLog {
    sketch: HllSketch,
}

impl std::fmt::Debug for HyperLogLog {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HyperLogLog").field("estimate", &self.estimate()).finish_non_exhaustive()
    }
}

impl Default for HyperLogLog {
    fn default() -> Self {
        let sketch = HllSketch::new(REGISTERS_LOG, HllType::Hll8);
        Self { sketch: sketch.expect("so many registers are allowed") }
    }
}

impl HyperLogLog {
    /// The standard error of an estimate, as a part of the true number: in 68 of 100 cases the
    /// estimate is wrong by less, in 99.7 by less than three times as much.
    pub const ERROR: f64 = 0.008_125;

    /// Takes in a thing.
    pub fn insert(&mut self, thing: &[u8]) {
        self.sketch.update_with_coupon(Coupon::from_value(raw_bytes::from_slice(thing)));
    }

    /// Takes in all that another one got.
    pub fn merge(&mut self, other: &Self) {
        let mut union = HllUnion::new(REGISTERS_LOG).expect("so many registers are allowed");
        union.update(&self.sketch);
        union.update(&other.sketch);
        self.sketch = union.to_sketch(HllType::Hll8);
    }

    /// About how many distinct things it got; below some hundreds exactly so many, but for rare
    /// collisions.
    #[must_use]
    pub fn estimate(&self) -> f64 {
        // The other estimate of the crate is closer while nothing was merged, and depends on the
        // order.
        self.sketch.composite_estimate()
    }

    /// About how much memory it takes, in bytes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        size_of::<Self>() + self.sketch.estimated_size()
    }

    /// Appends it as bytes, which [`HyperLogLog::decode`] reads: the number of bytes that follow,
    /// in 4 bytes with the little end first, and what Apache DataSketches writes in any language.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let bytes = self.sketch.serialize();
        let length = u32::try_from(bytes.len()).expect("there are 16 KiB of registers");
        out.extend(length.to_le_bytes());
        out.extend(bytes);
    }

    /// Reads one from the begin of `bytes`; gives what stands behind it too.
    ///
    /// # Errors
    /// [`DecodeError`]; whatever the bytes are, it takes no more room than 16 KiB or so.
    pub fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let short = DecodeError::Short(bytes.len());
        let (length, rest) = bytes.split_first_chunk().ok_or(short)?;
        let length = u32::from_le_bytes(*length) as usize;
        let (image, rest) = rest.split_at_checked(length).ok_or(short)?;
        let sketch = Some(image).filter(|image| is_sound(image));
        let sketch = sketch.and_then(|image| HllSketch::deserialize(image).ok());
        let sketch = sketch.ok_or(DecodeError::Value(bytes.len() - rest.len()))?;
        Ok((Self { sketch }, rest))
    }
}

/// How many bytes stand before the registers, and before the entries where there are no registers
/// yet, by the mode in the first bits of the eighth byte.
const HEADS: [usize; 3] = [8, 12, 40];
/// The head of a sketch with so many registers of a byte: what stands in some of its bytes.
const FIXED: [(usize, u8); 3] = [(1, 1), (2, 7), (3, REGISTERS_LOG)];
/// The greatest value of a register.
const VALUE_MAX: u8 = 63;

/// Whether an image can be one of ours: the crate takes its own word for what follows from the
/// registers.
fn is_sound(image: &[u8]) -> bool {
    let Some((&[.., mode], _)) = image.split_first_chunk::<8>() else { return false };
    let (mode, kind) = (usize::from(mode & 3), mode >> 2);
    let Some((head, entries)) = HEADS.get(mode).and_then(|head| image.split_at_checked(*head))
    else {
        return false;
    };
    if kind != 2 || FIXED.iter().any(|(place, byte)| head[*place] != *byte) {
        return false;
    }
    if mode < 2 {
        // The value of an entry stands in its upper six bits.
        return entries.chunks(4).all(|entry| entry.len() == 4 && entry[3] >= 1 << 2);
    }
    let sum = |range: std::ops::RangeInclusive<u8>| {
        let of_range = entries.iter().filter(|value| range.contains(value));
        // Each is a power of two within 32 of the others: no sum is rounded.
        of_range.map(|value| f64::from(-i32::from(*value)).exp2()).fold(0.0, |sum, part| sum + part)
    };
    let zeros = u32::try_from(entries.iter().filter(|value| **value == 0).count());
    let follows = [sum(0..=31).to_le_bytes(), sum(32..=VALUE_MAX).to_le_bytes()].concat();
    entries.len() == 1 << REGISTERS_LOG
        && entries.iter().all(|value| *value <= VALUE_MAX)
        && head[16..32] == follows
        && zeros.is_ok_and(|zeros| head[32..36] == zeros.to_le_bytes())
}
