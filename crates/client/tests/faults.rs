//! What a client does when its server is away, comes back, is slow, or has another address.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::{self, Read as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock};
use std::time::Duration;
use std::{fs, process, thread};

use gstatsd_client::{Builder, Counts, Reason, Sink, Spy, StatsClient};

const PATIENCE: Duration = Duration::from_secs(30);

fn builder(address: &str) -> Builder {
    StatsClient::builder(address).unwrap()
}

fn udp(bind: &str) -> UdpSocket {
    let socket = UdpSocket::bind(bind).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

fn packet(socket: &UdpSocket) -> String {
    let mut buffer = [0; 65_536];
    let bytes = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..bytes].to_vec()).unwrap()
}

fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("gstatsd-faults-{}-{name}", process::id()));
    fs::remove_file(&path).ok();
    path
}

/// An address at which nobody listens. It is none of those that other tests bind meanwhile.
fn absent() -> String {
    udp("127.0.0.2:0").local_addr().unwrap().to_string()
}

fn assert_books_close(counts: &Counts) {
    assert_eq!(counts.lines, counts.sent + counts.waiting + counts.dropped_in_all(), "{counts:?}");
}

/// Waits until the counts are as expected.
fn wait_for(client: &StatsClient, expected: impl Fn(&Counts) -> bool) -> Counts {
    for _ in 0..3_000 {
        let counts = client.counts();
        if expected(&counts) {
            return counts;
        }
        thread::sleep(Duration::from_millis(10));
    }
    panic!("it did not come to this: {:?}", client.counts());
}

#[test]
fn every_line_that_nobody_takes_is_counted() {
    let direct = builder(&absent()).direct().own_metrics("").build();
    for _ in 0..100 {
        direct.increment("a");
    }
    direct.close();
    assert_eq!((direct.counts().lines, direct.counts().sent), (100, 0));
    assert_eq!(direct.counts().dropped(Reason::Refused), 100);

    let batched = builder(&absent()).delay_max(Duration::ZERO).own_metrics("").build();
    for _ in 0..100 {
        batched.increment("a");
    }
    let counts = wait_for(&batched, |counts| counts.waiting == 0);
    assert_eq!((counts.lines, counts.sent), (100, 0));
    assert_eq!(counts.dropped(Reason::Refused), 100);
}

#[test]
fn a_refused_datagram_is_sent_once_more() {
    let address = absent();
    let direct = builder(&address).direct().build();
    direct.increment("a");
    let socket = udp(&address);
    direct.increment("b");
    assert_eq!([packet(&socket), packet(&socket)], ["a:1|c", "b:1|c"]);
    assert_eq!((direct.counts().sent, direct.counts().dropped_in_all()), (2, 0));

    // At a flush, too.
    drop(socket);
    direct.increment("c");
    let socket = udp(&address);
    assert!(direct.flush(PATIENCE));
    assert_eq!(packet(&socket), "c:1|c");
    drop(socket);

    // Sent and refused after the longest delay of a line, and held back for as long again.
    let batched = builder(&address).delay_max(Duration::from_secs(1)).build();
    batched.increment("d");
    thread::sleep(Duration::from_millis(1_300));
    let socket = udp(&address);
    batched.increment("e");
    assert_eq!([packet(&socket), packet(&socket)], ["d:1|c", "e:1|c"]);
    let counts = wait_for(&batched, |counts| counts.sent == 2);
    assert_eq!(counts.dropped_in_all(), 0);
}

#[test]
fn a_name_with_several_addresses_is_sent_to_the_one_that_listens() {
    let socket = udp("127.0.0.1:0");
    let port = socket.local_addr().unwrap().port();
    // `localhost` may be ::1 first, and the server on IPv4 alone.
    let both: [SocketAddr; 2] =
        [([0, 0, 0, 0, 0, 0, 0, 1], port).into(), ([127, 0, 0, 1], port).into()];
    let builder = || builder(&format!("both:{port}")).resolver(move |_, _| Ok(both.to_vec()));
    let batched = builder().build();
    batched.increment("a");
    assert_eq!(packet(&socket), "a:1|c");
    let direct = builder().direct().build();
    direct.increment("b");
    direct.increment("c");
    assert_eq!([packet(&socket), packet(&socket)], ["b:1|c", "c:1|c"]);
    for client in [batched, direct] {
        assert_eq!(client.counts().dropped_in_all(), 0);
        assert_books_close(&client.counts());
    }
}

