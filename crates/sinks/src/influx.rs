//! InfluxDB's line protocol: a snapshot as lines, a piece at a time.
//!
//! ```text
//! requests,env=prod,metric_type=counter value=12,rate=1.2 1700000000
//! time,metric_type=timing count=3,sum=9,mean=3,upper=6,upper_90=6,lower=1 1700000000
//! gstatsd.lines.metric value=12 1700000000
//! ```
//!
//! The rules of the protocol are those of
//! <https://docs.influxdata.com/influxdb/v2/reference/syntax/line-protocol/>, the tag `metric_type`
//! and its words those of Telegraf's statsd input: it keeps a counter and a gauge of one name
//! apart.

mod datagrams;
mod http;

use std::borrow::Cow;

use gstatsd_aggregate::{Naming, Number, Series, SeriesKind, SeriesName, Snapshot, State, Window};

use crate::entry::{Entries, Entry, entries};
use crate::prometheus::weighted_sum;
pub use datagrams::InfluxUdp;
pub use http::InfluxHttp;

/// The tag that says what a series is.
const TYPE: &[u8] = b"metric_type";
/// Keys of tags that are not free: ours, and those that InfluxDB refuses or means something by.
const TAKEN: [&[u8]; 4] = [TYPE, b"time", b"_field", b"_measurement"];
/// What a tag without a value is given, as InfluxDB knows no other tags.
const NO_VALUE: &[u8] = b"true";
/// What must be escaped in a measurement, and what in keys and values.
const IN_NAMES: &[u8] = b", ";
const IN_TAGS: &[u8] = b", =";

/// The unit of timestamps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Precision {
    /// What an HTTP write with `precision=s` takes.
    Seconds,
    /// What is taken where nothing is said.
    Nanoseconds,
}

/// The lines of a snapshot: one for each series, for each sample with a second of its own, and
/// for each of our own metrics.
///
/// ```
/// use gstatsd_aggregate::{Naming, Snapshot, Window};
/// use gstatsd_sinks::{InfluxLines, Precision};
///
/// let mut snapshot = Snapshot::new(Window { timestamp: 1_700_000_000, seconds: 10.0 });
/// snapshot.push_counter(b"requests", 12.0);
/// let naming = Naming::gstatsd("", 90.0, "");
/// let mut lines = InfluxLines::new(&snapshot, &naming, Precision::Seconds);
/// let mut body = Vec::new();
/// assert_eq!(lines.write(&mut body, 64 * 1024), 1);
/// assert_eq!(body, b"requests,metric_type=counter value=12,rate=1.2 1700000000\n");
/// assert_eq!(lines.write(&mut body, 64 * 1024), 0);
/// ```
pub struct InfluxLines<'s> {
    naming: &'s Naming,
    window: Window,
    precision: Precision,
    entries: Entries<'s>,
    /// A line that had no room in the last piece.
    waiting: Vec<u8>,
}

impl<'s> InfluxLines<'s> {
    /// Begins with the first line.
    #[must_use]
    pub fn new(snapshot: &'s Snapshot, naming: &'s Naming, precision: Precision) -> Self {
        let (window, entries) = (snapshot.window, entries(snapshot));
        Self { naming, window, precision, entries, waiting: Vec::new() }
    }

    /// How many lines a snapshot has.
    #[must_use]
    pub fn count(snapshot: &Snapshot) -> u64 {
        crate::entry::count(snapshot)
    }

    /// Leaves out so many of the lines that come next.
    pub fn skip(&mut self, lines: u64) {
        for _ in 0..lines {
            if !self.waiting.is_empty() {
                self.waiting.clear();
            } else if self.entries.next().is_none() {
                break;
            }
        }
    }

    /// Appends the next lines as long as `out` is not longer than `bytes_max` bytes with them; at
    /// least one line, where there is any. Gives the number of lines.
    pub fn write(&mut self, out: &mut Vec<u8>, bytes_max: usize) -> u64 {
        let mut lines = 0;
        loop {
            if self.waiting.is_empty() {
                match self.entries.next() {
                    Some(entry) => self.write_entry(&entry),
                    None => return lines,
                }
            }
            if lines > 0 && out.len() + self.waiting.len() > bytes_max {
                return lines;
            }
            out.append(&mut self.waiting);
            lines += 1;
        }
    }

