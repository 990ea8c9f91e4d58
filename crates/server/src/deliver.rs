//! Delivery: each sink has its own queue, bounded in bytes, and its own thread. A slow or dead
//! sink delays nobody else.
//!
//! ```text
//! flush --> Preparing --> Feed --> Queue --> Courier --> Sink::send
//!           what this     counts   bounded   a thread of the sink: again and again
//!           sink gets
//! ```
//!
//! While a queue is nearly full its oldest snapshots are merged, so that totals outlive their
//! resolution; what does not fit all the same is dropped, oldest first. Both are counted. With a
//! spool the oldest go to the disk before that, and come back when the sink takes them.

mod books;
mod courier;
mod feed;
mod preparing;
mod queue;
mod replay;
mod shelf;
mod spooling;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use std::{io, thread};

use gstatsd_aggregate::{Budget, Naming, Owner, SinkStats, Snapshot};
use gstatsd_sinks::Sink;

pub(crate) use self::books::Books;
use self::courier::Courier;
use self::feed::{Feed, Terms};
use self::preparing::Preparing;
use self::queue::Queue;
use self::replay::Replay;
use self::shelf::Shelf;
use crate::beats::Beat;
use crate::clock;
use crate::config::{Delivery, Spool};
use crate::tally::{Held, Holding};
use crate::totals::Standing;

/// How long the totals of sinks may take at the end.
const TOTALS_MAX: Duration = Duration::from_secs(2);

/// The ways to all sinks.
pub(crate) struct Outlets {
    preparing: Preparing,
    outlets: Vec<Outlet>,
    /// Those whose sinks are in the configuration no more, and until when they may send.
    retired: Vec<(Outlet, Instant)>,
    /// The books of sinks that have ended, by name.
    closed: BTreeMap<String, Books>,
}

/// The way to one sink.
pub(crate) struct Outlet(Arc<Feed>);

impl Outlet {
    /// Starts the thread of a sink; `flush` is the flush interval. With a spool, what does not fit
    /// into its queue goes there.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn open<S: Sink + 'static>(
        name: &str,
        sink: S,
        delivery: &Delivery,
        flush: Duration,
        spool: Option<&Spool>,
    ) -> io::Result<Self> {
        let (point_count, carries_notices) = (sink.point_counter(), sink.carries_notices());
        let shelf = spool.and_then(|spool| Shelf::new(name, spool, Arc::clone(&point_count)));
        let queue = Arc::new(Queue::new(delivery.queue_bytes, shelf, sink.takes_any_order()));
        if queue.shelf.is_some() {
            spooling::start(name, &queue)?;
        }
        queue.lock().stats = sink.stats();
        let replay = Replay::new(delivery.replay);
        let (courier_name, courier_queue) = (name.to_owned(), Arc::clone(&queue));
        thread::Builder::new().name(format!("sink {name}")).spawn(move || {
            let (name, queue) = (courier_name, courier_queue);
            let (mentioned, mentioned_failure) = (None, None);
            Courier { name, sink, queue, replay, mentioned, mentioned_failure }.run();
        })?;
        let name = name.to_owned();
        let terms = Terms::new(delivery, flush);
        let feed = Feed::new(name, point_count, carries_notices, terms, queue);
        Ok(Self(Arc::new(feed)))
    }

    /// Counts what the sink remembers in a budget of memory; as that fills, less waits here.
    pub(crate) fn count_in(&self, budget: &Budget) {
        let mut state = self.0.queue.lock();
        state.lease = budget.lease(Owner::Sinks);
        state.budget = Some(budget.clone());
    }

    /// Has the thread of the sink say that it advances whenever the sink reads its clock.
    pub(crate) fn beat_with(&self, beat: Beat) {
        self.0.queue.lock().beat = Some(beat);
    }

    /// Says there what a kill would cost; the processes before lost so much.
    pub(crate) fn hold_in(&self, holding: Option<Holding>, lost: &Held) {
        let mut state = self.0.queue.lock();
        state.holding = holding;
        state.books.lost_crash = lost.points();
        state.books.lost_snapshots = lost.snapshots;
        state.tell_held();
    }

    /// Tells how the totals stand that the sink keeps, and waits for them at the end.
    pub(crate) fn tell_totals(&self, standing: Standing) {
        self.0.queue.lock().totals = Some(standing);
    }
}

