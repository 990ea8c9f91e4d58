//! F98: much for long: a busy sender, series that come and go, a sink that is down now and then,
//! a page that is scraped, a reload. Seconds here, an hour in `cargo xtask long`.

#![expect(clippy::print_stdout, reason = "an hour without a word is long")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::support::{Daemon, Folder, PATIENCE, accounting, assert_books_close};

/// The name of the counter that must arrive exactly, as it is sent and as Graphite gets it.
const CANARY: &str = "canary:1|c";
const CANARY_COUNT: &str = "stats_counts.canary ";
/// How much of the names is new after a minute.
const CHURN: f64 = 0.01;
/// Lines of a datagram.
const LINES: u64 = 10;
/// What resident memory may grow by from the second quarter to the last one: one part in so many,
/// and what the allocator may keep of one flush.
const GROWTH_PART: u64 = 10;
const GROWTH_BYTES: u64 = 4 << 20;

/// How hard, and for how long.
struct Plan {
    length: Duration,
    interval: u64,
    series: u64,
    /// Datagrams in a second.
    packets: u32,
}

impl Plan {
    fn of_environment() -> Self {
        let seconds = std::env::var("GSTATSD_SOAK_SECONDS").map(|text| text.parse().unwrap());
        match seconds {
            Ok(seconds) => Self {
                length: Duration::from_secs(seconds),
                interval: 10,
                series: 20_000,
                packets: 2_000,
            },
            Err(_) => {
                Self { length: Duration::from_secs(6), interval: 1, series: 500, packets: 200 }
            }
        }
    }

    /// Whether the sink that fails is down: for a sixth of the time, and for a twelfth.
    fn is_down(&self, passed: Duration) -> bool {
        let part = passed.as_secs_f64() / self.length.as_secs_f64();
        (0.2..0.36).contains(&part) || (0.6..0.68).contains(&part)
    }
}

/// A Graphite that keeps nothing but the canary, and may be down.
struct Canaries {
    address: SocketAddr,
    is_down: Arc<AtomicBool>,
    /// By timestamp: what comes twice is one point.
    points: Arc<Mutex<BTreeMap<i64, f64>>>,
}

impl Canaries {
    fn start() -> Self {
        let mut listener = Some(TcpListener::bind("127.0.0.1:0").unwrap());
        let address = listener.as_ref().unwrap().local_addr().unwrap();
        let (is_down, points) = (Arc::new(AtomicBool::new(false)), Arc::default());
        let (down, kept) = (Arc::clone(&is_down), Arc::clone(&points));
        thread::spawn(move || {
            loop {
                if down.load(Ordering::Relaxed) {
                    listener = None;
                } else if listener.is_none() {
                    listener = TcpListener::bind(address).ok();
                }
                let Some(listener) = &listener else {
                    thread::sleep(Duration::from_millis(10));
                    continue;
                };
                listener.set_nonblocking(true).unwrap();
                match listener.accept() {
                    Ok((stream, _)) => {
                        stream.set_nonblocking(false).unwrap();
                        let (down, kept) = (Arc::clone(&down), Arc::clone(&kept));
                        thread::spawn(move || keep(stream, &down, &kept));
                    }
                    Err(_) => thread::sleep(Duration::from_millis(10)),
                }
            }
        });
        Self { address, is_down, points }
    }

    fn sum(&self) -> f64 {
        self.points.lock().unwrap().values().sum()
    }
}

/// Reads a connection until it ends, or the sink is down.
fn keep(stream: TcpStream, is_down: &AtomicBool, points: &Mutex<BTreeMap<i64, f64>>) {
    let mut lines = BufReader::new(stream);
    let mut line = String::new();
    while !is_down.load(Ordering::Relaxed) {
        line.clear();
        if lines.read_line(&mut line).unwrap_or(0) == 0 || !line.ends_with('\n') {
            break;
        }
        if let Some(rest) = line.trim_end().strip_prefix(CANARY_COUNT) {
            let (value, timestamp) = rest.split_once(' ').unwrap();
            let point = (timestamp.parse::<i64>().unwrap(), value.parse::<f64>().unwrap());
            points.lock().unwrap().extend([point]);
        }
    }
}

/// Sends until it is told to end, and says how many datagrams it sent.
fn send(to: SocketAddr, plan: &Plan, is_over: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let is_over = Arc::clone(is_over);
    let (series, pause) = (plan.series, Duration::from_secs(1) / plan.packets * 20);
    thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (begin, mut sent) = (Instant::now(), 0);
        while !is_over.load(Ordering::Relaxed) {
            #[expect(clippy::cast_precision_loss, reason = "few series")]
            let churned = series as f64 * CHURN * begin.elapsed().as_secs_f64() / 60.0;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "few")]
            let first = churned as u64;
            for _ in 0..20 {
                let mut packet = String::new();
                for _ in 0..LINES {
                    let name = first + fastrand::u64(..series);
                    let kind = ["c", "ms", "g", "c"][usize::try_from(name % 4).unwrap()];
                    packet.push_str(&format!("soak.{name}:{}|{kind}\n", fastrand::u64(1..1_000)));
                }
                sent += u64::from(socket.send_to(packet.as_bytes(), to).is_ok());
            }
            thread::sleep(pause);
        }
        sent
    })
}

