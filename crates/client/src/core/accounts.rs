//! What became of lines: counted, and told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::{Core, SentCounts, lock};
use crate::sums::Table;
use crate::{Counts, Reason};

impl Core {
    /// Counts lines that no buffer has seen.
    #[cold]
    pub(super) fn turn_away(&self, reason: Reason, lines: u64) {
        self.turned_away.fetch_add(lines, Ordering::Relaxed);
        self.drop_lines(reason, lines);
    }

    /// Counts lines that are not sent.
    pub(crate) fn drop_lines(&self, reason: Reason, lines: u64) {
        if lines > 0 {
            self.dropped[reason as usize].fetch_add(lines, Ordering::Relaxed);
            self.has_dropped.store(true, Ordering::Relaxed);
        }
    }

    /// Tells of dropped lines through whatever buffer has sent before.
    pub(super) fn report_directly(&self) -> bool {
        for shard in &self.buffers {
            if let Some(direct) = &mut lock(&shard.0).direct
                && self.report_due().is_some()
            {
                direct.report(self);
            }
        }
        true
    }

    /// What became of the lines.
    pub(crate) fn counts(&self) -> Counts {
        let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
        let mut counts = Counts {
            lines: of(&self.turned_away),
            waiting: of(&self.sent.in_hand) + lock(&self.queue).lines(),
            sent: of(&self.sent.lines),
            packets: of(&self.sent.packets),
            bytes: of(&self.sent.bytes),
            ..Counts::default()
        };
        let taken = |table: &Option<Table>| table.as_ref().map_or(0, Table::taken);
        counts.aggregated = taken(&lock(&self.gauges));
        for shard in &self.buffers {
            let buffer = lock(&shard.0);
            counts.lines += buffer.offered;
            counts.waiting += buffer.lines;
            counts.aggregated += taken(&buffer.counters);
        }
        counts.dropped = self.dropped();
        counts
    }

    /// When the next report of dropped lines is due, if there is anything to tell.
    pub(crate) fn report_due(&self) -> Option<Duration> {
        self.settings.own_metrics.as_ref()?;
        lock(&self.report).due(&self.dropped())
    }

    /// Tells of dropped lines: `send` says whether a packet arrived, as far as is known.
    pub(crate) fn report(&self, send: impl FnOnce(&[u8]) -> bool) {
        if let Some(name) = &self.settings.own_metrics {
            let (dropped, style) = (self.dropped(), &self.settings.style);
            lock(&self.report).send(&dropped, name, style, self.packet_bytes(), send);
        }
    }

    /// The last report did not arrive after all.
    pub(crate) fn take_report_back(&self) {
        lock(&self.report).take_back();
    }

    /// Lines that were dropped, by reason.
    pub(crate) fn dropped(&self) -> [u64; Reason::COUNT] {
        std::array::from_fn(|reason| self.dropped[reason].load(Ordering::Relaxed))
    }
}

impl SentCounts {
    /// Counts a packet that the system took.
    pub(crate) fn add(&self, lines: u64, bytes: usize) {
        self.lines.fetch_add(lines, Ordering::Relaxed);
        self.packets.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
    }

    /// Counts a packet that was refused after the system took it.
    pub(crate) fn take_back(&self, lines: u64, bytes: usize) {
        self.lines.fetch_sub(lines, Ordering::Relaxed);
        self.packets.fetch_sub(1, Ordering::Relaxed);
        self.bytes.fetch_sub(bytes as u64, Ordering::Relaxed);
    }
}
