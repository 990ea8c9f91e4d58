//! A histogram as bytes, and back.
//!
//! ```text
//! version 1   1 byte
//! scale       1 byte, signed
//! most buckets of a sign, zeros                        a number each
//! sum, least, greatest                                 8 bytes each, little end first
//! positive buckets, then negative ones:
//!     how many, index of the first, counts             a number each
//! ```
//!
//! A number is written in groups of seven bits, the lowest first, each but the last with its eighth
//! bit set (LEB128); an index as `2 * i`, or `-2 * i - 1` below 0.

use crate::scale::{SCALE_MAX, SCALE_MIN};
use crate::{Buckets, Histogram};

const VERSION: u8 = 1;
/// What no number of an honest histogram needs more of.
const BUCKETS_MOST: u64 = 1 << 16;

/// Why bytes are no sketch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the histogram does.
    #[error("the bytes end at {0}, in the middle of a sketch")]
    Short(usize),
    /// They are of another version.
    #[error("version {0} of a histogram is not known")]
    Version(u8),
    /// What stands before this byte cannot stand there.
    #[error("what ends at byte {0} cannot stand there")]
    Value(usize),
}

impl Histogram {
    /// Appends it as bytes, which [`Histogram::decode`] reads.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.extend([VERSION, self.scale.to_le_bytes()[0]]);
        put(self.buckets_max.into(), out);
        put(self.zeros, out);
        for number in [self.sum, self.min, self.max] {
            out.extend(number.to_le_bytes());
        }
        for buckets in [&self.positive, &self.negative] {
            put(buckets.counts().len() as u64, out);
            put(unsigned(buckets.offset()), out);
            buckets.counts().iter().for_each(|count| put(*count, out));
        }
    }

    /// Reads one from the begin of `bytes`; gives what stands behind it too.
    ///
    /// # Errors
    ///
    /// [`DecodeError`]; whatever the bytes are, it takes no more room than they do.
    pub fn decode(bytes: &[u8]) -> Result<(Self, &[u8]), DecodeError> {
        let mut reader = Reader { bytes, at: 0 };
        let [version] = reader.array()?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let scale = i8::from_le_bytes(reader.array()?);
        reader.check((SCALE_MIN..=SCALE_MAX).contains(&scale))?;
        let most = reader.number()?;
        let buckets_max = reader.checked(u32::try_from(most).ok().filter(|most| *most >= 2))?;
        let zeros = reader.number()?;
        let [sum, min, max] =
            [reader.array()?, reader.array()?, reader.array()?].map(f64::from_le_bytes);
        let positive = reader.buckets(most)?;
        let negative = reader.buckets(most)?;
        let histogram = Self { buckets_max, scale, positive, negative, zeros, sum, min, max };
        reader.check(histogram.is_sound())?;
        Ok((histogram, &bytes[reader.at..]))
    }

    /// Whether the parts can be of one histogram.
    fn is_sound(&self) -> bool {
        let Self { sum, min, max, .. } = *self;
        match self.count() {
            0 => sum.to_bits() == 0 && min == f64::INFINITY && max == f64::NEG_INFINITY,
            _ => sum.is_finite() && min.is_finite() && max.is_finite() && min <= max,
        }
    }
}

struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Reader<'_> {
    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], DecodeError> {
        let rest = self.bytes[self.at..].first_chunk();
        let array = rest.copied().ok_or(DecodeError::Short(self.bytes.len()))?;
        self.at += LENGTH;
        Ok(array)
    }

    fn number(&mut self) -> Result<u64, DecodeError> {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let [byte] = self.array()?;
            let group = u64::from(byte & 0x7f);
            // The tenth group has one bit of 64 left, and a last group of nothing is no number.
            self.check(shift < 63 || shift == 63 && byte == 1)?;
            self.check(byte != 0 || shift == 0)?;
            number |= group << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    fn buckets(&mut self, most: u64) -> Result<Buckets, DecodeError> {
        let length = self.number()?;
        self.check(length <= most.min(BUCKETS_MOST))?;
        let index = self.number()?;
        let first = self.checked(signed(index))?;
        let end = i64::from(first) + i64::try_from(length).unwrap_or(i64::MAX);
        self.check(end <= i64::from(i32::MAX))?;
        // Each takes a byte at least, so a lie about their number ends soon.
        let mut counts = Vec::new();
        for _ in 0..length {
            counts.push(self.number()?);
        }
        self.checked(Buckets::new(first, counts))
    }

    fn check(&self, is_good: bool) -> Result<(), DecodeError> {
        self.checked(is_good.then_some(()))
    }

    fn checked<T>(&self, good: Option<T>) -> Result<T, DecodeError> {
        good.ok_or(DecodeError::Value(self.at))
    }
}

fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(0x80 | number.to_le_bytes()[0] & 0x7f);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

/// A small number for an index near 0.
fn unsigned(index: i32) -> u64 {
    let index = i64::from(index);
    if index < 0 { (-2 * index - 1).unsigned_abs() } else { (2 * index).unsigned_abs() }
}

fn signed(number: u64) -> Option<i32> {
    let half = i64::try_from(number / 2).ok()?;
    i32::try_from(if number % 2 == 1 { -half - 1 } else { half }).ok()
}
