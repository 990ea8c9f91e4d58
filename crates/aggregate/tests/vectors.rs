//! The recorded answers of gstatsd 0.6: `testdata/gstatsd.json`, its `server` cases.

#![expect(clippy::unwrap_used, reason = "a test fails where its data is not as expected")]

use gstatsd_aggregate::{Dialect, Limits, Merger, Naming, Order, Part, Table, Window};
use serde_json::Value;

/// What ours answers on purpose where a case has a text under `differs`: the name of the case,
/// and the lines of its one flush. Cases that are configuration errors are the server's.
const OURS: &[(&str, &[&str])] = &[
    ("counter_sample_gt1", &["statsd.numStats 0"]),
    ("counter_sample_negative", &["statsd.numStats 0"]),
    (
        "counter_sample_zero",
        &["stats.bar 0.100000", "stats_counts.bar 1.000000", "statsd.numStats 1"],
    ),
    ("counter_sample_empty", &["statsd.numStats 0"]),
    ("counter_sample_text", &["statsd.numStats 0"]),
    ("counter_sample_nan", &["statsd.numStats 0"]),
    ("counter_sample_inf", &["statsd.numStats 0"]),
    (
        "counter_sample_four_fields",
        &["stats.foo 1.000000", "stats_counts.foo 10.000000", "statsd.numStats 1"],
    ),
    ("counter_nan", &["statsd.numStats 0"]),
    ("counter_inf", &["statsd.numStats 0"]),
    ("counter_overflow", &["statsd.numStats 0"]),
    ("counter_inf_minus_inf", &["statsd.numStats 0"]),
    (
        "multi_value_bad_middle",
        &["stats.foo 0.600000", "stats_counts.foo 6.000000", "statsd.numStats 1"],
    ),
    (
        "multi_value_short_middle",
        &["stats.foo 0.800000", "stats_counts.foo 8.000000", "statsd.numStats 1"],
    ),
    (
        "unknown_types",
        &[
            "stats.foo 0.100000",
            "stats.sets.foo.count 1",
            "stats.timers.foo.count 2",
            "stats.timers.foo.lower 1.000000",
            "stats.timers.foo.mean 1.000000",
            "stats.timers.foo.upper 1.000000",
            "stats.timers.foo.upper_90 1.000000",
            "stats_counts.foo 1.000000",
            "statsd.numStats 3",
        ],
    ),
    ("set_ignored", &["stats.sets.uniq.count 2", "statsd.numStats 1"]),
    (
        "newline_error_aborts_packet",
        &[
            "stats.bar 0.100000",
            "stats.baz 0.100000",
            "stats_counts.bar 1.000000",
            "stats_counts.baz 1.000000",
            "statsd.numStats 2",
        ],
    ),
    (
        "newline_error_after",
        &[
            "stats.bar 0.100000",
            "stats.baz 0.100000",
            "stats_counts.bar 1.000000",
            "stats_counts.baz 1.000000",
            "statsd.numStats 2",
        ],
    ),
    (
        "datadog_tags_rate",
        &["stats.foo 1.000000", "stats_counts.foo 10.000000", "statsd.numStats 1"],
    ),
    ("event_packet", &["statsd.numStats 0"]),
    ("service_check", &["statsd.numStats 0"]),
    (
        "prefix_unsanitised",
        &["stats.mypfx_x.foo 0.100000", "stats_counts.mypfx_x.foo 1.000000", "statsd.numStats 1"],
    ),
    ("gauge_nan", &["statsd.numStats 0"]),
    (
        "timer_inf",
        &[
            "stats.timers.foo.count 1",
            "stats.timers.foo.lower 1.000000",
            "stats.timers.foo.mean 1.000000",
            "stats.timers.foo.upper 1.000000",
            "stats.timers.foo.upper_90 1.000000",
            "statsd.numStats 1",
        ],
    ),
    (
        "timer_bad_value",
        &[
            "stats.timers.foo.count 2",
            "stats.timers.foo.lower 1.000000",
            "stats.timers.foo.mean 2.000000",
            "stats.timers.foo.upper 3.000000",
            "stats.timers.foo.upper_90 3.000000",
            "statsd.numStats 1",
        ],
    ),
    ("timer_nan", &["statsd.numStats 0"]),
    (
        "many_types_one_packet",
        &[
            "stats.c1 1.800000",
            "stats.g1 42.000000",
            "stats.sets.s1.count 1",
            "stats.timers.t1.count 2",
            "stats.timers.t1.lower 10.000000",
            "stats.timers.t1.mean 15.000000",
            "stats.timers.t1.upper 20.000000",
            "stats.timers.t1.upper_90 20.000000",
            "stats_counts.c1 9.000000",
            "stats_counts.g1 42.000000",
            "statsd.numStats 4",
        ],
    ),
    ("max_packet_truncated", &["stats.b 0.100000", "stats_counts.b 1.000000", "statsd.numStats 1"]),
    ("max_packet_cut_value", &["statsd.numStats 0"]),
    // Its 300 lines are recomputed below.
    ("max_packet_cut_digit", &[]),
    ("max_packet_exact", &["statsd.numStats 0"]),
];

