//! Reads the parts of a snapshot from bytes that anybody could have written.

use super::{DecodeError, SHARED_MAX, WHOLE_MAX};
use crate::SeriesKind;

/// Bytes, and how far they were read.
pub(super) struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The name that was read last.
    name: Vec<u8>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, name: Vec::new() }
    }

    /// Nothing may follow.
    pub(super) fn end(&self) -> Result<(), DecodeError> {
        match self.at == self.bytes.len() {
            true => Ok(()),
            false => Err(DecodeError::Value(self.at)),
        }
    }

    pub(super) fn check(&self, holds: bool) -> Result<(), DecodeError> {
        match holds {
            true => Ok(()),
            false => Err(DecodeError::Value(self.at.saturating_sub(1))),
        }
    }

    pub(super) fn checked<T>(&self, value: Option<T>) -> Result<T, DecodeError> {
        value.ok_or(DecodeError::Value(self.at.saturating_sub(1)))
    }

    pub(super) fn byte(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A finite double.
    pub(super) fn double(&mut self) -> Result<f64, DecodeError> {
        let value = f64::from_le_bytes(self.array()?);
        self.checked(Some(value).filter(|value| value.is_finite()))
    }

    /// A whole number, in the one way in which it is written.
    pub(super) fn number(&mut self) -> Result<u64, DecodeError> {
        let (mut number, mut shift) = (0_u64, 0);
        loop {
            let byte = self.byte()?;
            self.check(shift < 63 || byte == 1)?;
            self.check(byte != 0 || shift == 0)?;
            number |= u64::from(byte & 0x7f) << shift;
            if byte < 0x80 {
                return Ok(number);
            }
            shift += 7;
        }
    }

    pub(super) fn signed(&mut self) -> Result<i64, DecodeError> {
        Ok(unfolded(self.number()?))
    }

    /// A finite double, as a whole number where it is one.
    #[expect(clippy::cast_precision_loss, reason = "it is below 2^52")]
    pub(super) fn value(&mut self) -> Result<f64, DecodeError> {
        let number = self.number()?;
        if number % 2 == 1 {
            self.check(number == 1)?;
            return self.double();
        }
        let whole = unfolded(number >> 1) as f64;
        self.checked(Some(whole).filter(|whole| whole.abs() < WHOLE_MAX))
    }

    /// How many things follow, of which each takes a byte and more.
    pub(super) fn count(&mut self) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.number()?).ok();
        self.checked(count.filter(|count| *count <= self.bytes.len() - self.at))
    }

    /// So many things as it says before them.
    pub(super) fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        (0..self.count()?).map(|_| read(self)).collect()
    }

    pub(super) fn text(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.count()?;
        let text = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(text)
    }

    /// The name of a series or of one of our own metrics.
    pub(super) fn name(&mut self) -> Result<&[u8], DecodeError> {
        let shared = usize::try_from(self.number()?).ok();
        let shared = shared.filter(|shared| *shared <= self.name.len().min(SHARED_MAX));
        let shared = self.checked(shared)?;
        let rest = self.text()?;
        // A line of a text protocol ends there.
        self.check(!rest.contains(&b'\n'))?;
        self.name.truncate(shared);
        self.name.extend_from_slice(rest);
        Ok(&self.name)
    }

    pub(super) fn last_name(&self) -> &[u8] {
        &self.name
    }

    pub(super) fn kind(&mut self) -> Result<SeriesKind, DecodeError> {
        let number = self.byte()?;
        let kind = SeriesKind::ALL.into_iter().find(|kind| *kind as u8 == number);
        self.checked(kind)
    }

    pub(super) fn settings(&mut self) -> Result<u16, DecodeError> {
        let number = u16::try_from(self.number()?).ok();
        self.checked(number)
    }

    /// What the crate of sketches reads.
    pub(super) fn sketch<T>(
        &mut self,
        decode: impl FnOnce(&'a [u8]) -> Result<(T, &'a [u8]), gstatsd_sketch::DecodeError>,
    ) -> Result<T, DecodeError> {
        let rest = &self.bytes[self.at..];
        let decoded = decode(rest);
        let (sketch, rest) = decoded.map_err(|error| match error {
            gstatsd_sketch::DecodeError::Short(_) => DecodeError::Short(self.bytes.len()),
            _ => DecodeError::Value(self.at),
        })?;
        self.at = self.bytes.len() - rest.len();
        Ok(sketch)
    }

    fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], DecodeError> {
        let rest = self.bytes[self.at..].first_chunk();
        let array = rest.copied().ok_or(DecodeError::Short(self.bytes.len()))?;
        self.at += LENGTH;
        Ok(array)
    }
}

fn unfolded(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
