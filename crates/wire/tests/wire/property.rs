//! The parser and its twin say the same of any bytes, and what is written reads back.

use gstatsd_wire::{
    EmptyValue, Grammar, Kind, Names, Sample, SignedGauge, TagStyle, TagStyles, Tags, Value,
    fuzz_parse, parse_truncated, write,
};
use proptest::collection::vec;
use proptest::num::f64;
use proptest::prelude::*;
use proptest::sample::{Index, select, subsequence};

use crate::log::{Entry, Log, Reading, entries, log};
use crate::twin;

/// The bytes that mean something, and some that do not.
const ALPHABET: &[u8] = b":|@#.,+-0123456789eEcgmshdkvTa \t\r\n\0\xff_{};=[]";

fn grammars() -> impl Strategy<Value = Grammar> {
    prop_oneof![
        Just(Grammar::GSTATSD),
        Just(Grammar::STATSD),
        Just(Grammar::DOGSTATSD),
        any_grammar(),
    ]
}

/// Any combination of switches, with limits that short texts reach.
fn any_grammar() -> impl Strategy<Value = Grammar> {
    let tags = prop_oneof![
        Just(Tags::Skip),
        (0_usize..4, 0_usize..12)
            .prop_map(|(count_max, bytes_max)| Tags::Check { count_max, bytes_max }),
    ];
    let limits = (0_usize..6, 0_usize..12, tags);
    (any::<[bool; 6]>(), styles(), limits).prop_map(
        |(
            [empty, utf8, negative_timer, delta, timestamps, origin],
            tag_styles,
            (members, names, tags),
        )| Grammar {
            empty_value: if empty { EmptyValue::Default } else { EmptyValue::Reject },
            member_bytes_max: members,
            name_bytes_max: names,
            names: if utf8 { Names::Utf8 } else { Names::Any },
            negative_timer,
            origin,
            signed_gauge: if delta { SignedGauge::Delta } else { SignedGauge::Absolute },
            tag_styles,
            tags,
            timestamps,
        },
    )
}

/// Each style alone, none, or several of them.
pub(crate) fn styles() -> impl Strategy<Value = TagStyles> {
    let several = subsequence(&TagStyle::ALL[..], 0..=TagStyle::ALL.len());
    prop_oneof![Just(TagStyles::ALL), several.prop_map(|styles| TagStyles::of(&styles))]
}

fn any_bytes() -> impl Strategy<Value = Vec<u8>> {
    vec(any::<u8>(), 0..200)
}

fn likely_bytes(count: usize) -> impl Strategy<Value = Vec<u8>> {
    vec(select(ALPHABET), 0..count)
}

/// Lines that are nearly right, with a few bytes changed.
fn mutated_lines() -> impl Strategy<Value = Vec<u8>> {
    let mutation = (any::<Index>(), select(ALPHABET), 0..3);
    let packet = vec(prop_oneof![12 => line(), 1 => event(), 1 => service_check()], 1..4)
        .prop_map(|lines| lines.join(&b'\n'));
    (packet, vec(mutation, 0..4)).prop_map(|(mut packet, mutations)| {
        for (place, byte, way) in mutations {
            let at = place.index(packet.len() + 1);
            match (way, packet.get_mut(at)) {
                (0, Some(found)) => *found = byte,
                (1, Some(_)) => _ = packet.remove(at),
                _ => packet.insert(at, byte),
            }
        }
        packet
    })
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let names = vec![
        "a",
        "a.b",
        "",
        "_sc",
        "_e",
        "a|b",
        "\u{e4}",
        "\u{85}",
        "long.name.of.a.metric",
        "a;k=v;b",
        "a,k=v,,k=w",
        "a#k=v,b=\u{e4}",
        "a[k=v,b]c",
        "a.__k=v.__l=w=x.__m",
        ";k=v",
        "a[b.__c;d=e",
    ];
    (select(names), vec(group(), 0..4)).prop_map(|(name, groups)| {
        let mut line = name.as_bytes().to_vec();
        for group in groups {
            line.extend([b":", &group[..]].concat());
        }
        line
    })
}

fn group() -> impl Strategy<Value = Vec<u8>> {
    let kinds = vec!["c", "ms", "g", "s", "h", "d", "m", "kv", "", " c\t", "zz", "C", "#a"];
    (vec(value(), 1..4), select(kinds), vec(field(), 0..4)).prop_map(|(values, kind, fields)| {
        let mut group = values.join(":");
        for part in [kind.to_owned()].iter().chain(&fields) {
            group.push('|');
            group.push_str(part);
        }
        group.into_bytes()
    })
}

fn value() -> impl Strategy<Value = String> {
    let odd = vec![
        "",
        " ",
        "1",
        "-1",
        "+1",
        "-0",
        ".5",
        "5.",
        ".",
        "1e3",
        "1E-3",
        "1e",
        "1e400",
        "nan",
        "-Infinity",
        "0x1F",
        "1_000",
        "1,5",
        " 7\t",
        "x",
        "x y",
        "9007199254740993",
        "5e-324",
    ];
    prop_oneof![
        select(odd).prop_map(str::to_owned),
        any::<i32>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| number.to_string()),
        any::<f64>().prop_map(|number| format!("{number:e}")),
        (any::<u64>(), 0_usize..20).prop_map(|(digits, point)| {
            let digits = digits.to_string();
            let (integer, fraction) = digits.split_at(point.min(digits.len()));
            format!("{integer}.{fraction}")
        }),
    ]
}

