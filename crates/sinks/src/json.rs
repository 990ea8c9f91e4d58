//! JSON lines: an object for each series, event and service check.
//!
//! ```text
//! {"name":"hits","tags":{"env":"prod"},"type":"counter","timestamp":1700000000,"interval":10,
//!     "value":12,"rate":1.2}
//! {"name":"time","tags":{},"type":"timer","timestamp":1700000000,"interval":10,
//!     "statistics":{"count":3,"sum":9,"mean":3}}
//! {"name":"gstatsd.flushes","tags":{},"type":"own","timestamp":1700000000,"value":3}
//! {"title":"deployed","text":"","tags":{},"type":"event","timestamp":1700000000}
//! ```
//! (each in one line)

use gstatsd_aggregate::{Naming, Number, Series, SeriesName, State, Window};
use gstatsd_wire::{Notice, NoticeFields, Tag};

use crate::entry::Entry;
use crate::prometheus::weighted_sum;

/// Appends the line of an entry.
pub(crate) fn write_entry(entry: &Entry<'_>, naming: &Naming, window: Window, out: &mut Vec<u8>) {
    match entry {
        Entry::Series(series) => {
            write_series(series, naming, out);
            write_end(window.timestamp, Some(window.seconds), out);
            write_state(series, naming, window, out);
        }
        Entry::Dated(series, second) => {
            write_series(series, naming, out);
            write_end(*second, None, out);
            if let State::Counter(value) | State::Gauge(value) = series.state {
                write_number(",\"value\":", value, out);
            }
        }
        Entry::Own(own) => {
            out.extend_from_slice(b"{\"name\":");
            write_text(own.name.as_bytes(), out);
            out.extend_from_slice(b",\"tags\":{},\"type\":\"own\"");
            write_end(window.timestamp, None, out);
            out.extend_from_slice(b",\"value\":");
            Number::Whole(own.value).write(out);
        }
    }
    out.extend_from_slice(b"}\n");
}

/// Appends the line of an event or a service check; nothing of any other.
pub(crate) fn write_notice(line: &[u8], window: Window, out: &mut Vec<u8>) {
    let Some(notice) = Notice::read(line) else { return };
    let member = |key: &str, value: Option<&[u8]>, out: &mut Vec<u8>| {
        if let Some(value) = value {
            out.extend_from_slice(key.as_bytes());
            write_broken_text(value, out);
        }
    };
    match notice {
        Notice::Event(event) => {
            member("{\"title\":", Some(event.title), out);
            member(",\"text\":", Some(event.text), out);
            member(",\"priority\":", event.priority, out);
            member(",\"alert_type\":", event.alert_type, out);
            member(",\"aggregation_key\":", event.aggregation_key, out);
            member(",\"source_type\":", event.source_type, out);
            write_fields(&event.fields, "event", window, out);
        }
        Notice::ServiceCheck(check) => {
            member("{\"name\":", Some(check.name), out);
            member(",\"status\":", Some(check.status.word().as_bytes()), out);
            member(",\"message\":", check.message, out);
            write_fields(&check.fields, "service_check", window, out);
        }
    }
    out.extend_from_slice(b"}\n");
}

fn write_fields(fields: &NoticeFields<'_>, kind: &str, window: Window, out: &mut Vec<u8>) {
    if let Some(host) = fields.host {
        out.extend_from_slice(b",\"host\":");
        write_text(host, out);
    }
    write_tags(fields.tags(), out);
    out.extend_from_slice(format!(",\"type\":\"{kind}\"").as_bytes());
    let second = fields.timestamp.and_then(|second| i64::try_from(second).ok());
    write_end(second.unwrap_or(window.timestamp), None, out);
}

/// The name, the tags and the type.
fn write_series(series: &Series<'_>, naming: &Naming, out: &mut Vec<u8>) {
    let name = SeriesName::of(series.name);
    out.extend_from_slice(b"{\"name\":");
    let whole = [naming.prefix(), name.name()].concat();
    write_text(&whole, out);
    write_tags(name.tags(), out);
    out.extend_from_slice(format!(",\"type\":\"{}\"", series.kind.word()).as_bytes());
}

