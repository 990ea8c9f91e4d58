//! The table of one worker: every sample ends here.
//!
//! The worker alone knows it, so it takes no lock. A sample of a known spelling allocates
//! nothing: its slot says where the record of this interval stands in the [`Part`]. At the end
//! of an interval the part is swapped for an empty one, whatever the number of series.

use gstatsd_wire::{Kind, Reason};

use crate::batch::{Batch, Pending};
use crate::fingerprint::Fingerprinter;
use crate::gauge::Order;
use crate::index::{Index, Learned};
use crate::part::{Record, index_of_last};
use crate::{Counts, Dialect, Naming, Part, SeriesKind, Shed};

/// After how many idle intervals a spelling is forgotten.
const IDLE_INTERVALS_MAX: u32 = 60;
/// How many places of spellings are looked at for expiry: for each sample, as many as it can have
/// taken; after a batch no more than this; and some at each rotation, for a worker at rest.
const SWEEP_SAMPLE: usize = 2;
const SWEEP_BATCH: usize = 64;
const SWEEP_ROTATION: usize = 16_384;

/// What a table may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Spellings of names that are known at once. New series beyond it are shed.
    pub series_max: usize,
    /// Timer samples plus set members plus changes of gauges in one interval. What comes beyond
    /// it is shed.
    pub samples_max: usize,
}

/// The series of one worker, and what the current interval brought to them.
pub struct Table {
    pub(crate) dialect: Dialect,
    /// For each type of the protocol, the kind of series that it feeds.
    pub(crate) kinds: [SeriesKind; Kind::ALL.len()],
    /// Says which names would come out among our own.
    naming: Naming,
    limits: Limits,
    pub(crate) fingerprinter: Fingerprinter,
    pub(crate) index: Index,
    pub(crate) part: Box<Part>,
    /// The number of the current interval.
    interval: u32,
    /// Room for a name on its way through the rules.
    name: Vec<u8>,
}

impl Table {
    /// An empty table. It may take the place of another one of the worker, whose last part was
    /// pushed: the merger learns from its first part that the slots are new ones, and what both
    /// gathered in an interval is merged.
    #[must_use]
    pub fn new(dialect: Dialect, naming: Naming, limits: Limits) -> Self {
        let mut part = Box::<Part>::default();
        part.changes.cleared();
        Self {
            dialect,
            kinds: Kind::ALL.map(|kind| dialect.series_kind(kind)),
            naming,
            limits,
            fingerprinter: Fingerprinter::new(),
            index: Index::new(limits.series_max),
            part,
            interval: 1,
            name: Vec::new(),
        }
    }

    /// Begins to take in packets that were received together, at `order`.
    pub fn batch(&mut self, order: Order) -> Batch<'_, '_> {
        let number = self.part.begin_batch(order.nanoseconds);
        Batch::new(self, number)
    }

    /// Takes in one packet as a batch of its own.
    pub fn packet(&mut self, packet: &[u8], order: Order) {
        self.batch(order).packet(packet);
    }

    /// Ends the interval: gives what it brought, and goes on with an empty part.
    pub fn rotate(&mut self, empty: Box<Part>) -> Box<Part> {
        let mut part = std::mem::replace(&mut self.part, empty);
        part.discarded = self.index.take_discarded();
        self.interval = self.interval.wrapping_add(1);
        self.sweep(SWEEP_ROTATION);
        part
    }

    /// The counts of the current interval, for what happens before a packet is read.
    pub fn counts_mut(&mut self) -> &mut Counts {
        &mut self.part.counts
    }

    /// Counts a line that is rejected before it is read.
    pub fn reject_line(&mut self, reason: Reason, text: &[u8]) {
        self.part.counts.lines += 1;
        self.part.counts.lines_rejected[reason as usize] += 1;
        self.part.example(reason, text);
    }

    /// Ends a batch that brought so many samples.
    pub(crate) fn end_batch(&mut self, samples: usize) {
        self.sweep(SWEEP_BATCH.min(SWEEP_SAMPLE * samples));
    }

    /// Whether so many values, members and changes more may be held.
    pub(crate) fn has_room(&self, things: usize) -> bool {
        self.part.things() + things <= self.limits.samples_max
    }

    /// Where the record of a sample stands. The first sample of an interval makes the record,
    /// the first of a spelling the series. Nothing for a sample that is refused, and counted so.
    #[inline]
    pub(crate) fn record(&mut self, pending: &Pending<'_>) -> Option<u32> {
        match self.index.record(pending.fingerprint, self.interval) {
            Some(record) => Some(record),
            None => self.first_record(pending),
        }
    }

    #[cold]
    fn first_record(&mut self, pending: &Pending<'_>) -> Option<u32> {
        let Pending { fingerprint, kind, .. } = *pending;
        if let Some(record) = self.use_record(fingerprint, kind) {
            return Some(record);
        }
        if let Err(refusal) = self.learn(pending) {
            self.refuse(pending, refusal);
            return None;
        }
        // A further spelling that there was no room for is known by the canonical one alone.
        let canonical = self.fingerprinter.of(kind, &self.name);
        let record =
            self.use_record(fingerprint, kind).or_else(|| self.use_record(canonical, kind));
        Some(record.expect("its series was learned"))
    }

    fn use_record(&mut self, fingerprint: u128, kind: SeriesKind) -> Option<u32> {
        let records = &mut self.part.records;
        self.index.use_record(fingerprint, self.interval, |slot| {
            records.push(Record::new(slot, kind));
            index_of_last(records)
        })
    }

    /// Makes a spelling known; leaves its canonical form in `self.name`.
    fn learn(&mut self, pending: &Pending<'_>) -> Result<(), Refusal> {
        let kind = pending.kind;
        self.name.clear();
        self.dialect.sanitise(pending.spelling, &mut self.name);
        if self.naming.is_reserved(kind, &self.name) {
            return Err(Refusal::Reserved);
        }
        let canonical = self.fingerprinter.of(kind, &self.name);
        let before = self.interval.wrapping_sub(1);
        match self.index.learn(pending.fingerprint, canonical, before) {
            Learned::Alias(_) => Ok(()),
            Learned::Series(slot) => {
                self.part.changes.born(slot, kind, 0, &self.name);
                Ok(())
            }
            Learned::Refused => Err(Refusal::Shed),
        }
    }

    fn refuse(&mut self, pending: &Pending<'_>, refusal: Refusal) {
        match refusal {
            Refusal::Reserved => {
                let reason = Reason::ReservedName;
                self.part.counts.samples_rejected[reason as usize] += 1;
                self.part.example(reason, pending.spelling);
            }
            Refusal::Shed => {
                self.part.counts.samples_shed[Shed::SeriesLimit as usize] += 1;
            }
        }
    }

    fn sweep(&mut self, budget: usize) {
        let changes = &mut self.part.changes;
        self.index.sweep(budget, self.interval, IDLE_INTERVALS_MAX, |slot| changes.retired(slot));
    }
}

/// Why a spelling has no slot.
#[derive(Clone, Copy)]
enum Refusal {
    Reserved,
    Shed,
}
