//! The grammar, sentence by sentence.

use gstatsd_wire::{Grammar, Reason, Tags, parse_truncated};

use crate::log::{Entry, Log, check, check_all, entries, show};

const GSTATSD: Grammar = Grammar::GSTATSD;
const STATSD: Grammar = Grammar::STATSD;
const DOGSTATSD: Grammar = Grammar::DOGSTATSD;

#[test]
fn lines_end_at_newlines() {
    check_all("a:1|c\nb:2|c", "a: 1 c / b: 2 c");
    check_all("a:1|c\n\n\nb:2|c\n", "a: 1 c / b: 2 c");
    check_all("a:1|c\r\n\r\nb:2|c\r\n", "a: 1 c / b: 2 c");
    check_all("\r", "");
    // One return is dropped, so that the second is a line of its own.
    check_all("\r\r", "!no_value");
}

#[test]
fn a_return_at_the_end_of_a_line_is_not_part_of_it() {
    check_all("a:1|zz\r\n", "a: !bad_type 1");
    assert_eq!(entries(b"a:\r\n", &GSTATSD)[0], Entry::Metric(b"a:".to_vec()));
    check(b"a:1|c|#x\r", &DOGSTATSD, "a: 1 c #x");
    check(b"a:1|c|#x\r\r", &DOGSTATSD, "a: !bad_tag 1");
    check(b"a:1|c|#x\r\r", &GSTATSD, "a: 1 c #x\\r");
}

#[test]
fn a_line_without_a_colon_is_rejected_as_a_whole() {
    check_all("a\na|1|c\n|\nb:1|c", "!no_value / !no_value / !no_value / b: 1 c");
    let whole = Entry::RejectedLine(Reason::NoValue, b"a|1|c".to_vec());
    assert_eq!(entries(b"a|1|c\r\n", &GSTATSD), [whole]);
}

#[test]
fn a_name_is_what_stands_before_the_first_colon() {
    check(b"a|b@c#d e\t\xff:1|c", &GSTATSD, "a|b@c#d e\\t\\xff: 1 c");
    check(b"a|b@c#d e:1|c", &DOGSTATSD, "a|b@c#d e: 1 c");
    check(b":1|c", &GSTATSD, ": 1 c");
    check(b":1|c", &STATSD, ": 1 c");
}

#[test]
fn a_utf8_name_is_refused_for_the_first_reason_that_applies() {
    let long = [&[0xff; 1_024][..], b":1|c"].concat();
    check(&long, &DOGSTATSD, "!bad_utf8");
    let longer = [&[0xff; 1_025][..], b":1|c"].concat();
    check(&longer, &DOGSTATSD, "!name_too_long");
    check(&longer, &GSTATSD, "!name_too_long");
    check(b":1|c", &Grammar { name_bytes_max: 0, ..DOGSTATSD }, "!empty_name");
    check(b"a:1|c", &Grammar { name_bytes_max: 0, ..DOGSTATSD }, "!name_too_long");
    check(b"\x01\xff:1|c", &DOGSTATSD, "!bad_utf8");
    for name in ["\0", "a\x1f", "\x7f", "\u{80}", "a\u{9f}b"] {
        check(format!("{name}:1|c"), &DOGSTATSD, "!control_char");
    }
    for name in [" ", "~", "\u{a0}", "\u{100}"] {
        let shown = name.as_bytes().escape_ascii();
        check(format!("{name}:1|c"), &DOGSTATSD, &format!("{shown}: 1 c"));
    }
}

#[test]
fn a_refused_name_is_one_rejected_line_and_no_sample() {
    check(b"\0:1:2|c:x|zz\nb:1|c", &DOGSTATSD, "!control_char / b: 1 c");
    let whole = Entry::RejectedLine(Reason::EmptyName, b":1|c".to_vec());
    assert_eq!(entries(b":1|c\r\n", &DOGSTATSD), [whole]);
}

