//! A snapshot as bytes, and back: for disks and for other machines, so with all names in it.
//!
//! ```text
//! version 1 | timestamp | seconds | number | times | counts | own metrics
//! counters, gauges     how many, then each: name, value
//! timers               how many, then each: kind, settings, name, count, values or sketch
//! sets                 how many, then each: settings, name, members or sketch
//! dated                how many, then each: kind, name, second, value
//! notices              how many, then each: text
//! ```
//!
//! Numbers are in groups of seven bits (LEB128), those that may be negative folded (`2 * n`, or
//! `-2 * n - 1`). A double that is a whole number is written as such. A name says how many bytes
//! it shares with the one before. Whatever the bytes are, reading them takes a bounded multiple of
//! their room, and names the byte at which they are wrong.

mod reader;

use std::time::Duration;

use gstatsd_sketch::{Histogram, HyperLogLog};

use super::{FlushTimes, OwnPoint, Snapshot, State, Values, Window};
use crate::{Counts, DatedReading, SeriesKind};
pub use reader::Reader;

const VERSION: u8 = 1;
/// How many bytes two names share at most: so a few bytes are no name of a thousand.
const SHARED_MAX: usize = 127;
/// Stands before what follows of a timer or a set.
const EXACT: u8 = 0;
const SKETCH: u8 = 1;
/// Whole numbers below this, of either sign, are written as such.
const WHOLE_MAX: f64 = 4_503_599_627_370_496.0;

/// Why bytes are no snapshot.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end before the snapshot does.
    #[error("the bytes end at {0}, in the middle of a snapshot")]
    Short(usize),
    /// They are of a version that is not known.
    #[error("version {0} of a snapshot is not known")]
    Version(u8),
    /// What stands at this byte cannot stand there.
    #[error("byte {0} cannot stand there")]
    Value(usize),
}

impl Snapshot {
    /// Appends it as bytes, which [`Snapshot::decode`] reads.
    pub fn encode(&self, out: &mut Vec<u8>) {
        out.push(VERSION);
        put_signed(self.window.timestamp, out);
        out.extend(self.window.seconds.to_le_bytes());
        put(self.number, out);
        put_times(self.times, out);
        let counts = self.counts.words();
        put(counts.len() as u64, out);
        counts.iter().for_each(|count| put(*count, out));
        put(self.own.len() as u64, out);
        let mut names = Names::default();
        for OwnPoint { name, value } in &self.own {
            names.put(name.as_bytes(), out);
            put(*value, out);
        }
        for (kind, count) in
            [(SeriesKind::Counter, self.counters.len()), (SeriesKind::Gauge, self.gauges.len())]
        {
            put(count as u64, out);
            for series in self.series().filter(|series| series.kind == kind) {
                names.put(series.name, out);
                match series.state {
                    State::Counter(value) | State::Gauge(value) => put_value(value, out),
                    State::Set(_) | State::Timer { .. } => {}
                }
            }
        }
        put(self.timers.len() as u64, out);
        for series in self.series() {
            let State::Timer { values, count } = series.state else { continue };
            out.push(series.kind as u8);
            put(u64::from(series.settings), out);
            names.put(series.name, out);
            put_value(count, out);
            put_values(values, out);
        }
        put(self.sets.len() as u64, out);
        for series in self.series() {
            let State::Set(members) = series.state else { continue };
            put(u64::from(series.settings), out);
            names.put(series.name, out);
            match members.sketch() {
                None => {
                    out.push(EXACT);
                    put(members.iter().count() as u64, out);
                    members.iter().for_each(|member| put_text(member, out));
                }
                Some(sketch) => {
                    out.push(SKETCH);
                    sketch.encode(out);
                }
            }
        }
        put(self.dated.len() as u64, out);
        for DatedReading { kind, name, second, value } in &self.dated {
            out.push(*kind as u8);
            names.put(name, out);
            put_signed(*second, out);
            put_value(*value, out);
        }
        put(self.notices.len() as u64, out);
        self.notices.iter().for_each(|line| put_text(line, out));
    }

