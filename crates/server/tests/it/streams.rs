//! Connections over TCP: what comes over them, and what each of them can do to the others.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::process::Command;
use std::thread;
use std::time::Duration;

use socket2::SockRef;

use crate::support::{Daemon, PATIENCE, SpyGraphite, accounting, assert_books_close, binary, sum};

/// A daemon that listens over TCP, and over UDP beside it, and flushes at its end.
fn start(config: &str, spy: &SpyGraphite) -> Daemon {
    let tcp = "[[listen]]\naddress = \"tcp://127.0.0.1:0\"\n";
    let udp = "[[listen]]\naddress = \"127.0.0.1:0\"\n";
    // What the configuration begins with stands above all tables.
    let (above, listener) = config.split_once("---\n").unwrap_or((config, ""));
    let text = format!("{above}\n{tcp}{listener}\n{udp}");
    Daemon::configured(&text, &["-s", &spy.sink(), "-f", "600"])
}

fn connect(daemon: &Daemon) -> TcpStream {
    let stream = TcpStream::connect(daemon.address()).unwrap();
    // It may be closed already.
    stream.set_nodelay(true).ok();
    stream
}

/// Waits until the other end has closed the connection, in order or not.
fn wait_for_end(mut stream: &TcpStream) {
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    loop {
        match stream.read(&mut [0]) {
            Ok(0) => return,
            Err(error) if error.kind() == ErrorKind::ConnectionReset => return,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            other => panic!("{other:?} instead of the end"),
        }
    }
}

/// Asks again and again until it is so.
fn wait_until(what: &str, so: impl Fn() -> bool) {
    let end = std::time::Instant::now() + PATIENCE;
    while !so() {
        assert!(std::time::Instant::now() < end, "not so after {PATIENCE:?}: {what}");
    }
}

/// Sends a counter of 1 over UDP, to see later that nothing came in its way.
fn canary(daemon: &Daemon) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"canary:1|c", daemon.addresses[1]).unwrap();
}

/// Ends the daemon, and gives its books, which close, and the sum of a counter at the sink.
fn stop(daemon: Daemon, spy: &SpyGraphite) -> (BTreeMap<String, i128>, impl Fn(&str) -> f64) {
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    let books = accounting(&log);
    assert_books_close(&books);
    let lines = spy.all_lines(&log);
    (books, move |name: &str| sum(&lines, &format!("stats_counts.{name}")))
}

#[test]
fn f37_lines_arrive_however_they_are_cut() {
    let spy = SpyGraphite::start();
    let daemon = start("", &spy);
    let text = b"a:1|c\nb:2|c\r\n\na:3|c|@0.5\nnothing\nc:x|c:4|c\n";
    for piece in [1, 2, 7, text.len()] {
        let mut stream = connect(&daemon);
        for bytes in text.chunks(piece) {
            stream.write_all(bytes).unwrap();
            thread::sleep(Duration::from_micros(500));
        }
    }
    let (books, count) = stop(daemon, &spy);
    assert_eq!((count("a"), count("b"), count("c")), (28.0, 8.0, 16.0));
    assert_eq!(books["lines.received"], 4 * 5);
    assert_eq!(books["lines.rejected.no_value"], 4);
    assert_eq!(books["samples.rejected.bad_value"], 4);
    assert_eq!(books["streams.bytes"], 4 * text.len() as i128);
    assert_eq!(books["connections.accepted"], 4);
    assert_eq!(books["connections.closed.peer"], 4);
    assert_eq!(books["datagrams.received"], 0);
}

#[test]
fn a_thousand_connections_at_once_lose_nothing() {
    let spy = SpyGraphite::start();
    let daemon =
        start("workers = 2\nconnections_max = 1000\nconnections_per_address_max = 1000", &spy);
    let mut streams: Vec<TcpStream> = (0..1_000).map(|_| connect(&daemon)).collect();
    for round in 0..5 {
        for (index, stream) in streams.iter_mut().enumerate() {
            // A whole line and a half in each round; the rest comes in the next one.
            let text = match round % 2 {
                0 => format!("all:1|c\nof.{}", index % 10),
                _ => ":1|c\n".to_owned(),
            };
            stream.write_all(text.as_bytes()).unwrap();
        }
    }
    for stream in &mut streams {
        stream.write_all(b":1|c\n").unwrap();
    }
    let (books, count) = stop(daemon, &spy);
    assert_eq!(count("all"), 3_000.0);
    assert_eq!((0..10).map(|index| count(&format!("of.{index}"))).sum::<f64>(), 3_000.0);
    assert_eq!(books["connections.accepted"], 1_000);
    assert_eq!(books["lines.received"], 6_000);
}

