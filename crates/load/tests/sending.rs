//! Real sockets: what arrives is what the manifest says.
#![expect(clippy::unwrap_used, reason = "a test stops at what it did not expect")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::process::{ChildStdout, Command, Stdio};
use std::time::Duration;
use std::{env, fs, process, thread};

use gstatsd_load::{Clock, Manifest, Plan, replay, send};

fn listen(host: &str) -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind((host, 0)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

/// Receives so many packets, with the port each came from.
fn receive(socket: &UdpSocket, packets: usize) -> Vec<(u16, Vec<u8>)> {
    let mut buffer = vec![0; 65_536];
    let mut received = Vec::new();
    for _ in 0..packets {
        let (bytes, from) = socket.recv_from(&mut buffer).unwrap();
        received.push((from.port(), buffer[..bytes].to_vec()));
    }
    received
}

fn plan() -> Plan {
    Plan { seed: 3, samples: 400, keys: 40, ports: 4, ..Plan::default() }
}

#[test]
fn everything_arrives_over_both_families_and_equals_the_manifest() {
    for host in ["127.0.0.1", "::1"] {
        let (socket, to) = listen(host);
        let plan = Plan { rate_per_second: Some(4_000.0), ..plan() };
        let expected: Vec<_> = plan.packets().unwrap().collect();
        let receiver = thread::spawn(move || receive(&socket, 400));
        let manifest = send(&plan, to).unwrap();
        let received = receiver.join().unwrap();
        assert_eq!(manifest, plan.manifest().unwrap());

        // One source port for each port of the plan, and its packets in order.
        let mut by_source: BTreeMap<u16, Vec<Vec<u8>>> = BTreeMap::new();
        for (source, bytes) in received {
            by_source.entry(source).or_default().push(bytes);
        }
        let mut by_port: BTreeMap<usize, Vec<Vec<u8>>> = BTreeMap::new();
        for packet in expected {
            by_port.entry(packet.port).or_default().push(packet.bytes);
        }
        let received: BTreeSet<_> = by_source.into_values().collect();
        let expected: BTreeSet<_> = by_port.into_values().collect();
        assert_eq!(received.len(), 4);
        assert_eq!(received, expected);
    }
}

#[test]
fn a_paced_plan_takes_its_time() {
    let (_socket, to) = listen("127.0.0.1");
    let clock = Clock::start();
    send(&Plan { samples: 101, rate_per_second: Some(1_000.0), ..plan() }, to).unwrap();
    assert!(clock.elapsed() >= Duration::from_millis(99), "{:?}", clock.elapsed());
}

#[test]
fn a_port_where_nobody_listens_is_an_error_that_says_so() {
    let (socket, to) = listen("127.0.0.1");
    drop(socket);
    let error = send(&Plan { rate_per_second: Some(4_000.0), ..plan() }, to).unwrap_err();
    assert!(format!("{error:#}").starts_with(&format!("nobody listens at {to}: ")), "{error:#}");
    // The kernel says so after the last packet too, but on a busy machine not always in time.
    let one = Plan { samples: 1, ..plan() };
    assert!((0..100).any(|_| send(&one, to).is_err()));
    assert!((0..100).any(|_| replay(&[b"a:1|c".to_vec()], to, None).is_err()));
}

#[test]
fn a_replay_sends_the_datagrams_as_they_are_and_in_order() {
    let (socket, to) = listen("127.0.0.1");
    let datagrams = [b"a:1|c\n".to_vec(), Vec::new(), b"\xff\x00".to_vec()];
    let sent = replay(&datagrams, to, Some(1_000.0)).unwrap();
    assert_eq!((sent.packets, sent.bytes), (3, 8));
    let received: Vec<_> = receive(&socket, 3).into_iter().map(|(_, bytes)| bytes).collect();
    assert_eq!(received, datagrams);
    let error = replay(&datagrams, to, Some(0.0)).unwrap_err();
    assert_eq!(error.to_string(), "rate: must be above zero");
}

#[test]
fn the_program_sends_writes_its_manifest_and_replays() {
    let program = env!("CARGO_BIN_EXE_gstatsd-load");
    let file = env::temp_dir().join(format!("gstatsd-load-{}.json", process::id()));
    let (socket, to) = listen("127.0.0.1");
    let receiver = thread::spawn(move || receive(&socket, 10).len());
    let mut command = Command::new(program);
    command.args(["--to", &to.to_string(), "--samples", "10", "--rate", "1000", "--seed", "5"]);
    command.args(["--kinds", "c=1,g=1", "--ports", "2", "--manifest"]).arg(&file);
    let output = command.output().unwrap();
    let report = String::from_utf8(output.stdout).unwrap();
    assert!(report.starts_with("sent 10 samples in 10 packets, "), "{report}");
    assert_eq!(receiver.join().unwrap(), 10);

    let manifest: Manifest = serde_json::from_slice(&fs::read(&file).unwrap()).unwrap();
    let kinds = "c=1,g=1".parse().unwrap();
    let plan = Plan { seed: 5, samples: 10, kinds, ports: 2, ..Plan::default() };
    assert_eq!(manifest, plan.manifest().unwrap());

    let (socket, to) = listen("127.0.0.1");
    fs::write(&file, "b'a:1|c\\n'\n").unwrap();
    let mut command = Command::new(program);
    command.args(["--to", &to.to_string(), "--python", "--replay"]).arg(&file);
    assert_eq!(command.output().unwrap().stdout, b"sent 1 packets, 6 bytes\n");
    assert_eq!(receive(&socket, 1)[0].1, b"a:1|c\n");
    fs::remove_file(&file).unwrap();
}

#[test]
fn the_program_fails_with_one_line_that_names_the_cause() {
    let output = Command::new(env!("CARGO_BIN_EXE_gstatsd-load"))
        .args(["--to", "127.0.0.1:9", "--ports", "0"])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(output.stderr, b"gstatsd-load: ports: must lie in 1 to 1000\n");
}

/// A tool that runs, and what it says; it is killed at the end.
struct Tool(process::Child, Lines<BufReader<ChildStdout>>);

impl Tool {
    fn start(args: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_gstatsd-load"));
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        Self(child, lines)
    }

    /// The next line, which begins so.
    fn says(&mut self, start: &str) -> String {
        let line = self.1.next().unwrap().unwrap();
        line.strip_prefix(start).unwrap_or_else(|| panic!("{line}")).to_owned()
    }

    fn tell(&mut self, line: &str) {
        writeln!(self.0.stdin.as_ref().unwrap(), "{line}").unwrap();
    }
}

impl Drop for Tool {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

#[test]
fn what_is_fed_is_counted_by_the_bare_counter_until_a_signal_ends_it() {
    let mut bare = Tool::start(&["bare"]);
    let to = bare.says("listening on ");
    let mut feed = Tool::start(&["feed", "--keys", "50", "--packed", "512"]);
    feed.says("ready");
    feed.tell(&format!("keys {to}"));
    let keys = feed.says("fed packets=");
    assert!(keys.contains(" samples=50 "), "{keys}");
    feed.tell(&format!("feed {to} 2000 0.1"));
    let more = feed.says("fed packets=");
    let packets = |said: &str| said.split_once(' ').unwrap().0.parse::<u64>().unwrap();
    let sent = packets(&keys) + packets(&more);
    // What was sent is taken within a few pauses; the signal ends it at once.
    thread::sleep(Duration::from_millis(100));
    let pid = bare.0.id().to_string();
    assert!(Command::new("kill").args(["-s", "TERM", &pid]).status().unwrap().success());
    let counted = bare.says("counted packets=");
    assert_eq!(packets(&counted), sent);
    assert!(counted.contains(" dropped=0 cpu_ns="), "{counted}");
    assert!(bare.0.wait().unwrap().success());

    feed.tell("feed somewhere");
    assert!(!feed.0.wait().unwrap().success());
}

#[test]
fn the_bare_counter_ends_after_so_many_packets() {
    let mut bare = Tool::start(&["bare", "--waiting", "blocking", "--packets", "2"]);
    let to = bare.says("listening on ");
    replay(&[b"a:1|c".to_vec(), b"b:1|c".to_vec()], to.parse().unwrap(), None).unwrap();
    assert!(bare.says("counted ").starts_with("packets=2 bytes=10 dropped=0 "));
    let mut bare = Tool::start(&["bare", "--seconds", "0.05"]);
    bare.says("listening on ");
    assert!(bare.says("counted ").starts_with("packets=0 "));
}

#[test]
fn the_drain_reads_what_comes() {
    let mut drain = Tool::start(&["drain"]);
    let to = drain.says("listening on ");
    for _ in 0..2 {
        let mut connection = TcpStream::connect(&to).unwrap();
        connection.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
        // More than the buffers of the kernel hold.
        connection.write_all(&vec![b'x'; 20_000_000]).unwrap();
    }
}
