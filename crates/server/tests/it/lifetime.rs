//! From start to end: addresses, signals, the background, the log.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use crate::support::{
    Daemon, Folder, PATIENCE, SpyGraphite, accounting, assert_books_close, binary, sum,
};

/// Waits until something holds.
fn wait_until(what: &str, mut holds: impl FnMut() -> bool) {
    let end = Instant::now() + PATIENCE;
    while !holds() {
        assert!(Instant::now() < end, "{what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn sigterm_and_sigint_lose_nothing() {
    for signal in ["TERM", "INT"] {
        let spy = SpyGraphite::start();
        let mut daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"]);
        daemon.send(&vec!["a:1|c\na:2|ms"; 500]);
        daemon.signal(signal);
        let (status, log) = daemon.wait();
        assert!(status.success(), "{signal}: {status}");
        let books = accounting(&log);
        assert_books_close(&books);
        assert_eq!(books["samples.aggregated"], 1_000);
        let lines = spy.all_lines(&log);
        assert_eq!(sum(&lines, "stats_counts.a"), 500.0, "{signal}");
        assert_eq!(sum(&lines, "stats.timers.a.count"), 500.0, "{signal}");
    }
}

#[test]
fn f84_signals_of_all_kinds_end_the_daemon_once_and_in_order() {
    let spy = SpyGraphite::start();
    let mut daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"]);
    daemon.send(&["a:1|c"; 500]);
    for signal in ["PIPE", "USR1", "HUP", "TERM", "TERM", "INT", "HUP", "PIPE"] {
        // It may have ended by then.
        let pid = daemon.pid().to_string();
        Command::new("kill").args(["-s", signal, &pid]).stderr(Stdio::null()).status().unwrap();
    }
    let (status, log) = daemon.wait();
    assert!(status.success(), "{status}");
    assert!(log.contains("before the first flush: lines.residual=0"), "{log}");
    assert_books_close(&accounting(&log));
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 500.0);
    assert_eq!(log.matches("stopping").count(), 1);
}

#[test]
fn f84_a_terminal_that_is_gone_and_a_closed_output_end_nothing() {
    let spy = SpyGraphite::start();
    let closed = "exec \"$@\" >&-";
    let mut command = Command::new("setsid");
    let flags = ["-b", "127.0.0.1:0", "-s", "console:", "-s", &spy.sink(), "-f", "0.1"];
    command.args(["sh", "-c", closed, "sh", &binary()]).args(flags);
    let daemon = Daemon::start_command(&mut command);
    daemon.signal("HUP");
    daemon.send(&["a:1|c"; 300]);
    spy.wait_until("all of it", |lines| (sum(lines, "stats_counts.a") >= 300.0).then_some(()));
    let (status, log) = daemon.stop();
    assert!(status.success(), "{status}: {log}");
    assert_books_close(&accounting(&log));
}

#[test]
fn f95_a_log_that_nobody_reads_holds_up_nobody() {
    let spy = SpyGraphite::start();
    let flags = ["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "0.2", "-vv"];
    let mut child =
        Command::new(binary()).args(flags).stderr(Stdio::piped()).spawn().expect("it starts");
    let mut log = BufReader::new(child.stderr.take().unwrap());
    let mut line = String::new();
    while !line.contains("listening on udp://") {
        line.clear();
        assert!(log.read_line(&mut line).unwrap() > 0, "it has ended");
    }
    let to = line.trim_end().split_once("udp://").unwrap().1.to_owned();
    // Far more lines than the pipe and the queue before it hold.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    for packet in 0..20_000 {
        socket.send_to(b"a:1|c", &to).unwrap();
        if packet % 64 == 63 {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
    spy.wait_until("all of it", |lines| (sum(lines, "stats_counts.a") >= 20_000.0).then_some(()));
    spy.wait_until("the lines that were dropped", |lines| {
        lines
            .iter()
            .find(|line| line.name == "gstatsd.log.lines.dropped" && line.value != "0")
            .cloned()
    });
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    wait_until(
        "it does not end",
        || matches!(child.try_wait(), Ok(Some(status)) if status.success()),
    );
}

#[test]
fn f95_a_log_on_a_full_disk_ends_nothing() {
    let spy = SpyGraphite::start();
    let flags = ["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "0.1", "--log", "/dev/full"];
    let mut child = Command::new(binary()).args(flags).spawn().expect("it starts");
    spy.wait_for("gstatsd.flushes");
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    wait_until(
        "it does not end",
        || matches!(child.try_wait(), Ok(Some(status)) if status.success()),
    );
}

#[test]
fn the_last_rate_is_over_the_time_that_the_interval_had() {
    let spy = SpyGraphite::start();
    let start = Instant::now();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"]);
    daemon.send(&["a:1000|c"]);
    std::thread::sleep(Duration::from_millis(300));
    let (_, log) = daemon.stop();
    let longest = start.elapsed().as_secs_f64();
    let rate = sum(&spy.all_lines(&log), "stats.a");
    assert!(rate >= 1_000.0 / longest && rate <= 1_000.0 / 0.3, "{rate} {longest}");
}

#[test]
fn what_no_sink_took_in_time_is_counted_as_dropped_at_shutdown() {
    // Port 1 refuses.
    let daemon = Daemon::configured(
        "shutdown_timeout = 0.3",
        &["-b", "127.0.0.1:0", "-s", "127.0.0.1:1", "-f", "600"],
    );
    daemon.send(&["a:1|c"]);
    let start = Instant::now();
    let (status, log) = daemon.stop();
    assert!(status.success());
    assert!(start.elapsed() < Duration::from_secs(10));
    let books = accounting(&log);
    assert_books_close(&books);
    assert!(books["graphite_127_0_0_1_1:points.dropped.shutdown"] > 3);
    assert_eq!(books["graphite_127_0_0_1_1:points.delivered"], 0);
}

#[test]
fn a_second_daemon_on_the_same_port_fails_with_one_line() {
    for workers in ["1", "2"] {
        let spy = SpyGraphite::start();
        let first = Daemon::start(&[
            "-b",
            "127.0.0.1:0",
            "-s",
            &spy.sink(),
            "--workers",
            workers,
            "-f",
            "600",
        ]);
        let address = first.address().to_string();
        for other in ["1", "2"] {
            let second = Command::new(binary())
                .args(["-b", &address, "-s", &spy.sink(), "--workers", other])
                .output()
                .unwrap();
            assert_eq!(second.status.code(), Some(1));
            let error = String::from_utf8(second.stderr).unwrap();
            assert_eq!(error.lines().count(), 1, "{error}");
            assert!(error.contains(&address) && error.contains("in use"), "{error}");
        }
        first.send(&["a:1|c"]);
        let (_, log) = first.stop();
        assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 1.0);
    }
}

#[test]
fn several_addresses_of_both_families_are_listened_to_at_once() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&[
        "-b",
        "127.0.0.1:0",
        "-b",
        "udp://[::1]:0",
        "-b",
        "0",
        "-s",
        &spy.sink(),
        "-f",
        "600",
    ]);
    assert_eq!(daemon.addresses.len(), 3);
    let everywhere = daemon.addresses[2].port();
    let targets = [
        daemon.addresses[0].to_string(),
        daemon.addresses[1].to_string(),
        format!("127.0.0.1:{everywhere}"),
        format!("[::1]:{everywhere}"),
    ];
    for target in targets {
        let from = if target.starts_with('[') { "[::1]:0" } else { "127.0.0.1:0" };
        let socket = UdpSocket::bind(from).unwrap();
        socket.send_to(b"a:1|c", &target).unwrap();
    }
    let (_, log) = daemon.stop();
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 4.0);
}

