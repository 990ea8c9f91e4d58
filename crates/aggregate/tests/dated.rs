//! Samples with a time of their own, events and service checks: kept for the sinks.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::sync::Arc;

use gstatsd_aggregate::{
    Counts, Dialect, Effect, Glob, KindSet, Limits, Merger, Naming, NamingSettings, Order, Part,
    Pattern, Rule, Rules, Scheme, SeriesKind, SeriesName, SeriesSettings, Shed, Snapshot, Table,
    Window,
};
use gstatsd_wire::{Grammar, Reason, Tags};

const LIMITS: Limits = Limits::new(100, 100);
const WINDOW: Window = Window { timestamp: 1_000, seconds: 10.0 };

fn naming() -> Naming {
    Naming::new(&NamingSettings {
        scheme: Scheme::Dogstatsd(gstatsd_aggregate::CounterValue::Sum),
        prefix: "app".to_owned(),
        own_metrics: "own".to_owned(),
        series: SeriesSettings::default(),
        rules: Vec::new(),
    })
}

fn table(limits: Limits) -> Table {
    Table::new(Dialect::DOGSTATSD, naming(), limits)
}

/// Ends the interval of tables, each of a worker. Gives what they counted, too.
fn merged(tables: impl IntoIterator<Item = Table>, merger: &mut Merger) -> (Snapshot, Counts) {
    let mut counts = Counts::default();
    for (worker, mut table) in tables.into_iter().enumerate() {
        let mut part = table.rotate(Box::<Part>::default());
        merger.add(worker, &mut part);
        counts.add(&part.counts);
    }
    assert_eq!((counts.samples_residual(), counts.lines_residual()), (0, 0), "{counts:?}");
    (merger.finish(WINDOW, Vec::new()), counts)
}

/// Each as `kind name second value`.
fn shown(snapshot: &Snapshot) -> Vec<String> {
    let shown = |dated: &gstatsd_aggregate::DatedReading| {
        let mut name = Vec::new();
        SeriesName::of(&dated.name).write(&mut name);
        let name = String::from_utf8(name).unwrap();
        format!("{} {name} {} {}", dated.kind.word(), dated.second, dated.value)
    };
    snapshot.dated.iter().map(shown).collect()
}

#[test]
fn a_sample_with_a_time_is_passed_on_and_leaves_the_series_of_its_name_alone() {
    let mut table = table(LIMITS);
    table.packet(
        b"c:1|c\nc:2|c|T7\nc:4|c|@0.5|T7|#k:v\nc:1|c|#k:v|T7\nc:5:6|c|T8\ng:-3|g|T7\ng:1|g",
        Order::default(),
    );
    let (snapshot, counts) = merged([table], &mut Merger::new());
    let expected =
        ["counter c 7 2", "counter c 8 11", "counter c;k=v 7 9", "gauge g 7 -3"].map(str::to_owned);
    assert_eq!(shown(&snapshot), expected);
    assert_eq!((counts.samples_received, counts.samples_aggregated), (8, 2));
    assert_eq!(counts.samples_passed_on, 6);
    assert_eq!(snapshot.series_count(), 2);

    let (mut points, mut dated) = (0, Vec::new());
    naming().points(&snapshot, |_| points += 1);
    naming().dated_points(&snapshot, |point, second| {
        let mut line = [point.name, b" "].concat();
        point.value.write(&mut line);
        dated.push(format!("{} {second}", String::from_utf8(line).unwrap()));
    });
    let expected = ["app.c 2 7", "app.c 11 8", "app.c;k=v 9 7", "app.g -3 7"];
    assert_eq!(dated, expected.map(str::to_owned));
    assert_eq!(naming().point_count(&snapshot), points + 4);
}

#[test]
fn several_workers_come_to_one_value_and_the_next_interval_to_none() {
    let mut tables = [table(LIMITS), table(LIMITS)];
    for (table, (nanoseconds, packet)) in
        tables.iter_mut().zip([(5, b"c:1|c|T7\ng:1|g|T7"), (4, b"c:2|c|T7\ng:2|g|T7")])
    {
        table.packet(packet, Order { nanoseconds, worker: 0 });
    }
    let mut merger = Merger::new();
    let (snapshot, _) = merged(tables, &mut merger);
    assert_eq!(shown(&snapshot), ["counter c 7 3", "gauge g 7 1"].map(str::to_owned));
    let (snapshot, _) = merged([table(LIMITS)], &mut merger);
    assert_eq!(shown(&snapshot), [""; 0].map(str::to_owned));
}

