//! Connections with peers that close, reset, stall and talk.

use std::io::Read as _;
use std::net::{Shutdown, TcpListener};

use super::*;

const SHORT: Duration = Duration::from_millis(300);
const LONG: Duration = Duration::from_mins(1);

/// A connection with this time-out, and its peer, which has room for a few thousand bytes.
fn pair(timeout: Duration) -> (Connection, TcpStream) {
    let listener = socket2::Socket::from(TcpListener::bind("127.0.0.1:0").unwrap());
    listener.set_recv_buffer_size(4_096).unwrap();
    let listener = TcpListener::from(listener);
    let address = listener.local_addr().unwrap();
    let connection = Connection::open([address], LONG, timeout).unwrap();
    (connection, listener.accept().unwrap().0)
}

/// An address that refuses connections for as long as the socket lives.
fn refusing() -> (socket2::Socket, SocketAddr) {
    let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::STREAM, None).unwrap();
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], 0)).into()).unwrap();
    let address = socket.local_addr().unwrap().as_socket().unwrap();
    (socket, address)
}

fn reset(peer: TcpStream) {
    SockRef::from(&peer).set_linger(Some(Duration::ZERO)).unwrap();
    close(peer);
}

/// Closes, and gives the kernel a moment to tell the other end.
fn close(peer: TcpStream) {
    drop(peer);
    thread::sleep(Duration::from_millis(50));
}

#[test]
fn every_address_is_tried_and_the_last_one_names_the_error() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (_socket, refusing) = refusing();
    let addresses = [refusing, listener.local_addr().unwrap()];
    assert!(Connection::open(addresses, LONG, LONG).is_ok());
    let error = Connection::open([refusing, refusing], LONG, LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    let error = Connection::open([], LONG, LONG).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn lines_leave_at_once_and_idle_connections_are_probed() {
    let (connection, _peer) = pair(LONG);
    let socket = SockRef::from(&connection.stream);
    assert!(connection.stream.nodelay().unwrap());
    assert!(socket.keepalive().unwrap());
    assert_eq!(socket.tcp_keepalive_time().unwrap(), KEEPALIVE);
}

#[test]
fn a_connection_is_open_until_the_peer_closes_it_whatever_it_says_before() {
    let (mut connection, mut peer) = pair(LONG);
    assert!(connection.is_open());
    peer.write_all(&[b'x'; 10_000]).unwrap();
    assert!(connection.is_open());
    peer.write_all(b"bye\n").unwrap();
    close(peer);
    assert!(!connection.is_open());
}

#[test]
fn a_connection_that_was_reset_is_not_open() {
    let (mut connection, peer) = pair(LONG);
    reset(peer);
    assert!(!connection.is_open());
}

#[test]
fn a_peer_that_talks_on_and_on_does_not_hold_us_up() {
    let (mut connection, mut peer) = pair(LONG);
    let said = UNASKED_SIZE * (UNASKED_PIECES + 2);
    peer.write_all(&vec![b'x'; said]).unwrap();
    while sys::unacknowledged_bytes(peer.as_fd()).unwrap() > 0 {
        thread::yield_now();
    }
    assert!(connection.is_open());
    let left = connection.stream.peek(&mut [0; UNASKED_SIZE]).unwrap();
    assert!(left > 0);
}

#[test]
fn finish_returns_when_everything_is_acknowledged() {
    let (mut connection, mut peer) = pair(LONG);
    let reader = thread::spawn(move || {
        let mut read = Vec::new();
        peer.read_to_end(&mut read).map(|_| read)
    });
    connection.begin().unwrap();
    connection.write(&[b'x'; 100_000]).unwrap();
    connection.finish().unwrap();
    assert_eq!(sys::unacknowledged_bytes(connection.stream.as_fd()).unwrap(), 0);
    // After it the connection ends in order: the reader sees an end, no reset.
    drop(connection);
    assert_eq!(reader.join().unwrap().unwrap().len(), 100_000);
}

#[test]
fn a_transmission_that_is_cut_short_ends_with_a_reset() {
    let (mut connection, mut peer) = pair(LONG);
    connection.begin().unwrap();
    connection.write(b"half a li").unwrap();
    drop(connection);
    let error = peer.read_to_end(&mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_while_acknowledgements_are_awaited_is_a_fault() {
    let (mut connection, peer) = pair(LONG);
    connection.begin().unwrap();
    connection.write(&[b'x'; 60_000]).unwrap();
    let waiting = thread::spawn(move || connection.finish());
    thread::sleep(Duration::from_millis(50));
    reset(peer);
    let Err(Fault::Io(error)) = waiting.join().unwrap() else { panic!("no fault") };
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
}

#[test]
fn a_reset_after_the_last_acknowledgement_is_a_fault() {
    let (mut connection, peer) = pair(LONG);
    connection.begin().unwrap();
    connection.write(b"x").unwrap();
    while sys::unacknowledged_bytes(connection.stream.as_fd()).unwrap() > 0 {
        thread::yield_now();
    }
    reset(peer);
    assert!(matches!(connection.finish(), Err(Fault::Io(_))));
}

#[test]
fn a_peer_that_never_reads_is_stalled_whether_or_not_a_write_blocks() {
    for (size, blocks) in [(60_000, false), (20_000_000, true)] {
        let (mut connection, _peer) = pair(SHORT);
        connection.begin().unwrap();
        let written = connection.write(&vec![b'x'; size]);
        assert_eq!(written.is_err(), blocks);
        let finished = written.and_then(|()| connection.finish());
        assert!(matches!(finished, Err(Fault::Stalled(SHORT))), "{finished:?}");
    }
}

#[test]
fn a_peer_that_reads_slowly_is_not_stalled() {
    let (mut connection, mut peer) = pair(SHORT);
    let reader = thread::spawn(move || {
        // Three times the time-out altogether.
        let mut piece = [0; 10_000];
        for _ in 0..9 {
            thread::sleep(SHORT / 3);
            peer.read_exact(&mut piece).unwrap();
        }
        peer.read_to_end(&mut Vec::new()).unwrap() + 9 * piece.len()
    });
    connection.begin().unwrap();
    connection.write(&[b'x'; 100_000]).unwrap();
    connection.finish().unwrap();
    drop(connection);
    assert_eq!(reader.join().unwrap(), 100_000);
}

#[test]
fn a_peer_that_has_closed_its_own_side_still_gets_everything() {
    let (mut connection, mut peer) = pair(LONG);
    peer.shutdown(Shutdown::Write).unwrap();
    connection.begin().unwrap();
    connection.write(b"a line\n").unwrap();
    connection.finish().unwrap();
    drop(connection);
    let mut read = String::new();
    peer.read_to_string(&mut read).unwrap();
    assert_eq!(read, "a line\n");
}
