//! Sending by the caller: each line is a datagram, and no thread is needed.

use std::sync::atomic::Ordering;

use crate::core::Core;
use crate::link::Sent;
use crate::outlet::Outlet;
use crate::{Reason, clock};

/// How often a datagram is offered to a socket that tells of earlier refusals instead.
const OFFERS: usize = 4;

/// The outlet of one buffer, and the last datagram that went through it.
pub(crate) struct Direct {
    outlet: Outlet,
    /// Empty where its fate does not matter any more.
    last: Vec<u8>,
    last_lines: u64,
    /// How often the last one was refused.
    refusals: usize,
}

impl Direct {
    pub(crate) fn new(outlet: Outlet) -> Self {
        Self { outlet, last: Vec::new(), last_lines: 0, refusals: 0 }
    }

    /// Sends a datagram at once, or drops it. On this machine the one before is sent once more
    /// where it was refused, before this one.
    pub(crate) fn send(&mut self, core: &Core, bytes: &mut Vec<u8>, lines: u64) {
        for _ in 0..OFFERS {
            match self.outlet.send(bytes) {
                Sent::Done => {
                    core.sent.add(lines, bytes.len());
                    std::mem::swap(&mut self.last, bytes);
                    (self.last_lines, self.refusals) = (lines, 0);
                    return self.report_if_due(core);
                }
                Sent::Refused => self.last_was_refused(core),
                Sent::Later(reason, _) | Sent::Failed(reason) => {
                    return core.drop_lines(reason, lines);
                }
            }
        }
        core.drop_lines(Reason::Refused, lines);
    }

    /// Asks whether the last datagram was refused, and sends it once more.
    pub(crate) fn settle(&mut self, core: &Core) {
        while !self.last.is_empty() && self.outlet.has_refusal() {
            self.last_was_refused(core);
        }
    }

    /// Tells of dropped lines.
    pub(crate) fn report(&mut self, core: &Core) {
        // Whatever is refused after this is the report.
        self.settle(core);
        self.last.clear();
        let outlet = &mut self.outlet;
        core.report(|packet| outlet.send(packet) == Sent::Done && !outlet.was_refused());
    }

    fn report_if_due(&mut self, core: &Core) {
        if core.has_dropped.load(Ordering::Relaxed)
            && core.report_due().is_some_and(|due| due <= clock::now())
        {
            core.has_dropped.store(false, Ordering::Relaxed);
            self.report(core);
        }
    }

    /// The last datagram was refused: sends it to the next address of the host, or once more,
    /// and drops it after that. Over a network it may have been an earlier one, which is gone;
    /// then none is sent again, as it may have arrived.
    fn last_was_refused(&mut self, core: &Core) {
        let is_exact = self.outlet.is_exact();
        let addresses = self.outlet.turn();
        if self.last.is_empty() {
            return;
        }
        core.sent.take_back(self.last_lines, self.last.len());
        self.refusals += 1;
        let again = is_exact && self.refusals <= addresses.max(1);
        if again && self.outlet.send(&self.last) == Sent::Done {
            core.sent.add(self.last_lines, self.last.len());
        } else {
            core.drop_lines(Reason::Refused, self.last_lines);
            self.last.clear();
        }
    }
}
