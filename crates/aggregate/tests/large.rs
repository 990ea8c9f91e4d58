//! Series that get more than is kept of one: exact below the bound, a sketch above it, and no more
//! memory for fifty times as many samples.

#![expect(unsafe_code, reason = "an allocator that counts has to be one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::collections::{BTreeMap, BTreeSet};

use gstatsd_aggregate::{
    Dialect, Family, Limits, Merger, Naming, Order, Part, Shed, Snapshot, State, Table, Values,
    Window,
};
use gstatsd_sketch::{Histogram, HyperLogLog};
use proptest::prelude::*;

const WINDOW: Window = Window { timestamp: 0, seconds: 10.0 };

thread_local! {
    /// Of each thread, so that the test's own harness does not disturb it.
    static LIVE: Cell<isize> = const { Cell::new(0) };
    static PEAK: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator as it came; counting touches cells that
// are initialised at compile time and have no destructor, so it allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.set(LIVE.get() + layout.size().cast_signed());
        PEAK.set(PEAK.get().max(LIVE.get()));
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.set(LIVE.get() - layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many bytes more than before there were at once while something was done.
fn peak(mut work: impl FnMut()) -> isize {
    let before = LIVE.get();
    PEAK.set(before);
    work();
    PEAK.get() - before
}

fn table(limits: Limits) -> Table {
    Table::new(Dialect::STATSD, Naming::gstatsd("", 90.0, ""), limits)
}

fn limits(timer_values_max: usize, set_members_max: usize) -> Limits {
    Limits { timer_values_max, set_members_max, ..Limits::new(1_000, 1_000_000) }
}

/// What one worker comes to.
fn snapshot(table: &mut Table, merger: &mut Merger) -> Snapshot {
    let mut part = table.rotate(Box::<Part>::default());
    merger.add(0, &mut part);
    assert_eq!(part.counts.samples_residual(), 0);
    merger.finish(WINDOW, Vec::new())
}

/// Row F27, with a tenth of the values.
#[test]
fn five_million_values_of_a_timer_take_flat_memory_and_keep_count_and_sum() {
    let limits = Limits::new(1_000, 10_000_000);
    let mut table = table(limits);
    let mut random = fastrand_like();
    let (mut values, mut packet) = (Vec::with_capacity(5_000_000), Vec::new());
    let mut send = |table: &mut Table, count: usize, values: &mut Vec<u32>| {
        for _ in 0..count / 100 {
            packet.clear();
            packet.extend_from_slice(b"t");
            for _ in 0..100 {
                // Latencies of 1 to some 65,000, most of them small.
                let value = 1 + (random() % 256) * (random() % 256);
                values.push(value);
                packet.extend_from_slice(format!(":{value}").as_bytes());
            }
            packet.extend_from_slice(b"|ms|@0.5");
            table.packet(&packet, Order::default());
        }
    };
    let first = peak(|| send(&mut table, 200_000, &mut values));
    let rest = peak(|| send(&mut table, 4_800_000, &mut values));
    assert!(first < 5 << 20, "{first}");
    assert!(rest < 4_096, "{rest}");
    let snapshot = snapshot(&mut table, &mut Merger::new());
    let series: Vec<_> = snapshot.series().collect();
    let State::Timer { values: Values::Sketch(sketch), count } = series[0].state else {
        panic!("{series:?}");
    };
    let sum: u64 = values.iter().map(|value| u64::from(*value)).sum();
    assert_eq!((count, sketch.count(), sketch.sum()), (1e7, 5_000_000, sum as f64));
    values.sort_unstable();
    assert_eq!(sketch.min(), values.first().map(|value| f64::from(*value)));
    assert_eq!(sketch.max(), values.last().map(|value| f64::from(*value)));
    for rank in [5_000, 500_000, 2_500_000, 4_500_000, 4_950_000, 4_995_000] {
        let exact = f64::from(values[rank]);
        let found = sketch.at_rank(rank as u64).expect("there are values");
        let error = sketch.relative_error();
        assert!((found - exact).abs() <= exact * error, "{rank}: {found}, {exact}");
    }
    assert!(sketch.relative_error() < 0.05);
}

/// Row F26, with a fifth of the members.
#[test]
fn two_million_members_of_a_set_take_flat_memory_and_are_counted_within_the_error() {
    let limits = Limits::new(1_000, 10_000_000);
    let mut table = table(limits);
    let mut packet = Vec::new();
    let mut send = |table: &mut Table, members: std::ops::Range<u32>| {
        for member in members {
            packet.clear();
            packet.extend_from_slice(format!("s:user-{member}|s").as_bytes());
            table.packet(&packet, Order::default());
        }
    };
    table.packet(b"s:|s\ns:__proto__|s", Order::default());
    let first = peak(|| send(&mut table, 0..20_000));
    let rest = peak(|| send(&mut table, 20_000..2_000_000));
    assert!(first < 3 << 20, "{first}");
    assert!(rest < 4_096, "{rest}");
    let snapshot = snapshot(&mut table, &mut Merger::new());
    let series: Vec<_> = snapshot.series().collect();
    let State::Set(members) = series[0].state else { panic!("{series:?}") };
    assert!(members.sketch().is_some() && members.iter().count() == 0);
    let wrong = members.count().abs_diff(2_000_002) as f64 / 2_000_002.0;
    assert!(wrong < 3.0 * HyperLogLog::ERROR, "{}", members.count());
    assert_eq!(snapshot.sketched_count(), 1);
}

#[test]
fn a_timer_becomes_a_sketch_before_samples_are_shed() {
    let limits = Limits { timer_values_max: 10_000, ..Limits::new(100, 2_000) };
    let mut table = table(limits);
    for value in 0..5_000 {
        table.packet(format!("big:{value}|ms").as_bytes(), Order::default());
    }
    for _ in 0..500 {
        table.packet(b"small.a:1|ms\nsmall.b:1|ms", Order::default());
    }
    assert_eq!(table.counts_mut().samples_shed[Shed::Memory as usize], 0);
    let mut merger = Merger::new();
    merger.set_limits(limits);
    let first = snapshot(&mut table, &mut merger);
    let lengths = |snapshot: &Snapshot| -> Vec<_> {
        let state = |state| match state {
            State::Timer { values, .. } => (values.len(), values.exact().is_some()),
            _ => (0, false),
        };
        snapshot.series().map(|series| state(series.state)).collect()
    };
    assert_eq!(lengths(&first), [(5_000, false), (500, true), (500, true)]);
    // The next interval begins with the whole bound.
    (0..1_500).for_each(|_| table.packet(b"big:1|ms", Order::default()));
    assert_eq!(lengths(&snapshot(&mut table, &mut merger)), [(1_500, true)]);
    // Small timers make no room.
    for value in 0..3_000 {
        let packet = format!("t{}:1|ms\ng:+1|g", value % 50);
        table.packet(packet.as_bytes(), Order::default());
    }
    assert!(table.counts_mut().samples_shed[Shed::Memory as usize] > 0);
}

const VALUES_MAX: usize = 20;
const MEMBERS_MAX: usize = 8;
const WORKERS: usize = 3;

/// A sample of one of two series, and the worker that gets it.
type Sent = (usize, bool, u16, bool);

fn any_sent() -> impl Strategy<Value = Sent> {
    (0..WORKERS, any::<bool>(), 0..500_u16, any::<bool>())
}

/// How each series comes out.
#[derive(Debug, PartialEq)]
enum Outcome {
    Values(Vec<f64>),
    /// Buckets, and all else but the sum.
    Sketch(i8, Vec<u64>, [Option<f64>; 2], f64),
    Members(BTreeSet<Vec<u8>>),
    Estimate(f64),
}

fn outcome(state: State<'_>) -> Outcome {
    match state {
        State::Timer { values: Values::Exact(values), .. } => Outcome::Values(values.to_vec()),
        State::Timer { values: Values::Sketch(sketch), count } => sketched(sketch, count),
        State::Set(members) => match members.sketch() {
            None => Outcome::Members(members.iter().map(<[u8]>::to_vec).collect()),
            Some(sketch) => Outcome::Estimate(sketch.estimate()),
        },
        state => panic!("{state:?}"),
    }
}

fn sketched(sketch: &Histogram, count: f64) -> Outcome {
    let buckets = sketch.positive().counts().to_vec();
    Outcome::Sketch(sketch.scale(), buckets, [sketch.min(), sketch.max()], count)
}

/// The slow, obvious way.
fn twin(sent: &[Sent]) -> BTreeMap<String, Outcome> {
    let mut outcomes = BTreeMap::new();
    for first in [true, false] {
        let mine = || sent.iter().filter(move |(_, is_first, _, _)| *is_first == first);
        let mut values: Vec<f64> =
            mine().filter(|sample| !sample.3).map(|sample| f64::from(sample.2) + 1.0).collect();
        if !values.is_empty() {
            values.sort_by(f64::total_cmp);
            let mut sketch = Histogram::default();
            values.iter().for_each(|value| sketch.insert(*value, 1));
            let outcome = match values.len() {
                0..=VALUES_MAX => Outcome::Values(values),
                count => sketched(&sketch, count as f64),
            };
            outcomes.insert(format!("t{first}"), outcome);
        }
        let members: BTreeSet<Vec<u8>> = mine()
            .filter(|sample| sample.3)
            .map(|sample| (sample.2 % 40).to_string().into_bytes())
            .collect();
        if !members.is_empty() {
            let mut sketch = HyperLogLog::default();
            members.iter().for_each(|member| sketch.insert(member));
            let outcome = match members.len() {
                0..=MEMBERS_MAX => Outcome::Members(members),
                _ => Outcome::Estimate(sketch.estimate()),
            };
            outcomes.insert(format!("s{first}"), outcome);
        }
    }
    outcomes
}

proptest! {
    #[test]
    fn property_test_whichever_workers_got_the_samples_the_outcome_is_that_of_a_plain_list(
        sent in prop::collection::vec(any_sent(), 0..150),
        reversed: bool,
        early in prop::collection::vec(0..150_usize, 0..3),
    ) {
        let limits = limits(VALUES_MAX, MEMBERS_MAX);
        let mut merger = Merger::new();
        merger.set_limits(limits);
        let mut tables: Vec<_> = (0..WORKERS).map(|_| table(limits)).collect();
        for (place, (worker, first, value, is_member)) in sent.iter().enumerate() {
            // Packets of two lines, one of which makes the table write sample by sample.
            let packet = match is_member {
                true => format!("s{first}:{}|s", value % 40),
                false => format!("t{first}:{}|ms", value + 1),
            };
            let packet = if value % 2 == 0 { format!("{packet}\ng:+0|g") } else { packet };
            tables[*worker].packet(packet.as_bytes(), Order::default());
            if early.contains(&place) {
                for (worker, table) in tables.iter_mut().enumerate() {
                    merger.add(worker, &mut table.push_early());
                }
                let open = merger.open(Family::Timers, WINDOW);
                let twin = twin(&sent[..=place]);
                for series in open.series() {
                    let name = String::from_utf8_lossy(series.name).into_owned();
                    prop_assert_eq!(&outcome(series.state), &twin[&name]);
                }
            }
        }
        let parts = tables.iter_mut().map(|table| table.rotate(Box::<Part>::default()));
        let mut parts: Vec<_> = parts.enumerate().collect();
        if reversed {
            parts.reverse();
        }
        for (worker, mut part) in parts {
            merger.add(worker, &mut part);
            prop_assert_eq!(part.counts.samples_residual(), 0);
            prop_assert_eq!(part.counts.samples_shed.iter().sum::<u64>(), 0);
        }
        let snapshot = merger.finish(WINDOW, Vec::new());
        let series = snapshot.series().filter(|series| series.name != b"g");
        let name = |name: &[u8]| String::from_utf8_lossy(name).into_owned();
        let found: BTreeMap<_, _> =
            series.map(|series| (name(series.name), outcome(series.state))).collect();
        prop_assert_eq!(found, twin(&sent));
        // Nothing is left for the next interval.
        prop_assert_eq!(merger.finish(WINDOW, Vec::new()).series_count(), 0);
    }
}

/// Numbers without any order (xorshift).
fn fastrand_like() -> impl FnMut() -> u32 {
    let mut state = 0x2545_f491_u32;
    move || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state
    }
}