#[test]
fn every_interval_is_flushed_with_its_own_values() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "0.2", "-x", "p"]);
    for value in 1..=3 {
        daemon.send(&[format!("a:{value}|g")]);
        spy.wait_until("the gauge", |lines| {
            let values = lines.iter().filter(|line| line.name == "stats.p.a");
            (values.count() == value).then_some(())
        });
    }
    let (_, log) = daemon.stop();
    let lines = spy.all_lines(&log);
    let values: Vec<_> =
        lines.iter().filter(|line| line.name == "stats.p.a").map(|line| &line.value).collect();
    assert_eq!(values, ["1.000000", "2.000000", "3.000000"]);
    assert!(lines.is_sorted_by_key(|line| line.timestamp));
}

#[test]
fn without_a_sink_the_console_shows_what_is_aggregated() {
    let mut child = Command::new(binary())
        .args(["-b", "127.0.0.1:0", "-f", "0.2"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let log = BufReader::new(child.stderr.take().unwrap());
    let log: Vec<_> = log.lines().map_while(Result::ok).take(4).collect();
    let address = log.iter().find_map(|line| line.split_once("udp://")).unwrap().1.to_owned();
    assert!(log.iter().any(|line| line.contains("standard output")), "{log:?}");
    assert!(log[3].contains("try: gstatsd send"), "{log:?}");
    // The line to try works as it stands, but for the name of the binary.
    let to = log[3].split_once("--to ").unwrap().1.split(' ').next().unwrap();
    assert!(address.ends_with(to));
    let sent = Command::new(binary()).args(["send", "--to", to, "hello:1|c"]).status().unwrap();
    assert!(sent.success());
    let shown = BufReader::new(child.stdout.take().unwrap()).lines().map_while(Result::ok);
    let row = shown.into_iter().find(|line| line.contains("hello")).unwrap();
    assert!(row.contains("counter") && row.contains("5/s"), "{row}");
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn the_daemon_goes_to_the_background_with_its_pid_file_and_its_log() {
    let folder = Folder::new();
    let (pid_file, log) = (folder.file("pid"), folder.file("log"));
    let spy = SpyGraphite::start();
    let start = || {
        Command::new(binary())
            .args(["-D", "-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"])
            .args(["--pid-file", &pid_file, "--log", &log])
            .output()
            .unwrap()
    };
    let started = start();
    assert!(started.status.success(), "{started:?}");
    // It runs by the time that the starter ends.
    let pid = fs::read_to_string(&pid_file).unwrap().trim().to_owned();
    let parent = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    assert!(parent.contains("gstatsd"), "{parent}");
    let second = start();
    assert_eq!(second.status.code(), Some(1));
    let error = String::from_utf8(second.stderr).unwrap();
    assert!(error.contains(&pid_file) && error.lines().count() == 1, "{error}");

    let said = || fs::read_to_string(&log).unwrap();
    wait_until("the log says where it listens", || said().contains("try:"));
    let said = said();
    let address = said.lines().find_map(|line| line.split_once("udp://")).unwrap().1.to_owned();
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"a:1|c", &address).unwrap();
    assert!(Command::new("kill").arg(&pid).status().unwrap().success());
    wait_until("the daemon ends", || !PathBuf::from(&pid_file).exists());
    let log = fs::read_to_string(&log).unwrap();
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 1.0);
    assert_books_close(&accounting(&log));
}

#[test]
fn errors_are_told_before_the_daemon_detaches() {
    let first = Daemon::start(&["-b", "127.0.0.1:0"]);
    let in_use = first.address().to_string();
    let cases: [&[&str]; 4] = [
        &["-D", "-p", "101"],
        &["-D", "-b", &in_use],
        &["-D", "-b", "127.0.0.1:0", "--log", "/nowhere/at/all"],
        &["-D", "-b", "127.0.0.1:0", "--log", "/dev/null", "--pid-file", "/nowhere/at/all"],
    ];
    for arguments in cases {
        let output = Command::new(binary()).args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}");
        let error = String::from_utf8(output.stderr).unwrap();
        assert_eq!(error.lines().count(), 1, "{arguments:?}: {error}");
        assert!(error.contains(arguments[arguments.len() - 1]), "{arguments:?}: {error}");
    }
}

