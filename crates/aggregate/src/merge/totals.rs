//! Counters that senders repeat as totals: what each total adds to its counter.
//!
//! ```text
//! totals of a source    100  130  130   20     in the order of their receive batches
//! what they count            30    0   20      a smaller one begins anew from zero
//! ```
//!
//! The first total of a source counts nothing: it may hold what was counted years ago.

use std::collections::HashMap;

use crate::gauge::Order;
use crate::memory::{is_sparse, table_bytes, trim, vec_bytes};
use crate::snapshot::Reading;
use crate::sum;

/// A source that no worker holds is forgotten after so many intervals, and not before so many
/// seconds: else a sender that is slow would count nothing.
const IDLE_INTERVALS: u64 = 60;
const IDLE_SECONDS: f64 = 3_600.0;
/// How often it is looked for sources to forget, in intervals.
const SWEEP_INTERVALS: u64 = 64;
/// A source is known by the name that it was sent with. Beyond so many, those that no worker
/// holds are forgotten at once.
const SOURCES_MAX: usize = 1_000_000;

/// The last total of each source, and the totals of the current interval.
#[derive(Default)]
pub(super) struct Totals {
    by_name: HashMap<Box<[u8]>, u32>,
    /// Of all names.
    name_bytes: usize,
    sources: Vec<Source>,
    sources_free: Vec<u32>,
    /// For each worker, what its source of each number is.
    of_workers: Vec<Vec<Option<Held>>>,
    arrived: Vec<Arrived>,
    intervals: u64,
    seconds: f64,
}

/// One sender's counter.
struct Source {
    last: Option<f64>,
    holders: u16,
    /// The interval and the time in which a total came last.
    interval: u64,
    seconds: f64,
}

/// A source of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Held {
    source: u32,
    /// The entry of the series that it counts for.
    pub(super) entry: u32,
}

struct Arrived {
    source: u32,
    order: Order,
    /// Where the record of the series stands.
    record: u32,
    total: f64,
}

impl Totals {
    /// A worker knows a source by this number from now on.
    pub(super) fn hold(&mut self, worker: usize, number: u32, name: &[u8], entry: u32) {
        let source = match self.by_name.get(name) {
            Some(&source) => source,
            None => {
                let (interval, seconds) = (self.intervals, self.seconds);
                let new = Source { last: None, holders: 0, interval, seconds };
                let source = crate::index::place(&mut self.sources, &mut self.sources_free, new);
                self.by_name.insert(name.into(), source);
                self.name_bytes += name.len();
                source
            }
        };
        self.sources[source as usize].holders += 1;
        if self.of_workers.len() <= worker {
            self.of_workers.resize_with(worker + 1, Vec::new);
        }
        let of_worker = &mut self.of_workers[worker];
        if of_worker.len() <= number as usize {
            of_worker.resize(number as usize + 1, None);
        }
        of_worker[number as usize] = Some(Held { source, entry });
    }

    /// The source of a worker.
    pub(super) fn held(&self, worker: usize, number: u32) -> Option<Held> {
        *self.of_workers.get(worker)?.get(number as usize)?
    }

    /// A worker has forgotten the source of this number.
    pub(super) fn release(&mut self, worker: usize, number: u32) -> Option<Held> {
        let held = self.of_workers.get_mut(worker)?.get_mut(number as usize)?.take()?;
        self.sources[held.source as usize].holders -= 1;
        Some(held)
    }

    /// A worker has forgotten all of its sources.
    pub(super) fn release_all(&mut self, worker: usize) -> Vec<Held> {
        let held = self.of_workers.get_mut(worker).map(std::mem::take).unwrap_or_default();
        let held: Vec<Held> = held.into_iter().flatten().collect();
        for held in &held {
            self.sources[held.source as usize].holders -= 1;
        }
        held
    }

    /// Takes in a total for the record at this place.
    pub(super) fn push(&mut self, held: Held, record: u32, order: Order, total: f64) {
        self.arrived.push(Arrived { source: held.source, order, record, total });
    }

    /// Their memory, in bytes.
    pub(super) fn bytes(&self) -> usize {
        let Self { by_name, name_bytes, sources, sources_free, of_workers, arrived, .. } = self;
        table_bytes(by_name.capacity(), size_of::<(Box<[u8]>, u32)>())
            + name_bytes
            + vec_bytes(sources)
            + vec_bytes(sources_free)
            + of_workers.iter().map(vec_bytes).sum::<usize>()
            + vec_bytes(arrived)
    }

    /// Ends an interval of so many seconds: adds what the totals count to their records.
    pub(super) fn count(&mut self, seconds: f64, records: &mut [Reading]) {
        let mut arrived = std::mem::take(&mut self.arrived);
        trim(&mut arrived);
        // Stable: those of one batch stay as they came.
        arrived.sort_by_key(|arrived| (arrived.source, arrived.order));
        for Arrived { source, record, total, .. } in arrived.drain(..) {
            let source = &mut self.sources[source as usize];
            let growth = match source.last {
                None => 0.0,
                Some(last) if total >= last => sum::clamp(total - last),
                Some(_) => total.max(0.0),
            };
            source.last = Some(total);
            (source.interval, source.seconds) = (self.intervals, self.seconds);
            let value = &mut records[record as usize].value;
            *value = sum::saturating(*value, growth).0;
        }
        self.arrived = arrived;
        self.intervals += 1;
        self.seconds += seconds;
        if self.intervals.is_multiple_of(SWEEP_INTERVALS) {
            self.sweep();
        }
    }

    fn sweep(&mut self) {
        let crowded = self.by_name.len() > SOURCES_MAX;
        let Self { by_name, name_bytes, sources, sources_free, intervals, seconds, .. } = self;
        by_name.retain(|name, number| {
            let source = &sources[*number as usize];
            let idle = *intervals - source.interval > IDLE_INTERVALS
                && *seconds - source.seconds > IDLE_SECONDS;
            let stays = source.holders > 0 || !idle && !crowded;
            if !stays {
                sources_free.push(*number);
                *name_bytes -= name.len();
            }
            stays
        });
        if is_sparse(by_name.capacity(), by_name.len()) {
            by_name.shrink_to_fit();
        }
    }
}
