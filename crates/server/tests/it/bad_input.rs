//! Bad input costs only itself: the daemon runs on, the neighbours count, the reason is right.

use std::collections::BTreeMap;

use crate::support::{Daemon, SpyGraphite, accounting, assert_books_close, sum, without_own};

/// Sends packets, each between two canaries in the same datagram, and one canary alone. Checks
/// that every canary counts and that exactly these counts are in the accounting: `lines` and
/// `samples` by reason, and others by their whole name. Gives the lines that came out.
fn check(packets: &[&[u8]], counts: &[(&str, i128)]) -> Vec<String> {
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"]);
    let mut sent = vec![b"canary:1|c".to_vec()];
    for packet in packets {
        sent.push([&b"canary:1|c\n"[..], packet, b"\ncanary:1|c"].concat());
    }
    daemon.send(&sent);
    let (status, log) = daemon.stop();
    assert!(status.success());
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!(books["datagrams.received"], sent.len() as i128);

    let told: BTreeMap<&str, i128> = books
        .iter()
        .filter(|(name, _)| ["rejected", "shed"].iter().any(|what| name.contains(what)))
        .map(|(name, count)| (name.as_str(), *count))
        .collect();
    let (reasons, others): (Vec<_>, Vec<_>) =
        counts.iter().partition(|(name, _)| name.contains("rejected") || name.contains("shed"));
    assert_eq!(told, reasons.into_iter().collect(), "{log}");
    for (name, count) in others {
        assert_eq!(books[name], count, "{name}");
    }
    let canaries = (packets.len() * 2 + 1) as f64;
    let lines = spy.all_lines(&log);
    assert_eq!(sum(&lines, "stats_counts.canary"), canaries);
    let mut lines = without_own(&lines);
    lines.retain(|line| !line.contains("canary") && !is_rate_of_counter(line));
    lines
}

/// Rates depend on how long a test takes; counters of these tests begin with `c`.
fn is_rate_of_counter(line: &str) -> bool {
    line.starts_with("stats.c")
}

#[test]
fn f01_an_empty_datagram_is_counted_and_is_no_line() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"]);
    daemon.send(&[&b""[..], b"a:1|c", b""]);
    let books = accounting(&daemon.stop().1);
    assert_eq!(books["datagrams.received"], 3);
    assert_eq!(books["datagrams.empty"], 2);
    assert_eq!(books["lines.received"], 1);
    assert_books_close(&books);
}

#[test]
fn f02_a_datagram_of_newlines_holds_no_line() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"]);
    daemon.send(&[vec![b'\n'; 65_507], b"a:1|c".to_vec()]);
    let books = accounting(&daemon.stop().1);
    assert_eq!(books["datagrams.received"], 2);
    assert_eq!(books["lines.received"], 1);
    assert_books_close(&books);
}

#[test]
fn f03_lines_may_end_as_they_like() {
    let lines = check(
        &[b"ca:1|c", b"ca:1|c\r", b"ca:1|c\n\n"],
        &[("lines.metric", 7 + 3), ("samples.aggregated", 7 + 3)],
    );
    assert_eq!(lines, ["stats_counts.ca 3.000000", "statsd.numStats 2"]);
}

#[test]
fn f04_incomplete_lines_are_rejected_with_what_they_lack() {
    let lines = check(
        &[b"a", b"a:", b"a:1", b"a:1|", b"|c"],
        &[
            ("lines.rejected.no_value", 2),
            ("samples.rejected.no_value", 1),
            ("samples.rejected.no_type", 2),
        ],
    );
    assert_eq!(lines, ["statsd.numStats 1"]);
}

#[test]
fn f05_unknown_types_are_rejected() {
    check(&[b"a:1|zz", b"a:1|C", b"a:1|gg"], &[("samples.rejected.bad_type", 3)]);
}

#[test]
fn f06_rates_outside_of_0_to_1_are_rejected_for_every_type() {
    let rates = ["0", "-1", "+1", "1.5", "nan", "inf", "0x10", "", " 1", "1@1"];
    let mut packets = Vec::new();
    for kind in ["c", "ms", "g"] {
        packets.extend(rates.iter().map(|rate| format!("a:1|{kind}|@{rate}")));
    }
    let packets: Vec<_> = packets.iter().map(String::as_bytes).collect();
    check(&packets, &[("samples.rejected.bad_sample_rate", 30)]);
}

