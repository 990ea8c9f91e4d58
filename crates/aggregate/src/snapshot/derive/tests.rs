//! Merged snapshots against one of all samples, and filtered ones against their rows.

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{Dialect, Limits, Merger, Naming, Order, OwnPoint, State, Table};

/// What becomes of a series, as a text that two snapshots can be compared by.
fn shown(snapshot: &Snapshot) -> Vec<String> {
    let mut shown: Vec<_> = snapshot
        .series()
        .map(|series| {
            let state = match series.state {
                State::Counter(value) | State::Gauge(value) => format!("{value}"),
                State::Set(members) => format!("{:?}", members.iter().collect::<Vec<_>>()),
                State::Timer { values, count } => format!("{values:?} {count}"),
            };
            format!("{} {} {state}", series.kind.word(), series.name.escape_ascii())
        })
        .collect();
    shown.sort();
    shown
}

fn window(timestamp: i64, seconds: f64) -> Window {
    Window { timestamp, seconds }
}

fn empty_table() -> Table {
    let limits = Limits::new(100, 10_000);
    Table::new(Dialect::GSTATSD, Naming::gstatsd("", 90.0, "own"), limits)
}

/// The snapshots of intervals of samples, as (kind, name, value), from one merger, whose names
/// they share; each once more with names of its own.
fn snapshots(intervals: &[Vec<(u8, u8, i8)>], is_shared: bool) -> Vec<Snapshot> {
    let mut table = empty_table();
    let mut merger = Merger::new();
    let mut all = Vec::new();
    for (index, samples) in intervals.iter().enumerate() {
        for (kind, name, value) in samples {
            let kind = ["c", "g", "ms", "s"][usize::from(*kind)];
            table.packet(format!("k{name}:{value}|{kind}").as_bytes(), Order::default());
        }
        let mut part = table.rotate(Box::default());
        if !is_shared {
            merger = Merger::new();
            table = empty_table();
        }
        merger.add(0, &mut part);
        all.push(merger.finish(window(index as i64, 1.0), Vec::new()));
    }
    all
}

proptest! {
    #[test]
    fn property_test_neighbours_merge_to_what_one_interval_would_have_been(
        intervals in vec(vec((0_u8..4, 0_u8..6, any::<i8>()), 0..20), 2..6),
        is_shared: bool,
    ) {
        let all = snapshots(&intervals, is_shared);
        let merged = all.iter().skip(1).fold(
            Snapshot::merged(&all[0], &Snapshot::new(window(0, 1e-9))),
            |merged, next| Snapshot::merged(&merged, next),
        );
        let whole = snapshots(&[intervals.concat()], true);
        prop_assert_eq!(shown(&merged), shown(&whole[0]));
        prop_assert_eq!(merged.window.timestamp, intervals.len() as i64 - 1);
        prop_assert_eq!(merged.counts.lines, whole[0].counts.lines);
    }

    #[test]
    fn property_test_how_neighbours_are_put_together_makes_no_difference(
        intervals in vec(vec((0_u8..4, 0_u8..6, any::<i8>()), 0..20), 3),
        is_shared: bool,
    ) {
        let all = snapshots(&intervals, is_shared);
        let left = Snapshot::merged(&Snapshot::merged(&all[0], &all[1]), &all[2]);
        let right = Snapshot::merged(&all[0], &Snapshot::merged(&all[1], &all[2]));
        prop_assert_eq!(shown(&left), shown(&right));
        prop_assert_eq!(left.window.seconds, right.window.seconds);
    }
}

#[test]
fn a_series_that_came_back_under_another_number_is_still_one() {
    let (mut older, mut newer) = (Snapshot::new(window(10, 10.0)), Snapshot::new(window(20, 10.0)));
    older.push_counter(b"a", 1.0);
    older.push_gauge(b"a", 7.0);
    newer.names = older.names.clone();
    newer.push_counter(b"a", 2.0);
    let merged = Snapshot::merged(&older, &newer);
    assert_eq!(shown(&merged), ["counter a 3", "gauge a 7"]);
    assert_eq!(merged.window, window(20, 20.0));
}

#[test]
fn a_series_of_more_than_is_kept_becomes_a_sketch_with_its_count_and_sum() {
    let kept = crate::merge::Kept { values: 100, members: 10 };
    let interval = |timestamp: u32| {
        let mut snapshot = Snapshot::new(window(timestamp.into(), 1.0));
        snapshot.kept = kept;
        let values: Vec<_> = (0..30).map(|value| f64::from(timestamp * 30 + value)).collect();
        snapshot.push_timer(b"busy", &values);
        snapshot.push_timer(b"calm", &values[..1]);
        let members: Vec<_> = (0..4).map(|member| format!("{timestamp}.{member}")).collect();
        snapshot.push_set(b"busy", members.iter().map(String::as_bytes));
        snapshot.push_set(b"calm", [&b"same"[..]]);
        snapshot
    };
    let all = (1..50).fold(interval(0), |merged, next| Snapshot::merged(&merged, &interval(next)));
    assert_eq!(all.sketched_count(), 2, "the calm ones stay as they are");
    assert!(all.values.len() <= 100 && all.members.len() <= 10, "{}", all.values.len());
    let busy: Vec<_> = all.series().filter(|series| series.name == b"busy").collect();
    let State::Timer { values, count } = busy[0].state else { panic!("{:?}", busy[0]) };
    let sum: f64 = (0..1_500).map(f64::from).sum();
    assert_eq!((values.len(), values.sum(), count), (1_500, sum, 1_500.0));
    let State::Set(members) = busy[1].state else { panic!("{:?}", busy[1]) };
    assert!((196..=204).contains(&members.count()), "{}", members.count());
    // At the bound nothing is lost.
    let at_bound = Snapshot::merged(&interval(0), &interval(1));
    assert_eq!(at_bound.sketched_count(), 0);
}

