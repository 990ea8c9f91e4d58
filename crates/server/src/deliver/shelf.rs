//! What does not fit into the queue of a sink, on disk. Whatever goes wrong there is told and
//! counted, and what is queued stays in memory as if there were no spool.
//!
//! Its lock is taken before that of the queue, never while that is held.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use gstatsd_aggregate::{Naming, Snapshot};
use gstatsd_sinks::{PointCounter, Receipt};
use gstatsd_store::{
    Fold, Losses, Opened, Record, Shortage, Spool, SpoolError, SpoolSettings, SystemDisk,
};

use super::queue::{Item, Queue};
use crate::clock;
use crate::config::Spool as SpoolConfig;

/// How a snapshot stands in a record: the only way there is.
const CODEC: u8 = 1;
/// How long it takes until a spool that failed is tried again.
const RETRY: Duration = Duration::from_secs(5);
/// How often a spool that fails is mentioned in the log.
const MENTION: Duration = Duration::from_secs(60);
/// How often it is looked whether the disk has room.
const LOOK: Duration = Duration::from_secs(10);

/// The spool of one sink.
pub(super) struct Shelf {
    name: String,
    dir: PathBuf,
    settings: SpoolSettings,
    free_percent: f64,
    age_max: Duration,
    point_count: PointCounter,
    inner: Mutex<Inner>,
    /// Whether there is a spool; beside it, so that whoever has the lock of the queue may ask.
    is_open: AtomicBool,
}

#[derive(Default)]
struct Inner {
    /// Nothing while it cannot be opened.
    spool: Option<Spool>,
    /// When it is tried again.
    retry: Option<Instant>,
    mentioned: Option<Instant>,
    /// When it was last looked whether the disk has room.
    looked: Option<Instant>,
    /// When it was last said that it has none.
    told: Option<Instant>,
}

impl Shelf {
    pub(super) fn new(name: &str, spool: &SpoolConfig, point_count: PointCounter) -> Option<Self> {
        let dir = spool.directory()?.join(name);
        let SpoolConfig { bytes, age, free_percent, sync, directory: _ } = *spool;
        let free = free_percent / 100.0;
        let settings =
            SpoolSettings { name: name.to_owned(), bytes_max: bytes, free_min: free, sync };
        let (name, inner, is_open) = (name.to_owned(), Mutex::default(), AtomicBool::new(false));
        let age_max = age;
        Some(Self { name, dir, settings, free_percent, age_max, point_count, inner, is_open })
    }

    /// Opens the spool where it is not open and the time for a further attempt has come.
    pub(super) fn open(&self, queue: &Queue) {
        let mut inner = self.lock();
        let now = clock::now();
        if inner.spool.is_some() || inner.retry.is_some_and(|retry| now < retry) {
            return;
        }
        match Spool::open(Box::new(SystemDisk), &self.dir, self.settings.clone()) {
            Ok((mut spool, opened)) => {
                self.tell(&opened);
                // What is gone was never restored.
                spool.take_losses();
                let restored = opened.pending.points;
                queue.restored(restored, opened.lost_points);
                inner.spool = Some(spool);
                self.is_open.store(true, Ordering::Relaxed);
                self.look(&mut inner, queue);
            }
            Err(error) => self.fail(&mut inner, queue, error),
        }
        queue.spool_was_tried();
    }

    /// Looks now and then whether the disk has room, before it is needed.
    pub(super) fn watch(&self, queue: &Queue) {
        self.look(&mut self.lock(), queue);
    }

    /// Puts an item onto the disk. Says whether it is there.
    pub(super) fn put(&self, queue: &Queue, item: &Item) -> bool {
        let mut inner = self.lock();
        let Some(spool) = &mut inner.spool else { return false };
        let record = encode(item);
        let mut fold = Merging::new(&self.point_count, &item.naming);
        let appended = spool.append(&record, &mut fold);
        queue.lost(spool.take_losses(), spool.pending().bytes);
        match appended {
            Ok(()) => true,
            Err(SpoolError::Busy) => false,
            Err(error) => {
                self.fail(&mut inner, queue, error);
                false
            }
        }
    }

    /// Puts an item onto the disk before all others that are there, or else behind them. Says
    /// whether it is there.
    pub(super) fn put_first(&self, queue: &Queue, item: &Item) -> bool {
        let mut inner = self.lock();
        let first = inner.spool.as_mut().map(|spool| spool.put_first(&encode(item)));
        drop(inner);
        matches!(first, Some(Ok(true))) || self.put(queue, item)
    }