#[test]
fn f06_a_tiny_rate_saturates() {
    let lines = check(&[b"ca:1|c|@1e-320"], &[("samples.aggregated", 4)]);
    assert_eq!(lines[0], format!("stats_counts.ca {:.6}", f64::MAX));
}

#[test]
fn f07_values_that_are_not_finite_are_rejected() {
    let values = ["NaN", "nan", "+nan", "Inf", "-Infinity", "infinity", "1e400", "-1e400"];
    let mut packets = Vec::new();
    for kind in ["c", "g", "ms", "h", "d", "m"] {
        packets.extend(values.iter().map(|value| format!("a:{value}|{kind}")));
    }
    let packets: Vec<_> = packets.iter().map(String::as_bytes).collect();
    check(&packets, &[("samples.rejected.non_finite", 48)]);
}

#[test]
fn f08_what_is_not_a_decimal_number_is_rejected() {
    let packets: [&[u8]; 9] = [
        b"a:0x1F|c",
        b"a:1_000|g",
        b"a:1,5|ms",
        b"a:--1|c",
        b"a:+-1|c",
        b"a:1e|c",
        b"a:.|c",
        b"a:1.2.3|c",
        "a:\u{661}|c".as_bytes(),
    ];
    check(&packets, &[("samples.rejected.bad_value", 9)]);
}

#[test]
fn f09_sums_saturate_and_are_counted() {
    let lines = check(&[b"ca:1e308|c", b"ca:1e308|c", b"ca:1e308|c"], &[("overflows", 2)]);
    assert_eq!(lines[0], format!("stats_counts.ca {:.6}", f64::MAX));
}

#[test]
fn f10_edges_of_the_numbers_are_kept() {
    let lines = check(
        &[b"a:-0|g", b"b:+0|g", b"d:5e-324|g", b"ce:9007199254740992|c", b"t:-0|ms"],
        &[("samples.aggregated", 11 + 5)],
    );
    assert_eq!(
        lines,
        [
            "stats.a -0.000000",
            "stats.b 0.000000",
            "stats.d 0.000000",
            "stats.timers.t.count 1",
            "stats.timers.t.lower -0.000000",
            "stats.timers.t.mean -0.000000",
            "stats.timers.t.upper -0.000000",
            "stats.timers.t.upper_90 -0.000000",
            "stats_counts.a -0.000000",
            "stats_counts.b 0.000000",
            "stats_counts.ce 9007199254740992.000000",
            "stats_counts.d 0.000000",
            "statsd.numStats 6",
        ]
    );
}

#[test]
fn f13_names_of_other_languages_are_ordinary() {
    let names = ["__proto__", "constructor", "toString", "hasOwnProperty"];
    let mut packets = Vec::new();
    for kind in ["c", "g", "ms", "s"] {
        packets.extend(names.iter().map(|name| format!("{name}:1|{kind}")));
    }
    let packets: Vec<_> = packets.iter().map(String::as_bytes).collect();
    let lines = check(&packets, &[("samples.aggregated", 33 + 16)]);
    for name in names {
        assert!(lines.contains(&format!("stats_counts.{name} 1.000000")));
        assert!(lines.contains(&format!("stats.sets.{name}.count 1")));
        assert!(lines.contains(&format!("stats.timers.{name}.count 1")));
    }
    assert!(lines.contains(&"statsd.numStats 17".to_owned()));
}

#[test]
fn f14_names_are_limited() {
    let line = |bytes: usize| [&vec![b'n'; bytes][..], b":1|g"].concat();
    let packets: Vec<_> = [1_024, 1_025, 1_500, 8_000, 65_400].map(line).to_vec();
    let packets: Vec<_> = packets.iter().map(Vec::as_slice).collect();
    let lines = check(&packets, &[("lines.rejected.name_too_long", 4)]);
    // What Graphite makes a file of has at most 250 bytes.
    let name = lines[0].strip_prefix("stats.").unwrap().strip_suffix(" 1.000000").unwrap();
    assert_eq!(name.len(), 250);
    assert!(name.starts_with(&format!("{}_", "n".repeat(233))), "{name}");
}

