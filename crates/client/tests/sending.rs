//! Each way out, with a peer of the test's at its end.
#![expect(clippy::unwrap_used, reason = "a test")]

use std::io::Read as _;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::process;
use std::time::Duration;

use gstatsd_client::{Builder, Reason, StatsClient};

const PATIENCE: Duration = Duration::from_secs(30);

fn udp(bind: &str) -> (UdpSocket, String) {
    let socket = UdpSocket::bind(bind).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

fn packet(socket: &UdpSocket) -> String {
    let mut buffer = [0; 65_536];
    let bytes = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..bytes].to_vec()).unwrap()
}

/// A path for a socket, which does not exist yet.
fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("gstatsd-client-{}-{name}", process::id()));
    std::fs::remove_file(&path).ok();
    path
}

fn builder(address: &str) -> Builder {
    StatsClient::builder(address).unwrap()
}

#[test]
fn lines_of_a_moment_share_a_packet() {
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        let (socket, address) = udp(bind);
        let client = StatsClient::new(&address).unwrap();
        client.increment("a");
        client.gauge("b", 2.5);
        assert_eq!(packet(&socket), "a:1|c\nb:2.5|g");
        client.set("c", "x");
        drop(client);
        assert_eq!(packet(&socket), "c:x|s");
    }
}

#[test]
fn direct_lines_are_packets() {
    let (socket, address) = udp("127.0.0.1:0");
    let client = builder(&address).direct().build();
    client.increment("a");
    client.send_line(b"b:1|c\nc:2|c\n");
    assert_eq!(packet(&socket), "a:1|c");
    assert_eq!(packet(&socket), "b:1|c\nc:2|c");
    assert_eq!((client.counts().sent, client.counts().packets), (3, 2));
}

#[test]
fn a_packet_is_never_longer_than_it_may_be() {
    let (socket, address) = udp("127.0.0.1:0");
    let client = builder(&address).packet_bytes_max(64).build();
    for _ in 0..100 {
        client.increment("0123456789.0123456789");
    }
    client.increment(&"n".repeat(61));
    assert!(client.close());
    let mut lines = 0;
    while lines < 100 {
        let packet = packet(&socket);
        assert_eq!(packet.len(), 25 * 2 + 1);
        lines += packet.lines().count();
    }
    assert_eq!(client.counts().dropped(Reason::TooLong), 1);
}

#[test]
fn unix_datagrams_arrive() {
    for scheme in ["unix", "unixgram"] {
        let path = path(&format!("{scheme}-datagram"));
        let socket = UnixDatagram::bind(&path).unwrap();
        let client = builder(&format!("{scheme}://{}", path.display())).direct().build();
        client.increment("a");
        client.increment("b");
        assert!(client.flush(PATIENCE));
        let mut buffer = [0; 64];
        for line in ["a:1|c", "b:1|c"] {
            let bytes = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..bytes], line.as_bytes());
        }
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn streams_have_a_newline_after_each_line() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let client = StatsClient::new(&format!("tcp://{}", listener.local_addr().unwrap())).unwrap();
    client.increment("a");
    client.increment("b");
    assert!(client.flush(PATIENCE));
    client.increment("c");
    drop(client);
    let mut text = String::new();
    listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
    assert_eq!(text, "a:1|c\nb:1|c\nc:1|c\n");

    for scheme in ["unix", "unixstream"] {
        let path = path(&format!("{scheme}-stream"));
        let listener = UnixListener::bind(&path).unwrap();
        let client = StatsClient::new(&format!("{scheme}://{}", path.display())).unwrap();
        client.increment("a");
        drop(client);
        let mut text = String::new();
        listener.accept().unwrap().0.read_to_string(&mut text).unwrap();
        assert_eq!(text, "a:1|c\n");
        std::fs::remove_file(&path).unwrap();
    }
}

#[test]
fn a_closed_client_counts_what_comes_later() {
    let (_socket, address) = udp("127.0.0.1:0");
    for client in [builder(&address).build(), builder(&address).direct().build()] {
        client.increment("a");
        assert!(client.close());
        client.increment("b");
        let counts = client.counts();
        assert_eq!((counts.lines, counts.sent, counts.waiting), (2, 1, 0));
        assert_eq!(counts.dropped(Reason::Closed), 1);
    }
}
