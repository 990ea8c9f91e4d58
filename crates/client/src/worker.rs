//! The thread that sends what others have written.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::thread::{self, Thread};
use std::time::Duration;

use crate::core::Core;
use crate::link::Sent;
use crate::outlet::Outlet;
use crate::queue::Packet;
use crate::{Reason, clock};

/// How long the end may take.
pub(crate) const END_MAX: Duration = Duration::from_millis(100);
/// The least time before a refused datagram is sent once more.
const REFUSED_WAIT: Duration = Duration::from_millis(10);
/// After so many bytes without a pause there is one, for the sake of the receiver's buffer.
const BURST_BYTES: usize = 128 * 1_024;
const BURST_PAUSE: Duration = Duration::from_millis(1);

/// Starts the thread.
///
/// # Errors
///
/// There is no room for a thread.
pub(crate) fn spawn(core: &Arc<Core>) -> io::Result<Thread> {
    let core = Arc::clone(core);
    let builder = thread::Builder::new().name("statsd-client".to_owned());
    Ok(builder.spawn(move || Worker::new(&core).run())?.thread().clone())
}

struct Worker<'a> {
    core: &'a Core,
    outlet: Outlet,
    /// The packet that is being sent.
    packet: Packet,
    /// How often it was refused.
    refusals: usize,
    /// It was held back once after that.
    held: bool,
    burst: usize,
    /// The packet in hand is a report of dropped lines.
    is_report: bool,
    /// The last report was made.
    said_all: bool,
    /// The last flush that was done.
    flushed: u64,
    /// When what waits in the buffers has to be sent.
    due: Option<Duration>,
    /// When the sums have to be told.
    sums_due: Option<Duration>,
    /// When everything has to be over.
    end: Option<Duration>,
}

/// What to do next with the packet in hand.
enum Next {
    /// There is none any more.
    Other,
    /// Try again after this time.
    Again(Duration),
}

impl<'a> Worker<'a> {
    fn new(core: &'a Core) -> Self {
        Self {
            core,
            outlet: core.outlet(),
            packet: Packet::default(),
            refusals: 0,
            held: false,
            burst: 0,
            is_report: false,
            said_all: false,
            flushed: 0,
            due: None,
            sums_due: None,
            end: None,
        }
    }

    fn run(mut self) {
        loop {
            let now = clock::now();
            let asked = self.core.asked();
            if self.end.is_none() && self.core.is_closed() {
                self.end = Some(now.saturating_add(END_MAX));
            }
            let is_over = |time: Option<Duration>| time.is_some_and(|time| time <= now);
            let at_once = self.end.is_some() || asked != self.flushed;
            let sums = at_once || is_over(self.sums_due);
            if sums {
                self.core.tell_sums();
                self.sums_due = None;
            }
            if sums || is_over(self.due) {
                self.core.collect();
                self.due = None;
            }
            let left = self.send_all();
            if self.end.is_some() {
                if is_over(self.end) || left.is_none() && !self.take_last_report() {
                    return self.finish();
                }
            } else if left.is_none() && self.core.report_due().is_some_and(|due| due <= now) {
                self.take_report();
            } else if left.is_none() && asked != self.flushed {
                self.flushed = asked;
                self.core.flushed(asked);
            } else if left.is_none() {
                self.rest();
            }
            if let Some(wait) = left {
                self.sleep(Some(wait));
            }
        }
    }

    /// Everything is sent: sleeps until there is something to do.
    fn rest(&mut self) {
        if self.due.is_none() {
            let waiting = self.core.fall_asleep();
            let now = clock::now();
            if waiting.lines {
                self.due = Some(now.saturating_add(self.core.settings.delay_max));
            }
            if let (true, None, Some(interval)) =
                (waiting.sums, self.sums_due, self.core.settings.aggregate)
            {
                self.sums_due = Some(now.saturating_add(interval));
            }
        }
        self.sleep(None);
    }

    /// Sleeps until it is woken or something has to be done, at most as long as given.
    fn sleep(&self, most: Option<Duration>) {
        let now = clock::now();
        let times = [self.due, self.sums_due, self.end, self.core.report_due()];
        let next = times.into_iter().flatten().map(|time| time.saturating_sub(now)).min();
        match next.into_iter().chain(most).min() {
            Some(wait) => thread::park_timeout(wait),
            None => thread::park(),
        }
    }