#[test]
fn what_go_metrics_sends_over_tcp_is_read() {
    let spy = SpyGraphite::start();
    let daemon = start("", &spy);
    // As its buffered writer has it: lines of every type, flushed as the buffer fills, not at
    // the end of a line.
    let mut text = String::new();
    for number in 0..1_000 {
        text.push_str("app.requests:1.000000|c\napp.latency:0.25|ms\n");
        text.push_str(&format!("app.queue:{number}.000000|g\napp.version:{number}|kv\n"));
    }
    let mut stream = connect(&daemon);
    text.as_bytes().chunks(1_400).for_each(|flushed| stream.write_all(flushed).unwrap());
    let (_, log) = daemon.stop();
    let (books, lines) = (accounting(&log), spy.all_lines(&log));
    assert_books_close(&books);
    assert_eq!(sum(&lines, "stats_counts.app.requests"), 1_000.0);
    assert_eq!(sum(&lines, "stats.timers.app.latency.count"), 1_000.0);
    assert_eq!(sum(&lines, "stats.app.queue"), 999.0);
    assert_eq!(sum(&lines, "stats.app.version"), 999.0);
    assert_eq!(books["samples.aggregated"], 4_000);
}

#[test]
fn lines_of_a_connection_are_repeated_in_packets() {
    let spy = SpyGraphite::start();
    let copy = UdpSocket::bind("127.0.0.1:0").unwrap();
    copy.set_read_timeout(Some(PATIENCE)).unwrap();
    let config = format!("---\n[[repeater]]\nurl = \"udp://{}\"\n", copy.local_addr().unwrap());
    let daemon = start(&config, &spy);
    let text = "a:1|c\nbb:2|c\n".repeat(1_000);
    connect(&daemon).write_all(text.as_bytes()).unwrap();
    let (mut repeated, mut buffer) = (Vec::new(), vec![0; 65_536]);
    while repeated.len() < text.len() {
        let bytes = copy.recv(&mut buffer).unwrap();
        assert!(bytes <= 1_432 && buffer[..bytes].ends_with(b"|c\n"), "{bytes}");
        repeated.extend_from_slice(&buffer[..bytes]);
    }
    assert_eq!(String::from_utf8(repeated).unwrap(), text);
    let (_, count) = stop(daemon, &spy);
    assert_eq!((count("a"), count("bb")), (1_000.0, 2_000.0));
}

#[test]
fn the_order_within_one_connection_holds() {
    let spy = SpyGraphite::start();
    let daemon = start("workers = 2", &spy);
    let mut streams: Vec<TcpStream> = (0..4).map(|_| connect(&daemon)).collect();
    for value in 0..2_000 {
        for (index, stream) in streams.iter_mut().enumerate() {
            stream.write_all(format!("g{index}:{value}|g\n").as_bytes()).unwrap();
        }
    }
    let (_, log) = daemon.stop();
    let lines = spy.all_lines(&log);
    for index in 0..4 {
        assert_eq!(sum(&lines, &format!("stats.g{index}")), 1_999.0);
    }
}

#[test]
fn f31_who_takes_ever_so_long_for_a_line_is_closed_and_nobody_else() {
    let spy = SpyGraphite::start();
    let config = "connections_per_address_max = 1024\n---\nframe_timeout = 0.3\nidle_timeout = 0\n";
    let daemon = start(config, &spy);
    let mut idle = connect(&daemon);
    let slow: Vec<TcpStream> = (0..200).map(|_| connect(&daemon)).collect();
    for round in 0..3 {
        for mut stream in &slow {
            // Whoever is closed already cannot write.
            let written = stream.write_all(b"slow.");
            assert!(round > 0 || written.is_ok());
        }
        thread::sleep(Duration::from_millis(120));
        idle.write_all(b"good:1|c\n").unwrap();
    }
    slow.iter().for_each(wait_for_end);
    idle.write_all(b"good:1|c\n").unwrap();
    canary(&daemon);
    let (books, count) = stop(daemon, &spy);
    assert_eq!((count("good"), count("canary")), (4.0, 1.0));
    assert_eq!(books["connections.closed.idle"], 200);
    assert_eq!(books["lines.rejected.truncated"], 200);
}

