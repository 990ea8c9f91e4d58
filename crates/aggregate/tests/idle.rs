//! What becomes of series that an interval brings nothing to, against a naive twin.

#![expect(clippy::unwrap_used, reason = "a test fails where its data is not as expected")]

use std::collections::BTreeMap;

use gstatsd_aggregate::{
    Dialect, Family, IdlePolicy, Limits, Merger, Naming, Order, Part, Series, SeriesKind, State,
    Table, Window,
};
use proptest::prelude::*;

const WORKERS: usize = 2;
const FOREVER: u32 = IdlePolicy::FOREVER;
const KINDS: [(&str, SeriesKind); 4] = [
    ("c", SeriesKind::Counter),
    ("g", SeriesKind::Gauge),
    ("s", SeriesKind::Set),
    ("ms", SeriesKind::Timer),
];

/// What an interval made of each series: a number, whatever its kind.
type Outcome = BTreeMap<(SeriesKind, String), f64>;

struct Ours {
    tables: Vec<Table>,
    merger: Merger,
    nanoseconds: u64,
}

impl Ours {
    fn new(policy: IdlePolicy, series_max: usize) -> Self {
        let naming = Naming::gstatsd("", 90.0, "");
        let limits = Limits::new(series_max, 1_000);
        let table = |_| Table::new(Dialect::STATSD, naming.clone(), limits);
        let mut merger = Merger::new();
        merger.set_idle_policy(policy);
        Self { tables: (0..WORKERS).map(table).collect(), merger, nanoseconds: 0 }
    }

    fn packet(&mut self, worker: usize, packet: &str) {
        self.nanoseconds += 1;
        let order = Order { nanoseconds: self.nanoseconds, worker };
        self.tables[worker].packet(packet.as_bytes(), order);
    }

    fn interval(&mut self) -> Outcome {
        for (worker, table) in self.tables.iter_mut().enumerate() {
            self.merger.add(worker, &mut table.rotate(Box::<Part>::default()));
        }
        let snapshot = self.merger.finish(Window { timestamp: 0, seconds: 10.0 }, Vec::new());
        let number = |state| match state {
            State::Counter(number) | State::Gauge(number) => number,
            State::Set(members) => members.count() as f64,
            State::Timer { values, count } => {
                assert_eq!(count, values.len() as f64);
                count
            }
        };
        let name = |name: &[u8]| String::from_utf8(name.to_vec()).unwrap();
        let outcome: Outcome = snapshot
            .series()
            .map(|series| ((series.kind, name(series.name)), number(series.state)))
            .collect();
        assert_eq!(outcome.len(), snapshot.series_count(), "each series comes out once");
        outcome
    }

    /// The numbers that series of a family have now, while the interval is open.
    fn look(&mut self, family: Family) -> Vec<f64> {
        for (worker, table) in self.tables.iter_mut().enumerate() {
            self.merger.add(worker, &mut table.push_early());
        }
        let snapshot = self.merger.open(family, Window { timestamp: 0, seconds: 10.0 });
        let number = |series: Series<'_>| match series.state {
            State::Counter(number) | State::Gauge(number) => number,
            State::Timer { values, .. } => values.len() as f64,
            State::Set(_) => f64::NAN,
        };
        snapshot.series().map(number).collect()
    }

    fn delete(&mut self, family: Family) -> usize {
        self.merger.delete(family, |_, _| true).iter().count()
    }

    /// The gauges of so many intervals.
    fn gauges(&mut self, intervals: usize) -> Vec<Option<f64>> {
        let gauge = |outcome: Outcome| outcome.values().next().copied();
        (0..intervals).map(|_| gauge(self.interval())).collect()
    }
}

fn keeping(lifetime: u32) -> IdlePolicy {
    IdlePolicy::new(|_| lifetime, Vec::new(), 1_000)
}

/// For each series how many flushes its last sample is ago, and the value of a gauge.
#[derive(Default)]
struct Twin {
    lifetimes: BTreeMap<SeriesKind, u32>,
    kept: BTreeMap<(SeriesKind, String), (u32, f64)>,
    current: Outcome,
}

