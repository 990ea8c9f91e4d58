//! Sinks that are down, slow, torn or silent disturb nobody else.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{
    Daemon, PATIENCE, SpyGraphite, accounting, assert_books_close, sum, without_own,
};

/// Starts a daemon with a healthy sink and one at `port`, lets it flush 10 times a second, sends
/// 20 rounds of counts, and checks that the healthy sink got all of them on time. Gives the log.
fn beside(port: u16, config: &str, before_stop: impl FnOnce(&mut Daemon)) -> String {
    let spy = SpyGraphite::start();
    let config = format!(
        "shutdown_timeout = 0.5\n\
         [[sink]]\nname = \"bad\"\nurl = \"127.0.0.1:{port}\"\n{config}\n\
         [[sink]]\nname = \"good\"\nurl = \"{}\"\n",
        spy.sink()
    );
    let mut daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-f", "0.1"]);
    // Long names, so that what waits is more than any buffer of the kernel takes.
    let names: Vec<_> = (0..200).map(|index| format!("{}{index}", "n".repeat(900))).collect();
    let packets: Vec<_> = names.iter().map(|name| format!("{name}:1|c\na:1|c")).collect();
    for round in 1..=20 {
        daemon.send(&packets);
        let expected = f64::from(round) * 200.0;
        // Waits for the flush of this round: a sink that holds up another would fail here.
        spy.wait_until("the flush", |lines| {
            (sum(lines, "stats_counts.a") >= expected).then_some(())
        });
    }
    before_stop(&mut daemon);
    let (status, log) = daemon.stop();
    assert!(status.success());
    let books = accounting(&log);
    assert_books_close(&books);
    let lines = spy.all_lines(&log);
    assert_eq!(sum(&lines, "stats_counts.a"), 4_000.0);
    let (emitted, delivered) = (books["good:points.emitted"], books["good:points.delivered"]);
    assert_eq!(emitted, delivered);
    assert_eq!(lines.len() as i128, delivered);
    assert_eq!(books["bad:points.emitted"], emitted);
    // Everything that the other did not take was counted.
    let dropped: i128 = books
        .iter()
        .filter(|(name, _)| name.starts_with("bad:points.dropped."))
        .map(|(_, count)| *count)
        .sum();
    let coalesced = books.get("bad:points.coalesced").copied().unwrap_or(0);
    assert_eq!(books["bad:points.delivered"] + dropped + coalesced, emitted);
    log
}

#[test]
fn a_sink_that_is_down() {
    // Bound but not listening: refuses, and nobody else gets the port.
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port();
    let log = beside(port, "queue_bytes = 40000\n", |_| {});
    let books = accounting(&log);
    assert_eq!(books["bad:points.delivered"], 0);
    // What does not fit is merged where there is time for that, and dropped where there is not.
    let full = ["dropped.queue_full", "coalesced"];
    let full = full.map(|what| books.get(&format!("bad:points.{what}")).copied().unwrap_or(0));
    assert!(full.iter().sum::<i128>() > 0, "{log}");
    assert!(log.contains("sink bad: cannot connect to 127.0.0.1"), "{log}");
    assert_eq!(log.contains("sink bad: the queue is full"), full[0] > 0, "{log}");
}

/// Row F53.
#[test]
fn a_sink_that_never_reads() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        let mut kept = Vec::new();
        for stream in listener.incoming().map_while(Result::ok) {
            kept.push(stream);
        }
    });
    let log = beside(port, "write_timeout = 0.2\nqueue_bytes = 200000\n", |_| {});
    assert!(accounting(&log)["bad:points.dropped.shutdown"] > 0, "{log}");
}

#[test]
fn a_sink_that_is_slow() {
    let (port, _) = slow_graphite();
    beside(port, "queue_bytes = 200000\n", |_| {});
}

