//! What must hold of any packet, in every dialect and style of tags: what the fuzzer asks.

use std::sync::Arc;

use gstatsd_aggregate::{
    CounterValue, Dialect, Effect, Glob, KindSet, Limits, Merger, Namespace, Naming,
    NamingSettings, Order, Part, Pattern, Rule, Rules, Scheme, SeriesSettings, Snapshot, Table,
    TagTemplate, Template, Window,
};
use gstatsd_wire::{Grammar, TagStyle, TagStyles, Tags};

/// Checks that any packet, read twice by each of these ways, is accounted for, and becomes lines
/// that Graphite can read whichever names they have.
///
/// # Panics
///
/// When one of this does not hold.
pub(crate) fn check(packet: &[u8]) {
    let namings = namings();
    for (index, dialect) in dialects().into_iter().enumerate() {
        let other = [Dialect::STATSD, Dialect::DOGSTATSD, Dialect::GSTATSD][index % 3];
        let limits = Limits::new(100, 1_000);
        let naming = namings[index % namings.len()].clone();
        let rules = if index % 2 == 0 { rules() } else { Rules::default() };
        let mut table = Table::new(dialect, naming, limits)
            .with_dialects([other])
            .with_tag_template((index % 5 == 0).then(|| TagTemplate::parse("{k}.{name}").unwrap()))
            .with_rules(Arc::new(rules));
        let mut merger = Merger::new();
        for _ in 0..2 {
            // The second time all spellings are known.
            table.packet(packet, Order::default());
            table.packet(packet, Order::default());
            let mut part = table.rotate(Box::<Part>::default());
            merger.add(0, &mut part);
            let counts = &part.counts;
            assert_eq!((counts.lines_residual(), counts.samples_residual()), (0, 0), "{dialect:?}");
            let window = Window { timestamp: 0, seconds: 10.0 };
            let snapshot = merger.finish(window, Vec::new());
            namings.iter().for_each(|naming| check_lines(naming, &snapshot));
        }
    }
}

fn check_lines(naming: &Naming, snapshot: &Snapshot) {
    naming.points(snapshot, |point| {
        let shown = point.name.escape_ascii();
        let name = str::from_utf8(point.name).unwrap_or_default();
        let is_of_word = |char: char| !char.is_whitespace() && !char.is_control();
        assert!(!name.is_empty() && name.chars().all(is_of_word), "'{shown}'");
        let mut value = Vec::new();
        point.value.write(&mut value);
        let number = str::from_utf8(&value).ok().and_then(|text| text.parse::<f64>().ok());
        assert!(number.is_some_and(f64::is_finite), "'{shown}' is {}", value.escape_ascii());
    });
}

/// Every dialect with its own tags, with all styles, and with each alone.
fn dialects() -> Vec<Dialect> {
    let mut dialects = Vec::new();
    for usual in [Dialect::GSTATSD, Dialect::STATSD, Dialect::DOGSTATSD] {
        let styles = [TagStyles::NONE, TagStyles::ALL].into_iter();
        let styles = styles.chain(TagStyle::ALL.map(|style| TagStyles::of(&[style])));
        dialects.push(usual);
        dialects.extend(styles.enumerate().map(|(index, tag_styles)| {
            let tags = Tags::Check { count_max: 3, bytes_max: 40 };
            let (origin, timestamps) = (index % 2 == 0, index % 3 == 0);
            let grammar = Grammar {
                tag_styles,
                tags,
                origin,
                timestamps,
                name_bytes_max: 300,
                ..usual.grammar
            };
            Dialect { grammar, ..usual }
        }));
    }
    dialects
}

fn namings() -> Vec<Naming> {
    let legacy = Namespace::default();
    let new = Namespace { suffix: "host".into(), ..Namespace::default() };
    let schemes = [
        Scheme::Gstatsd,
        Scheme::Statsd(legacy),
        Scheme::Statsd(new),
        Scheme::Dogstatsd(CounterValue::Sum),
        Scheme::Dogstatsd(CounterValue::Rate),
    ];
    let naming = |scheme| {
        let series = SeriesSettings::default();
        let rule = SeriesSettings { buckets: vec![0.5, 5.0, f64::INFINITY], ..series.clone() };
        Naming::new(&NamingSettings {
            scheme,
            prefix: String::new(),
            own_metrics: "own".to_owned(),
            series,
            rules: vec![rule],
        })
    };
    schemes.map(naming).into()
}

fn rules() -> Rules {
    let rule = |glob: &str, effect| {
        let pattern = Pattern::Glob(Glob::parse(glob).unwrap());
        Rule { pattern, kinds: KindSet::ALL, effect }
    };
    let template = |text: &str| Some(Template::parse(text, 1).unwrap());
    let tag = |text: &str| ("k".into(), template(text).unwrap());
    Rules::new(vec![
        rule("a*", Effect { drop: true, ..Effect::default() }),
        rule("b*", Effect { absolute: true, ..Effect::default() }),
        rule(
            "*.**",
            Effect { rename: template("$1"), tags: [tag("$1 $0")].into(), ..Effect::default() },
        ),
        rule("c**", Effect { settings: 1, tags: [tag("")].into(), ..Effect::default() }),
    ])
}
