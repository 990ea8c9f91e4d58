//! What systemd is told: a socket of ours stands in for it. And what becomes of a daemon one of
//! whose threads is stuck, or panics.

use std::fs;
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::ExitStatusExt as _;
use std::process::Command;
use std::time::{Duration, Instant};

use crate::admin;
use crate::support::{Daemon, Folder, PATIENCE};

/// The `SIGABRT` of a process that ends itself.
const ABORTED: i32 = 6;

/// A systemd that only listens.
struct Systemd {
    folder: Folder,
    socket: UnixDatagram,
}

impl Systemd {
    fn new() -> Self {
        let folder = Folder::new();
        let socket = UnixDatagram::bind(folder.file("notify")).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { folder, socket }
    }

    /// A daemon that it started, of this build: only that has hooks for tests.
    fn start(&self, hook: &str) -> (Daemon, std::net::SocketAddr) {
        let config = self.folder.file("gstatsd.toml");
        let page = "[[sink]]\nname = \"page\"\nurl = \"prometheus://127.0.0.1:0\"\n";
        let admin = "[admin]\nlisten = \"127.0.0.1:0\"\n";
        fs::write(&config, format!("flush_interval = 0.2\nworkers = 2\n{admin}{page}")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_gstatsd"));
        command.args(["-c", &config, "-b", "127.0.0.1:0"]);
        command.env("NOTIFY_SOCKET", self.folder.file("notify"));
        command.env("WATCHDOG_USEC", "600000");
        if !hook.is_empty() {
            let hook = format!("{hook} {}", self.folder.file("now"));
            command.env("GSTATSD_TEST_HOOK", hook);
        }
        let mut daemon = Daemon::start_command(&mut command);
        let line = daemon.wait_for_log("admin: http://");
        let address = line.split("://").nth(1).unwrap().trim_end_matches('/').parse().unwrap();
        (daemon, address)
    }

    /// Lets the hook act.
    fn release(&self) {
        fs::write(self.folder.file("now"), "").unwrap();
    }

    fn next(&self) -> String {
        let mut buffer = [0; 1024];
        let bytes = self.socket.recv(&mut buffer).unwrap();
        String::from_utf8(buffer[..bytes].to_vec()).unwrap()
    }

    /// Skips pings and sockets to keep; there is at least one on the way to anything that takes its
    /// time.
    fn next_but_pings(&self) -> String {
        loop {
            let told = self.next();
            if told != "WATCHDOG=1" && !told.starts_with("FDSTORE") {
                return told;
            }
        }
    }

    /// Waits until no ping comes for twice the time that systemd would wait.
    fn wait_for_silence(&self) {
        let end = Instant::now() + PATIENCE;
        self.socket.set_read_timeout(Some(Duration::from_millis(1_200))).unwrap();
        let mut buffer = [0; 1024];
        while self.socket.recv(&mut buffer).is_ok() {
            assert!(Instant::now() < end, "it is still pinged");
        }
    }
}

#[test]
fn systemd_hears_of_the_start_of_pings_of_reloads_and_of_the_end() {
    let systemd = Systemd::new();
    let (daemon, address) = systemd.start("");
    assert_eq!(systemd.next_but_pings(), "READY=1");
    for _ in 0..3 {
        assert_eq!(systemd.next(), "WATCHDOG=1");
    }
    assert_eq!(admin::get(address, "/readyz"), "ok\n");
    daemon.signal("HUP");
    let reloading = systemd.next_but_pings();
    let at = reloading.strip_prefix("RELOADING=1\nMONOTONIC_USEC=").unwrap();
    assert!(at.parse::<u64>().unwrap() > 0);
    assert_eq!(systemd.next_but_pings(), "READY=1");
    assert!(daemon.stop().0.success());
    assert_eq!(systemd.next_but_pings(), "STOPPING=1");
}

/// A daemon with a stage that is stuck, until nothing is pinged any more.
fn with_stuck(stage: &str) -> (Systemd, Daemon, String) {
    let systemd = Systemd::new();
    let (daemon, address) = systemd.start(&format!("stall {stage}"));
    assert_eq!(systemd.next_but_pings(), "READY=1");
    assert_eq!(systemd.next(), "WATCHDOG=1");
    systemd.release();
    systemd.wait_for_silence();
    let (head, body) = admin::ask(address, b"GET /healthz HTTP/1.0\r\n\r\n");
    assert!(head.starts_with("HTTP/1.0 503 "), "{head}");
    let (head, ready) = admin::ask(address, b"GET /readyz HTTP/1.0\r\n\r\n");
    assert!(head.starts_with("HTTP/1.0 503 "), "{head}");
    assert_eq!(body, ready);
    (systemd, daemon, body)
}

#[test]
fn pings_stop_when_a_worker_is_stuck() {
    let (_systemd, mut daemon, body) = with_stuck("worker 1");
    assert_eq!(body, "stuck: worker 1\n");
    daemon.wait_for_log("stuck: worker 1: the watchdog is pinged no more");
}

#[test]
fn pings_stop_when_the_flush_is_stuck() {
    assert!(with_stuck("flush").2.contains("stuck: flush\n"));
}

#[test]
fn pings_stop_when_a_courier_is_stuck() {
    assert_eq!(with_stuck("sink page").2, "stuck: sink page\n");
}

#[test]
fn f92_a_panic_on_any_thread_ends_the_process_at_once() {
    for place in ["worker 0", "flush", "prepare", "sink page", "accept", "http"] {
        let systemd = Systemd::new();
        let (mut daemon, address) = systemd.start(&format!("panic {place}"));
        systemd.release();
        // The thread of HTTP comes to its place with a request.
        admin::ask(address, b"GET / HTTP/1.0\r\n\r\n");
        let (status, log) = daemon.wait();
        assert_eq!(status.signal(), Some(ABORTED), "{place}: {log}");
        assert!(log.contains("GSTATSD_TEST_HOOK asks for it"), "{place}: {log}");
    }
}
