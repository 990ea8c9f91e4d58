//! The budget of memory, against more names than there is room for.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Daemon, PATIENCE, SpyGraphite, accounting, assert_books_close, sum};

const MIB: usize = 1 << 20;
/// The budget.
const BUDGET: usize = 24 * MIB;
/// Series that are known before the flood.
const CANARIES: usize = 1_000;
/// Names of which each comes once.
const FLOOD: usize = 1_000_000;

/// A daemon with that budget and two workers, and a page that tells how it stands.
fn daemon(spy: &SpyGraphite, more: &str) -> Daemon {
    let config = format!(
        "memory_max = {BUDGET}\nworkers = 2\nflush_interval = 0.05\nseries_max = 100000000\n{more}\
         [admin]\nlisten = \"127.0.0.1:0\""
    );
    Daemon::configured(&config, &["-b", "tcp://127.0.0.1:0", "-s", &spy.sink()])
}

/// How much memory a process has, and how much of it is of no file, in bytes.
fn resident(daemon: &Daemon) -> (usize, usize) {
    let statm = fs::read_to_string(format!("/proc/{}/statm", daemon.pid())).unwrap();
    let pages: Vec<usize> = statm.split(' ').map(|word| word.trim().parse().unwrap()).collect();
    (pages[1] * 4_096, (pages[1] - pages[2]) * 4_096)
}

/// The own metrics of the last flush, as the admin server shows them.
fn metrics(daemon: &Daemon) -> BTreeMap<String, u64> {
    let admin = daemon.seen.iter().find_map(|line| line.split_once("admin: http://")).unwrap().1;
    let address: SocketAddr = admin.trim_end_matches('/').parse().unwrap();
    let mut stream = TcpStream::connect(address).unwrap();
    write!(stream, "GET /accounting HTTP/1.1\r\nHost: {address}\r\n\r\n").unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    let (_, body) = text.split_once("\r\n\r\n").unwrap();
    let shown: serde_json::Value = serde_json::from_str(body).unwrap();
    assert_eq!(shown["closes"], true, "{body}");
    serde_json::from_value(shown["metrics"].clone()).unwrap()
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
    let spy = SpyGraphite::start();
    let daemon = daemon(&spy, "");
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
    let (mut peak, mut text) = (0, String::new());
    for number in 0..FLOOD {
        text.push_str(&format!("flood.tenant{}.user{number}.requests:1|c\n", number % 7));
        if number % 1_000 == 999 {
            streams[number / 1_000 % 2].write_all(text.as_bytes()).unwrap();
            text.clear();
        }
        if number % 50_000 == 49_999 {
            send_canaries(&mut streams);
            peak = peak.max(resident(&daemon).1);
        }
    }
    let refused = |metrics: &BTreeMap<String, u64>| {
        metrics.get("samples.shed.new_series").copied().unwrap_or_default()
    };
    let all = (FLOOD + CANARIES * send_canaries(&mut streams)) as u64;
    let seen = wait_for(&daemon, "the flood", |metrics| metrics["samples.received"] == all);
    peak = peak.max(resident(&daemon).1);
    assert!(refused(&seen) > FLOOD as u64 / 2, "{seen:?}");
    assert!(seen["memory.steps.refuse_new.begun"] > 0, "{seen:?}");
    assert!(peak < BUDGET / 5 * 6, "{peak} bytes");

    // What was new is forgotten, and the memory is given back.
    let end = Instant::now() + PATIENCE;
    loop {
        send_canaries(&mut streams);
        thread::sleep(Duration::from_millis(100));
        let ((now, _), metrics) = (resident(&daemon), metrics(&daemon));
        if metrics["series"] == CANARIES as u64 && now < before / 5 * 6 {
            break;
        }
        assert!(Instant::now() < end, "{before} bytes before, {now} after: {metrics:#?}");
    }
    wait_for(&daemon, "its end", |metrics| metrics["memory.steps.refuse_new.active"] == 0);
    // There is room for new series again.
    streams[0].write_all(b"new:1|c\n").unwrap();
    let rounds = send_canaries(&mut streams);
    wait_for(&daemon, "a new series", |metrics| metrics["series"] == CANARIES as u64 + 1);
    drop(streams);
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    let dropped = books.iter().find(|(name, _)| name.contains("points.dropped"));
    assert_eq!(dropped, None, "{log}");
    assert!(log.contains("refuse_new begins"), "{log}");
    let lines = spy.all_lines(&log);
    for number in [0, 1, CANARIES / 2, CANARIES - 1] {
        assert_eq!(sum(&lines, &format!("stats_counts.canary.{number}")), rounds as f64);
    }
    let of_canaries = lines.iter().filter(|line| line.name.starts_with("stats_counts.canary."));
    let total: f64 = of_canaries.map(|line| line.value.parse::<f64>().unwrap()).sum();
    assert_eq!(total, (rounds * CANARIES) as f64);
}