#[test]
fn every_type_is_a_type_in_every_dialect() {
    let samples = "a: 1 c, 2 ms, 3 g, \"4\" s, 5 h, 6 d, 7 m, 8 kv";
    check_all("a:1|c:2|ms:3|g:4|s:5|h:6|d:7|m:8|kv", samples);
    check_all("a:1| \t\x0b\x0c\rms \t\x0b\x0c\r|@0.5", "a: 1 ms @0.5");
    check_all("a:1|m s", "a: !bad_type 1");
    check_all("a:1| ", "a: !no_type 1");
    check_all("a:1||c", "a: !no_type 1");
    check_all("a:1|:2|c", "a: !no_type 1, 2 c");
    check_all("a:1|KV", "a: !bad_type 1");
}

#[test]
fn a_group_without_a_type_rejects_each_of_its_values() {
    check_all("a:1:2", "a: !no_type 1, !no_type 2");
    check_all("a:1: \t", "a: !no_type 1, !no_value  \\t".trim_end());
    check_all("a::", "a: !no_value, !no_value");
    check_all("a:1|c:", "a: 1 c, !no_value");
    check_all("a:1|c:2", "a: 1 c, !no_type 2");
    check_all("a:|", "a: !no_type");
}

#[test]
fn a_colon_begins_the_next_values_after_a_type_or_a_rate() {
    check_all("a:1|c:2|ms", "a: 1 c, 2 ms");
    check_all("a:1|c|@0.5:2|ms", "a: 1 c @0.5, 2 ms");
    check_all("a:1|c|@0.5 :2|ms", "a: 1 c @0.5, 2 ms");
    check_all("a:1|c|@x:2|ms", "a: !bad_sample_rate 1, 2 ms");
}

#[test]
fn a_colon_in_any_other_field_belongs_to_the_field() {
    check_all("a:1|c|#x:2|@0.5", "a: 1 c @0.5 #x:2");
    check_all("a:1|c|c:2|ms", "a: 1 c");
    check_all("a:1|c|:2|ms", "a: 1 c");
    check_all("a:1|c| @0.1:2|ms", "a: 1 c");
    check(b"a:1|c|T1:2|ms", &GSTATSD, "a: 1 c");
    check(b"a:1|c|T1:2|ms", &DOGSTATSD, "a: !bad_timestamp 1");
}

#[test]
fn fields_belong_to_the_values_that_they_follow_and_tags_to_the_line() {
    check(
        b"a:1:2|c|#x|@0.5:3|ms:4|g|T9|#y",
        &DOGSTATSD,
        "a: 1 c @0.5 #x,y, 2 c @0.5 #x,y, 3 ms #x,y, 4 g #x,y T9",
    );
}

#[test]
fn unknown_fields_are_skipped() {
    check_all("a:1|c|zz|e:|card:low|c:in-1|||t1|@0.5", "a: 1 c @0.5");
    check_all("a:1|c| @0.1", "a: 1 c");
    check_all("a:1|c|0.1", "a: 1 c");
}

#[test]
fn the_last_of_several_rates_holds_if_all_are_valid() {
    check_all("a:1|c|@0.5|@0.25", "a: 1 c @0.25");
    check_all("a:1|c|@2|@0.5", "a: !bad_sample_rate 1");
    check_all("a:1|c|@0.5|@", "a: !bad_sample_rate 1");
}

#[test]
fn a_rate_is_an_unsigned_decimal_number_of_at_most_one() {
    let good = ["0.1", "1.0", "1", ".5", "1.", "1e-05", "5E-1", "0.999", "5e-324", "1e0"];
    for text in good {
        let rate: f64 = text.parse().unwrap();
        let shown = if rate == 1.0 { String::new() } else { format!(" @{rate}") };
        for kind in ["c", "ms", "g", "h", "d", "m"] {
            check_all(format!("a:1|{kind}|@{text} \t"), &format!("a: 1 {kind}{shown}"));
        }
        check_all(format!("a:1|s|@{text}"), &format!("a: \"1\" s{shown}"));
    }
    for text in ["-0", "0.0", "1e-400", "1e400", "1.0000001", "0.1x", "0,1", ".", "0.5 0.5"] {
        for kind in ["c", "ms", "g", "s", "h", "d", "m"] {
            check_all(format!("a:1|{kind}|@{text}"), "a: !bad_sample_rate 1");
        }
    }
}

