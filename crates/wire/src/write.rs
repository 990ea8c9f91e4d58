//! A sample as a line.

use std::fmt;
use std::io::Write;

use crate::parse::trim;
use crate::tags::Fields;
use crate::{Kind, Sample, Value};

/// What of a sample cannot be written, because no line means it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unwritable {
    /// The name has a colon or a newline, or begins like an event (`_e{`) or a service check
    /// (`_sc|`).
    Name,
    /// The rate is not in (0, 1].
    Rate,
    /// The tags, or the fields of the origin, have a newline, or a pipe that begins no such field.
    Tags,
    /// The timestamp is 0 or does not fit into 63 bits, or the type has none.
    Timestamp,
    /// The value is not one of its type, or not finite, or it is a member of a set that is blank
    /// or has a colon, a pipe or a newline.
    Value,
}

impl fmt::Display for Unwritable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Name => "no line can have this name",
            Self::Rate => "the rate is not in (0, 1]",
            Self::Tags => "no line can have these tags",
            Self::Timestamp => {
                "the timestamp is 0 or does not fit into 63 bits, or the type has none"
            }
            Self::Value => "no line can have this value",
        })
    }
}

impl std::error::Error for Unwritable {}

/// Appends the line of a sample, without a newline: the name, the value in its shortest form
/// that reads back as the same double, the type, the rate where it is not 1, the tags and the
/// timestamp where there are any.
///
/// Every sample that [`parse`](crate::parse()) hands out can be written, and reads back as itself
/// under the same grammar. A grammar with other limits or switches may read it differently: a
/// gauge below zero is a delta where a sign makes one.
///
/// # Errors
///
/// [`Unwritable`] where no line means the sample; nothing is appended then.
pub fn write(sample: &Sample<'_>, out: &mut Vec<u8>) -> Result<(), Unwritable> {
    check(sample)?;
    out.extend_from_slice(sample.name);
    out.push(b':');
    match sample.value {
        Value::Delta(change) => {
            if change.is_sign_positive() {
                out.push(b'+');
            }
            write_number(change, out);
        }
        Value::Member(member) => out.extend_from_slice(member),
        Value::Number(number) => write_number(number, out),
    }
    out.push(b'|');
    out.extend_from_slice(sample.kind.symbol().as_bytes());
    if sample.rate < 1.0 {
        out.extend_from_slice(b"|@");
        write_number(sample.rate, out);
    }
    let fields = fields(sample);
    for text in fields.texts() {
        out.extend_from_slice(b"|#");
        out.extend_from_slice(text);
    }
    for field in fields.origins() {
        out.push(b'|');
        out.extend_from_slice(field);
    }
    if let Some(seconds) = sample.timestamp {
        out.extend_from_slice(b"|T");
        // Writing to a vector cannot fail.
        write!(out, "{seconds}").ok();
    } else if out.ends_with(b"\r") {
        // A return at the end of a line is not part of it, so an empty field ends this one.
        out.push(b'|');
    }
    Ok(())
}

fn fields<'a>(sample: &Sample<'a>) -> Fields<'a> {
    Fields { tags: sample.tags, origin: sample.origin }
}

fn check(sample: &Sample<'_>) -> Result<(), Unwritable> {
    let has = |text: &[u8], bytes: &[u8]| text.iter().any(|byte| bytes.contains(byte));
    if has(sample.name, b":\n")
        || sample.name.starts_with(b"_e{")
        || sample.name.starts_with(b"_sc|")
    {
        return Err(Unwritable::Name);
    }
    let is_value = match (sample.kind, sample.value) {
        (Kind::Set, Value::Member(member)) => !trim(member).is_empty() && !has(member, b":|\n"),
        (Kind::Set, _) | (_, Value::Member(_)) => false,
        (kind, Value::Delta(change)) => kind == Kind::Gauge && change.is_finite(),
        (_, Value::Number(number)) => number.is_finite(),
    };
    if !is_value {
        return Err(Unwritable::Value);
    }
    if !(sample.rate > 0.0 && sample.rate <= 1.0) {
        return Err(Unwritable::Rate);
    }
    if has(sample.tags, b"\n") || has(sample.origin, b"\n") || !fields(sample).end_well() {
        return Err(Unwritable::Tags);
    }
    let fits = |seconds: u64| seconds > 0 && i64::try_from(seconds).is_ok();
    if sample.timestamp.is_some_and(|at| !fits(at) || !sample.kind.may_have_timestamp()) {
        return Err(Unwritable::Timestamp);
    }
    Ok(())
}

/// The shortest digits that read back as the same double; with an exponent where they would
/// trail or follow many zeros.
fn write_number(number: f64, out: &mut Vec<u8>) {
    let size = number.abs();
    // Writing to a vector cannot fail.
    if size == 0.0 || (1e-5..1e16).contains(&size) {
        write!(out, "{number}").ok();
    } else {
        write!(out, "{number:e}").ok();
    }
}
