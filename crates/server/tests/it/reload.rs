//! SIGHUP: what a configuration that is read again changes, and what a broken one does not.

use std::fs;
use std::net::UdpSocket;
use std::os::unix::fs::symlink;
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::support::{Daemon, GraphiteLine, SpyGraphite, accounting, assert_books_close, sum};

/// A daemon with a configuration of this text, which flushes five times a second.
fn start(config: &str, spy: &SpyGraphite) -> Daemon {
    Daemon::configured(config, &["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "0.2"])
}

/// Waits until one of our own metrics has this value.
fn wait_for_own(spy: &SpyGraphite, name: &str, value: &str) {
    spy.wait_until(&format!("{name} {value}"), |lines| {
        let last = lines.iter().rfind(|line| line.name == format!("gstatsd.{name}"));
        last.filter(|line| line.value == value).map(drop)
    });
}

/// Sends a counter of 1 and waits until it has come as `name`.
fn expect_named(daemon: &Daemon, spy: &SpyGraphite, name: &str) {
    daemon.send(&["a:1|c"]);
    spy.wait_for(name);
}

#[test]
fn f85_a_configuration_that_cannot_be_read_leaves_the_old_one_in_use() {
    let spy = SpyGraphite::start();
    let mut daemon = start("prefix = \"old\"", &spy);
    let path = daemon.config();
    let write = |text: &[u8]| fs::write(&path, text).unwrap();
    let huge = [b"prefix = \"new\"\n#".to_vec(), vec![b'x'; 100_000_000]].concat();
    let cases: [(&dyn Fn(), &str); 8] = [
        (
            &|| write(b"prefix = \"new\"\npercent = 200\n"),
            "line 2: percent: 200 is not in (0, 100]",
        ),
        (&|| write(b"prefix = \"new\"\nperc"), "line 2: "),
        (&|| write(b""), "is empty"),
        (&|| write(&huge), "more than 4194304 bytes"),
        (&|| write(b"prefix = \"\xff\""), "UTF-8"),
        (&|| fs::remove_file(&path).unwrap(), "No such file"),
        (&|| fs::create_dir(&path).unwrap(), "is not a regular file"),
        (
            &|| {
                fs::remove_dir(&path).unwrap();
                symlink("/dev/zero", &path).unwrap();
            },
            "is not a regular file",
        ),
    ];
    for (index, (break_it, said)) in cases.iter().enumerate() {
        break_it();
        daemon.signal("HUP");
        daemon.wait_for_log(said);
        wait_for_own(&spy, "reloads.failed", &(index + 1).to_string());
        wait_for_own(&spy, "reloads.stale", "1");
        assert!(daemon.seen.iter().any(|line| line.contains("the old configuration stays: ")));
    }
    expect_named(&daemon, &spy, "stats_counts.old.a");

    fs::remove_file(&path).unwrap();
    daemon.reload("prefix = \"new\"");
    wait_for_own(&spy, "reloads.applied", "1");
    wait_for_own(&spy, "reloads.stale", "0");
    expect_named(&daemon, &spy, "stats_counts.new.a");
    let (_, log) = daemon.stop();
    assert_books_close(&accounting(&log));
    assert!(spy.all_lines(&log).iter().all(|line| line.name != "stats_counts.old.b"));
}

#[test]
fn a_failure_is_told_once_however_many_signals_there_are() {
    let spy = SpyGraphite::start();
    let daemon = start("", &spy);
    for count in 1..=3 {
        daemon.reload("x = 1");
        wait_for_own(&spy, "reloads.failed", &count.to_string());
    }
    let (_, log) = daemon.stop();
    assert_eq!(log.matches("unknown key `x`").count(), 1, "{log}");
}

#[test]
fn what_takes_a_restart_is_told_by_name_and_the_rest_is_applied() {
    let spy = SpyGraphite::start();
    let mut daemon = start("", &spy);
    daemon.reload("prefix = \"new\"\nworkers = 3\nalign = true\nown_metrics = \"own\"");
    let line = daemon.wait_for_log("after a restart: ");
    assert!(line.ends_with("after a restart: align, workers"), "{line}");
    let line = daemon.wait_for_log("applied: ");
    assert!(line.ends_with("applied: own_metrics, prefix"), "{line}");
    expect_named(&daemon, &spy, "stats_counts.new.a");
    spy.wait_for("own.reloads.applied");
    daemon.stop();
}

#[test]
fn a_percentile_is_that_of_the_interval_in_which_it_was_reloaded() {
    let spy = SpyGraphite::start();
    let sink = spy.sink();
    // One worker: of two, one may read its socket later than what is sent after the reload.
    let arguments = ["-b", "127.0.0.1:0", "-s", &sink, "-f", "600", "--workers", "1"];
    let daemon = Daemon::configured("", &arguments);
    daemon.send(&["a:1|ms", "a:2|ms", "b:1|g", "c:1|c", "d:x|s"]);
    daemon.reload("percent = 50\nseries_max = 500");
    // A signal is awaited in order, so that this comes when the reload is done.
    let mut daemon = daemon;
    daemon.wait_for_log("applied: percent, series_max");
    daemon.send(&["a:3|ms", "a:4|ms", "b:2|g", "c:2|c", "d:y|s"]);
    let (_, log) = daemon.stop();
    assert_books_close(&accounting(&log));
    let lines = spy.all_lines(&log);
    for (name, value) in [
        ("stats.timers.a.upper_50", 2.0),
        ("stats.timers.a.count", 4.0),
        ("stats.b", 2.0),
        ("stats_counts.c", 3.0),
        ("stats.sets.d.count", 2.0),
    ] {
        assert_eq!(sum(&lines, name), value, "{name}");
    }
}

#[test]
fn reloads_under_load_change_no_count() {
    let spy = SpyGraphite::start();
    let mut daemon = start("workers = 2", &spy);
    let address = daemon.address();
    // From several ports, so that both workers get some.
    let senders: Vec<_> = (0..4)
        .map(|sender| {
            thread::spawn(move || {
                let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
                for packet in 0..2_000 {
                    let text = format!("a:1|c\nb{}:1|c\nt:{packet}|ms", packet % 50 + sender);
                    socket.send_to(text.as_bytes(), address).unwrap();
                    if packet % 16 == 15 {
                        thread::sleep(Duration::from_millis(4));
                    }
                }
            })
        })
        .collect();
    let mut count = 0;
    while senders.iter().any(|sender| !sender.is_finished()) {
        count += 1;
        // Each other time the workers get new tables.
        daemon.reload(&format!("workers = 2\nseries_max = {}\n#", 1_000 + count / 2));
        thread::sleep(Duration::from_millis(10));
    }
    senders.into_iter().for_each(|sender| sender.join().unwrap());
    daemon.wait_for_log("applied: series_max");
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!(books["datagrams.received"], 8_000);
    assert_eq!(books["samples.aggregated"], 24_000);
    assert!(log.matches("applied: series_max").count() > 3, "{log}");
    let lines = spy.all_lines(&log);
    assert_eq!(sum(&lines, "stats_counts.a"), 8_000.0);
    assert_eq!(sum(&lines, "stats.timers.t.count"), 8_000.0);
    let others = lines.iter().filter(|line| line.name.starts_with("stats_counts.b"));
    let total: f64 = others.map(|line| line.value.parse::<f64>().unwrap()).sum();
    assert_eq!(total, 8_000.0);
}

#[test]
fn listeners_come_and_go_and_nothing_that_was_sent_is_lost() {
    let spy = SpyGraphite::start();
    let listen = |port: u16| format!("[[listen]]\naddress = \"127.0.0.1:{port}\"\n");
    // The kernel chooses ports that are free now.
    let free = || UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (first, second) = (free(), free());
    let sink = spy.sink();
    let mut daemon =
        Daemon::configured(&listen(first), &["-s", &sink, "-f", "0.2", "--workers", "2"]);
    let send = |port: u16| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.send_to(b"a:1|c", ("127.0.0.1", port)).unwrap();
    };
    send(first);
    // In use: nothing changes.
    let taken = UdpSocket::bind("127.0.0.1:0").unwrap();
    daemon.reload(&listen(taken.local_addr().unwrap().port()));
    daemon.wait_for_log("the old configuration stays: cannot listen on");
    send(first);
    daemon.reload(&[listen(first), listen(second)].concat());
    daemon.wait_for_log(&format!("listening on udp://127.0.0.1:{second}"));
    daemon.wait_for_log("applied: [[listen]]");
    send(first);
    send(second);
    daemon.reload(&listen(second));
    daemon.wait_for_log(&format!("no longer listening on udp://127.0.0.1:{first}"));
    send(second);
    // It can be bound again once the workers have closed theirs.
    spy.wait_until("the port is free", |_| UdpSocket::bind(("127.0.0.1", first)).ok());
    let (_, log) = daemon.stop();
    assert_books_close(&accounting(&log));
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 5.0);
}

