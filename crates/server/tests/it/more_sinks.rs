//! Another StatsD and files of JSON lines, as a configuration names them.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use crate::support::{
    Daemon, Folder, SpyGraphite, accounting, assert_books_close, binary, sum, without_own,
};

/// What two daemons sent to a third, which sent it to a Graphite, without own metrics.
fn through_another(scheme: &str, listen: &str, keys: &str) -> Vec<String> {
    let spy = SpyGraphite::start();
    let central = Daemon::start(&["-b", listen, "-s", &spy.sink(), "-f", "600", "-p", "90"]);
    let config = format!(
        "own_metrics = \"\"\n[[sink]]\nname = \"up\"\nurl = \"{scheme}://{}\"\n{keys}",
        central.address()
    );
    for users in ["users:ann|s\nusers:bob|s", "users:bob|s\nusers:cid|s"] {
        let daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-f", "600"]);
        let lines = "hits:2|c\nhits:3|c\nload:1:2:3|ms\nload:4|ms|@0.5\ndepth:-7.25|g";
        daemon.send(&[lines, users]);
        let (status, log) = daemon.stop();
        assert!(status.success(), "{log}");
        let books = accounting(&log);
        assert_books_close(&books);
        assert_eq!(books["up:points.emitted"], 4, "{log}");
        assert_eq!(books["up:points.delivered"], 4, "{log}");
    }
    let (_, log) = central.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert!(books.keys().all(|name| !name.contains("rejected")), "{log}");
    without_own(&spy.all_lines(&log))
}

#[test]
fn another_statsd_makes_of_two_daemons_what_it_would_of_all_samples() {
    for (scheme, listen) in [("statsd", "127.0.0.1:0"), ("statsd+tcp", "tcp://127.0.0.1:0")] {
        for keys in ["", "pack_values = true"] {
            let lines = through_another(scheme, listen, keys);
            // A counter of both, the values of both, the last gauge, the union of the sets.
            for expected in [
                "stats_counts.hits 10.000000",
                "stats.timers.load.count 8",
                "stats.timers.load.lower 1.000000",
                "stats.timers.load.upper 4.000000",
                "stats.depth -7.250000",
                "stats.sets.users.count 3",
                "statsd.numStats 4",
            ] {
                assert!(lines.contains(&expected.to_owned()), "{scheme} {keys}: {lines:?}");
            }
        }
    }
}