#[test]
fn a_timestamp_is_a_positive_whole_number_of_63_bits() {
    check(b"a:1|c|T1", &DOGSTATSD, "a: 1 c T1");
    check(b"a:1|c|T9223372036854775807", &DOGSTATSD, "a: 1 c T9223372036854775807");
    check(b"a:1|c|T1|T02", &DOGSTATSD, "a: 1 c T2");
    check(b"a:1|c|Tx|T2", &DOGSTATSD, "a: !bad_timestamp 1");
    let bad = ["", "0", "+1", "1 ", "1.5", "9223372036854775808", "18446744073709551617", ":", "/"];
    for text in bad {
        check(format!("a:1|c|T{text}"), &DOGSTATSD, "a: !bad_timestamp 1");
        check(format!("a:1|c|T{text}"), &STATSD, "a: 1 c");
    }
}

#[test]
fn a_timestamp_belongs_to_a_counter_or_a_gauge() {
    for kind in ["c", "g", "kv", "m"] {
        check(format!("a:1|{kind}|T1"), &DOGSTATSD, &format!("a: 1 {kind} T1"));
    }
    for kind in ["d", "h", "ms", "s"] {
        check(format!("a:1|{kind}|T1"), &DOGSTATSD, "a: !unsupported 1");
        check(format!("a:1|{kind}|T0"), &DOGSTATSD, "a: !bad_timestamp 1");
    }
    check(b"a:1|ms|T1", &STATSD, "a: 1 ms");
}

#[test]
fn all_tags_fields_of_a_line_count_if_all_are_good() {
    check(b"a:1|c|#x|#y:z", &GSTATSD, "a: 1 c #x,y:z");
    check(b"a:1|c|#x|#", &DOGSTATSD, "a: 1 c #x");
    check(b"a:1|c|#|#x", &DOGSTATSD, "a: 1 c #x");
    check(b"a:1|c|#x|zz|@0.5:3|#no:4|c|#y", &DOGSTATSD, "a: 1 c @0.5 #x,y, !bad_type 3, 4 c #x,y");
    check(b"a:1|c|#\0|#x:2|zz", &DOGSTATSD, "a: !bad_tag 1");
    check(b"a:1|c:2|zz:x|c|#\0", &DOGSTATSD, "a: !bad_tag 1, !bad_type 2, !bad_tag x");
    check(b"a:1|c|#\0|#x", &GSTATSD, "a: 1 c #\\x00,x");
}

#[test]
fn tags_are_checked_where_the_dialect_keeps_them() {
    let grammar = Grammar { tags: Tags::Check { count_max: 2, bytes_max: 6 }, ..STATSD };
    check(b"a:1|c|#x,,y,", &grammar, "a: 1 c #x,y");
    check(b"a:1|c|#x,y,z", &grammar, "a: !too_many_tags 1");
    check(b"a:1|c|#123456", &grammar, "a: 1 c #123456");
    check(b"a:1|c|#1234567", &grammar, "a: !too_many_tags 1");
    check(b"a:1|c|#12345\0\xff", &grammar, "a: !too_many_tags 1");
    // All of a line together.
    check(b"a;x=1:1|c|#y,z", &grammar, "a;x=1: !too_many_tags 1");
    check(b"a;x=1:1|c|#yzv", &grammar, "a;x=1: 1 c #x:1,yzv");
    check(b"a;x=1:1|c|#yzvw", &grammar, "a;x=1: !too_many_tags 1");
    check(b"a:1|c|#x|#y|#z", &grammar, "a: !too_many_tags 1");
    check(b"a:1|c|#123|#456", &grammar, "a: 1 c #123,456");
    check(b"a:1|c|#123|#4567", &grammar, "a: !too_many_tags 1");
    for tag in [&b"\0"[..], b"\x1f", b"\x7f", b"\xc2\x80", b"\xff"] {
        check([b"a:1|c|#", tag].concat(), &DOGSTATSD, "a: !bad_tag 1");
        let kept = format!("a: 1 c #{}", tag.escape_ascii());
        check([b"a:1|c|#", tag].concat(), &GSTATSD, &kept);
        check([b"a:1|c|#", tag].concat(), &STATSD, &kept);
    }
}

