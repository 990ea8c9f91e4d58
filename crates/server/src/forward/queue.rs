//! What waits for one peer: bounded in bytes, the oldest dropped first, every unit accounted for.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::clock;

/// A packet on its way to a peer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Packet {
    /// What is sent.
    pub(crate) bytes: Vec<u8>,
    /// What it counts for: its lines for a relay, 1 for a repeater.
    pub(crate) units: u64,
}

/// Why units were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Drop {
    /// The connection broke, or the system refused to send: what was on its way may be lost.
    Broken,
    /// The queue was full.
    QueueFull,
    /// The peer's machine said that nobody listens there.
    Refused,
    /// The time to shut down was over.
    Shutdown,
}

impl Drop {
    /// Every reason, in the order of its discriminant.
    const ALL: [Self; 4] = [Self::Broken, Self::QueueFull, Self::Refused, Self::Shutdown];

    /// The reason as it stands in own metrics.
    const fn label(self) -> &'static str {
        match self {
            Self::Broken => "broken",
            Self::QueueFull => "queue_full",
            Self::Refused => "refused",
            Self::Shutdown => "shutdown",
        }
    }
}

/// What became of the units handed to a peer, since the start.
///
/// `passed = sent + in_flight + queued + dropped`, at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// Handed to the queue.
    pub(crate) passed: u64,
    /// Given to the network.
    pub(crate) sent: u64,
    /// Being sent.
    pub(crate) in_flight: u64,
    /// Waiting.
    pub(crate) queued: u64,
    dropped: [u64; Drop::ALL.len()],
}

impl Books {
    /// How many were dropped for a reason.
    pub(crate) fn dropped(&self, reason: Drop) -> u64 {
        self.dropped[reason as usize]
    }

    /// How far the identity is from closing: 0 when every unit is accounted for.
    pub(crate) fn residual(&self) -> i128 {
        let dropped: u64 = self.dropped.iter().sum();
        let accounted = self.sent + self.in_flight + self.queued + dropped;
        i128::from(self.passed) - i128::from(accounted)
    }

    /// Every count with its name; reasons that never happened are left out.
    pub(crate) fn named(&self, mut emit: impl FnMut(&str, &str, u64)) {
        emit("passed", "", self.passed);
        emit("sent", "", self.sent);
        emit("in_flight", "", self.in_flight);
        emit("queued", "", self.queued);
        for reason in Drop::ALL {
            let count = self.dropped(reason);
            if count > 0 {
                emit("dropped.", reason.label(), count);
            }
        }
    }
}

/// The packets that wait for one peer. Workers append, the peer's thread takes.
pub(crate) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
    bytes_max: usize,
}

#[derive(Default)]
struct State {
    waiting: VecDeque<Packet>,
    /// Of what waits.
    bytes: usize,
    books: Books,
    phase: Phase,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Phase {
    #[default]
    Open,
    /// Nothing more will come; what waits is to be sent without backing off.
    Closing,
    /// The books are closed.
    Closed,
}

impl Queue {
    /// How many bytes wait.
    pub(crate) fn bytes(&self) -> usize {
        self.lock().bytes
    }