/// Row F68: a sink that leads to ourselves.
#[test]
fn f68_a_sink_that_is_one_of_our_listeners_is_refused_at_start() {
    let udp = std::net::UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let tcp = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (listen, port, scheme) in [
        ("udp", udp, "statsd"),
        ("udp", udp, "graphite+udp"),
        ("udp", udp, "influxdb+udp"),
        ("tcp", tcp, "statsd+tcp"),
        ("tcp", tcp, "graphite"),
        ("tcp", tcp, "graphite+pickle"),
        ("tcp", tcp, "graphite+tls"),
    ] {
        let listen = format!("{listen}://127.0.0.1:{port}");
        let sink = format!("{scheme}://localhost:{port}");
        let output = Command::new(binary()).args(["-b", &listen, "-s", &sink]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert!(!output.status.success());
        let expected = format!("sink localhost:{port} is an address that this daemon listens on");
        assert!(said.contains(&expected), "{said}");
    }
}

/// The same when it comes with a reload.
#[test]
fn f68_a_reload_that_makes_a_loop_changes_nothing() {
    let spy = SpyGraphite::start();
    let config = |url: &str| format!("[[sink]]\nname = \"good\"\nurl = \"{url}\"\n");
    let mut daemon = Daemon::configured(&config(&spy.sink()), &["-b", "127.0.0.1:0", "-f", "0.1"]);
    daemon.reload(&config(&format!("statsd://{}", daemon.address())));
    daemon.wait_for_log("is an address that this daemon listens on");
    daemon.send(&["still:1|c"]);
    spy.wait_for("stats_counts.still");
}

#[test]
fn a_file_has_a_line_for_each_series_of_each_flush_and_is_rotated() {
    let folder = Folder::new();
    let path = folder.file("metrics.json");
    let config = format!(
        "[[sink]]\nname = \"lines\"\nurl = \"file:{path}\"\nfile_bytes_max = 20000\n\
         files_max = 1000\n"
    );
    let mut daemon = Daemon::configured(&config, &["-v", "-b", "127.0.0.1:0", "-f", "0.2"]);
    for index in 0..10 {
        daemon.send(&[format!("hits:1|c\nlevel:{index}|g")]);
        daemon.seen.clear();
        daemon.wait_for_log("flush at");
    }
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    let books = accounting(&log);
    assert_books_close(&books);
    let mut lines = Vec::new();
    for number in (1..=1_000).rev() {
        if let Ok(text) = fs::read_to_string(format!("{path}.{number}")) {
            assert!(text.len() <= 20_000 && text.ends_with('\n'));
            lines.extend(text.lines().map(str::to_owned));
        }
    }
    assert!(!lines.is_empty(), "it was never rotated");
    lines.extend(fs::read_to_string(&path).unwrap().lines().map(str::to_owned));
    assert_eq!(lines.len() as i128, books["lines:points.delivered"]);
    let values: Vec<serde_json::Value> =
        lines.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
    let hits = values.iter().filter(|value| value["name"] == "hits");
    let hits: f64 = hits.map(|value| value["value"].as_f64().unwrap()).sum();
    assert_eq!(hits, 10.0);
    let last = values.iter().rfind(|value| value["name"] == "level").unwrap();
    assert_eq!((last["type"].as_str(), last["value"].as_f64()), (Some("gauge"), Some(9.0)));
}

#[test]
fn a_full_disk_tears_no_line_and_what_did_not_fit_is_counted() {
    let folder = Folder::new();
    let path = folder.file("metrics.json");
    let config = folder.file("c.toml");
    let text =
        format!("shutdown_timeout = 0.5\n[[sink]]\nname = \"lines\"\nurl = \"file:{path}\"\n");
    fs::write(&config, text).unwrap();
    // No file may have more than 32 KiB: a write is cut short there, and the next one fails.
    let script = "trap '' XFSZ; ulimit -f 64; exec \"$0\" -c \"$1\" -b 127.0.0.1:0 -f 0.1";
    let mut command = Command::new("sh");
    command.args(["-c", script, &binary(), &config]);
    let mut daemon = Daemon::start_command(&mut command);
    daemon.send(&(0..500).map(|index| format!("{index:0100}:1|c")).collect::<Vec<_>>());
    daemon.wait_for_log("cannot write to");
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert!(books["lines:points.dropped.shutdown"] > 0, "{log}");
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.len() > 30_000 && text.ends_with('\n'), "{} bytes", text.len());
    for line in text.lines() {
        serde_json::from_str::<serde_json::Value>(line).unwrap();
    }
}

#[test]
fn a_file_whose_folder_is_missing_is_a_clear_error_at_start() {
    let output = Command::new(binary())
        .args(["-b", "127.0.0.1:0", "-s", "file:/no/such/folder/m.json"])
        .output()
        .unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(!output.status.success());
    let expected = "sink file: cannot open /no/such/folder/m.json: No such file or directory";
    assert!(said.contains(expected), "{said}");
}

/// Row F61: what four sinks get does not depend on a fifth, which is dead.
#[test]
fn f61_beside_a_dead_sink_the_others_get_the_same_bytes() {
    let flushed = |more: &str| {
        let spies: Vec<_> = (0..4).map(|_| SpyGraphite::start()).collect();
        let mut config = "own_metrics = \"\"\nworkers = 1\nshutdown_timeout = 0.3\n".to_owned();
        for (place, spy) in spies.iter().enumerate() {
            config += &format!("[[sink]]\nname = \"s{place}\"\nurl = \"{}\"\n", spy.sink());
        }
        let daemon = Daemon::configured(&(config + more), &["-b", "127.0.0.1:0", "-f", "600"]);
        let lines: Vec<_> = (0..500).map(|index| format!("a{index}:{index}|ms|@0.5")).collect();
        daemon.send(&lines);
        // No counter: the last interval has its own length, and so a rate of its own.
        daemon.send(&["g:2|g\ns:x|s"]);
        let (_, log) = daemon.stop();
        let count = usize::try_from(accounting(&log)["s0:points.delivered"]).unwrap();
        let texts: Vec<_> = spies.iter().map(|spy| spy.wait_for_text(count)).collect();
        assert!(texts.iter().all(|text| *text == texts[0]), "{log}");
        let timestamp = texts[0].trim_end().rsplit(' ').next().unwrap().to_owned();
        texts[0].replace(&format!(" {timestamp}\n"), " T\n")
    };
    // Bound but not listening: refuses, and nobody else gets the port.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let beside = flushed(&format!("[[sink]]\nname = \"dead\"\nurl = \"127.0.0.1:{port}\"\n"));
    assert!(beside == flushed(""));
    assert_eq!(beside.lines().count(), 500 * 5 + 2 + 1 + 1);
}

