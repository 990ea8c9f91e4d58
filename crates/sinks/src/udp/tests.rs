//! Datagrams over loopback.

use super::*;

#[expect(clippy::disallowed_methods, reason = "a test has clocks of its own")]
const CLOCK: Clock = Clock { now: Instant::now, wall: std::time::SystemTime::now };

fn to(port: u16, packet_bytes: usize) -> Datagrams {
    Datagrams::new(UdpSettings { host: "127.0.0.1".to_owned(), port, packet_bytes }, CLOCK)
}

fn receiver() -> (UdpSocket, u16) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let port = socket.local_addr().unwrap().port();
    (socket, port)
}

fn receive(socket: &UdpSocket) -> Vec<u8> {
    let mut packet = vec![0; 70_000];
    let bytes = socket.recv(&mut packet).unwrap();
    packet.truncate(bytes);
    packet
}

#[test]
fn lines_are_packed_whole_up_to_a_bound_and_those_together_stay_so() {
    let (socket, port) = receiver();
    let mut datagrams = to(port, 10);
    datagrams.begin().unwrap();
    for lines in ["aaaa\n", "bbbb\n", "c\n", "dddd\neee\n", "f\n", "longer than a packet\n"] {
        datagrams.push(lines.as_bytes(), 1).unwrap();
    }
    assert_eq!(datagrams.finish().unwrap(), 0);
    let expected = ["aaaa\nbbbb\n", "c\n", "dddd\neee\n", "f\n", "longer than a packet\n"];
    for expected in expected {
        assert_eq!(receive(&socket), expected.as_bytes());
    }
    assert_eq!(datagrams.taken(), 6);
}

#[test]
fn what_fits_into_no_datagram_is_counted() {
    let (socket, port) = receiver();
    let mut datagrams = to(port, 1_000);
    datagrams.begin().unwrap();
    datagrams.push(b"before\n", 1).unwrap();
    datagrams.push(&[b'x'; DATAGRAM_BYTES_MAX + 1], 7).unwrap();
    datagrams.push(b"after\n", 1).unwrap();
    assert_eq!(datagrams.finish().unwrap(), 7);
    assert_eq!((receive(&socket), receive(&socket)), (b"before\n".into(), b"after\n".into()));
}

#[test]
fn nobody_there_is_an_error_of_the_same_transmission_until_somebody_is() {
    let (socket, port) = receiver();
    drop(socket);
    let mut datagrams = to(port, 100);
    for _ in 0..2 {
        datagrams.begin().unwrap();
        datagrams.push(b"lost\n", 1).unwrap();
        let error = datagrams.finish().unwrap_err();
        assert_eq!(error.to_string(), format!("cannot write to 127.0.0.1:{port}"));
        let SendError::Write { source, .. } = error else { panic!("{error:?}") };
        assert_eq!(source.kind(), ErrorKind::ConnectionRefused);
    }
    let socket = UdpSocket::bind(("127.0.0.1", port)).unwrap();
    datagrams.begin().unwrap();
    datagrams.push(b"there\n", 1).unwrap();
    datagrams.finish().unwrap();
    assert_eq!(receive(&socket), b"there\n");
}

#[test]
fn a_host_without_an_address_is_named() {
    // No part of a name may be this long, so that nobody outside is asked.
    let host = format!("{}.invalid", "x".repeat(64));
    let settings = UdpSettings { host: host.clone(), port: 1, packet_bytes: 100 };
    let error = Datagrams::new(settings, CLOCK).begin().unwrap_err();
    assert_eq!(error.to_string(), format!("cannot resolve {host}:1"));
}