/// Row F56: behind a proxy that lets little through, and that late.
#[test]
fn f56_a_sink_behind_a_slow_network_gets_whole_lines() {
    let (port, received) = slow_network();
    beside(port, "queue_bytes = 200000\n", |_| {});
    let text = received.recv_timeout(PATIENCE).unwrap();
    let whole = text.rfind('\n').map_or("", |end| &text[..end]);
    assert!(!whole.is_empty());
    for line in whole.lines() {
        assert_eq!(line.split(' ').count(), 3, "torn: {line}");
    }
}

#[test]
fn a_sink_that_resets_in_mid_line() {
    let (port, received) = resetting_graphite();
    let log = beside(port, "", |daemon| {
        daemon.wait_for_log("sink bad: delivers again");
    });
    assert!(accounting(&log)["bad:points.delivered"] > 0, "{log}");
    // The connection that was not reset has whole lines only, to the last flush.
    let text = received.recv_timeout(PATIENCE).unwrap();
    assert!(text.ends_with('\n'));
    for line in text.lines() {
        assert_eq!(line.split(' ').count(), 3, "torn: {line}");
        assert!(line.starts_with("stats") || line.starts_with("gstatsd."), "torn: {line}");
    }
    let flushes = |line: &str| line.split(' ').nth(1).unwrap().parse::<u32>().unwrap();
    let flushes: Vec<_> =
        text.lines().filter(|line| line.starts_with("gstatsd.flushes ")).map(flushes).collect();
    let expected: Vec<_> = (flushes[0]..).take(flushes.len()).collect();
    assert_eq!(flushes, expected, "no flush is missing");
}

#[test]
fn a_sink_that_comes_back_gets_what_waited_with_its_own_timestamps() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let url = format!("127.0.0.1:{port}");
    let good = SpyGraphite::start();
    let mut daemon =
        Daemon::start(&["-b", "127.0.0.1:0", "-s", &url, "-s", &good.sink(), "-f", "1"]);
    daemon.send(&["a:1|c"]);
    daemon.wait_for_log("cannot connect");
    daemon.send(&["b:2|c"]);
    good.wait_for("stats.b");
    let (sender, received) = channel();
    let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
    thread::spawn(move || collect(&listener, &sender));
    daemon.wait_for_log("delivers again");
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    let name = format!("graphite_127_0_0_1_{port}:points.");
    assert_eq!(books[&format!("{name}emitted")], books[&format!("{name}delivered")], "{log}");
    let text = received.recv_timeout(PATIENCE).unwrap();
    let all = good.all_lines(&log);
    assert_eq!(text.lines().count(), all.len());
    for line in all.iter().filter(|line| !line.name.contains(".sinks.")) {
        let line = format!("{} {} {}", line.name, line.value, line.timestamp);
        assert!(text.lines().any(|other| other == line), "{line} is missing");
    }
}

#[test]
fn every_sink_gets_everything() {
    let spies = [SpyGraphite::start(), SpyGraphite::start(), SpyGraphite::start()];
    let sinks: Vec<_> = spies.iter().map(SpyGraphite::sink).collect();
    let daemon = Daemon::start(&[
        "-b",
        "127.0.0.1:0",
        "-s",
        &sinks[0],
        "-s",
        &sinks[1],
        "-s",
        &sinks[2],
        "-f",
        "600",
    ]);
    daemon.send(&["a:1|c\nb:2|g\nc:3|ms\nd:x|s"]);
    let (_, log) = daemon.stop();
    let first = without_own(&spies[0].all_lines(&log));
    assert_eq!(first.len(), 2 + 2 + 5 + 1 + 1);
    assert_eq!(without_own(&spies[1].all_lines(&log)), first);
    assert_eq!(without_own(&spies[2].all_lines(&log)), first);
}

/// Reads a few bytes at a time, with pauses.
fn slow_graphite() -> (u16, thread::JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let reading = thread::spawn(move || {
        for mut stream in listener.incoming().map_while(Result::ok) {
            let mut buffer = [0; 1_024];
            while stream.read(&mut buffer).is_ok_and(|bytes| bytes > 0) {
                thread::sleep(Duration::from_millis(20));
            }
        }
    });
    (port, reading)
}

