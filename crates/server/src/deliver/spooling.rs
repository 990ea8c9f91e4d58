//! Between the queue of a sink and its spool: what goes to the disk, when, and what comes back.
//!
//! ```text
//! Queue, more than queue_bytes --> oldest --> Shelf      a thread of its own
//! Queue, newest first, then in order <-- Courier --> Shelf, at most half of the time
//! ```

use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use super::Books;
use super::queue::{Item, Phase, Queue, QueueState};
use super::shelf::Shelf;
use crate::beats::WAIT_MAX;
use crate::clock;

/// How long what failed waits until it is tried again.
const AGAIN: Duration = Duration::from_millis(500);
/// The longest pause of the backlog between two of its snapshots.
const PAUSE_MAX: Duration = Duration::from_secs(10);
/// How long a sink may send at the end before the rest goes to its spool.
const GRACE: Duration = Duration::from_secs(2);

/// What a courier does next.
pub(super) enum Next {
    /// Sends this, until it has arrived.
    Item(Item),
    /// Sends the oldest of the spool, once.
    Backlog,
    /// Nothing yet.
    Nothing,
    /// Nothing more will come.
    End,
}

/// Starts the thread that brings to the disk what does not fit into the queue.
///
/// # Errors
/// The system can start no thread.
pub(super) fn start(name: &str, queue: &Arc<Queue>) -> io::Result<()> {
    let queue = Arc::clone(queue);
    thread::Builder::new().name(format!("spool {name}")).spawn(move || {
        if let Some(shelf) = &queue.shelf {
            run(&queue, shelf);
        }
    })?;
    Ok(())
}

fn run(queue: &Queue, shelf: &Shelf) {
    shelf.open(queue);
    while let Some(item) = queue.take_surplus() {
        shelf.open(queue);
        let is_there = shelf.put(queue, &item);
        queue.put_aside(item, is_there);
        if !is_there {
            queue.wait_while_open(AGAIN);
        }
    }
}

impl Queue {
    /// Takes the oldest item while there are more bytes than the queue is for; waits for that.
    /// `None` when nothing more will come.
    fn take_surplus(&self) -> Option<Item> {
        let mut state = self.lock();
        loop {
            if state.phase != Phase::Open {
                return None;
            }
            let has_surplus = state.bytes > self.bytes_max && state.waiting.len() > 1;
            let has_surplus = has_surplus && state.apart.is_none();
            if has_surplus && let Some(item) = state.waiting.pop_front() {
                // It counts as queued until it is on the disk.
                state.bytes -= item.bytes;
                state.is_spooling = true;
                return Some(item);
            }
            // A spool that could not be opened is tried again.
            let is_open = self.shelf.as_ref().is_some_and(Shelf::is_open);
            state = self.wait_timeout(state, if is_open { PAUSE_MAX } else { AGAIN * 4 });
            if let Some(shelf) = &self.shelf {
                drop(state);
                match is_open {
                    true => shelf.watch(self),
                    false => shelf.open(self),
                }
                state = self.lock();
            }
        }
    }

    /// The item is on the disk, or it is to stay.
    fn put_aside(&self, item: Item, is_there: bool) {
        let mut state = self.lock();
        state.is_spooling = false;
        match is_there {
            true => {
                state.books.queued -= item.points;
                state.books.spooled += item.points;
                state.has_backlog = true;
                state.spooled_items += 1;
                state.let_go(&item);
                state.tell_held();
            }
            false => {
                state.bytes += item.bytes;
                state.waiting.push_front(item);
                // It stands before those that are being merged.
                state.apart = state.apart.map(|place| place + 1);
            }
        }
        drop(state);
        self.wake();
    }

    /// What is to be sent next; waits a moment for it. What is live goes first where the order of
    /// snapshots is no matter; the backlog has at most half of the time then.
    pub(super) fn next(&self) -> Next {
        let mut state = self.lock();
        for has_waited in [false, true] {
            if state.phase == Phase::Closed {
                return Next::End;
            }
            let pause = state.pause.map(|pause| pause.saturating_duration_since(clock::now()));
            let pause = pause.filter(|pause| state.has_backlog && !pause.is_zero());
            // Not while the oldest are being merged, or are on their way to the spool.
            if state.apart.is_none() && (self.any_order || !state.is_spooling) {
                let is_due = state.has_backlog && state.naming.is_some() && pause.is_none();
                let is_due = is_due && state.phase == Phase::Open;
                if let Some(next) = self.choose(&mut state, is_due) {
                    return next;
                }
                if state.phase == Phase::Closing {
                    return Next::End;
                }
            }
            if !has_waited {
                state = self.wait_timeout(state, pause.unwrap_or(WAIT_MAX).min(WAIT_MAX));
            }
        }
        Next::Nothing
    }

