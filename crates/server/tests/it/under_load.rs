//! F82 and F86 at a hundred thousand samples a second, with a state directory: the daemon ends or
//! hands over again and again, nothing is lost, and no interval has two points.

use std::net::{SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::sys::socket::{setsockopt, sockopt::RcvBufForce};

use crate::crash::start;
use crate::handover::{Serving, end};
use crate::support::{
    Daemon, Folder, GraphiteLine, SpyGraphite, accounting, assert_books_close, sum,
};

/// A sample of each of four series.
const PACKET: &[u8] = b"load.0:1|c\nload.1:1|c\nload.2:1|c\nload.3:1|c";
/// How many of them are sent in a second.
const RATE: f64 = 25_000.0;
/// Room for what comes while nobody reads, on a machine that does other things too.
const BUFFER: usize = 64 << 20;

/// What is sent, until it is told to end.
struct Load {
    begun: Instant,
    is_over: Arc<AtomicBool>,
    thread: JoinHandle<u32>,
}

impl Load {
    fn start(to: SocketAddr) -> Self {
        let (begun, is_over) = (Instant::now(), Arc::new(AtomicBool::new(false)));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
            let mut sent = 0_u32;
            while !over.load(Ordering::Relaxed) {
                let due = begun.elapsed().as_secs_f64() * RATE;
                // Who was kept waiting does not send all of it at once.
                for _ in 0..200 {
                    if f64::from(sent) < due {
                        socket.send_to(PACKET, to).unwrap();
                        sent += 1;
                    }
                }
                thread::sleep(Duration::from_millis(1));
            }
            sent
        });
        Self { begun, is_over, thread }
    }

    /// How many packets were sent in all, and how many samples in a second.
    fn stop(self) -> (u32, f64) {
        self.is_over.store(true, Ordering::Relaxed);
        let sent = self.thread.join().unwrap();
        (sent, f64::from(sent) * 4.0 / self.begun.elapsed().as_secs_f64())
    }
}

/// How often the daemon is replaced.
fn rounds(usual: u32) -> u32 {
    std::env::var("GSTATSD_UPGRADES").map_or(usual, |rounds| rounds.parse().unwrap())
}

/// So that it is another part of an interval each time.
fn pause() {
    thread::sleep(Duration::from_millis(fastrand::u64(50..400)));
}

fn config(folder: &Folder, spy: &SpyGraphite) -> String {
    format!(
        "flush_interval = 1\nown_metrics = \"\"\nworkers = 2\nreceive_buffer_bytes = {BUFFER}\n\
         state_directory = \"{}\"\n[[sink]]\nname = \"good\"\nurl = \"graphite://{}\"\n",
        folder.file("state"),
        spy.sink()
    )
}

/// All packets have arrived, in one point of each series and interval.
fn assert_arrives(spy: &SpyGraphite, packets: u32) {
    let names = ["0", "1", "2", "3"].map(|number| format!("stats_counts.load.{number}"));
    let of = |lines: &[GraphiteLine]| names.each_ref().map(|name| sum(lines, name));
    let lines = spy.wait_until("all that was sent", |lines| {
        of(lines).iter().all(|sum| *sum >= f64::from(packets)).then(|| lines.to_vec())
    });
    assert_eq!(of(&lines), [f64::from(packets); 4]);
    for name in &names {
        let points = lines.iter().filter(|line| line.name == *name);
        let all: Vec<_> = points.map(|point| point.timestamp).collect();
        let mut once = all.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once, all, "{name}");
    }
}

#[test]
fn f86_hand_overs_at_a_hundred_thousand_samples_a_second_with_a_state_directory() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let pid_file = folder.file("pid");
    let config = format!("pid_file = \"{pid_file}\"\n{}", config(&folder, &spy));
    let daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0"]);
    let load = Load::start(daemon.address());
    let serving = Serving(pid_file);
    for _ in 0..rounds(5) {
        pause();
        serving.hand_over();
    }
    let (packets, rate) = load.stop();
    println!("{packets} packets, {rate:.0} samples a second");
    assert_arrives(&spy, packets);
    end(serving.id());
}

#[test]
fn f82_ends_at_a_hundred_thousand_samples_a_second_leave_the_interval_to_the_next() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    // It stays open in the test, as it would with systemd.
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    if setsockopt(&socket, RcvBufForce, &BUFFER).is_err() {
        println!("left out: this user may not have a socket that holds what comes meanwhile");
        return;
    }
    let file = folder.file("gstatsd.toml");
    std::fs::write(&file, config(&folder, &spy)).unwrap();
    let mut daemon = start(&socket, &file);
    let load = Load::start(socket.local_addr().unwrap());
    let mut longest = Duration::ZERO;
    for _ in 0..rounds(5) {
        pause();
        let asked = Instant::now();
        let (status, log) = daemon.stop();
        longest = longest.max(asked.elapsed());
        assert!(status.success(), "{log}");
        let books = accounting(&log);
        assert_books_close(&books);
        assert_eq!(books["datagrams.dropped.kernel"], 0, "{log}");
        assert!(log.contains("the open interval is kept for the next start"), "{log}");
        daemon = start(&socket, &file);
    }
    let (packets, rate) = load.stop();
    println!("{packets} packets, {rate:.0} samples a second, an end took {longest:?} at most");
    assert_arrives(&spy, packets);
    let (_, log) = daemon.stop();
    assert_eq!(accounting(&log)["datagrams.dropped.kernel"], 0, "{log}");
}
