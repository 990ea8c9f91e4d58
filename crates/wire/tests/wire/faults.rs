//! What goes wrong in the field: the packets that broke other servers.

use gstatsd_wire::Grammar;

use crate::log::{Entry, check, check_all, entries, show};

const GSTATSD: Grammar = Grammar::GSTATSD;
const STATSD: Grammar = Grammar::STATSD;
const DOGSTATSD: Grammar = Grammar::DOGSTATSD;

/// The largest payload of an IPv4 datagram.
const PACKET_BYTES_MAX: usize = 65_507;

const NUMERIC: [&str; 6] = ["c", "g", "ms", "h", "d", "m"];

#[test]
fn an_empty_packet_has_no_lines() {
    check_all("", "");
}

#[test]
fn a_packet_of_newlines_has_no_lines() {
    check_all([b'\n'; PACKET_BYTES_MAX], "");
}

#[test]
fn a_line_ends_with_or_without_a_newline() {
    for end in ["", "\n", "\r\n", "\n\n"] {
        check_all(format!("a:1|c{end}"), "a: 1 c");
    }
}

#[test]
fn incomplete_lines_are_rejected_with_their_reason() {
    let packet = b"a\na:\na:1\na:1|\n:1|c\n|c";
    let rest = "!no_value / a: !no_value / a: !no_type 1 / a: !no_type 1";
    check(packet, &DOGSTATSD, &format!("{rest} / !empty_name / !no_value"));
    // These two sanitise names, and an empty one is a name like any other.
    check(packet, &GSTATSD, &format!("{rest} / : 1 c / !no_value"));
    check(packet, &STATSD, &format!("{rest} / : 1 c / !no_value"));
}

#[test]
fn an_unknown_type_is_rejected_in_every_dialect() {
    for kind in ["zz", "C", "gg", "MS", "cc", "c\0", "\u{e9}"] {
        check_all(format!("a:1|{kind}\nb:1|c"), "a: !bad_type 1 / b: 1 c");
    }
}

#[test]
fn a_rate_that_is_none_is_rejected_for_every_type() {
    for rate in ["0", "-1", "+1", "1.5", "nan", "inf", "0x10", "", " 1", "1@1"] {
        for kind in ["c", "ms", "g", "h", "d", "m", "s"] {
            let packet = format!("a:1|{kind}|@{rate}\nb:1|c");
            check_all(packet, "a: !bad_sample_rate 1 / b: 1 c");
        }
    }
}

#[test]
fn a_number_that_is_not_finite_is_rejected_for_every_type() {
    let texts = [
        "NaN",
        "nan",
        "+nan",
        "-nan",
        "Inf",
        "inf",
        "-Infinity",
        "infinity",
        "+INFINITY",
        "1e400",
        "-1e400",
        "1.8e308",
        "1e99999999999999999999",
    ];
    for text in texts {
        for kind in NUMERIC {
            check_all(format!("a:{text}|{kind}"), &format!("a: !non_finite {text}"));
        }
    }
    check_all(format!("a:{}|c", "9".repeat(400)), &format!("a: !non_finite {}", "9".repeat(400)));
}

#[test]
fn a_value_that_is_no_number_is_rejected_for_every_type() {
    for text in ["0x1F", "1_000", "1,5", "--1", "+-1", "1e", ".", "1.2.3", "1\0", "1L"] {
        for kind in NUMERIC {
            let shown = text.as_bytes().escape_ascii();
            check_all(format!("a:{text}|{kind}"), &format!("a: !bad_value {shown}"));
        }
    }
    let arabic = "\u{661}\u{662}";
    let shown = arabic.as_bytes().escape_ascii();
    check_all(format!("a:{arabic}|c"), &format!("a: !bad_value {shown}"));
    check_all("a: 1\t|c", "a: 1 c");
}

