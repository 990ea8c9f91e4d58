//! Delivery: each sink has its own queue, bounded in bytes, and its own thread. A slow or dead
//! sink delays nobody else; what does not fit is dropped, oldest first, and counted.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use gstatsd_aggregate::{Naming, SinkStats, Snapshot};
use gstatsd_sinks::{PointCounter, Sink};

use crate::clock;

/// The shortest and the longest wait before a snapshot is sent again.
const BACKOFF_MIN: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(30);
/// How often a failing sink is mentioned in the log.
const MENTION: Duration = Duration::from_secs(60);

/// What became of the points of one sink, in points, since the start.
///
/// `emitted = delivered + in_flight + queued + dropped`, at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Books {
    /// Handed to the sink's queue.
    pub(crate) emitted: u64,
    /// Taken by the peer.
    pub(crate) delivered: u64,
    /// Being sent, perhaps not for the first time.
    pub(crate) in_flight: u64,
    /// Waiting.
    pub(crate) queued: u64,
    /// Dropped because the queue was full.
    pub(crate) dropped_queue_full: u64,
    /// Dropped because the sink will never take them.
    pub(crate) dropped_refused: u64,
    /// Dropped because the time to shut down was over.
    pub(crate) dropped_shutdown: u64,
    /// Dropped because the sink is in the configuration no more, and its time was over.
    pub(crate) dropped_config_removed: u64,
    /// Events and service checks that went with the snapshots; no points.
    pub(crate) notices_emitted: u64,
    /// Those that did not, because the sink carries none.
    pub(crate) notices_unsupported: u64,
}

impl Books {
    /// How far the identity is from closing: 0 when every point is accounted for.
    pub(crate) fn residual(&self) -> i128 {
        let accounted = self.delivered
            + self.in_flight
            + self.queued
            + self.dropped_queue_full
            + self.dropped_refused
            + self.dropped_shutdown
            + self.dropped_config_removed;
        i128::from(self.emitted) - i128::from(accounted)
    }

    /// Adds what another has counted.
    fn add(&mut self, other: &Self) {
        // Destructured, so that a new field cannot be forgotten here.
        let Self {
            emitted,
            delivered,
            in_flight,
            queued,
            dropped_queue_full,
            dropped_refused,
            dropped_shutdown,
            dropped_config_removed,
            notices_emitted,
            notices_unsupported,
        } = other;
        self.emitted += emitted;
        self.delivered += delivered;
        self.in_flight += in_flight;
        self.queued += queued;
        self.dropped_queue_full += dropped_queue_full;
        self.dropped_refused += dropped_refused;
        self.dropped_shutdown += dropped_shutdown;
        self.dropped_config_removed += dropped_config_removed;
        self.notices_emitted += notices_emitted;
        self.notices_unsupported += notices_unsupported;
    }

    /// Every count with its name; reasons that never happened are left out.
    pub(crate) fn named(&self, mut emit: impl FnMut(&str, &str, u64)) {
        emit("points.emitted", "", self.emitted);
        emit("points.delivered", "", self.delivered);
        emit("points.in_flight", "", self.in_flight);
        emit("points.queued", "", self.queued);
        for (reason, count) in [
            ("queue_full", self.dropped_queue_full),
            ("refused", self.dropped_refused),
            ("shutdown", self.dropped_shutdown),
            ("config_removed", self.dropped_config_removed),
        ] {
            if count > 0 {
                emit("points.dropped.", reason, count);
            }
        }
        if self.notices_emitted > 0 {
            emit("notices.emitted", "", self.notices_emitted);
        }
        if self.notices_unsupported > 0 {
            emit("notices.dropped.", "unsupported", self.notices_unsupported);
        }
    }
}

/// Every sink's queue.
#[derive(Default)]
pub(crate) struct Outlets {
    outlets: Vec<Outlet>,
    /// Those whose sinks are in the configuration no more, and until when they may send.
    retired: Vec<(Outlet, Instant)>,
    /// The books of sinks that have ended, by name.
    closed: BTreeMap<String, Books>,
}

/// The queue of one sink.
pub(crate) struct Outlet {
    name: String,
    /// Counts the points that a snapshot will make.
    point_count: PointCounter,
    /// Whether the sink carries events and service checks.
    carries_notices: bool,
    queue: Arc<Queue>,
}