#[test]
fn what_is_no_series_is_merged_too() {
    let own = |value| vec![OwnPoint { name: "gstatsd.flushes".into(), value }];
    let dated = |kind, second, value| DatedReading { kind, name: (*b"a").into(), second, value };
    let (mut older, mut newer) = (Snapshot::new(window(10, 10.0)), Snapshot::new(window(20, 10.0)));
    (older.own, newer.own) = (own(1), own(2));
    older.dated = vec![dated(SeriesKind::Counter, 1, 1.0), dated(SeriesKind::Gauge, 1, 1.0)];
    newer.dated = vec![dated(SeriesKind::Counter, 1, 4.0), dated(SeriesKind::Gauge, 1, 4.0)];
    assert!(older.notices.push(b"one") && newer.notices.push(b"two"));
    let merged = Snapshot::merged(&older, &newer);
    assert_eq!(merged.own, own(2));
    let expected = [dated(SeriesKind::Counter, 1, 5.0), dated(SeriesKind::Gauge, 1, 4.0)];
    assert_eq!(merged.dated, expected);
    assert_eq!(merged.notices().collect::<Vec<_>>(), [b"one", b"two"]);
}

/// Two series of each kind, of which the second is a sketch of the numbers up to this one.
fn with_sketches(numbers: u32) -> Snapshot {
    let mut snapshot = Snapshot::new(window(10, 10.0));
    let (mut values, mut members) = (Histogram::default(), HyperLogLog::default());
    let texts: Vec<_> = (0..numbers).map(|number| format!("{number:05}").into_bytes()).collect();
    for (number, text) in (0..numbers).zip(&texts) {
        values.insert(f64::from(number), 1);
        members.insert(text);
    }
    for name in [b"a", b"c"] {
        snapshot.push_timer(name, &[1.0, 2.0]);
        snapshot.push_set(name, [&b"x"[..], b"y"]);
    }
    snapshot.push_sketch(SeriesKind::Timer, b"b", values, f64::from(numbers));
    snapshot.push_set_sketch(b"b", members);
    snapshot
}

/// How many things each series has, and whether they are sketched.
fn sizes(snapshot: &Snapshot) -> Vec<(usize, bool)> {
    let size = |state| match state {
        State::Timer { values, .. } => (values.len(), values.sketch().is_some()),
        State::Set(members) => (members.count(), members.sketch().is_some()),
        State::Counter(_) | State::Gauge(_) => (0, false),
    };
    snapshot.series().map(|series| size(series.state)).collect()
}

#[test]
fn a_sketch_takes_in_what_its_neighbour_has_of_the_series() {
    let (older, newer) = (with_sketches(100), with_sketches(50));
    let merged = Snapshot::merged(&older, &newer);
    let (exact, sketched) = ([(4, false), (2, false)], [(150, true), (100, true)]);
    let expected = [exact[0], exact[0], sketched[0], exact[1], exact[1], sketched[1]];
    assert_eq!(sizes(&merged), expected);
    let mut exact = Snapshot::new(window(20, 10.0));
    exact.push_timer(b"b", &[7.0, 1e6]);
    exact.push_set(b"b", [&b"00003"[..], b"new"]);
    for merged in [Snapshot::merged(&older, &exact), Snapshot::merged(&exact, &older)] {
        let (mut timers, mut sets) = (0, 0);
        for series in merged.series().filter(|series| series.name == b"b") {
            match series.state {
                State::Timer { values, count } => {
                    timers += 1;
                    assert_eq!((values.len(), values.max(), count), (102, Some(1e6), 102.0));
                    assert_eq!(values.sum(), 4_950.0 + 7.0 + 1e6);
                }
                State::Set(members) => {
                    sets += 1;
                    assert_eq!((members.count(), members.sketch().is_some()), (101, true));
                }
                state => panic!("{state:?}"),
            }
        }
        assert_eq!((timers, sets, merged.sketched_count()), (1, 1, 2));
    }
}

#[test]
fn a_sketch_goes_with_its_series() {
    let all = with_sketches(100);
    let only = |kept: &'static [u8]| sizes(&all.only(|name| kept.contains(&name[0])));
    assert_eq!(only(b"b"), [(100, true), (100, true)]);
    assert_eq!(only(b"bc"), [(2, false), (100, true), (2, false), (100, true)]);
    assert_eq!(only(b"ac"), [(2, false); 4]);
}

#[test]
fn only_the_series_with_the_right_names_are_left() {
    let mut all = Snapshot::new(window(10, 10.0));
    for name in ["a", "b", "c"] {
        all.push_counter(name.as_bytes(), 1.0);
        all.push_gauge(name.as_bytes(), 2.0);
        all.push_timer(name.as_bytes(), &[1.0, 2.0]);
        all.push_set(name.as_bytes(), [name.as_bytes()]);
        let name = name.as_bytes().into();
        all.dated.push(DatedReading { kind: SeriesKind::Counter, name, second: 1, value: 1.0 });
    }
    all.own.push(OwnPoint { name: "b".into(), value: 1 });
    let only = all.only(|name| name != b"b");
    let expected: Vec<_> =
        shown(&all).into_iter().filter(|series| !series.contains(" b ")).collect();
    assert_eq!((shown(&only), expected.len()), (expected, 8));
    assert_eq!(only.dated.iter().map(|dated| &*dated.name).collect::<Vec<_>>(), [b"a", b"c"]);
    assert_eq!(only.own, all.own);
}