#[test]
fn the_edges_of_a_double_are_kept() {
    check(b"a:-0|g:+0|g:-0|ms", &GSTATSD, "a: -0 g, 0 g, -0 ms");
    check(b"a:-0|g:+0|g:-0|ms", &STATSD, "a: by -0 g, by 0 g, -0 ms");
    check_all("a:5e-324|g", &format!("a: {} g", 5e-324));
    check_all("a:9007199254740993|c", "a: 9007199254740992 c");
    check_all("a:9007199254740992|c", "a: 9007199254740992 c");
    check_all("a:1.7976931348623157e308|c", &format!("a: {} c", f64::MAX));
}

#[test]
fn a_negative_timer_is_rejected_or_accepted_by_dialect() {
    check(b"a:-1|ms", &STATSD, "a: !out_of_range -1");
    check(b"a:-1|ms", &GSTATSD, "a: -1 ms");
    check(b"a:-1|ms", &DOGSTATSD, "a: -1 ms");
}

#[test]
fn names_that_mean_something_to_others_are_ordinary() {
    for name in ["__proto__", "constructor", "toString", "hasOwnProperty"] {
        for kind in NUMERIC {
            check_all(format!("{name}:1|{kind}"), &format!("{name}: 1 {kind}"));
        }
        check_all(format!("{name}:{name}|s"), &format!("{name}: \"{name}\" s"));
    }
}

#[test]
fn a_name_over_the_limit_is_rejected() {
    let name = "n".repeat(1_024);
    check_all(format!("{name}:1|c"), &format!("{name}: 1 c"));
    for bytes in [1_025, 1_500, 8_000, 65_500] {
        let packet = format!("{}:1|c\nb:1|c", "n".repeat(bytes));
        check_all(packet, "!name_too_long / b: 1 c");
    }
}

#[test]
fn the_largest_packet_is_read_whole() {
    let digits = "0".repeat(PACKET_BYTES_MAX - "a:1|c".len());
    check_all(format!("a:{digits}1|c"), "a: 1 c");
    let packet = b"a:1|c\n".repeat(PACKET_BYTES_MAX / 6);
    let samples = entries(&packet, &GSTATSD);
    let samples = samples.iter().filter(|entry| matches!(entry, Entry::Sample(_))).count();
    assert_eq!(samples, 10_917);
    // A last line without its newline fits in too.
    let packet = [&packet[..], b"a:1|c"].concat();
    assert_eq!(packet.len(), PACKET_BYTES_MAX);
    assert_eq!(show(&entries(&packet, &GSTATSD)).matches("1 c").count(), 10_918);
}

#[test]
fn the_largest_packet_may_hold_any_pattern() {
    let parts: [&[u8]; 12] =
        [b":", b"|", b"a", b"\r", b" ", b"a:", b"a|", b":|", b"|@", b"|#", b"_e{", b"1:"];
    for head in [&b""[..], b"a:", b"a:1|c", b"a:1|c|#", b"a:1|c|@", b"_e{1,"] {
        for part in parts {
            let mut packet = [head, &part.repeat(PACKET_BYTES_MAX)].concat();
            packet.truncate(PACKET_BYTES_MAX);
            packet.extend(b"\nb:1|c");
            for grammar in [GSTATSD, STATSD, DOGSTATSD] {
                let shown = show(&entries(&packet, &grammar)[1..]);
                assert!(shown.ends_with("b: 1 c"), "{}", packet[..20].escape_ascii());
            }
        }
    }
}

#[test]
fn control_characters_are_the_dialects_matter_and_cost_no_neighbour() {
    for letter in ["\0", "\x01", "\x1b", "\x7f"] {
        let shown = letter.as_bytes().escape_ascii().to_string();
        let packet = format!(
            "a{letter}b:1|c\na:1{letter}|c\na:1|c|#{letter}\na:1|c{letter}\na:{letter}|s\nb:1|c"
        );
        let rest = |name: &str, tags: &str| {
            format!(
                "{name} / a: !bad_value 1{shown} / a: {tags} / a: !bad_type 1 / \
                 a: \"{shown}\" s / b: 1 c"
            )
        };
        let name = format!("a{shown}b: 1 c");
        check(&packet, &GSTATSD, &rest(&name, &format!("1 c #{shown}")));
        check(&packet, &STATSD, &rest(&name, &format!("1 c #{shown}")));
        check(&packet, &DOGSTATSD, &rest("!control_char", "!bad_tag 1"));
    }
}