    /// An empty queue. What goes beyond `bytes_max` is dropped; one packet alone always fits.
    pub(crate) fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), bytes_max }
    }

    /// Appends packets, and empties `packets`. Waits for nothing.
    pub(crate) fn push(&self, packets: &mut Vec<Packet>) {
        if packets.is_empty() {
            return;
        }
        let mut state = self.lock();
        for packet in packets.drain(..) {
            state.books.passed += packet.units;
            if state.phase == Phase::Closed {
                state.books.dropped[Drop::Shutdown as usize] += packet.units;
                continue;
            }
            while state.bytes + packet.bytes.len() > self.bytes_max {
                let Some(oldest) = state.waiting.pop_front() else { break };
                state.bytes -= oldest.bytes.len();
                state.books.queued -= oldest.units;
                state.books.dropped[Drop::QueueFull as usize] += oldest.units;
            }
            state.bytes += packet.bytes.len();
            state.books.queued += packet.units;
            state.waiting.push_back(packet);
        }
        drop(state);
        self.changed.notify_all();
    }

    /// Takes all that waits, into `packets`, which is empty; waits for something. Says whether
    /// there will ever be something again.
    pub(super) fn take(&self, packets: &mut VecDeque<Packet>) -> bool {
        let mut state = self.lock();
        loop {
            if !state.waiting.is_empty() {
                std::mem::swap(&mut state.waiting, packets);
                state.bytes = 0;
                let units = std::mem::take(&mut state.books.queued);
                state.books.in_flight += units;
                return true;
            }
            if state.phase != Phase::Open {
                return false;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// So many units were sent, or dropped.
    pub(super) fn settle(&self, units: u64, outcome: Result<(), Drop>) {
        let mut state = self.lock();
        // After the end they were counted as dropped already.
        if state.phase != Phase::Closed {
            state.books.in_flight -= units;
            match outcome {
                Ok(()) => state.books.sent += units,
                Err(reason) => state.books.dropped[reason as usize] += units,
            }
            drop(state);
            self.changed.notify_all();
        }
    }

    /// Units that counted as sent turned out to be lost.
    pub(super) fn regret(&self, units: u64, reason: Drop) {
        let books = &mut self.lock().books;
        let units = units.min(books.sent);
        books.sent -= units;
        books.dropped[reason as usize] += units;
    }

    /// Waits for that long, or until the end is near. Says whether to go on.
    pub(super) fn back_off(&self, wait: Duration) -> bool {
        let until = clock::now() + wait;
        let mut state = self.lock();
        while state.phase == Phase::Open {
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                return true;
            }
            state = self.wait_timeout(state, left);
        }
        false
    }

    /// How the books stand.
    pub(crate) fn books(&self) -> Books {
        self.lock().books
    }

    /// Nothing more will come.
    pub(crate) fn begin_closing(&self) {
        self.lock().phase = Phase::Closing;
        self.changed.notify_all();
    }

    /// Waits until all is sent or the deadline is over, and closes the books.
    pub(crate) fn close(&self, deadline: Instant) -> Books {
        let mut state = self.lock();
        while state.books.queued + state.books.in_flight > 0 {
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() {
                break;
            }
            state = self.wait_timeout(state, left);
        }
        state.phase = Phase::Closed;
        state.waiting.clear();
        let books = &mut state.books;
        books.dropped[Drop::Shutdown as usize] += books.queued + books.in_flight;
        (books.queued, books.in_flight) = (0, 0);
        let books = *books;
        drop(state);
        self.changed.notify_all();
        books
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_timeout<'a>(
        &self,
        state: MutexGuard<'a, State>,
        timeout: Duration,
    ) -> MutexGuard<'a, State> {
        let waited = self.changed.wait_timeout(state, timeout);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(bytes: usize, units: u64) -> Packet {
        Packet { bytes: vec![b'a'; bytes], units }
    }

    #[test]
    fn what_does_not_fit_is_dropped_oldest_first_and_counted() {
        let queue = Queue::new(10);
        queue.push(&mut vec![packet(5, 1), packet(5, 2), packet(1, 4)]);
        let books = queue.books();
        assert_eq!((books.passed, books.queued, books.dropped(Drop::QueueFull)), (7, 6, 1));
        // One alone always fits.
        queue.push(&mut vec![packet(50, 8)]);
        let mut packets = VecDeque::new();
        assert!(queue.take(&mut packets));
        assert_eq!(packets, [packet(50, 8)]);
        let books = queue.books();
        assert_eq!((books.in_flight, books.queued, books.dropped(Drop::QueueFull)), (8, 0, 7));
        assert_eq!(books.residual(), 0);
    }

    #[test]
    fn every_unit_ends_in_one_place() {
        let queue = Queue::new(1_000);
        queue.push(&mut (1..=4).map(|units| packet(1, units)).collect());
        let mut packets = VecDeque::new();
        assert!(queue.take(&mut packets));
        queue.settle(1, Ok(()));
        queue.settle(2, Err(Drop::Refused));
        queue.push(&mut vec![packet(1, 16)]);
        queue.settle(3, Ok(()));
        queue.regret(3, Drop::Broken);
        let books = queue.close(clock::now());
        assert_eq!((books.passed, books.sent, books.residual()), (26, 1, 0));
        assert_eq!((books.dropped(Drop::Refused), books.dropped(Drop::Broken)), (2, 3));
        assert_eq!(books.dropped(Drop::Shutdown), 20);
        // What comes or ends later changes nothing but its own count.
        queue.settle(4, Ok(()));
        queue.push(&mut vec![packet(1, 32)]);
        assert_eq!(queue.books().dropped(Drop::Shutdown), 52);
        assert_eq!((queue.books().sent, queue.books().residual()), (1, 0));
        assert!(!queue.take(&mut VecDeque::new()));
    }

    #[test]
    fn the_end_wakes_who_waits() {
        let queue = std::sync::Arc::new(Queue::new(10));
        let waiting = std::sync::Arc::clone(&queue);
        let thread = std::thread::spawn(move || {
            let goes_on = waiting.back_off(Duration::from_hours(1));
            (goes_on, waiting.take(&mut VecDeque::new()))
        });
        queue.begin_closing();
        assert_eq!(thread.join().unwrap(), (false, false));
    }
}
