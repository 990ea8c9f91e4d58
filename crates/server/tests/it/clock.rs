//! F80: whatever is done to the wall clock, nothing is lost and no time comes twice. The whole
//! process lives by a clock of the test (libfaketime); its monotonic clocks are the true ones.

use std::fs;
use std::net::UdpSocket;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use crate::support::{
    Daemon, Folder, GraphiteLine, SpyGraphite, accounting, assert_books_close, binary, debian, sum,
};

/// A clock that differs from the system's by what a file says.
struct Clock {
    folder: Folder,
}

impl Clock {
    fn new() -> Self {
        let clock = Self { folder: Folder::new() };
        clock.set("+0");
        clock
    }

    fn set(&self, difference: &str) {
        let new = self.folder.file("new");
        fs::write(&new, difference).unwrap();
        fs::rename(new, self.folder.file("clock")).unwrap();
    }

    /// A daemon that lives by it.
    fn daemon(&self, arguments: &[&str]) -> Daemon {
        let architecture = std::env::consts::ARCH;
        let library = format!("usr/lib/{architecture}-linux-gnu/faketime/libfaketimeMT.so.1");
        let mut command = Command::new(binary());
        command.args(arguments).env("LD_PRELOAD", debian(&library));
        command.env("FAKETIME_TIMESTAMP_FILE", self.folder.file("clock"));
        command.env("FAKETIME_DONT_FAKE_MONOTONIC", "1").env("FAKETIME_NO_CACHE", "1");
        Daemon::start_command(&mut command)
    }
}

/// The timestamps of a name, in the order in which they came.
fn timestamps(lines: &[GraphiteLine], name: &str) -> Vec<i64> {
    lines.iter().filter(|line| line.name == name).map(|line| line.timestamp).collect()
}

#[test]
fn f80_steps_of_the_wall_clock_lose_nothing_and_go_back_once_at_most() {
    let (spy, clock) = (SpyGraphite::start(), Clock::new());
    let flags = ["-b", "127.0.0.1:0", "-f", "0.2", "-s", &spy.sink()];
    let mut daemon = clock.daemon(&flags);
    let is_over = Arc::new(AtomicBool::new(false));
    let (over, to) = (Arc::clone(&is_over), daemon.address());
    let sender = thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let mut sent = 0.0;
        while !over.load(Ordering::Relaxed) {
            socket.send_to(b"a:1|c", to).unwrap();
            sent += 1.0;
            thread::sleep(Duration::from_millis(5));
        }
        sent
    });
    spy.wait_for("stats_counts.a");
    clock.set("-60");
    daemon.wait_for_log("the clock was set: it is 60.0 s behind");
    clock.set("+3600");
    daemon.wait_for_log("the clock was set: it is 3600.0 s ahead");
    clock.set("-300000000");
    daemon.wait_for_log("timestamps follow the clock now: it is still 300003600.");
    thread::sleep(Duration::from_millis(500));
    is_over.store(true, Ordering::Relaxed);
    let sent: f64 = sender.join().unwrap();
    let (status, log) = daemon.stop();
    assert!(status.success());
    assert_books_close(&accounting(&log));
    let lines = spy.all_lines(&log);
    let steps = lines.iter().rev().find(|line| line.name == "gstatsd.clock.steps").unwrap();
    assert_eq!(steps.value, "3");
    assert_eq!(sum(&lines, "stats_counts.a"), sent);
    let seen = timestamps(&lines, "stats_counts.a");
    let back = seen.windows(2).filter(|pair| pair[1] < pair[0]);
    let back: Vec<_> = back.map(|pair| pair[0] - pair[1]).collect();
    assert!(matches!(back[..], [300_003_590..300_003_610]), "{seen:?}");
    let ahead = seen.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(ahead.is_some_and(|ahead| (3_590..3_610).contains(&ahead)), "{seen:?}");
    // Each second has as many points as it has flushes, also that in which the clock was set.
    for second in &seen {
        let of_one = seen.iter().filter(|one| *one == second).count();
        assert!(of_one <= 7, "{of_one} at {second}: {seen:?}");
    }
}
