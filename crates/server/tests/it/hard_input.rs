//! Input that the dialects read differently: what each makes of it, and what it counts.

use std::collections::BTreeMap;
use std::fs;

use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close};
use crate::vectors::{escape, replay_lines};

const DIALECTS: [&str; 3] = ["gstatsd", "statsd", "dogstatsd"];

/// What came of some packets.
struct Outcome {
    /// The lines of one flush of ten seconds, sorted, without those of the dialect's own.
    lines: Vec<String>,
    /// What a daemon with sockets counted.
    counts: BTreeMap<String, i128>,
}

impl Outcome {
    /// Those counts that have this in their names, as `NAME COUNT`.
    fn counts_of(&self, part: &str) -> Vec<String> {
        let counts = self.counts.iter().filter(|(name, _)| name.contains(part));
        counts.map(|(name, count)| format!("{name} {count}")).collect()
    }

    /// The sums of counters, by name.
    fn sums(&self, dialect: &str) -> Vec<&str> {
        let before = if dialect == "dogstatsd" { "" } else { "stats_counts." };
        self.lines.iter().filter_map(|line| line.strip_prefix(before)).collect()
    }
}

fn outcome<P: AsRef<[u8]>>(config: &str, packets: &[P]) -> Outcome {
    let folder = Folder::new();
    let path = folder.file("gstatsd.toml");
    fs::write(&path, config).unwrap();
    let recording: Vec<u8> = packets.iter().flat_map(|packet| escape(packet.as_ref())).collect();
    let mut lines = replay_lines(&["-c", &path], &recording).pop().unwrap_or_default();
    lines.retain(|line| !line.contains("statsd."));

    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-c", &path, "-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"]);
    daemon.send(packets);
    let (status, log) = daemon.stop();
    assert!(status.success());
    let counts = accounting(&log);
    assert_books_close(&counts);
    assert_eq!(counts["datagrams.received"], packets.len() as i128);
    Outcome { lines, counts }
}

fn in_dialect<P: AsRef<[u8]>>(dialect: &str, packets: &[P]) -> Outcome {
    outcome(&format!("dialect = \"{dialect}\"\n"), packets)
}

#[test]
fn f11_a_signed_gauge_is_a_change_in_the_statsd_dialect_alone() {
    let packets = ["a:-5|g", "b:5|g\nb:-5|g", "c:5|g", "c:+5|g", "d:0|g\nd:-5|g", "e:-5|g\ne:3|g"];
    for (dialect, before, values) in [
        ("gstatsd", "stats.", ["-5.000000", "-5.000000", "5.000000", "-5.000000", "3.000000"]),
        // From nothing and from 0 a signed value is a number, as in the original.
        ("statsd", "stats.gauges.", ["-5", "0", "10", "-5", "3"]),
        ("dogstatsd", "", ["-5", "-5", "5", "-5", "3"]),
    ] {
        let Outcome { lines, .. } = in_dialect(dialect, &packets);
        for (name, value) in ["a", "b", "c", "d", "e"].iter().zip(values) {
            let line = format!("{before}{name} {value}");
            assert!(lines.contains(&line), "{dialect}: {line} is not in {lines:?}");
        }
    }
}

#[test]
fn f12_a_negative_time_is_taken_but_in_the_statsd_dialect() {
    for (dialect, line, rejected) in [
        ("gstatsd", "stats.timers.a.lower -1.000000", None),
        ("statsd", "stats.timers.b.lower 2", Some("samples.rejected.out_of_range 1")),
        ("dogstatsd", "a.max -1", None),
    ] {
        let outcome = in_dialect(dialect, &["a:-1|ms\nb:2|ms"]);
        assert!(outcome.lines.iter().any(|has| has == line), "{dialect}: {:?}", outcome.lines);
        assert_eq!(outcome.counts_of("rejected"), Vec::from_iter(rejected));
    }
}

#[test]
fn f17_what_is_no_utf8_is_deleted_or_rejected_and_never_passed_on() {
    let packets: [&[u8]; 6] = [
        b"na\xffme:1|c",
        b"a\xc0\xafb:1|c",
        b"a\xed\xa0\x80:1|c",
        b"tag:1|c|#k\xff:v\xff",
        b"set:\xff|s",
        b"end\xe2\x82",
    ];
    let no_colon = "lines.rejected.no_value 1";
    for (dialect, names, rejected) in [
        ("gstatsd", vec!["a", "ab", "name", "tag"], vec![no_colon]),
        ("statsd", vec!["a", "ab", "name", "tag;k=v"], vec![no_colon]),
        (
            "dogstatsd",
            vec!["set"],
            vec!["lines.rejected.bad_utf8 3", no_colon, "samples.rejected.bad_tag 1"],
        ),
    ] {
        let outcome = in_dialect(dialect, &packets);
        let sums = outcome.sums(dialect).into_iter();
        let named: Vec<_> = sums.map(|line| line.split_once(' ').unwrap().0).collect();
        assert_eq!(named, names, "{dialect}");
        assert_eq!(outcome.counts_of("rejected"), rejected, "{dialect}");
    }
}

