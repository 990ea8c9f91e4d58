//! Peers that answer anything but what they should.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::{Daemon, PATIENCE, SpyGraphite, accounting, assert_books_close, without_own};

/// A server of HTTP that answers each request as it is told, and keeps what was posted.
struct Peer {
    address: SocketAddr,
    requests: Arc<AtomicUsize>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Peer {
    /// `answer` gets the number of a request, and the text of its body.
    fn start(answer: impl Fn(usize, &str) -> String + Send + Sync + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let (requests, bodies) = (Arc::default(), Arc::default());
        let peer = Self { address, requests, bodies };
        let (requests, bodies) = (Arc::clone(&peer.requests), Arc::clone(&peer.bodies));
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let (requests, bodies) = (Arc::clone(&requests), Arc::clone(&bodies));
                let answer = Arc::clone(&answer);
                thread::spawn(move || serve(stream, &requests, &bodies, &*answer));
            }
        });
        peer
    }

    fn sink(&self) -> String {
        format!("influxdb://{}/stats", self.address)
    }

    fn requests(&self) -> usize {
        self.requests.load(Ordering::Relaxed)
    }

    fn wait_for_requests(&self, count: usize) {
        let end = Instant::now() + PATIENCE;
        while self.requests() < count {
            assert!(Instant::now() < end, "{} requests of {count}", self.requests());
            thread::sleep(Duration::from_millis(10));
        }
    }
}

fn serve(
    mut stream: TcpStream,
    requests: &AtomicUsize,
    bodies: &Mutex<Vec<String>>,
    answer: &(dyn Fn(usize, &str) -> String + Send + Sync),
) {
    loop {
        let (mut head, mut byte) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read(&mut byte) {
                Ok(1) => head.extend(byte),
                _ => return,
            }
        }
        let head = String::from_utf8_lossy(&head).to_ascii_lowercase();
        let length = head.split("content-length: ").nth(1).and_then(|rest| rest.lines().next());
        let mut body = vec![0; length.map_or(0, |length| length.parse().unwrap())];
        if stream.read_exact(&mut body).is_err() {
            return;
        }
        let body = String::from_utf8_lossy(&body).into_owned();
        let answer = answer(requests.fetch_add(1, Ordering::Relaxed), &body);
        bodies.lock().unwrap().push(body);
        if stream.write_all(answer.as_bytes()).is_err() || !answer.starts_with("HTTP") {
            return;
        }
    }
}

fn status(code: u16, headers: &str) -> String {
    format!("HTTP/1.1 {code} X\r\n{headers}Content-Length: 0\r\n\r\n")
}

fn daemon(sink: &str) -> Daemon {
    let config = format!(
        "own_metrics = \"\"\nflush_interval = 1\nshutdown_timeout = 0.5\n\
         [[sink]]\nname = \"peer\"\nurl = \"{sink}\"\ntimeout = 0.3\n"
    );
    Daemon::configured(&config, &["-b", "127.0.0.1:0"])
}

/// The points of the sink by what became of them.
fn points(daemon: Daemon) -> impl Fn(&str) -> i128 {
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    let counts = accounting(&log);
    assert_books_close(&counts);
    move |name| counts.get(&format!("peer:points.{name}")).copied().unwrap_or(0)
}

#[test]
fn f58_what_is_refused_is_counted_and_not_sent_again() {
    for code in [301, 308, 400, 404, 405, 410, 422] {
        let peer = Peer::start(move |_, _| status(code, "Location: http://127.0.0.1:1/\r\n"));
        let daemon = daemon(&peer.sink());
        daemon.send(&["a:1|c\nb:2|c"]);
        peer.wait_for_requests(1);
        let points = points(daemon);
        assert_eq!(points("dropped.rejected_by_sink"), points("emitted"), "{code}");
        assert_eq!(points("delivered"), 0, "{code}");
        assert_eq!(peer.requests(), 1, "{code}");
    }
}

#[test]
fn f58_what_may_pass_later_is_sent_until_it_does() {
    for code in [408, 429, 500, 503] {
        let peer = Peer::start(move |number, _| match number {
            0..2 => status(code, "Retry-After: 0\r\n"),
            _ => status(204, ""),
        });
        let daemon = daemon(&peer.sink());
        daemon.send(&["a:1|c\nb:2|c"]);
        peer.wait_for_requests(3);
        let points = points(daemon);
        assert_eq!(points("delivered"), points("emitted"), "{code}");
        let bodies = peer.bodies.lock().unwrap();
        assert!(bodies[0] == bodies[1] && bodies[1] == bodies[2], "{bodies:?}");
    }
}

