//! Tags in tables: one series for all spellings of a set of tags, equal to a naive twin that asks
//! for the tags of every sample.

use std::collections::BTreeMap;
use std::sync::Arc;

use gstatsd_aggregate::{
    Dialect, Effect, Glob, KindSet, Limits, Merger, Naming, Order, Part, Pattern, Rule, Rules,
    SeriesKind, SeriesName, State, Table, TagTemplate, Template, Window, agree, fuzz_ingest,
};
use gstatsd_wire::{Grammar, TagStyle, TagStyles, Tags};
use proptest::prelude::*;

const LIMITS: Limits = Limits::new(1_000, 1_000);
/// gstatsd with tags.
const KEEPING: Dialect =
    Dialect { grammar: Grammar { tags: KEPT, ..Grammar::GSTATSD }, ..Dialect::GSTATSD };
const KEPT: Tags = Tags::Check { count_max: 4, bytes_max: 48 };

/// What an interval made of each series, by kind and text: a sum, the last value, or how many
/// members or values there are.
type Outcome = BTreeMap<(SeriesKind, String), f64>;

fn table(dialects: &[Dialect]) -> Table {
    Table::new(dialects[0], Naming::gstatsd("", 90.0, ""), LIMITS)
        .with_dialects(dialects[1..].iter().copied())
}

