//! The relay: passes each line on to the peer that its name belongs to, in place of aggregating.
//!
//! ```text
//! packet --> lines --> Ring: the peer of the name --> packed with others --> its Queue
//!                        ^
//! health checks --> Relay::set_up                     one Router for each worker
//! ```

use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::health;
use super::peer::Peer;
use super::probe::{Probe, Probes, Verdict};
use super::queue::Packet;
use super::ring::Ring;
use crate::config;

/// How many names each worker remembers the peers of. The hash of the ring costs more than the
/// rest of a line's way.
const REMEMBERED: usize = 1 << 14;

/// What the workers' routers share.
pub(crate) struct Relay {
    nodes: Vec<Peer>,
    /// Lines are packed into packets of at most so many bytes; a longer line goes alone.
    packet_bytes: usize,
    standing: Mutex<Standing>,
    /// Goes up with each change of the ring.
    generation: AtomicU64,
    /// Lines that found no node on the ring.
    no_node: AtomicU64,
    probes: Probes,
    /// Probes that came, ours and those of others.
    probes_seen: AtomicU64,
}

struct Standing {
    ring: Arc<Ring>,
    up: Vec<bool>,
    /// Nodes that lead back to us.
    looping: Vec<bool>,
}

impl Relay {
    /// Starts the threads of the nodes and of their health checks. At first all nodes are in.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn start(config: &config::Relay) -> io::Result<Arc<Self>> {
        let mut nodes = Vec::new();
        let mut checks = Vec::new();
        for (index, node) in config.nodes.iter().enumerate() {
            let (trouble, hints) = std::sync::mpsc::channel();
            let trouble = node.health.is_some().then_some(trouble);
            nodes.push(Peer::start(&node.peer, config.queue_bytes, trouble)?);
            if let Some(address) = &node.health {
                checks.push((index, address.clone(), hints));
            }
        }
        let count = nodes.len();
        let relay = Arc::new(Self {
            nodes,
            packet_bytes: config.packet_bytes,
            standing: Mutex::new(Standing {
                ring: Arc::default(),
                up: vec![true; count],
                looping: vec![false; count],
            }),
            generation: AtomicU64::new(0),
            no_node: AtomicU64::new(0),
            probes: Probes::new(),
            probes_seen: AtomicU64::new(0),
        });
        relay.change(|_| true);
        for (index, address, hints) in checks {
            let relay = Arc::clone(&relay);
            health::watch(address, config.check_interval, hints, move |up| {
                relay.set_up(index, up);
            })?;
        }
        (0..count).for_each(|index| relay.send_probe(index, relay.probes.own(index)));
        Ok(relay)
    }

    /// A router for a worker.
    pub(crate) fn router(self: &Arc<Self>) -> Router {
        let outgoing = self.nodes.iter().map(|_| Outgoing::default()).collect();
        Router {
            relay: Arc::clone(self),
            ring: Arc::default(),
            generation: 0,
            outgoing,
            hasher: RandomState::new(),
            remembered: Vec::new(),
        }
    }

    /// Every count of the relay itself with its name, as it stands now.
    pub(crate) fn named(&self, mut emit: impl FnMut(&str, u64)) {
        let (up, looping) = {
            let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
            let looping = standing.looping.iter().filter(|&&looping| looping).count();
            (standing.in_the_ring().count(), looping)
        };
        emit("relay.nodes_up", up as u64);
        emit("relay.loops", looping as u64);
        emit("relay.probes", self.probes_seen.load(Ordering::Relaxed));
        emit("relay.lines.dropped.no_node", self.no_node.load(Ordering::Relaxed));
    }

    /// How far the lines that were passed on are from being accounted for: 0 when each went to a
    /// node, found none, or was a probe.
    pub(crate) fn residual(&self, lines_relayed: u64) -> i128 {
        let passed: u64 = self.nodes.iter().map(|node| node.books().passed).sum();
        let no_node = self.no_node.load(Ordering::Relaxed);
        let probes = self.probes_seen.load(Ordering::Relaxed);
        i128::from(lines_relayed) - i128::from(passed + no_node + probes)
    }

    /// The nodes that are on the ring, as they are called there.
    pub(crate) fn nodes_up(&self) -> Vec<String> {
        let standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        standing.in_the_ring().map(|index| self.nodes[index].label.to_string()).collect()
    }

    /// The nodes.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.nodes.iter()
    }

    fn set_up(&self, index: usize, up: bool) {
        let label = &self.nodes[index].label;
        let changed = self.change(|standing| std::mem::replace(&mut standing.up[index], up) != up);
        match (changed, up) {
            (true, true) => {
                log::info!("relay: {label} is up");
                // What it passes lines on to may have changed meanwhile.
                self.send_probe(index, self.probes.own(index));
            }
            (true, false) => log::warn!("relay: {label} is down"),
            (false, _) => {}
        }
    }

    /// Takes a node that leads back to us off the ring, for good.
    fn break_loop(&self, index: usize) {
        let changed =
            self.change(|standing| !std::mem::replace(&mut standing.looping[index], true));
        if changed {
            let label = &self.nodes[index].label;
            log::error!("relay: {label} sends our lines back to us: nothing goes there any more");
        }
    }

    /// Changes what is known of the nodes, and makes the ring anew if it says so.
    fn change(&self, change: impl FnOnce(&mut Standing) -> bool) -> bool {
        let mut standing = self.standing.lock().unwrap_or_else(PoisonError::into_inner);
        let changed = change(&mut standing);
        if changed {
            let labels = standing.in_the_ring().map(|index| (index, &*self.nodes[index].label));
            standing.ring = Arc::new(Ring::new(labels));
            self.generation.fetch_add(1, Ordering::Release);
        }
        changed
    }

    fn send_probe(&self, index: usize, probe: Probe) {
        let packet = Packet { bytes: probe.line(), units: 0 };
        self.nodes[index].queue.push(&mut vec![packet]);
    }

    /// A probe has come: our own ends a loop, that of another goes to all nodes, once.
    fn receive_probe(&self, probe: Probe) {
        self.probes_seen.fetch_add(1, Ordering::Relaxed);
        match self.probes.receive(probe) {
            Verdict::Own(index) if index < self.nodes.len() => self.break_loop(index),
            Verdict::Pass => {
                (0..self.nodes.len()).for_each(|index| self.send_probe(index, probe));
            }
            Verdict::Own(_) | Verdict::Ignore => {}
        }
    }
}

