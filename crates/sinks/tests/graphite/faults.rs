//! Peers that fail: what the error says, and that nothing is lost or torn when it is sent again.

use std::collections::BTreeMap;
use std::error::Error as _;
use std::io::{ErrorKind, Read as _};
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use gstatsd_aggregate::Snapshot;
use gstatsd_sinks::{SendError, Sink as _};
use socket2::{Domain, SockRef, Socket, Type};

use crate::peer::{self, Peer};
use crate::{TIMESTAMP, counters, graphite, graphite_to, lines, naming};

const SHORT: Duration = Duration::from_millis(300);

/// What Graphite keeps of the texts of several connections: of each the whole lines, and of each
/// name and time one value.
pub(crate) fn kept(connections: &[String]) -> BTreeMap<(String, i64), String> {
    let mut kept = BTreeMap::new();
    for text in connections {
        for line in text.split_inclusive('\n').filter(|line| line.ends_with('\n')) {
            let [name, value, timestamp] = line.split(' ').collect::<Vec<_>>()[..] else {
                panic!("torn: {line}");
            };
            let key = (name.to_owned(), timestamp.trim_end().parse().unwrap());
            let former = kept.insert(key, value.to_owned());
            assert!(former.is_none_or(|former| former == value), "two values: {line}");
        }
    }
    kept
}

pub(crate) fn emitted(snapshot: &Snapshot) -> BTreeMap<(String, i64), String> {
    kept(&[lines(snapshot).concat()])
}

#[test]
fn a_refused_connection_is_named_with_its_port() {
    for (host, shown) in [("127.0.0.1", "127.0.0.1"), ("::1", "[::1]")] {
        let address = SocketAddr::new(host.parse().unwrap(), 0);
        // Bound, so that nobody else listens there, and not listening.
        let socket = Socket::new(Domain::for_address(address), Type::STREAM, None).unwrap();
        socket.bind(&address.into()).unwrap();
        let port = socket.local_addr().unwrap().as_socket().unwrap().port();
        let error =
            graphite(host, port, SHORT).send(&counters(TIMESTAMP, 1), &naming()).unwrap_err();
        assert!(matches!(error, SendError::Connect { .. }));
        assert_eq!(error.to_string(), format!("cannot connect to {shown}:{port}"));
        assert_eq!(error.source().unwrap().to_string(), "Connection refused (os error 111)");
        assert!(!error.is_final());
    }
}

#[test]
fn a_host_without_an_address_is_named() {
    // No part of a name may be this long, so that nobody outside is asked.
    let host = format!("{}.invalid", "x".repeat(64));
    let error = graphite(&host, 2003, SHORT).send(&counters(TIMESTAMP, 1), &naming()).unwrap_err();
    assert!(matches!(error, SendError::Resolve { .. }));
    assert_eq!(error.to_string(), format!("cannot resolve {host}:2003"));
    assert!(error.source().unwrap().to_string().contains("lookup"));
}

#[test]
fn a_peer_that_closes_between_snapshots_loses_none() {
    let peer = Peer::on("127.0.0.1");
    let mut graphite = graphite_to(&peer);
    let snapshots = [TIMESTAMP, TIMESTAMP + 10, TIMESTAMP + 20].map(|at| counters(at, 100));
    for snapshot in &snapshots {
        let text = lines(snapshot).concat();
        let count = text.len();
        let reading = peer.serve(move |mut stream| peer::read(&mut stream, count));
        graphite.send(snapshot, &naming()).unwrap();
        assert_eq!(reading.join().unwrap(), text);
        // The connection is closed by now; a moment for the kernel to say so.
        thread::sleep(Duration::from_millis(50));
    }
}

#[test]
fn what_is_sent_again_after_a_break_is_whole_wherever_it_broke() {
    let snapshot = counters(TIMESTAMP, 250);
    let all = emitted(&snapshot);
    let size: usize = lines(&snapshot).iter().map(String::len).sum();
    let line = lines(&snapshot)[0].len() + lines(&snapshot)[1].len();
    // Each byte of two lines, and some in the rest, but for what the peer's kernel may have
    // acknowledged beyond what the peer has read.
    let cuts = (1..=line).chain((line..size - 10_000).step_by(97));
    let peer = Peer::with_little_room();
    for (index, cut) in cuts.enumerate() {
        let mut graphite = graphite_to(&peer);
        let reading = peer.serve(move |mut stream| {
            let text = peer::read(&mut stream, cut);
            if index % 2 == 0 {
                peer::reset(stream)
            } else {
                drop(stream)
            }
            text
        });
        let error = graphite.send(&snapshot, &naming()).unwrap_err();
        assert!(matches!(error, SendError::Write { .. }), "{error:?}");
        assert!(!error.is_final());
        let first = reading.join().unwrap();

        let reading = peer.serve(move |mut stream| {
            SockRef::from(&stream).set_recv_buffer_size(1_000_000).unwrap();
            peer::read(&mut stream, size)
        });
        graphite.send(&snapshot, &naming()).unwrap();
        let second = reading.join().unwrap();
        assert!(kept(&[first, second]) == all, "cut at {cut}");
    }
}

/// Row F53.
#[test]
fn a_peer_that_never_reads_is_an_error_and_takes_no_torn_line() {
    let peer = Peer::with_little_room();
    let mut graphite = graphite("127.0.0.1", peer.port(), SHORT);
    // The first is more than the kernel keeps for us, the second is less.
    for count in [100_000, 1_000] {
        let accepting = peer.serve(|stream| stream);
        let error = graphite.send(&counters(TIMESTAMP, count), &naming()).unwrap_err();
        let text = format!("127.0.0.1:{} has taken nothing for 300ms", peer.port());
        assert_eq!(error.to_string(), text);
        assert!(matches!(error, SendError::Stalled { timeout: SHORT, .. }));
        assert!(!error.is_final());
        let ended = accepting.join().unwrap().read_to_end(&mut Vec::new());
        assert_eq!(ended.unwrap_err().kind(), ErrorKind::ConnectionReset);
    }
}

#[test]
fn a_peer_that_reads_on_too_late_does_not_hide_that_it_stalled() {
    let peer = Peer::with_little_room();
    let mut graphite = graphite("127.0.0.1", peer.port(), SHORT);
    let (failed, has_failed) = mpsc::channel::<()>();
    let reading = peer.serve(move |mut stream| {
        let waited = has_failed.recv_timeout(10 * SHORT);
        let read = stream.read_to_end(&mut Vec::new());
        (waited, read)
    });
    let error = graphite.send(&counters(TIMESTAMP, 100_000), &naming()).unwrap_err();
    assert!(matches!(error, SendError::Stalled { .. }));
    failed.send(()).unwrap();
    let (waited, read) = reading.join().unwrap();
    assert!(waited.is_ok() && read.is_err());
}

/// Row F56, as far as a sink is concerned.
#[test]
fn a_peer_that_reads_slowly_gets_everything() {
    let snapshot = counters(TIMESTAMP, 100_000);
    let peer = Peer::on("127.0.0.1");
    let mut graphite = graphite("127.0.0.1", peer.port(), SHORT);
    let reading = peer.serve(|mut stream: TcpStream| {
        SockRef::from(&stream).set_recv_buffer_size(500_000).unwrap();
        let mut bytes = Vec::new();
        while (&mut stream).take(500_000).read_to_end(&mut bytes).unwrap() > 0 {
            thread::sleep(SHORT / 3);
        }
        bytes
    });
    graphite.send(&snapshot, &naming()).unwrap();
    drop(graphite);
    assert!(reading.join().unwrap() == lines(&snapshot).concat().into_bytes());
}
