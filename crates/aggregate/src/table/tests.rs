//! What a table remembers, and what it does as memory becomes short.

use super::*;
use crate::memory::{Budget, Owner};
use crate::{Effect, Glob, KindSet, Merger, Part, Pattern, Rule, Window};

#[test]
fn the_rules_are_not_asked_again_for_a_dropped_spelling() {
    let dialect = Dialect::GSTATSD;
    let effect = Effect { drop: true, ..Effect::default() };
    let pattern = Pattern::Glob(Glob::parse("a.*").expect("it is a pattern"));
    let rules = Rules::new(vec![Rule { pattern, kinds: KindSet::ALL, effect }]);
    let limits = Limits::new(10, 10);
    let naming = Naming::gstatsd("", 90.0, "");
    let mut table = Table::new(dialect, naming, limits).with_rules(Arc::new(rules));
    table.packet(b"a.b:1|c", Order::default());
    table.ways.rules = Arc::default();
    table.packet(b"a.b:1|c\na.c:1|c", Order::default());
    assert_eq!(table.counts_mut().samples_dropped_rule, 2);
    assert_eq!(table.part.records.len(), 1);
}

/// A table with a budget, and the budget.
fn bounded(bytes: usize) -> (Table, Budget) {
    let budget = Budget::new(bytes);
    let limits = Limits::new(1 << 30, 1 << 30);
    let table = Table::new(Dialect::GSTATSD, Naming::gstatsd("", 90.0, ""), limits);
    (table.with_budget(&budget), budget)
}

fn shed(table: &mut Table, shed: Shed) -> u64 {
    table.counts_mut().samples_shed[shed as usize]
}

#[test]
fn new_series_are_refused_within_an_interval_and_known_ones_count_on() {
    let (mut table, budget) = bounded(4 << 20);
    table.packet(b"known:1|c", Order::default());
    for number in 0..100_000 {
        table.packet(format!("new.{number}:1|c").as_bytes(), Order::default());
    }
    let refused = shed(&mut table, Shed::NewSeries);
    assert!((50_000..100_000).contains(&refused), "{refused}");
    assert!(budget.held() <= 4 << 20, "{}", budget.held());
    table.packet(b"known:1|c", Order::default());
    assert_eq!(shed(&mut table, Shed::NewSeries), refused);
    assert_eq!(table.part.records[0].samples, 2);
}

#[test]
fn while_memory_becomes_short_the_heaviest_prefixes_are_refused_first() {
    let (mut table, budget) = bounded(16 << 20);
    let mut rest = budget.lease(Owner::Rest);
    for number in 0..1_000 {
        table.packet(format!("flood.{number}:1|c").as_bytes(), Order::default());
    }
    rest.set((16 << 20) / 100 * 91 - (budget.held() - rest.bytes()));
    assert!(budget.takes(Step::RefuseHeaviest) && !budget.takes(Step::RefuseNew));
    table.packet(b"calm.one:1|c\nflood.more:1|c\nflood.7:1|c", Order::default());
    assert_eq!(shed(&mut table, Shed::NewSeries), 1);
    assert_eq!(table.part.records.len(), 1_001);
}

#[test]
fn while_memory_is_short_timers_and_sets_become_sketches_early() {
    let (mut table, budget) = bounded(64 << 20);
    let mut rest = budget.lease(Owner::Rest);
    let send = |table: &mut Table| {
        for number in 0..2_000 {
            table.packet(format!("t:{number}|ms\ns:{number}|s").as_bytes(), Order::default());
        }
        let part = table.rotate(Box::default());
        (part.values.len(), part.members.len(), part.counts.samples_shed)
    };
    assert_eq!(send(&mut table), (2_000, 2_000, [0; 3]));
    rest.set((64 << 20) / 100 * 81);
    let (values, members, shed) = send(&mut table);
    assert!(values <= 256 && members <= 512, "{values} {members}");
    assert_eq!(shed, [0; 3]);
    rest.set(0);
    send(&mut table);
    assert_eq!(send(&mut table), (2_000, 2_000, [0; 3]));
}