impl Outlet {
    /// Starts the thread of a sink. Snapshots beyond `queue_bytes` are dropped, oldest first;
    /// one alone always fits.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn open<S: Sink + 'static>(
        name: &str,
        sink: S,
        queue_bytes: usize,
    ) -> std::io::Result<Self> {
        let (point_count, carries_notices) = (sink.point_counter(), sink.carries_notices());
        let queue = Arc::new(Queue::new(queue_bytes));
        queue.lock().stats = sink.stats();
        let (courier_name, courier_queue) = (name.to_owned(), Arc::clone(&queue));
        thread::Builder::new()
            .name(format!("sink {name}"))
            .spawn(move || Courier { name: courier_name, sink, queue: courier_queue }.run())?;
        Ok(Self { name: name.to_owned(), point_count, carries_notices, queue })
    }

    fn count_notices(&self, notices: u64) {
        let books = &mut self.queue.lock().books;
        match self.carries_notices {
            true => books.notices_emitted += notices,
            false => books.notices_unsupported += notices,
        }
    }
}

impl Outlets {
    /// One more sink.
    pub(crate) fn add(&mut self, outlet: Outlet) {
        self.outlets.push(outlet);
    }

    /// Gives the sink of this name nothing more. What it has it may send until the deadline.
    pub(crate) fn retire(&mut self, name: &str, deadline: Instant) {
        for outlet in self.outlets.extract_if(.., |outlet| outlet.name == name) {
            outlet.queue.begin_closing();
            self.retired.push((outlet, deadline));
        }
    }

    /// Closes the books of the retired sinks that have sent everything, or whose time is over.
    pub(crate) fn close_retired(&mut self, now: Instant) {
        let ended = |(outlet, deadline): &mut (Outlet, Instant)| {
            now >= *deadline || outlet.queue.is_empty()
        };
        for (outlet, _) in self.retired.extract_if(.., ended) {
            let books = outlet.queue.close(now, |books| &mut books.dropped_config_removed);
            self.closed.entry(outlet.name).or_default().add(&books);
        }
    }

    /// Hands a snapshot to every sink, its series named so, and waits for none.
    pub(crate) fn push(&self, snapshot: &Arc<Snapshot>, naming: &Arc<Naming>) {
        let bytes = snapshot.bytes();
        for outlet in &self.outlets {
            let points = (outlet.point_count)(snapshot, naming);
            let (snapshot, naming) = (Arc::clone(snapshot), Arc::clone(naming));
            outlet.count_notices(snapshot.notice_count() as u64);
            let item = Item { snapshot, naming, points, bytes };
            let dropped = outlet.queue.push(item);
            if dropped > 0 {
                log::warn!("sink {}: the queue is full: dropped {dropped} points", outlet.name);
            }
        }
    }

    /// The books of each sink since the start, by its name.
    pub(crate) fn books(&self) -> BTreeMap<String, Books> {
        let mut all = self.closed.clone();
        let retired = self.retired.iter().map(|(outlet, _)| outlet);
        for outlet in self.outlets.iter().chain(retired) {
            all.entry(outlet.name.clone()).or_default().add(&outlet.queue.lock().books);
        }
        all
    }

    /// What each sink tells of itself, by its name: those that do, before they sent anything too.
    pub(crate) fn stats(&self) -> Vec<(String, SinkStats)> {
        let stats = |outlet: &Outlet| Some((outlet.name.clone(), outlet.queue.lock().stats?));
        self.outlets.iter().filter_map(stats).collect()
    }

    /// Lets the sinks send what they have until the deadline, and counts the rest as dropped.
    /// Gives the final books.
    pub(crate) fn close(mut self, deadline: Instant) -> BTreeMap<String, Books> {
        for outlet in &self.outlets {
            outlet.queue.begin_closing();
        }
        for outlet in self.outlets {
            let books = outlet.queue.close(deadline, |books| &mut books.dropped_shutdown);
            self.closed.entry(outlet.name).or_default().add(&books);
        }
        for (outlet, end) in self.retired {
            let end = end.min(deadline);
            let books = outlet.queue.close(end, |books| &mut books.dropped_config_removed);
            self.closed.entry(outlet.name).or_default().add(&books);
        }
        self.closed
    }
}

/// What waits for one sink.
struct Queue {
    state: Mutex<QueueState>,
    changed: Condvar,
    bytes_max: usize,
}

#[derive(Default)]
struct QueueState {
    waiting: VecDeque<Item>,
    /// Of what waits.
    bytes: usize,
    books: Books,
    /// What the sink tells of itself, after it last sent something.
    stats: Option<SinkStats>,
    phase: Phase,
}

