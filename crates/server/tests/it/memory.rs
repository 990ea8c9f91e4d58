//! The budget of memory, against more names than there is room for.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    Daemon, Folder, PATIENCE, SpyGraphite, accounting, assert_books_close, binary,
};

const MIB: usize = 1 << 20;
/// Series that are known before the flood.
const CANARIES: usize = 1_000;

/// What is sent, and how much memory there is for it.
struct Flood {
    /// Names of which each comes once.
    names: usize,
    /// The budget, in bytes.
    budget: usize,
}

impl Flood {
    /// The one of the suite, or of as many names as `GSTATSD_FLOOD` says against 64 MiB.
    fn of_environment() -> Self {
        let names = std::env::var("GSTATSD_FLOOD").ok();
        match names.map(|names| names.parse().unwrap()) {
            Some(names) => Self { names, budget: 64 * MIB },
            None => Self { names: 1_000_000, budget: 24 * MIB },
        }
    }

    /// A configuration with the budget, two workers, and a page that tells how the daemon stands.
    fn config(&self) -> String {
        format!(
            "memory_max = {}\nworkers = 2\nflush_interval = 0.05\nseries_max = 100000000\n\
             [admin]\nlisten = \"127.0.0.1:0\"",
            self.budget
        )
    }

    /// Sends all names once, over both connections, and all canaries now and then; `look` is
    /// called as often.
    fn send(&self, streams: &mut [TcpStream; 2], mut look: impl FnMut(&mut [TcpStream; 2])) {
        let mut text = String::new();
        for number in 0..self.names {
            text.push_str(&format!("flood.tenant{}.user{number}.requests:1|c\n", number % 7));
            if number % 1_000 == 999 {
                streams[number / 1_000 % 2].write_all(text.as_bytes()).unwrap();
                text.clear();
            }
            if number % 50_000 == 49_999 {
                look(streams);
            }
        }
    }
}

/// How much memory a process has, and how much of it is of no file, in bytes.
fn resident(daemon: &Daemon) -> (usize, usize) {
    let statm = fs::read_to_string(format!("/proc/{}/statm", daemon.pid())).unwrap();
    let pages: Vec<usize> = statm.split(' ').map(|word| word.trim().parse().unwrap()).collect();
    (pages[1] * 4_096, (pages[1] - pages[2]) * 4_096)
}

/// How the daemon stood at the last flush, as the admin server shows it.
fn standing(daemon: &Daemon) -> serde_json::Value {
    let admin = daemon.seen.iter().find_map(|line| line.split_once("admin: http://")).unwrap().1;
    let address: SocketAddr = admin.trim_end_matches('/').parse().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /accounting HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let shown: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(shown["closes"], true, "{body}");
    shown
}

/// The own metrics of the last flush.
fn metrics(daemon: &Daemon) -> BTreeMap<String, u64> {
    serde_json::from_value(standing(daemon)["metrics"].clone()).unwrap()
}

/// Waits until the own metrics are as expected, and gives them.
fn wait_for(
    daemon: &Daemon,
    what: &str,
    is_so: impl Fn(&BTreeMap<String, u64>) -> bool,
) -> BTreeMap<String, u64> {
    let end = Instant::now() + PATIENCE;
    loop {
        let metrics = metrics(daemon);
        if is_so(&metrics) {
            return metrics;
        }
        assert!(Instant::now() < end, "{what} did not come: {metrics:?}");
        thread::sleep(Duration::from_millis(20));
    }
}

/// One sample of each canary.
fn canaries() -> String {
    (0..CANARIES).map(|number| format!("canary.{number}:1|c\n")).collect()
}

