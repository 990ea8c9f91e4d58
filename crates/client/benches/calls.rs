//! What a call costs its caller, beside what it costs with cadence: time and allocations.
//!
//! Both clients are alive and called in turn, in bursts short enough that nothing is dropped; the
//! time is that of the caller's thread (CPU, user and kernel). A peer on loopback reads and
//! forgets.
#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::{SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use cadence::prelude::*;
use cadence::{
    BufferedUdpMetricSink, NopMetricSink, QueuingMetricSink, StatsdClient, UdpMetricSink,
};
use gstatsd_client::{Builder, NopSink, StatsClient};
use nix::time::{ClockId, clock_gettime};

/// Calls of one burst, and bursts of one measurement.
const BURST: usize = 2_000;
const BURSTS: usize = 50;
/// Measurements, of which the median counts.
const ROUNDS: usize = 9;
/// What fits into a frame of Ethernet, for both.
const PACKET: usize = 1_432;
/// A name of usual length.
const NAME: &str = "shop.checkout.requests.completed";

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

/// Of one call.
#[derive(Clone, Copy)]
struct Cost {
    nanoseconds: f64,
    allocations: f64,
}

/// Ours and theirs.
type Pair = (Cost, Cost);

/// CPU time of this thread, in nanoseconds.
fn thread_time() -> f64 {
    let time = clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).unwrap();
    Duration::from(time).as_secs_f64() * 1e9
}

fn measure(call: &dyn Fn(), settle: &dyn Fn()) -> Cost {
    let (mut time, mut allocations) = (0.0, 0);
    for _ in 0..BURSTS {
        let (start, before) = (thread_time(), ALLOCATIONS.get());
        for _ in 0..BURST {
            call();
        }
        time += thread_time() - start;
        allocations += ALLOCATIONS.get() - before;
        // Time for threads that send.
        settle();
        thread::sleep(Duration::from_millis(1));
    }
    let calls = (BURST * BURSTS) as f64;
    Cost { nanoseconds: time / calls, allocations: allocations as f64 / calls }
}

/// Measures both in turn, and prints a row.
fn pair(what: &str, client: &StatsClient, ours: &dyn Fn(), theirs: &dyn Fn()) {
    let flush = || assert!(client.flush(Duration::from_secs(60)));
    let measure_ours = || measure(ours, &flush);
    let measure_theirs = || measure(theirs, &|| ());
    measure_ours();
    measure_theirs();
    let rounds: Vec<Pair> = (0..ROUNDS).map(|_| (measure_ours(), measure_theirs())).collect();
    let median = |number: fn(&Pair) -> f64| {
        let mut numbers: Vec<f64> = rounds.iter().map(number).collect();
        numbers.sort_by(f64::total_cmp);
        numbers[numbers.len() / 2]
    };
    println!(
        "| {what} | {:.1} | {:.1} | **{:.2}** | {:.2} | {:.2} |",
        median(|(ours, _)| ours.nanoseconds),
        median(|(_, theirs)| theirs.nanoseconds),
        median(|(ours, theirs)| ours.nanoseconds / theirs.nanoseconds),
        median(|(ours, _)| ours.allocations),
        median(|(_, theirs)| theirs.allocations),
    );
}

fn count(client: &StatsdClient) {
    client.count(black_box(NAME), 1).unwrap();
}

fn batched(to: SocketAddr, socket: &dyn Fn() -> UdpSocket) {
    let ours = builder(to).packet_bytes_max(PACKET).build();
    let buffered = || BufferedUdpMetricSink::with_capacity(to, socket(), PACKET).unwrap();
    let theirs = StatsdClient::from_sink("", buffered());
    let queued = StatsdClient::from_sink("", QueuingMetricSink::from(buffered()));
    let counter = || ours.counter(black_box(NAME), 1);
    pair("counter", &ours, &counter, &|| count(&theirs));
    pair("counter; cadence queues and buffers", &ours, &counter, &|| count(&queued));
    let held = ours.get_counter(NAME);
    pair("counter held", &ours, &|| held.add(1), &|| count(&theirs));
    pair(
        "timer of 12.5 ms; cadence 12",
        &ours,
        &|| ours.timer(NAME, Duration::from_micros(12_500)),
        &|| {
            theirs.time(black_box(NAME), 12).map(drop).unwrap();
        },
    );
    pair("gauge of 0.25", &ours, &|| ours.gauge(NAME, black_box(0.25)), &|| {
        theirs.gauge(NAME, black_box(0.25)).map(drop).unwrap();
    });
    let tags = &[("route", "/checkout"), ("status", "200")];
    pair("counter with two tags", &ours, &|| ours.tags(black_box(tags)).counter(NAME, 1), &|| {
        let metric = theirs.count_with_tags(black_box(NAME), 1);
        metric.with_tag("route", "/checkout").with_tag("status", "200").send();
    });
    assert_eq!(ours.counts().dropped_in_all(), 0);
    let sums = builder(to).aggregate(Duration::from_secs(1)).build();
    let held_sum = sums.get_counter(NAME);
    pair("counter held, added up", &sums, &|| held_sum.add(1), &|| count(&theirs));
    pair("counter, added up", &sums, &|| sums.counter(black_box(NAME), 1), &|| count(&theirs));
    assert_eq!(sums.counts().dropped_in_all(), 0);
}

fn main() {
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = peer.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 65_536];
        while peer.recv(&mut buffer).is_ok() {}
    });
    let socket = || UdpSocket::bind("127.0.0.1:0").unwrap();

    println!("| call | ours, ns | cadence, ns | ours/cadence | our allocations | cadence's |");
    println!("|---|--:|--:|--:|--:|--:|");
    batched(to, &socket);
    let ours = Builder::to_sink(NopSink).packet_bytes_max(PACKET).build();
    let theirs = StatsdClient::from_sink("", NopMetricSink);
    pair(
        "counter; cadence forgets it at once",
        &ours,
        &|| ours.counter(black_box(NAME), 1),
        &|| {
            count(&theirs);
        },
    );
    let ours = builder(to).direct().build();
    let theirs = StatsdClient::from_sink("", UdpMetricSink::from(to, socket()).unwrap());
    pair("counter, direct", &ours, &|| ours.counter(black_box(NAME), 1), &|| count(&theirs));
    assert_eq!(ours.counts().dropped_in_all(), 0);
}

fn builder(to: SocketAddr) -> Builder {
    StatsClient::builder(&to.to_string()).unwrap()
}