#[test]
fn who_says_nothing_for_too_long_is_closed() {
    let spy = SpyGraphite::start();
    let daemon = start("---\nidle_timeout = 0.2\n", &spy);
    let (mut one, silent) = (connect(&daemon), connect(&daemon));
    one.write_all(b"a:1|c\n").unwrap();
    wait_for_end(&silent);
    wait_for_end(&one);
    let (books, count) = stop(daemon, &spy);
    assert_eq!(count("a"), 1.0);
    assert_eq!(books["connections.closed.idle"], 2);
    assert!(!books.contains_key("lines.rejected.truncated"));
}

#[test]
fn f32_a_gigabyte_without_a_newline_ends_its_connection_at_once() {
    let spy = SpyGraphite::start();
    let daemon = start("", &spy);
    let (mut other, mut endless) = (connect(&daemon), connect(&daemon));
    endless.write_all(b"before:1|c\n").unwrap();
    let megabyte = vec![b'x'; 1 << 20];
    let written = (0..1_024).take_while(|_| endless.write_all(&megabyte).is_ok()).count();
    assert!(written < 100, "{written} MiB were taken");
    wait_for_end(&endless);
    other.write_all(b"other:1|c\n").unwrap();
    canary(&daemon);
    let (books, count) = stop(daemon, &spy);
    assert_eq!((count("before"), count("other"), count("canary")), (1.0, 1.0, 1.0));
    assert_eq!(books["lines.rejected.line_too_long"], 1);
    assert_eq!(books["connections.closed.line_too_long"], 1);
    assert_eq!(books["connections.closed.shutdown"], 1);
}

#[test]
fn f15_a_line_on_a_stream_may_have_8192_bytes_and_no_more() {
    let spy = SpyGraphite::start();
    let daemon = start("", &spy);
    for bytes in [8_192, 8_193] {
        let mut stream = connect(&daemon);
        let tags = "t".repeat(bytes - "a:1|c|#".len());
        stream.write_all(format!("a:1|c|#{tags}\n").as_bytes()).unwrap();
        stream.write_all(b"b:1|c\n").unwrap();
    }
    let (books, count) = stop(daemon, &spy);
    assert_eq!((count("a"), count("b")), (1.0, 1.0));
    assert_eq!(books["lines.rejected.line_too_long"], 1);
}

#[test]
fn f33_what_was_whole_before_a_connection_broke_counts() {
    let spy = SpyGraphite::start();
    let daemon = start("", &spy);
    let mut reset = connect(&daemon);
    reset.write_all(b"a:1|c\nb:1|").unwrap();
    // Not before it was taken in: a reset may overtake what was sent.
    thread::sleep(Duration::from_millis(100));
    SockRef::from(&reset).set_linger(Some(Duration::ZERO)).unwrap();
    drop(reset);
    let mut ended = connect(&daemon);
    ended.write_all(b"a:1|c\nb:1|c").unwrap();
    drop(ended);
    let mut whole = connect(&daemon);
    whole.write_all(b"a:1|c\n").unwrap();
    drop(whole);
    thread::sleep(Duration::from_millis(100));
    let mut open = connect(&daemon);
    open.write_all(b"a:1|c\nc:1").unwrap();
    let (books, count) = stop(daemon, &spy);
    assert_eq!((count("a"), count("b")), (4.0, 0.0));
    assert_eq!(books["lines.rejected.truncated"], 3);
    assert_eq!(books["connections.closed.broken"], 1);
    assert_eq!(books["connections.closed.peer"], 2);
    assert_eq!(books["connections.closed.shutdown"], 1);
}

