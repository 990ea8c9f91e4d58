//! Delivery: each sink has its own queue, bounded in bytes, and its own thread. A slow or dead
//! sink delays nobody else; what does not fit is dropped, oldest first, and counted.

mod books;
mod courier;
mod queue;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::Instant;

use gstatsd_aggregate::{Naming, SinkStats, Snapshot};
use gstatsd_sinks::{PointCounter, Sink};

pub(crate) use self::books::Books;
use self::courier::Courier;
use self::queue::{Item, Queue};

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
        thread::Builder::new().name(format!("sink {name}")).spawn(move || {
            let (name, queue) = (courier_name, courier_queue);
            Courier { name, sink, queue, mentioned: None }.run();
        })?;
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
