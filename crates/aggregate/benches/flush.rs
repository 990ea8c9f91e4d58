//! What a flush costs: merging, sorting, naming, formatting, and the memory that it holds.
//!
//! `cargo bench -p gstatsd-aggregate` prints the best of several passes for each. A part of a name
//! as an argument runs no more than that.

#![expect(unsafe_code, reason = "an allocator that counts has to be one; the thread's own clock")]
#![expect(clippy::print_stdout, reason = "a benchmark prints its findings")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use gstatsd_aggregate::{
    Dialect, Limits, Merger, Naming, Number, Order, Part, Snapshot, Table, Window,
};

const SERIES: usize = 1_000_000;
const SAMPLES: usize = 4_000_000;
const PASSES: usize = 7;
const WINDOW: Window = Window { timestamp: 1_700_000_000, seconds: 10.0 };
/// Lines are gathered to this many bytes, as a sink does.
const CHUNK: usize = 64 * 1024;

/// Bytes that are allocated.
static LIVE: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call goes on to the system's allocator as it came; counting is one atomic sum.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE.fetch_add(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        LIVE.fetch_add(size, Ordering::Relaxed);
        LIVE.fetch_sub(layout.size(), Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    println!("best of {PASSES} passes, time of the processor");
    // Cargo itself adds `--bench`.
    let wanted = std::env::args().skip(1).find(|argument| !argument.starts_with('-'));
    let parts: [(&str, fn()); 5] = [
        ("numbers", numbers),
        ("counters", counters),
        ("gauges", gauges),
        ("timers", timers),
        ("sets", sets),
    ];
    for (name, run) in parts {
        if wanted.as_deref().is_none_or(|wanted| name.contains(wanted)) {
            run();
        }
    }
}

/// Prints the best of several passes of a run that handles so many things.
fn report(what: &str, things: usize, unit: &str, pass: impl FnMut() -> Duration) {
    let best = std::iter::repeat_with(pass).take(PASSES).min().unwrap_or_default();
    let nanoseconds = best.as_secs_f64() * 1e9 / things as f64;
    println!("{what:<48} {nanoseconds:8.1} ns/{unit}");
}

/// What it cost in time of this thread's processor: other processes make no difference to it.
fn timed<T>(run: impl FnOnce() -> T) -> (Duration, T) {
    let start = thread_time();
    let result = run();
    (thread_time().saturating_sub(start), result)
}

fn thread_time() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the clock exists on every Linux, and the call writes nothing but the time.
    unsafe { libc::clock_gettime(libc::CLOCK_THREAD_CPUTIME_ID, &raw mut time) };
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    let nanoseconds = u64::try_from(time.tv_nsec).unwrap_or_default();
    Duration::from_secs(seconds) + Duration::from_nanos(nanoseconds)
}

/// Numbers that look random and are the same each time.
fn random_numbers() -> impl Iterator<Item = u64> {
    std::iter::successors(Some(0x9e37_79b9_7f4a_7c15_u64), |&last| {
        let mut next = last;
        next ^= next << 13;
        next ^= next >> 7;
        Some(next ^ next << 17)
    })
}

fn numbers() {
    let fractions: Vec<f64> =
        random_numbers().take(SERIES).map(|random| (random % 100_000_000) as f64 / 1e3).collect();
    let whole: Vec<f64> = fractions.iter().map(|value| value.trunc()).collect();
    for (what, values) in [("fractions", fractions), ("whole numbers", whole)] {
        let mut out = Vec::with_capacity(CHUNK * 2);
        report(&format!("format {what}"), values.len(), "number", || {
            timed(|| write_numbers(&values, &mut out)).0
        });
    }
}

fn write_numbers(values: &[f64], out: &mut Vec<u8>) {
    for &value in values {
        Number::Fixed(value).write(out);
        if out.len() >= CHUNK {
            black_box(&*out);
            out.clear();
        }
    }
}

/// Workers whose tables a text fills.
struct Workers {
    tables: Vec<Table>,
    #[expect(clippy::vec_box, reason = "tables give and take them so")]
    parts: Vec<Box<Part>>,
}

impl Workers {
    fn new(count: usize) -> Self {
        let dialect = Dialect::GSTATSD;
        let naming = Naming::gstatsd("", 90.0, "gstatsd");
        let limits = Limits::new(2 * SERIES, 2 * SAMPLES);
        let tables = (0..count).map(|_| Table::new(dialect, naming.clone(), limits)).collect();
        Self { tables, parts: (0..count).map(|_| Box::default()).collect() }
    }