    /// Takes a report of dropped lines as the packet to be sent.
    fn take_report(&mut self) -> bool {
        let mut report = None;
        self.core.report(|packet| {
            report = Some(packet.to_vec());
            true
        });
        let Some(bytes) = report else { return false };
        self.take(Packet { bytes, lines: 0 });
        self.is_report = true;
        true
    }

    /// The same at the end, once.
    fn take_last_report(&mut self) -> bool {
        !std::mem::replace(&mut self.said_all, true) && self.take_report()
    }

    /// Sends what is in the queue. Something is left where a time is returned: try again then.
    fn send_all(&mut self) -> Option<Duration> {
        loop {
            if self.packet.bytes.is_empty() {
                let mut queue = self.core.queue();
                queue.recycle(std::mem::take(&mut self.packet.bytes));
                let Some(mut packet) = queue.pop() else { break };
                // The addresses of a name may have changed since it was filled.
                if let Some(rest) = packet.split_off(self.core.packet_bytes()) {
                    queue.push_front(rest);
                }
                self.in_hand(packet.lines);
                drop(queue);
                self.take(packet);
            }
            if let Next::Again(wait) = self.send() {
                return Some(wait);
            }
            if self.burst > BURST_BYTES {
                self.burst = 0;
                if self.core.queue().len() > 0 {
                    return Some(BURST_PAUSE);
                }
            }
        }
        self.burst = 0;
        None
    }

    fn take(&mut self, packet: Packet) {
        self.packet = packet;
        self.refusals = 0;
        self.held = false;
        self.is_report = false;
    }

    fn in_hand(&self, lines: u64) {
        self.core.sent.in_hand.store(lines, Ordering::Relaxed);
    }

    /// Sends the packet in hand.
    fn send(&mut self) -> Next {
        match self.outlet.send(&self.packet.bytes) {
            Sent::Done if self.outlet.was_refused() => self.refused(),
            Sent::Done => {
                self.core.sent.add(self.packet.lines, self.packet.bytes.len());
                self.burst += self.packet.bytes.len();
                self.let_go()
            }
            // Told of an earlier one, and not sent.
            Sent::Refused => {
                self.outlet.turn();
                Next::Again(Duration::ZERO)
            }
            Sent::Later(_, wait) => {
                self.send_rest();
                Next::Again(wait)
            }
            Sent::Failed(reason) => self.drop_packet(reason),
        }
    }

    /// The packet in hand was refused: it is sent to the other addresses of the host, then held
    /// back a moment and sent once more, and dropped after that.
    fn refused(&mut self) -> Next {
        self.refusals += 1;
        if self.refusals < self.outlet.turn() {
            return Next::Again(Duration::ZERO);
        }
        if !self.held {
            self.held = true;
            self.refusals = 0;
            let wait = self.core.settings.delay_max.max(REFUSED_WAIT);
            return Next::Again(if self.end.is_some() { Duration::ZERO } else { wait });
        }
        self.drop_packet(Reason::Refused)
    }

    fn drop_packet(&mut self, reason: Reason) -> Next {
        self.core.drop_lines(reason, self.packet.lines);
        if self.is_report {
            self.core.take_report_back();
        }
        self.let_go()
    }

    /// A connection broke, or never was: what it took as whole lines is gone.
    fn send_rest(&mut self) {
        let gone = self.outlet.whole_lines(&self.packet.bytes);
        if gone > 0 {
            let newlines = self.packet.bytes[..gone].iter().filter(|byte| **byte == b'\n');
            let lines = (newlines.count() as u64).min(self.packet.lines);
            self.core.sent.add(lines, gone);
            self.packet.bytes.drain(..gone);
            self.packet.lines -= lines;
            self.in_hand(self.packet.lines);
        }
    }

    fn let_go(&mut self) -> Next {
        self.packet.bytes.clear();
        self.in_hand(0);
        Next::Other
    }

    /// The end: what is left is dropped.
    fn finish(mut self) {
        self.core.collect();
        let mut left = self.packet.lines * u64::from(!self.packet.bytes.is_empty());
        while let Some(packet) = self.core.queue().pop() {
            left += packet.lines;
        }
        self.let_go();
        self.core.drop_lines(Reason::Closed, left);
        self.core.ended(left == 0);
    }
}