fn write_tags<'t>(tags: impl Iterator<Item = Tag<'t>>, out: &mut Vec<u8>) {
    out.extend_from_slice(b",\"tags\":{");
    for (place, tag) in tags.enumerate() {
        if place > 0 {
            out.push(b',');
        }
        write_text(tag.key, out);
        out.push(b':');
        write_text(tag.value.unwrap_or(b"true"), out);
    }
    out.push(b'}');
}

fn write_end(second: i64, interval: Option<f64>, out: &mut Vec<u8>) {
    out.extend_from_slice(format!(",\"timestamp\":{second}").as_bytes());
    if let Some(interval) = interval {
        write_number(",\"interval\":", interval, out);
    }
}

/// What the interval made of the series.
fn write_state(series: &Series<'_>, naming: &Naming, window: Window, out: &mut Vec<u8>) {
    let is_sketch = match series.state {
        State::Counter(value) => {
            write_number(",\"value\":", value, out);
            let rate = (value / window.seconds).clamp(f64::MIN, f64::MAX);
            write_number(",\"rate\":", rate, out);
            false
        }
        State::Gauge(value) => {
            write_number(",\"value\":", value, out);
            false
        }
        State::Set(members) => {
            out.extend_from_slice(b",\"value\":");
            Number::Whole(members.count() as u64).write(out);
            members.sketch().is_some()
        }
        State::Timer { values, count } => {
            write_number(",\"statistics\":{\"count\":", count, out);
            write_number(",\"sum\":", weighted_sum(values, count), out);
            naming.statistics(series, window, |word, value| {
                if !matches!(word, "count" | "sum") {
                    write_number(&format!(",\"{word}\":"), value, out);
                }
            });
            out.push(b'}');
            values.sketch().is_some()
        }
    };
    // What is not exact says so.
    if is_sketch {
        out.extend_from_slice(b",\"sketch\":true");
    }
}

fn write_number(before: &str, value: f64, out: &mut Vec<u8>) {
    out.extend_from_slice(before.as_bytes());
    Number::Short(value).write(out);
}

/// Appends a text of an event, in which a line break is written `\n`.
fn write_broken_text(text: &[u8], out: &mut Vec<u8>) {
    let mut broken = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(place) = rest.windows(2).position(|bytes| bytes == b"\\n") {
        broken.extend_from_slice(&rest[..place]);
        broken.push(b'\n');
        rest = &rest[place + 2..];
    }
    broken.extend_from_slice(rest);
    write_text(&broken, out);
}