#[test]
fn the_log_file_is_opened_again_on_sighup() {
    let folder = Folder::new();
    let (log, moved) = (folder.file("log"), folder.file("log.1"));
    let mut child = Command::new(binary())
        .args(["-b", "127.0.0.1:0", "-s", "127.0.0.1:1", "-f", "600", "--log", &log])
        .spawn()
        .unwrap();
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    wait_until("the daemon starts", || read(&log).contains("try:"));
    fs::rename(&log, &moved).unwrap();
    let pid = child.id().to_string();
    assert!(Command::new("kill").args(["-s", "HUP", &pid]).status().unwrap().success());
    wait_until("the log is opened again", || read(&log).contains("opened again"));
    assert!(!read(&moved).contains("opened again"));
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn packets_are_logged_at_vv_alone() {
    for (flag, logged) in [("-v", false), ("-vv", true)] {
        let spy = SpyGraphite::start();
        let daemon = Daemon::start(&[flag, "-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"]);
        daemon.send(&["a'b:1|c\n\x01"]);
        let (_, log) = daemon.stop();
        assert_eq!(log.contains(r"packet: 'a\'b:1|c\n\x01'"), logged, "{log}");
    }
}

#[test]
fn bad_packets_cost_one_line_of_log_however_many_they_are() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "0.1"]);
    for _ in 0..4 {
        daemon.send(&vec!["bad"; 500]);
        std::thread::sleep(Duration::from_millis(110));
    }
    let (_, log) = daemon.stop();
    assert_eq!(log.matches("not counted:").count(), 1, "{log}");
    assert!(log.contains("no_value (as in 'bad')"), "{log}");
    assert_eq!(accounting(&log)["lines.rejected.no_value"], 2_000);
}

#[test]
fn stray_words_are_warned_of_and_the_daemon_runs() {
    let spy = SpyGraphite::start();
    let mut daemon =
        Daemon::start(&["-s", &spy.sink(), "-b", "127.0.0.1:0", "-f", "0.5", "extra", "args"]);
    daemon.wait_for_log("ignoring 'extra'");
    daemon.wait_for_log("ignoring 'args'");
    daemon.send(&["a:1|c"]);
    assert_eq!(spy.wait_for("stats.a").value, "2.000000");
    daemon.stop();
}

#[test]
fn workers_keep_to_their_cores_when_asked() {
    let spy = SpyGraphite::start();
    let sink = spy.sink();
    for (config, kept) in [("pin_workers = true", true), ("", false)] {
        let daemon = Daemon::configured(config, &["-b", "127.0.0.1:0", "-s", &sink]);
        let allowed = || {
            let tasks = fs::read_dir(format!("/proc/{}/task", daemon.pid())).unwrap();
            let read = |path: PathBuf| fs::read_to_string(path).unwrap_or_default();
            let first = tasks
                .map(|task| task.unwrap().path())
                .find(|task| read(task.join("comm")).trim() == "worker 0")?;
            let status = read(first.join("status"));
            let cores = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:"))?;
            Some(cores.trim().to_owned())
        };
        let all = std::thread::available_parallelism().unwrap().get();
        wait_until("the worker keeps to its core", || {
            allowed().is_some_and(|cores| (cores == "0") == (kept || all == 1))
        });
    }
}