/// Cases that are configuration errors here; the command line's tests hold them.
const CONFIGURATION_ERRORS: &[&str] = &[
    "timer_10_p0",
    "timer_10_p150",
    "timer_10_pneg10",
    "interval_0",
    "interval_0_timers_only",
    "interval_negative",
];

#[test]
fn every_recorded_answer_is_ours_or_differs_on_purpose() {
    let text = include_str!("../../../testdata/gstatsd.json");
    let vectors: Value = serde_json::from_str(text).unwrap();
    let cases = vectors["server"].as_array().unwrap();
    let mut differing = 0;
    for case in cases {
        let name = case["name"].as_str().unwrap();
        if CONFIGURATION_ERRORS.contains(&name) {
            assert!(case["differs"].as_str().unwrap().contains("configuration error"), "{name}");
            continue;
        }
        let ours = replay(case);
        if case["differs"].is_null() {
            assert_eq!(ours, recorded(case), "{name}");
            continue;
        }
        differing += 1;
        let (_, expected) = OURS
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("{name}: no answer of ours is written down"));
        match name {
            "max_packet_cut_digit" => assert_eq!(ours, [every_line_counts(case)], "{name}"),
            _ => assert_eq!(ours, [expected.to_vec()], "{name}"),
        }
    }
    assert_eq!(differing, OURS.len(), "every answer of ours belongs to a case");
    assert_eq!(cases.len(), 96);
}

/// The lines of each flush, sorted, as the recording has them.
fn replay(case: &Value) -> Vec<Vec<String>> {
    let dialect = Dialect::GSTATSD;
    let percent = case["percent"].as_f64().unwrap();
    let naming = Naming::gstatsd(case["prefix"].as_str().unwrap(), percent, "");
    let limits = Limits::new(1_000, 1_000);
    let mut table = Table::new(dialect, naming.clone(), limits);
    let mut merger = Merger::new();
    let window = Window { timestamp: 0, seconds: case["interval"].as_f64().unwrap() };
    let mut flushes = Vec::new();
    for flush in case["flushes"].as_array().unwrap() {
        for packet in packets(flush) {
            table.packet(&packet, Order::default());
        }
        let mut part = table.rotate(Box::<Part>::default());
        merger.add(0, &mut part);
        assert_eq!((part.counts.lines_residual(), part.counts.samples_residual()), (0, 0));
        let snapshot = merger.finish(window, Vec::new());
        let mut lines = Vec::new();
        naming.points(&snapshot, |point| {
            let mut line = point.name.to_vec();
            line.push(b' ');
            point.value.write(&mut line);
            lines.push(String::from_utf8(line).unwrap());
        });
        assert_eq!(lines.len() as u64, naming.point_count(&snapshot));
        lines.sort_unstable();
        flushes.push(lines);
    }
    flushes
}

fn recorded(case: &Value) -> Vec<Vec<String>> {
    let lines = |flush: &Value| {
        let lines = flush["expected"].as_array().unwrap().iter();
        let mut lines: Vec<_> = lines.map(|line| line.as_str().unwrap().to_owned()).collect();
        lines.sort_unstable();
        lines
    };
    case["flushes"].as_array().unwrap().iter().map(lines).collect()
}

fn packets(flush: &Value) -> Vec<Vec<u8>> {
    let packets = flush["packets_b64"].as_array().unwrap().iter();
    packets.map(|packet| decode_base64(packet.as_str().unwrap())).collect()
}

/// What a datagram of counters comes to when every line counts.
fn every_line_counts(case: &Value) -> Vec<String> {
    let packet = packets(&case["flushes"][0]).remove(0);
    let packet = String::from_utf8(packet).unwrap();
    let mut lines = Vec::new();
    for line in packet.lines() {
        let (name, count) = line.strip_suffix("|c").unwrap().split_once(':').unwrap();
        let count: f64 = count.parse().unwrap();
        lines.push(format!("stats.{name} {:.6}", count / 10.0));
        lines.push(format!("stats_counts.{name} {count:.6}"));
    }
    lines.push(format!("statsd.numStats {}", packet.lines().count()));
    lines.sort_unstable();
    lines
}

fn decode_base64(text: &str) -> Vec<u8> {
    const ALPHABET: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut out) = (0_u32, 0, Vec::new());
    for byte in text.bytes().filter(|&byte| byte != b'=') {
        let digit = ALPHABET.iter().position(|&known| known == byte).unwrap();
        bits = (bits << 6 | u32::try_from(digit).unwrap()) & 0xff_ffff;
        count += 6;
        if count >= 8 {
            count -= 8;
            out.push((bits >> count & 0xff) as u8);
        }
    }
    out
}
