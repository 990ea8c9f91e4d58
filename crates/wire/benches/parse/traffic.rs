//! Traffic to measure with, and a receiver that hardly costs anything.
//!
//! There are 10,000 names of 28 to 35 bytes; of the lines, 45 % are counters, 35 % timers, 15 %
//! gauges and 5 % sets. A fifth of the counters and timers has a rate.

use fastrand::Rng;
use gstatsd_wire::{Grammar, Line, Receiver, Rejection, Sample, Value};

/// What the packets of one measurement look like.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Traffic {
    /// As many lines as fit into 1,432 bytes.
    Packed,
    /// One line a packet.
    Single,
    /// As packed, and a quarter of the lines has 25 bytes of tags; read as DogStatsD.
    Tagged,
    /// As packed, and a quarter of the lines has 25 bytes of tags in the name, in the style of
    /// Graphite; read as the Node.js StatsD does.
    Named,
    /// As packed, timers alone, with six decimals.
    Timers,
}

/// Looks at each part of a sample, so that none of them need not be read.
#[derive(Default)]
pub(crate) struct Sum {
    pub(crate) values: f64,
    pub(crate) names: usize,
}

/// The payload of a datagram that crosses an ordinary network in one piece.
const PACKET_BYTES_MAX: usize = 1_432;

impl Traffic {
    /// Every traffic that is measured.
    pub(crate) const ALL: [Self; 5] =
        [Self::Packed, Self::Single, Self::Tagged, Self::Named, Self::Timers];

    /// The packets, always the same, and how many lines they have.
    pub(crate) fn packets(self) -> (Vec<Vec<u8>>, u64) {
        const LINES: u64 = 40_000;
        let mut rng = Rng::with_seed(7);
        let names: Vec<String> = (0..10_000).map(|index| name(index, &mut rng)).collect();
        let mut packets: Vec<Vec<u8>> = vec![Vec::new()];
        for _ in 0..LINES {
            let line = self.line(&names[rng.usize(..names.len())], &mut rng);
            let packet = packets.last_mut().expect("there is always one");
            let full = match self {
                Self::Single => !packet.is_empty(),
                _ => packet.len() + 1 + line.len() > PACKET_BYTES_MAX,
            };
            if full {
                packets.push(line.into_bytes());
                continue;
            }
            if !packet.is_empty() {
                packet.push(b'\n');
            }
            packet.extend(line.bytes());
        }
        (packets, LINES)
    }

    /// The dialect that such traffic is read in.
    pub(crate) fn grammar(self) -> Grammar {
        match self {
            Self::Named => Grammar::STATSD,
            Self::Tagged => Grammar::DOGSTATSD,
            _ => Grammar::GSTATSD,
        }
    }

    fn line(self, name: &str, rng: &mut Rng) -> String {
        if matches!(self, Self::Timers) {
            return format!("{name}:{:.6}|ms", rng.f64() * 1_000.0);
        }
        let rate = if rng.u8(..5) == 0 { "|@0.1" } else { "" };
        let mut line = match rng.u8(..100) {
            0..45 => format!("{name}:{}|c{rate}", rng.u32(1..1_000)),
            45..80 => format!("{name}:{:.*}|ms{rate}", rng.usize(..4), rng.f64() * 1_000.0),
            80..95 => format!("{name}:{}|g", rng.u32(..100_000)),
            _ => format!("{name}:user{}|s", rng.u32(..10_000)),
        };
        if matches!(self, Self::Tagged | Self::Named) && rng.u8(..4) == 0 {
            let (region, version) = (rng.u8(1..9), rng.u32(100..999));
            if matches!(self, Self::Named) {
                let tags = format!(";env=prod;region=eu-{region};v={version}");
                line.insert_str(name.len(), &tags);
            } else {
                line.push_str(&format!("|#env:prod,region:eu-{region},v:{version}"));
            }
        }
        line
    }
}

/// A name of 28 to 35 bytes.
fn name(index: u32, rng: &mut Rng) -> String {
    let tail: String = (0..rng.usize(0..8)).map(|_| rng.lowercase()).collect();
    format!("shop.web{:02}.requests.route{index:05}{tail}", index % 97)
}

impl<'a> Receiver<'a> for Sum {
    fn line(&mut self, line: Line<'a>) {
        if let Line::Metric(line) = line {
            self.names += line.len();
        }
    }

    fn sample(&mut self, sample: Sample<'a>) {
        self.values += match sample.value {
            Value::Number(number) | Value::Delta(number) => number / sample.rate,
            Value::Member(member) => member.len() as f64,
        };
        let first = sample.name.first().copied().unwrap_or_default();
        self.names += usize::from(first) + sample.name.len() + sample.tags.len();
    }

    fn reject(&mut self, _: Rejection<'a>) {
        self.names += 1;
    }
}