    /// The oldest that is there and not too old, named so; it stays until it is settled. The
    /// points count as being sent from now on.
    pub(super) fn lend(&self, queue: &Queue, naming: &Arc<Naming>) -> Option<Item> {
        let mut inner = self.lock();
        let spool = inner.spool.as_mut()?;
        let since_epoch = clock::since_epoch();
        let oldest = since_epoch.saturating_sub(self.age_max).as_secs();
        let oldest = i64::try_from(oldest).unwrap_or(i64::MAX);
        loop {
            let lent = spool.lend();
            queue.lost(spool.take_losses(), spool.pending().bytes);
            let record = lent?;
            let points = u64::from(record.points);
            if record.timestamp < oldest {
                spool.confirm();
                queue.forget(points, |books| &mut books.dropped_too_old);
                continue;
            }
            let Some(snapshot) = decode(&record) else {
                spool.confirm();
                queue.forget(points, |books| &mut books.dropped_spool_corrupt);
                continue;
            };
            queue.lent(points);
            let naming = Arc::clone(naming);
            return Some(Item::of(Arc::new(snapshot), naming, points));
        }
    }

    /// What was lent has come to its end: in the books and on the disk, or, where the books are
    /// closed already and say that it stays, in neither.
    pub(super) fn settle(&self, queue: &Queue, item: &Item, receipt: Receipt) {
        let mut inner = self.lock();
        let is_in_books = queue.settle(item, receipt);
        if let Some(spool) = &mut inner.spool {
            match is_in_books {
                true => spool.confirm(),
                false => spool.release(),
            }
        }
    }

    /// What was lent stays.
    pub(super) fn release(&self) {
        if let Some(spool) = &mut self.lock().spool {
            spool.release();
        }
    }

    /// Closes the spool; what was lent stays.
    pub(super) fn close(&self) {
        if let Some(mut spool) = self.lock().spool.take() {
            spool.release();
            spool.close();
        }
    }

    /// Whether a spool is open.
    pub(super) fn is_open(&self) -> bool {
        self.is_open.load(Ordering::Relaxed)
    }

    /// Says in the log, not too often, and in the books that there is no room on the disk.
    fn look(&self, inner: &mut Inner, queue: &Queue) {
        let now = clock::now();
        if inner.looked.is_some_and(|looked| now < looked + LOOK) {
            return;
        }
        inner.looked = Some(now);
        let shortage = inner.spool.as_ref().and_then(Spool::shortage);
        queue.lock().books.spool_no_room = u64::from(shortage.is_some());
        let Some(shortage) = shortage else { return };
        if inner.told.is_none_or(|told| now >= told + MENTION) {
            inner.told = Some(now);
            log::warn!("{}", self.shown(shortage));
        }
    }

    fn shown(&self, Shortage { free, kept }: Shortage) -> String {
        let (name, dir, percent) = (&self.name, self.dir.display(), self.free_percent);
        let (free, kept) = (free >> 20, kept >> 20);
        format!(
            "sink {name}: the spool {dir} can take nothing: {free} MiB of its disk are free, and \
             spool.free_percent = {percent} keeps {kept} MiB of it; what waits stays in memory"
        )
    }

    /// Says in the log, not too often, what went wrong; and gives up a spool that is gone.
    fn fail(&self, inner: &mut Inner, queue: &Queue, error: SpoolError) {
        let now = clock::now();
        queue.spool_failed();
        inner.retry = Some(now + RETRY);
        if matches!(error, SpoolError::Gone(_)) {
            inner.spool = None;
            self.is_open.store(false, Ordering::Relaxed);
            queue.spool_gone();
        }
        if inner.mentioned.is_none_or(|mentioned| now >= mentioned + MENTION) {
            inner.mentioned = Some(now);
            let error = anyhow::Error::new(error);
            log::warn!("sink {}: spool: {error:#}: what waits stays in memory", self.name);
        }
    }