#[test]
fn f18_letters_of_any_script_are_kept_by_the_dogstatsd_dialect_and_deleted_by_the_others() {
    let names = ["m\u{e9}trique", "a\u{202e}b", "e\u{301}", "\u{1f600}x", "\u{5d0}.\u{6f22}"];
    let packets = names.map(|name| format!("{name}:1|c|#k:{name}"));
    for (dialect, expected) in [
        ("gstatsd", ["mtrique", "ab", "e", "x", "."].map(str::to_owned)),
        ("statsd", ["mtrique", "ab", "e", "x", "."].map(|name| format!("{name};k={name}"))),
        ("dogstatsd", names.map(|name| format!("{name};k={name}"))),
    ] {
        let outcome = in_dialect(dialect, &packets);
        assert_eq!(outcome.counts_of("rejected"), [""; 0], "{dialect}");
        for name in expected {
            let sums = outcome.sums(dialect);
            let begin = format!("{name} 1");
            assert!(sums.iter().any(|line| line.starts_with(&begin)), "{begin}: {sums:?}");
        }
    }
}

#[test]
fn f19_a_name_is_one_word_of_parts_that_a_file_system_takes() {
    let mut names = ["..", "a..b", ".a", "a.", "../../etc/passwd", "/abs", "a/b", "a b"].to_vec();
    names.extend(["a\tb", "a;b=c", "a,b=c", "a*", "a{b}", "a[b]", "~a", "%", "a\u{0}b"]);
    let long = [format!("{}.x", "y".repeat(400)), format!("{}z", "\u{1f600}".repeat(100))];
    names.extend(long.iter().map(String::as_str));
    let packets: Vec<_> = names.iter().map(|name| format!("{name}:1|c|#{name}:{name}")).collect();
    for dialect in DIALECTS {
        let outcome = in_dialect(dialect, &packets);
        assert!(outcome.lines.len() > 10, "{:?}", outcome.lines);
        for line in &outcome.lines {
            let (name, value) = line.split_once(' ').unwrap();
            assert!(value.parse::<f64>().is_ok(), "{dialect}: {line}");
            let is_safe = |char: char| !char.is_control() && !char.is_whitespace();
            assert!(name.chars().all(is_safe), "{dialect}: {line}");
            let name = name.split(';').next().unwrap();
            assert!(!name.contains(['/', '*', '{', '[', '~', '\\']), "{dialect}: {line}");
            assert!(name.split('.').all(|part| part.len() <= 250), "{dialect}: {line}");
            // The two others keep empty parts, as the originals do.
            let is_empty = name.split('.').any(str::is_empty);
            assert!(!is_empty || dialect != "dogstatsd", "{dialect}: {line}");
        }
    }
}

#[test]
fn f21_tags_are_a_set_with_limits() {
    let many: Vec<_> = (0..65).map(|tag| format!("t{tag}:1")).collect();
    let packets = [
        format!("a:1|c|#{}", many.join(",")),
        format!("most:1|c|#{}", many[1..].join(",")),
        "b:1|c|#k:1,k:2".to_owned(),
        "c:1|c|#:v".to_owned(),
        "d:1|c|#".to_owned(),
        "e:1|c|#a,,b".to_owned(),
        "f:1|c|#a=b:c;d".to_owned(),
        "g:1|c|#x:1,y:2\ng:1|c|#y:2,x:1".to_owned(),
        "h:1|c|#k:v\nw:1|c".to_owned(),
    ];
    let tagged = ["b;k=2", "c", "d", "e;a=true;b=true", "f;a_b=c_d", "g;x=1;y=2", "h;k=v", "w"];
    let dropped = ["b", "c", "d", "e", "f", "g", "h", "w"];
    for (dialect, names) in [("gstatsd", dropped), ("statsd", tagged), ("dogstatsd", tagged)] {
        let outcome = in_dialect(dialect, &packets);
        let sums = outcome.sums(dialect).into_iter().map(|line| line.split_once(' ').unwrap());
        let sums = sums.map(|(name, sum)| (name, sum.parse::<f64>().unwrap()));
        let sums: Vec<_> =
            sums.filter(|(name, _)| *name != "a" && !name.starts_with("most")).collect();
        let expected = names.map(|name| (name, if name.starts_with('g') { 2.0 } else { 1.0 }));
        assert_eq!(sums, expected, "{dialect}");
        if dialect == "gstatsd" {
            // Tags that are dropped have no limit.
            assert_eq!(outcome.counts_of("rejected"), [""; 0]);
        } else {
            assert_eq!(outcome.counts_of("rejected"), ["samples.rejected.too_many_tags 1"]);
            assert_eq!(outcome.counts_of("tags.repeated"), ["tags.repeated 1"]);
        }
    }
}