impl Outlets {
    /// Without a sink.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn new(beat: Beat) -> io::Result<Self> {
        let preparing = Preparing::start(beat)?;
        Ok(Self { preparing, outlets: Vec::new(), retired: Vec::new(), closed: BTreeMap::new() })
    }

    /// One more sink.
    pub(crate) fn add(&mut self, outlet: Outlet) {
        self.outlets.push(outlet);
    }

    /// Gives the sink of this name nothing more. What it has it may send until the deadline.
    pub(crate) fn retire(&mut self, name: &str, deadline: Instant) {
        for outlet in self.outlets.extract_if(.., |outlet| outlet.0.name == name) {
            self.preparing.end(&outlet.0);
            self.retired.push((outlet, deadline));
        }
    }

    /// Closes the books of the retired sinks that have sent everything, or whose time is over.
    pub(crate) fn close_retired(&mut self, now: Instant) {
        let ended = |(outlet, deadline): &mut (Outlet, Instant)| {
            now >= *deadline || outlet.0.queue.has_ended()
        };
        for (Outlet(feed), _) in self.retired.extract_if(.., ended) {
            let books = feed.queue.close(now, |books| &mut books.dropped_config_removed);
            self.closed.entry(feed.name.clone()).or_default().add(&books);
        }
    }

    /// Hands a snapshot to every sink, its series named so, and waits for none.
    pub(crate) fn push(&self, snapshot: &Arc<Snapshot>, naming: &Arc<Naming>) {
        for Outlet(feed) in &self.outlets {
            self.preparing.hand_over(feed, snapshot, naming);
        }
    }

    /// The books of each sink since the start, by its name.
    pub(crate) fn books(&self) -> BTreeMap<String, Books> {
        let mut all = self.closed.clone();
        let retired = self.retired.iter().map(|(outlet, _)| outlet);
        for Outlet(feed) in self.outlets.iter().chain(retired) {
            all.entry(feed.name.clone()).or_default().add(&feed.queue.lock().books);
        }
        all
    }

    /// How the totals stand that sinks keep: of which sink, what, why, how much.
    pub(crate) fn name_totals(&self, mut emit: impl FnMut(&str, &str, &str, u64)) {
        for Outlet(feed) in &self.outlets {
            let totals = feed.queue.lock().totals.clone();
            if let Some(totals) = totals {
                totals.named(|stem, reason, count| emit(&feed.name, stem, reason, count));
            }
        }
    }

    /// What each sink tells of itself, by its name: those that do, before they sent anything too.
    pub(crate) fn stats(&self) -> Vec<(String, SinkStats)> {
        let stats = |Outlet(feed): &Outlet| Some((feed.name.clone(), feed.queue.lock().stats?));
        self.outlets.iter().filter_map(stats).collect()
    }

    /// Lets the sinks send what they have until the deadline, and counts the rest as dropped.
    /// Gives the final books.
    pub(crate) fn close(mut self, deadline: Instant) -> BTreeMap<String, Books> {
        for Outlet(feed) in &self.outlets {
            self.preparing.end(feed);
        }
        self.preparing.stop();
        for Outlet(feed) in &self.outlets {
            let books = feed.queue.close(deadline, |books| &mut books.dropped_shutdown);
            self.closed.entry(feed.name.clone()).or_default().add(&books);
        }
        for (Outlet(feed), end) in self.retired {
            let end = end.min(deadline);
            let books = feed.queue.close(end, |books| &mut books.dropped_config_removed);
            self.closed.entry(feed.name.clone()).or_default().add(&books);
        }
        let deadline = clock::now() + TOTALS_MAX;
        for Outlet(feed) in &self.outlets {
            feed.queue.wait_for_courier(deadline);
        }
        self.closed
    }
}

#[cfg(test)]
mod tests;
