//! Tags, in each of the styles in which they are written.

use gstatsd_wire::{Grammar, TagStyle, TagStyles, Tags};

use crate::log::{check, check_all, entries, show};

const DETECT: Grammar = Grammar { tag_styles: TagStyles::ALL, ..Grammar::DOGSTATSD };

/// Fails where a name does not come apart as expected: `name #key:value,flag`.
#[track_caller]
fn check_name(text: &str, grammar: &Grammar, expected: &str) {
    let line = format!("{text}:1|c");
    let tagged = grammar.tagged_line(line.as_bytes());
    let name = String::from_utf8(tagged.name.concat()).expect("names of text");
    let shown = show(&entries(line.as_bytes(), grammar));
    let tags = shown.split_once(" c").expect("a counter").1;
    assert_eq!(format!("{name}{tags}"), expected, "of {text}");
    assert!(tagged.has_tags() || tags.is_empty(), "of {text}");
}

fn only(style: TagStyle) -> Grammar {
    Grammar { tag_styles: TagStyles::of(&[style]), ..Grammar::DOGSTATSD }
}

#[test]
fn each_style_is_read_where_it_is_asked_for_and_nowhere_else() {
    let lines = [
        (TagStyle::DogStatsd, "a:1|c|#k:v"),
        (TagStyle::Graphite, "a;k=v:1|c"),
        (TagStyle::Influx, "a,k=v:1|c"),
        (TagStyle::Librato, "a#k=v:1|c"),
        (TagStyle::SignalFx, "a[k=v]:1|c"),
        (TagStyle::Lyft, "a.__k=v:1|c"),
    ];
    for style in TagStyle::ALL {
        for (written, line) in lines {
            let name = line.split(':').next().unwrap();
            let tags = if written == style { " #k:v" } else { "" };
            check(line, &only(style), &format!("{name}: 1 c{tags}"));
            check(line, &DETECT, &format!("{name}: 1 c #k:v"));
        }
    }
}

#[test]
fn each_style_has_several_tags_and_bare_ones() {
    check_name("a;k=v;l;m=n", &only(TagStyle::Graphite), "a #k:v,l,m:n");
    check_name("a,k=v,l,m=n", &only(TagStyle::Influx), "a #k:v,l,m:n");
    check_name("a#k=v,l,m=n", &only(TagStyle::Librato), "a #k:v,l,m:n");
    check_name("a[k=v,l,m=n]", &only(TagStyle::SignalFx), "a #k:v,l,m:n");
    check_name("a.b.__k=v.__l.__m=n", &only(TagStyle::Lyft), "a.b #k:v,l,m:n");
}

#[test]
fn gstatsd_and_statsd_read_their_own_styles() {
    let all = "a;b=1:1|c|#c:2\na,b=1:1|c\na#b=1:1|c\na[b=1]:1|c\na.__b=1:1|c";
    let rest = "a,b=1: 1 c / a#b=1: 1 c / a[b=1]: 1 c / a.__b=1: 1 c";
    check(all, &Grammar::STATSD, &format!("a;b=1: 1 c #b:1,c:2 / {rest}"));
    check(all, &Grammar::GSTATSD, &format!("a;b=1: 1 c #c:2 / {rest}"));
    check(all, &Grammar::DOGSTATSD, &format!("a;b=1: 1 c #c:2 / {rest}"));
    let none = Grammar { tag_styles: TagStyles::NONE, ..Grammar::DOGSTATSD };
    check("a;b=1:1|c|#c:2", &none, "a;b=1: 1 c");
}

#[test]
fn the_first_mark_rules_all_the_rest_of_a_name() {
    check_name("a;b=1,c=2", &DETECT, "a #b:1,c=2");
    check_name("a,b=1;c=2", &DETECT, "a #b:1;c=2");
    check_name("a#b=1[c=2]", &DETECT, "a #b:1[c=2]");
    check_name("a.__b=1,c=2", &DETECT, "a #b:1,c=2");
    check_name("a[b=1;c=2]", &DETECT, "a #b:1;c=2");
    // A style that is not read has no marks.
    check_name("a;b=1,c=2", &only(TagStyle::Influx), "a;b=1 #c:2");
}

#[test]
fn what_begins_no_tags_is_part_of_the_name() {
    check_name("a[b", &DETECT, "a[b");
    check_name("a]b[c", &DETECT, "a]b[c");
    check_name("a.__init__.b", &DETECT, "a.__init__.b");
    check_name("a.__init__.__b=c", &DETECT, "a.__init__ #b:c");
    check_name("a._b=c", &DETECT, "a._b=c");
    check_name("a=b", &DETECT, "a=b");
}

#[test]
fn a_name_goes_on_behind_a_bracket() {
    check_name("a[b=1]c", &DETECT, "ac #b:1");
    check_name("[b=1]c", &DETECT, "c #b:1");
    check_name("a[b=1]c[d=2]", &DETECT, "ac[d=2] #b:1");
    check_name("a[]", &DETECT, "a");
}