#[test]
fn bytes_that_are_not_utf8_are_the_dialects_matter_and_cost_no_neighbour() {
    for bytes in [&b"\xff"[..], b"\xc0\xaf", b"\xed\xa0\x80", b"\xe2\x82", b"\x80"] {
        let shown = bytes.escape_ascii().to_string();
        let packet = [&b"a"[..], bytes, b":1|c\na:1|c|#", bytes, b"\na:", bytes, b"|s\nb:1|c"];
        let packet = packet.concat();
        let rest = format!("a: \"{shown}\" s / b: 1 c");
        for grammar in [GSTATSD, STATSD] {
            check(&packet, &grammar, &format!("a{shown}: 1 c / a: 1 c #{shown} / {rest}"));
        }
        check(&packet, &DOGSTATSD, &format!("!bad_utf8 / a: !bad_tag 1 / {rest}"));
    }
}

#[test]
fn utf8_beyond_ascii_is_kept() {
    for letters in ["\u{e9}t\u{e9}", "\u{202e}abc", "e\u{301}", "\u{1f4c8}"] {
        let shown = letters.as_bytes().escape_ascii().to_string();
        let packet = format!("{letters}:{letters}|s|#{letters}");
        check_all(packet, &format!("{shown}: \"{shown}\" s #{shown}"));
    }
}

#[test]
fn tags_are_limited_in_number_and_bytes() {
    let tags = |count: usize| vec!["k:v"; count].join(",");
    for grammar in [STATSD, DOGSTATSD] {
        let expected = format!("a: 1 c #{}", tags(64));
        check(format!("a:1|c|#{}", tags(64)), &grammar, &expected);
        check(format!("a:1|c|#{}\nb:1|c", tags(65)), &grammar, "a: !too_many_tags 1 / b: 1 c");
        let named = format!("a;{}:1|c\nb:1|c", tags(65).replace(':', "=").replace(',', ";"));
        if grammar == STATSD {
            let name = named.split(':').next().unwrap();
            check(&named, &grammar, &format!("{name}: !too_many_tags 1 / b: 1 c"));
        }
        let long = "t".repeat(4_096);
        check(format!("a:1|c|#{long}"), &grammar, &format!("a: 1 c #{long}"));
        check(format!("a:1|c|#{long}t"), &grammar, "a: !too_many_tags 1");
    }
    check(format!("a:1|c|#{}", tags(65)), &GSTATSD, &format!("a: 1 c #{}", tags(65)));
}

#[test]
fn odd_tags_are_tags() {
    for none in ["", ",", ",,", ":v", "=v", ":", ":v,=v"] {
        check_all(format!("a:1|c|#{none}"), "a: 1 c");
    }
    for tags in ["a,b", "k:1,k:2", "k=v;l:m:n", "b,a", "k:,k"] {
        check_all(format!("a:1|c|#{tags}"), &format!("a: 1 c #{tags}"));
    }
    check_all("a:1|c|#a,,b,:v", "a: 1 c #a,b");
    check_all("a:1|c|#k=v=w", "a: 1 c #k:v=w");
    // Nothing inside a line holds a newline: it ends the tags and begins a name.
    check_all("a:1|c|#k:v\nw", "a: 1 c #k:v / !no_value");
}

#[test]
fn several_values_are_several_samples() {
    check_all("a:1:2:3|ms", "a: 1 ms, 2 ms, 3 ms");
    check_all("a:1|c:2|c", "a: 1 c, 2 c");
    check_all("a:1:x:3|c|@0.5", "a: 1 c @0.5, !bad_value x, 3 c @0.5");
    check_all("a:1|c:x|c:5|c", "a: 1 c, !bad_value x, 5 c");
    let values: Vec<String> = (0..5_000).map(|value| value.to_string()).collect();
    let samples: Vec<String> = values.iter().map(|value| format!("{value} ms")).collect();
    check_all(format!("a:{}|ms", values.join(":")), &format!("a: {}", samples.join(", ")));
}

