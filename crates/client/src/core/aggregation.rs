//! Counters that are added up, and gauges of which the last value is kept.

use std::sync::atomic::Ordering;

use gstatsd_wire::Kind;

use super::{CLOSED, Core, DIRECT, DOZING, lock};
use crate::Reason;
use crate::line::Metric;
use crate::slot::Slot;
use crate::sums::Table;

impl Core {
    /// Takes a counter or a gauge into its sum. `false` where it has to become a line.
    pub(crate) fn aggregate(&self, metric: &Metric<'_>) -> bool {
        // Where a gauge may take two lines its order among others matters.
        let may_take_two = metric.kind == Kind::Gauge && self.settings.style.signs_change;
        let is_direct = self.flags.load(Ordering::Relaxed) & DIRECT != 0;
        if metric.timestamp.is_some() || may_take_two || is_direct {
            return false;
        }
        let Some(slot) = Slot::enter() else {
            self.turn_away(Reason::Busy, 1);
            return true;
        };
        let style = &self.settings.style;
        let (flags, taken) = if metric.kind == Kind::Gauge {
            let mut gauges = lock(&self.gauges);
            let flags = self.flags.load(Ordering::Relaxed);
            (flags, gauges.get_or_insert_with(Table::new).take(metric, style))
        } else {
            let mut buffer = self.buffer_of(&slot);
            let flags = self.flags.load(Ordering::Relaxed);
            (flags, buffer.counters.get_or_insert_with(Table::new).take(metric, style))
        };
        drop(slot);
        match taken {
            // A line has its own way to say that the client is closed.
            _ if flags & CLOSED != 0 => return false,
            Ok(false) => return false,
            Ok(true) => {}
            Err(reason) => self.turn_away(reason, 1),
        }
        if flags & DOZING != 0 {
            self.wake();
        }
        true
    }

    /// Makes lines of the sums.
    pub(crate) fn tell_sums(&self) {
        let rounding = self.settings.style.rounding;
        let mut lines = Vec::new();
        if let Some(gauges) = &mut *lock(&self.gauges) {
            gauges.drain(rounding, &mut lines);
        }
        for shard in &self.buffers {
            if let Some(counters) = &mut lock(&shard.0).counters {
                counters.drain(rounding, &mut lines);
            }
        }
        for line in lines.split_inclusive(|byte| *byte == b'\n') {
            self.append(&mut lock(&self.buffers[0].0), 1, |_, out| {
                out.extend_from_slice(&line[..line.len() - 1]);
                Ok(())
            });
        }
    }
}