#[test]
fn rules_reserved_names_and_limits_hold_for_them_too() {
    let rule = |glob: &str, effect| Rule {
        pattern: Pattern::Glob(Glob::parse(glob).unwrap()),
        kinds: KindSet::ALL,
        effect,
    };
    let dropped = Effect { drop: true, ..Effect::default() };
    let total = Effect { absolute: true, ..Effect::default() };
    let rules = Arc::new(Rules::new(vec![rule("no.*", dropped), rule("total", total)]));
    let own = Naming::new(&NamingSettings {
        scheme: Scheme::Dogstatsd(gstatsd_aggregate::CounterValue::Sum),
        prefix: String::new(),
        own_metrics: "own".to_owned(),
        series: SeriesSettings::default(),
        rules: Vec::new(),
    });
    let limits = Limits::new(2, 3);
    let mut table = Table::new(Dialect::DOGSTATSD, own, limits).with_rules(rules);
    let text = "no.a:1|c|T7\nno.a:1|c|T8\nown.x:1|g|T7\ntotal:1|c|T7\n\
                a:1|c|T7\nb:1|c|T7\nc:1|c|T7\na:1|c|T8\na:1|c|T9\nt:1|ms|T7";
    table.packet(text.as_bytes(), Order::default());
    let (snapshot, counts) = merged([table], &mut Merger::new());
    assert_eq!(shown(&snapshot).len(), 3);
    assert_eq!((counts.samples_received, counts.samples_dropped_rule), (10, 2));
    assert_eq!(counts.samples_rejected[Reason::ReservedName as usize], 1);
    assert_eq!(counts.samples_rejected[Reason::Unsupported as usize], 2);
    assert_eq!(counts.samples_shed[Shed::SeriesLimit as usize], 1);
    assert_eq!(counts.samples_shed[Shed::Memory as usize], 1);
}

#[test]
fn times_are_read_where_tags_are_dropped_too() {
    let grammar = Grammar { tags: Tags::Skip, ..Grammar::DOGSTATSD };
    let dialect = Dialect { grammar, ..Dialect::DOGSTATSD };
    let mut table = Table::new(dialect, naming(), LIMITS);
    table.packet(b"c:1|c|T7|#a:b\nc:2|c|#x|T7", Order::default());
    let (snapshot, _) = merged([table], &mut Merger::new());
    assert_eq!(shown(&snapshot), ["counter c 7 3".to_owned()]);
    assert_eq!(snapshot.dated[0].kind, SeriesKind::Counter);
}

#[test]
fn events_and_service_checks_go_to_the_sinks_as_they_came() {
    let mut tables = [table(LIMITS), table(LIMITS)];
    tables[0].packet(b"_e{1,1}:a|b|#k:v\na:1|c\n_sc|x|1\n_sc|x|9", Order::default());
    tables[1].packet(b"_e{0,0}:|", Order::default());
    let (snapshot, counts) = merged(tables, &mut Merger::new());
    let notices: Vec<_> = snapshot.notices().collect();
    assert_eq!(notices, [&b"_e{1,1}:a|b|#k:v"[..], b"_sc|x|1", b"_e{0,0}:|"]);
    assert_eq!((snapshot.notice_count(), counts.events, counts.service_checks), (3, 2, 1));
    assert!(snapshot.bytes() > Snapshot::new(WINDOW).bytes() + 20);
}

#[test]
fn what_is_too_much_of_them_is_counted() {
    let mut table = table(LIMITS);
    let packet = format!("_e{{1,60000}}:a|{}", "x".repeat(60_000));
    let mut merger = Merger::new();
    let mut early = Counts::default();
    for count in 1..=20 {
        table.packet(packet.as_bytes(), Order::default());
        // Parts that are pushed early have the same bound all together.
        if count == 5 || count == 7 {
            let mut part = table.push_early();
            merger.add(0, &mut part);
            early.add(&part.counts);
        }
    }
    let (snapshot, counts) = merged([table], &mut merger);
    assert_eq!((early.events, counts.events), (7, 13));
    assert_eq!((snapshot.notice_count(), counts.notices_shed), (17, 3));
}
