//! The words of the closed sets, which others count and show under.

use std::collections::BTreeSet;

use gstatsd_wire::{Kind, Reason, TagStyle, Unwritable};

#[test]
fn the_sets_are_listed_in_the_order_of_their_discriminants() {
    assert!(Reason::ALL.iter().enumerate().all(|(index, reason)| *reason as usize == index));
    assert!(Kind::ALL.iter().enumerate().all(|(index, kind)| *kind as usize == index));
}

#[test]
fn every_reason_has_its_label() {
    let labels = [
        "bad_sample_rate",
        "bad_tag",
        "bad_timestamp",
        "bad_type",
        "bad_utf8",
        "bad_value",
        "control_char",
        "empty_name",
        "line_too_long",
        "name_too_long",
        "no_type",
        "no_value",
        "non_finite",
        "out_of_range",
        "reserved_name",
        "too_many_tags",
        "truncated",
        "unsupported",
    ];
    assert_eq!(Reason::ALL.map(Reason::label), labels);
    assert_eq!(Reason::ALL.map(|reason| reason.to_string()), labels);
}

#[test]
fn every_reason_has_a_meaning_of_its_own() {
    let meanings: BTreeSet<&str> = Reason::ALL.iter().map(|reason| reason.meaning()).collect();
    assert_eq!(meanings.len(), Reason::ALL.len());
    assert_eq!(Reason::NameTooLong.meaning(), "the name is longer than the limit");
}

#[test]
fn every_type_has_its_symbol_and_word() {
    assert_eq!(Kind::ALL.map(Kind::symbol), ["c", "d", "g", "h", "kv", "m", "s", "ms"]);
    let words =
        ["counter", "distribution", "gauge", "histogram", "key-value", "meter", "set", "timer"];
    assert_eq!(Kind::ALL.map(Kind::word), words);
}

#[test]
fn every_style_of_tags_has_its_word() {
    let words = ["dogstatsd", "graphite", "influx", "librato", "signalfx", "lyft"];
    assert_eq!(TagStyle::ALL.map(TagStyle::word), words);
    assert!(TagStyle::ALL.iter().enumerate().all(|(index, style)| *style as usize == index));
}

#[test]
fn every_refusal_of_the_writer_says_what_is_wrong() {
    let texts = [
        (Unwritable::Name, "no line can have this name"),
        (Unwritable::Rate, "the rate is not in (0, 1]"),
        (Unwritable::Tags, "no line can have these tags"),
        (
            Unwritable::Timestamp,
            "the timestamp is 0 or does not fit into 63 bits, or the type has none",
        ),
        (Unwritable::Value, "no line can have this value"),
    ];
    for (refusal, text) in texts {
        assert_eq!(refusal.to_string(), text);
    }
}