impl Twin {
    fn sample(&mut self, kind: SeriesKind, name: &str, value: i8) {
        let key = (kind, name.to_owned());
        let before = self.kept.get(&key).map_or(0.0, |kept| kept.1);
        let current = self.current.entry(key);
        match kind {
            SeriesKind::Counter => *current.or_default() += f64::from(value),
            SeriesKind::Gauge if value < 0 => *current.or_insert(before) += f64::from(value),
            SeriesKind::Gauge => drop(current.insert_entry(f64::from(value))),
            // One member, whatever the value.
            SeriesKind::Set => drop(current.insert_entry(1.0)),
            _ => *current.or_default() += 1.0,
        }
    }

    fn interval(&mut self) -> Outcome {
        let mut outcome = std::mem::take(&mut self.current);
        for (key, &number) in &outcome {
            self.kept.insert(key.clone(), (0, number));
        }
        for (key, (idle, value)) in &mut self.kept {
            let number = if key.0 == SeriesKind::Gauge { *value } else { 0.0 };
            outcome.entry(key.clone()).or_insert(number);
            *idle += 1;
        }
        self.kept.retain(|key, (idle, _)| *idle < self.lifetimes[&key.0]);
        outcome
    }
}

#[derive(Clone, Debug)]
enum Step {
    Sample { worker: usize, name: &'static str, kind: usize, value: i8 },
    Intervals(usize),
}

fn step() -> impl Strategy<Value = Step> {
    let name = prop::sample::select(&["a", "b", "c"][..]);
    prop_oneof![
        6 => (0..WORKERS, name, 0..KINDS.len(), -3..6_i8)
            .prop_map(|(worker, name, kind, value)| Step::Sample { worker, name, kind, value }),
        3 => Just(Step::Intervals(1)),
        // Until the workers have forgotten the spellings.
        1 => (58..64_usize).prop_map(Step::Intervals),
    ]
}

proptest! {
    #[test]
    fn property_test_idle_series_come_out_as_long_as_they_live(
        steps in prop::collection::vec(step(), 0..60),
        lifetimes in prop::collection::vec(prop::sample::select(&[1, 2, 3, 61, FOREVER][..]), 4),
    ) {
        let kinds = KINDS.map(|(_, kind)| kind).into_iter();
        let lifetimes: BTreeMap<_, _> = kinds.zip(lifetimes).collect();
        let lifetime = |kind: SeriesKind| lifetimes.get(&kind).copied().unwrap_or(1);
        let mut ours = Ours::new(IdlePolicy::new(lifetime, Vec::new(), 1_000), 1_000);
        let mut twin = Twin { lifetimes: lifetimes.clone(), ..Twin::default() };
        for step in steps {
            match step {
                Step::Sample { worker, name, kind, value } => {
                    let (word, kind) = KINDS[kind];
                    // Only counters and gauges can be negative.
                    let value = if kind == SeriesKind::Timer { value.abs() } else { value };
                    let text = match kind {
                        SeriesKind::Set => "x".to_owned(),
                        _ => value.to_string(),
                    };
                    ours.packet(worker, &format!("{name}:{text}|{word}"));
                    twin.sample(kind, name, value);
                }
                Step::Intervals(count) => {
                    for _ in 0..count {
                        prop_assert_eq!(ours.interval(), twin.interval());
                    }
                }
            }
        }
    }
}

#[test]
fn a_gauge_changes_from_the_value_that_was_kept_whichever_worker_wrote_it() {
    let mut ours = Ours::new(keeping(FOREVER), 1_000);
    ours.packet(0, "g:5|g");
    assert_eq!(ours.gauges(1), [Some(5.0)]);
    ours.packet(1, "g:+2|g");
    assert_eq!(ours.gauges(1), [Some(7.0)]);
    // The spellings of both workers expire, the value does not.
    assert_eq!(ours.gauges(200), [Some(7.0); 200]);
    ours.packet(0, "g:-10|g");
    assert_eq!(ours.gauges(2), [Some(-3.0); 2]);
}

#[test]
fn a_gauge_is_forgotten_with_its_lifetime() {
    let mut ours = Ours::new(keeping(3), 1_000);
    ours.packet(0, "g:5|g");
    assert_eq!(ours.gauges(3), [Some(5.0); 3]);
    ours.packet(0, "g:+1|g");
    assert_eq!(ours.gauges(4), [Some(1.0), Some(1.0), Some(1.0), None]);
}

#[test]
fn changes_of_several_workers_are_made_in_the_order_of_their_batches() {
    let mut ours = Ours::new(keeping(FOREVER), 1_000);
    ours.packet(0, "g:5|g");
    ours.interval();
    ours.packet(0, "g:+1|g");
    ours.packet(1, "g:10|g");
    ours.packet(0, "g:+2|g");
    ours.packet(1, "g:-5|g");
    assert_eq!(ours.gauges(1), [Some(7.0)]);
}

#[test]
fn a_rule_gives_its_series_a_lifetime_of_their_own() {
    let policy = IdlePolicy::new(|_| 1, vec![None, Some(2)], 10);
    assert_ne!(policy, IdlePolicy::vanish());
    let mut ours = Ours::new(policy, 1_000);
    ours.packet(0, "g:5|g");
    assert_eq!(ours.gauges(2), [Some(5.0), None]);
}

#[test]
fn idle_series_beyond_the_limit_are_forgotten_from_the_longest_idle_on() {
    let mut ours = Ours::new(IdlePolicy::new(|_| FOREVER, Vec::new(), 3), 1_000);
    for number in 0..5 {
        ours.packet(0, &format!("g{number}:{number}|g"));
        ours.interval();
    }
    assert_eq!((ours.interval().len(), ours.merger.forgotten()), (5, 0));
    // From now on no worker holds them.
    (0..70).for_each(|_| drop(ours.interval()));
    let left: Vec<f64> = ours.interval().into_values().collect();
    assert_eq!((left, ours.merger.forgotten()), (vec![2.0, 3.0, 4.0], 2));
    assert_eq!(ours.merger.series_count(), 3);
    ours.packet(1, "g0:+1|g\ng4:+1|g");
    let values: Vec<f64> = ours.interval().into_values().collect();
    assert_eq!(values, [1.0, 2.0, 3.0, 5.0]);
}

#[test]
fn a_policy_that_keeps_nothing_forgets_what_was_kept() {
    let mut ours = Ours::new(keeping(FOREVER), 1_000);
    ours.packet(0, "g:5|g");
    (0..70).for_each(|_| drop(ours.interval()));
    assert_eq!(ours.merger.series_count(), 1);
    ours.merger.set_idle_policy(IdlePolicy::vanish());
    assert_eq!((ours.interval().len(), ours.merger.series_count()), (0, 0));
    ours.merger.set_idle_policy(keeping(FOREVER));
    ours.packet(0, "g:+1|g");
    assert_eq!(ours.gauges(2), [Some(1.0); 2]);
}

#[test]
fn a_timer_whose_samples_had_no_room_is_idle() {
    let mut ours = Ours::new(keeping(FOREVER), 1_000);
    ours.packet(0, "t:1|ms");
    ours.interval();
    // Of no timer so much that a sketch would make room.
    let flood: String = (0..1_000).map(|at| format!("other{}:1|ms\n", at % 5)).collect();
    ours.packet(0, &(flood + "t:1|ms"));
    let timer = |name: &str| (SeriesKind::Timer, name.to_owned());
    let others = (0..5).map(|other| (timer(&format!("other{other}")), 200.0));
    let expected: Outcome = others.chain([(timer("t"), 0.0)]).collect();
    assert_eq!(ours.interval(), expected);
}

#[test]
fn what_is_kept_is_seen_in_the_open_interval_and_can_be_deleted_from_it() {
    for (kind, family, before, idle, changed) in [
        ("c", Family::Counters, 5.0, 0.0, 1.0),
        ("g", Family::Gauges, 5.0, 5.0, 6.0),
        ("ms", Family::Timers, 1.0, 0.0, 1.0),
    ] {
        let mut ours = Ours::new(keeping(FOREVER), 10);
        ours.packet(0, &format!("a:5|{kind}"));
        assert_eq!(ours.look(family), [before], "{kind}");
        ours.interval();
        assert_eq!(ours.look(family), [idle], "{kind}");
        ours.packet(1, &format!("a:+1|{kind}"));
        assert_eq!(ours.look(family), [changed], "{kind}");
        assert_eq!((ours.delete(family), ours.delete(family)), (1, 0), "{kind}");
        assert_eq!(ours.look(family), [0.0; 0], "{kind}");
        assert_eq!(ours.interval(), Outcome::new(), "{kind}");
        // What comes now finds nothing of what was.
        ours.packet(1, &format!("a:+1|{kind}"));
        assert_eq!(ours.interval().values().copied().collect::<Vec<_>>(), [1.0], "{kind}");
        ours.delete(family);
        for _ in 0..130 {
            assert_eq!(ours.interval(), Outcome::new(), "{kind}");
        }
        assert_eq!(ours.merger.series_count(), 0, "{kind}");
    }
}
