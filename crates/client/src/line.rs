//! One line: exactly what was asked for, and never more than one.

use gstatsd_wire::Kind;

use crate::escape::{self, Place};
use crate::number::{self, Number, Rounding};
use crate::{IntoNumber, Reason};

/// The longest name that is sent, in bytes, with the prefix and as it is escaped.
pub const NAME_BYTES_MAX: usize = 1_024;
/// The longest member of a set that is sent, in bytes, as it is escaped.
pub const MEMBER_BYTES_MAX: usize = 256;
/// The most tags on one line, constant ones included.
pub const TAGS_MAX: usize = 64;
/// The most bytes of tags on one line, with the commas between and as they are escaped.
pub const TAGS_BYTES_MAX: usize = 4_096;

/// Tags of one line: keys and values. A tag whose value is empty is its key alone.
pub type Tags<'a> = &'a [(&'a str, &'a str)];

/// What is told of a metric in one line, before it is formatted.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Metric<'a> {
    /// The type.
    pub kind: Kind,
    /// The name, without the client's prefix.
    pub name: &'a str,
    /// The value.
    pub value: Value<'a>,
    /// The fraction of events that is sent, in (0, 1]; 1 and more is written as nothing.
    pub rate: f64,
    /// Tags beside the client's constant ones.
    pub tags: Tags<'a>,
    /// Seconds since the epoch, for receivers that read them (DogStatsD 1.3).
    pub timestamp: Option<u64>,
}

impl<'a> Metric<'a> {
    /// A metric with a rate of 1, without tags and without a timestamp.
    #[must_use]
    pub const fn new(kind: Kind, name: &'a str, value: Value<'a>) -> Self {
        Self { kind, name, value, rate: 1.0, tags: &[], timestamp: None }
    }
}

