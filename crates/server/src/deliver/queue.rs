//! What waits for one sink, bounded in bytes, and its books.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gstatsd_aggregate::{Budget, Lease, Naming, SinkStats, Snapshot, Step};
use gstatsd_sinks::{PointCounter, Receipt};

use super::books::Books;
use super::shelf::Shelf;
use crate::beats::{self, Beat};
use crate::clock;
use crate::tally::{Held, Holding};
use crate::totals::Standing;

/// The longest wait between two attempts at the end, when there is no time to lose.
const CLOSING_WAIT: Duration = Duration::from_millis(250);

/// What waits for one sink.
pub(super) struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
    pub(super) bytes_max: usize,
    /// Where what does not fit goes.
    pub(super) shelf: Option<Shelf>,
    /// Whether what came later may be sent earlier.
    pub(super) any_order: bool,
}

#[derive(Default)]
pub(super) struct QueueState {
    pub(super) waiting: VecDeque<Item>,
    /// Of what waits.
    pub(super) bytes: usize,
    pub(super) books: Books,
    /// What the sink tells of itself, after it last sent something.
    pub(super) stats: Option<SinkStats>,
    /// The memory that it keeps.
    pub(super) lease: Lease,
    /// Where there is a budget of memory that what waits is part of.
    pub(super) budget: Option<Budget>,
    pub(super) phase: Phase,
    /// Where the two items belong that are being merged.
    pub(super) apart: Option<usize>,
    /// What the thread of the sink shall say that it advances with, until it has seen it.
    pub(super) beat: Option<Beat>,
    /// What is being sent, but for what the spool lent.
    pub(super) sending: Option<Item>,
    /// The points of what the spool lent.
    pub(super) lent: Option<u64>,
    /// Whether the spool was not opened yet, nor was that tried.
    pub(super) is_spool_awaited: bool,
    /// Whether an item is on its way to the spool.
    pub(super) is_spooling: bool,
    /// How many went there.
    pub(super) spooled_items: u64,
    /// Whether there is anything in the spool, as far as that is known.
    pub(super) has_backlog: bool,
    /// Until when nothing of the spool is sent.
    pub(super) pause: Option<Instant>,
    /// Whether the spool is next.
    pub(super) is_turn_of_backlog: bool,
    /// Whether the newest item came after anything was sent.
    pub(super) is_fresh: bool,
    /// How series are named now.
    pub(super) naming: Option<Arc<Naming>>,
    /// Whether the sink took nothing when it was last tried.
    pub(super) is_failing: bool,
    /// Where it is said what a kill would cost.
    pub(super) holding: Option<Holding>,
    /// How many snapshots are in memory alone, and the samples of their intervals.
    pub(super) snapshots: u64,
    pub(super) samples: u64,
    /// How many flushes are being prepared.
    pub(super) flushes: u64,
    /// How the totals stand that the sink keeps, where it does.
    pub(super) totals: Option<Standing>,
    /// Whether the thread of the sink has done its last.
    has_courier_ended: bool,
}

#[derive(Clone)]
pub(super) struct Item {
    pub(super) snapshot: Arc<Snapshot>,
    pub(super) naming: Arc<Naming>,
    pub(super) points: u64,
    pub(super) bytes: usize,
    /// Whether merging it with the next one is of no use.
    pub(super) is_whole: bool,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Phase {
    #[default]
    Open,
    /// Nothing more will come; what waits is to be sent without backing off.
    Closing,
    /// The books are closed.
    Closed,
}

impl Item {
    pub(super) fn new(snapshot: Arc<Snapshot>, naming: Arc<Naming>, count: &PointCounter) -> Self {
        let points = count(&snapshot, &naming);
        Self::of(snapshot, naming, points)
    }

    /// One whose points were counted before.
    pub(super) fn of(snapshot: Arc<Snapshot>, naming: Arc<Naming>, points: u64) -> Self {
        let bytes = snapshot.bytes();
        Self { snapshot, naming, points, bytes, is_whole: false }
    }
}

impl QueueState {
    /// Takes the oldest item to send it.
    pub(super) fn take_front(&mut self) -> Option<Item> {
        let item = self.waiting.pop_front()?;
        Some(self.begin_sending(item))
    }

    /// Takes the newest item to send it.
    pub(super) fn take_back(&mut self) -> Option<Item> {
        let item = self.waiting.pop_back()?;
        Some(self.begin_sending(item))
    }

    fn begin_sending(&mut self, item: Item) -> Item {
        self.bytes -= item.bytes;
        self.books.queued -= item.points;
        self.books.in_flight += item.points;
        self.sending = Some(item.clone());
        self.tell_held();
        item
    }

    /// An item is in memory no more.
    pub(super) fn let_go(&mut self, item: &Item) {
        self.snapshots = self.snapshots.saturating_sub(1);
        self.samples = self.samples.saturating_sub(item.snapshot.counts.samples_received);
    }

    /// All is in the books.
    pub(super) fn end_holding(&mut self) {
        if let Some(holding) = self.holding.take() {
            holding.end();
        }
    }