/// Appends a string: what is no UTF-8 becomes U+FFFD.
fn write_text(text: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for chunk in text.utf8_chunks() {
        for byte in chunk.valid().bytes() {
            match byte {
                b'"' => out.extend_from_slice(b"\\\""),
                b'\\' => out.extend_from_slice(b"\\\\"),
                b'\n' => out.extend_from_slice(b"\\n"),
                0..b' ' | 0x7f => out.extend_from_slice(format!("\\u{byte:04x}").as_bytes()),
                byte => out.push(byte),
            }
        }
        if !chunk.invalid().is_empty() {
            out.extend_from_slice("\u{fffd}".as_bytes());
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use gstatsd_aggregate::{DatedReading, OwnPoint, SeriesKind, Snapshot, write_series as text};
    use gstatsd_sketch::HyperLogLog;

    use super::*;
    use crate::entry::entries;

    const WINDOW: Window = Window { timestamp: 1_700_000_000, seconds: 10.0 };

    fn lines(snapshot: &Snapshot) -> String {
        let naming = Naming::gstatsd("app", 90.0, "");
        let mut out = Vec::new();
        for entry in entries(snapshot) {
            write_entry(&entry, &naming, WINDOW, &mut out);
        }
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_snapshot_becomes_these_lines() {
        let mut snapshot = Snapshot::new(WINDOW);
        let tag = |key: &'static [u8], value: Option<&'static [u8]>| Tag { key, value };
        let mut name = Vec::new();
        text(b"hits", &mut vec![tag(b"env", Some(b"prod")), tag(b"up", None)], &mut name);
        snapshot.push_counter(&name, 12.0);
        snapshot.push_gauge(b"level", -4.5);
        snapshot.push_set(b"users", [b"ann", b"bob"].map(|member| &member[..]));
        snapshot.push_timer(b"time", &[1.0, 2.0, 6.0]);
        snapshot.own.push(OwnPoint { name: "gstatsd.flushes".into(), value: 3 });
        let (kind, name, second) = (SeriesKind::Gauge, (*b"late").into(), 1_600_000_000);
        snapshot.dated.push(DatedReading { kind, name, second, value: 1.0 });
        snapshot.push_set_sketch(b"many", HyperLogLog::default());
        let at = "\"timestamp\":1700000000,\"interval\":10";
        let expected = [
            format!(
                "{{\"name\":\"app.time\",\"tags\":{{}},\"type\":\"timer\",{at},\"statistics\":\
                 {{\"count\":3,\"sum\":9,\"mean\":3,\"upper\":6,\"upper_90\":6,\"lower\":1}}}}\n"
            ),
            format!(
                "{{\"name\":\"app.hits\",\"tags\":{{\"env\":\"prod\",\"up\":\"true\"}},\
                 \"type\":\"counter\",{at},\"value\":12,\"rate\":1.2}}\n"
            ),
            format!(
                "{{\"name\":\"app.level\",\"tags\":{{}},\"type\":\"gauge\",{at},\"value\":-4.5}}\n"
            ),
            format!("{{\"name\":\"app.users\",\"tags\":{{}},\"type\":\"set\",{at},\"value\":2}}\n"),
            format!(
                "{{\"name\":\"app.many\",\"tags\":{{}},\"type\":\"set\",{at},\"value\":0,\
                 \"sketch\":true}}\n"
            ),
            "{\"name\":\"app.late\",\"tags\":{},\"type\":\"gauge\",\"timestamp\":1600000000,\
             \"value\":1}\n"
                .to_owned(),
            "{\"name\":\"gstatsd.flushes\",\"tags\":{},\"type\":\"own\",\
             \"timestamp\":1700000000,\"value\":3}\n"
                .to_owned(),
        ];
        assert_eq!(lines(&snapshot), expected.concat());
    }

    #[test]
    fn a_name_ends_neither_its_string_nor_its_line() {
        let mut snapshot = Snapshot::new(WINDOW);
        snapshot.push_gauge(b"a\"b\\c\nd\x01e\xffg\xc3\xa9", 1.0);
        let line = lines(&snapshot);
        assert_eq!(line.lines().count(), 1);
        let expected = "{\"name\":\"app.a\\\"b\\\\c\\nd\\u0001e\u{fffd}g\u{e9}\",";
        assert!(line.starts_with(expected), "{line}");
    }

    #[test]
    fn events_and_service_checks_have_their_fields_and_their_breaks() {
        let mut out = Vec::new();
        let line = b"_e{8,10}:deployed|one\\ntwo\\n|d:1600000000|h:web|t:info|#env:prod,x";
        write_notice(line, WINDOW, &mut out);
        write_notice(b"_sc|redis|2|#a:b|m:no answer", WINDOW, &mut out);
        write_notice(b"no notice", WINDOW, &mut out);
        let expected = "{\"title\":\"deployed\",\"text\":\"one\\ntwo\\n\",\"alert_type\":\"info\",\
             \"host\":\"web\",\"tags\":{\"env\":\"prod\",\"x\":\"true\"},\"type\":\"event\",\
             \"timestamp\":1600000000}\n\
             {\"name\":\"redis\",\"status\":\"critical\",\"message\":\"no answer\",\
             \"tags\":{\"a\":\"b\"},\"type\":\"service_check\",\"timestamp\":1700000000}\n";
        assert_eq!(String::from_utf8(out).unwrap(), expected);
    }
}
