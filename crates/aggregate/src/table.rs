//! The table of one worker: every sample ends here.
//!
//! The worker alone knows it, so it takes no lock. A sample of a known spelling allocates
//! nothing: its slot says where the record of this interval stands in the [`Part`]. At the end
//! of an interval the part is swapped for an empty one, whatever the number of series.

use arrayvec::ArrayVec;
use gstatsd_wire::{Line, Reason, Receiver, Rejection, Sample, Value};

use crate::fingerprint::Fingerprinter;
use crate::gauge::{Gauge, Order};
use crate::index::{Index, Learned};
use crate::part::{Change, Counter, Record};
use crate::points::Naming;
use crate::{Counts, Dialect, Key, Part, SeriesKind, Shed, sum};

/// After how many idle intervals a spelling is forgotten.
const IDLE_INTERVALS_MAX: u32 = 60;
/// How many samples wait to be written at most.
const PENDING_MAX: usize = 64;
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
    /// Timer samples plus set members in one interval. What comes beyond it is shed.
    pub samples_max: usize,
}

/// The series of one worker, and what the current interval brought to them.
pub struct Table {
    dialect: Dialect,
    /// Says which names would come out among our own.
    naming: Naming,
    limits: Limits,
    fingerprinter: Fingerprinter,
    index: Index,
    part: Box<Part>,
    /// The number of the current interval.
    interval: u32,
    /// Room for a name on its way through the rules.
    name: Vec<u8>,
}

impl Table {
    /// An empty table.
    #[must_use]
    pub fn new(dialect: Dialect, naming: Naming, limits: Limits) -> Self {
        Self {
            dialect,
            naming,
            limits,
            fingerprinter: Fingerprinter::new(),
            index: Index::new(limits.series_max),
            part: Box::default(),
            interval: 1,
            name: Vec::new(),
        }
    }

    /// Begins to take in packets that were received together, at `order`.
    pub fn batch(&mut self, order: Order) -> Batch<'_, '_> {
        let (pending, members) = (ArrayVec::new(), ArrayVec::new());
        Batch { table: self, order, pending, members, samples: 0 }
    }

    /// Takes in one packet as a batch of its own.
    pub fn packet(&mut self, packet: &[u8], order: Order) {
        self.batch(order).packet(packet);
    }

    /// Ends the interval: gives what it brought, and goes on with an empty part.
    pub fn rotate(&mut self, empty: Box<Part>) -> Box<Part> {
        let part = std::mem::replace(&mut self.part, empty);
        self.interval = self.interval.wrapping_add(1);
        self.sweep(SWEEP_ROTATION);
        part
    }

    /// The counts of the current interval, for what happens before a packet is read.
    pub fn counts_mut(&mut self) -> &mut Counts {
        &mut self.part.counts
    }

    fn sweep(&mut self, budget: usize) {
        let changes = &mut self.part.changes;
        self.index.sweep(budget, self.interval, IDLE_INTERVALS_MAX, |slot| {
            changes.push(Change::Retired(slot));
        });
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

    /// Where the record of a sample stands. The first sample of an interval makes the record,
    /// the first of a spelling the series.
    #[inline]
    fn record(&mut self, pending: &Pending<'_>) -> Result<u32, Refusal> {
        match self.index.record(pending.fingerprint, self.interval) {
            Some(record) => Ok(record),
            None => self.first_record(pending),
        }
    }

    #[cold]
    fn first_record(&mut self, pending: &Pending<'_>) -> Result<u32, Refusal> {
        if let Some(record) = self.use_record(pending) {
            return Ok(record);
        }
        self.learn(pending)?;
        let canonical = self.fingerprinter.of(pending.kind, &self.name);
        // A further spelling that there was no room for is known by the canonical one alone.
        let known = Pending { fingerprint: canonical, ..*pending };
        let record = self.use_record(pending).or_else(|| self.use_record(&known));
        Ok(record.expect("its series was learned"))
    }

    fn use_record(&mut self, pending: &Pending<'_>) -> Option<u32> {
        let part = &mut self.part;
        self.index.use_record(pending.fingerprint, self.interval, |slot| match pending.kind {
            SeriesKind::Counter => push(&mut part.counters, slot, Counter::default()),
            SeriesKind::Gauge => push(&mut part.gauges, slot, Gauge::default()),
            SeriesKind::Set => push(&mut part.sets, slot, 0),
            SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
                push(&mut part.timers, slot, 0)
            }
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
                let key = Key { kind, name: self.name.as_slice().into() };
                self.part.changes.push(Change::Born(slot, key));
                Ok(())
            }
            Learned::Refused => Err(Refusal::Shed),
        }
    }

    /// Writes a sample to its record; one of a set has its member beside it.
    #[inline]
    fn write(&mut self, pending: &Pending<'_>, record: u32, member: &[u8], order: Order) {
        match pending.write {
            Write::Count => {
                let counter = &mut self.part.counters[record as usize].value;
                let overflow;
                (counter.sum, overflow) = sum::weighted(counter.sum, pending.number, pending.rate);
                counter.samples += 1;
                self.part.counts.overflows += u64::from(overflow);
            }
            Write::Timing => self.write_timing(record, pending.number),
            Write::Gauge => {
                self.part.gauges[record as usize].value.set(order, pending.number);
            }
            Write::Change => {
                let gauge = &mut self.part.gauges[record as usize].value;
                let overflow = gauge.change(order, pending.number);
                self.part.counts.overflows += u64::from(overflow);
            }
            Write::Member => self.write_member(record, member),
        }
    }

    #[inline]
    fn write_timing(&mut self, record: u32, value: f64) {
        if self.has_room() {
            self.part.timers[record as usize].value += 1;
            self.part.values.push((record, value));
        } else {
            self.part.counts.samples_shed[Shed::Memory as usize] += 1;
        }
    }

