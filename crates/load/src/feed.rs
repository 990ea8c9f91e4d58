//! A fast sender for measurements: packets that are ready in memory, sent many at once at a
//! steady rate, and counted exactly.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;

use crate::clock::Clock;
use crate::pace::Pace;
use crate::packets::Packet;
use crate::plan::Plan;
use crate::sys::SEND_MAX;
use crate::target::{Link, Target};

/// What the names begin with, so that they have a usual length: 35 bytes in the mean, the type
/// and six digits included.
const STEM: &str = "shop.checkout.europe";

/// How fast every key is sent once, in packets per second.
const ONCE_PER_SECOND: f64 = 10_000.0;

/// Packets in memory, ready to be sent again and again.
#[derive(Debug)]
pub struct Feeder {
    /// What the plan draws.
    drawn: Ready,
    /// Every key once, packed.
    every_key: Ready,
    ports: usize,
    /// The run of `drawn` that is sent next.
    next: usize,
}

/// What was sent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fed {
    /// Datagrams.
    pub packets: u64,
    /// Samples in them, each a line.
    pub samples: u64,
    /// Bytes of the datagrams, without headers.
    pub bytes: u64,
    /// How long it took.
    pub elapsed: Duration,
}

/// Packets one after the other, divided into what one call sends.
#[derive(Debug, Default)]
struct Ready {
    /// With a newline after each packet, unless they are segments.
    bytes: Vec<u8>,
    segments: bool,
    runs: Vec<Run>,
}

/// What one call sends, all from one port.
#[derive(Debug)]
struct Run {
    port: usize,
    /// Where the first packet begins.
    start: usize,
    /// Where each packet ends, its newline included.
    ends: Vec<usize>,
    samples: u64,
    /// Without newlines.
    bytes: u64,
}

impl Feeder {
    /// Draws the packets of a plan, whose rate is of no account. With `segments` those of equal
    /// size stand together and leave as one buffer that the kernel cuts up (`UDP_SEGMENT`).
    ///
    /// # Errors
    /// A field of the plan is outside of its range.
    pub fn new(plan: &Plan, segments: bool) -> anyhow::Result<Self> {
        let once = Plan {
            samples: plan.keys.into(),
            packet_bytes_max: Some(1_432),
            ports: 1,
            ..plan.clone()
        };
        ensure!(plan.samples > 0, "samples: there must be at least one");
        Ok(Self {
            drawn: Ready::of(plan.packets_named(STEM)?, segments),
            every_key: Ready::of(once.packets_named(STEM)?.in_turn(), false),
            ports: plan.ports,
            next: 0,
        })
    }

    /// Sends every key once, at a moderate rate.
    ///
    /// # Errors
    /// Nobody listens there, or the kernel takes no packets.
    pub fn feed_every_key(&self, to: &Target) -> anyhow::Result<Fed> {
        let mut link = Link::connect(to)?;
        let (clock, mut fed) = (Clock::start(), Fed::default());
        let mut pace = Pace::new(ONCE_PER_SECOND);
        for run in &self.every_key.runs {
            clock.sleep(pace.wait(clock.elapsed(), run.packets()));
            self.every_key.send(run, &mut link)?;
            fed.add(run);
        }
        fed.elapsed = clock.elapsed();
        Ok(fed)
    }

    /// Sends so many packets per second for so long, going on where the last call ended.
    ///
    /// # Errors
    /// As [`Feeder::feed_every_key`]; or the rate is not above zero.
    pub fn feed(
        &mut self,
        to: &Target,
        packets_per_second: f64,
        duration: Duration,
    ) -> anyhow::Result<Fed> {
        let is_rate = packets_per_second.is_finite() && packets_per_second > 0.0;
        ensure!(is_rate, "the rate must be above zero");
        let links = (0..self.ports).map(|_| Link::connect(to));
        let mut links = links.collect::<anyhow::Result<Vec<_>>>()?;
        let (clock, mut fed) = (Clock::start(), Fed::default());
        let mut pace = Pace::new(packets_per_second);
        while clock.elapsed() < duration {
            let run = &self.drawn.runs[self.next];
            self.next = (self.next + 1) % self.drawn.runs.len();
            clock.sleep(pace.wait(clock.elapsed(), run.packets()));
            self.drawn.send(run, &mut links[run.port])?;
            fed.add(run);
        }
        fed.elapsed = clock.elapsed();
        Ok(fed)
    }
}

impl Fed {
    fn add(&mut self, run: &Run) {
        self.packets += run.ends.len() as u64;
        self.samples += run.samples;
        self.bytes += run.bytes;
    }
}

impl Run {
    fn packets(&self) -> u32 {
        u32::try_from(self.ends.len()).unwrap_or(u32::MAX)
    }
}

impl Ready {
    fn of(packets: impl Iterator<Item = Packet>, segments: bool) -> Self {
        let mut ready = Self { segments, ..Self::default() };
        // By port, and by size where that matters, what is not yet enough for a call.
        let mut open: BTreeMap<(usize, usize), Vec<Packet>> = BTreeMap::new();
        for packet in packets {
            let size = packet.bytes.len();
            let group = (packet.port, if segments { size } else { 0 });
            let limit = match segments {
                true => (Plan::PACKET_BYTES_MAX / size).min(SEND_MAX),
                false => SEND_MAX,
            };
            let run = open.entry(group).or_default();
            run.push(packet);
            if run.len() >= limit {
                ready.push(&std::mem::take(run));
            }
        }
        for run in open.values().filter(|run| !run.is_empty()) {
            ready.push(run);
        }
        ready
    }

    fn push(&mut self, packets: &[Packet]) {
        let start = self.bytes.len();
        let (mut ends, mut samples, mut bytes) = (Vec::with_capacity(packets.len()), 0, 0);
        for packet in packets {
            self.bytes.extend_from_slice(&packet.bytes);
            if !self.segments {
                self.bytes.push(b'\n');
            }
            ends.push(self.bytes.len());
            samples += packet.readings.len() as u64;
            bytes += packet.bytes.len() as u64;
        }
        self.runs.push(Run { port: packets[0].port, start, ends, samples, bytes });
    }

    fn send(&self, run: &Run, link: &mut Link) -> anyhow::Result<()> {
        if self.segments {
            let end = run.ends.last().copied().unwrap_or(run.start);
            let size = run.ends.first().map_or(0, |end| end - run.start);
            return link.send_segments(&self.bytes[run.start..end], size);
        }
        let starts = std::iter::once(&run.start).chain(&run.ends);
        let mut packets = [&[][..]; SEND_MAX];
        let ranges = starts.zip(&run.ends);
        for (packet, (start, end)) in packets.iter_mut().zip(ranges) {
            *packet = &self.bytes[*start..*end];
        }
        link.send(&mut packets[..run.ends.len()])
    }
}

#[cfg(test)]
mod tests;