    fn tell(&self, opened: &Opened) {
        let Opened { pending, state, lost_points, is_damaged, quarantined } = opened;
        if pending.points > 0 {
            let (name, points) = (&self.name, pending.points);
            log::info!("sink {name}: {points} points are in the spool (state: {})", state.word());
        }
        if *is_damaged || *lost_points > 0 {
            let (name, dir) = (&self.name, self.dir.display());
            log::warn!("sink {name}: the spool {dir} is damaged: lost {lost_points} points");
        }
        for (file, why) in quarantined {
            let (name, dir) = (&self.name, self.dir.display());
            log::warn!("sink {name}: spool: {why}: put {file} into {dir}/quarantine");
        }
    }

    fn lock(&self) -> MutexGuard<'_, Inner> {
        self.inner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// An item as a record.
fn encode(item: &Item) -> Record {
    let mut payload = Vec::new();
    item.snapshot.encode(&mut payload);
    let points = u32::try_from(item.points).unwrap_or(u32::MAX);
    Record { timestamp: item.snapshot.window.timestamp, points, codec: CODEC, payload }
}

/// The snapshot in a record, with a number that is that of no other: half of it is the one that it
/// had, and no sink takes it for a snapshot of this run.
fn decode(record: &Record) -> Option<Snapshot> {
    let mut snapshot = Snapshot::decode(&record.payload).ok().filter(|_| record.codec == CODEC)?;
    let second = record.timestamp.cast_unsigned() & u64::from(u32::MAX >> 1);
    snapshot.number = Snapshot::OUTLIVED | second << 32 | snapshot.number & u64::from(u32::MAX);
    Some(snapshot)
}

/// Makes one snapshot of several.
struct Merging<'a> {
    point_count: &'a PointCounter,
    naming: &'a Naming,
    merged: Option<Snapshot>,
}

impl<'a> Merging<'a> {
    fn new(point_count: &'a PointCounter, naming: &'a Naming) -> Self {
        Self { point_count, naming, merged: None }
    }
}

impl Fold for Merging<'_> {
    fn add(&mut self, record: &Record) -> bool {
        let Some(newer) = decode(record) else { return false };
        self.merged = Some(match self.merged.take() {
            Some(older) => Snapshot::merged(&older, &newer),
            None => newer,
        });
        true
    }

    fn finish(&mut self) -> Option<Record> {
        let merged = self.merged.take()?;
        let points = u32::try_from((self.point_count)(&merged, self.naming)).ok()?;
        let mut payload = Vec::new();
        merged.encode(&mut payload);
        Some(Record { timestamp: merged.window.timestamp, points, codec: CODEC, payload })
    }
}

impl Queue {
    /// So many points are in the spool that was opened, and so many are not that should be.
    fn restored(&self, points: u64, lost: u64) {
        let mut state = self.lock();
        state.books.restored += points + lost;
        state.books.spooled += points;
        state.books.dropped_spool_corrupt += lost;
        state.has_backlog = points > 0;
    }

    /// The spool is open, or it cannot be opened now: what comes waits for it no more.
    fn spool_was_tried(&self) {
        self.lock().is_spool_awaited = false;
        self.wake();
    }

    /// What became of points in the spool, and the room that it takes.
    fn lost(&self, Losses { merged, full, corrupt }: Losses, bytes: u64) {
        let books = &mut self.lock().books;
        // What was being sent when it was lost counts there until it is settled.
        let all = (merged + full + corrupt).min(books.spooled);
        books.spooled -= all;
        books.coalesced += merged.min(all);
        books.dropped_spool_full += full.min(all - merged.min(all));
        books.dropped_spool_corrupt += all - merged.min(all) - full.min(all - merged.min(all));
        books.spool_bytes = bytes;
    }

    /// Points are taken out of the spool and not sent.
    fn forget(&self, points: u64, to: fn(&mut super::Books) -> &mut u64) {
        let books = &mut self.lock().books;
        let points = points.min(books.spooled);
        books.spooled -= points;
        *to(books) += points;
    }

    /// Points of the spool are being sent.
    fn lent(&self, points: u64) {
        let mut state = self.lock();
        let books = &mut state.books;
        books.spooled -= points.min(books.spooled);
        books.in_flight += points;
        state.lent = Some(points);
        state.tell_held();
    }

    fn spool_failed(&self) {
        self.lock().books.spool_failures += 1;
    }

    /// All that was in the spool is lost.
    fn spool_gone(&self) {
        let mut state = self.lock();
        state.has_backlog = false;
        let books = &mut state.books;
        books.dropped_spool_corrupt += std::mem::take(&mut books.spooled);
        (books.spool_bytes, books.spool_no_room) = (0, 0);
    }
}
