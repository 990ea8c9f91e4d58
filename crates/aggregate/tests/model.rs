//! Tables and the merger against a naive twin: the same random samples give equal snapshots.

use std::collections::{BTreeMap, BTreeSet};

use gstatsd_aggregate::{
    Dialect, Family, Limits, Merger, Naming, Order, Part, Series, SeriesKind, Snapshot, State,
    Table, Window,
};
use proptest::prelude::*;

const WORKERS: usize = 3;
const WINDOW: Window = Window { timestamp: 0, seconds: 10.0 };
const LIMITS: Limits = Limits::new(1_000, 1_000);
const SPELLINGS: &[&str] = &["ab", "a b", "a!b", "b", "b?", "a/b", "a_b", "", "!"];
const KINDS: &[&str] = &["c", "m", "g", "s", "ms", "h", "d"];

/// One step of a run.
#[derive(Clone, Debug)]
enum Step {
    /// A worker gets a packet, in a batch of its own.
    Packet { worker: usize, spelling: &'static str, kind: &'static str, value: u8 },
    /// So many intervals end. The parts of each are merged in the order of the workers, or the
    /// other way round.
    Intervals { count: usize, reversed: bool },
    /// A worker goes on with another table, as after a reload.
    Reload { worker: usize },
    /// All workers push early what they have, to be looked at.
    Look { family: Family },
    /// The same, and a series is deleted.
    Delete { family: Family, name: &'static str },
}

/// What an interval made of each series, by kind and name.
type Expected = BTreeMap<(SeriesKind, Vec<u8>), Outcome>;

#[derive(Debug, PartialEq)]
enum Outcome {
    Value(f64),
    Members(Vec<Vec<u8>>),
    Values(Vec<f64>),
}

const FAMILIES: &[Family] = &[Family::Counters, Family::Gauges, Family::Timers];

fn step() -> impl Strategy<Value = Step> {
    let family = || prop::sample::select(FAMILIES);
    prop_oneof![
        12 => (0..WORKERS, prop::sample::select(SPELLINGS), prop::sample::select(KINDS), 0..9_u8)
            .prop_map(|(worker, spelling, kind, value)| {
                Step::Packet { worker, spelling, kind, value }
            }),
        2 => any::<bool>().prop_map(|reversed| Step::Intervals { count: 1, reversed }),
        // Long enough for every spelling to expire, or nearly so.
        1 => (58..64_usize).prop_map(|count| Step::Intervals { count, reversed: false }),
        2 => (0..WORKERS).prop_map(|worker| Step::Reload { worker }),
        3 => family().prop_map(|family| Step::Look { family }),
        1 => (family(), prop::sample::select(&["ab", "b", "a_b"][..]))
            .prop_map(|(family, name)| Step::Delete { family, name }),
    ]
}

proptest! {
    #[test]
    fn property_test_tables_and_merger_equal_a_plain_map_whatever_is_reloaded_or_pushed_early(
        steps in prop::collection::vec(step(), 0..200)
    ) {
        let mut ours = Ours::new(LIMITS);
        let mut twin = Twin::default();
        for step in steps {
            match step {
                Step::Packet { worker, spelling, kind, value } => {
                    ours.packet(worker, &format!("{spelling}:{value}|{kind}"));
                    twin.sample(spelling, kind, value);
                }
                Step::Intervals { count, reversed } => {
                    for _ in 0..count {
                        prop_assert_eq!(ours.interval(reversed), twin.interval());
                    }
                }
                Step::Reload { worker } => ours.reload(worker),
                Step::Look { family } => {
                    prop_assert_eq!(ours.look(family), twin.look(family));
                }
                Step::Delete { family, name } => {
                    prop_assert_eq!(ours.delete(family, name), twin.delete(family, name));
                }
            }
        }
        prop_assert_eq!(ours.interval(false), twin.interval());
    }
}

#[test]
fn series_that_come_and_go_leave_no_trace() {
    let mut ours = Ours::new(LIMITS);
    for round in 0..2_000 {
        ours.packet(round % WORKERS, &format!("series{round}:1|c"));
        assert_eq!(ours.interval(false).len(), 1);
    }
    // Each is forgotten 60 intervals after its last write, by its worker and by the merger.
    assert!(ours.merger.series_count() < 70, "{}", ours.merger.series_count());
}

#[test]
fn a_kind_comes_out_in_one_order_whichever_series_is_written_first() {
    for kind in KINDS {
        let mut ours = Ours::new(LIMITS);
        let mut names = |order: &[&str]| -> Vec<Vec<u8>> {
            order.iter().for_each(|name| ours.packet(0, &format!("{name}:1|{kind}")));
            ours.snapshot(false).series().map(|series| series.name.to_vec()).collect()
        };
        let first = names(&["a", "b", "c"]);
        assert_eq!(names(&["c", "a", "b"]), first, "{kind}");
        assert_eq!(names(&["b"]), [b"b"], "{kind}");
    }
}

#[test]
fn a_snapshot_stays_as_it_is_while_the_merger_goes_on() {
    let mut ours = Ours::new(LIMITS);
    ours.packet(0, "a:1|c");
    let before = ours.snapshot(false);
    for name in 0..3_000 {
        ours.packet(1, &format!("series{name}:1|c"));
        ours.interval(false);
    }
    let a = ((SeriesKind::Counter, b"a".to_vec()), Outcome::Value(1.0));
    assert_eq!(by_key(&before), Expected::from([a]));
}

#[test]
fn spellings_without_room_write_to_their_series_in_order() {
    let mut ours = Ours::new(Limits::new(1, 1));
    ours.packet(0, "ab:1|g\na b:2|g\na!b:3|g");
    let key = (SeriesKind::Gauge, b"ab".to_vec());
    let interval = ours.interval(false);
    assert_eq!(interval[&key], Outcome::Value(3.0));
}

#[test]
fn distributions_are_series_of_their_own_where_the_dialect_keeps_them_apart() {
    let packet = "a:1|ms\na:2|h\na:3|d\na:4|h\nb:5|d";
    let series = |dialect| {
        let mut ours = Ours::with_dialect(dialect, LIMITS);
        ours.packet(0, packet);
        ours.interval(false)
    };
    let values = |kind, name: &str, values: &[f64]| {
        ((kind, name.as_bytes().to_vec()), Outcome::Values(values.to_vec()))
    };
    let (timer, histogram) = (SeriesKind::Timer, SeriesKind::Histogram);
    let distribution = SeriesKind::Distribution;
    let apart = [
        values(histogram, "a", &[1.0, 2.0, 4.0]),
        values(distribution, "a", &[3.0]),
        values(distribution, "b", &[5.0]),
    ];
    assert_eq!(series(Dialect::DOGSTATSD), Expected::from(apart));
    let together = [values(timer, "a", &[1.0, 2.0, 3.0, 4.0]), values(timer, "b", &[5.0])];
    assert_eq!(series(Dialect::STATSD), Expected::from(together));
}

#[test]
fn a_full_table_takes_new_series_again_when_old_ones_have_expired() {
    let mut ours = Ours::new(Limits::new(1, 1));
    ours.packet(0, "a:1|c");
    ours.packet(0, "b:1|c");
    assert_eq!(ours.interval(false).len(), 1);
    for _ in 0..62 {
        ours.interval(false);
    }
    ours.packet(0, "b:1|c");
    assert!(ours.interval(false).contains_key(&(SeriesKind::Counter, b"b".to_vec())));
}

#[test]
fn what_was_pushed_early_counts_as_held() {
    let mut ours = Ours::new(Limits::new(10, 2));
    for _ in 0..3 {
        ours.packet(0, "a:1|ms");
        ours.look(Family::Timers);
    }
    let a = (SeriesKind::Timer, b"a".to_vec());
    assert_eq!(ours.interval(false)[&a], Outcome::Values(vec![1.0, 1.0]));
    ours.packet(0, "a:2|ms");
    assert_eq!(ours.interval(false)[&a], Outcome::Values(vec![2.0]));
}

#[test]
fn a_spelling_expires_after_as_many_intervals_whether_or_not_parts_are_pushed_early() {
    let held = |looks: usize, intervals: usize| {
        let mut ours = Ours::new(LIMITS);
        for _ in 0..200 {
            (0..looks).for_each(|_| drop(ours.look(Family::Gauges)));
            ours.interval(false);
        }
        ours.packet(0, "a:1|c");
        for _ in 0..intervals {
            (0..looks).for_each(|_| drop(ours.look(Family::Gauges)));
            ours.interval(false);
        }
        ours.merger.series_count()
    };
    for looks in [0, 1, 20] {
        assert_eq!((held(looks, 58), held(looks, 64)), (1, 0), "{looks}");
    }
}

/// The code under test.
struct Ours {
    tables: Vec<Table>,
    /// What tables that were replaced in this interval had gathered.
    replaced: Vec<(usize, Box<Part>)>,
    new_table: Box<dyn Fn() -> Table>,
    merger: Merger,
    nanoseconds: u64,
}

impl Ours {
    fn new(limits: Limits) -> Self {
        Self::with_dialect(Dialect::GSTATSD, limits)
    }