#[test]
fn items_without_a_key_are_nothing() {
    check_name("a;;b=1;=2;", &DETECT, "a #b:1");
    check_name("a,,", &DETECT, "a");
    check_name("a.__=1.__b=2", &DETECT, "a #b:2");
    check_name("a;b=;c", &DETECT, "a #b:,c");
    check_name("a;b=c=d", &DETECT, "a #b:c=d");
}

#[test]
fn tags_of_a_name_and_of_fields_count_together_in_their_order() {
    check("a,b=1:1|c|#b:2,c=3|#b:4", &DETECT, "a,b=1: 1 c #b:1,b:2,c:3,b:4");
    // Not a rate, although a field that begins so would be one.
    check("a:1|c|#@b:2|zz|#c", &DETECT, "a: 1 c #@b:2,c");
    check("a;b=1:1|c:2|c|#c:3", &Grammar::STATSD, "a;b=1: 1 c #b:1,c:3, 2 c #b:1,c:3");
}

#[test]
fn the_key_of_a_field_ends_at_a_colon_or_where_there_is_none_at_an_equals_sign() {
    check_all("a:1|c|#a=b:c=d:e,f=g=h", "a: 1 c #a=b:c=d:e,f:g=h");
}

#[test]
fn where_samples_come_from_is_skipped_or_kept() {
    let line = "a:1|c|#k:v|c:in-1|e:it-false|card:low";
    check_all(line, "a: 1 c #k:v");
    let kept = Grammar { origin: true, ..Grammar::DOGSTATSD };
    let tags = "#k:v,container_id:in-1,external_data:it-false,cardinality:low";
    check(line, &kept, &format!("a: 1 c {tags}"));
    check("a:1|c|c:in-1:2|zz|T1", &kept, "a: 1 c #container_id:in-1:2 T1");
    check(
        "a:1|c|card:low|@0.5:2|c|#k|e:",
        &kept,
        "a: 1 c @0.5 #k,cardinality:low, 2 c #k,cardinality:low",
    );
    check("a:1|c|c:\0", &kept, "a: !bad_tag 1");
    check("a:1|c|c:\0", &Grammar::DOGSTATSD, "a: 1 c");
    let few = Grammar { tags: Tags::Check { count_max: 2, bytes_max: 9 }, ..kept };
    check("a:1|c|#k|c:in-1", &few, "a: 1 c #k,container_id:in-1");
    check("a:1|c|#k|c:in-12345", &few, "a: !too_many_tags 1");
    check("a:1|c|#@k:v|zz|#l", &kept, "a: 1 c #@k:v,l");
    check("a:1|c|#k,l|c:1", &few, "a: !too_many_tags 1");
}

#[test]
fn limits_are_those_of_the_name_and_of_the_tags_apart() {
    let narrow =
        Grammar { name_bytes_max: 3, tags: Tags::Check { count_max: 2, bytes_max: 7 }, ..DETECT };
    check("abc;d=e;f=g:1|c", &narrow, "abc;d=e;f=g: 1 c #d:e,f:g");
    check("abcd;e=f:1|c", &narrow, "!name_too_long");
    check("ab[d=e]cd:1|c", &narrow, "!name_too_long");
    check("abc;d=e;f=gh:1|c", &narrow, "abc;d=e;f=gh: !too_many_tags 1");
    check("abc;d;e;f:1|c", &narrow, "abc;d;e;f: !too_many_tags 1");
    check("abc,d=e:1|c|#f:gh", &narrow, "abc,d=e: 1 c #d:e,f:gh");
    check("abc,d=e:1|c|#f:ghi", &narrow, "abc,d=e: !too_many_tags 1");
}

#[test]
fn a_name_of_nothing_but_tags_is_empty() {
    for name in [";a=1", ",a=1", "#a=1", "[a=1]", ".__a=1"] {
        check(format!("{name}:1|c"), &DETECT, "!empty_name");
    }
    check(";a=1:1|c", &Grammar::STATSD, ";a=1: 1 c #a:1");
}

#[test]
fn tags_in_a_name_are_text_where_names_are() {
    check(b"a;k=\xff:1|c", &DETECT, "!bad_utf8");
    check(b"a;k=\0:1|c", &DETECT, "!control_char");
    check(b"a;k=\xff\0:1|c", &Grammar::STATSD, "a;k=\\xff\\x00: 1 c #k:\\xff\\x00");
}

#[test]
fn names_full_of_marks_are_read_in_one_go() {
    for part in ["[", "]", ".__", ";", ",", "#", ".__=", "[]", ".", "_"] {
        let name = part.repeat(65_000 / part.len());
        let grammar = Grammar { name_bytes_max: 65_507, ..DETECT };
        let entries = entries(format!("{name}:1|c\nb:1|c").as_bytes(), &grammar);
        assert!(show(&entries).ends_with("b: 1 c"), "{part}");
    }
}
