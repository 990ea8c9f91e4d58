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
    /// The last flush that was done.
    flushed: u64,
    /// When what waits in the buffers has to be sent.
    due: Option<Duration>,
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
            flushed: 0,
            due: None,
            end: None,
        }
    }

    fn run(mut self) {
        loop {
            let now = clock::now();
            let asked = self.core.asked();
            if self.end.is_none() && self.core.is_closed() {
                self.end = Some(now + END_MAX);
            }
            let at_once = self.end.is_some() || asked != self.flushed;
            if at_once || self.due.is_some_and(|due| due <= now) {
                self.core.collect();
                self.due = None;
            }
            let wait = self.send_all();
            if let Some(end) = self.end
                && (wait.is_none() || clock::now() >= end)
            {
                return self.finish(asked);
            }
            if let Some(wait) = wait {
                // A packet that cannot be sent now is no reason not to answer.
                self.sleep(wait);
                continue;
            }
            if asked != self.flushed {
                self.flushed = asked;
                self.core.done(asked, false);
            } else if self.due.is_some() {
                self.sleep(Duration::MAX);
            } else {
                if self.core.fall_asleep() && asked == self.core.asked() && !self.core.is_closed() {
                    thread::park();
                }
                self.due = Some(clock::now() + self.core.settings.delay_max);
            }
        }
    }

    /// Sleeps until something has to be done, at most this long.
    fn sleep(&self, wait: Duration) {
        let now = clock::now();
        let until = |time: Option<Duration>| time.map_or(wait, |time| time.saturating_sub(now));
        thread::park_timeout(wait.min(until(self.due)).min(until(self.end)));
    }

    /// Sends what is in the queue. Something is left where a time is returned: try again then.
    fn send_all(&mut self) -> Option<Duration> {
        loop {
            if self.packet.bytes.is_empty() {
                let mut queue = self.core.queue();
                queue.recycle(std::mem::take(&mut self.packet.bytes));
                let Some(packet) = queue.pop() else { break };
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
            Sent::Failed(reason) => {
                self.core.drop_lines(reason, self.packet.lines);
                self.let_go()
            }
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
        self.core.drop_lines(Reason::Refused, self.packet.lines);
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
    fn finish(mut self, asked: u64) {
        self.core.collect();
        let mut left = self.packet.lines * u64::from(!self.packet.bytes.is_empty());
        while let Some(packet) = self.core.queue().pop() {
            left += packet.lines;
        }
        self.let_go();
        self.core.drop_lines(Reason::Closed, left);
        self.core.done(asked, true);
    }
}