/// Row F89, with a tenth of the names: a flood of new names within a budget, over connections so
/// that none is dropped on its way, and then none any more.
#[test]
fn f89_a_flood_of_names_stays_within_the_budget_and_costs_no_known_series_a_sample() {
    let (spy, flood) = (SpyGraphite::start(), Flood::of_environment());
    let flags = ["-b", "tcp://127.0.0.1:0", "-s", &spy.sink()];
    let daemon = Daemon::configured(&flood.config(), &flags);
    let canaries = canaries();
    let mut streams = [0, 1].map(|_| TcpStream::connect(daemon.address()).unwrap());
    let mut rounds = 0;
    let mut send_canaries = |streams: &mut [TcpStream; 2]| {
        streams.iter_mut().for_each(|stream| stream.write_all(canaries.as_bytes()).unwrap());
        rounds += 2;
        rounds
    };
    // They come again and again.
    for _ in 0..3 {
        send_canaries(&mut streams);
        thread::sleep(Duration::from_millis(400));
    }
    wait_for(&daemon, "the canaries", |metrics| metrics["series"] == CANARIES as u64);
    let (before, _) = resident(&daemon);
    let (mut peak, mut peak_in_all, mut heaviest) = (0, 0, Vec::new());
    flood.send(&mut streams, |streams| {
        send_canaries(streams);
        let (all, own) = resident(&daemon);
        (peak, peak_in_all) = (peak.max(own), peak_in_all.max(all));
        let first = &standing(&daemon)["heaviest"]["prefixes"][0]["prefix"];
        heaviest.extend(first.as_str().map(str::to_owned));
    });
    let refused = |metrics: &BTreeMap<String, u64>| {
        metrics.get("samples.shed.new_series").copied().unwrap_or_default()
    };
    let all = (flood.names + CANARIES * send_canaries(&mut streams)) as u64;
    let seen = wait_for(&daemon, "the flood", |metrics| metrics["samples.received"] == all);
    assert!(refused(&seen) > flood.names as u64 / 2, "{seen:?}");
    assert!(seen["memory.steps.refuse_new.begun"] > 0, "{seen:?}");
    assert!(heaviest.iter().any(|prefix| prefix == "flood"), "{heaviest:?}");
    assert!(peak < flood.budget / 5 * 6, "{peak} bytes");

    // What was new is forgotten, and the memory is given back.
    let end = Instant::now() + PATIENCE;
    let after = loop {
        send_canaries(&mut streams);
        thread::sleep(Duration::from_millis(100));
        let ((now, _), metrics) = (resident(&daemon), metrics(&daemon));
        if metrics["series"] == CANARIES as u64 && now < before / 5 * 6 {
            break now;
        }
        assert!(Instant::now() < end, "{before} bytes before, {now} after: {metrics:#?}");
    };
    let kib = |bytes: usize| bytes >> 10;
    println!(
        "{} names against {} KiB: {} KiB resident before, at most {} in all ({} of no file), {} \
         after; {} names refused",
        flood.names,
        kib(flood.budget),
        kib(before),
        kib(peak_in_all),
        kib(peak),
        kib(after),
        refused(&seen)
    );
    wait_for(&daemon, "its end", |metrics| metrics["memory.steps.refuse_new.active"] == 0);
    // There is room for new series again.
    streams[0].write_all(b"new:1|c\n").unwrap();
    let rounds = send_canaries(&mut streams);
    wait_for(&daemon, "a new series", |metrics| metrics["series"] == CANARIES as u64 + 1);
    drop(streams);
    let (_, log) = daemon.stop();
    assert!(log.contains("refuse_new begins"), "{log}");
    assert_all_canaries(&spy, &log, rounds);
}

/// The books close, nothing was dropped, and each canary came so often.
fn assert_all_canaries(spy: &SpyGraphite, log: &str, rounds: usize) {
    let books = accounting(log);
    assert_books_close(&books);
    let dropped = books.iter().find(|(name, _)| name.contains("points.dropped"));
    assert_eq!(dropped, None, "{log}");
    let mut sums = BTreeMap::<String, f64>::new();
    for line in spy.all_lines(log) {
        if line.name.starts_with("stats_counts.canary.") {
            *sums.entry(line.name).or_default() += line.value.parse::<f64>().unwrap();
        }
    }
    assert_eq!(sums.len(), CANARIES);
    assert!(sums.values().all(|sum| *sum == rounds as f64), "{rounds}: {sums:?}");
}

/// Row F88, with a stand-in for the limit of a cgroup: beyond what it has at rest the process may
/// map the budget and 3 tenths of it, and every allocation beyond that fails.
#[test]
fn f88_a_flood_does_not_reach_a_limit_of_the_system_above_the_budget() {
    let flood = Flood { names: 200_000, budget: 24 * MIB };
    let folder = Folder::new();
    let path = folder.file("gstatsd.toml");
    fs::write(&path, flood.config()).unwrap();
    let spy = SpyGraphite::start();
    let start = |limit: String| {
        let mut command = Command::new("sh");
        command.args(["-c", &format!("{limit} exec \"$0\" \"$@\""), &binary(), "-c", &path]);
        Daemon::start_command(command.args(["-b", "tcp://127.0.0.1:0", "-s", &spy.sink()]))
    };
    let idle = start(String::new());
    let status = fs::read_to_string(format!("/proc/{}/status", idle.pid())).unwrap();
    let mapped = status.lines().find_map(|line| line.strip_prefix("VmData:")).unwrap();
    let mapped: usize = mapped.trim().trim_end_matches(" kB").parse().unwrap();
    drop(idle);
    let daemon = start(format!("ulimit -d {} &&", mapped + flood.budget / 10 * 13 / 1_024));
    let mut streams = [0, 1].map(|_| TcpStream::connect(daemon.address()).unwrap());
    flood.send(&mut streams, |_| {});
    let all = flood.names as u64;
    let seen = wait_for(&daemon, "the flood", |metrics| metrics["samples.received"] == all);
    assert!(seen["samples.shed.new_series"] > 0, "{seen:?}");
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    assert_books_close(&accounting(&log));
}