    /// One interval: every worker receives all lines, in an order of its own.
    fn interval(&mut self, interval: usize, count: usize, line: impl Fn(usize, &mut Vec<u8>)) {
        let mut packet = Vec::new();
        for (worker, table) in self.tables.iter_mut().enumerate() {
            let order = Order { nanoseconds: interval as u64, worker };
            // No factor is shared with a power of ten, so that every line is met once.
            let step = 611_953 + 10 * interval + 30_000 * worker;
            for index in 0..count {
                packet.clear();
                line((index * step + interval) % count, &mut packet);
                table.packet(&packet, order);
            }
            self.parts[worker].clear();
            let empty = std::mem::take(&mut self.parts[worker]);
            self.parts[worker] = table.rotate(empty);
        }
    }

    fn flush(&mut self, merger: &mut Merger) -> Snapshot {
        for (worker, part) in self.parts.iter_mut().enumerate() {
            merger.add(worker, part);
        }
        merger.finish(WINDOW, Vec::new())
    }
}

/// Runs some intervals: prints what the first flush and the best of the others cost, what
/// formatting the snapshot costs for each line, and what merger and snapshot hold.
fn kind(
    what: &str,
    workers: usize,
    (count, unit): (usize, &str),
    line: impl Fn(usize, &mut Vec<u8>),
) {
    let mut workers = Workers::new(workers);
    let mut merger = Merger::new();
    workers.interval(0, count, &line);
    let (first, mut snapshot) = timed(|| workers.flush(&mut merger));
    let nanoseconds = first.as_secs_f64() * 1e9 / count as f64;
    println!("{:<48} {nanoseconds:8.1} ns/{unit}", format!("flush {what}, first"));
    let mut interval = 0;
    report(&format!("flush {what}"), count, unit, || {
        interval += 1;
        workers.interval(interval, count, &line);
        let took;
        (took, snapshot) = timed(|| workers.flush(&mut merger));
        took
    });
    let naming = Naming::gstatsd("", 90.0, "gstatsd");
    let lines = usize::try_from(naming.point_count(&snapshot)).unwrap_or(usize::MAX);
    report(&format!("write {what}"), lines, "line", || {
        let (took, bytes) = timed(|| write_lines(&naming, &snapshot));
        black_box(bytes);
        took
    });
    let before = LIVE.load(Ordering::Relaxed);
    drop(snapshot);
    let snapshot = before - LIVE.load(Ordering::Relaxed);
    drop(merger);
    let merger = before - LIVE.load(Ordering::Relaxed) - snapshot;
    let mebibytes = |bytes: usize| bytes as f64 / f64::from(1 << 20);
    println!(
        "{:<48} {:8.1} MiB, snapshot {:.1} MiB",
        format!("memory of the merger, {what}"),
        mebibytes(merger),
        mebibytes(snapshot),
    );
}

fn write_lines(naming: &Naming, snapshot: &Snapshot) -> usize {
    let (mut out, mut bytes) = (Vec::with_capacity(CHUNK * 2), 0);
    naming.points(snapshot, |point| {
        out.extend_from_slice(point.name);
        out.push(b' ');
        point.value.write(&mut out);
        out.extend_from_slice(b" 1700000000\n");
        if out.len() >= CHUNK {
            bytes += black_box(&out).len();
            out.clear();
        }
    });
    bytes + out.len()
}

/// 35 bytes.
fn name(index: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(format!("service.region.host{index:07}.requests").as_bytes());
}

fn counters() {
    for workers in [1, 2] {
        let what = format!("counters of {workers} workers");
        kind(&what, workers, (SERIES, "key"), |index, line| {
            name(index, line);
            line.extend_from_slice(format!(":{}|c", index % 10_000).as_bytes());
        });
    }
}

fn gauges() {
    kind("gauges", 1, (SERIES, "key"), |index, line| {
        name(index, line);
        line.extend_from_slice(format!(":{}.5|g", index % 10_000).as_bytes());
    });
}

fn timers() {
    timers_of("whole", |random| (random % 1_000) as f64);
    timers_of("fractions", |random| (random % 1_000_000) as f64 / 1_000.0);
}

fn timers_of(what: &str, value: impl Fn(u64) -> f64) {
    let values: Vec<f64> = random_numbers().take(SAMPLES).map(value).collect();
    for samples in [10, 1_000, 100_000] {
        let what = format!("timers of {samples} {what}");
        kind(&what, 1, (SAMPLES, "sample"), |index, line| {
            name(index / samples, line);
            line.extend_from_slice(format!(":{}|ms", values[index]).as_bytes());
        });
    }
}

fn sets() {
    kind("sets of 100", 1, (SERIES, "member"), |index, line| {
        name(index / 100, line);
        line.extend_from_slice(format!(":member{index}|s").as_bytes());
    });
}