impl Standing {
    fn in_the_ring(&self) -> impl Iterator<Item = usize> {
        let states = self.up.iter().zip(&self.looping).enumerate();
        states.filter(|(_, (up, looping))| **up && !**looping).map(|(index, _)| index)
    }
}

/// A worker's half of the relay: takes packets apart and packs the lines for each node.
pub(crate) struct Router {
    relay: Arc<Relay>,
    ring: Arc<Ring>,
    /// Of the ring.
    generation: u64,
    /// For each node.
    outgoing: Vec<Outgoing>,
    hasher: RandomState,
    /// The nodes of names, each at the place of its hash.
    remembered: Vec<Option<(u64, usize)>>,
}

/// What a batch brought for a node.
#[derive(Default)]
struct Outgoing {
    bytes: Vec<u8>,
    lines: u64,
    packets: Vec<Packet>,
}

impl Router {
    /// Routes the lines of a packet. Gives how many there were.
    pub(crate) fn packet(&mut self, packet: &[u8]) -> u64 {
        self.follow();
        let lines = packet.split(|&byte| byte == b'\n');
        let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
        let mut count = 0;
        for line in lines.filter(|line| !line.is_empty()) {
            count += 1;
            self.line(line);
        }
        count
    }

    /// Hands what was routed to the nodes. To be called after each batch.
    pub(crate) fn settle(&mut self) {
        for (node, outgoing) in self.relay.nodes.iter().zip(&mut self.outgoing) {
            outgoing.close_packet();
            node.queue.push(&mut outgoing.packets);
        }
    }

    fn line(&mut self, line: &[u8]) {
        if line.starts_with(b"_sc|")
            && let Some(probe) = Probe::read(line)
        {
            return self.relay.receive_probe(probe);
        }
        // The name as it came: that of an aggregator's series may differ, the peer does not.
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        match self.node(name) {
            Some(node) => self.outgoing[node].push(line, self.relay.packet_bytes),
            None => {
                self.relay.no_node.fetch_add(1, Ordering::Relaxed);
            }
        }
    }

    fn node(&mut self, name: &[u8]) -> Option<usize> {
        let hash = self.hasher.hash_one(name);
        let place = usize::try_from(hash % REMEMBERED as u64).ok()?;
        if let Some((known, node)) = self.remembered[place]
            && known == hash
        {
            return Some(node);
        }
        let node = self.ring.peer(name)?;
        self.remembered[place] = Some((hash, node));
        Some(node)
    }

    /// Takes over the ring of the relay, where it has changed.
    fn follow(&mut self) {
        let generation = self.relay.generation.load(Ordering::Acquire);
        if self.generation != generation || self.remembered.is_empty() {
            let standing = self.relay.standing.lock().unwrap_or_else(PoisonError::into_inner);
            self.ring = Arc::clone(&standing.ring);
            self.generation = generation;
            self.remembered.clear();
            self.remembered.resize(REMEMBERED, None);
        }
    }
}

impl Outgoing {
    fn push(&mut self, line: &[u8], packet_bytes: usize) {
        if !self.bytes.is_empty() && self.bytes.len() + 1 + line.len() > packet_bytes {
            self.close_packet();
        }
        if !self.bytes.is_empty() {
            self.bytes.push(b'\n');
        }
        self.bytes.extend_from_slice(line);
        self.lines += 1;
    }

    fn close_packet(&mut self) {
        if self.lines > 0 {
            let room = Vec::with_capacity(self.bytes.len());
            let bytes = std::mem::replace(&mut self.bytes, room);
            self.packets.push(Packet { bytes, units: std::mem::take(&mut self.lines) });
        }
    }
}
