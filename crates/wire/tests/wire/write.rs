//! Samples as lines.

use gstatsd_wire::{Kind, Sample, Unwritable, Value, write};

const SAMPLE: Sample<'static> = Sample {
    name: b"a",
    kind: Kind::Counter,
    value: Value::Number(1.0),
    rate: 1.0,
    tags: b"",
    origin: b"",
    timestamp: None,
};

#[track_caller]
fn check(sample: &Sample<'_>, expected: &str) {
    let mut line = b"before ".to_vec();
    assert_eq!(write(sample, &mut line), Ok(()));
    assert_eq!(line.escape_ascii().to_string(), format!("before {expected}"));
}

#[track_caller]
fn check_refused(sample: &Sample<'_>, expected: Unwritable) {
    let mut line = b"before".to_vec();
    assert_eq!(write(sample, &mut line), Err(expected));
    assert_eq!(line, b"before");
}

#[test]
fn a_line_has_only_the_fields_that_it_needs() {
    check(&SAMPLE, "a:1|c");
    let full = Sample { rate: 0.1, tags: b"k:v,b", timestamp: Some(1_700_000_000), ..SAMPLE };
    check(&full, "a:1|c|@0.1|#k:v,b|T1700000000");
    check(&Sample { timestamp: Some(1), ..SAMPLE }, "a:1|c|T1");
    check(&Sample { name: b"", ..SAMPLE }, ":1|c");
    check(&Sample { rate: 1e-7, ..SAMPLE }, "a:1|c|@1e-7");
}

#[test]
fn every_type_is_written_as_its_symbol() {
    for kind in Kind::ALL {
        if kind != Kind::Set {
            check(&Sample { kind, ..SAMPLE }, &format!("a:1|{}", kind.symbol()));
        }
    }
    let value = Value::Member(b" x\xff ");
    check(&Sample { kind: Kind::Set, value, ..SAMPLE }, "a: x\\xff |s");
}

#[test]
fn a_number_is_written_with_the_fewest_digits() {
    let numbers = [
        (0.1 + 0.2, "0.30000000000000004"),
        (-5.0, "-5"),
        (-0.0, "-0"),
        (0.0, "0"),
        (1e15, "1000000000000000"),
        (1e16, "1e16"),
        (1e-5, "0.00001"),
        (9e-6, "9e-6"),
        (9_007_199_254_740_992.0, "9007199254740992"),
        (5e-324, "5e-324"),
        (f64::MAX, "1.7976931348623157e308"),
        (-1e20, "-1e20"),
    ];
    for (number, text) in numbers {
        check(&Sample { value: Value::Number(number), ..SAMPLE }, &format!("a:{text}|c"));
    }
}

#[test]
fn a_change_of_a_gauge_is_written_with_its_sign() {
    for (change, text) in [(3.0, "+3"), (-3.0, "-3"), (0.0, "+0"), (-0.0, "-0"), (1e20, "+1e20")] {
        let value = Value::Delta(change);
        check(&Sample { kind: Kind::Gauge, value, ..SAMPLE }, &format!("a:{text}|g"));
    }
}

#[test]
fn a_return_at_the_end_of_the_tags_stays_inside_the_line() {
    check(&Sample { tags: b"x\r", ..SAMPLE }, "a:1|c|#x\\r|");
    check(&Sample { tags: b"x\r", timestamp: Some(1), ..SAMPLE }, "a:1|c|#x\\r|T1");
}

#[test]
fn all_tags_are_written_and_nothing_of_what_stands_between_them() {
    check(&Sample { tags: b"a|#b:c|#d", ..SAMPLE }, "a:1|c|#a|#b:c|#d");
    check(&Sample { tags: b"a|zz|@0.5:3|#ms|#b", ..SAMPLE }, "a:1|c|#a|#b");
    check(&Sample { origin: b"c:in-1", ..SAMPLE }, "a:1|c|c:in-1");
    let both = Sample { tags: b"a", origin: b"e:x|#a|card:low", ..SAMPLE };
    check(&both, "a:1|c|#a|e:x|card:low");
}

#[test]
fn a_name_that_no_line_can_have_is_refused() {
    for name in [&b"a:b"[..], b"a\nb", b"_e{", b"_e{1,1}", b"_sc|", b"_sc|a"] {
        check_refused(&Sample { name, ..SAMPLE }, Unwritable::Name);
    }
    check(&Sample { name: b"_sc", ..SAMPLE }, "_sc:1|c");
    check(&Sample { name: b"a|b\r", ..SAMPLE }, "a|b\\r:1|c");
}

#[test]
fn a_value_that_no_line_can_have_is_refused() {
    for member in [&b""[..], b" \t\x0b\x0c\r", b"a:b", b"a|b", b"a\nb"] {
        let value = Value::Member(member);
        check_refused(&Sample { kind: Kind::Set, value, ..SAMPLE }, Unwritable::Value);
    }
    for number in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
        check_refused(&Sample { value: Value::Number(number), ..SAMPLE }, Unwritable::Value);
        let value = Value::Delta(number);
        check_refused(&Sample { kind: Kind::Gauge, value, ..SAMPLE }, Unwritable::Value);
    }
    for (kind, value) in [
        (Kind::Counter, Value::Delta(1.0)),
        (Kind::Counter, Value::Member(b"x")),
        (Kind::Set, Value::Number(1.0)),
        (Kind::Set, Value::Delta(1.0)),
    ] {
        check_refused(&Sample { kind, value, ..SAMPLE }, Unwritable::Value);
    }
}

#[test]
fn fields_that_no_line_can_have_are_refused() {
    for rate in [0.0, -0.5, 1.5, f64::NAN, f64::INFINITY] {
        check_refused(&Sample { rate, ..SAMPLE }, Unwritable::Rate);
    }
    for tags in [&b"a|b"[..], b"a\nb", b"a|#b|", b"a|#b|zz", b"a|@1:2|c"] {
        check_refused(&Sample { tags, ..SAMPLE }, Unwritable::Tags);
    }
    for origin in [&b"c:a\nb"[..], b"c:a|b", b"a"] {
        check_refused(&Sample { origin, ..SAMPLE }, Unwritable::Tags);
    }
    for seconds in [0, 1 << 63] {
        let timestamp = Some(seconds);
        check_refused(&Sample { timestamp, ..SAMPLE }, Unwritable::Timestamp);
    }
    for kind in [Kind::Distribution, Kind::Histogram, Kind::Timer] {
        let timestamp = Some(1);
        check_refused(&Sample { kind, timestamp, ..SAMPLE }, Unwritable::Timestamp);
    }
    check(&Sample { timestamp: Some((1 << 63) - 1), ..SAMPLE }, "a:1|c|T9223372036854775807");
}