#[test]
fn there_are_as_many_connections_as_may_be_and_as_one_address_may_have() {
    let spy = SpyGraphite::start();
    let daemon = start("connections_max = 5\nconnections_per_address_max = 3", &spy);
    let from = |address: [u8; 4]| {
        let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None);
        let socket = socket.unwrap();
        socket.bind(&SocketAddr::from((Ipv4Addr::from(address), 0)).into()).unwrap();
        socket.connect(&daemon.address().into()).unwrap();
        TcpStream::from(socket)
    };
    let mut good: Vec<TcpStream> = (0..3).map(|_| from([127, 0, 0, 1])).collect();
    wait_for_end(&from([127, 0, 0, 1]));
    good.extend((0..2).map(|_| from([127, 0, 0, 2])));
    wait_for_end(&from([127, 0, 0, 3]));
    // A place that is free again is taken again.
    drop(good.remove(0));
    thread::sleep(Duration::from_millis(100));
    good.push(from([127, 0, 0, 1]));
    for stream in &mut good {
        stream.write_all(b"a:1|c\n").unwrap();
    }
    let (books, count) = stop(daemon, &spy);
    assert_eq!(count("a"), 5.0);
    assert_eq!(books["connections.accepted"], 6);
    assert_eq!(books["connections.refused.address_limit"], 1);
    assert_eq!(books["connections.refused.connection_limit"], 1);
}

#[test]
fn f35_without_file_descriptors_connections_are_refused_and_all_else_goes_on() {
    let spy = SpyGraphite::start();
    let mut command = Command::new("sh");
    let exec = "ulimit -n 128 && exec \"$@\"";
    command.args(["-c", exec, "sh", &binary(), "-b", "tcp://127.0.0.1:0", "-b", "127.0.0.1:0"]);
    command.args(["-s", &spy.sink(), "-f", "0.2"]);
    let mut daemon = Daemon::start_command(&mut command);
    daemon.wait_for_log("connections_max: the system gives this process file descriptors for ");
    let streams: Vec<TcpStream> = (0..400).map(|_| connect(&daemon)).collect();
    for _ in 0..5 {
        canary(&daemon);
        thread::sleep(Duration::from_millis(100));
    }
    spy.wait_for("stats_counts.canary");
    drop(streams);
    thread::sleep(Duration::from_millis(200));
    connect(&daemon).write_all(b"a:1|c\n").unwrap();
    thread::sleep(Duration::from_millis(100));
    let (books, count) = stop(daemon, &spy);
    assert_eq!((count("canary"), count("a")), (5.0, 1.0));
    let refused = books["connections.refused.fd_limit"];
    assert!(refused > 300, "{refused}");
    assert_eq!(books["connections.accepted"] + refused, 401);
}

#[test]
fn f36_a_flood_of_connections_starts_no_thread_and_costs_no_packet() {
    let spy = SpyGraphite::start();
    let daemon = start("", &spy);
    let threads = || {
        let tasks = format!("/proc/{}/task", daemon.pid());
        std::fs::read_dir(tasks).unwrap().count()
    };
    // All of them are there once a connection was read.
    let mut first = connect(&daemon);
    first.write_all(&[b'x'; 10_000]).unwrap();
    wait_for_end(&first);
    let before = threads();
    let address = daemon.address();
    let flood: Vec<_> = (0..4)
        .map(|_| {
            thread::spawn(move || {
                for _ in 0..1_000 {
                    let stream = TcpStream::connect(address).unwrap();
                    SockRef::from(&stream).set_linger(Some(Duration::ZERO)).unwrap();
                }
            })
        })
        .collect();
    let mut most = before;
    for _ in 0..200 {
        canary(&daemon);
        most = most.max(threads());
        thread::sleep(Duration::from_millis(1));
    }
    flood.into_iter().for_each(|thread| thread.join().unwrap());
    assert_eq!(most, before);
    let (books, count) = stop(daemon, &spy);
    assert_eq!(count("canary"), 200.0);
    assert_eq!(books["datagrams.dropped.kernel"], 0);
    assert_eq!(books["connections.open"], 0);
}

