//! Writing samples all at once, and its obvious twin.

use gstatsd_wire::Grammar;
use proptest::prelude::*;

use super::*;
use crate::{Dialect, Limits, Merger, Naming, Order, Window};

const WINDOW: Window = Window { timestamp: 0, seconds: 10.0 };
const VALUES: &[&str] = &["0", "-0", "1", "2.5", "-3", "179769313486231570e291", "+4", "x"];
const RATES: &[&str] = &["", "|@1", "|@0.1", "|@1e-320"];

/// A table of a dialect that keeps histograms apart, and has changes of gauges or has not.
fn table(samples_max: usize, changes: bool) -> Table {
    let grammar = if changes { Grammar::STATSD } else { Grammar::GSTATSD };
    let dialect = Dialect { grammar, histograms_apart: true, ..Dialect::GSTATSD };
    let naming = Naming::gstatsd("", 90.0, "own");
    Table::new(dialect, naming, Limits::new(20, samples_max))
}

/// Takes in packets, each line of them as a packet of a batch; gives all that came of it.
fn outcome(packets: &[Vec<u8>], mut table: Table, each: bool) -> String {
    for (index, packet) in packets.iter().enumerate() {
        table.batch(Order { nanoseconds: index as u64, worker: 0 }, |batch| {
            for line in packet.split_inclusive(|byte| *byte == b'\n') {
                batch.packet(line);
                batch.has_changes |= each;
            }
        });
    }
    let mut part = table.rotate(Box::default());
    let (mut merger, before) = (Merger::new(), part.counts.clone());
    merger.add(0, &mut part);
    assert_eq!(part.counts.samples_residual(), 0);
    let snapshot = merger.finish(WINDOW, Vec::new());
    let series: Vec<_> = snapshot.series().collect();
    let set = |series: &crate::Series<'_>| match series.state {
        crate::State::Set(members) => members.iter().map(<[u8]>::to_vec).collect(),
        _ => Vec::new(),
    };
    let members: Vec<_> = series.iter().map(set).collect();
    let states = series.iter().map(|series| match series.state {
        crate::State::Set(_) => format!("{:?}", series.name),
        _ => format!("{series:?}"),
    });
    format!("{:?} {members:?} {before:?}", states.collect::<Vec<_>>())
}

fn line() -> impl Strategy<Value = String> {
    let kinds = prop::sample::select(&["c", "g", "s", "ms", "h", "d", "m"][..]);
    let (values, rates) = (prop::sample::select(VALUES), prop::sample::select(RATES));
    (0..6_u8, values, kinds, rates)
        .prop_map(|(name, value, kind, rate)| format!("name{name}:{value}|{kind}{rate}\n"))
}

proptest! {
    #[test]
    fn property_test_written_at_once_is_as_written_one_by_one(
        packets in prop::collection::vec(prop::collection::vec(line(), 0..150), 0..6),
        samples_max in 50..2_000_usize,
        changes: bool,
    ) {
        let packets: Vec<_> = packets.iter().map(|lines| lines.concat().into_bytes()).collect();
        let at_once = outcome(&packets, table(samples_max, changes), false);
        prop_assert_eq!(at_once, outcome(&packets, table(samples_max, changes), true));
    }
}

#[test]
fn a_change_of_a_gauge_stands_between_the_sets_of_its_batch() {
    let check = |text: &str, changes, expected: &str| {
        let outcome = outcome(&[text.as_bytes().to_vec()], table(10, changes), false);
        assert!(outcome.contains(expected), "{text}: {outcome}");
    };
    check("a:1|g\na:+2|g\n", true, "Gauge(3.0)");
    check("a:1|g\na:+2|g\na:5|g\n", true, "Gauge(5.0)");
    check("a:+2|g\na:+2|g\n", true, "Gauge(4.0)");
    check("a:1|g\na:-0|g\n", false, "Gauge(-0.0)");
    check("a:1|g\na:-2|g|@0.1\n", false, "Gauge(-2.0)");
}

#[test]
fn changes_of_gauges_have_the_bound_of_values() {
    let mut table = table(2, true);
    for nanoseconds in 0..4 {
        table.packet(b"a:+1|g", Order { nanoseconds, worker: 0 });
    }
    assert_eq!(table.counts_mut().samples_shed[Shed::Memory as usize], 2);
}

#[test]
fn the_example_of_a_rejected_value_says_whose_it_is() {
    let mut table = table(10, false);
    table.packet(b"a:1|c\nb.c:1:x|c|#d\ne:1|c", Order::default());
    let part = table.rotate(Box::default());
    assert_eq!(part.examples.len(), 1);
    assert_eq!(&*part.examples[0].text, b"b.c:1:x|c|#d");
}
