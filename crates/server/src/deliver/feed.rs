//! From a flush to the queue of one sink: what it gets of each snapshot.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use gstatsd_aggregate::{Captures, Naming, Snapshot};
use gstatsd_sinks::PointCounter;

use super::queue::{Item, Queue};
use crate::config::Delivery;

/// What stands before the queue of one sink.
pub(super) struct Feed {
    pub(super) name: String,
    /// Counts the points that a snapshot will make.
    point_count: PointCounter,
    /// Whether the sink carries events and service checks.
    carries_notices: bool,
    terms: Terms,
    pub(super) queue: Arc<Queue>,
    gathered: Mutex<Option<Gathered>>,
}

/// What a sink gets of each flush.
pub(super) struct Terms {
    /// How many flushes come to it as one; at least 1.
    flushes: u32,
    /// Says which series it gets; without it, all.
    filter: Option<Delivery>,
}

/// What several flushes brought, so far.
struct Gathered {
    snapshot: Arc<Snapshot>,
    naming: Arc<Naming>,
    flushes: u32,
}

impl Terms {
    pub(super) fn new(delivery: &Delivery, flush: Duration) -> Self {
        let flushes = (delivery.interval.as_secs_f64() / flush.as_secs_f64()).round();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        let flushes = (flushes as u32).max(1);
        Self { flushes, filter: delivery.is_filter().then(|| delivery.clone()) }
    }
}

impl Feed {
    pub(super) fn new(
        name: String,
        point_count: PointCounter,
        carries_notices: bool,
        terms: Terms,
        queue: Arc<Queue>,
    ) -> Self {
        let gathered = Mutex::default();
        Self { name, point_count, carries_notices, terms, queue, gathered }
    }

    /// Whether it gets each snapshot whole, and as it is.
    pub(super) fn is_plain(&self) -> bool {
        self.terms.flushes <= 1 && self.terms.filter.is_none()
    }

    /// Puts a snapshot into the queue as it is; it was prepared of so many flushes.
    pub(super) fn push(&self, snapshot: &Arc<Snapshot>, naming: &Arc<Naming>, flushes: u32) {
        let item = Item::new(Arc::clone(snapshot), Arc::clone(naming), &self.point_count);
        let dropped = self.queue.push(item, self.carries_notices, flushes.into());
        if dropped > 0 {
            log::warn!("sink {}: the queue is full: dropped {dropped} points", self.name);
        }
    }

    /// Counts a snapshot as one that there was no room for.
    pub(super) fn refuse(&self, snapshot: &Snapshot, naming: &Naming) {
        let points = (self.point_count)(snapshot, naming);
        self.queue.refuse(points);
        log::warn!("sink {}: too slow to prepare: dropped {points} points", self.name);
    }

    /// Takes in a snapshot. Some of its series may not be for this sink, and it may come to it as
    /// one with others.
    pub(super) fn take(&self, snapshot: &Arc<Snapshot>, naming: &Arc<Naming>) {
        let snapshot = match &self.terms.filter {
            Some(filter) => {
                let mut captures = Captures::default();
                Arc::new(snapshot.only(|name| filter.takes(name, &mut captures)))
            }
            None => Arc::clone(snapshot),
        };
        let mut held = self.gathered.lock().unwrap_or_else(PoisonError::into_inner);
        let gathered = match held.take() {
            None => Gathered { snapshot, naming: Arc::clone(naming), flushes: 1 },
            Some(Gathered { snapshot: older, flushes, .. }) => Gathered {
                snapshot: Arc::new(Snapshot::merged(&older, &snapshot)),
                naming: Arc::clone(naming),
                flushes: flushes + 1,
            },
        };
        match gathered.flushes < self.terms.flushes {
            true => *held = Some(gathered),
            false => self.push(&gathered.snapshot, &gathered.naming, gathered.flushes),
        }
    }

    /// Nothing more will come: what was gathered is for the queue, which then closes.
    pub(super) fn end(&self) {
        let held = self.gathered.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(Gathered { snapshot, naming, flushes }) = held {
            self.push(&snapshot, &naming, flushes);
        }
        self.queue.begin_closing();
    }

    /// Merges the oldest snapshots in the queue until it has room.
    pub(super) fn coalesce(&self) {
        while let Some((older, newer)) = self.queue.take_oldest_pair() {
            let merged = Arc::new(Snapshot::merged(&older.snapshot, &newer.snapshot));
            let merged = Item::new(merged, Arc::clone(&newer.naming), &self.point_count);
            self.queue.give_back(older, newer, merged);
        }
    }
}