/// Adds 1 each 10 ms from a socket of its own, and says how often.
fn sing(to: SocketAddr, is_over: &Arc<AtomicBool>) -> JoinHandle<u64> {
    let is_over = Arc::clone(is_over);
    thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sent = 0;
        while !is_over.load(Ordering::Relaxed) {
            sent += u64::from(socket.send_to(CANARY.as_bytes(), to).is_ok());
            thread::sleep(Duration::from_millis(10));
        }
        sent
    })
}

/// What a process takes.
#[derive(Clone, Copy, Debug)]
struct Taken {
    /// Bytes.
    resident: u64,
    descriptors: u64,
    threads: u64,
}

fn taken(pid: u32) -> Taken {
    let entries = |what: &str| {
        u64::try_from(fs::read_dir(format!("/proc/{pid}/{what}")).unwrap().count()).unwrap()
    };
    let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap();
    let resident = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).unwrap();
    let kibibytes: u64 = resident.trim().trim_end_matches(" kB").parse().unwrap();
    Taken { resident: kibibytes << 10, descriptors: entries("fd"), threads: entries("task") }
}

/// The length of the page for Prometheus.
fn scrape(address: &str) -> usize {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    let (mut buffer, mut bytes) = ([0; 65_536], 0);
    while let Ok(more @ 1..) = stream.read(&mut buffer) {
        bytes += more;
    }
    bytes
}

/// Looks after the daemon until the time is over: takes the sink away and brings it back, scrapes,
/// and has it reload in the middle. Gives what it took, in order.
fn watch(daemon: &Daemon, plan: &Plan, sink: &Canaries, page: &str) -> Vec<Taken> {
    let (begin, step) = (Instant::now(), plan.length / 60);
    let mut is_reloaded = false;
    let mut seen = Vec::new();
    while begin.elapsed() < plan.length {
        thread::sleep(step);
        sink.is_down.store(plan.is_down(begin.elapsed()), Ordering::Relaxed);
        assert!(scrape(page) > 0);
        if begin.elapsed() > plan.length / 2 && !is_reloaded {
            daemon.signal("HUP");
            is_reloaded = true;
        }
        let now = taken(daemon.pid());
        println!(
            "soak: {:>4} s: {:>6} KiB resident, {} descriptors, {} threads, sink {}",
            begin.elapsed().as_secs(),
            now.resident >> 10,
            now.descriptors,
            now.threads,
            if sink.is_down.load(Ordering::Relaxed) { "down" } else { "up" }
        );
        seen.push(now);
    }
    seen
}

#[test]
fn f98_a_long_day_takes_no_more_memory_than_a_short_one_and_loses_nothing() {
    let plan = Plan::of_environment();
    let (good, flapping, folder) = (Canaries::start(), Canaries::start(), Folder::new());
    let mut daemon = Daemon::configured(
        &format!(
            "flush_interval = {}\nworkers = 2\n\
             state_directory = \"{}\"\n[idle]\ngauges = \"delete\"\n\
             [[sink]]\nname = \"good\"\nurl = \"graphite://{}\"\n\
             [[sink]]\nname = \"flapping\"\nurl = \"graphite://{}\"\nqueue_bytes = 65536\n\
             [[sink]]\nname = \"page\"\nurl = \"prometheus://127.0.0.1:0\"\n",
            plan.interval,
            folder.file("state"),
            good.address,
            flapping.address
        ),
        &["-b", "127.0.0.1:0"],
    );
    let page = daemon.wait_for_log("Prometheus can scrape http://");
    let page = page.split("http://").nth(1).unwrap().strip_suffix("/metrics").unwrap().to_owned();
    let is_over = Arc::new(AtomicBool::new(false));
    let sender = send(daemon.address(), &plan, &is_over);
    let canary = sing(daemon.address(), &is_over);
    let seen = watch(&daemon, &plan, &flapping, &page);
    is_over.store(true, Ordering::Relaxed);
    let (packets, canaries) = (sender.join().unwrap(), canary.join().unwrap());
    let last = taken(daemon.pid());
    // What the sink missed arrives within the time of an interval or two.
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let expected = canaries as f64;
    let end = Instant::now() + PATIENCE;
    while Instant::now() < end && (good.sum() < expected || flapping.sum() < expected) {
        thread::sleep(Duration::from_millis(50));
    }
    let (status, log) = daemon.stop();
    assert!(status.success());
    let books = accounting(&log);
    assert_books_close(&books);
    println!("soak: {packets} packets of {LINES} lines, {canaries} canaries; {last:?}; {books:?}");
    assert_eq!(books["datagrams.dropped.kernel"], 0, "the test sends too fast");
    assert_eq!(books["datagrams.received"], i128::from(packets + canaries));
    assert_eq!((good.sum(), flapping.sum()), (expected, expected));
    assert!(log.contains("sink flapping: "), "the sink never was down:\n{log}");
    let quarter = seen.len() / 4;
    let (early, late) = (&seen[quarter..2 * quarter], &seen[3 * quarter..]);
    let peak = |of: &[Taken], what: fn(&Taken) -> u64| of.iter().map(what).max().unwrap();
    let resident = |of| peak(of, |taken| taken.resident);
    let most = resident(early) + resident(early) / GROWTH_PART + GROWTH_BYTES;
    assert!(resident(late) <= most, "{early:?} became {late:?}");
    for what in [|taken: &Taken| taken.descriptors, |taken: &Taken| taken.threads] {
        assert!(peak(late, what) <= peak(early, what) + 2, "{early:?} became {late:?}");
    }
}
