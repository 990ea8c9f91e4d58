//! The same over each way out: what was asked for comes out at the other end, in its order.

use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::{UnixDatagram, UnixListener};
use std::path::PathBuf;
use std::time::Duration;
use std::{fs, process};

use gstatsd_client::StatsClient;
use gstatsd_wire::Grammar;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::strategy::ValueTree as _;
use proptest::test_runner::TestRunner;

use crate::Read;
use crate::asked::{Asked, any_asked};

/// Metrics over each way. A receive buffer has room for them.
const METRICS: usize = 400;
const PATIENCE: Duration = Duration::from_secs(30);

fn metrics() -> Vec<Asked> {
    // The seed is another one in each run; a failure shows the metric.
    let mut runner = TestRunner::default();
    vec(any_asked(), METRICS).new_tree(&mut runner).unwrap().current()
}

fn path(name: &str) -> PathBuf {
    let path = std::env::temp_dir().join(format!("gstatsd-round-{}-{name}", process::id()));
    fs::remove_file(&path).ok();
    path
}

/// Sends metrics, and holds what `receive` gets, packet by packet, against them.
fn round(address: &str, direct: bool, mut receive: impl FnMut() -> Vec<u8>) {
    let builder = StatsClient::builder(address).unwrap();
    let client = if direct { builder.direct().build() } else { builder.build() };
    let asked = metrics();
    let grammar = &Grammar::DOGSTATSD;
    let (mut sent, mut read) = (0, Vec::new());
    // A unix datagram socket holds ten packets, so they are read as they come.
    for few in asked.chunks(8) {
        for metric in few {
            metric.with_metric(|metric| client.send(metric));
        }
        sent += few.len();
        assert!(client.flush(PATIENCE));
        while read.len() < sent {
            let packet = receive();
            assert!(packet.len() <= gstatsd_client::PACKET_BYTES_LOCAL);
            let mut packet = Read::of(&packet, grammar);
            assert!(packet.rejections.is_empty(), "{:?}", packet.rejections);
            assert_eq!(packet.metric_lines, packet.asked.len());
            read.append(&mut packet.asked);
        }
    }
    for (asked, read) in asked.iter().zip(&read) {
        assert_eq!(*read, asked.as_read_by(grammar));
    }
    assert_eq!(read.len(), METRICS);
    assert_eq!(client.counts().sent, METRICS as u64);
}

#[test]
fn metrics_arrive_over_udp() {
    for bind in ["127.0.0.1:0", "[::1]:0"] {
        for direct in [false, true] {
            let socket = UdpSocket::bind(bind).unwrap();
            socket.set_read_timeout(Some(PATIENCE)).unwrap();
            let mut buffer = [0; 65_536];
            round(&socket.local_addr().unwrap().to_string(), direct, || {
                let bytes = socket.recv(&mut buffer).unwrap();
                buffer[..bytes].to_vec()
            });
        }
    }
}

#[test]
fn metrics_arrive_over_unix_datagrams() {
    for direct in [false, true] {
        let path = path(&format!("gram-{direct}"));
        let socket = UnixDatagram::bind(&path).unwrap();
        socket.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut buffer = [0; 65_536];
        round(&format!("unixgram://{}", path.display()), direct, || {
            let bytes = socket.recv(&mut buffer).unwrap();
            buffer[..bytes].to_vec()
        });
        fs::remove_file(&path).unwrap();
    }
}

/// Reads from a stream until the end of a line.
fn lines(stream: &mut impl std::io::Read) -> Vec<u8> {
    let mut text = Vec::new();
    let mut byte = [0];
    while text.last() != Some(&b'\n') {
        stream.read_exact(&mut byte).unwrap();
        text.push(byte[0]);
    }
    text
}

#[test]
fn metrics_arrive_over_streams() {
    for direct in [false, true] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("tcp://{}", listener.local_addr().unwrap());
        let mut stream = None;
        round(&address, direct, || {
            lines(stream.get_or_insert_with(|| listener.accept().unwrap().0))
        });

        let path = path(&format!("stream-{direct}"));
        let listener = UnixListener::bind(&path).unwrap();
        let mut stream = None;
        round(&format!("unix://{}", path.display()), direct, || {
            lines(stream.get_or_insert_with(|| listener.accept().unwrap().0))
        });
        fs::remove_file(&path).unwrap();
    }
}