#[test]
fn a_sample_is_rejected_for_the_first_reason_that_applies() {
    let all_wrong = ["zz", "@2", "T0", "#\0", "x"];
    let reasons = ["bad_type", "bad_sample_rate", "bad_timestamp", "bad_tag", "bad_value"];
    let all_right = ["c", "@1", "T1", "#t", "1"];
    for (right, reason) in reasons.iter().enumerate() {
        let part = |at: usize| if at < right { all_right[at] } else { all_wrong[at] };
        // Where they stand does not matter.
        let line = format!("a:{}|{}|{}|{}|{}", part(4), part(0), part(3), part(2), part(1));
        check(line, &DOGSTATSD, &format!("a: !{reason} x"));
    }
}

#[test]
fn a_number_is_a_decimal_number() {
    let good = [
        ("0", "0"),
        ("007", "7"),
        ("+5", "5"),
        ("-5", "-5"),
        ("1.5", "1.5"),
        (".25", "0.25"),
        ("5.", "5"),
        ("1e3", "1000"),
        ("1E-2", "0.01"),
        ("1.5e+1", "15"),
        (".5e1", "5"),
        ("5.e1", "50"),
        (" \t\x0b\x0c\r7 \t\x0b\x0c\r", "7"),
        ("-0", "-0"),
        ("-.0", "-0"),
        ("1e-400", "0"),
        ("0e999999999999999999999", "0"),
        ("999999999999999", "999999999999999"),
        ("0.1", "0.1"),
        ("0.000000000000003", "3e-15"),
        ("123456789.012345", "123456789.012345"),
        ("3.14159265358979", "3.14159265358979"),
        ("9007199254740993", "9007199254740992"),
        ("12345678901234567890", "12345678901234567890"),
        ("179769313486231570000e288", "179769313486231570000e288"),
    ];
    for (text, same) in good {
        let number: f64 = same.parse().unwrap();
        for kind in ["c", "g", "m", "ms", "h", "d"] {
            let line = format!("a:{text}|{kind}");
            check(&line, &GSTATSD, &format!("a: {number} {kind}"));
        }
    }
    let bad =
        ["+", "-", "e", "e5", ".e5", "1e+", "1e1.5", "1 2", "1-", "1f", "0b1", "infinit", "na"];
    for text in bad {
        for kind in ["c", "g", "m", "ms", "h", "d"] {
            check_all(format!("a:{text}|{kind}"), &format!("a: !bad_value {text}"));
        }
    }
    check_all(b"a:\xff|c", "a: !bad_value \\xff");
}

#[test]
fn an_empty_value_that_stands_alone_has_a_default_under_gstatsd() {
    let defaults = "a: 1 c, 1 m, 1 g, 1 kv, 0 ms, 0 h, 0 d, !no_value";
    check(b"a:|c:|m:|g:|kv:|ms:|h:|d:|s", &GSTATSD, defaults);
    check(b"a:|c|@0.5|#x", &GSTATSD, "a: 1 c @0.5 #x");
    check(b"a:|zz:|c|@2", &GSTATSD, "a: !bad_type, !bad_sample_rate");
    let rejected = format!("a: {}", ["!no_value"; 7].join(", "));
    for grammar in [STATSD, DOGSTATSD] {
        check(b"a:|c:|m:|g:|ms:|h:|d:|s", &grammar, &rejected);
    }
}

