//! The series of a family as one object of JSON, a line each.

use std::io::{self, Write};

use gstatsd_aggregate::{Number, Snapshot, State, Values};
use gstatsd_sketch::Histogram;

use crate::flush::write_shown;

/// How much of the values of a timer is written at once.
const PIECE_BYTES: usize = 8_192;

/// Writes the series of a snapshot. `internal` is what the names of internal counters begin with,
/// where they are to be there too.
///
/// # Errors
/// Those of writing.
pub(super) fn write(
    snapshot: &Snapshot,
    internal: Option<&str>,
    out: &mut impl Write,
) -> io::Result<()> {
    let (mut text, mut name) = (Vec::new(), Vec::new());
    let mut before: &[u8] = b"{\n  ";
    for (leaf, count) in internal.iter().flat_map(|_| internal_counters(snapshot)) {
        text.extend_from_slice(before);
        before = b",\n  ";
        let name = format!("{}.{leaf}", internal.unwrap_or_default());
        write_text(name.as_bytes(), &mut text);
        text.extend_from_slice(b": ");
        Number::Whole(count).write(&mut text);
    }
    for series in snapshot.series() {
        text.extend_from_slice(before);
        before = b",\n  ";
        name.clear();
        write_shown(series.kind, series.name, &mut name);
        write_text(&name, &mut text);
        text.extend_from_slice(b": ");
        match series.state {
            State::Counter(value) | State::Gauge(value) => Number::Short(value).write(&mut text),
            State::Timer { values, .. } => match values {
                Values::Exact(values) => write_values(values, &mut text, out)?,
                Values::Sketch(sketch) => write_sketch(sketch, &mut text),
            },
            // No command asks for sets.
            State::Set(members) => Number::Whole(members.count() as u64).write(&mut text),
        }
        out.write_all(&text)?;
        text.clear();
    }
    text.extend_from_slice(if before.starts_with(b"{") { b"{}" } else { b"\n}" });
    out.write_all(&text)
}

/// What the original counts among the counters of the interval.
fn internal_counters(snapshot: &Snapshot) -> [(&'static str, u64); 3] {
    let counts = &snapshot.counts;
    let rejected =
        counts.lines_rejected.iter().sum::<u64>() + counts.samples_rejected.iter().sum::<u64>();
    [
        ("bad_lines_seen", rejected),
        ("packets_received", counts.datagrams_received),
        ("metrics_received", counts.lines),
    ]
}

fn write_values(values: &[f64], text: &mut Vec<u8>, out: &mut impl Write) -> io::Result<()> {
    text.push(b'[');
    for (index, value) in values.iter().enumerate() {
        if index > 0 {
            text.extend_from_slice(b", ");
        }
        Number::Short(*value).write(text);
        if text.len() >= PIECE_BYTES {
            out.write_all(text)?;
            text.clear();
        }
    }
    text.push(b']');
    Ok(())
}

/// What is known of a timer with more values than are kept: an object, not an array.
fn write_sketch(sketch: &Histogram, text: &mut Vec<u8>) {
    text.extend_from_slice(b"{\"count\": ");
    Number::Whole(sketch.count()).write(text);
    let median = sketch.quantile(0.5);
    let known = [("min", sketch.min()), ("median", median), ("max", sketch.max())];
    for (word, value) in known.into_iter().chain([("sum", Some(sketch.sum()))]) {
        text.extend_from_slice(format!(", \"{word}\": ").as_bytes());
        Number::Short(value.unwrap_or_default()).write(text);
    }
    text.push(b'}');
}

/// A text of JSON. What is not UTF-8 is replaced.
fn write_text(bytes: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    for c in String::from_utf8_lossy(bytes).chars() {
        match c {
            '"' => out.extend_from_slice(b"\\\""),
            '\\' => out.extend_from_slice(b"\\\\"),
            c if c.is_control() => {
                out.extend_from_slice(format!("\\u{:04x}", u32::from(c)).as_bytes())
            }
            c => out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes()),
        }
    }
    out.push(b'"');
}

#[cfg(test)]
mod tests {
    use gstatsd_aggregate::Window;
    use serde_json::{Value, json};

    use super::*;

    fn dump(snapshot: &Snapshot, internal: Option<&str>) -> String {
        let mut out = Vec::new();
        write(snapshot, internal, &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_dump_is_one_object_of_json_whatever_the_names() {
        let mut snapshot = Snapshot::new(Window { timestamp: 0, seconds: 10.0 });
        assert_eq!(dump(&snapshot, None), "{}");
        snapshot.push_counter(b"a\"\\\x01\xff\xc3\xa9", 1e300);
        snapshot.push_counter(b"b\x1fenv\x1eprod", -0.5);
        assert_eq!(
            dump(&snapshot, None),
            "{\n  \"a\\\"\\\\\\u0001\u{fffd}\u{e9}\": 1e+300,\n  \"b;env=prod\": -0.5\n}"
        );
        let values: Vec<f64> = (0..10_000).map(f64::from).collect();
        snapshot.push_timer(b"t", &values);
        snapshot.push_values(gstatsd_aggregate::SeriesKind::Histogram, b"t", &[1.5]);
        snapshot.counts.lines = 7;
        let read: Value = serde_json::from_str(&dump(&snapshot, Some("statsd"))).unwrap();
        assert_eq!(read["t"].as_array().unwrap().len(), 10_000);
        assert_eq!(read["t|h"], json!([1.5]));
        assert_eq!(read["statsd.metrics_received"], json!(7));
        assert_eq!(read["b;env=prod"], json!(-0.5));
        assert_eq!(read.as_object().unwrap().len(), 7);
    }

    #[test]
    fn of_a_sketch_the_dump_has_what_is_known() {
        let mut snapshot = Snapshot::new(Window { timestamp: 0, seconds: 10.0 });
        let mut sketch = Histogram::default();
        [1.0, 2.0, 4.0].iter().for_each(|value| sketch.insert(*value, 1));
        snapshot.push_sketch(gstatsd_aggregate::SeriesKind::Timer, b"t", sketch, 30.0);
        let mut read: Value = serde_json::from_str(&dump(&snapshot, None)).unwrap();
        let median = read["t"]["median"].take().as_f64().unwrap();
        assert!((median - 2.0).abs() < 0.02, "{median}");
        let expected = json!({"count": 3, "min": 1, "median": null, "max": 4, "sum": 7});
        assert_eq!(read["t"], expected);
    }
}
