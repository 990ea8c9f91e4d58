//! From one process of the daemon to the next: SIGUSR2.

use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    Daemon, Folder, PATIENCE, SpyGraphite, accounting, assert_books_close, binary, sum,
};

/// Room for what comes while nobody reads, on a machine that does other things too.
const BUFFER: &str = "receive_buffer_bytes = 33554432\n";

/// Whoever has this pid file. It is killed when the test is over, whatever came of it.
pub(crate) struct Serving(pub(crate) String);

impl Serving {
    pub(crate) fn id(&self) -> u32 {
        std::fs::read_to_string(&self.0).unwrap().trim().parse().unwrap()
    }

    /// Has it hand over; waits until the next one has the file, and gives its id.
    pub(crate) fn hand_over(&self) -> u32 {
        let first = self.id();
        assert!(kill("-USR2", first));
        let is_other = |text: &str| text.ends_with('\n') && text.trim() != first.to_string();
        let deadline = Instant::now() + PATIENCE;
        while !is_other(&std::fs::read_to_string(&self.0).unwrap_or_default()) {
            assert!(Instant::now() < deadline, "nobody takes over from process {first}");
            thread::sleep(Duration::from_millis(10));
        }
        self.id()
    }
}

impl Drop for Serving {
    fn drop(&mut self) {
        let id = std::fs::read_to_string(&self.0).ok().and_then(|text| text.trim().parse().ok());
        // Its number may be another's by now.
        let name = |id: u32| std::fs::read_to_string(format!("/proc/{id}/comm"));
        if let Some(id) = id.filter(|id| name(*id).is_ok_and(|name| name.starts_with("gstatsd"))) {
            kill("-KILL", id);
        }
    }
}

/// Sends a signal. Says whether there is such a process.
fn kill(signal: &str, id: u32) -> bool {
    let kill = Command::new("kill").args([signal, &id.to_string()]).output().unwrap();
    kill.status.success()
}

/// Ends a process that is no child of ours, and waits until it is gone.
pub(crate) fn end(id: u32) {
    assert!(kill("-TERM", id));
    let deadline = Instant::now() + PATIENCE;
    while kill("-0", id) {
        assert!(Instant::now() < deadline, "process {id} does not end");
        thread::sleep(Duration::from_millis(20));
    }
}

/// Sends a count of 1 again and again, until it is told to end.
fn sender(to: std::net::SocketAddr) -> (Arc<AtomicBool>, thread::JoinHandle<u64>) {
    let is_over = Arc::new(AtomicBool::new(false));
    let (over, sent) = (Arc::clone(&is_over), AtomicU64::new(0));
    let thread = thread::spawn(move || {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        while !over.load(Ordering::Relaxed) {
            for _ in 0..50 {
                socket.send_to(b"load:1|c", to).unwrap();
                sent.fetch_add(1, Ordering::Relaxed);
            }
            thread::sleep(Duration::from_millis(1));
        }
        sent.into_inner()
    });
    (is_over, thread)
}

#[test]
fn f86_the_next_process_has_all_sockets_and_nothing_is_lost_under_load() {
    let rounds = std::env::var("GSTATSD_UPGRADES").map_or(20, |rounds| rounds.parse().unwrap());
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let (pid_file, socket) = (folder.file("pid"), folder.file("socket"));
    let path = format!("unixgram://{socket}");
    let arguments = ["-b", "127.0.0.1:0", "-b", "tcp://127.0.0.1:0", "-b", &path, "-f", "0.2"];
    let more = ["-s", &spy.sink(), "--workers", "2", "--pid-file", &pid_file];
    let mut daemon = Daemon::configured(BUFFER, &[&arguments[..], &more].concat());
    let serving = Serving(pid_file.clone());
    let (udp, tcp) = (daemon.addresses[0], daemon.addresses[1]);
    let (is_over, sending) = sender(udp);
    let unix = UnixDatagram::unbound().unwrap();
    let mut others = 0_u32;
    // A connection lives through all of it, and is in mid-line each time.
    let mut lasting = TcpStream::connect(tcp).unwrap();
    for round in 0..rounds {
        lasting.write_all(b"lasting:1").unwrap();
        unix.send_to(b"other:1|c", &socket).unwrap();
        TcpStream::connect(tcp).unwrap().write_all(b"other:1|c\n").unwrap();
        others += 2;
        let next = serving.hand_over();
        lasting.write_all(b"|c\n").unwrap();
        if round == 0 {
            assert!(daemon.wait_for_exit().success());
            let said = daemon.wait_for_log("handing over to process ");
            assert!(said.ends_with(&format!(" {next}")), "{said}");
        }
    }
    drop(lasting);
    is_over.store(true, Ordering::Relaxed);
    let sent = sending.join().unwrap();
    end(serving.id());
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let sent = sent as f64;
    let lines = spy.wait_until("all that was sent", |lines| {
        (sum(lines, "stats_counts.load") >= sent).then(|| lines.to_vec())
    });
    assert_eq!(sum(&lines, "stats_counts.load"), sent);
    assert_eq!(sum(&lines, "stats_counts.other"), f64::from(others));
    assert_eq!(sum(&lines, "stats_counts.lasting"), f64::from(rounds));
    assert!(!std::path::Path::new(&pid_file).exists() && !std::path::Path::new(&socket).exists());
}

