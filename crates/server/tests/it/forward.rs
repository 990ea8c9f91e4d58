//! Passing things on: repeaters copy, a relay distributes, and neither loses a line unseen.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use crate::management::{ask, dump, management};
use crate::support::{Daemon, PATIENCE, accounting, assert_books_close, binary};

/// A management port that says what it is told to say.
struct Health {
    address: SocketAddr,
    up: Arc<AtomicBool>,
}

impl Health {
    fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let up = Arc::new(AtomicBool::new(true));
        let said = Arc::clone(&up);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let mut question = [0; 8];
                if stream.read_exact(&mut question).is_ok() && &question == b"health\r\n" {
                    let state = if said.load(Ordering::Relaxed) { "up" } else { "down" };
                    stream.write_all(format!("health: {state}\n").as_bytes()).ok();
                }
            }
        });
        Self { address, up }
    }

    fn say(&self, up: bool) {
        self.up.store(up, Ordering::Relaxed);
    }
}

fn node_arguments(port: u16) -> [String; 6] {
    let address = format!("127.0.0.1:{port}");
    ["-b", &address, "-s", "console:", "-f", "3600"].map(str::to_owned)
}

fn node(port: u16) -> Daemon {
    let arguments = node_arguments(port);
    Daemon::start(&arguments.each_ref().map(String::as_str))
}

/// The books of a daemon that is stopped; they must close.
fn stop(daemon: Daemon) -> BTreeMap<String, i128> {
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    let books = accounting(&log);
    assert_books_close(&books);
    books
}

/// The name of a peer in own metrics and in the log.
fn peer_name(address: SocketAddr) -> String {
    address.to_string().replace(['.', ':', '[', ']'], "_")
}

/// A port that nobody else has at the moment.
fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn a_repeater_copies_what_it_is_asked_to_and_what_is_bad_too() {
    let copy = node(0);
    let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
    let tcp_address = tcp.local_addr().unwrap();
    let config = format!(
        "[[repeater]]\nurl = \"udp://{}\"\n\
         [[repeater]]\nurl = \"tcp://{tcp_address}\"\nmatch = [\"web.**\"]\n",
        copy.address()
    );
    let daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-s", "console:"]);
    daemon.send(&["web.a:1|c\nother:1|c", "no colon", "", "web.b:2|c\n", "web.c:nan|c"]);
    let mut lines = BufReader::new(tcp.accept().unwrap().0).lines().map_while(Result::ok);
    let read: Vec<_> = lines.by_ref().take(3).collect();
    assert_eq!(read, ["web.a:1|c", "web.b:2|c", "web.c:nan|c"]);
    let books = stop(daemon);
    assert_eq!(lines.count(), 0);
    // Copies are no part of the daemon's own identities.
    assert_eq!((books["lines.received"], books["samples.aggregated"]), (5, 3));
    let udp = peer_name(copy.address());
    assert_eq!((books[&format!("{udp}:passed")], books[&format!("{udp}:sent")]), (4, 4));
    assert_eq!(books[&format!("{}:sent", peer_name(tcp_address))], 3);
    let copied = stop(copy);
    assert_eq!((copied["lines.received"], copied["samples.aggregated"]), (5, 3));
    assert_eq!(copied["lines.rejected.no_value"], 1);
}

#[test]
fn what_a_dead_peer_does_not_get_is_counted_and_delays_nobody() {
    // Bound by nobody, so that the system says so at once.
    let (udp, tcp) = (free_port(), free_port());
    let config = format!(
        "shutdown_timeout = 0.5\n\
         [[repeater]]\nurl = \"127.0.0.1:{udp}\"\n\
         [[repeater]]\nurl = \"tcp://127.0.0.1:{tcp}\"\nqueue_bytes = 1024\n"
    );
    let daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-s", "console:"]);
    let packets: Vec<_> = (0..1_000).map(|index| format!("a{index}:1|c")).collect();
    daemon.send(&packets);
    let books = stop(daemon);
    assert_eq!(books["samples.aggregated"], 1_000);
    let count = |port: u16, what: &str| {
        books.get(&format!("127_0_0_1_{port}:{what}")).copied().unwrap_or(0)
    };
    assert_eq!((count(udp, "passed"), count(udp, "dropped.refused")), (1_000, 1_000));
    assert_eq!((count(tcp, "passed"), count(tcp, "sent")), (1_000, 0));
    let (full, shutdown) = (count(tcp, "dropped.queue_full"), count(tcp, "dropped.shutdown"));
    assert!(full > 0 && shutdown > 0);
    assert_eq!(full + shutdown, 1_000);
}