#[test]
fn f15_the_largest_datagrams_are_read_whole() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"]);
    let mut many = b"a:1|c\n".repeat(10_918);
    many.truncate(65_507);
    let one = format!("b:{}1|c", " ".repeat(65_507 - "b:1|c".len())).into_bytes();
    daemon.send(&[many, one]);
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_eq!(books["datagrams.received"], 2);
    assert_eq!(books["samples.received"], 10_918 + 1);
    assert_books_close(&books);
    let lines = spy.all_lines(&log);
    assert_eq!(sum(&lines, "stats_counts.a"), 10_918.0);
    assert_eq!(sum(&lines, "stats_counts.b"), 1.0);
}

#[test]
fn f16_control_characters_harm_nobody() {
    let lines = check(
        &[b"g\0\x07:1|g", b"h:1\0|g", b"i:1|g|#a:\0\x1b", b"j:1|g\0"],
        &[("samples.rejected.bad_value", 1), ("samples.rejected.bad_type", 1)],
    );
    assert_eq!(
        lines,
        [
            "stats.g 1.000000",
            "stats.i 1.000000",
            "stats_counts.g 1.000000",
            "stats_counts.i 1.000000",
            "statsd.numStats 3",
        ]
    );
}

#[test]
fn f20_names_among_our_own_metrics_are_reserved_and_look_alikes_are_not() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::configured(
        "own_metrics = \"stats.self\"",
        &["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"],
    );
    daemon.send(&["self.series:9|g\nselfish:1|g\nstats.self.series:1|g", "timers.self:1|g"]);
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_eq!(books["samples.rejected.reserved_name"], 1);
    assert_eq!(books["samples.aggregated"], 3);
    assert_books_close(&books);
    let own: Vec<_> =
        spy.all_lines(&log).into_iter().filter(|line| line.name == "stats.self.series").collect();
    assert_eq!(own.len(), 1, "{own:?}");
    assert_eq!(own[0].value, "3");
}

#[test]
fn f23_several_values_count_each_and_a_bad_one_costs_only_itself() {
    let many = format!("t:{}|ms", vec!["1"; 5_000].join(":"));
    let lines = check(
        &[many.as_bytes(), b"ca:1|c:2|c", b"cb:1:x:3|c"],
        &[("samples.rejected.bad_value", 1), ("samples.aggregated", 7 + 5_000 + 2 + 2)],
    );
    assert!(lines.contains(&"stats.timers.t.count 5000".to_owned()));
    assert!(lines.contains(&"stats_counts.ca 3.000000".to_owned()));
    assert!(lines.contains(&"stats_counts.cb 4.000000".to_owned()));
}

#[test]
fn series_beyond_the_limit_are_shed_and_known_ones_stay_exact() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::configured(
        "series_max = 10\nsamples_max = 3\nworkers = 1",
        &["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"],
    );
    let packets: Vec<_> = (0..20).map(|name| format!("c{name}:1|c\nc0:1|c")).collect();
    daemon.send(&packets);
    daemon.send(&["c1:1|c", "c0:1|ms:2|ms", "c2:7|c"]);
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_eq!(books["samples.shed.series_limit"], 10 + 2);
    assert_books_close(&books);
    let lines = spy.all_lines(&log);
    assert_eq!(sum(&lines, "stats_counts.c0"), 21.0);
    assert_eq!(sum(&lines, "stats_counts.c1"), 2.0);
    assert_eq!(sum(&lines, "stats_counts.c2"), 8.0);
    assert_eq!(sum(&lines, "statsd.numStats"), 10.0);
}

#[test]
fn timings_and_members_beyond_the_limit_are_shed_and_counted() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::configured(
        "samples_max = 3\nworkers = 1",
        &["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"],
    );
    daemon.send(&["t:1|ms:2|ms\ns:a|s\nt:3|ms\ns:b|s\ns:a|s\nc:1|c"]);
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_eq!(books["samples.shed.memory"], 2);
    assert_eq!(books["samples.aggregated"], 5);
    assert_books_close(&books);
    let lines = spy.all_lines(&log);
    assert_eq!(sum(&lines, "stats.timers.t.count"), 2.0);
    assert_eq!(sum(&lines, "stats.sets.s.count"), 1.0);
    assert_eq!(sum(&lines, "stats_counts.c"), 1.0);
}
