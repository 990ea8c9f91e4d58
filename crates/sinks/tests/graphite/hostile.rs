//! Peers that break off at random, again and again: rows F53 to F55 of the faults of sinks.
//!
//! F53, a peer that accepts and never reads, is in `faults`.

use std::io::Read as _;
use std::net::Shutdown;
use std::time::Duration;

use gstatsd_sinks::{SendError, Sink as _};

use crate::faults::{emitted, kept};
use crate::peer::{self, Peer};
use crate::{TIMESTAMP, counters, graphite, graphite_to, lines, naming};

/// How many resets there are, unless this variable says it.
const RESETS: (&str, usize) = ("GSTATSD_RESETS", 60);

/// Numbers that look random, the same each time.
struct Random(u64);

impl Random {
    fn below(&mut self, end: usize) -> usize {
        // Of Marsaglia, "Xorshift RNGs".
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % end as u64).unwrap()
    }
}

#[test]
fn f54_resets_at_random_bytes_lose_nothing_and_tear_nothing() {
    let count = std::env::var(RESETS.0).map_or(RESETS.1, |count| count.parse().unwrap());
    let snapshot = counters(TIMESTAMP, 2_000);
    let (all, size) = (emitted(&snapshot), lines(&snapshot).concat().len());
    let peer = Peer::with_little_room();
    let mut random = Random(54);
    let mut resets = 0;
    while resets < count {
        let mut sink = graphite_to(&peer);
        let mut received = Vec::new();
        // Several times for one snapshot, before it may arrive.
        for _ in 0..1 + random.below(5) {
            // But for what the peer's kernel may acknowledge beyond what the peer reads.
            let cut = random.below(size - 20_000);
            let reading = peer.serve(move |mut stream| {
                let text = peer::read(&mut stream, cut);
                peer::reset(stream);
                text
            });
            let error = sink.send(&snapshot, &naming()).unwrap_err();
            assert!(matches!(error, SendError::Write { .. }), "{error:?}");
            received.push(reading.join().unwrap());
            resets += 1;
        }
        let reading = peer.read_connection();
        sink.send(&snapshot, &naming()).unwrap();
        drop(sink);
        received.push(reading.join().unwrap());
        assert!(kept(&received) == all, "after {resets} resets");
    }
}

#[test]
fn f55_a_peer_that_closes_after_so_many_bytes_gets_all_in_the_end() {
    let snapshot = counters(TIMESTAMP, 1_000);
    let (all, size) = (emitted(&snapshot), lines(&snapshot).concat().len());
    let peer = Peer::with_little_room();
    for bytes in [0, 1, 100, 4_096, size - 20_000] {
        let mut sink = graphite_to(&peer);
        let mut received = Vec::new();
        for _ in 0..5 {
            let reading = peer.serve(move |mut stream| peer::read(&mut stream, bytes));
            sink.send(&snapshot, &naming()).unwrap_err();
            received.push(reading.join().unwrap());
        }
        let reading = peer.read_connection();
        sink.send(&snapshot, &naming()).unwrap();
        drop(sink);
        received.push(reading.join().unwrap());
        assert!(kept(&received) == all, "{bytes} bytes");
    }
}

#[test]
fn f55_a_peer_that_ends_its_side_and_falls_silent_has_stalled() {
    let stall = Duration::from_millis(300);
    let peer = Peer::with_little_room();
    let mut sink = graphite("127.0.0.1", peer.port(), stall);
    let silent = peer.serve(|stream| {
        stream.shutdown(Shutdown::Write).unwrap();
        stream
    });
    let error = sink.send(&counters(TIMESTAMP, 10_000), &naming()).unwrap_err();
    assert!(matches!(error, SendError::Stalled { .. }), "{error:?}");
    // What it gets is a reset: no line is torn that could be taken for a whole one.
    assert!(silent.join().unwrap().read_to_end(&mut Vec::new()).is_err());
}
