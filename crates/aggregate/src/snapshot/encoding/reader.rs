//! Reads the parts of a snapshot, or of other things, from bytes that anybody could have written.

use super::{DecodeError, SHARED_MAX, WHOLE_MAX};
use crate::SeriesKind;

/// Bytes, and how far they were read. What cannot stand there is an error with its place, and
/// what bytes that end too soon miss is one too.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
    /// The name that was read last.
    name: Vec<u8>,
}

impl<'a> Reader<'a> {
    /// From the first of these on.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0, name: Vec::new() }
    }

    /// Nothing may follow.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn end(&self) -> Result<(), DecodeError> {
        match self.at == self.bytes.len() {
            true => Ok(()),
            false => Err(DecodeError::Value(self.at)),
        }
    }

    /// Something holds of what was read last.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn check(&self, holds: bool) -> Result<(), DecodeError> {
        match holds {
            true => Ok(()),
            false => Err(DecodeError::Value(self.at.saturating_sub(1))),
        }
    }

    /// What was read last means something.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn checked<T>(&self, value: Option<T>) -> Result<T, DecodeError> {
        value.ok_or(DecodeError::Value(self.at.saturating_sub(1)))
    }

    /// One byte.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn byte(&mut self) -> Result<u8, DecodeError> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// A finite double.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn double(&mut self) -> Result<f64, DecodeError> {
        let value = f64::from_le_bytes(self.array()?);
        self.checked(Some(value).filter(|value| value.is_finite()))
    }

    /// A whole number, in the one way in which it is written.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn number(&mut self) -> Result<u64, DecodeError> {
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

    /// A whole number that may be negative.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn signed(&mut self) -> Result<i64, DecodeError> {
        Ok(unfolded(self.number()?))
    }

    /// A finite double, as a whole number where it is one.
    #[expect(clippy::cast_precision_loss, reason = "it is below 2^52")]
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn value(&mut self) -> Result<f64, DecodeError> {
        let number = self.number()?;
        if number % 2 == 1 {
            self.check(number == 1)?;
            return self.double();
        }
        let whole = unfolded(number >> 1) as f64;
        self.checked(Some(whole).filter(|whole| whole.abs() < WHOLE_MAX))
    }

    /// How many things follow, of which each takes a byte and more.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn count(&mut self) -> Result<usize, DecodeError> {
        let count = usize::try_from(self.number()?).ok();
        self.checked(count.filter(|count| *count <= self.bytes.len() - self.at))
    }

    /// So many things as it says before them.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn list<T>(
        &mut self,
        mut read: impl FnMut(&mut Self) -> Result<T, DecodeError>,
    ) -> Result<Vec<T>, DecodeError> {
        (0..self.count()?).map(|_| read(self)).collect()
    }

    /// As many bytes as it says before them.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn text(&mut self) -> Result<&'a [u8], DecodeError> {
        let length = self.count()?;
        let text = &self.bytes[self.at..self.at + length];
        self.at += length;
        Ok(text)
    }

    /// The name of a series or of one of our own metrics.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn name(&mut self) -> Result<&[u8], DecodeError> {
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

    /// The name that was read last.
    pub fn last_name(&self) -> &[u8] {
        &self.name
    }

    /// The kind of a series.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn kind(&mut self) -> Result<SeriesKind, DecodeError> {
        let number = self.byte()?;
        let kind = SeriesKind::ALL.into_iter().find(|kind| *kind as u8 == number);
        self.checked(kind)
    }

    /// The number of the settings of a series.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn settings(&mut self) -> Result<u16, DecodeError> {
        let number = u16::try_from(self.number()?).ok();
        self.checked(number)
    }

    /// What the crate of sketches reads.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn sketch<T>(
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

    /// So many bytes.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn array<const LENGTH: usize>(&mut self) -> Result<[u8; LENGTH], DecodeError> {
        let rest = self.bytes[self.at..].first_chunk();
        let array = rest.copied().ok_or(DecodeError::Short(self.bytes.len()))?;
        self.at += LENGTH;
        Ok(array)
    }
}

fn unfolded(number: u64) -> i64 {
    (number >> 1).cast_signed() ^ -(number & 1).cast_signed()
}