    /// Reads a snapshot, which all of the bytes must be.
    ///
    /// # Errors
    /// [`DecodeError`], with the place.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = Reader::new(bytes);
        let version = reader.byte()?;
        if version != VERSION {
            return Err(DecodeError::Version(version));
        }
        let timestamp = reader.signed()?;
        let seconds = reader.double()?;
        reader.check(seconds > 0.0)?;
        let mut snapshot = Self::new(Window { timestamp, seconds });
        snapshot.number = reader.number()?;
        snapshot.times = read_times(&mut reader)?;
        let words = reader.list(|reader| reader.number())?;
        // Another program counts other things.
        snapshot.counts = Counts::from_words(&words).unwrap_or_default();
        snapshot.own = reader.list(|reader| {
            let name = String::from_utf8(reader.name()?.to_vec());
            let name = reader.checked(name.ok())?.into_boxed_str();
            Ok(OwnPoint { name, value: reader.number()? })
        })?;
        for _ in 0..reader.count()? {
            reader.name()?;
            let value = reader.value()?;
            snapshot.push_counter(reader.last_name(), value);
        }
        for _ in 0..reader.count()? {
            reader.name()?;
            let value = reader.value()?;
            snapshot.push_gauge(reader.last_name(), value);
        }
        for _ in 0..reader.count()? {
            snapshot.read_timer(&mut reader)?;
        }
        for _ in 0..reader.count()? {
            snapshot.read_set(&mut reader)?;
        }
        snapshot.dated = reader.list(|reader| {
            let kind = reader.kind()?;
            reader.check(matches!(kind, SeriesKind::Counter | SeriesKind::Gauge))?;
            let name = reader.name()?.into();
            Ok(DatedReading { kind, name, second: reader.signed()?, value: reader.value()? })
        })?;
        for _ in 0..reader.count()? {
            let line = reader.text()?;
            snapshot.notices.append(line);
            reader.check(!line.contains(&b'\n'))?;
        }
        reader.end()?;
        Ok(snapshot)
    }

    fn read_timer(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let kind = reader.kind()?;
        let is_timer = match kind {
            SeriesKind::Counter | SeriesKind::Gauge | SeriesKind::Set => false,
            SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => true,
        };
        reader.check(is_timer)?;
        let settings = reader.settings()?;
        reader.name()?;
        let count = reader.value()?;
        match reader.byte()? {
            EXACT => {
                let values = reader.list(|reader| reader.value())?;
                reader.check(values.is_sorted())?;
                self.push_values(kind, reader.last_name(), &values);
            }
            tag => {
                reader.check(tag == SKETCH)?;
                let sketch = reader.sketch(Histogram::decode)?;
                self.push_sketch(kind, reader.last_name(), sketch, count);
            }
        }
        if let Some(timer) = self.timers.last_mut() {
            (timer.settings, timer.count) = (settings, count);
        }
        Ok(())
    }

    fn read_set(&mut self, reader: &mut Reader<'_>) -> Result<(), DecodeError> {
        let settings = reader.settings()?;
        reader.name()?;
        match reader.byte()? {
            EXACT => {
                let members = reader.list(|reader| reader.text())?;
                reader.check(members.is_sorted_by(|one, next| one < next))?;
                self.push_set(reader.last_name(), members);
            }
            tag => {
                reader.check(tag == SKETCH)?;
                let sketch = reader.sketch(HyperLogLog::decode)?;
                self.push_set_sketch(reader.last_name(), sketch);
            }
        }
        if let Some(set) = self.sets.last_mut() {
            set.settings = settings;
        }
        Ok(())
    }
}

/// Names, each with what it shares with the one before.
#[derive(Debug, Default)]
pub struct Names {
    last: Vec<u8>,
}

impl Names {
    /// Appends a name, which [`Reader::name`] reads.
    pub fn put(&mut self, name: &[u8], out: &mut Vec<u8>) {
        let pairs = self.last.iter().zip(name).take(SHARED_MAX);
        let shared = pairs.take_while(|(one, other)| one == other).count();
        put(shared as u64, out);
        put_text(&name[shared..], out);
        self.last.truncate(shared);
        self.last.extend_from_slice(&name[shared..]);
    }
}

fn put_times(times: Option<FlushTimes>, out: &mut Vec<u8>) {
    let Some(FlushTimes { lag, processing }) = times else { return out.push(0) };
    out.push(1 + u8::from(lag.is_some()));
    out.extend(lag.iter().flat_map(|lag| lag.to_le_bytes()));
    put(u64::try_from(processing.as_nanos()).unwrap_or(u64::MAX), out);
}

fn read_times(reader: &mut Reader<'_>) -> Result<Option<FlushTimes>, DecodeError> {
    let lag = match reader.byte()? {
        0 => return Ok(None),
        1 => None,
        tag => {
            reader.check(tag == 2)?;
            Some(reader.double()?)
        }
    };
    Ok(Some(FlushTimes { lag, processing: Duration::from_nanos(reader.number()?) }))
}

fn put_values(values: Values<'_>, out: &mut Vec<u8>) {
    match values {
        Values::Exact(values) => {
            out.push(EXACT);
            put(values.len() as u64, out);
            values.iter().for_each(|value| put_value(*value, out));
        }
        Values::Sketch(sketch) => {
            out.push(SKETCH);
            sketch.encode(out);
        }
    }
}

fn put_text(text: &[u8], out: &mut Vec<u8>) {
    put(text.len() as u64, out);
    out.extend_from_slice(text);
}

/// A finite double, which [`Reader::value`] reads: twice the folded whole number, or 1 and its
/// eight bytes.
#[expect(clippy::cast_possible_truncation, reason = "it is a whole number below 2^52")]
pub fn put_value(value: f64, out: &mut Vec<u8>) {
    let is_whole = value.trunc().to_bits() == value.to_bits() && value.abs() < WHOLE_MAX;
    match is_whole && !(value == 0.0 && value.is_sign_negative()) {
        true => put(folded(value as i64) << 1, out),
        false => {
            out.push(1);
            out.extend(value.to_le_bytes());
        }
    }
}

/// A whole number, folded, which [`Reader::signed`] reads.
pub fn put_signed(number: i64, out: &mut Vec<u8>) {
    put(folded(number), out);
}

fn folded(number: i64) -> u64 {
    (number << 1 ^ number >> 63).cast_unsigned()
}

/// A whole number, which [`Reader::number`] reads.
pub fn put(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number.to_le_bytes()[0] | 0x80);
        number >>= 7;
    }
    out.push(number.to_le_bytes()[0]);
}

#[cfg(test)]
mod tests;
