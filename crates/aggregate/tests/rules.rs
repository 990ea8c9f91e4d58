//! Rules in tables and the merger: equal to a naive twin that asks them for every sample.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::sync::Arc;

use gstatsd_aggregate::{
    Captures, Counts, Dialect, Effect, Glob, KindSet, Limits, Merger, Naming, Order, Part, Pattern,
    Rule, Rules, SeriesKind, State, Table, Template, Window,
};
use gstatsd_wire::Reason;
use proptest::prelude::*;

const WORKERS: usize = 2;
const LIMITS: Limits = Limits::new(1_000, 1_000);
const SPELLINGS: &[&str] = &["a", "b", "a.b", "a .b", "b.a", "c", "c!", "a.a.b", "t.x", "t.y", "t"];

fn rule(pattern: &str, effect: Effect) -> Rule {
    let pattern = match pattern.strip_prefix('~') {
        Some(text) => Pattern::Contains(text.into()),
        None => Pattern::Glob(Glob::parse(pattern).unwrap()),
    };
    Rule { pattern, kinds: KindSet::ALL, effect }
}

fn dropped() -> Effect {
    Effect { drop: true, ..Effect::default() }
}

fn renamed(name: &str) -> Effect {
    Effect { rename: Some(Template::parse(name, 9).unwrap()), ..Effect::default() }
}

fn absolute(effect: Effect) -> Effect {
    Effect { absolute: true, ..effect }
}

/// Rules of which each leads to names that others are about.
fn rule_sets() -> Vec<Vec<Rule>> {
    vec![
        vec![],
        vec![rule("a", dropped()), rule("b", renamed("a")), rule("c", renamed("b"))],
        vec![rule("a.*", renamed("$1.a")), rule("*.a", renamed("a.$1")), rule("~b", dropped())],
        vec![rule("t.*", absolute(renamed("t"))), rule("**", renamed("c"))],
        vec![rule("t", absolute(Effect::default())), rule("t.*", renamed("t"))],
        vec![rule("*.*", renamed("$2$1")), rule("c", Effect::default()), rule("~", renamed("x$0"))],
    ]
}

#[derive(Clone, Debug)]
enum Step {
    Packet {
        worker: usize,
        spelling: &'static str,
        kind: &'static str,
        value: u8,
    },
    Interval,
    /// All workers go on with other rules.
    Reload {
        rules: usize,
    },
}

fn step() -> impl Strategy<Value = Step> {
    let kinds = prop::sample::select(vec!["c", "c", "g", "ms"]);
    prop_oneof![
        12 => (0..WORKERS, prop::sample::select(SPELLINGS), kinds, 0..9_u8).prop_map(
            |(worker, spelling, kind, value)| Step::Packet { worker, spelling, kind, value }
        ),
        2 => Just(Step::Interval),
        1 => (0..rule_sets().len()).prop_map(|rules| Step::Reload { rules }),
    ]
}

proptest! {
    #[test]
    fn property_test_rules_do_to_samples_what_a_plain_map_says_and_a_reload_loses_none(
        first in 0..rule_sets().len(),
        steps in prop::collection::vec(step(), 0..150),
    ) {
        let mut ours = Ours::new(rule_sets()[first].clone());
        let mut twin = Twin { rules: rule_sets()[first].clone(), ..Twin::default() };
        for step in steps {
            match step {
                Step::Packet { worker, spelling, kind, value } => {
                    ours.packet(worker, &format!("{spelling}:{value}|{kind}"));
                    twin.sample(spelling, kind, value);
                }
                Step::Interval => prop_assert_eq!(ours.interval(), twin.interval()),
                Step::Reload { rules } => {
                    ours.reload(rule_sets()[rules].clone());
                    twin.rules = rule_sets()[rules].clone();
                }
            }
        }
        prop_assert_eq!(ours.interval(), twin.interval());
    }
}

#[test]
fn what_a_rule_drops_is_counted_and_takes_no_room() {
    let limits = Limits::new(2, 1_000);
    let mut ours = Ours::with_limits(vec![rule("noise.**", dropped())], limits);
    for round in 0..3 {
        for number in 0..100 {
            ours.packet(0, &format!("noise.{number}:1|c\nnoise.again:1:2|ms"));
        }
        ours.packet(0, "good:1|c\nbetter:1|c");
        assert_eq!(ours.interval().series.len(), 2, "{round}");
    }
    assert_eq!(ours.counts.samples_dropped_rule, 900);
    assert_eq!(ours.counts.samples_aggregated, 6);
}