/// A proxy that takes a kilobyte now and then and passes it on half a second later, before a
/// Graphite. Gives what came through its first connection.
fn slow_network() -> (u16, Receiver<String>) {
    let (proxy, graphite) =
        (TcpListener::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap());
    let (port, behind) = (proxy.local_addr().unwrap().port(), graphite.local_addr().unwrap());
    let (sender, received) = channel();
    thread::spawn(move || collect(&graphite, &sender));
    thread::spawn(move || {
        for mut stream in proxy.incoming().map_while(Result::ok) {
            let mut onward = TcpStream::connect(behind).unwrap();
            let (late, arriving) = channel::<(Instant, Vec<u8>)>();
            thread::spawn(move || {
                for (sent, bytes) in arriving {
                    thread::sleep(Duration::from_millis(500).saturating_sub(sent.elapsed()));
                    onward.write_all(&bytes).ok();
                }
            });
            let mut buffer = [0; 1_024];
            while let Ok(bytes @ 1..) = stream.read(&mut buffer) {
                late.send((Instant::now(), buffer[..bytes].to_vec())).unwrap();
                thread::sleep(Duration::from_millis(20));
            }
        }
    });
    (port, received)
}

/// Resets the first connections after some bytes, each later than the one before, and reads the
/// others to their end. Gives what each connection sent.
fn resetting_graphite() -> (u16, Receiver<String>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, received) = channel();
    thread::spawn(move || {
        for bytes_max in [10, 1_000, 12_345] {
            let (stream, _) = listener.accept().unwrap();
            read_then_reset(stream, bytes_max);
        }
        collect(&listener, &sender);
    });
    (port, received)
}

/// Reads connections to their end, and gives what each of them sent.
fn collect(listener: &TcpListener, sender: &Sender<String>) {
    for mut stream in listener.incoming().map_while(Result::ok) {
        let mut text = String::new();
        // The end of a connection may be a reset.
        stream.read_to_string(&mut text).ok();
        sender.send(text).ok();
    }
}

fn read_then_reset(mut stream: TcpStream, bytes_max: usize) {
    let mut buffer = vec![0; bytes_max];
    stream.read_exact(&mut buffer).ok();
    // With unread bytes in its buffer a socket that is closed resets the connection.
    stream.write_all(b"").ok();
    drop(stream);
}

/// Row F53: what a peer has acknowledged and never read comes again.
#[test]
fn f53_what_a_graphite_acknowledged_and_lost_is_sent_again() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let config = format!("[[sink]]\nname = \"bad\"\nurl = \"127.0.0.1:{port}\"\nreplay = 20\n");
    let daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-f", "0.2"]);
    daemon.send(&["lost:7|c"]);
    let (lost, _) = listener.accept().unwrap();
    lost.set_read_timeout(Some(PATIENCE)).unwrap();
    let end = Instant::now() + PATIENCE;
    let mut seen = vec![0; 1 << 20];
    loop {
        let length = lost.peek(&mut seen).unwrap();
        if seen[..length].windows(20).any(|text| text == b"stats_counts.lost 7.") {
            break;
        }
        assert!(Instant::now() < end, "{}", seen[..length].escape_ascii());
        thread::sleep(Duration::from_millis(10));
    }
    // Another one says that it was taken for delivered.
    thread::sleep(Duration::from_millis(300));
    drop(lost);
    let (mut again, _) = listener.accept().unwrap();
    again.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut text = String::new();
    while !text.contains("stats_counts.lost 7.") {
        let length = again.read(&mut seen).unwrap();
        assert!(length > 0, "{text}");
        text.push_str(&String::from_utf8_lossy(&seen[..length]));
    }
    let reading = thread::spawn(move || std::io::copy(&mut again, &mut std::io::sink()));
    let (status, log) = daemon.stop();
    assert!(status.success());
    reading.join().unwrap().unwrap();
    let books = accounting(&log);
    assert_books_close(&books);
    assert!(books["bad:points.replayed"] > 0, "{books:?}");
    assert_eq!(books["bad:points.delivered"], books["bad:points.emitted"]);
}