fn field() -> impl Strategy<Value = String> {
    let odd = vec![
        "@0.1",
        "@1",
        "@1.0",
        "@.5 ",
        "@1e-05",
        "@0",
        "@1.5",
        "@+1",
        "@ 1",
        "@",
        " @0.1",
        "#a:b",
        "#a,,b:c",
        "#",
        "#\u{85}",
        "#1,2,3,4,5",
        "#a=b:c,d=e,:f,=g",
        "T1700000000",
        "T0",
        "T-1",
        "T",
        "T1:2",
        "T9223372036854775807",
        "T9223372036854775808",
        "T99999999999999999999",
        "c:in-1",
        "e:",
        "card:low",
        "zz",
        "",
    ];
    prop_oneof![
        select(odd).prop_map(str::to_owned),
        (0.0..1.1).prop_map(|rate: f64| format!("@{rate}")),
    ]
}

fn event() -> impl Strategy<Value = Vec<u8>> {
    (0..4, 0..4, "[a|]{0,3}", "[a|]{0,3}").prop_map(|(title, text, first, second)| {
        format!("_e{{{title},{text}}}:{first}|{second}|#a").into_bytes()
    })
}

fn service_check() -> impl Strategy<Value = Vec<u8>> {
    ("[a:]{0,2}", 0..5).prop_map(|(name, status)| format!("_sc|{name}|{status}|m:x").into_bytes())
}

/// A sample that may or may not be one that a packet can hold.
fn value_of(kind: Kind, number: f64, delta: bool, member: &[u8]) -> Value<'_> {
    match kind {
        Kind::Set => Value::Member(member),
        Kind::Gauge if delta => Value::Delta(number),
        _ => Value::Number(number),
    }
}

fn packets() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![1 => any_bytes(), 2 => likely_bytes(120), 4 => mutated_lines()]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(10_000))]

    #[test]
    fn property_test_any_bytes_read_as_the_twin_reads_them(
        packet in any_bytes(), grammar in grammars(),
    ) {
        prop_assert_eq!(entries(&packet, &grammar), twin::entries(&packet, &grammar));
    }

    #[test]
    fn property_test_likely_bytes_read_as_the_twin_reads_them(
        packet in likely_bytes(120), grammar in grammars(),
    ) {
        prop_assert_eq!(entries(&packet, &grammar), twin::entries(&packet, &grammar));
    }

    #[test]
    fn property_test_mutated_lines_read_as_the_twin_reads_them(
        packet in mutated_lines(), grammar in grammars(),
    ) {
        prop_assert_eq!(entries(&packet, &grammar), twin::entries(&packet, &grammar));
        fuzz_parse(&packet);
    }

    #[test]
    fn property_test_truncated_packets_read_as_the_twin_reads_them(
        packet in packets(), grammar in grammars(),
    ) {
        let mut log = Log::new(&grammar);
        parse_truncated(&packet, &grammar, &mut log);
        prop_assert_eq!(log.entries, twin::entries_of_truncated(&packet, &grammar));
    }

    /// Every line that is not empty is told once, and only metric lines have samples, all of
    /// them at least one.
    #[test]
    fn property_test_counts_add_up(packet in packets(), grammar in grammars()) {
        let lines = packet.split(|byte| *byte == b'\n');
        let lines = lines.filter(|line| !matches!(*line, b"" | b"\r")).count();
        let entries = entries(&packet, &grammar);
        let is_sample = |entry: &Entry| matches!(entry, Entry::Sample(_) | Entry::Rejected(..));
        prop_assert_eq!(entries.iter().filter(|entry| !is_sample(entry)).count(), lines);
        prop_assert!(entries.first().is_none_or(|first| !is_sample(first)));
        for (index, entry) in entries.iter().enumerate() {
            let followed = entries.get(index + 1).is_some_and(is_sample);
            match entry {
                Entry::Metric(_) => prop_assert!(followed),
                Entry::Sample(_) | Entry::Rejected(..) => {}
                _ => prop_assert!(!followed),
            }
        }
    }

    #[test]
    fn property_test_every_sample_read_can_be_written_and_reads_back(
        packet in packets(), grammar in grammars(),
    ) {
        for (reading, line) in log(&packet, &grammar).written {
            let read = entries(&line, &grammar);
            prop_assert_eq!(read, [Entry::Metric(line), Entry::Sample(reading)]);
        }
    }

    /// Any doubles, names and tags: what the writer takes reads back under a grammar that has
    /// the sample's kind of gauge, and what it refuses leaves no trace.
    #[test]
    fn property_test_every_sample_written_reads_back(
        names in (likely_bytes(12), likely_bytes(12), likely_bytes(12)),
        kind in select(&Kind::ALL[..]),
        number in f64::ANY,
        delta in any::<bool>(),
        rate in prop_oneof![0.0..1.1, f64::ANY],
        timestamp in any::<Option<u64>>(),
    ) {
        let (name, member, tags) = &names;
        let value = value_of(kind, number, delta, member);
        let sample = Sample { name, kind, value, rate, tags, origin: b"", timestamp };
        let grammar = Grammar {
            member_bytes_max: usize::MAX,
            signed_gauge: if delta { SignedGauge::Delta } else { SignedGauge::Absolute },
            timestamps: true,
            ..Grammar::GSTATSD
        };
        let mut line = b"before".to_vec();
        if write(&sample, &mut line).is_err() {
            prop_assert_eq!(line, b"before");
            return Ok(());
        }
        line.drain(..b"before".len());
        let reading = Reading::of(&sample, &grammar);
        prop_assert_eq!(entries(&line, &grammar), [Entry::Metric(line), Entry::Sample(reading)]);
    }
}