struct Item {
    snapshot: Arc<Snapshot>,
    naming: Arc<Naming>,
    points: u64,
    bytes: usize,
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
    fn new(bytes_max: usize) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), bytes_max }
    }

    /// Appends an item. Gives the number of points that were dropped for it.
    fn push(&self, item: Item) -> u64 {
        let mut state = self.lock();
        let mut dropped = 0;
        while state.bytes + item.bytes > self.bytes_max {
            let Some(oldest) = state.waiting.pop_front() else { break };
            state.bytes -= oldest.bytes;
            dropped += oldest.points;
        }
        state.books.queued -= dropped;
        state.books.dropped_queue_full += dropped;
        state.books.emitted += item.points;
        state.books.queued += item.points;
        state.bytes += item.bytes;
        state.waiting.push_back(item);
        self.changed.notify_all();
        dropped
    }

    /// Takes the oldest item; waits for one. `None` when nothing more will come.
    fn take(&self) -> Option<Item> {
        let mut state = self.lock();
        loop {
            if state.phase == Phase::Closed {
                return None;
            }
            if let Some(item) = state.waiting.pop_front() {
                state.bytes -= item.bytes;
                state.books.queued -= item.points;
                state.books.in_flight += item.points;
                return Some(item);
            }
            if state.phase == Phase::Closing {
                return None;
            }
            state = self.changed.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// The item in flight has arrived, or never will.
    fn settle(&self, item: &Item, delivered: bool) {
        let mut state = self.lock();
        // After the end it was counted as dropped already.
        if state.phase != Phase::Closed {
            state.books.in_flight -= item.points;
            match delivered {
                true => state.books.delivered += item.points,
                false => state.books.dropped_refused += item.points,
            }
            self.changed.notify_all();
        }
    }

    /// Waits before a further attempt: for that long, or until the end is near.
    fn back_off(&self, wait: Duration) {
        let until = clock::now() + wait;
        let mut state = self.lock();
        while state.phase == Phase::Open {
            let left = until.saturating_duration_since(clock::now());
            if left.is_zero() {
                return;
            }
            state = self.wait_timeout(state, left);
        }
        drop(state);
        thread::sleep(BACKOFF_MIN.min(wait));
    }

    fn begin_closing(&self) {
        self.lock().phase = Phase::Closing;
        self.changed.notify_all();
    }

    /// Waits until all is sent or the deadline is over, and closes the books; `rest` is where
    /// they count what was not sent.
    fn close(&self, deadline: Instant, rest: fn(&mut Books) -> &mut u64) -> Books {
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
        drop(state);
        self.changed.notify_all();
        books
    }

    /// Whether nothing waits and nothing is on its way.
    fn is_empty(&self) -> bool {
        let books = self.lock().books;
        books.queued + books.in_flight == 0
    }

    fn is_closed(&self) -> bool {
        self.lock().phase == Phase::Closed
    }

    fn lock(&self) -> MutexGuard<'_, QueueState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait_timeout<'a>(
        &self,
        state: MutexGuard<'a, QueueState>,
        timeout: Duration,
    ) -> MutexGuard<'a, QueueState> {
        let waited = self.changed.wait_timeout(state, timeout);
        waited.unwrap_or_else(PoisonError::into_inner).0
    }
}

/// The thread of one sink: takes snapshots to it, one after the other, until each has arrived.
struct Courier<S> {
    name: String,
    sink: S,
    queue: Arc<Queue>,
}

impl<S: Sink> Courier<S> {
    fn run(mut self) {
        while let Some(item) = self.queue.take() {
            let delivered = self.send(&item);
            self.queue.settle(&item, delivered);
        }
    }

    /// Sends until the snapshot has arrived. Says whether it has: a sink may refuse for good,
    /// and so does the end.
    fn send(&mut self, item: &Item) -> bool {
        let mut failures = 0;
        let mut mentioned: Option<Instant> = None;
        loop {
            let sent = self.sink.send(&item.snapshot, &item.naming);
            self.queue.lock().stats = self.sink.stats();
            let Err(error) = sent else {
                if failures > 0 {
                    log::info!("sink {}: delivers again", self.name);
                }
                return true;
            };
            let now = clock::now();
            let is_final = error.is_final();
            if mentioned.is_none_or(|mentioned| now >= mentioned + MENTION) {
                mentioned = Some(now);
                log::warn!("sink {}: {:#}", self.name, anyhow::Error::new(error));
            }
            if is_final || self.queue.is_closed() {
                return false;
            }
            self.queue.back_off(backoff(failures));
            failures += 1;
        }
    }
}

/// How long to wait after so many failures: twice as long each time, up to a limit, and by
/// chance anything up to that, so that many daemons do not come back at the same moment.
fn backoff(failures: u32) -> Duration {
    let longest = BACKOFF_MIN.saturating_mul(2_u32.saturating_pow(failures + 1)).min(BACKOFF_MAX);
    BACKOFF_MIN.max(longest.mul_f64(fastrand::f64()))
}
