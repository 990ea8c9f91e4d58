//! Row F65: a million points are streamed. What a sink needs beyond the snapshot stays small.

#![expect(unsafe_code, reason = "an allocator that counts has to be one")]
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::io;
use std::net::{TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

use gstatsd_aggregate::{Naming, Snapshot, Window};
use gstatsd_sinks::{
    Clock, FileSettings, Graphite, GraphiteForm, GraphiteSettings, GraphiteUdp, InfluxUdp,
    JsonFile, Sink, Statsd, StatsdSettings, UdpSettings,
};
use gstatsd_wire::TagStyle;

/// How much a sink may need beyond the snapshot, in bytes.
const EXTRA_MAX: isize = 8 << 20;

thread_local! {
    /// What the thread has allocated and not freed, in bytes, and the most of it.
    static HELD: Cell<isize> = const { Cell::new(0) };
    static MOST: Cell<isize> = const { Cell::new(0) };
}

struct Counting;

fn count(bytes: isize) {
    HELD.set(HELD.get() + bytes);
    MOST.set(MOST.get().max(HELD.get()));
}

// SAFETY: every call goes on to the system's allocator as it came; counting touches cells that
// are initialised at compile time and have no destructors, so it allocates nothing itself.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        count(-layout.size().cast_signed());
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_million_points_need_a_few_megabytes() {
    let mut snapshot = Snapshot::new(Window { timestamp: 1_700_000_000, seconds: 10.0 });
    for index in 0..500_000_u32 {
        snapshot.push_counter(format!("requests.{index}").as_bytes(), f64::from(index));
    }
    // One that alone has many values, and one with many members.
    let values: Vec<_> = (0..20_000).map(f64::from).collect();
    snapshot.push_timer(b"time", &values);
    let members: Vec<_> = (0..20_000_u32).map(u32::to_be_bytes).collect();
    snapshot.push_set(b"users", members.iter().map(<[u8; 4]>::as_slice));

    let file = std::env::temp_dir().join(format!("gstatsd-memory-{}.json", std::process::id()));
    for (name, mut sink) in sinks(&file) {
        let before = HELD.get();
        MOST.set(before);
        let receipt = sink.send(&snapshot, &Naming::gstatsd("", 90.0, "")).unwrap();
        assert_eq!(receipt.rejected, 0);
        let extra = MOST.get() - before;
        assert!(extra < EXTRA_MAX, "{name} needed {extra} bytes more");
    }
    std::fs::remove_file(file).unwrap();
}

/// Sinks and what reads of them.
fn sinks(file: &std::path::Path) -> Vec<(&'static str, Box<dyn Sink>)> {
    #[expect(clippy::disallowed_methods, reason = "a test has clocks of its own")]
    let clock = Clock { now: Instant::now, wall: SystemTime::now };
    let patience = Duration::from_mins(1);
    let host = || "127.0.0.1".to_owned();
    let reader = || {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || io::copy(&mut listener.accept().unwrap().0, &mut io::sink()));
        port
    };
    let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
    let udp_port = receiver.local_addr().unwrap().port();
    // Reads nothing: what does not fit is dropped by the system.
    thread::spawn(move || {
        thread::sleep(patience);
        drop(receiver);
    });
    let udp = || UdpSettings { host: host(), port: udp_port, packet_bytes: 1_432 };
    let graphite = |form| {
        let (connect_timeout, write_timeout) = (patience, patience);
        let port = reader();
        let settings =
            GraphiteSettings { host: host(), port, form, connect_timeout, write_timeout };
        Box::new(Graphite::new(settings, clock))
    };
    let statsd = StatsdSettings { style: TagStyle::DogStatsd, packed: true, packet_bytes: 1_432 };
    let file = FileSettings { path: file.to_owned(), bytes_max: 0, files_max: 0 };
    vec![
        ("text", graphite(GraphiteForm::Text)),
        ("pickle", graphite(GraphiteForm::Pickle)),
        ("Graphite over UDP", Box::new(GraphiteUdp::new(udp(), clock))),
        ("InfluxDB over UDP", Box::new(InfluxUdp::new(udp(), clock))),
        ("StatsD over UDP", Box::new(Statsd::udp("127.0.0.1", udp_port, statsd, clock))),
        (
            "StatsD over TCP",
            Box::new(Statsd::tcp("127.0.0.1", reader(), statsd, [patience; 2], clock)),
        ),
        ("file", Box::new(JsonFile::open(file).unwrap())),
    ]
}
