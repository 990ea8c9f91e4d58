//! Lines of InfluxDB against fixed bytes.

use gstatsd_aggregate::{DatedReading, OwnPoint, Values, write_series as series_text};
use gstatsd_wire::Tag;

use super::*;

const WINDOW: Window = Window { timestamp: 1_700_000_000, seconds: 10.0 };

fn naming(prefix: &str) -> Naming {
    Naming::gstatsd(prefix, 90.0, "gstatsd")
}

fn text(name: &str, tags: &[(&str, Option<&str>)]) -> Vec<u8> {
    let tag = |(key, value): &(&'static str, Option<&'static str>)| Tag {
        key: key.as_bytes(),
        value: value.map(str::as_bytes),
    };
    let leak = |text: &str| -> &'static str { Box::leak(text.to_owned().into()) };
    let tags: Vec<_> = tags.iter().map(|(key, value)| (leak(key), value.map(leak))).collect();
    let mut out = Vec::new();
    series_text(name.as_bytes(), &mut tags.iter().map(tag).collect(), &mut out);
    out
}

fn all(snapshot: &Snapshot, prefix: &str, precision: Precision) -> String {
    let naming = naming(prefix);
    let mut out = Vec::new();
    let lines = InfluxLines::new(snapshot, &naming, precision).write(&mut out, usize::MAX);
    assert_eq!(lines, InfluxLines::count(snapshot));
    String::from_utf8(out).unwrap()
}

/// The line of a gauge of this name, up to its fields.
fn gauge(name: &str, tags: &[(&str, Option<&str>)]) -> String {
    let mut snapshot = Snapshot::new(WINDOW);
    snapshot.push_gauge(&text(name, tags), 1.0);
    let line = all(&snapshot, "", Precision::Seconds);
    line.strip_suffix(" value=1 1700000000\n").unwrap().to_owned()
}

#[test]
fn a_snapshot_becomes_these_lines() {
    let mut snapshot = Snapshot::new(WINDOW);
    snapshot.push_counter(&text("requests", &[("env", Some("prod"))]), 12.0);
    snapshot.push_gauge(b"level", -4.5);
    snapshot.push_set(b"users", [b"ann", b"bob"].map(|member| &member[..]));
    snapshot.push_timer(b"time", &[1.0, 2.0, 6.0]);
    snapshot.push_timer(b"idle", &[]);
    let own = |name: &str, value| OwnPoint { name: name.into(), value };
    snapshot.own.push(own("gstatsd.lines.metric", u64::MAX));
    snapshot.dated.push(DatedReading {
        kind: SeriesKind::Counter,
        name: (*b"late").into(),
        second: 1_600_000_000,
        value: 3.0,
    });
    let expected = "app.time,metric_type=timing count=3,sum=9,mean=3,upper=6,upper_90=6,lower=1 T\n\
                    app.idle,metric_type=timing count=0,sum=0 T\n\
                    app.requests,env=prod,metric_type=counter value=12,rate=1.2 T\n\
                    app.level,metric_type=gauge value=-4.5 T\n\
                    app.users,metric_type=set count=2 T\n\
                    app.late,metric_type=counter value=3 1600000000\n\
                    gstatsd.lines.metric value=18446744073709551615 T\n";
    let in_seconds = expected.replace('T', "1700000000");
    assert_eq!(all(&snapshot, "app", Precision::Seconds), in_seconds);
    let in_nanoseconds = in_seconds.replace("00000000\n", "00000000000000000\n");
    assert_eq!(all(&snapshot, "app", Precision::Nanoseconds), in_nanoseconds);
}

#[test]
fn samples_that_stand_for_several_count_for_all_of_them() {
    let mut out = Vec::new();
    let series = Series {
        kind: SeriesKind::Timer,
        name: b"t",
        settings: 0,
        state: State::Timer { values: Values::Exact(&[1.0, 3.0]), count: 20.0 },
    };
    write_fields(&series, &naming(""), WINDOW, &mut out);
    let text = String::from_utf8(out).unwrap();
    assert!(text.starts_with(" count=20,sum=40,mean="), "{text}");
}

#[test]
fn names_and_tags_end_neither_themselves_nor_their_line() {
    let tags = [("a,b c=d", Some("e,f g=h")), ("z", Some("é\u{7f}\n"))];
    assert_eq!(
        gauge("m,n o=p", &tags),
        "m\\,n\\ o=p,a\\,b\\ c\\=d=e\\,f\\ g\\=h,metric_type=gauge,z=é__"
    );
    assert_eq!(gauge("#c", &[]), "_c,metric_type=gauge");
    assert_eq!(gauge("", &[]), "_,metric_type=gauge");
}

#[test]
fn a_tag_has_a_value_and_a_key_that_is_free() {
    let tags =
        [("flag", None), ("none", Some("")), ("time", Some("1")), ("metric_type", Some("x"))];
    assert_eq!(
        gauge("m", &tags),
        "m,flag=true,metric_type=gauge,none=true,tag_metric_type=x,tag_time=1"
    );
    // A key twice would be refused.
    assert_eq!(
        gauge("m", &[("time", Some("1")), ("tag_time", Some("2"))]).matches("tag_time").count(),
        1
    );
}

#[test]
fn no_backslash_is_taken_for_an_escape() {
    for (value, expected) in [
        (r"C:\temp", r"C:\temp"),
        (r"end\", "end/"),
        (r"a\ b", r"a/\ b"),
        (r"a\\b", r"a/\b"),
        (r"a\=b", r"a/\=b"),
    ] {
        assert_eq!(gauge("m", &[("k", Some(value))]), format!("m,k={expected},metric_type=gauge"));
    }
}

#[test]
fn pieces_have_whole_lines_and_go_on_where_the_last_ended() {
    let mut snapshot = Snapshot::new(WINDOW);
    for index in 0..100 {
        snapshot.push_counter(format!("c{index}").as_bytes(), f64::from(index));
    }
    let naming = naming("");
    let whole = all(&snapshot, "", Precision::Seconds);
    for bytes_max in [0, 60, 100, 1_000, 100_000] {
        let mut lines = InfluxLines::new(&snapshot, &naming, Precision::Seconds);
        let (mut joined, mut count) = (Vec::new(), 0);
        loop {
            let mut piece = Vec::new();
            let lines = lines.write(&mut piece, bytes_max);
            if lines == 0 {
                break;
            }
            assert!(piece.len() <= bytes_max || lines == 1);
            assert_eq!(piece.iter().filter(|byte| **byte == b'\n').count() as u64, lines);
            count += lines;
            joined.append(&mut piece);
        }
        assert_eq!(count, 100);
        assert_eq!(String::from_utf8(joined).unwrap(), whole);
    }
    // A piece that was refused may be cut in two: what was written is left out.
    let mut lines = InfluxLines::new(&snapshot, &naming, Precision::Seconds);
    let mut first = Vec::new();
    let written = lines.write(&mut first, 500);
    let mut again = InfluxLines::new(&snapshot, &naming, Precision::Seconds);
    again.skip(written);
    let (mut one, mut other) = (Vec::new(), Vec::new());
    lines.write(&mut one, usize::MAX);
    again.write(&mut other, usize::MAX);
    assert_eq!(one, other);
    again.skip(7);
    assert_eq!(again.write(&mut other, usize::MAX), 0);
    let mut skipping = InfluxLines::new(&snapshot, &naming, Precision::Seconds);
    skipping.write(&mut Vec::new(), 1);
    skipping.skip(98);
    let mut last = Vec::new();
    assert_eq!(skipping.write(&mut last, usize::MAX), 1);
    assert!(last.starts_with(b"c99,"));
}