    fn with_dialect(dialect: Dialect, limits: Limits) -> Self {
        let naming = Naming::gstatsd("", 90.0, "");
        let new_table = Box::new(move || Table::new(dialect, naming.clone(), limits));
        let tables = (0..WORKERS).map(|_| new_table()).collect();
        Self { tables, replaced: Vec::new(), new_table, merger: Merger::new(), nanoseconds: 0 }
    }

    fn reload(&mut self, worker: usize) {
        let former = std::mem::replace(&mut self.tables[worker], (self.new_table)());
        self.replaced.push((worker, former.end()));
    }

    /// All that was gathered so far goes to the merger.
    fn push_early(&mut self) {
        let early = self.tables.iter_mut().map(Table::push_early).enumerate();
        for (worker, mut part) in self.replaced.drain(..).chain(early.collect::<Vec<_>>()) {
            self.merger.add(worker, &mut part);
        }
    }

    fn look(&mut self, family: Family) -> Expected {
        self.push_early();
        by_key(&self.merger.open(family, WINDOW))
    }

    /// Deletes the series of this name. Gives whether it was there.
    fn delete(&mut self, family: Family, meant: &str) -> bool {
        self.push_early();
        let deleted = self.merger.delete(family, |_, name| name == meant.as_bytes());
        deleted.iter().count() > 0
    }