#[test]
fn a_blank_value_or_an_empty_one_of_several_has_no_default() {
    for kind in ["c", "m", "g", "ms", "h", "d", "s"] {
        check_all(format!("a:|{kind}x"), "a: !bad_type");
        for blank in [" ", "\t", "\x0b", "\x0c", "\r"] {
            let shown = blank.escape_default().to_string();
            let shown = shown.replace("\\u{b}", "\\x0b").replace("\\u{c}", "\\x0c");
            let expected = format!("a: !no_value {shown}");
            check_all(format!("a:{blank}|{kind}"), expected.trim_end());
        }
        check_all(format!("a::|{kind}"), "a: !no_value, !no_value");
    }
    check_all("a:1:|c", "a: 1 c, !no_value");
    check_all("a::1|c", "a: !no_value, 1 c");
}

#[test]
fn a_signed_gauge_is_a_delta_under_statsd_alone() {
    check(b"a:+3|g: -3|g:-0|g:3|g", &STATSD, "a: by 3 g, by -3 g, by -0 g, 3 g");
    for grammar in [GSTATSD, DOGSTATSD] {
        check(b"a:+3|g: -3|g:-0|g:3|g", &grammar, "a: 3 g, -3 g, -0 g, 3 g");
    }
    check(b"a:+3|c:-3|c:+3|ms:-3|m:-3|kv", &STATSD, "a: 3 c, -3 c, 3 ms, -3 m, -3 kv");
    check(b"a:+nan|g:-x|g", &STATSD, "a: !non_finite +nan, !bad_value -x");
}

#[test]
fn a_negative_timer_is_out_of_range_under_statsd_alone() {
    let line = b"a:-1|ms:-1|h:-1|d:-0|ms:-1|c:-5e-324|ms";
    let rejected = "a: !out_of_range -1, !out_of_range -1, !out_of_range -1, -0 ms, -1 c, \
        !out_of_range -5e-324";
    check(line, &STATSD, rejected);
    check(b"a:-inf|ms", &STATSD, "a: !non_finite -inf");
    for grammar in [GSTATSD, DOGSTATSD] {
        check(b"a:-1|ms:-1|h:-1|d", &grammar, "a: -1 ms, -1 h, -1 d");
    }
}

#[test]
fn a_member_of_a_set_stands_as_it_is() {
    check_all("a: x y \t|s", "a: \" x y \\t\" s");
    check_all("a:nan|s", "a: \"nan\" s");
    check_all(b"a:\xff\0|s", "a: \"\\xff\\x00\" s");
    check_all("a:x:y|s", "a: \"x\" s, \"y\" s");
    let member = "x".repeat(256);
    check_all(format!("a:{member}|s"), &format!("a: \"{member}\" s"));
    check_all(format!("a:{member}x|s"), &format!("a: !out_of_range {member}x"));
    let blank = " ".repeat(257);
    let entries = entries(format!("a:{blank}|s").as_bytes(), &GSTATSD);
    assert_eq!(entries[1], Entry::Rejected(Reason::NoValue, blank.into_bytes()));
}

#[test]
fn a_rejected_sample_tells_its_value_as_it_arrived() {
    let rejected = Entry::Rejected(Reason::BadValue, b" x\t".to_vec());
    assert_eq!(entries(b"a: x\t|c", &GSTATSD)[1], rejected);
}

#[test]
fn the_broken_last_line_of_a_truncated_packet_is_not_read() {
    let shown = |packet: &[u8]| {
        let mut log = Log::new(&GSTATSD);
        parse_truncated(packet, &GSTATSD, &mut log);
        show(&log.entries)
    };
    assert_eq!(shown(b"a:1|c\nb:2|c"), "a: 1 c / !truncated");
    assert_eq!(shown(b"a:1|c\nb:2|c\n"), "a: 1 c / b: 2 c");
    assert_eq!(shown(b"a:1|c"), "!truncated");
    assert_eq!(shown(b"_e{1,1}:a|b"), "!truncated");
    assert_eq!(shown(b"a:1|c\r\n\r"), "a: 1 c");
    assert_eq!(shown(b""), "");
    let mut log = Log::new(&GSTATSD);
    parse_truncated(b"a:1|c\nb:2\r", &GSTATSD, &mut log);
    assert_eq!(log.entries.last(), Some(&Entry::RejectedLine(Reason::Truncated, b"b:2".to_vec())));
}