#[test]
fn sinks_come_and_go_with_their_books() {
    let (one, two) = (SpyGraphite::start(), SpyGraphite::start());
    let sink = |name: &str, url: &str| {
        format!("[[sink]]\nname = \"{name}\"\nurl = \"graphite://{url}\"\n")
    };
    let good = sink("good", &one.sink());
    // Port 1 refuses.
    let dead = sink("dead", "127.0.0.1:1");
    let limits = "shutdown_timeout = 0.2\nflush_interval = 0.1\n";
    let config = |sinks: &[&str]| format!("{limits}{}", sinks.concat());
    let mut daemon = Daemon::configured(&config(&[&good, &dead]), &["-b", "127.0.0.1:0"]);
    expect_named(&daemon, &one, "stats_counts.a");
    let other = sink("other", &two.sink());
    daemon.reload(&config(&[&good, &other]));
    daemon.wait_for_log("applied: [[sink]]");
    wait_for_own_of(&two, "sinks.dead.points.queued", |value| value == 0.0);
    wait_for_own_of(&two, "sinks.dead.points.dropped.config_removed", |value| value > 0.0);
    // The same name at another place.
    daemon.reload(&config(&[&sink("good", &two.sink())]));
    daemon.wait_for_log("sink good: Graphite at");
    wait_for_own_of(&two, "sinks.other.points.in_flight", |value| value == 0.0);
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert!(books["dead:points.dropped.config_removed"] > 0);
    assert_eq!(books["dead:points.delivered"], 0);
    for name in ["good", "other"] {
        let [emitted, delivered] =
            ["emitted", "delivered"].map(|what| books[&format!("{name}:points.{what}")]);
        assert!(emitted > 0 && emitted == delivered, "{name}: {books:?}");
    }
    let delivered = books["good:points.delivered"] + books["other:points.delivered"];
    let delivered = usize::try_from(delivered).unwrap();
    let received = |two: usize| one.lines().len() + two;
    two.wait_until("all points", |lines| (received(lines.len()) >= delivered).then_some(()));
    assert_eq!(received(two.lines().len()), delivered);
}

