//! The stages that are measured, each over the same 10,000 series again and again.

use std::hint::black_box;

use gstatsd_aggregate::{Dialect, Limits, Merger, Naming, Order, Part, Snapshot, Table, Window};

/// As many packets as the daemon receives at once.
const BATCH_PACKETS: usize = 64;
const PACKET_BYTES_MAX: usize = 1_432;
const KEYS: usize = 10_000;
const LINES: usize = 40_000;
/// 9 of 20 are counters, 7 timers, 3 gauges and 1 a set.
const KINDS: &[&str] = &[
    "c", "ms", "c", "ms", "c", "g", "ms", "c", "c", "ms", "g", "c", "ms", "c", "s", "ms", "c", "g",
    "c", "ms",
];
const WINDOW: Window = Window { timestamp: 1_700_000_000, seconds: 10.0 };

/// What happens to a sample on its way.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Stage {
    /// Packets into a table: parse, key and update.
    Ingest,
    /// The part of an interval into a snapshot.
    Flush,
    /// The snapshot into lines of Graphite.
    Format,
}

impl Stage {
    /// Every stage.
    pub(crate) const ALL: [Self; 3] = [Self::Ingest, Self::Flush, Self::Format];
}

/// All that the stages work on.
pub(crate) struct Workshop {
    packets: Vec<Vec<u8>>,
    naming: Naming,
    table: Table,
    part: Box<Part>,
    merger: Merger,
    snapshot: Snapshot,
    text: Vec<u8>,
}

impl Workshop {
    /// In the steady state: all series are known, and all memory is there.
    pub(crate) fn new() -> Self {
        let packets = packets();
        let naming = Naming::gstatsd("", 90.0, "gstatsd");
        let limits = Limits::new(2 * KEYS, usize::MAX);
        let table = Table::new(Dialect::GSTATSD, naming.clone(), limits);
        let mut merger = Merger::new();
        let snapshot = merger.finish(WINDOW, Vec::new());
        let (part, text) = (Box::default(), Vec::new());
        let mut workshop = Self { packets, naming, table, part, merger, snapshot, text };
        for _ in 0..3 {
            for stage in Stage::ALL {
                workshop.prepare(stage);
                workshop.pass(stage);
            }
        }
        workshop
    }

    /// Makes ready what a pass of a stage uses up.
    pub(crate) fn prepare(&mut self, stage: Stage) {
        match stage {
            Stage::Ingest => {
                self.part.clear();
                let empty = std::mem::take(&mut self.part);
                self.part = self.table.rotate(empty);
            }
            Stage::Flush => {
                self.ingest();
                self.prepare(Stage::Ingest);
            }
            Stage::Format => {}
        }
    }

    /// Does the work of a stage; gives the number of samples, series or lines.
    #[inline(never)]
    pub(crate) fn pass(&mut self, stage: Stage) -> u64 {
        match stage {
            Stage::Ingest => self.ingest(),
            Stage::Flush => self.flush(),
            Stage::Format => self.format(),
        }
    }

    fn ingest(&mut self) -> u64 {
        for packets in self.packets.chunks(BATCH_PACKETS) {
            self.table.batch(Order::default(), |batch| {
                for packet in packets {
                    batch.packet(black_box(packet));
                }
            });
        }
        self.table.counts_mut().samples_received
    }

    fn flush(&mut self) -> u64 {
        self.merger.add(0, &mut self.part);
        self.snapshot = self.merger.finish(WINDOW, Vec::new());
        self.snapshot.series_count() as u64
    }

    fn format(&mut self) -> u64 {
        let Self { naming, snapshot, text, .. } = self;
        let mut lines = 0;
        text.clear();
        naming.points(snapshot, |point| {
            text.extend_from_slice(point.name);
            text.push(b' ');
            point.value.write(text);
            text.extend_from_slice(b" 1700000000\n");
            lines += 1;
        });
        black_box(text);
        lines
    }
}

/// Packets that use keys in an order that looks random, always the same.
fn packets() -> Vec<Vec<u8>> {
    let (mut packets, mut packet, mut random) = (Vec::new(), Vec::new(), 1_u64);
    for _ in 0..LINES {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let key = usize::try_from(random >> 33).unwrap_or(0) % KEYS;
        let (value, kind) = (random >> 40 & 1_023, KINDS[key % KINDS.len()]);
        let rate = if kind != "g" && random >> 20 & 7 == 0 { "|@0.1" } else { "" };
        let line = format!("service.web{}.requests.{key:07}:{value}|{kind}{rate}\n", key % 100);
        if packet.len() + line.len() > PACKET_BYTES_MAX {
            packets.push(std::mem::take(&mut packet));
        }
        packet.extend_from_slice(line.as_bytes());
    }
    packets.push(packet);
    packets
}