    /// Makes the line of an entry.
    fn write_entry(&mut self, entry: &Entry<'_>) {
        let Self { naming, window, waiting: out, .. } = self;
        let second = match entry {
            Entry::Series(series) => {
                write_series(series, naming, out);
                write_fields(series, naming, *window, out);
                window.timestamp
            }
            Entry::Dated(series, second) => {
                write_series(series, naming, out);
                if let State::Counter(value) | State::Gauge(value) = series.state {
                    write_field(b" ", "value", value, out);
                }
                *second
            }
            Entry::Own(own) => {
                write_text(own.name.as_bytes(), IN_NAMES, out);
                out.extend_from_slice(b" value=");
                Number::Whole(own.value).write(out);
                window.timestamp
            }
        };
        out.extend_from_slice(format!(" {second}").as_bytes());
        out.extend_from_slice(match self.precision {
            // All times are whole seconds; 0 has no zeros behind it.
            Precision::Nanoseconds if second != 0 => b"000000000\n",
            _ => b"\n",
        });
    }
}

impl std::fmt::Debug for InfluxLines<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("InfluxLines").field("precision", &self.precision).finish_non_exhaustive()
    }
}

/// The measurement and the tags.
fn write_series(series: &Series<'_>, naming: &Naming, out: &mut Vec<u8>) {
    let name = SeriesName::of(series.name);
    let start = out.len();
    if !naming.prefix().is_empty() {
        write_text(naming.prefix(), IN_NAMES, out);
    }
    write_text(name.name(), IN_NAMES, out);
    // A line that begins so is a comment.
    if out.get(start) == Some(&b'#') {
        out[start] = b'_';
    }
    let mut tags: Vec<(Cow<'_, [u8]>, &[u8])> = Vec::new();
    for tag in name.tags() {
        let key = match TAKEN.contains(&tag.key) {
            true => Cow::Owned([b"tag_", tag.key].concat()),
            false => Cow::Borrowed(tag.key),
        };
        tags.push((key, tag.value.filter(|value| !value.is_empty()).unwrap_or(NO_VALUE)));
    }
    tags.push((Cow::Borrowed(TYPE), word(series.kind).as_bytes()));
    // InfluxDB wants them sorted, and refuses a line that has a key twice.
    tags.sort_by(|(left, _), (right, _)| left.cmp(right));
    tags.dedup_by(|(left, _), (right, _)| left == right);
    for (key, value) in &tags {
        out.push(b',');
        write_text(key, IN_TAGS, out);
        out.push(b'=');
        write_text(value, IN_TAGS, out);
    }
}

/// What the interval made of the series, behind a blank.
fn write_fields(series: &Series<'_>, naming: &Naming, window: Window, out: &mut Vec<u8>) {
    match series.state {
        State::Counter(value) => {
            write_field(b" ", "value", value, out);
            let rate = (value / window.seconds).clamp(f64::MIN, f64::MAX);
            write_field(b",", "rate", rate, out);
        }
        State::Gauge(value) => write_field(b" ", "value", value, out),
        State::Set(members) => {
            out.extend_from_slice(b" count=");
            Number::Whole(members.count() as u64).write(out);
        }
        State::Timer { values, count } => {
            write_field(b" ", "count", count, out);
            write_field(b",", "sum", weighted_sum(values, count), out);
            naming.statistics(series, window, |word, value| {
                if !matches!(word, "count" | "sum") {
                    write_field(b",", word, value, out);
                }
            });
        }
    }
}

fn write_field(before: &[u8], word: &str, value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(before);
    out.extend_from_slice(word.as_bytes());
    out.push(b'=');
    Number::Short(value).write(out);
}

/// Telegraf's word for a kind.
fn word(kind: SeriesKind) -> &'static str {
    match kind {
        SeriesKind::Timer => "timing",
        kind => kind.word(),
    }
}

/// Appends a text with these bytes escaped. A backslash before one of them, before another or at
/// the end would be read as an escape and becomes `/`, and no text is empty.
fn write_text(text: &[u8], escaped: &[u8], out: &mut Vec<u8>) {
    let start = out.len();
    for chunk in text.utf8_chunks() {
        let valid = chunk.valid().as_bytes();
        for (place, &byte) in valid.iter().enumerate() {
            let next = valid.get(place + 1);
            match byte {
                byte if escaped.contains(&byte) => out.extend([b'\\', byte]),
                b'\\' if next.is_none_or(|next| *next == b'\\' || escaped.contains(next)) => {
                    out.push(b'/');
                }
                // No name has any, but a line that ended here would be another.
                0..b' ' | 0x7f => out.push(b'_'),
                byte => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    if out.len() == start {
        out.push(b'_');
    }
}

#[cfg(test)]
mod tests;