/// Row F67: all sinks are dead for long. What does not fit is merged: no count is lost.
#[test]
fn f67_when_all_sinks_were_dead_the_totals_are_whole() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let config = format!(
        "own_metrics = \"\"\n[[sink]]\nname = \"good\"\nurl = \"127.0.0.1:{port}\"\n\
         queue_bytes = 60000\n"
    );
    let mut daemon = Daemon::configured(&config, &["-v", "-b", "127.0.0.1:0", "-f", "0.05"]);
    let lines: Vec<_> = (0..200).map(|index| format!("c{index}:1|c")).collect();
    let packets: Vec<_> = lines.chunks(20).map(|lines| lines.join("\n")).collect();
    for _ in 0..60 {
        daemon.send(&packets);
        daemon.seen.clear();
        daemon.wait_for_log("flush at");
    }
    let spy = SpyGraphite::start_at(port);
    daemon.wait_for_log("delivers again");
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert!(books["good:points.coalesced"] > 0, "{log}");
    assert!(books.keys().all(|name| !name.contains("dropped.queue_full")), "{log}");
    let lines = spy.all_lines(&log);
    for index in [0, 77, 199] {
        assert_eq!(sum(&lines, &format!("stats_counts.c{index}")), 60.0, "{log}");
    }
}

/// Row F66: flushes that take longer than their interval lose nothing, mix nothing, and make no
/// more threads.
#[test]
fn f66_flushes_that_overrun_their_interval_lose_nothing() {
    let folder = Folder::new();
    let path = folder.file("metrics.json");
    let config = format!("workers = 2\n[[sink]]\nname = \"lines\"\nurl = \"file:{path}\"\n");
    let mut daemon = Daemon::configured(&config, &["-v", "-b", "127.0.0.1:0", "-f", "0.01"]);
    daemon.wait_for_log("flush at");
    let threads = |pid: u32| fs::read_dir(format!("/proc/{pid}/task")).unwrap().count();
    let before = threads(daemon.pid());
    let lines: Vec<_> = (0..20_000).map(|index| format!("c{index}:1|c")).collect();
    let packets: Vec<_> = lines.chunks(50).map(|lines| lines.join("\n")).collect();
    for _ in 0..5 {
        daemon.send(&packets);
    }
    assert_eq!(threads(daemon.pid()), before);
    // And when it stands still for several intervals.
    daemon.signal("STOP");
    std::thread::sleep(std::time::Duration::from_millis(200));
    daemon.signal("CONT");
    daemon.seen.clear();
    daemon.wait_for_log("flush at");
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!(books["lines:points.delivered"], books["lines:points.emitted"]);
    let text = fs::read_to_string(&path).unwrap();
    let (mut sums, mut last) = (BTreeMap::<String, f64>::new(), i64::MIN);
    let mut overruns = 0;
    for line in text.lines() {
        let value: serde_json::Value = serde_json::from_str(line).unwrap();
        let timestamp = value["timestamp"].as_i64().unwrap();
        assert!(timestamp >= last, "{line} comes after {last}");
        last = timestamp;
        if value["name"] == "gstatsd.flushes.overrun" {
            overruns = value["value"].as_u64().unwrap();
        }
        if value["type"] == "counter" {
            let name = value["name"].as_str().unwrap().to_owned();
            *sums.entry(name).or_default() += value["value"].as_f64().unwrap();
        }
    }
    assert_eq!(books["datagrams.received"], 5 * 400, "{log}");
    assert!(overruns > 0);
    assert_eq!(sums.len(), 20_000);
    assert!(sums.values().all(|sum| *sum == 5.0));
}