/// Waits until the last value of one of our own metrics is as expected.
fn wait_for_own_of(spy: &SpyGraphite, name: &str, expected: impl Fn(f64) -> bool) {
    spy.wait_until(name, |lines| {
        let is_it = |line: &&GraphiteLine| line.name == format!("gstatsd.{name}");
        let value: f64 = lines.iter().rfind(is_it)?.value.parse().unwrap();
        expected(value).then_some(())
    });
}

#[test]
fn the_log_can_move_and_change_its_level() {
    let spy = SpyGraphite::start();
    let mut daemon = start("", &spy);
    let log = format!("{}.log", daemon.config());
    let config =
        |level: &str, target: &str| format!("[log]\nlevel = \"{level}\"\ntarget = \"{target}\"");
    let read = || fs::read_to_string(&log).unwrap_or_default();
    daemon.reload(&config("warn", "/nowhere/at/all"));
    daemon.wait_for_log("the old configuration stays: cannot open the log file /nowhere/at/all");
    daemon.reload(&config("debug", &log));
    spy.wait_until("the log moves", |_| {
        read().contains("applied: log.level, log.target").then_some(())
    });
    spy.wait_until("the level changes", |_| read().contains("flush at").then_some(()));
    daemon.reload(&config("info", "stderr"));
    let line = daemon.wait_for_log("applied: log.level, log.target");
    assert!(!read().contains(&line));
    let (_, log) = daemon.stop();
    assert!(!log.contains("flush at"));
    assert_books_close(&accounting(&log));
}

#[test]
fn without_a_file_there_is_nothing_to_read_again() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "0.1"]);
    daemon.signal("HUP");
    expect_named(&daemon, &spy, "stats_counts.a");
    wait_for_own(&spy, "reloads.applied", "0");
    let (status, log) = daemon.stop();
    assert!(status.success() && !log.contains("configuration"), "{log}");
}

#[test]
fn f84_a_storm_of_signals_neither_blocks_nor_fills_the_log() {
    let spy = SpyGraphite::start();
    let daemon = start("percent = 50", &spy);
    let storm =
        format!("i=0; while [ $i -lt 1000 ]; do kill -HUP {}; i=$((i+1)); done", daemon.pid());
    let mut storm = Command::new("sh").args(["-c", &storm]).spawn().unwrap();
    daemon.send(&["a:1|c"; 300]);
    assert!(storm.wait().unwrap().success());
    let (status, log) = daemon.stop();
    assert!(status.success());
    assert!(log.len() < 20_000, "{}", log.len());
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 300.0);
}