#[test]
fn a_name_that_moves_is_followed_and_one_that_is_gone_is_kept() {
    let (old, new) = (udp("127.0.0.1:0"), udp("127.0.0.1:0"));
    let place = Arc::new(Mutex::new(Some(old.local_addr().unwrap())));
    let seen = Arc::clone(&place);
    let client = builder("somewhere:1")
        .resolver(move |_, _| {
            let place: Option<SocketAddr> = *seen.lock().unwrap();
            place.map(|place| vec![place]).ok_or_else(|| io::Error::other("gone"))
        })
        .delay_max(Duration::ZERO)
        .build();
    client.increment("a");
    assert_eq!(packet(&old), "a:1|c");
    // Nobody knows the name any more.
    *place.lock().unwrap() = None;
    thread::sleep(Duration::from_millis(1_100));
    client.increment("b");
    assert_eq!(packet(&old), "b:1|c");
    // It is somewhere else: the refusals make the client ask.
    *place.lock().unwrap() = Some(new.local_addr().unwrap());
    drop(old);
    new.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
    let mut buffer = [0; 64];
    while new.recv(&mut buffer).is_err() {
        client.increment("c");
    }
    assert_eq!(&buffer[..5], b"c:1|c");
}

#[test]
fn a_name_that_has_no_address_yet_keeps_lines_or_counts_them() {
    let found = Arc::new(OnceLock::<SocketAddr>::new());
    let builder = || {
        let seen = Arc::clone(&found);
        builder("somewhere").resolver(move |_, _| {
            seen.get().map(|place| vec![*place]).ok_or_else(|| io::Error::other("not yet"))
        })
    };
    let (batched, direct) = (builder().build(), builder().direct().build());
    batched.increment("a");
    direct.increment("b");
    assert_eq!(direct.counts().dropped(Reason::Unresolved), 1);
    assert!(!batched.flush(Duration::from_millis(20)));
    let socket = udp("127.0.0.1:0");
    found.set(socket.local_addr().unwrap()).unwrap();
    assert_eq!(packet(&socket), "a:1|c");
}

#[test]
fn a_stream_is_opened_again_and_lines_stay_whole() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let client = builder(&format!("tcp://{address}")).delay_max(Duration::ZERO).build();
    client.increment("a");
    let (mut stream, _) = listener.accept().unwrap();
    let mut buffer = [0; 6];
    stream.read_exact(&mut buffer).unwrap();
    assert_eq!(&buffer, b"a:1|c\n");
    drop((stream, listener));
    // The server is away for a while.
    client.increment("b");
    client.increment("c");
    thread::sleep(Duration::from_millis(100));
    let listener = TcpListener::bind(address).unwrap();
    let (mut stream, _) = listener.accept().unwrap();
    client.increment("d");
    drop(client);
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    assert_eq!(text, "b:1|c\nc:1|c\nd:1|c\n");
}

#[test]
fn a_server_that_never_reads_costs_lines_and_no_time() {
    let path = path("slow");
    let _listener = UnixListener::bind(&path).unwrap();
    let client =
        builder(&format!("unixstream://{}", path.display())).buffer_bytes_max(100_000).build();
    let long = "n".repeat(500);
    // Until the buffer of the kernel is full.
    client.increment(&long);
    while client.flush(Duration::from_millis(50)) {
        (0..100).for_each(|_| client.increment(&long));
    }
    (0..1_000).for_each(|_| client.increment(&long));
    let counts = client.counts();
    assert_books_close(&counts);
    assert!(counts.dropped(Reason::Full) > 700, "{counts:?}");
    assert!(!client.close());
    let counts = wait_for(&client, |counts| counts.waiting == 0);
    assert_books_close(&counts);
    assert!(counts.dropped(Reason::Closed) > 0);
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_full_datagram_socket_costs_direct_lines_and_delays_others() {
    let path = path("full");
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = format!("unixgram://{}", path.display());
    let direct = builder(&address).direct().own_metrics("").build();
    for _ in 0..1_000 {
        direct.increment("a");
    }
    let counts = direct.counts();
    assert_eq!((counts.lines, counts.dropped(Reason::Full)), (1_000, 1_000 - counts.sent));
    let batched = builder(&address).build();
    batched.increment("b");
    let mut buffer = [0; 64];
    let read: Vec<_> = (0..=counts.sent)
        .map(|_| socket.recv(&mut buffer).map(|bytes| buffer[..bytes].to_vec()).unwrap())
        .collect();
    assert_eq!(read.last().unwrap(), b"b:1|c");
    fs::remove_file(&path).unwrap();
}

#[test]
fn a_socket_that_comes_later_gets_what_was_kept() {
    let path = path("later");
    let client = builder(&format!("unix://{}", path.display())).build();
    client.increment("a");
    assert!(!client.flush(Duration::from_millis(20)));
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let mut buffer = [0; 64];
    let bytes = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..bytes], b"a:1|c");
    // And again, after it was replaced.
    drop(socket);
    fs::remove_file(&path).unwrap();
    let socket = UnixDatagram::bind(&path).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    client.increment("b");
    let bytes = socket.recv(&mut buffer).unwrap();
    assert_eq!(&buffer[..bytes], b"b:1|c");
    fs::remove_file(&path).unwrap();
}