/// Sends lines without a pause until it is told to stop. Gives how many.
fn load(to: SocketAddr, stop: &AtomicBool) -> i128 {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut sent = 0;
    while !stop.load(Ordering::Relaxed) {
        let mut packet = String::new();
        for index in 0..20 {
            writeln!(packet, "servers.web{}.requests:1|c", (sent + index) % 500).unwrap();
        }
        socket.send_to(packet.as_bytes(), to).unwrap();
        sent += 20;
        thread::sleep(Duration::from_micros(300));
    }
    sent
}

#[test]
fn a_relay_keeps_every_line_while_a_node_leaves_and_comes_back() {
    let mut nodes = [node(0), node(0), node(0)];
    let addresses = nodes.each_ref().map(Daemon::address);
    let health = [(); 3].map(|()| Health::start());
    let mut config = "workers = 2\n[relay]\ncheck_interval = 0.1\n".to_owned();
    for (address, health) in addresses.iter().zip(&health) {
        let health = health.address;
        writeln!(config, "[[relay.node]]\nurl = \"{address}\"\nhealth = \"{health}\"").unwrap();
    }
    let mut relay = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-s", "console:"]);
    let (to, over) = (relay.address(), Arc::new(AtomicBool::new(false)));
    let loads = [(); 2].map(|()| {
        let over = Arc::clone(&over);
        thread::spawn(move || load(to, &over))
    });
    thread::sleep(Duration::from_millis(300));
    // Taken off the ring before it is stopped, as an operator would do.
    health[1].say(false);
    relay.wait_for_log(&format!("relay: {} is down", addresses[1]));
    thread::sleep(Duration::from_millis(100));
    let again = node_arguments(addresses[1].port());
    let (status, first_log) = std::mem::replace(&mut nodes[1], node(0)).stop();
    assert!(status.success());
    nodes[1] = Daemon::start(&again.each_ref().map(String::as_str));
    thread::sleep(Duration::from_millis(200));
    health[1].say(true);
    relay.wait_for_log(&format!("relay: {} is up", addresses[1]));
    thread::sleep(Duration::from_millis(300));
    over.store(true, Ordering::Relaxed);
    let sent: i128 = loads.map(|load| load.join().unwrap()).iter().sum();

    let books = stop(relay);
    assert_eq!((books["lines.received"], books["lines.relayed"]), (sent, sent));
    assert_eq!(books["samples.received"], 0);
    let first = accounting(&first_log);
    assert_books_close(&first);
    let [a, b, c] = nodes.map(stop);
    let of_each = [&a, &first, &b, &c].map(|books| books["samples.aggregated"]);
    assert_eq!(of_each.iter().sum::<i128>(), sent, "{of_each:?} {books:?}");
    assert!(of_each.iter().all(|&count| count > 0), "{of_each:?}");
    // Packed: more lines than packets.
    assert!(a["datagrams.received"] < a["lines.metric"], "{a:?}");
}

#[test]
fn a_relay_follows_what_its_nodes_say_of_their_health() {
    let commands = "[management]\naddress = \"127.0.0.1:0\"\n";
    let nodes = [(); 2].map(|()| {
        Daemon::configured(commands, &["-b", "127.0.0.1:0", "-s", "console:", "-f", "3600"])
    });
    let names = nodes.each_ref().map(|node| node.address().to_string());
    let ports = nodes.each_ref().map(management);
    let mut config = format!("{commands}[relay]\ncheck_interval = 0.1\n");
    for (name, port) in names.iter().zip(ports) {
        writeln!(config, "[[relay.node]]\nurl = \"{name}\"\nhealth = \"{port}\"").unwrap();
    }
    let relay = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-s", "console:"]);
    let status = management(&relay);
    // Each node once: a check that is under way may have asked before the answer changed.
    let wait_for_nodes = |up: &[&String]| {
        let up: String = up.iter().map(|name| format!("{name} ")).collect();
        let end = Instant::now() + PATIENCE;
        while !ask(status, "status").ends_with(&format!("\nnodes: {up}\n")) {
            assert!(Instant::now() < end, "{}", ask(status, "status"));
            thread::sleep(Duration::from_millis(20));
        }
    };
    let lines: Vec<_> = (0..50).map(|index| format!("name{index}:1|c")).collect();
    wait_for_nodes(&[&names[0], &names[1]]);
    let mut sent = 0;
    for _ in 0..3 {
        assert_eq!(ask(ports[0], "health down"), "health: down\n");
        wait_for_nodes(&[&names[1]]);
        relay.send(&lines);
        ask(ports[1], "health down");
        wait_for_nodes(&[]);
        ask(ports[0], "health up");
        wait_for_nodes(&[&names[0]]);
        relay.send(&lines);
        ask(ports[1], "health up");
        wait_for_nodes(&[&names[0], &names[1]]);
        relay.send(&lines);
        sent += 150;
    }
    assert!(ask(status, "help").ends_with(", quit, status\n\n"));
    assert_eq!(ask(ports[0], "status"), "ERROR\n");
    // All of it has arrived.
    let counted = |port: SocketAddr| -> f64 {
        let counters = dump(port, "counters");
        counters.as_object().unwrap().values().map(|value| value.as_f64().unwrap()).sum()
    };
    let end = Instant::now() + PATIENCE;
    while ports.map(counted).iter().sum::<f64>() < 450.0 {
        assert!(Instant::now() < end, "{:?}", ports.map(counted));
    }
    let [first, second] = nodes;
    // One that is gone says nothing, which is not up either.
    let first = stop(first);
    wait_for_nodes(&[&names[1]]);
    relay.send(&lines);
    sent += 50;
    let books = stop(relay);
    assert_eq!((books["lines.relayed"], books["relay.lines.dropped.no_node"]), (sent, 0));
    let second = stop(second);
    let of_each = [&first, &second].map(|books| books["samples.aggregated"]);
    assert_eq!(of_each.iter().sum::<i128>(), sent, "{of_each:?}");
    assert!(of_each[0] >= 150 && of_each[1] >= 200, "{of_each:?}");
}