#[test]
fn f22_each_style_of_tags_is_read_where_it_is_asked_for_and_mixed_ones_are_one_set() {
    let packets = ["a;x=1:1|c|#y:2", "a,x=1:1|c|#y:2", "a#x=1:1|c|#y:2", "a[x=1]:1|c|#y:2"];
    let reordered = ["a;y=2:1|c|#x:1", "a,y=2:1|c|#x:1"];
    for (config, expected) in [
        ("", vec![("ax1", 4.0), ("ay2", 2.0)]),
        ("dialect = \"statsd\"", vec![("a;x=1;y=2", 2.0), ("ax=1;y=2", 3.0), ("ay=2;x=1", 1.0)]),
        ("tags.mode = \"keep\"\ntags.styles = [\"all\"]", vec![("a;x=1;y=2", 6.0)]),
        ("dialect = \"statsd\"\ntags.styles = [\"all\"]", vec![("a;x=1;y=2", 6.0)]),
    ] {
        let outcome = outcome(config, &[&packets[..], &reordered].concat());
        let sums = outcome.sums("").into_iter().map(|line| line.rsplit_once(' ').unwrap());
        let sums: Vec<_> = sums.map(|(name, sum)| (name, sum.parse::<f64>().unwrap())).collect();
        assert_eq!(sums, expected, "{config}");
        assert_eq!(outcome.counts_of("rejected"), [""; 0], "{config}");
    }
}

#[test]
fn f24_what_dogstatsd_adds_costs_no_value_and_what_is_wrong_with_it_is_counted() {
    let packets = [
        "a:1|c|c:in-x",
        "a:1|c|e:it-1",
        "a:1|c|card:low",
        "a:1|c|zz",
        "a:1|c|@0.5|c:ci-1|#",
        "t:1|c|T-1",
        "t:1|c|T99999999999999999999",
        "t:1|c|Tx",
        "_e{5,4}:title|text",
        "_e{99,4}:title|text",
        "_e{99999999999999999999,4}:a|b",
        "_e{1,1}:a",
        "_sc|n|0",
        "_sc|n|9",
    ];
    for (dialect, sums, rejected) in [
        ("gstatsd", vec!["a 6.000000", "t 3.000000"], vec![]),
        ("statsd", vec!["a 6", "t 3"], vec![]),
        ("dogstatsd", vec!["a 6"], vec!["samples.rejected.bad_timestamp 3"]),
    ] {
        let outcome = in_dialect(dialect, &packets);
        assert_eq!(outcome.sums(dialect), sums, "{dialect}");
        assert_eq!(outcome.counts_of("samples.rejected"), rejected, "{dialect}");
        let others = ["lines.events", "lines.service_checks"].map(|name| outcome.counts[name]);
        let refused: i128 = outcome
            .counts
            .iter()
            .filter(|(name, _)| name.starts_with("lines.rejected."))
            .map(|(_, count)| count)
            .sum();
        assert_eq!(others.iter().sum::<i128>() + refused, 6, "{dialect}: {:?}", outcome.counts);
        assert!(others.iter().all(|&count| count >= 1), "{dialect}: {:?}", outcome.counts);
    }
}

#[test]
fn f25_each_type_of_a_name_is_a_series_of_its_own() {
    for (dialect, expected) in [
        (
            "gstatsd",
            [
                "stats_counts.a 1.000000",
                "stats_counts.a 2.000000",
                "stats.timers.a.count 1",
                "stats.sets.a.count 1",
            ],
        ),
        (
            "statsd",
            [
                "stats_counts.a 1",
                "stats.gauges.a 2",
                "stats.timers.a.count 1",
                "stats.sets.a.count 1",
            ],
        ),
        // The counter, the gauge and the set have one name there.
        ("dogstatsd", ["a 1", "a 2", "a.count 1", "a.max 3"]),
    ] {
        let outcome = in_dialect(dialect, &["a:1|c", "a:2|g", "a:3|ms", "a:x|s"]);
        for line in expected {
            assert!(outcome.lines.iter().any(|has| has == line), "{dialect}: {:?}", outcome.lines);
        }
        assert_eq!(outcome.counts["samples.aggregated"], 4);
    }
}