    fn write_member(&mut self, record: u32, member: &[u8]) {
        let room = self.has_room();
        if self.part.members.insert(record, member, room) {
            self.part.sets[record as usize].value += 1;
        } else {
            self.part.counts.samples_shed[Shed::Memory as usize] += 1;
        }
    }

    fn has_room(&self) -> bool {
        self.part.values.len() + self.part.members.len() < self.limits.samples_max
    }
}

fn push<T>(records: &mut Vec<Record<T>>, slot: u32, value: T) -> u32 {
    records.push(Record { slot, value });
    u32::try_from(records.len() - 1).expect("slots are numbered in 32 bits")
}

/// Why a spelling has no slot.
#[derive(Clone, Copy)]
enum Refusal {
    Reserved,
    Shed,
}

/// Packets that were received together, on their way into a table.
///
/// Samples are gathered by the dozen before they are written, so that the processor can fetch
/// what they need from memory meanwhile: first the places of their spellings, then their records.
/// They are written in the order in which they came. Dropping it writes the last ones.
pub struct Batch<'t, 'p> {
    table: &'t mut Table,
    order: Order,
    pending: ArrayVec<Pending<'p>, PENDING_MAX>,
    /// Those of the samples that are to be added to sets, in order.
    members: ArrayVec<&'p [u8], PENDING_MAX>,
    /// How many samples have been written.
    samples: usize,
}

/// A sample that waits to be written: one cache line.
#[derive(Clone, Copy)]
struct Pending<'p> {
    fingerprint: u128,
    spelling: &'p [u8],
    number: f64,
    rate: f64,
    kind: SeriesKind,
    write: Write,
}

/// What a sample does to its series.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Write {
    Change,
    Count,
    Gauge,
    Member,
    Timing,
}

impl Write {
    /// What a number does to a series; the samples of sets have none.
    #[inline]
    fn of(kind: SeriesKind) -> Self {
        match kind {
            SeriesKind::Counter => Self::Count,
            SeriesKind::Gauge => Self::Gauge,
            SeriesKind::Set => Self::Member,
            SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => Self::Timing,
        }
    }
}

impl<'p> Batch<'_, 'p> {
    /// Takes in one packet.
    pub fn packet(&mut self, packet: &'p [u8]) {
        let grammar = self.table.dialect.grammar;
        self.count_packet(packet);
        gstatsd_wire::parse(packet, &grammar, self);
    }

    /// Takes in a packet that was cut on its way: its broken last line is rejected.
    pub fn truncated_packet(&mut self, packet: &'p [u8]) {
        let grammar = self.table.dialect.grammar;
        self.count_packet(packet);
        gstatsd_wire::parse_truncated(packet, &grammar, self);
    }

    fn count_packet(&mut self, packet: &[u8]) {
        let counts = &mut self.table.part.counts;
        counts.datagrams_received += 1;
        counts.datagrams_empty += u64::from(packet.is_empty());
    }

    /// Writes what waits.
    #[inline(never)]
    fn settle(&mut self) {
        self.samples += self.pending.len();
        let table = &mut *self.table;
        let mut records: ArrayVec<Result<u32, Refusal>, PENDING_MAX> = ArrayVec::new();
        let rows = table.part.rows();
        for pending in &self.pending {
            let record = table.record(pending);
            if let Ok(record) = record {
                rows.prefetch(pending.kind as usize, record as usize);
            }
            records.push(record);
        }
        let mut members = self.members.iter();
        for (pending, record) in self.pending.iter().zip(records) {
            let member = match pending.write {
                Write::Member => members.next().copied().unwrap_or_default(),
                _ => &[],
            };
            match record {
                Ok(record) => table.write(pending, record, member, self.order),
                Err(refusal) => table.refuse(pending, refusal),
            }
        }
        self.pending.clear();
        self.members.clear();
    }
}

impl Drop for Batch<'_, '_> {
    fn drop(&mut self) {
        self.settle();
        self.table.sweep(SWEEP_BATCH.min(SWEEP_SAMPLE * self.samples));
    }
}

impl<'p> Receiver<'p> for Batch<'_, 'p> {
    #[inline]
    fn line(&mut self, line: Line<'p>) {
        let part = &mut self.table.part;
        part.counts.lines += 1;
        match line {
            Line::Metric(_) => part.counts.metric_lines += 1,
            Line::Event(_) => part.counts.events += 1,
            Line::ServiceCheck(_) => part.counts.service_checks += 1,
            Line::Rejected(Rejection { reason, text }) => {
                part.counts.lines_rejected[reason as usize] += 1;
                part.example(reason, text);
            }
        }
    }

    // Always, so that the sample is taken apart in registers: a call would pass it by memory.
    #[inline(always)]
    fn sample(&mut self, sample: Sample<'p>) {
        let Sample { name: spelling, value, rate, .. } = sample;
        let kind = self.table.dialect.series_kind(sample.kind);
        let fingerprint = self.table.fingerprinter.of(kind, spelling);
        self.table.index.prefetch(fingerprint);
        self.table.part.counts.samples_received += 1;
        let (write, number) = match value {
            Value::Number(number) => (Write::of(kind), number),
            Value::Delta(change) => (Write::Change, change),
            Value::Member(member) => {
                self.members.push(member);
                (Write::Member, 0.0)
            }
        };
        self.pending.push(Pending { fingerprint, spelling, number, rate, kind, write });
        if self.pending.is_full() {
            self.settle();
        }
    }

    fn reject(&mut self, rejection: Rejection<'p>) {
        let part = &mut self.table.part;
        part.counts.samples_received += 1;
        part.counts.samples_rejected[rejection.reason as usize] += 1;
        part.example(rejection.reason, rejection.text);
    }
}
