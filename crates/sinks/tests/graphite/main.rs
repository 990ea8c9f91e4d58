//! The Graphite sink over real sockets: what arrives, byte for byte.
#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod faults;
mod hostile;
mod peer;
mod tls;

use std::time::{Duration, Instant, SystemTime};

use gstatsd_aggregate::{
    Namespace, Naming, NamingSettings, OwnPoint, Scheme, SeriesSettings, Snapshot, Window,
};
use gstatsd_sinks::{Clock, Graphite, GraphiteForm, GraphiteSettings, Sink as _};

use peer::Peer;

const TIMESTAMP: i64 = 1_700_000_000;

fn naming() -> Naming {
    Naming::gstatsd("app", 90.0, "gstatsd")
}

fn graphite(host: &str, port: u16, write_timeout: Duration) -> Graphite {
    let connect_timeout = Duration::from_secs(10);
    let host = host.to_owned();
    let form = GraphiteForm::Text;
    let settings = GraphiteSettings { host, port, form, connect_timeout, write_timeout };
    Graphite::new(settings, clock())
}

fn clock() -> Clock {
    #[expect(clippy::disallowed_methods, reason = "a test has clocks of its own")]
    Clock { now: Instant::now, wall: SystemTime::now }
}

/// A sink for a peer; nothing but a test that hangs takes as long as its time-out.
fn graphite_to(peer: &Peer) -> Graphite {
    graphite("127.0.0.1", peer.port(), Duration::from_mins(1))
}

fn snapshot(timestamp: i64) -> Snapshot {
    Snapshot::new(Window { timestamp, seconds: 10.0 })
}

/// Two points for each counter and one for their number.
fn counters(timestamp: i64, count: u32) -> Snapshot {
    let mut snapshot = snapshot(timestamp);
    for index in 0..count {
        let name = format!("requests.{index:06}");
        snapshot.push_counter(name.as_bytes(), f64::from(index) * 1_001.0);
    }
    snapshot
}

/// The lines of a snapshot, written in the slow and obvious way.
fn lines(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    naming().points(snapshot, |point| {
        let mut value = Vec::new();
        point.value.write(&mut value);
        let (name, value) =
            (String::from_utf8_lossy(point.name), String::from_utf8(value).unwrap());
        lines.push(format!("{name} {value} {}\n", snapshot.window.timestamp));
    });
    lines
}

#[test]
fn a_snapshot_arrives_as_these_bytes() {
    let mut snapshot = snapshot(TIMESTAMP);
    snapshot.push_set(b"users", [b"ann", b"bob"].map(|member| &member[..]));
    snapshot.push_gauge(b"workers", -4.5);
    snapshot.push_counter(b"requests", 12.0);
    snapshot.push_timer(b"time", &[1.0, 2.0, 6.0]);
    snapshot.own.push(OwnPoint { name: "gstatsd.lines.metric".into(), value: u64::MAX });
    let peer = Peer::on("127.0.0.1");
    let mut graphite = graphite_to(&peer);
    assert_eq!(graphite.point_counter()(&snapshot, &naming()), 12);
    let text = "stats.timers.app.time.mean 3.000000 1700000000\n\
                stats.timers.app.time.upper 6.000000 1700000000\n\
                stats.timers.app.time.upper_90 6.000000 1700000000\n\
                stats.timers.app.time.lower 1.000000 1700000000\n\
                stats.timers.app.time.count 3 1700000000\n\
                stats.app.requests 1.200000 1700000000\n\
                stats_counts.app.requests 12.000000 1700000000\n\
                stats.app.workers -4.500000 1700000000\n\
                stats_counts.app.workers -4.500000 1700000000\n\
                stats.sets.app.users.count 2 1700000000\n\
                statsd.numStats 4 1700000000\n\
                gstatsd.lines.metric 18446744073709551615 1700000000\n";
    let reading = peer.read_connection();
    graphite.send(&snapshot, &naming()).unwrap();
    drop(graphite);
    assert_eq!(reading.join().unwrap(), text);
}

#[test]
fn snapshots_share_one_connection() {
    let peer = Peer::on("127.0.0.1");
    let mut graphite = graphite_to(&peer);
    let reading = peer.read_connection();
    graphite.send(&counters(TIMESTAMP, 0), &naming()).unwrap();
    graphite.send(&counters(TIMESTAMP + 10, 0), &naming()).unwrap();
    drop(graphite);
    let text = "statsd.numStats 0 1700000000\nstatsd.numStats 0 1700000010\n";
    assert_eq!(reading.join().unwrap(), text);
    assert!(peer.nobody_else_connected());
}

#[test]
fn both_families_of_addresses_and_names_are_reached() {
    for (bound, host) in [("127.0.0.1", "127.0.0.1"), ("::1", "::1"), ("127.0.0.1", "localhost")] {
        let peer = Peer::on(bound);
        let reading = peer.read_connection();
        let mut graphite = graphite(host, peer.port(), Duration::from_mins(1));
        graphite.send(&counters(TIMESTAMP, 0), &naming()).unwrap();
        drop(graphite);
        assert_eq!(reading.join().unwrap(), "statsd.numStats 0 1700000000\n", "{host}");
    }
}

#[test]
fn a_million_points_arrive() {
    let snapshot = counters(TIMESTAMP, 500_000);
    let peer = Peer::on("127.0.0.1");
    let mut graphite = graphite_to(&peer);
    assert_eq!(graphite.point_counter()(&snapshot, &naming()), 1_000_001);
    let reading = peer.read_connection();
    graphite.send(&snapshot, &naming()).unwrap();
    drop(graphite);
    assert!(reading.join().unwrap() == lines(&snapshot).concat());
}

#[test]
fn in_the_statsd_dialect_it_tells_of_what_it_sent_last() {
    let naming = Naming::new(&NamingSettings {
        scheme: Scheme::Statsd(Namespace::default()),
        prefix: String::new(),
        own_metrics: String::new(),
        series: SeriesSettings::default(),
        rules: Vec::new(),
    });
    let refusing = Peer::on("127.0.0.1");
    let mut graphite = graphite_to(&refusing);
    let count = graphite.point_counter()(&snapshot(TIMESTAMP), &naming);
    // The connection ends before anything is read: an exception.
    let reset = refusing.serve(peer::reset);
    while graphite.send(&counters(TIMESTAMP, 100_000), &naming).is_ok() {}
    reset.join().unwrap();
    let reading = refusing.read_connection();
    graphite.send(&snapshot(TIMESTAMP), &naming).unwrap();
    graphite.send(&snapshot(TIMESTAMP + 10), &naming).unwrap();
    drop(graphite);
    let text = reading.join().unwrap();
    let (first, second) = text.split_at(text.find(" 1700000010\n").unwrap());
    let first = &first[..first.rfind('\n').unwrap() + 1];
    assert_eq!(first.lines().count() as u64, count);
    let value = |lines: &str, leaf: &str| -> f64 {
        let name = format!("stats.statsd.graphiteStats.{leaf} ");
        let line = lines.lines().find_map(|line| line.strip_prefix(&name)).unwrap();
        line.split(' ').next().unwrap().parse().unwrap()
    };
    assert_eq!((value(first, "flush_length"), value(first, "last_flush")), (0.0, 0.0));
    assert!(value(first, "last_exception") > 1e9 && value(first, "calculationtime") >= 0.0);
    assert_eq!(value(second, "flush_length"), first.len() as f64);
    assert_eq!(value(second, "last_exception"), value(first, "last_exception"));
    assert!(value(second, "last_flush") >= value(second, "last_exception"));
    assert!(value(second, "flush_time") > 0.0);
}