#[test]
fn values_without_memory_are_shed_and_counters_count_on() {
    let (mut table, budget) = bounded(8 << 20);
    let mut rest = budget.lease(Owner::Rest);
    table.packet(b"t:1|ms\nc:1|c", Order::default());
    table.rotate(Box::default());
    rest.set(8 << 20);
    table.packet(b"t:1|ms\nc:1|c", Order::default());
    assert_eq!(shed(&mut table, Shed::Memory), 1);
    assert_eq!(table.part.records.iter().map(|record| record.samples).sum::<u64>(), 1);
}

/// For a value there are 12 bytes in the part, up to a quarter of that to grow into, and 20 that
/// are kept for the merger and the snapshot. Nothing is held twice, and hardly anything idle.
#[test]
fn values_fit_where_there_are_56_bytes_for_each_of_an_interval() {
    const VALUES: usize = (128 << 20) / 56;
    let (mut table, budget) = bounded(128 << 20);
    let (mut merger, mut spare) = (Merger::new().with_budget(&budget), Box::<Part>::default());
    for interval in 0..4 {
        for number in 0..VALUES / 8 {
            // 128 values each: no sketches.
            let line = format!("timer.{}:1:2:3:4:5:6:7:8|ms", number % (VALUES / 128));
            table.packet(line.as_bytes(), Order::default());
        }
        assert_eq!(shed(&mut table, Shed::Memory), 0, "interval {interval}");
        assert!(table.part.values.capacity() <= VALUES / 4 * 5 + 1_024);
        let mut part = table.rotate(spare);
        merger.add(0, &mut part);
        let held = budget.held_by(Owner::Series);
        assert!((20 * VALUES..24 * VALUES).contains(&held), "{held}");
        part.clear();
        spare = part;
        merger.finish(Window { timestamp: 0, seconds: 10.0 }, Vec::new());
    }
    assert_eq!(budget.begun(Step::RefuseNew), 0);
}

/// Appends a thing with this number to a part.
type Push = fn(&mut Part, u32);

#[test]
fn what_is_large_grows_by_a_quarter_and_is_kept_where_it_is_little() {
    const THINGS: usize = 70 << 10;
    // Each with the bytes of one, and those of all places of its hash table.
    let kinds: [(usize, usize, Push); 5] = [
        (12, 0, |part, number| assert!(part.take_value(0, number.into(), u64::MAX, 1))),
        (16, 0, |part, number| part.push_total(number, 0.0)),
        (16, 0, |part, number| assert!(!part.change_gauge(0, number, 1.0))),
        (24, 0, |part, number| part.dated.push(0, number, 0, 0.0)),
        (22, 16 << 18, |part, number| {
            part.members.insert(u128::from(number) + 1, 0, b"member", true);
        }),
    ];
    let lease = Budget::new(64 << 20).lease(Owner::Parts);
    for ((bytes, places, push), is_little) in
        kinds.into_iter().flat_map(|k| [(k, true), (k, false)])
    {
        let mut part = Part::default();
        part.records.push(Record::new(0, SeriesKind::Gauge));
        part.begin_batch(0);
        let before = part.bytes();
        for number in (0..).take(THINGS) {
            if number % 1_024 == 0 {
                part.make_things(1_024);
            }
            push(&mut part, number);
        }
        let all = bytes * THINGS;
        let grown = part.bytes() - before - places;
        assert!((all..=all / 4 * 5).contains(&grown), "{grown} bytes for {THINGS} of {bytes}");
        part.lease = lease.another(if is_little { 8 << 20 } else { (8 << 20) + 1 });
        part.clear();
        let kept = if is_little { grown + places } else { 0 };
        assert_eq!(part.bytes() - before, kept, "of {bytes} bytes each");
    }
}