/// The value of a metric.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// A change of a gauge, written with its sign. Whether a sign makes a change is up to the
    /// receiver: it does in the statsd dialect, and not in those of gstatsd and DogStatsD.
    Delta(Number<'a>),
    /// A member of a set.
    Member(&'a str),
    /// A number: a count, milliseconds for a timer, any unit for the other types.
    Number(Number<'a>),
}

impl Value<'static> {
    /// A number.
    pub fn number(number: impl IntoNumber) -> Self {
        Self::Number(number.into_number())
    }
}

/// What all lines of a client have in common.
#[derive(Clone, Debug, Default)]
pub(crate) struct Style {
    /// Escaped, with the dot that ends it; empty for none.
    prefix: Vec<u8>,
    /// Escaped, with commas between.
    tags: Vec<u8>,
    tags_count: usize,
    pub(crate) rounding: Rounding,
    /// The receiver takes a gauge with a sign for a change.
    pub(crate) signs_change: bool,
}

impl Style {
    pub(crate) fn new(prefix: &str, tags: &[(String, String)], rounding: Rounding) -> Self {
        let mut style = Self { rounding, ..Self::default() };
        let prefix = prefix.strip_suffix('.').unwrap_or(prefix);
        if !prefix.is_empty() {
            // Whatever the names behind it have, it begins no tags: hence the `=`.
            escape::write(&format!("{prefix}="), Place::Name, &mut style.prefix);
            style.prefix.pop();
            style.prefix.push(b'.');
        }
        for (key, value) in tags.iter().filter(|(key, _)| !key.is_empty()) {
            if style.tags_count > 0 {
                style.tags.push(b',');
            }
            write_tag(key, value, &mut style.tags);
            style.tags_count += 1;
        }
        style
    }

    /// How many lines it takes to say a value: two where a gauge below zero has to be set to 0
    /// before.
    #[inline]
    pub(crate) fn lines(&self, kind: Kind, value: &Value<'_>) -> u64 {
        if self.signs_change
            && kind == Kind::Gauge
            && matches!(value, Value::Number(number) if number.as_f64() < 0.0)
        {
            2
        } else {
            1
        }
    }

    /// Appends the line of a metric, without a newline.
    ///
    /// # Errors
    ///
    /// Why there is no such line; what was appended until then has to be cut off.
    #[inline]
    pub(crate) fn write(&self, metric: &Metric<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        if self.lines(metric.kind, &metric.value) > 1 {
            self.write_line(&Metric { value: Value::number(0), ..*metric }, out)?;
            out.push(b'\n');
        }
        self.write_line(metric, out)
    }

    #[inline]
    fn write_line(&self, metric: &Metric<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        self.write_name(metric.name, out)?;
        out.push(b':');
        self.write_value(metric.value, metric.kind, out)?;
        self.write_tail(metric, out)
    }

    /// Appends a value.
    #[inline]
    pub(crate) fn write_value(
        &self,
        value: Value<'_>,
        kind: Kind,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        match value {
            Value::Number(number) => self.write_number(number, kind, out),
            Value::Delta(number) => {
                if number.as_f64() >= 0.0 {
                    out.push(b'+');
                }
                self.write_number(number, kind, out)
            }
            Value::Member(member) => write_member(member, out),
        }
    }

    /// Appends the line of a metric without its value and without a rate, and says where the
    /// value belongs.
    pub(crate) fn write_key(
        &self,
        metric: &Metric<'_>,
        out: &mut Vec<u8>,
    ) -> Result<usize, Reason> {
        let start = out.len();
        self.write_name(metric.name, out)?;
        out.push(b':');
        let value_at = out.len() - start;
        self.write_tail(&Metric { rate: 1.0, ..*metric }, out)?;
        Ok(value_at)
    }

    /// Appends the prefix and a name.
    #[inline]
    pub(crate) fn write_name(&self, name: &str, out: &mut Vec<u8>) -> Result<(), Reason> {
        if name.is_empty() {
            return Err(Reason::EmptyName);
        }
        let start = out.len();
        out.extend_from_slice(&self.prefix);
        escape::write(name, Place::Name, out);
        if out.len() - start > NAME_BYTES_MAX {
            return Err(Reason::TooLong);
        }
        Ok(())
    }

    #[inline]
    fn write_number(
        &self,
        number: Number<'_>,
        kind: Kind,
        out: &mut Vec<u8>,
    ) -> Result<(), Reason> {
        if number::write(number, kind, self.rounding, out) {
            Ok(())
        } else {
            Err(Reason::NonFinite)
        }
    }

    /// Appends what follows a value: the type and the fields.
    #[inline]
    pub(crate) fn write_tail(&self, metric: &Metric<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        out.push(b'|');
        out.extend_from_slice(metric.kind.symbol().as_bytes());
        if metric.rate >= 1.0
            && metric.tags.is_empty()
            && self.tags.is_empty()
            && metric.timestamp.is_none()
        {
            return Ok(());
        }
        self.write_fields(metric, out)
    }

    fn write_fields(&self, metric: &Metric<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        write_rate(metric.rate, out)?;
        self.write_tags(metric.tags, out)?;
        match metric.timestamp {
            None => Ok(()),
            Some(_) if !metric.kind.may_have_timestamp() => Err(Reason::BadField),
            Some(seconds) => write_timestamp(seconds, b"|T", out),
        }
    }

    /// Appends the tags field, where there are any.
    pub(crate) fn write_tags(&self, tags: Tags<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        if tags.is_empty() && self.tags.is_empty() {
            return Ok(());
        }
        if tags.len() + self.tags_count > TAGS_MAX {
            return Err(Reason::TooLong);
        }
        out.extend_from_slice(b"|#");
        let start = out.len();
        out.extend_from_slice(&self.tags);
        for (key, value) in tags {
            if key.is_empty() {
                return Err(Reason::BadField);
            }
            if out.len() > start {
                out.push(b',');
            }
            write_tag(key, value, out);
        }
        if out.len() - start > TAGS_BYTES_MAX {
            return Err(Reason::TooLong);
        }
        Ok(())
    }
}

/// Appends a number of seconds after its field's first bytes.
pub(crate) fn write_timestamp(seconds: u64, field: &[u8], out: &mut Vec<u8>) -> Result<(), Reason> {
    if seconds == 0 || i64::try_from(seconds).is_err() {
        return Err(Reason::BadField);
    }
    out.extend_from_slice(field);
    number::write_u64(seconds, out);
    Ok(())
}

/// Appends a rate, where it says something.
pub(crate) fn write_rate(rate: f64, out: &mut Vec<u8>) -> Result<(), Reason> {
    if rate >= 1.0 {
        return Ok(());
    }
    if rate.is_nan() || rate <= 0.0 {
        return Err(Reason::BadField);
    }
    out.extend_from_slice(b"|@");
    number::write_shortest(rate, out);
    Ok(())
}

fn write_member(member: &str, out: &mut Vec<u8>) -> Result<(), Reason> {
    if member.is_empty() {
        return Err(Reason::EmptyValue);
    }
    let start = out.len();
    escape::write(member, Place::Member, out);
    if out.len() - start > MEMBER_BYTES_MAX {
        return Err(Reason::TooLong);
    }
    Ok(())
}

fn write_tag(key: &str, value: &str, out: &mut Vec<u8>) {
    if value.is_empty() {
        escape::write(key, Place::TagAlone, out);
    } else {
        escape::write(key, Place::TagKey, out);
        out.push(b':');
        escape::write(value, Place::TagValue, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn line(style: &Style, metric: &Metric<'_>) -> Result<String, Reason> {
        let mut out = Vec::new();
        style.write(metric, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    fn counter(name: &str) -> Metric<'_> {
        Metric::new(Kind::Counter, name, Value::number(1))
    }

    #[test]
    fn a_line_has_the_name_the_value_the_type_and_then_the_fields_there_are() {
        let plain = Style::default();
        assert_eq!(line(&plain, &counter("a")).unwrap(), "a:1|c");
        let tags = &[("k", "v:w"), ("bare", "")];
        let full = Metric { rate: 0.5, tags, timestamp: Some(1_700_000_000), ..counter("a") };
        assert_eq!(line(&plain, &full).unwrap(), "a:1|c|@0.5|#k:v:w,bare|T1700000000");
        let tags = [("env".to_owned(), "x,y".to_owned()), ("b".to_owned(), String::new())];
        let style = Style::new("web.", &tags, Rounding::Exact);
        assert_eq!(line(&style, &counter("a")).unwrap(), "web.a:1|c|#env:x%2Cy,b");
        let named = Style::new("a.__b", &[], Rounding::Exact);
        assert_eq!(line(&named, &counter("__c=d")).unwrap(), "a.%5F_b.%5F_c=d:1|c");
        let tagged = Metric { tags: &[("k", "v")], ..counter("a") };
        assert_eq!(line(&style, &tagged).unwrap(), "web.a:1|c|#env:x%2Cy,b,k:v");
    }

    #[test]
    fn changes_of_gauges_have_a_sign_and_members_are_escaped() {
        let style = Style::default();
        let of = |kind, value| line(&style, &Metric::new(kind, "a", value)).unwrap();
        assert_eq!(of(Kind::Gauge, Value::Delta(3.into_number())), "a:+3|g");
        assert_eq!(of(Kind::Gauge, Value::Delta((-0.5).into_number())), "a:-0.5|g");
        assert_eq!(of(Kind::Gauge, Value::Delta((-0.0).into_number())), "a:+0|g");
        assert_eq!(of(Kind::Set, Value::Member("b:1|c")), "a:b%3A1%7Cc|s");
    }

    #[test]
    fn a_gauge_below_zero_is_set_to_zero_before_where_a_sign_makes_a_change() {
        let style = Style { signs_change: true, ..Style::default() };
        let of = |kind, value| line(&style, &Metric::new(kind, "a", value)).unwrap();
        assert_eq!(of(Kind::Gauge, Value::number(-5)), "a:0|g\na:-5|g");
        assert_eq!(of(Kind::Gauge, Value::number(-0.0)), "a:0|g");
        assert_eq!(of(Kind::Gauge, Value::Delta((-5).into_number())), "a:-5|g");
        assert_eq!(of(Kind::Counter, Value::number(-5)), "a:-5|c");
    }

    #[test]
    fn what_no_line_can_say_has_a_reason() {
        let style = Style::default();
        let reason = |metric: &Metric<'_>| line(&style, metric).unwrap_err();
        let member = |member| Metric::new(Kind::Set, "a", Value::Member(member));
        let long = "n".repeat(NAME_BYTES_MAX + 1);
        assert_eq!(line(&style, &counter(&long[1..])).unwrap().len(), NAME_BYTES_MAX + 4);
        assert_eq!(reason(&counter(&long)), Reason::TooLong);
        assert_eq!(reason(&counter("")), Reason::EmptyName);
        assert!(line(&style, &member(&long[..MEMBER_BYTES_MAX])).is_ok());
        assert_eq!(reason(&member(&long[..MEMBER_BYTES_MAX + 1])), Reason::TooLong);
        assert_eq!(reason(&member("")), Reason::EmptyValue);
        let many = [("k", "v"); TAGS_MAX + 1];
        assert!(line(&style, &Metric { tags: &many[1..], ..counter("a") }).is_ok());
        assert_eq!(reason(&Metric { tags: &many, ..counter("a") }), Reason::TooLong);
        let large = "v".repeat(TAGS_BYTES_MAX - 1);
        assert!(line(&style, &Metric { tags: &[("k", &large[1..])], ..counter("a") }).is_ok());
        let tags = &[("k", &large[..])];
        assert_eq!(reason(&Metric { tags, ..counter("a") }), Reason::TooLong);
        assert_eq!(reason(&Metric { tags: &[("", "v")], ..counter("a") }), Reason::BadField);
        for rate in [0.0, -1.0, f64::NAN] {
            assert_eq!(reason(&Metric { rate, ..counter("a") }), Reason::BadField);
        }
        for seconds in [0, u64::MAX] {
            let timestamp = Some(seconds);
            assert_eq!(reason(&Metric { timestamp, ..counter("a") }), Reason::BadField);
        }
        let nan = Metric::new(Kind::Gauge, "a", Value::number(f64::NAN));
        assert_eq!(reason(&nan), Reason::NonFinite);
    }
}