#[test]
fn a_node_that_vanished_is_counted_until_it_is_off_the_ring() {
    let gone = free_port();
    let health = Health::start();
    let config = format!(
        "[relay]\ncheck_interval = 3600\npacket_bytes = 1\n\
         [[relay.node]]\nurl = \"127.0.0.1:{gone}\"\nhealth = \"{}\"\n",
        health.address
    );
    let mut relay = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-s", "console:"]);
    // The probe was refused, so its health was asked for; it is well all the same.
    relay.send(&["a:1|c\nb:1|c\nc:1|c"]);
    thread::sleep(Duration::from_millis(300));
    // The next refusal asks again, long before the interval is over.
    health.say(false);
    relay.send(&["d:1|c"]);
    relay.wait_for_log(&format!("relay: 127.0.0.1:{gone} is down"));
    relay.send(&["e:1|c\nf:1|c"]);
    thread::sleep(Duration::from_millis(100));
    let (status, log) = relay.stop();
    assert!(status.success());
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!((books["lines.received"], books["lines.relayed"]), (6, 6));
    let node = format!("127_0_0_1_{gone}");
    assert_eq!((books[&format!("{node}:passed")], books[&format!("{node}:sent")]), (4, 0));
    assert_eq!(books[&format!("{node}:dropped.refused")], 4);
    assert_eq!(books["relay.lines.dropped.no_node"], 2);
}

#[test]
fn two_relays_that_lead_to_each_other_break_the_loop() {
    let (first, second) = (free_port(), free_port());
    let start = |own: u16, other: u16| {
        let config = format!("[[relay.node]]\nurl = \"127.0.0.1:{other}\"\n");
        Daemon::configured(&config, &["-b", &format!("127.0.0.1:{own}"), "-s", "console:"])
    };
    let mut first_relay = start(first, second);
    let mut second_relay = start(second, first);
    second_relay.wait_for_log(&format!("relay: 127.0.0.1:{first} sends our lines back to us"));
    // A line goes as far as the one who knows, and no further.
    first_relay.send(&["a:1|c"]);
    thread::sleep(Duration::from_millis(200));
    first_relay.signal("TERM");
    let (_, log) = first_relay.wait();
    assert!(accounting(&log)["lines.received"] <= 3, "{log}");
    let books = stop(second_relay);
    assert_eq!(books["relay.loops"], 1);
    assert_eq!(books["relay.lines.dropped.no_node"], 1);
}

#[test]
fn f68_an_address_of_our_own_is_refused_at_the_start() {
    let port = free_port();
    for (table, what) in [("[[repeater]]", "repeater"), ("[[relay.node]]", "relay.node")] {
        let folder = crate::support::Folder::new();
        let path = folder.file("loop.toml");
        std::fs::write(&path, format!("{table}\nurl = \"localhost:{port}\"\n")).unwrap();
        let output = std::process::Command::new(binary())
            .args(["-c", &path, "-b", &format!("127.0.0.1:{port}")])
            .output()
            .unwrap();
        assert_eq!(output.status.code(), Some(1));
        let error = String::from_utf8(output.stderr).unwrap();
        let expected = format!("{what} localhost:{port} is an address that this daemon listens on");
        assert!(error.contains(&expected), "{error}");
        assert_eq!(error.lines().count(), 1, "{error}");
    }
}