#[test]
fn f58_a_wrong_token_loses_nothing_before_the_end() {
    let peer = Peer::start(|_, _| status(401, ""));
    let daemon = daemon(&peer.sink());
    daemon.send(&["a:1|c"]);
    peer.wait_for_requests(1);
    let points = points(daemon);
    assert_eq!(points("dropped.rejected_by_sink"), 0);
    assert_eq!(points("dropped.shutdown"), points("emitted"));
}

#[test]
fn f58_a_body_that_is_too_large_is_split_and_every_line_arrives_once() {
    let peer =
        Peer::start(|_, body| if body.len() > 600 { status(413, "") } else { status(200, "") });
    let daemon = daemon(&peer.sink());
    let lines: Vec<_> = (0..50).map(|number| format!("name.{number}:1|c")).collect();
    daemon.send(&[lines.join("\n")]);
    peer.wait_for_requests(5);
    let points = points(daemon);
    assert_eq!(points("delivered"), points("emitted"));
    let bodies = peer.bodies.lock().unwrap();
    let taken: Vec<_> =
        bodies.iter().filter(|body| body.len() <= 600).flat_map(|body| body.lines()).collect();
    for number in 0..50 {
        let begin = format!("name.{number},");
        let count = taken.iter().filter(|line| line.starts_with(&begin)).count();
        assert_eq!(count, 1, "{begin}");
    }
}

#[test]
fn f58_a_partial_write_counts_what_was_dropped() {
    let peer = Peer::start(|_, _| {
        let body = "{\"error\":\"partial write: points beyond retention policy dropped=1\"}";
        format!("HTTP/1.1 400 X\r\nContent-Length: {}\r\n\r\n{body}", body.len())
    });
    let daemon = daemon(&peer.sink());
    daemon.send(&["a:1|c\nb:2|c\nc:3|c"]);
    peer.wait_for_requests(1);
    let points = points(daemon);
    assert_eq!(points("dropped.rejected_by_sink"), 1);
    assert_eq!(points("delivered"), points("emitted") - 1);
}

#[test]
fn f54_a_peer_that_resets_gets_the_same_again() {
    // Nothing, half a status, half a head.
    let answers = ["", "HTTP/1.1 2", "HTTP/1.1 204 No Content\r\nX: "];
    let peer = Peer::start(move |number, _| match answers.get(number) {
        Some(answer) => format!("{answer}\0").replace("HTTP", "\u{0}HTTP")[1..].to_owned(),
        None => status(204, ""),
    });
    let daemon = daemon(&peer.sink());
    daemon.send(&["a:1|c\nb:2|c"]);
    peer.wait_for_requests(4);
    let points = points(daemon);
    assert_eq!(points("delivered"), points("emitted"));
}

#[test]
fn f61_one_dead_sink_of_five_leaves_the_others_as_they_are() {
    let never = TcpListener::bind("127.0.0.1:0").unwrap();
    let refusing = Peer::start(|_, _| status(500, ""));
    let (first, second) = (SpyGraphite::start(), SpyGraphite::start());
    let good = Peer::start(|_, _| status(204, ""));
    let sinks = [
        first.sink(),
        second.sink(),
        good.sink(),
        refusing.sink(),
        format!("otlp+http://{}", never.local_addr().unwrap()),
    ];
    let tables: String = sinks.iter().map(|url| format!("[[sink]]\nurl = \"{url}\"\n")).collect();
    let config =
        format!("own_metrics = \"\"\nflush_interval = 1\nshutdown_timeout = 0.5\n{tables}");
    let daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0"]);
    daemon.send(&["a:1|c\nb:2|g\nt:1:2:3|ms"]);
    let counter = first.wait_for("stats_counts.a");
    assert_eq!(second.wait_for("stats_counts.a"), counter);
    good.wait_for_requests(1);
    assert!(good.bodies.lock().unwrap()[0].contains("a,metric_type=counter value=1,rate=1 "));
    let (_, log) = daemon.stop();
    assert_books_close(&accounting(&log));
    assert_eq!(without_own(&first.lines()), without_own(&second.lines()));
}
