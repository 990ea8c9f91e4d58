//! Steady traffic costs a table no allocation: known series, new intervals, parts that come back.
//! And what is allocated is accounted for in the budget, whatever comes.

#![expect(unsafe_code, reason = "an allocator that counts has to be one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gstatsd_aggregate::{
    Budget, Dialect, IdlePolicy, Limits, Merger, Naming, Order, Owner, Part, Table, Window,
};
use gstatsd_wire::{Grammar, TagStyles};
use proptest::prelude::*;

thread_local! {
    /// Of each thread, so that the test's own harness does not disturb it.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
    /// The bytes that are allocated now.
    static LIVE: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator as it came; counting touches a cell that
// is initialised at compile time and has no destructor, so it allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        LIVE.set(LIVE.get() + layout.size().cast_signed());
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

#[test]
fn steady_traffic_allocates_nothing() {
    for dialect in [Dialect::GSTATSD, Dialect::STATSD, Dialect::DOGSTATSD, ORIGIN] {
        assert_eq!(allocations(dialect), 0, "{dialect:?}");
    }
}

/// A dialect in which all that can be a tag is one.
const ORIGIN: Dialect = Dialect {
    grammar: Grammar { origin: true, tag_styles: TagStyles::ALL, ..Grammar::DOGSTATSD },
    ..Dialect::DOGSTATSD
};

/// How many there are in a hundred intervals of the same traffic.
fn allocations(dialect: Dialect) -> usize {
    let limits = Limits::new(1_000, 10_000);
    let mut table = Table::new(dialect, Naming::gstatsd("", 90.0, ""), limits);
    let packet = b"a:1|c|@0.1|#k:v,l\na:1|c|#l,k:v|c:x\na;m=n:1|c|#k:v\n\
                   b c:2|g\nd:3:4|ms\ne:x|s\ne:y|s\nf:1|h\ng/h:1|m\n_sc|n|0";
    let mut spare = Some(Box::<Part>::default());
    let mut interval = |table: &mut Table| {
        for _ in 0..100 {
            table.packet(packet, Order::default());
        }
        let mut part = table.rotate(spare.take().expect("the one of the last interval"));
        part.clear();
        spare = Some(part);
    };
    // Both parts grow to their usual size.
    for _ in 0..4 {
        interval(&mut table);
    }
    let before = ALLOCATIONS.get();
    for _ in 0..100 {
        interval(&mut table);
    }
    ALLOCATIONS.get() - before
}

/// What is allocated and in no account: room for names on their way, the rules, and the like.
const MARGIN: isize = 192 << 10;

/// How many packets of which kind come in an interval; names go on from one to the next, so that
/// some are known and some are new.
fn interval() -> impl Strategy<Value = Vec<(u8, u32, u32)>> {
    prop::collection::vec((0..6_u8, 0..3_000_u32, 1..1_500_u32), 0..6)
}

/// Packets of one kind.
fn send(table: &mut Table, (kind, from, count): (u8, u32, u32)) {
    for number in from..from + count {
        let line = match kind {
            0 => format!("counter.{number}:1|c"),
            1 => format!("timer.{}:{number}:7|ms", number % 50),
            2 => format!("set.{}:member-{number}|s", number % 20),
            3 => format!("gauge.{number}:+1|g"),
            4 => format!("tagged:{number}|g|#a:{number},b:c"),
            _ => format!("large:{number}|ms\nlarge:{number}|s"),
        };
        table.packet(line.as_bytes(), Order { nanoseconds: u64::from(number), worker: 0 });
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// The accounts of table, parts, merger and snapshots together are never less than what is
    /// allocated, but for a small margin that does not grow.
    #[test]
    fn property_test_no_less_is_accounted_for_than_is_allocated(
        intervals in prop::collection::vec(interval(), 1..6),
        repeats in any::<bool>(),
    ) {
        let before = LIVE.get();
        let budget = Budget::new(1 << 40);
        let all = Limits::new(1 << 20, 1 << 24);
        let limits = Limits { timer_values_max: 500, set_members_max: 300, ..all };
        let naming = Naming::gstatsd("", 90.0, "");
        let mut table = Table::new(Dialect::DOGSTATSD, naming, limits).with_budget(&budget);
        let lifetime = if repeats { IdlePolicy::FOREVER } else { 1 };
        let mut merger = Merger::new().with_budget(&budget);
        merger.set_limits(limits);
        merger.set_idle_policy(IdlePolicy::new(|_| lifetime, Vec::new(), 1 << 20));
        let check = |place: &str| {
            let (held, live) = (budget.held().cast_signed(), LIVE.get() - before);
            prop_assert!(held + MARGIN >= live, "{place}: {held} accounted for of {live}");
            Ok(())
        };
        let (mut spare, mut snapshots) = (Box::<Part>::default(), Vec::new());
        for packets in intervals {
            for packets in packets {
                send(&mut table, packets);
            }
            let mut part = table.rotate(std::mem::take(&mut spare));
            check("pushed")?;
            merger.add(0, &mut part);
            check("added")?;
            let window = Window { timestamp: 0, seconds: 10.0 };
            snapshots.push(merger.finish(window, Vec::new()));
            part.clear();
            spare = part;
            check("finished")?;
        }
        drop((table, spare));
        prop_assert_eq!(budget.held_by(Owner::Tables) + budget.held_by(Owner::Parts), 0);
        check("workers gone")?;
        drop((merger, snapshots));
        prop_assert_eq!(budget.held(), 0);
    }
}
