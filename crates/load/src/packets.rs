//! From a plan to packets, without sockets.

use std::mem;

use fastrand::Rng;
use gstatsd_wire::{Kind, Sample, Value};

use crate::keys::Key;
use crate::plan::Plan;

/// Members that a set of a plan may have.
pub(crate) const MEMBERS_MAX: u32 = 1_024;

/// A datagram to send, and what is in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Packet {
    /// From which of the plan's source ports it leaves, from 0.
    pub port: usize,
    /// The datagram: lines with a newline between them.
    pub bytes: Vec<u8>,
    /// What the lines say, in their order.
    pub readings: Vec<Reading>,
}

/// What one line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reading {
    /// The index of the key.
    pub key: u32,
    /// The number, or for a set the number of the member.
    pub value: u32,
    /// How many events the line stands for: the rate is one over it.
    pub events: u32,
}

/// The packets of a plan, one after the other.
#[derive(Clone, Debug)]
pub struct Packets {
    keys: Vec<Key>,
    rng: Rng,
    samples_left: u64,
    packet_bytes_max: Option<usize>,
    sampled_share: f64,
    /// For each port the packet that is being filled; empty ones are not sent.
    open: Vec<Packet>,
    /// The line that was drawn last.
    line: Vec<u8>,
    /// The key of the next line, where they come in turn instead of at random.
    turn: Option<u32>,
}

/// Begins the packets of a plan that was checked.
pub(crate) fn draw(plan: &Plan, keys: Vec<Key>) -> Packets {
    Packets {
        keys,
        rng: Rng::with_seed(plan.seed),
        samples_left: plan.samples,
        packet_bytes_max: plan.packet_bytes_max,
        sampled_share: plan.sampled_share,
        open: (0..plan.ports).map(empty_packet).collect(),
        line: Vec::new(),
        turn: None,
    }
}

impl Iterator for Packets {
    type Item = Packet;

    fn next(&mut self) -> Option<Packet> {
        while self.samples_left > 0 {
            self.samples_left -= 1;
            let reading = self.draw_line();
            let port = reading.key as usize % self.open.len();
            let full = self.take_if_full(port);
            self.open[port].append(&self.line, reading);
            if full.is_some() {
                return full;
            }
            if self.packet_bytes_max.is_none() {
                return self.take(port);
            }
        }
        // What is left in the ports, in their order.
        let port = self.open.iter().position(|packet| !packet.readings.is_empty())?;
        self.take(port)
    }
}

impl Packets {
    /// Takes the keys in turn, from the first, instead of at random.
    pub(crate) fn in_turn(mut self) -> Self {
        self.turn = Some(0);
        self
    }

    /// Draws a reading and writes its line.
    fn draw_line(&mut self) -> Reading {
        let count = u32::try_from(self.keys.len()).expect("a plan counts its keys in 32 bits");
        let index = match self.turn {
            None => self.rng.u32(0..count),
            Some(index) => {
                self.turn = Some((index + 1) % count);
                index
            }
        };
        let key = &self.keys[index as usize];
        let mut events = 1;
        let value = match key.kind {
            Kind::Counter | Kind::Meter => {
                if self.sampled_share > 0.0 && self.rng.f64() < self.sampled_share {
                    events = if self.rng.bool() { 2 } else { 4 };
                }
                self.rng.u32(1..=9)
            }
            Kind::Distribution | Kind::Histogram | Kind::Timer => self.rng.u32(0..10_000),
            Kind::Gauge | Kind::KeyValue => self.rng.u32(0..1_000_000),
            Kind::Set => self.rng.u32(0..MEMBERS_MAX),
        };
        let member;
        let sample = Sample {
            name: key.name.as_bytes(),
            kind: key.kind,
            value: if key.kind == Kind::Set {
                member = format!("m{value}");
                Value::Member(member.as_bytes())
            } else {
                Value::Number(f64::from(value))
            },
            rate: f64::from(events).recip(),
            tags: key.tags.as_bytes(),
            origin: b"",
            timestamp: None,
        };
        self.line.clear();
        gstatsd_wire::write(&sample, &mut self.line).expect("a plan draws what can be written");
        assert!(self.line.len() <= Plan::PACKET_BYTES_MIN, "any line fits into a packet");
        Reading { key: index, value, events }
    }

    /// The packet of a port, if the line that was drawn does not fit into it any more.
    fn take_if_full(&mut self, port: usize) -> Option<Packet> {
        let bytes = self.open[port].bytes.len();
        let limit = self.packet_bytes_max?;
        if bytes > 0 && bytes + 1 + self.line.len() > limit { self.take(port) } else { None }
    }

    fn take(&mut self, port: usize) -> Option<Packet> {
        Some(mem::replace(&mut self.open[port], empty_packet(port)))
    }
}

impl Packet {
    fn append(&mut self, line: &[u8], reading: Reading) {
        if !self.bytes.is_empty() {
            self.bytes.push(b'\n');
        }
        self.bytes.extend_from_slice(line);
        self.readings.push(reading);
    }
}

fn empty_packet(port: usize) -> Packet {
    Packet { port, ..Packet::default() }
}
