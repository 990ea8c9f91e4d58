//! Parsing allocates nothing, whatever is in the packet.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;

use gstatsd_wire::{Grammar, Line, Receiver, Rejection, Sample, Scanner, parse, parse_truncated};

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

/// The allocator of the system, which counts the calls of each thread.
struct Counting;

#[expect(unsafe_code, reason = "an allocator cannot be written without")]
// SAFETY: every call is passed on as it is; counting touches a constant-initialised cell of the
// thread without a destructor, which allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.set(ALLOCATIONS.get() + 1);
        // SAFETY: the caller's promises are those of the system's allocator.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above; the pointer came from the system's allocator.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn allocations(work: impl FnOnce()) -> usize {
    let before = ALLOCATIONS.get();
    work();
    ALLOCATIONS.get() - before
}

/// Counts what it is told, and looks at all of it.
#[derive(Default)]
struct Counts {
    lines: usize,
    samples: usize,
    rejections: usize,
}

impl<'a> Receiver<'a> for Counts {
    fn line(&mut self, line: Line<'a>) {
        black_box(line);
        self.lines += 1;
    }

    fn sample(&mut self, sample: Sample<'a>) {
        black_box(sample);
        self.samples += 1;
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        black_box(rejection);
        self.rejections += 1;
    }
}

#[test]
fn parsing_allocates_nothing() {
    let packets = [
        "a:1|c\nb:2.5:x:1e-5:nan|ms|@0.1|#k:v|T1\nc:x|s\n_e{1,1}:a|b\n_sc|a|9\nd\n".to_owned(),
        // Too many digits for the short way, and numbers that lie between two doubles.
        format!("a:{}|c:1.{}|g", "7".repeat(200), "0123456789".repeat(200)),
        "a:9007199254740993.00000000000000000000000000000000000000000000000000001|c\n".repeat(500),
        format!("_e{{99999999999999,1}}:{}", "x".repeat(60_000)),
        "\u{e9}\u{1f4c8}:1|c|#\u{e9},,b\n".repeat(2_000),
        ":".repeat(65_507),
        "a:1|c|#".to_owned() + &",k:v".repeat(16_000),
    ];
    // It is chosen once, and may be named in the environment.
    black_box(Scanner::best());
    for grammar in [Grammar::GSTATSD, Grammar::STATSD, Grammar::DOGSTATSD] {
        let mut counts = Counts::default();
        let allocated = allocations(|| {
            for packet in &packets {
                parse(packet.as_bytes(), &grammar, &mut counts);
                parse_truncated(packet.as_bytes(), &grammar, &mut counts);
            }
        });
        assert_eq!(allocated, 0);
        assert!(counts.lines > 1_000 && counts.samples > 1_000 && counts.rejections > 1);
    }
}

#[test]
fn the_counting_allocator_counts() {
    assert_eq!(allocations(|| _ = black_box(Vec::<u8>::with_capacity(black_box(1)))), 1);
}