    /// Says what a kill would cost from now on.
    pub(super) fn tell_held(&mut self) {
        let Books { emitted, queued: waiting, in_flight, .. } = self.books;
        // What the spool lent is on the disk still.
        let sending = if self.lent.is_some() { 0 } else { in_flight };
        let Self { snapshots, samples, flushes, .. } = *self;
        if let Some(holding) = &mut self.holding {
            holding.store(Held { emitted, waiting, sending, snapshots, samples, flushes });
        }
    }
}

impl Queue {
    pub(super) fn new(bytes_max: usize, shelf: Option<Shelf>, any_order: bool) -> Self {
        // Without a spool there is no backlog that could be overtaken.
        let any_order = any_order && shelf.is_some();
        let state = QueueState { is_spool_awaited: shelf.is_some(), ..QueueState::default() };
        Self { state: Mutex::new(state), changed: Condvar::new(), bytes_max, shelf, any_order }
    }

    /// How many bytes may wait: with a spool more, so that it has time. While memory is short it
    /// is an eighth of the budget at most.
    fn room(&self, state: &QueueState) -> usize {
        let short = state.budget.as_ref().filter(|budget| budget.takes(Step::RefuseNew));
        let bytes_max = short.map_or(self.bytes_max, |all| self.bytes_max.min(all.max() / 8));
        match self.shelf {
            Some(_) => bytes_max.saturating_mul(2),
            None => bytes_max,
        }
    }

    /// Whether there is a spool for what does not fit, or soon will be. Then the newest item is
    /// beyond the room, and so is one beside it, as they wait for the disk.
    fn has_disk(&self, state: &QueueState) -> bool {
        state.is_spool_awaited || self.shelf.as_ref().is_some_and(Shelf::is_open)
    }

    /// What the sink tells of itself, and the memory that it keeps.
    pub(super) fn note(&self, stats: Option<SinkStats>, bytes: usize) {
        let mut state = self.lock();
        state.stats = stats;
        state.lease.set(bytes);
    }

    /// Appends an item, which was prepared of so many flushes. Gives the number of points that were
    /// dropped for it: one item alone always fits, and any beside it where others go to the disk.
    pub(super) fn push(&self, item: Item, carries_notices: bool, flushes: u64) -> u64 {
        let mut state = self.lock();
        let has_disk = self.has_disk(&state);
        let (newest, beside) = if has_disk { (0, 1) } else { (item.bytes, 0) };
        let mut dropped = 0;
        while state.bytes + newest > self.room(&state) && state.waiting.len() > beside {
            let Some(oldest) = state.waiting.pop_front() else { break };
            state.bytes -= oldest.bytes;
            state.let_go(&oldest);
            dropped += oldest.points;
        }
        let notices = item.snapshot.notice_count() as u64;
        match carries_notices {
            true => state.books.notices_emitted += notices,
            false => state.books.notices_unsupported += notices,
        }
        state.books.queued -= dropped;
        state.books.dropped_queue_full += dropped;
        state.books.emitted += item.points;
        state.books.queued += item.points;
        state.bytes += item.bytes;
        state.naming = Some(Arc::clone(&item.naming));
        state.is_fresh = true;
        state.snapshots += 1;
        state.samples += item.snapshot.counts.samples_received;
        state.flushes = state.flushes.saturating_sub(flushes);
        state.waiting.push_back(item);
        state.tell_held();
        drop(state);
        self.changed.notify_all();
        dropped
    }

    /// Counts points that never came here, as there was no time for them.
    pub(super) fn refuse(&self, points: u64) {
        let mut state = self.lock();
        state.books.emitted += points;
        state.books.dropped_queue_full += points;
        state.flushes = state.flushes.saturating_sub(1);
        state.tell_held();
    }

    /// A flush is on its way here, and is to be prepared.
    pub(super) fn expect(&self) {
        let mut state = self.lock();
        state.flushes += 1;
        state.tell_held();
    }

    /// Whether it is time to merge what waits.
    pub(super) fn is_nearly_full(&self) -> bool {
        let state = self.lock();
        let has_disk = self.has_disk(&state);
        let newest = state.waiting.back().filter(|_| has_disk).map_or(0, |newest| newest.bytes);
        let is_nearly_full = state.bytes - newest > self.room(&state) / 4 * 3;
        is_nearly_full && state.waiting.len() > 1 + usize::from(has_disk)
    }

    /// Takes the two oldest items to be merged, while the queue is nearly full and that is of
    /// use. They still count as waiting, and the courier waits until they are given back.
    pub(super) fn take_oldest_pair(&self) -> Option<(Item, Item)> {
        if !self.is_nearly_full() {
            return None;
        }
        let mut state = self.lock();
        let start = state.waiting.iter().position(|item| !item.is_whole)?;
        let [older, newer] = [start, start + 1].map(|place| state.waiting.get(place));
        let is_named_alike = Arc::ptr_eq(&older?.naming, &newer?.naming);
        if !is_named_alike {
            // Names that are made in two ways cannot become one.
            state.waiting[start].is_whole = true;
        }
        if state.phase != Phase::Open || !is_named_alike {
            return None;
        }
        let (older, newer) = (state.waiting.remove(start)?, state.waiting.remove(start)?);
        state.apart = Some(start);
        Some((older, newer))
    }

