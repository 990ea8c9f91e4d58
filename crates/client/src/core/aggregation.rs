//! Counters that are added up, and gauges of which the last value is kept.

use std::sync::atomic::Ordering;

use gstatsd_wire::Kind;

use super::{CLOSED, Core, DIRECT, DOZING, lock};
use crate::slot::Slot;
use crate::sums::Table;
use crate::{Number, Reason};

impl Core {
    /// Takes a number into the sum of a counter, or as the last value of a gauge. `key` appends
    /// the line without its value, and says where the value belongs. `false` where a line has to
    /// be sent.
    pub(crate) fn aggregate(
        &self,
        kind: Kind,
        number: Number<'_>,
        key: impl FnOnce(&mut Vec<u8>) -> Result<usize, Reason>,
    ) -> bool {
        // Where a gauge may take two lines its order among others matters.
        let may_take_two = kind == Kind::Gauge && self.settings.style.signs_change;
        if may_take_two || self.flags.load(Ordering::Relaxed) & DIRECT != 0 {
            return false;
        }
        let Some(slot) = Slot::enter() else {
            self.turn_away(Reason::Busy, 1);
            return true;
        };
        let rounding = self.settings.style.rounding;
        let (flags, taken) = if kind == Kind::Gauge {
            let mut gauges = lock(&self.gauges);
            let flags = self.flags.load(Ordering::Relaxed);
            let gauges = gauges.get_or_insert_with(Table::new);
            (flags, gauges.take(number, kind, rounding, key))
        } else {
            let mut buffer = self.buffer_of(&slot);
            let flags = self.flags.load(Ordering::Relaxed);
            let counters = buffer.counters.get_or_insert_with(Table::new);
            (flags, counters.take(number, kind, rounding, key))
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
