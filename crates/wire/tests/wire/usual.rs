//! The usual line, about which the fast path thinks it knows: what it makes of lines that end
//! near the edges of its windows, of numbers near the most digits that it reads, and of packets
//! that stop anywhere.

use gstatsd_wire::{Grammar, Names, SignedGauge, Tags, fuzz_parse};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{Index, select};

use crate::log::{check_all, entries, show};
use crate::property::styles;
use crate::twin;

const GRAMMARS: [Grammar; 3] = [Grammar::GSTATSD, Grammar::STATSD, Grammar::DOGSTATSD];

/// The dialects, and switches that each dialect sets differently, with limits that usual lines
/// reach.
fn grammars() -> impl Strategy<Value = Grammar> {
    let limits = (0_usize..80, 0_usize..80, 0_usize..6, 0_usize..40);
    let odd = (limits, styles(), any::<[bool; 4]>()).prop_map(
        |(limits, tag_styles, [utf8, delta, negative_timer, origin])| Grammar {
            member_bytes_max: limits.0,
            name_bytes_max: limits.1,
            names: if utf8 { Names::Utf8 } else { Names::Any },
            negative_timer,
            signed_gauge: if delta { SignedGauge::Delta } else { SignedGauge::Absolute },
            tag_styles,
            tags: Tags::Check { count_max: limits.2, bytes_max: limits.3 },
            origin,
            ..Grammar::DOGSTATSD
        },
    );
    prop_oneof![3 => select(&GRAMMARS[..]), 1 => odd]
}

fn names() -> impl Strategy<Value = String> {
    let lengths = prop_oneof![0_usize..8, 20_usize..40, 40_usize..70, 90_usize..130];
    let begins =
        vec!["", "_", "_e{", "a|", "\u{e4}", "\u{7f}", "\t", "a;k=v,", "[a=b]", "a.__b=c", "#b"];
    (lengths, select(begins)).prop_map(|(length, begin)| {
        let letters = "abcdefgh.klmn_pqrs-uvwxyz".chars().cycle();
        begin.chars().chain(letters).take(length).collect()
    })
}

/// Up to 20 digits, with points and signs where they may be and where they may not.
fn numbers() -> impl Strategy<Value = String> {
    let digits = (vec(b'0'..=b'9', 0..20), any::<Index>(), 0..4);
    let signs = vec!["", "", "", "", "-", "+", "--", " ", "1e"];
    (digits, select(signs), select(vec!["", "", "", "", " ", "e1", ":", ".", "/", "\u{e4}"]))
        .prop_map(|((digits, place, points), sign, end)| {
            let mut digits = String::from_utf8(digits).expect("digits are ASCII");
            let place = place.index(digits.len() + 1);
            match points {
                0 => {}
                1 | 2 => digits.insert(place, '.'),
                _ => digits.insert_str(place, "./"),
            }
            format!("{sign}{digits}{end}")
        })
}

fn rates() -> impl Strategy<Value = String> {
    let usual = vec!["", "", "", "|@0.1", "|@1.0", "|@1", "|@.25", "|@0.333333333"];
    let any = numbers().prop_map(|number| format!("|@{number}"));
    prop_oneof![4 => select(usual).prop_map(str::to_owned), 1 => any]
}

fn tags() -> impl Strategy<Value = String> {
    let tag = select(vec!["env:prod", "a", "", "host:web-17", "\u{e4}:b", "\u{85}", "a|b", "x\ty"]);
    prop_oneof![
        2 => Just(String::new()),
        1 => vec(tag, 0..7).prop_map(|tags| format!("|#{}", tags.join(","))),
        1 => (0_usize..90).prop_map(|length| format!("|#{}", "t".repeat(length))),
        1 => (90_usize..300, select(vec!["", "\u{e4}", "|", "|#b", "\t", "\r", ":"])).prop_map(
            |(length, end)| format!("|#{}{end}{}", "t".repeat(length), "t".repeat(length % 70))
        ),
    ]
}

fn line() -> impl Strategy<Value = Vec<u8>> {
    let kinds =
        vec!["c", "ms", "g", "s", "h", "d", "m", "kv", "s", "ms", "xs", "xms", "c ", "C", "", "|c"];
    let values = prop_oneof![5 => numbers(), 1 => names()];
    let ends =
        select(vec!["", "", "", "", "", "\r", "|", "|T1", "|c:x", "|c:x\r", "|e:a|card:b", "|#z"]);
    (names(), values, select(kinds), rates(), tags(), ends).prop_map(
        |(name, value, kind, rate, tags, end)| {
            format!("{name}:{value}|{kind}{rate}{tags}{end}").into_bytes()
        },
    )
}