/// Hands over several times in an interval, with this in the configuration.
fn assert_one_point_of_an_interval(folder: &Folder, state: &str) {
    let spy = SpyGraphite::start();
    let pid_file = folder.file("pid");
    let config = format!(
        "{BUFFER}flush_interval = 1\nworkers = 2\npid_file = \"{pid_file}\"\n\
         {state}[[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[sink]]\nurl = \"{}\"\n",
        spy.sink()
    );
    let daemon = Daemon::configured(&config, &[]);
    let (is_over, sending) = sender(daemon.address());
    let serving = Serving(pid_file);
    for _ in 0..8 {
        serving.hand_over();
        thread::sleep(Duration::from_millis(300));
    }
    is_over.store(true, Ordering::Relaxed);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let sent = sending.join().unwrap() as f64;
    let lines = spy.wait_until("all that was sent", |lines| {
        (sum(lines, "stats_counts.load") >= sent).then(|| lines.to_vec())
    });
    end(serving.id());
    assert_eq!(sum(&lines, "stats_counts.load"), sent);
    let mut seconds: Vec<_> = lines
        .iter()
        .filter(|line| line.name == "stats_counts.load")
        .map(|line| line.timestamp)
        .collect();
    let points = seconds.len();
    seconds.dedup();
    assert_eq!(seconds.len(), points, "two points of one second: {seconds:?}");
}

#[test]
fn f86_with_a_state_directory_an_interval_has_one_point_whoever_began_it() {
    let folder = Folder::new();
    let state = format!("state_directory = \"{}\"\n", folder.file("state"));
    assert_one_point_of_an_interval(&folder, &state);
}

#[test]
fn f86_without_a_state_directory_the_next_process_gets_the_open_interval_from_the_old_one() {
    assert_one_point_of_an_interval(&Folder::new(), "");
}

#[test]
fn a_next_process_that_cannot_start_leaves_the_old_one_serving() {
    let spy = SpyGraphite::start();
    let config = format!(
        "flush_interval = 600\n[[listen]]\naddress = \"127.0.0.1:0\"\n[[sink]]\nurl = \"{}\"\n",
        spy.sink()
    );
    let mut daemon = Daemon::configured(&config, &[]);
    std::fs::write(daemon.config(), "flush_interval = -1\n").unwrap();
    daemon.send(&["a:1|c"]);
    daemon.signal("USR2");
    let log = daemon.wait_for_log("this process goes on");
    assert!(log.contains("the next process ended: exit status: 1"), "{log}");
    daemon.send(&["a:1|c"]);
    let (status, log) = daemon.stop();
    assert!(status.success());
    assert_books_close(&accounting(&log));
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 2.0);
}

/// A daemon of this build, which alone has hooks for tests: `what` befalls its successor.
fn with_hook(what: &str, spy: &SpyGraphite, folder: &Folder) -> Daemon {
    let now = folder.file("now");
    std::fs::write(&now, "").unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_gstatsd"));
    command.args(["-b", "127.0.0.1:0", "-f", "600", "-s", &spy.sink()]);
    Daemon::start_command(command.env("GSTATSD_TEST_HOOK", format!("{what} successor {now}")))
}

/// Ends a daemon whose hand-over came to nothing: it has lost none of these.
fn assert_all_there(daemon: Daemon, spy: &SpyGraphite, sent: f64) {
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    assert_books_close(&accounting(&log));
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), sent);
}

#[test]
fn a_next_process_that_is_not_ready_in_time_leaves_the_old_one_serving() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let mut daemon = with_hook("stall", &spy, &folder);
    daemon.send(&["a:1|c"]);
    daemon.signal("USR2");
    daemon.wait_for_log("hand-over: the next process was not ready within ");
    daemon.send(&["a:1|c"]);
    // The next one is gone: it keeps no socket open.
    let address = daemon.address();
    assert_all_there(daemon, &spy, 2.0);
    UdpSocket::bind(address).unwrap();
}

#[test]
fn a_next_process_that_panics_midway_leaves_the_old_one_serving() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let mut daemon = with_hook("panic", &spy, &folder);
    daemon.send(&["a:1|c"]);
    // One that failed does not keep the next attempt from being made.
    for _ in 0..2 {
        daemon.signal("USR2");
        let log = daemon.wait_for_another_log("this process goes on");
        assert!(log.contains("the next process ended: signal: 6"), "{log}");
        daemon.send(&["a:1|c"]);
    }
    assert_all_there(daemon, &spy, 3.0);
}

#[test]
fn an_end_that_is_asked_for_during_a_hand_over_comes_after_it_has_failed() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let daemon = with_hook("stall", &spy, &folder);
    daemon.send(&["a:1|c"]);
    daemon.signal("USR2");
    thread::sleep(Duration::from_millis(500));
    daemon.send(&["a:1|c"]);
    assert_all_there(daemon, &spy, 2.0);
}

#[test]
fn a_program_that_is_not_there_any_more_leaves_the_old_one_serving() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let program = folder.file("gstatsd");
    std::fs::copy(binary(), &program).unwrap();
    let mut command = Command::new(&program);
    command.args(["-b", "127.0.0.1:0", "-f", "600", "-s", &spy.sink()]);
    let mut daemon = Daemon::start_command(&mut command);
    std::fs::remove_file(&program).unwrap();
    daemon.send(&["a:1|c"]);
    daemon.signal("USR2");
    let log = daemon.wait_for_log("this process goes on");
    assert!(log.contains(&format!("cannot start {program}: No such file")), "{log}");
    assert_all_there(daemon, &spy, 1.0);
}