#[test]
fn a_total_counts_what_it_grew_by_whichever_worker_gets_it() {
    let mut ours = Ours::new(vec![rule("uwsgi.**", absolute(Effect::default()))]);
    let mut value = |packets: &[(usize, u32)]| {
        for (worker, total) in packets {
            ours.packet(*worker, &format!("uwsgi.requests:{total}|c|@0.1"));
        }
        ours.interval().series.get("counter uwsgi.requests").cloned()
    };
    // What was counted before is not known.
    assert_eq!(value(&[(0, 1_000)]), Some(vec![0.0]));
    assert_eq!(value(&[(0, 1_000), (1, 1_003), (0, 1_005)]), Some(vec![5.0]));
    assert_eq!(value(&[]), None);
    assert_eq!(value(&[(1, 1_005)]), Some(vec![0.0]));
    // The sender began anew in between.
    assert_eq!(value(&[(1, 1_010), (0, 4), (1, 7), (0, 2)]), Some(vec![14.0]));
}

#[test]
fn totals_of_several_senders_are_added_up_under_one_name() {
    let mut ours = Ours::new(vec![rule("*.requests", absolute(renamed("requests")))]);
    ours.packet(0, "web1.requests:10|c\nweb2.requests:500|c");
    ours.packet(1, "web 3.requests:-7|c");
    assert_eq!(ours.interval().series["counter requests"], [0.0]);
    ours.packet(1, "web1.requests:11|c\nweb2.requests:520|c\nweb3.requests:-3|c");
    ours.packet(0, "web1.requests:-5|c");
    assert_eq!(ours.interval().series["counter requests"], [25.0]);
    // Other types are what they are.
    ours.packet(0, "web1.requests:3|g");
    assert_eq!(ours.interval().series["gauge requests"], [3.0]);
}

#[test]
fn totals_survive_what_their_senders_and_workers_do() {
    let mut ours = Ours::new(vec![rule("t", absolute(Effect::default()))]);
    ours.packet(0, "t:1|c");
    ours.interval();
    // Long enough for the worker to forget the spelling, and another reads in its place.
    for _ in 0..150 {
        ours.interval();
    }
    ours.packet(1, "t:4|c");
    assert_eq!(ours.interval().series["counter t"], [3.0]);
    ours.reload(vec![rule("~t", absolute(renamed("new")))]);
    ours.packet(0, "t:9|c");
    assert_eq!(ours.interval().series["counter new"], [5.0]);
    // Of a sender that is silent for an hour and sixty intervals nothing is kept.
    ours.seconds = 100.0;
    for _ in 0..300 {
        ours.interval();
    }
    ours.packet(0, "t:10|c");
    assert_eq!(ours.interval().series["counter new"], [0.0]);
}

#[test]
fn totals_beyond_the_limits_are_shed() {
    let rules = vec![rule("**", absolute(Effect::default()))];
    let mut ours = Ours::with_limits(rules, Limits::new(1, 2));
    ours.packet(0, "a:1|c\nb:1|c\na:2|c\na:3|c");
    assert_eq!(ours.interval().series.len(), 1);
    assert_eq!(ours.counts.samples_shed, [1, 0, 1]);
}

#[test]
fn a_name_that_a_rule_makes_is_safe_and_not_too_long() {
    let mut ours = Ours::new(vec![
        rule("long.*", renamed(&"$1".repeat(9))),
        rule("empty", renamed("!")),
        rule("own.*", renamed("gstatsd.$1")),
        rule("**", renamed("a b/$0")),
    ]);
    let part = "x".repeat(200);
    ours.packet(0, &format!("long.{part}:1|c\nempty:1|c\nplain:1|c\nown.lines:1|c"));
    assert_eq!(ours.interval().series.keys().collect::<Vec<_>>(), ["counter ab_plain"]);
    let rejected = |reason: Reason| ours.counts.samples_rejected[reason as usize];
    assert_eq!(
        [Reason::NameTooLong, Reason::EmptyName, Reason::ReservedName].map(rejected),
        [1; 3]
    );
}

/// What an interval brought: by kind and name the values, and what was dropped.
#[derive(Debug, Default, PartialEq)]
struct Outcome {
    series: BTreeMap<String, Vec<f64>>,
    dropped: u64,
}

struct Ours {
    tables: Vec<Table>,
    limits: Limits,
    replaced: Vec<(usize, Box<Part>)>,
    merger: Merger,
    nanoseconds: u64,
    seconds: f64,
    /// Of all intervals.
    counts: Counts,
}