#[test]
fn drops_are_told_at_the_end() {
    let socket = udp("127.0.0.1:0");
    let address = socket.local_addr().unwrap().to_string();
    for direct in [false, true] {
        let builder = builder(&address).prefix("app").tag("k", "v");
        let client = if direct { builder.direct().build() } else { builder.build() };
        client.increment("a");
        assert!(client.flush(PATIENCE));
        for _ in 0..3 {
            client.gauge("b", f64::NAN);
        }
        client.increment("");
        drop(client);
        assert_eq!(packet(&socket), "app.a:1|c|#k:v");
        assert_eq!(
            packet(&socket),
            "app.statsd.client.dropped.empty_name:1|c|#k:v\n\
             app.statsd.client.dropped.non_finite:3|c|#k:v"
        );
    }
}

#[test]
fn a_thousand_threads_lose_nothing_and_keep_their_order() {
    let spy = Spy::new();
    let client = Builder::to_sink(spy.clone()).buffer_bytes_max(usize::MAX).build();
    thread::scope(|scope| {
        for thread in 0..1_000 {
            let client = &client;
            thread::Builder::new()
                .stack_size(64 * 1_024)
                .spawn_scoped(scope, move || {
                    let name = format!("t{thread}");
                    for value in 0..100 {
                        client.gauge(&name, value);
                    }
                })
                .unwrap();
        }
    });
    assert!(client.flush(PATIENCE));
    let lines = spy.take();
    assert_eq!(lines.len(), 100_000);
    let mut next = vec![0; 1_000];
    for line in &lines {
        let (name, value) = line.strip_suffix("|g").unwrap().split_once(':').unwrap();
        let thread: usize = name[1..].parse().unwrap();
        assert_eq!(value, next[thread].to_string());
        next[thread] += 1;
    }
    assert_eq!(client.counts().sent, 100_000);
}

/// A sink that uses the client it belongs to.
struct Circular(Arc<OnceLock<StatsClient>>);

impl Sink for Circular {
    fn send(&self, _: &[u8]) -> io::Result<()> {
        self.0.get().unwrap().increment("again");
        Err(io::Error::other("no"))
    }
}

#[test]
fn a_call_from_inside_of_a_call_is_dropped() {
    let cell = Arc::new(OnceLock::new());
    let sink = Circular(Arc::clone(&cell));
    cell.set(Builder::to_sink(sink).direct().own_metrics("").build()).unwrap();
    let client = cell.get().unwrap();
    client.increment("a");
    let counts = client.counts();
    assert_books_close(&counts);
    assert_eq!((counts.dropped(Reason::Busy), counts.dropped(Reason::Network)), (1, 1));
}

#[test]
fn sums_are_told_once_an_interval_and_at_the_end() {
    let spy = Spy::new();
    let interval = Duration::from_secs(3_600);
    let client = Builder::to_sink(spy.clone()).aggregate(interval).build();
    for value in 0..1_000 {
        client.increment("a");
        client.rate(0.001).counter("b", 2);
        client.gauge("c", value);
    }
    client.timer("d", 1);
    client.gauge_delta("e", 1);
    client.at(7).gauge("f", 1);
    client.rate(0.0).increment("g");
    assert!(client.flush(PATIENCE));
    let mut lines = spy.take();
    lines.sort_unstable();
    assert_eq!(lines, ["a:1000|c", "b:2000|c", "c:999|g", "d:1|ms", "e:+1|g", "f:1|g|T7"]);
    client.increment("a");
    drop(client);
    assert_eq!(spy.take(), ["a:1|c"]);

    let client = Builder::to_sink(spy.clone()).aggregate(Duration::from_millis(20)).build();
    client.increment("a");
    let counts = wait_for(&client, |counts| counts.sent == 1);
    assert_eq!((counts.lines, counts.aggregated), (1, 1));
    client.counter("a", f64::NAN);
    client.close();
    client.increment("a");
    let counts = client.counts();
    assert_eq!((counts.dropped(Reason::NonFinite), counts.dropped(Reason::Closed)), (1, 1));
    assert_books_close(&counts);
}