fn packets() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), select(&b":|@#.-0/ \n\r\x7f\x80\xffsm"[..]));
    let lines = prop_oneof![2 => vec(line(), 1..2), 3 => vec(line(), 1..12)];
    (lines, vec(change, 0..2), any::<bool>()).prop_map(|(lines, changes, newline)| {
        let mut packet = lines.join(&b'\n');
        if newline {
            packet.push(b'\n');
        }
        for (place, byte) in changes {
            let place = place.index(packet.len());
            packet[place] = byte;
        }
        packet
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(20_000))]

    #[test]
    fn property_test_usual_packets_read_as_the_twin_reads_them(
        packet in packets(), grammar in grammars(),
    ) {
        prop_assert_eq!(entries(&packet, &grammar), twin::entries(&packet, &grammar));
        fuzz_parse(&packet);
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn property_test_packets_that_stop_or_begin_anywhere_read_as_the_twin_reads_them(
        packet in packets(), grammar in grammars(),
    ) {
        for place in 0..=packet.len() {
            let (head, tail) = packet.split_at(place);
            prop_assert_eq!(entries(head, &grammar), twin::entries(head, &grammar));
            prop_assert_eq!(entries(tail, &grammar), twin::entries(tail, &grammar));
        }
    }
}

#[test]
fn lines_of_every_length_are_read_alone_and_before_others() {
    for grammar in &GRAMMARS {
        for length in 0..140 {
            for fields in ["12.5|ms", "1|c|@0.1|#env:prod,b", "-123456.123456|g", "member|s"] {
                let name = "n".repeat(length);
                for after in ["", "\n", "\r\n", "\nb:1|c", "\nb:1|c\nlonger.than.this:1|c|#a"] {
                    let packet = format!("{name}:{fields}{after}").into_bytes();
                    let expected = twin::entries(&packet, grammar);
                    assert_eq!(entries(&packet, grammar), expected, "{}", packet.escape_ascii());
                }
            }
        }
    }
}

#[test]
fn every_place_of_a_point_is_read() {
    for digits in 1..=20 {
        for place in 0..=digits {
            let mut text = "98765432109876543219"[..digits].to_owned();
            text.insert(place, '.');
            let shown = text.parse::<f64>().unwrap();
            for name in ["a", "a.longer.name"] {
                check_all(format!("{name}:{text}|ms"), &format!("{name}: {shown} ms"));
                check_all(format!("{name}:-{text}|c"), &format!("{name}: -{shown} c"));
            }
        }
    }
}

#[test]
fn a_type_is_all_that_stands_between_the_pipes() {
    for kind in ["xms", "ccms", "xc", "ss", "mms", "m|s", "x|ms"] {
        let packet = format!("name:1|{kind}");
        let expected = twin::entries(packet.as_bytes(), &Grammar::GSTATSD);
        assert_eq!(entries(packet.as_bytes(), &Grammar::GSTATSD), expected, "{packet}");
        check_all(format!("{packet}\nb:1|c"), &format!("{} / b: 1 c", show(&expected)));
    }
}

#[test]
fn a_byte_beside_the_digits_is_no_digit_wherever_it_stands() {
    for length in 1..=16 {
        for place in 0..length {
            for byte in (0..=0xff_u8).filter(|byte| !byte.is_ascii_digit()) {
                let mut packet = format!("name:{}|c", "1".repeat(length)).into_bytes();
                packet["name:".len() + place] = byte;
                let expected = twin::entries(&packet, &Grammar::DOGSTATSD);
                let read = entries(&packet, &Grammar::DOGSTATSD);
                assert_eq!(read, expected, "{}", packet.escape_ascii());
            }
        }
    }
}

#[test]
fn a_byte_is_odd_or_not_wherever_it_stands() {
    for byte in 0..=0xff {
        for place in 0..100 {
            let mut packet = format!("{}:1|c|#{}", "n".repeat(50), "t".repeat(45)).into_bytes();
            packet[place] = byte;
            let expected = twin::entries(&packet, &Grammar::DOGSTATSD);
            let read = entries(&packet, &Grammar::DOGSTATSD);
            assert_eq!(read, expected, "{}", packet.escape_ascii());
        }
    }
}
