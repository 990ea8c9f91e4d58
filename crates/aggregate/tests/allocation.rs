//! Steady traffic costs a table no allocation: known series, new intervals, parts that come back.

#![expect(unsafe_code, reason = "an allocator that counts has to be one")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use gstatsd_aggregate::{Dialect, Limits, Naming, Order, Part, Table};
use gstatsd_wire::{Grammar, TagStyles};

thread_local! {
    /// Of each thread, so that the test's own harness does not disturb it.
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

struct Counting;

// SAFETY: every call goes on to the system's allocator as it came; counting touches a cell that
// is initialised at compile time and has no destructor, so it allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
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
