//! Calls allocate nothing, once the client has its buffers.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::hint::black_box;
use std::net::UdpSocket;
use std::time::Duration;

use gstatsd_client::{Builder, NopSink, StatsClient};

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

/// Every kind of call.
fn call(client: &StatsClient) {
    let tags = &[("route", "/home"), ("odd", "a|b,c")];
    client.increment("a.counter");
    client.counter("a.counter", u64::MAX);
    client.counter("odd\nname", 0.1);
    client.timer("a.timer", Duration::from_nanos(1_234_567));
    client.gauge("a.gauge", 1e-300);
    client.gauge_delta("a.gauge", -3);
    client.set("a.set", "member|");
    client.histogram("a.histogram", 0.25);
    client.tags(tags).rate(0.5).at(7).distribution("a.distribution", 1.5);
    client.gauge("not.finite", f64::NAN);
    client.increment("");
}

/// Whether calls come to allocate nothing. While the buffers are made that are used again and
/// again, which depends on how fast packets are sent, some do.
fn come_to_rest(client: &StatsClient, calls: impl Fn()) -> bool {
    let round = || {
        for _ in 0..10 {
            (0..100).for_each(|_| calls());
            // The packets of one round are gone before the next.
            assert!(client.flush(Duration::from_secs(30)));
        }
    };
    (0..100).any(|_| allocations(round) == 0)
}

#[test]
fn calls_allocate_nothing() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let to = socket.local_addr().unwrap().to_string();
    let builder = || StatsClient::builder(&to).unwrap().own_metrics("");
    for client in [
        builder().build(),
        builder().packet_bytes_max(1_432).build(),
        builder().direct().build(),
        builder().aggregate(Duration::from_secs(1)).build(),
        Builder::to_sink(NopSink).build(),
    ] {
        assert!(come_to_rest(&client, || call(&client)));
        let (counter, timer) = (client.get_counter("held"), client.get_timer("held"));
        let gauge = client.get_gauge("held").with_rate(0.5);
        let calls = || {
            counter.add(7);
            drop(timer.guard());
            timer.time(|| gauge.set(1.5));
        };
        assert!(come_to_rest(&client, calls));
    }
}

#[test]
fn the_counting_allocator_counts() {
    assert_eq!(allocations(|| _ = black_box(Vec::<u8>::with_capacity(black_box(1)))), 1);
}