    /// Puts back what was made of the two oldest items: one, or where that is hardly smaller,
    /// both, never to be merged again.
    pub(super) fn give_back(&self, mut older: Item, newer: Item, merged: Item) {
        let mut state = self.lock();
        let Some(start) = state.apart.take() else { return };
        // Items before them may have been dropped meanwhile.
        let start = start.min(state.waiting.len());
        if state.phase != Phase::Closed {
            if merged.bytes > (older.bytes + newer.bytes) / 8 * 7 {
                older.is_whole = true;
                state.waiting.insert(start, newer);
                state.waiting.insert(start, older);
            } else {
                let points = older.points + newer.points;
                state.books.queued = state.books.queued - points + merged.points;
                state.books.coalesced += points.saturating_sub(merged.points);
                // Some statistics have a point only of enough values, so there may be more.
                state.books.emitted += merged.points.saturating_sub(points);
                state.bytes = state.bytes - older.bytes - newer.bytes + merged.bytes;
                state.waiting.insert(start, merged);
                state.snapshots = state.snapshots.saturating_sub(1);
                state.tell_held();
            }
        }
        drop(state);
        self.changed.notify_all();
    }

    /// The item in flight is to be sent no more; `receipt` says what did not arrive. Says whether
    /// that is in the books: after the end they say what became of it already.
    pub(super) fn settle(&self, item: &Item, receipt: Receipt) -> bool {
        let mut state = self.lock();
        let is_in_books = state.phase != Phase::Closed;
        let is_lent = state.lent.is_some();
        if is_in_books {
            let rejected = receipt.rejected.min(item.points);
            let unencodable = receipt.unencodable.min(item.points - rejected);
            state.sending = None;
            state.lent = None;
            if !is_lent {
                state.let_go(item);
            }
            state.books.in_flight -= item.points;
            state.books.dropped_rejected_by_sink += rejected;
            state.books.dropped_unencodable += unencodable;
            state.books.delivered += item.points - rejected - unencodable;
            state.tell_held();
            self.changed.notify_all();
        }
        is_in_books
    }

    /// Waits before a further attempt: for that long, or until the end is near.
    pub(super) fn back_off(&self, wait: Duration) {
        let until = clock::now() + wait;
        let mut state = self.lock();
        while state.phase == Phase::Open {
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                return;
            }
            drop(self.wait_timeout(state, left.min(beats::WAIT_MAX)));
            // To wait is to be alive, and not to hold the lock meanwhile.
            beats::now();
            state = self.lock();
        }
        drop(state);
        thread::sleep(CLOSING_WAIT.min(wait));
    }

    /// Waits that long, or until nothing more will come.
    pub(super) fn wait_while_open(&self, wait: Duration) {
        let until = clock::now() + wait;
        let mut state = self.lock();
        while state.phase == Phase::Open && clock::now() < until {
            state = self.wait_timeout(state, wait);
        }
    }

    /// Whether the sink took nothing when it was last tried.
    pub(super) fn set_failing(&self, is_failing: bool) {
        self.lock().is_failing = is_failing;
        self.wake();
    }

    pub(super) fn begin_closing(&self) {
        self.lock().phase = Phase::Closing;
        self.changed.notify_all();
    }

    /// Waits until all is sent or the deadline is over, and closes the books; `rest` is where
    /// they count what was not sent.
    pub(super) fn close(&self, deadline: Instant, rest: fn(&mut Books) -> &mut u64) -> Books {
        if let Some(shelf) = &self.shelf {
            return self.close_to_spool(shelf, deadline, rest);
        }
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
        *rest(books) += books.queued + books.in_flight;
        (books.queued, books.in_flight) = (0, 0);
        let books = *books;
        state.end_holding();
        drop(state);
        self.changed.notify_all();
        books
    }

    /// Whether nothing more will come, nothing waits and nothing is on its way.
    pub(super) fn has_ended(&self) -> bool {
        let state = self.lock();
        state.phase != Phase::Open && state.books.queued + state.books.in_flight == 0
    }

    pub(super) fn courier_has_ended(&self) {
        self.lock().has_courier_ended = true;
        self.wake();
    }

    /// Waits until the thread of a sink that keeps totals has done its last.
    pub(super) fn wait_for_courier(&self, deadline: Instant) {
        let mut state = self.lock();
        while state.totals.is_some() && !state.has_courier_ended {
            let left = deadline.saturating_duration_since(clock::now());
            if left.is_zero() {
                return;
            }
            state = self.wait_timeout(state, left);
        }
    }

    pub(super) fn is_closed(&self) -> bool {
        self.lock().phase == Phase::Closed
    }

    pub(super) fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Wakes whoever waits for a change.
    pub(super) fn wake(&self) {
        self.changed.notify_all();
    }

    pub(super) fn wait_timeout<'a>(
        &self,
        state: MutexGuard<'a, QueueState>,
        timeout: Duration,
    ) -> MutexGuard<'a, QueueState> {
        let waited = self.changed.wait_timeout(state, timeout);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}
