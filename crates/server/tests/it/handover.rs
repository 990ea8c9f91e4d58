//! From one process of the daemon to the next: SIGUSR2.

use std::io::Write as _;
use std::net::{TcpStream, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Daemon, Folder, PATIENCE, SpyGraphite, accounting, assert_books_close, sum};

/// Ends a process that is no child of ours, and waits until it is gone.
fn end(id: u32) {
    let kill = |signal: &str| {
        let status = Command::new("kill").args([signal, &id.to_string()]).output().unwrap();
        status.status.success()
    };
    assert!(kill("-TERM"));
    let deadline = Instant::now() + PATIENCE;
    while kill("-0") {
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
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let (pid_file, socket) = (folder.file("pid"), folder.file("socket"));
    let path = format!("unixgram://{socket}");
    let arguments = ["-b", "127.0.0.1:0", "-b", "tcp://127.0.0.1:0", "-b", &path, "-f", "0.2"];
    let more = ["-s", &spy.sink(), "--workers", "2", "--pid-file", &pid_file];
    let mut daemon = Daemon::start(&[&arguments[..], &more].concat());
    let (udp, tcp) = (daemon.addresses[0], daemon.addresses[1]);
    let (is_over, sending) = sender(udp);
    let unix = UnixDatagram::unbound().unwrap();
    let mut others = 0_u32;
    // A connection lives through all of it, and is in mid-line each time.
    let mut lasting = TcpStream::connect(tcp).unwrap();
    for round in 0..20 {
        lasting.write_all(b"lasting:1").unwrap();
        let first = std::fs::read_to_string(&pid_file).unwrap();
        unix.send_to(b"other:1|c", &socket).unwrap();
        TcpStream::connect(tcp).unwrap().write_all(b"other:1|c\n").unwrap();
        others += 2;
        match round {
            0 => daemon.signal("USR2"),
            _ => assert!(Command::new("kill").args(["-USR2", first.trim()]).status().is_ok()),
        }
        let deadline = Instant::now() + PATIENCE;
        let is_written = |text: &str| text.ends_with('\n') && text != first;
        while !is_written(&std::fs::read_to_string(&pid_file).unwrap_or_default()) {
            assert!(Instant::now() < deadline, "round {round}: nobody takes over");
            thread::sleep(Duration::from_millis(10));
        }
        lasting.write_all(b"|c\n").unwrap();
        if round == 0 {
            assert!(daemon.wait_for_exit().success());
            let said = daemon.wait_for_log("handing over to process ");
            let next = std::fs::read_to_string(&pid_file).unwrap();
            assert!(said.ends_with(&format!(" {}", next.trim())), "{said}");
        }
    }
    drop(lasting);
    is_over.store(true, Ordering::Relaxed);
    let sent = sending.join().unwrap();
    let last = std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap();
    end(last);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let sent = sent as f64;
    let lines = spy.wait_until("all that was sent", |lines| {
        (sum(lines, "stats_counts.load") >= sent).then(|| lines.to_vec())
    });
    assert_eq!(sum(&lines, "stats_counts.load"), sent);
    assert_eq!(sum(&lines, "stats_counts.other"), f64::from(others));
    assert_eq!(sum(&lines, "stats_counts.lasting"), 20.0);
    assert!(!std::path::Path::new(&pid_file).exists() && !std::path::Path::new(&socket).exists());
}

#[test]
fn f86_with_a_state_directory_an_interval_has_one_point_whoever_began_it() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let (pid_file, state) = (folder.file("pid"), folder.file("state"));
    let config = format!(
        "flush_interval = 1\nworkers = 2\npid_file = \"{pid_file}\"\n\
         state_directory = \"{state}\"\n[[listen]]\naddress = \"127.0.0.1:0\"\n\
         [[sink]]\nurl = \"{}\"\n",
        spy.sink()
    );
    let daemon = Daemon::configured(&config, &[]);
    let (is_over, sending) = sender(daemon.address());
    for _ in 0..8 {
        let first = std::fs::read_to_string(&pid_file).unwrap();
        assert!(Command::new("kill").args(["-USR2", first.trim()]).status().is_ok());
        let deadline = Instant::now() + PATIENCE;
        let is_written = |text: &str| text.ends_with('\n') && text != first;
        while !is_written(&std::fs::read_to_string(&pid_file).unwrap_or_default()) {
            assert!(Instant::now() < deadline, "nobody takes over");
            thread::sleep(Duration::from_millis(10));
        }
        thread::sleep(Duration::from_millis(300));
    }
    is_over.store(true, Ordering::Relaxed);
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let sent = sending.join().unwrap() as f64;
    let lines = spy.wait_until("all that was sent", |lines| {
        (sum(lines, "stats_counts.load") >= sent).then(|| lines.to_vec())
    });
    end(std::fs::read_to_string(&pid_file).unwrap().trim().parse().unwrap());
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
