//! The dialects of the Node.js StatsD and of Datadog's agent, from flush to flush.

use std::fs;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    Daemon, GraphiteLine, PATIENCE, SpyGraphite, accounting, assert_books_close, without_own,
};

/// A daemon with a Graphite and two workers, so that the order of several receive batches counts.
fn start(spy: &SpyGraphite, config: &str) -> Daemon {
    let arguments = ["-b", "127.0.0.1:0", "-f", "0.2", "-s", &spy.sink(), "--workers", "2"];
    Daemon::configured(config, &arguments)
}

fn values<'l>(lines: &'l [GraphiteLine], name: &str) -> Vec<&'l str> {
    lines.iter().filter(|line| line.name == name).map(|line| line.value.as_str()).collect()
}

/// Waits until so many values of a name have come, and gives them.
fn wait_for(spy: &SpyGraphite, name: &str, count: usize) -> Vec<String> {
    spy.wait_until(&format!("{count} times {name}"), |lines| {
        let values = values(lines, name);
        (values.len() >= count).then(|| values.into_iter().map(str::to_owned).collect())
    })
}

#[test]
fn idle_series_of_the_statsd_dialect_come_out_flush_after_flush() {
    let spy = SpyGraphite::start();
    let daemon = start(&spy, "dialect = \"statsd\"\n");
    daemon.send(&["c:5|c\ng:5|g\nt:320|ms|@0.1\ns:a|s"]);
    assert_eq!(wait_for(&spy, "stats_counts.c", 3), ["5", "0", "0"]);
    assert_eq!(wait_for(&spy, "stats.timers.t.count", 3), ["10", "0", "0"]);
    assert_eq!(wait_for(&spy, "stats.timers.t.upper", 1), ["320"]);
    assert_eq!(wait_for(&spy, "stats.sets.s.count", 3), ["1", "0", "0"]);
    assert_eq!(wait_for(&spy, "stats.gauges.g", 3), ["5", "5", "5"]);
    // Other sockets may be those of another worker.
    daemon.send(&["g:+1.5|g"]);
    daemon.send(&["g:-10|g"]);
    spy.wait_until("the changed gauge", |lines| {
        values(lines, "stats.gauges.g").contains(&"-3.5").then_some(())
    });
    let (status, log) = daemon.stop();
    assert!(status.success());
    assert_books_close(&accounting(&log));
    let lines = spy.all_lines(&log);
    assert_eq!(values(&lines, "stats.gauges.g").last(), Some(&"-3.5"));
    assert_eq!(values(&lines, "stats.timers.t.upper").len(), 1);
}

#[test]
fn the_statsd_dialect_tells_of_itself() {
    let spy = SpyGraphite::start();
    let daemon = start(&spy, "dialect = \"statsd\"\nown_metrics = \"\"\n");
    daemon.send(&["a:1|c\nb:x|c\n\n_e{1,1}:a|b", "z", ""]);
    let received = "stats_counts.statsd.packets_received";
    spy.wait_until("three packets", |lines| {
        (values(lines, received).iter().map(|v| v.parse::<u64>().unwrap()).sum::<u64>() == 3)
            .then_some(())
    });
    let lag = wait_for(&spy, "stats.gauges.statsd.timestamp_lag", 2);
    let (status, log) = daemon.stop();
    assert!(status.success());
    let lines = spy.all_lines(&log);
    let sum = |name: &str| -> f64 {
        values(&lines, name).iter().map(|value| value.parse::<f64>().unwrap()).sum()
    };
    assert_eq!(sum("stats_counts.statsd.metrics_received"), 4.0);
    assert_eq!(sum("stats_counts.statsd.bad_lines_seen"), 2.0);
    // Timestamps have whole seconds: each is the interval early, or the rest of a second late.
    assert!(lag.iter().all(|lag| ["-0.2", "0.8"].contains(&lag.as_str())), "{lag:?}");
    let flushes = values(&lines, "statsd.numStats");
    assert_eq!(values(&lines, "stats.statsd.processing_time").len(), flushes.len());
    assert_eq!(values(&lines, "stats.gauges.statsd.timestamp_lag").len(), flushes.len() - 1);
    assert_eq!(flushes.last(), Some(&"5"));
}

#[test]
fn internal_names_of_the_statsd_dialect_cannot_be_forged() {
    let spy = SpyGraphite::start();
    let daemon = start(&spy, "dialect = \"statsd\"\n");
    daemon.send(&["statsd.bad_lines_seen:7|c\nstatsd.timestamp_lag:7|g\nstatsd.ordinary:7|c"]);
    wait_for(&spy, "stats_counts.statsd.ordinary", 1);
    let (_, log) = daemon.stop();
    let lines = spy.all_lines(&log);
    assert!(!values(&lines, "stats_counts.statsd.bad_lines_seen").contains(&"7"));
    assert!(!values(&lines, "stats.gauges.statsd.timestamp_lag").contains(&"7"));
    let books = accounting(&log);
    assert_eq!(books["samples.rejected.reserved_name"], 2);
    assert_books_close(&books);
}

#[test]
fn gauges_of_the_dogstatsd_dialect_repeat_and_nothing_else_does() {
    let spy = SpyGraphite::start();
    let config = "dialect = \"dogstatsd\"\nown_metrics = \"\"\n[idle]\ngauge_ttl = 0.6\n";
    let daemon = start(&spy, config);
    daemon.send(&["c:5|c\nh:1:2:3|h\nd:4|d\ns:a|s\ng:1.5|g"]);
    // Three flushes have it, and no more.
    assert_eq!(wait_for(&spy, "g", 3), ["1.5", "1.5", "1.5"]);
    thread::sleep(Duration::from_millis(500));
    let (status, log) = daemon.stop();
    assert!(status.success());
    let expected = [
        "c 5",
        "d.avg 4",
        "d.count 1",
        "d.max 4",
        "d.median 4",
        "d.p50 4",
        "d.p75 4",
        "d.p90 4",
        "d.p95 4",
        "d.p99 4",
        "g 1.5",
        "g 1.5",
        "g 1.5",
        "h.95percentile 3",
        "h.avg 2",
        "h.count 3",
        "h.max 3",
        "h.median 2",
        "s 1",
    ];
    assert_eq!(without_own(&spy.all_lines(&log)), expected);
}

#[test]
fn frequent_names_are_written_down_from_time_to_time() {
    let spy = SpyGraphite::start();
    let log = "[frequent_keys]\ninterval = 0.4\npercent = 60\nlog = \"keys.log\"\n";
    let folder = crate::support::Folder::new();
    let path = folder.file("keys.log");
    let daemon = start(&spy, &log.replace("keys.log", &path));
    daemon.send(&["a:1|c\nb:1|c\nb:1|ms\nb c:1|g\nb:1|g"]);
    let end = Instant::now() + PATIENCE;
    let text = loop {
        let text = fs::read_to_string(&path).unwrap_or_default();
        if text.ends_with('\n') {
            break text;
        }
        assert!(Instant::now() < end, "nothing was written");
        thread::sleep(Duration::from_millis(10));
    };
    daemon.stop();
    // Two of three names are 60 of a hundred, rounded up.
    let lines: Vec<_> = text.lines().map(|line| line.split_once("Z ").unwrap().1).collect();
    assert_eq!(lines, ["count=3 key=b", "count=1 key=a"]);
}