#[test]
fn fields_of_dogstatsd_are_skipped_or_read() {
    check_all("a:1|c|c:in-x", "a: 1 c");
    check_all("a:1|c|e:|card:|zz", "a: 1 c");
    check(b"a:1|c|@0.5|T1700000000", &DOGSTATSD, "a: 1 c @0.5 T1700000000");
    for text in ["T-1", "T99999999999999999999"] {
        check(format!("a:1|c|{text}"), &DOGSTATSD, "a: !bad_timestamp 1");
    }
    for text in ["T1700000000", "T-1", "T99999999999999999999"] {
        check(format!("a:1|c|{text}"), &GSTATSD, "a: 1 c");
        check(format!("a:1|c|{text}"), &STATSD, "a: 1 c");
    }
}

#[test]
fn an_event_is_recognised_by_its_lengths() {
    let good = [
        "_e{5,4}:title|text",
        "_e{5,4}:title|text|t:error|#x:y",
        "_e{5,4}:title|text|",
        "_e{3,3}:a:b|c|d",
        "_e{0,0}:|",
        "_e{1,1}:||||",
        "_e{01,1}:a|b",
        "_e{2,1}:\u{e9}|x",
    ];
    for line in good {
        check_all(format!("{line}\nb:1|c"), "event / b: 1 c");
    }
    let bad = [
        "_e{",
        "_e{}",
        "_e{,}:|",
        "_e{1}:a",
        "_e{1,1}",
        "_e{1,1}:",
        "_e{1,1}:a",
        "_e{1,1}:a|",
        "_e{1,1}:ab|c",
        "_e{1,1}:a|bc",
        "_e{2,1}:a|b",
        "_e{1,2}:a|b",
        "_e{1,0}:a|b",
        "_e{-1,1}:a|b",
        "_e{+1,1}:a|b",
        "_e{ 1,1}:a|b",
        "_e{x,1}:a|b",
        "_e{1,1,1}:a|b",
        "_e{1,1}a|b",
        "_e{1;1}:a|b",
        "_e{1,1:a|b",
        "_e{1,99999999999999999999}:a|b",
        "_e{18446744073709551615,1}:a|b",
        "_e{1,18446744073709551615}:a|b",
        "_e{4294967297,1}:a|b",
        "_e{99999999999999999999999999999999999999999,1}:a|b",
        "_e{a:1|c",
    ];
    for line in bad {
        check_all(format!("{line}\nb:1|c"), "!unsupported / b: 1 c");
    }
    check_all("_e:1|c\n_e\n e{1,1}:1|c", "_e: 1 c / !no_value /  e{1,1}: 1 c");
    assert_eq!(entries(b"_e{0,0}:|\r\n", &GSTATSD), [Entry::Event(b"_e{0,0}:|".to_vec())]);
}

#[test]
fn a_service_check_is_recognised_by_its_status() {
    let good =
        ["_sc|a|0", "_sc|a|1", "_sc|a b|2", "_sc|a:b|3", "_sc|a|0|", "_sc|a|2|d:1|h:x|#e:d|m:down"];
    for line in good {
        check_all(format!("{line}\nb:1|c"), "service check / b: 1 c");
    }
    let bad = [
        "_sc|",
        "_sc||",
        "_sc||0",
        "_sc|a",
        "_sc|a|",
        "_sc|a|4",
        "_sc|a|/",
        "_sc|a|x",
        "_sc|a|00",
        "_sc|a| 0",
        "_sc|a|0 ",
        "_sc|a|-1",
        "_sc|a:1|c",
    ];
    for line in bad {
        check_all(format!("{line}\nb:1|c"), "!unsupported / b: 1 c");
    }
    check_all("_sc:1|c\n_sc\n_scx|a|0", "_sc: 1 c / !no_value / !no_value");
    assert_eq!(entries(b"_sc|a|0\r\n", &GSTATSD), [Entry::ServiceCheck(b"_sc|a|0".to_vec())]);
}