/// The text of a series for a person: `name;k=v`.
fn shown(series: &[u8]) -> String {
    let mut text = Vec::new();
    SeriesName::of(series).write(&mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Ends the interval of a table.
#[expect(clippy::cast_precision_loss, reason = "few things are counted")]
fn interval(table: &mut Table, merger: &mut Merger) -> Outcome {
    let mut part = table.rotate(Box::<Part>::default());
    merger.add(0, &mut part);
    assert_eq!((part.counts.samples_residual(), part.counts.lines_residual()), (0, 0));
    let snapshot = merger.finish(Window { timestamp: 0, seconds: 1.0 }, Vec::new());
    let series = snapshot.series().map(|series| {
        let value = match series.state {
            State::Counter(value) | State::Gauge(value) => value,
            State::Set(members) => members.count() as f64,
            State::Timer { values, .. } => values.len() as f64,
        };
        ((series.kind, shown(series.name)), value)
    });
    series.collect()
}

/// What packets make of the series of a table.
fn outcome(dialect: Dialect, packets: &[&str]) -> Outcome {
    let mut table = table(&[dialect]);
    for packet in packets {
        table.packet(packet.as_bytes(), Order::default());
    }
    interval(&mut table, &mut Merger::new())
}

#[track_caller]
fn check(dialect: Dialect, packets: &[&str], expected: &[(&str, f64)]) {
    let series: BTreeMap<_, _> =
        outcome(dialect, packets).into_iter().map(|((_, name), value)| (name, value)).collect();
    let expected = expected.iter().map(|(name, value)| ((*name).to_owned(), *value));
    assert_eq!(series, expected.collect());
}

#[test]
fn the_order_of_tags_makes_no_second_series() {
    let dialect = Dialect::DOGSTATSD;
    let lines = ["a:1|c|#b:1,c:2", "a:2|c|#c:2,b:1", "a:4|c|#c:2,,b:1,"];
    check(dialect, &lines, &[("a;b=1;c=2", 7.0)]);
    let lines = ["a:1|c|#b", "a:2|c|#b:", "a:4|c", "a:8|c|#", "a:16|c|#b:x"];
    check(dialect, &lines, &[("a;b", 1.0), ("a;b=", 2.0), ("a", 12.0), ("a;b=x", 16.0)]);
}

#[test]
fn a_style_makes_no_second_series_either() {
    let grammar = Grammar { tag_styles: TagStyles::ALL, ..Grammar::DOGSTATSD };
    let dialect = Dialect { grammar, ..Dialect::DOGSTATSD };
    let lines = ["a:1|c|#k:v", "a;k=v:2|c", "a,k=v:4|c", "a#k=v:8|c", "a[k=v]:16|c"];
    check(dialect, &lines, &[("a;k=v", 31.0)]);
    check(
        dialect,
        &["a.__k=v:1|c", "a;j=1:1|c|#k:v", "a:1|c|#k:v,j:1"],
        &[("a;k=v", 1.0), ("a;j=1;k=v", 2.0)],
    );
}

#[test]
fn a_dialect_that_drops_tags_has_one_series_for_all_of_them() {
    let grammar = Grammar { tag_styles: TagStyles::ALL, ..Grammar::GSTATSD };
    let dialect = Dialect { grammar, ..Dialect::GSTATSD };
    let lines = ["a:1|c|#k:v", "a;k=v:2|c", "a,k=v:4|c", "a[k=v]:8|c", "a:16|c", "a[k]b:32|c"];
    check(dialect, &lines, &[("a", 31.0), ("ab", 32.0)]);
    check(
        Dialect::GSTATSD,
        &["a:1|c|#k:v", "a:2|c|#l:v", "a;k=v:4|c"],
        &[("a", 3.0), ("akv", 4.0)],
    );
}

#[test]
fn the_origin_makes_series_where_it_is_kept() {
    let lines = ["a:1|c|c:x", "a:2|c|card:low|c:x", "a:4|c", "a:8|c|#b|c:x", "a:16|c|c:x|e:y"];
    let kept =
        Dialect { grammar: Grammar { origin: true, ..Grammar::DOGSTATSD }, ..Dialect::DOGSTATSD };
    check(
        kept,
        &lines,
        &[
            ("a;container_id=x", 1.0),
            ("a;cardinality=low;container_id=x", 2.0),
            ("a", 4.0),
            ("a;b;container_id=x", 8.0),
            ("a;container_id=x;external_data=y", 16.0),
        ],
    );
    check(Dialect::DOGSTATSD, &lines, &[("a", 23.0), ("a;b", 8.0)]);
}

#[test]
fn constant_tags_stand_in_every_series_that_has_not_its_own() {
    let mut table = table(&[Dialect::DOGSTATSD]).with_constant_tags(vec![
        ("env".into(), Some("prod".into())),
        ("dc".into(), Some("x".into())),
    ]);
    table.packet(b"a:1|c\na:2|c|#env:dev\na:4|c|#dc:x\na:8|c|#env:prod,dc", Order::default());
    let series = interval(&mut table, &mut Merger::new());
    let counter = |name: &str, value| ((SeriesKind::Counter, name.to_owned()), value);
    let expected = [
        counter("a;dc=x;env=prod", 5.0),
        counter("a;dc=x;env=dev", 2.0),
        counter("a;dc;env=prod", 8.0),
    ];
    assert_eq!(series, BTreeMap::from(expected));
}

#[test]
fn tags_folded_into_names_make_series_that_add_up() {
    let template = TagTemplate::parse("{env}.{name}.{tags}").expect("it is one");
    let mut table = table(&[KEEPING])
        .with_constant_tags(vec![("env".into(), Some("prod".into())), ("x".into(), None)])
        .with_tag_template(Some(template));
    // The second has the name that the first gets.
    table.packet(b"a:1|c|#k:v\nprod.a.k.v.x:2|c\na:4|c|#x,k:v\nb:8|c|#env:d/v", Order::default());
    let series = interval(&mut table, &mut Merger::new());
    let counter = |name: &str, value| ((SeriesKind::Counter, name.to_owned()), value);
    let expected = [
        counter("prod.a.k.v.x", 5.0),
        counter("prod.prod.a.k.v.x.x", 2.0),
        counter("d_v.b.x", 8.0),
    ];
    assert_eq!(series, BTreeMap::from(expected));
}

#[test]
fn rules_set_tags_and_take_them_away() {
    let template = |text| Template::parse(text, 1).expect("it is one");
    let tags = vec![("host".into(), template("$1")), ("k".into(), template(""))];
    let glob = Glob::parse("a.*").expect("it is a pattern");
    let effect = Effect { rename: Some(template("a")), tags, ..Effect::default() };
    let rules =
        Rules::new(vec![Rule { pattern: Pattern::Glob(glob), kinds: KindSet::ALL, effect }]);
    for (dialect, expected) in [
        (Dialect::DOGSTATSD, [("a;host=x;l=w", 7.0), ("a;host=y", 8.0), ("b;k=v", 16.0)]),
        (Dialect::GSTATSD, [("a;host=x", 7.0), ("a;host=y", 8.0), ("b", 16.0)]),
    ] {
        let mut table = table(&[dialect]).with_rules(Arc::new(rules.clone()));
        table.packet(
            b"a.x:1|c|#k:v,l:w\na.x:2|c|#l:w,host:z\na.x:4|c|#l:w\na.y:8|c|#k:v\nb:16|c|#k:v",
            Order::default(),
        );
        let series = interval(&mut table, &mut Merger::new());
        let expected =
            expected.map(|(name, value)| ((SeriesKind::Counter, name.to_owned()), value));
        assert_eq!(series, BTreeMap::from(expected));
    }
}

#[test]
fn totals_with_tags_in_any_order_are_of_one_sender() {
    let glob = Glob::parse("t").expect("it is a pattern");
    let effect = Effect { absolute: true, ..Effect::default() };
    let rules =
        Rules::new(vec![Rule { pattern: Pattern::Glob(glob), kinds: KindSet::ALL, effect }]);
    let mut table = table(&[Dialect::DOGSTATSD]).with_rules(Arc::new(rules));
    let packets = [&b"t:10|c|#a:1,b:2"[..], b"t:13|c|#b:2,a:1", b"t:100|c|#a:2", b"t:101|c|#a:2"];
    for (nanoseconds, packet) in (0..).zip(packets) {
        table.packet(packet, Order { nanoseconds, worker: 0 });
    }
    let series = interval(&mut table, &mut Merger::new());
    let counter = |name: &str, value| ((SeriesKind::Counter, name.to_owned()), value);
    assert_eq!(series, BTreeMap::from([counter("t;a=1;b=2", 3.0), counter("t;a=2", 1.0)]));
}

#[test]
fn a_listener_of_the_same_dialect_shares_spellings_too() {
    let limits = Limits { series_max: 1, ..LIMITS };
    let mut table = Table::new(Dialect::GSTATSD, Naming::gstatsd("", 90.0, ""), limits)
        .with_dialects([Dialect::STATSD, Dialect::GSTATSD]);
    for dialect in 0..3 {
        table.batch_of(dialect, Order::default(), |batch| batch.packet(b"a/b:1|c"));
    }
    // There is no room for a second spelling, nor for `a-b`.
    assert_eq!(table.counts_mut().samples_shed.iter().sum::<u64>(), 1);
    let series = interval(&mut table, &mut Merger::new());
    let expected = ((SeriesKind::Counter, "a_b".to_owned()), 2.0);
    assert_eq!(series, BTreeMap::from([expected]));
}

#[test]
fn a_repeated_key_is_counted_once_for_each_spelling() {
    let mut table = table(&[Dialect::DOGSTATSD]);
    for _ in 0..3 {
        table.packet(b"a:1|c|#k:1,k:2,k:3", Order::default());
    }
    assert_eq!(table.counts_mut().tags_repeated, 2);
    let series = interval(&mut table, &mut Merger::new());
    let expected = ((SeriesKind::Counter, "a;k=3".to_owned()), 3.0);
    assert_eq!(series, BTreeMap::from([expected]));
}

#[test]
fn a_listener_reads_in_its_own_dialect_and_shares_series_with_the_others() {
    let mut table = table(&[Dialect::GSTATSD, Dialect::DOGSTATSD, Dialect::STATSD]);
    for dialect in 0..3 {
        table.batch_of(dialect, Order::default(), |batch| {
            batch.packet(b"a/b:1|c|#k:v\nc:1|c\ng:5|g\ng:+1|g");
        });
    }
    let series = interval(&mut table, &mut Merger::new());
    let counter = |name: &str, value| ((SeriesKind::Counter, name.to_owned()), value);
    let expected = [
        counter("a_b", 1.0),
        counter("a/b;k=v", 1.0),
        counter("a-b;k=v", 1.0),
        counter("c", 3.0),
        ((SeriesKind::Gauge, "g".to_owned()), 6.0),
    ];
    assert_eq!(series.len(), expected.len(), "{series:?}");
    assert_eq!(series, BTreeMap::from(expected));
}

/// Every dialect, with tags kept and dropped, with its own styles, one of them and all.
fn dialect() -> impl Strategy<Value = Dialect> {
    let dialects = vec![Dialect::GSTATSD, Dialect::STATSD, Dialect::DOGSTATSD];
    let mut styles = TagStyle::ALL.map(|style| TagStyles::of(&[style])).to_vec();
    styles.extend([TagStyles::NONE, TagStyles::ALL, TagStyles::ALL]);
    let (dialects, styles) = (prop::sample::select(dialects), prop::sample::select(styles));
    (dialects, prop::sample::select(vec![Tags::Skip, KEPT, KEPT]), styles, any::<bool>()).prop_map(
        |(dialect, tags, tag_styles, origin)| {
            // A change of a gauge is tested elsewhere.
            let signed_gauge = Grammar::GSTATSD.signed_gauge;
            let grammar = Grammar { tags, tag_styles, origin, signed_gauge, ..dialect.grammar };
            Dialect { grammar, ..dialect }
        },
    )
}

/// Lines that look like those of one style or another.
fn line() -> impl Strategy<Value = String> {
    let item = "(a|b|c|a b|a/b|\u{e9})?((=|:)(1|2|x/y|x:y)?)?";
    let items = prop::collection::vec(item, 0..6);
    let marks = vec![";", ",", "#", "[", ".__"];
    let kind = prop::sample::select(vec!["c", "g", "s", "ms", "h", "d", "kv", "x"]);
    let name = "(a|b|a b|a/b|\u{e9}|)";
    let fields = "(\\|@0.5)?(\\|c:(x|y))?(\\|card:low)?(\\|z)?";
    (name, items.clone(), prop::sample::select(marks), 0..9_u8, kind, items, fields).prop_map(
        |(name, inside, mark, value, kind, tags, fields)| {
            let separator = if mark == "#" || mark == "[" { "," } else { mark };
            let inside = inside.join(separator).replace(':', "=");
            let inside = if inside.is_empty() { inside } else { format!("{mark}{inside}") };
            let end = if mark == "[" && !inside.is_empty() { "]" } else { "" };
            let tags =
                if tags.is_empty() { String::new() } else { format!("|#{}", tags.join(",")) };
            // The rate of a counter is no matter here.
            let fields = if kind == "c" { fields.replace("|@0.5", "") } else { fields };
            format!("{name}{inside}{end}:{value}|{kind}{tags}{fields}\n")
        },
    )
}

proptest! {
    #[test]
    fn property_test_tags_of_every_style_lead_where_the_twin_says(
        dialect in dialect(),
        lines in prop::collection::vec(line(), 0..40),
    ) {
        agree(dialect, &[lines.concat().as_bytes()]);
    }

    #[test]
    fn property_test_any_bytes_lead_where_the_twin_says(
        dialect in dialect(),
        packets in prop::collection::vec(
            prop::collection::vec(prop_oneof![
                any::<u8>(), prop::sample::select(b"a:1|c#;,=[]._@\n".to_vec()),
            ], 0..120),
            0..6,
        ),
    ) {
        let packets: Vec<_> = packets.iter().map(Vec::as_slice).collect();
        agree(dialect, &packets);
        fuzz_ingest(&packets.concat());
    }

    #[test]
    fn property_test_tags_in_any_order_are_one_series(
        tags in prop::collection::btree_map("[a-e]{1,2}", prop::option::of("[x-z]{0,2}"), 0..5),
        seeds in prop::collection::vec(any::<u64>(), 1..6),
        style in prop::sample::select(TagStyle::ALL.to_vec()),
    ) {
        let grammar = Grammar { tag_styles: TagStyles::of(&[style]), ..Grammar::DOGSTATSD };
        let dialect = Dialect { grammar, ..Dialect::DOGSTATSD };
        let lines: Vec<_> = seeds.iter().map(|&seed| {
            let mut tags: Vec<_> = tags.iter().collect();
            // Any order will do, so long as it is another one for each seed.
            tags.sort_by_key(|(key, _)| key.bytes().fold(seed, |sum, byte| {
                sum.wrapping_mul(6_364_136_223_846_793_005).rotate_left(7) ^ u64::from(byte)
            }));
            spelled(style, &tags)
        }).collect();
        let lines: Vec<_> = lines.iter().map(String::as_str).collect();
        let series = outcome(dialect, &lines);
        let series: Vec<_> = series.into_values().collect();
        #[expect(clippy::cast_precision_loss, reason = "few lines")]
        let expected = vec![lines.len() as f64];
        prop_assert_eq!(series, expected);
    }
}

/// A line with these tags.
fn spelled(style: TagStyle, tags: &[(&String, &Option<String>)]) -> String {
    let items = |separator: char| {
        let items = tags.iter().map(|(key, value)| match value {
            Some(value) => format!("{key}{separator}{value}"),
            // Lyft's style has no tags without a value at the begin.
            None if style == TagStyle::Lyft => format!("{key}=-"),
            None => (*key).clone(),
        });
        items.collect::<Vec<_>>()
    };
    let mark = if tags.is_empty() { "" } else { style_mark(style) };
    match style {
        TagStyle::DogStatsd => format!("n:1|c|#{}", items(':').join(",")),
        TagStyle::Graphite => format!("n{mark}{}:1|c", items('=').join(";")),
        TagStyle::Influx | TagStyle::Librato => format!("n{mark}{}:1|c", items('=').join(",")),
        TagStyle::SignalFx => format!("n[{}]:1|c", items('=').join(",")),
        TagStyle::Lyft => format!("n{mark}{}:1|c", items('=').join(".__")),
    }
}

fn style_mark(style: TagStyle) -> &'static str {
    match style {
        TagStyle::DogStatsd => "|#",
        TagStyle::Graphite => ";",
        TagStyle::Influx => ",",
        TagStyle::Librato => "#",
        TagStyle::SignalFx => "[",
        TagStyle::Lyft => ".__",
    }
}