impl Ours {
    fn new(rules: Vec<Rule>) -> Self {
        Self::with_limits(rules, LIMITS)
    }

    fn with_limits(rules: Vec<Rule>, limits: Limits) -> Self {
        Self {
            tables: tables(rules, limits),
            limits,
            replaced: Vec::new(),
            merger: Merger::new(),
            nanoseconds: 0,
            seconds: 1.0,
            counts: Counts::default(),
        }
    }

    fn packet(&mut self, worker: usize, packet: &str) {
        self.nanoseconds += 1;
        let order = Order { nanoseconds: self.nanoseconds, worker };
        self.tables[worker].packet(packet.as_bytes(), order);
    }

    fn reload(&mut self, rules: Vec<Rule>) {
        let former = std::mem::replace(&mut self.tables, tables(rules, self.limits));
        for (worker, table) in former.into_iter().enumerate() {
            self.replaced.push((worker, table.end()));
        }
    }

    fn interval(&mut self) -> Outcome {
        let rotate = |table: &mut Table| table.rotate(Box::default());
        let parts: Vec<_> = self.tables.iter_mut().map(rotate).enumerate().collect();
        let before = self.counts.samples_dropped_rule;
        // The last worker first, so that only the times of batches tell their order.
        for (worker, mut part) in self.replaced.drain(..).chain(parts.into_iter().rev()) {
            self.merger.add(worker, &mut part);
            assert_eq!(part.counts.samples_residual(), 0);
            self.counts.add(&part.counts);
        }
        let window = Window { timestamp: 0, seconds: self.seconds };
        let snapshot = self.merger.finish(window, Vec::new());
        let dropped = self.counts.samples_dropped_rule - before;
        let mut outcome = Outcome { dropped, ..Outcome::default() };
        for series in snapshot.series() {
            let values = match series.state {
                State::Counter(value) | State::Gauge(value) => vec![value],
                State::Timer { values, .. } => values.exact().expect("few values").to_vec(),
                State::Set(_) => unreachable!("no set is sent"),
            };
            let name = String::from_utf8_lossy(series.name);
            outcome.series.insert(format!("{} {name}", series.kind.word()), values);
        }
        outcome
    }
}

fn tables(rules: Vec<Rule>, limits: Limits) -> Vec<Table> {
    let (dialect, rules) = (Dialect::GSTATSD, Arc::new(Rules::new(rules)));
    let naming = Naming::gstatsd("", 90.0, "stats.gstatsd");
    let table = |_| Table::new(dialect, naming.clone(), limits).with_rules(Arc::clone(&rules));
    (0..WORKERS).map(table).collect()
}

/// The slow, obvious way: every rule is asked for every sample.
#[derive(Default)]
struct Twin {
    rules: Vec<Rule>,
    /// The last total of each name as it was sent.
    totals: BTreeMap<String, f64>,
    outcome: Outcome,
}

impl Twin {
    fn sample(&mut self, spelling: &str, kind: &str, value: u8) {
        let sent: String = spelling.chars().filter(|c| c.is_alphanumeric() || *c == '.').collect();
        let mut captures = Captures::default();
        let matches = |rule: &&Rule| rule.pattern.matches(sent.as_bytes(), &mut captures);
        let effect = self.rules.iter().find(matches).map(|rule| rule.effect.clone());
        let effect = effect.unwrap_or_default();
        if effect.drop {
            self.outcome.dropped += 1;
            return;
        }
        let mut name = Vec::new();
        match &effect.rename {
            Some(template) => template.expand(sent.as_bytes(), &captures, &mut name),
            None => name.extend_from_slice(sent.as_bytes()),
        }
        let kind = match kind {
            "c" => SeriesKind::Counter,
            "g" => SeriesKind::Gauge,
            _ => SeriesKind::Timer,
        };
        let name = format!("{} {}", kind.word(), String::from_utf8(name).unwrap());
        let values = self.outcome.series.entry(name).or_default();
        let value = f64::from(value);
        match kind {
            SeriesKind::Counter => {
                let grown = match effect.absolute {
                    false => value,
                    true => match self.totals.insert(sent, value) {
                        None => 0.0,
                        Some(last) if value >= last => value - last,
                        Some(_) => value,
                    },
                };
                *values = vec![values.first().unwrap_or(&0.0) + grown];
            }
            SeriesKind::Gauge => *values = vec![value],
            _ => {
                values.push(value);
                values.sort_by(f64::total_cmp);
            }
        }
    }

    fn interval(&mut self) -> Outcome {
        std::mem::take(&mut self.outcome)
    }
}
