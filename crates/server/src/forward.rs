//! Passing lines on to other StatsDs: repeaters beside the aggregation, a relay in its place.
//!
//! ```text
//! worker --> Copier (repeaters) --> a queue and a thread for each peer --> UDP or TCP
//!        \-> Router (relay)    -->   bounded, the oldest dropped first
//! ```
//!
//! A worker only appends to queues; it waits for no peer.

mod health;
mod loops;
mod peer;
mod probe;
mod queue;
mod relay;
mod repeater;
mod ring;

use std::io;
use std::sync::Arc;
use std::time::Instant;

use gstatsd_aggregate::Counts;
use gstatsd_wire::Reason;

pub(crate) use self::{loops::refuse_loops, queue::Books};
use self::{
    peer::Peer,
    relay::{Relay, Router},
    repeater::{Copier, Repeaters},
};
use crate::config::Config;

/// Everything that is passed on, and to whom.
pub(crate) struct Forwarding {
    repeaters: Arc<Repeaters>,
    relay: Option<Arc<Relay>>,
}

impl Forwarding {
    /// Starts the threads of all peers.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn start(config: &Config) -> io::Result<Self> {
        let repeaters = Repeaters::start(&config.repeaters)?;
        let relay = config.relay.as_ref().map(Relay::start).transpose()?;
        Ok(Self { repeaters, relay })
    }

    /// What a worker passes things on with; `None` where nothing is passed on.
    pub(crate) fn forwarder(&self) -> Option<Forwarder> {
        let copier = self.repeaters.copier();
        let router = self.relay.as_ref().map(|relay| relay.router());
        (copier.is_some() || router.is_some()).then_some(Forwarder { copier, router })
    }

    /// Every count with its name, as it stands now.
    pub(crate) fn named(&self, mut emit: impl FnMut(&str, u64)) {
        for peer in self.repeaters.peers() {
            let stem = format!("repeaters.{}.packets.", peer.name);
            peer.books().named(|what, reason, count| {
                emit(&format!("{stem}{what}{reason}"), count);
            });
        }
        if let Some(relay) = &self.relay {
            relay.named(&mut emit);
            for peer in relay.peers() {
                let stem = format!("relay.nodes.{}.lines.", peer.name);
                peer.books().named(|what, reason, count| {
                    emit(&format!("{stem}{what}{reason}"), count);
                });
            }
        }
    }

    /// The books of each peer, as they stand now, by what stands before their counts.
    pub(crate) fn books(&self) -> Vec<(String, Books)> {
        let of = |kind: &str, peer: &Peer, what: &str| {
            (format!("{kind}.{}.{what}", peer.name), peer.books())
        };
        let repeaters = self.repeaters.peers().map(|peer| of("repeaters", peer, "packets"));
        let nodes = self.relay.iter().flat_map(|relay| relay.peers());
        repeaters.chain(nodes.map(|peer| of("relay.nodes", peer, "lines"))).collect()
    }

    /// How many bytes wait for all peers together.
    pub(crate) fn queued_bytes(&self) -> usize {
        self.peers().map(|peer| peer.queue.bytes()).sum()
    }

    /// The nodes of the relay that are up, as `HOST:PORT`; `None` where there is no relay.
    pub(crate) fn nodes_up(&self) -> Option<Vec<String>> {
        self.relay.as_ref().map(|relay| relay.nodes_up())
    }

    /// The counts of the relay and how far they are from closing, for so many lines that were
    /// passed on, as a line of the log; `None` where there is no relay.
    pub(crate) fn relay_accounting(&self, lines_relayed: u64) -> Option<String> {
        let relay = self.relay.as_ref()?;
        let mut line = String::new();
        relay.named(|name, count| line.push_str(&format!("{name}={count} ")));
        Some(format!("{line}relay.residual={}", relay.residual(lines_relayed)))
    }

    /// Lets the peers' threads send what they have until the deadline, and counts the rest as
    /// dropped. Gives the final books, each with the name of its peer.
    pub(crate) fn close(&self, deadline: Instant) -> Vec<(String, Books)> {
        self.peers().for_each(|peer| peer.queue.begin_closing());
        self.peers().map(|peer| (peer.name.clone(), peer.queue.close(deadline))).collect()
    }

    fn peers(&self) -> impl Iterator<Item = &Peer> {
        let nodes = self.relay.iter().flat_map(|relay| relay.peers());
        self.repeaters.peers().chain(nodes)
    }
}

/// A worker's half: passes on what its batches bring.
pub(crate) struct Forwarder {
    copier: Option<Copier>,
    router: Option<Router>,
}

impl Forwarder {
    /// Passes on a packet, or whole lines of a connection. Of a packet that was cut on its way
    /// the broken last line goes nowhere. Says whether the lines are still to be aggregated;
    /// if not, they are counted here.
    pub(crate) fn lines(&mut self, lines: &[u8], truncated: bool, counts: &mut Counts) -> bool {
        let whole = match truncated {
            false => lines,
            true => &lines[..lines.iter().rposition(|&byte| byte == b'\n').unwrap_or(0)],
        };
        if let Some(copier) = &mut self.copier {
            copier.packet(whole);
        }
        let Some(router) = &mut self.router else { return true };
        let relayed = router.packet(whole);
        counts.lines += relayed + u64::from(truncated);
        counts.lines_relayed += relayed;
        counts.lines_rejected[Reason::Truncated as usize] += u64::from(truncated);
        false
    }

    /// Hands everything to the peers. To be called after each batch.
    pub(crate) fn settle(&mut self) {
        if let Some(copier) = &mut self.copier {
            copier.settle();
        }
        if let Some(router) = &mut self.router {
            router.settle();
        }
    }
}