#[test]
fn f29_lists_of_sources_hold_over_tcp_and_udp_for_both_spellings_of_an_address() {
    let spy = SpyGraphite::start();
    let listener = |address: &str, list: &str| {
        format!("[[listen]]\naddress = \"{address}\"\n{list} = [\"127.0.0.0/8\"]\n")
    };
    let config = [
        listener("tcp://[::]:0", "deny"),
        listener("udp://[::]:0", "deny"),
        listener("tcp://:0", "deny"),
        listener("udp://:0", "deny"),
        listener("tcp://:0", "allow"),
        listener("udp://:0", "allow"),
    ]
    .concat();
    let daemon = Daemon::configured(&config, &["-s", &spy.sink(), "-f", "600"]);
    for (index, address) in daemon.addresses.iter().enumerate() {
        let hosts: &[&str] = if index < 2 { &["::1"] } else { &["127.0.0.1", "::1"] };
        for host in hosts {
            let text = format!("l{index}:1|c\n");
            let to = (*host, address.port());
            if index % 2 == 1 {
                let any = if host.contains(':') { "[::]:0" } else { "0.0.0.0:0" };
                let socket = UdpSocket::bind(any).unwrap();
                socket.send_to(text.as_bytes(), to).unwrap();
            } else {
                // It may be closed before this is written.
                TcpStream::connect(to).unwrap().write_all(text.as_bytes()).ok();
            }
        }
    }
    thread::sleep(Duration::from_millis(100));
    let (books, count) = stop(daemon, &spy);
    let counts: Vec<f64> = (0..6).map(|index| count(&format!("l{index}"))).collect();
    assert_eq!(counts, [1.0; 6]);
    assert_eq!(books["connections.refused.denied"], 2);
    assert_eq!(books["connections.accepted"], 3);
    assert_eq!(books["datagrams.denied"], 2);
    assert_eq!(books["datagrams.received"], 5);
}

#[test]
fn what_was_sent_before_the_end_counts() {
    let spy = SpyGraphite::start();
    let daemon = start("", &spy);
    let mut streams: Vec<TcpStream> = (0..20).map(|_| connect(&daemon)).collect();
    for stream in &mut streams {
        stream.write_all("a:1|c\n".repeat(1_000).as_bytes()).unwrap();
    }
    let (_, count) = stop(daemon, &spy);
    assert_eq!(count("a"), 20_000.0);
}

#[test]
fn f43_an_address_that_cannot_be_had_is_one_line_and_exit_code_1() {
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let taken = taken.local_addr().unwrap();
    for (url, why) in [
        (format!("tcp://{taken}"), "Address already in use"),
        ("tcp://192.0.2.1:0".to_owned(), "Cannot assign requested address"),
        ("tcp://nowhere.invalid:0".to_owned(), "failed to lookup address"),
    ] {
        let output = Command::new(binary()).args(["-b", "127.0.0.1:0", "-b", &url]).output();
        let output = output.unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        assert!(said.starts_with(&format!("gstatsd: cannot listen on {url}: ")), "{said}");
        assert!(said.contains(why) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn a_reload_changes_a_listener_without_closing_it_and_ends_one_with_its_connections() {
    let spy = SpyGraphite::start();
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let listener =
        |list: &str| format!("[[listen]]\naddress = \"tcp://127.0.0.1:{port}\"\n{list}\n");
    let udp = "[[listen]]\naddress = \"127.0.0.1:0\"\n";
    let mut daemon =
        Daemon::configured(&[&listener(""), udp].concat(), &["-s", &spy.sink(), "-f", "600"]);
    let mut first = connect(&daemon);
    first.write_all(b"a:1|c\n").unwrap();
    let denying = listener("deny = [\"127.0.0.1\"]\nframe_bytes_max = 16");
    daemon.reload(&[&denying, udp].concat());
    daemon.wait_for_log("applied: [[listen]]");
    first.write_all(b"a:1|c\n").unwrap();
    // Whoever accepts connections learns of the list a moment later.
    wait_until("a connection is denied", || {
        let stream = connect(&daemon);
        stream.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
        !matches!((&stream).read(&mut [0]), Err(error) if error.kind() == ErrorKind::WouldBlock)
    });
    daemon.reload(udp);
    daemon.wait_for_log(&format!("no longer listening on tcp://127.0.0.1:{port}"));
    wait_for_end(&first);
    wait_until("the listener is closed", || TcpStream::connect(daemon.address()).is_err());
    canary(&daemon);
    let (books, count) = stop(daemon, &spy);
    assert_eq!((count("a"), count("canary")), (2.0, 1.0));
    assert_eq!(books["connections.refused.denied"], 1);
}