    fn packet(&mut self, worker: usize, packet: &str) {
        self.nanoseconds += 1;
        let table = &mut self.tables[worker];
        let order = Order { nanoseconds: self.nanoseconds, worker };
        table.packet(packet.as_bytes(), order);
    }

    fn interval(&mut self, reversed: bool) -> Expected {
        by_key(&self.snapshot(reversed))
    }

    fn snapshot(&mut self, reversed: bool) -> Snapshot {
        let parts = self.tables.iter_mut().map(|table| table.rotate(Box::<Part>::default()));
        let mut parts: Vec<(usize, Box<Part>)> = parts.enumerate().collect();
        if reversed {
            parts.reverse();
        }
        for (worker, part) in self.replaced.drain(..).chain(parts) {
            let mut part = part;
            self.merger.add(worker, &mut part);
            assert_eq!(part.counts.samples_residual(), 0);
        }
        self.merger.finish(WINDOW, Vec::new())
    }
}

fn by_key(snapshot: &Snapshot) -> Expected {
    let by_key: Expected = snapshot.series().map(outcome).collect();
    assert_eq!(by_key.len(), snapshot.series_count(), "each key stands once");
    by_key
}

fn outcome(series: Series<'_>) -> ((SeriesKind, Vec<u8>), Outcome) {
    let outcome = match series.state {
        State::Counter(value) | State::Gauge(value) => Outcome::Value(value),
        State::Set(members) => Outcome::Members(members.iter().map(<[u8]>::to_vec).collect()),
        State::Timer { values, .. } => {
            Outcome::Values(values.exact().expect("few values").to_vec())
        }
    };
    ((series.kind, series.name.to_vec()), outcome)
}

/// The slow, obvious way: one map, no workers, no spellings, nothing kept.
#[derive(Clone, Default)]
struct Twin {
    counters: BTreeMap<Vec<u8>, f64>,
    gauges: BTreeMap<Vec<u8>, f64>,
    sets: BTreeMap<Vec<u8>, BTreeSet<String>>,
    timers: BTreeMap<Vec<u8>, Vec<f64>>,
}

impl Twin {
    fn sample(&mut self, spelling: &str, kind: &str, value: u8) {
        let name: String = spelling
            .replace('/', "_")
            .chars()
            .filter(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        let (name, number) = (name.into_bytes(), f64::from(value));
        match kind {
            "c" | "m" => *self.counters.entry(name).or_default() += number,
            "g" => {
                self.gauges.insert(name, number);
            }
            "s" => {
                self.sets.entry(name).or_default().insert(value.to_string());
            }
            _ => self.timers.entry(name).or_default().push(number),
        }
    }

    fn look(&self, family: Family) -> Expected {
        let mut all = self.clone().interval();
        all.retain(|(kind, _), _| family.contains(*kind));
        all
    }

    fn delete(&mut self, family: Family, name: &str) -> bool {
        let name = name.as_bytes();
        match family {
            Family::Counters => self.counters.remove(name).is_some(),
            Family::Gauges => self.gauges.remove(name).is_some(),
            Family::Timers => self.timers.remove(name).is_some(),
        }
    }

    fn interval(&mut self) -> Expected {
        let Self { counters, gauges, sets, timers } = std::mem::take(self);
        let mut expected = Expected::new();
        for (name, sum) in counters {
            expected.insert((SeriesKind::Counter, name), Outcome::Value(sum));
        }
        for (name, value) in gauges {
            expected.insert((SeriesKind::Gauge, name), Outcome::Value(value));
        }
        for (name, members) in sets {
            let members = members.into_iter().map(|member| member.into_bytes()).collect();
            expected.insert((SeriesKind::Set, name), Outcome::Members(members));
        }
        for (name, mut values) in timers {
            values.sort_by(f64::total_cmp);
            expected.insert((SeriesKind::Timer, name), Outcome::Values(values));
        }
        expected
    }
}