    fn choose(&self, state: &mut QueueState, is_due: bool) -> Option<Next> {
        if !self.any_order {
            return match state.has_backlog {
                true => is_due.then_some(Next::Backlog),
                // What a spool may hold that is not open yet comes before it.
                false if state.is_spool_awaited => None,
                false => state.take_front().map(Next::Item),
            };
        }
        let is_live = std::mem::take(&mut state.is_fresh) && state.waiting.len() > 1;
        if is_live && let Some(item) = state.take_back() {
            return Some(Next::Item(item));
        }
        if is_due && (state.waiting.is_empty() || state.is_turn_of_backlog) {
            state.is_turn_of_backlog = false;
            return Some(Next::Backlog);
        }
        state.is_turn_of_backlog = true;
        state.take_front().map(Next::Item)
    }

    /// How many items have gone to the spool.
    pub(super) fn spooled_items(&self) -> u64 {
        self.lock().spooled_items
    }

    /// There was nothing in the spool after so many items had gone there.
    pub(super) fn no_backlog(&self, spooled_items: u64) {
        let mut state = self.lock();
        state.has_backlog = state.spooled_items != spooled_items;
    }

    /// What was lent of the spool stays there.
    pub(super) fn give_back_to_spool(&self, points: u64) {
        let mut state = self.lock();
        // At the end it was counted so already.
        if state.phase != Phase::Closed {
            state.lent = None;
            state.books.in_flight -= points;
            state.books.spooled += points;
            state.tell_held();
        }
    }

    /// The backlog has had its time: as long nothing of it is sent.
    pub(super) fn pause_backlog(&self, since: Instant) {
        if self.any_order {
            let now = clock::now();
            let took = now.saturating_duration_since(since).min(PAUSE_MAX);
            self.lock().pause = Some(now + took);
        }
    }

    /// Closes the books of a queue with a spool: what the sink does not take soon goes there.
    pub(super) fn close_to_spool(
        &self,
        shelf: &Shelf,
        deadline: Instant,
        rest: fn(&mut Books) -> &mut u64,
    ) -> Books {
        let deadline = deadline.min(clock::now() + GRACE);
        let mut state = self.lock();
        loop {
            let is_over = state.waiting.is_empty() && state.sending.is_none();
            let left = deadline.saturating_duration_since(clock::now());
            // A sink that fails is not waited for.
            let is_given_up = state.is_failing || left.is_zero();
            if !state.is_spooling && (is_over || is_given_up) {
                break;
            }
            state = self.wait_timeout(state, left.max(Duration::from_millis(10)));
        }
        state.phase = Phase::Closed;
        // What is older than all that is in the spool goes before it, where the order matters.
        let mut is_first = state.sending.is_some() && state.has_backlog && !self.any_order;
        let mut left: Vec<Item> = state.sending.take().into_iter().collect();
        left.extend(state.waiting.drain(..));
        let lent = state.lent.take();
        state.books.spooled += lent.unwrap_or(0);
        state.books.queued = left.iter().map(|item| item.points).sum();
        state.books.in_flight = 0;
        state.tell_held();
        drop(state);
        self.wake();
        shelf.open(self);
        shelf.release();
        for item in left {
            let is_there = match std::mem::take(&mut is_first) {
                true => shelf.put_first(self, &item),
                false => shelf.put(self, &item),
            };
            let mut state = self.lock();
            state.books.queued -= item.points;
            match is_there {
                true => state.books.spooled += item.points,
                false => *rest(&mut state.books) += item.points,
            }
            state.let_go(&item);
            state.tell_held();
        }
        shelf.close();
        let mut state = self.lock();
        state.end_holding();
        state.books
    }
}
