//! The table of one worker: every sample ends here.
//!
//! The worker alone knows it, so it takes no lock. A sample of a known spelling allocates
//! nothing: its slot says where the record of this interval stands in the [`Part`]. At the end
//! of an interval the part is swapped for an empty one, whatever the number of series.

use gstatsd_wire::{Line, Reason, Receiver, Rejection, Sample, Value};

use crate::gauge::Order;
use crate::index::{Index, Learned};
use crate::part::{Change, Counter, Record};
use crate::points::Naming;
use crate::{Counts, Dialect, Key, Part, SeriesKind, Shed, sum};

/// After how many idle intervals a spelling is forgotten.
const IDLE_INTERVALS_MAX: u32 = 60;
/// How many spellings are looked at for expiry after each batch, and at each rotation: a
/// bounded cost, many times what the batch can have added.
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
    index: Index,
    part: Box<Part>,
    /// The number of the current interval.
    interval: u32,
    order: Order,
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
            index: Index::new(limits.series_max),
            part: Box::default(),
            interval: 1,
            order: Order::default(),
            name: Vec::new(),
        }
    }

    /// The packets that follow were received together, at `order`.
    pub fn begin_batch(&mut self, order: Order) {
        self.order = order;
    }

    /// Takes in one packet.
    pub fn packet(&mut self, packet: &[u8]) {
        let grammar = self.dialect.grammar;
        self.count_packet(packet);
        gstatsd_wire::parse(packet, &grammar, self);
    }

    /// Takes in a packet that was cut on its way: its broken last line is rejected.
    pub fn truncated_packet(&mut self, packet: &[u8]) {
        let grammar = self.dialect.grammar;
        self.count_packet(packet);
        gstatsd_wire::parse_truncated(packet, &grammar, self);
    }

    /// The batch is through.
    pub fn end_batch(&mut self) {
        self.sweep(SWEEP_BATCH);
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

    fn count_packet(&mut self, packet: &[u8]) {
        self.part.counts.datagrams_received += 1;
        self.part.counts.datagrams_empty += u64::from(packet.is_empty());
    }

    fn sweep(&mut self, budget: usize) {
        let changes = &mut self.part.changes;
        self.index.sweep(budget, self.interval, IDLE_INTERVALS_MAX, |slot| {
            changes.push(Change::Retired(slot));
        });
    }

    /// The slot of a spelling that is not known: the slow path.
    fn learn(&mut self, kind: SeriesKind, spelling: &[u8]) -> Result<u32, Refusal> {
        self.name.clear();
        self.dialect.sanitise(spelling, &mut self.name);
        if self.naming.is_reserved(kind, &self.name) {
            return Err(Refusal::Reserved);
        }
        match self.index.learn(kind, spelling, &self.name, self.interval) {
            Learned::Alias(slot) => Ok(slot),
            Learned::Series(slot) => {
                let key = Key { kind, name: self.name.as_slice().into() };
                self.part.changes.push(Change::Born(slot, key));
                Ok(slot)
            }
            Learned::Refused => Err(Refusal::Shed),
        }
    }

    fn add(&mut self, slot: u32, sample: &Sample<'_>) {
        match sample.value {
            Value::Member(member) => self.add_member(slot, member),
            Value::Delta(change) => {
                let order = self.order;
                let overflow = self.gauge(slot).change(order, change);
                self.part.counts.overflows += u64::from(overflow);
            }
            Value::Number(value) => match SeriesKind::of(sample.kind) {
                SeriesKind::Counter => self.add_count(slot, value, sample.rate),
                SeriesKind::Gauge => {
                    let order = self.order;
                    self.gauge(slot).set(order, value);
                }
                SeriesKind::Timer => self.add_timing(slot, value),
                SeriesKind::Set => unreachable!("the value of a set sample is a member"),
            },
        }
    }

    fn add_count(&mut self, slot: u32, value: f64, rate: f64) {
        // Multiplied by the inverse, not divided: the original's last digit. The inverse of the
        // smallest rates leaves the range.
        let weighted = sum::clamp(value * sum::clamp(1.0 / rate));
        let interval = self.interval;
        let counters = &mut self.part.counters;
        let record = record(&mut self.index, slot, interval, counters, Counter::default);
        let counter = &mut counters[record as usize].value;
        let overflow;
        (counter.sum, overflow) = sum::saturating(counter.sum, weighted);
        counter.samples += 1;
        self.part.counts.overflows += u64::from(overflow);
    }

    fn gauge(&mut self, slot: u32) -> &mut crate::gauge::Gauge {
        let interval = self.interval;
        let gauges = &mut self.part.gauges;
        let record = record(&mut self.index, slot, interval, gauges, Default::default);
        &mut gauges[record as usize].value
    }

    fn add_timing(&mut self, slot: u32, value: f64) {
        if !self.has_room() {
            self.part.counts.samples_shed[Shed::Memory as usize] += 1;
            return;
        }
        let interval = self.interval;
        let timers = &mut self.part.timers;
        let record = record(&mut self.index, slot, interval, timers, || 0);
        timers[record as usize].value += 1;
        self.part.values.push((record, value));
    }

    fn add_member(&mut self, slot: u32, member: &[u8]) {
        let room = self.has_room();
        let interval = self.interval;
        let sets = &mut self.part.sets;
        let record = record(&mut self.index, slot, interval, sets, || 0);
        if self.part.members.insert(record, member, room) {
            sets[record as usize].value += 1;
        } else {
            self.part.counts.samples_shed[Shed::Memory as usize] += 1;
        }
    }

    fn has_room(&self) -> bool {
        self.part.values.len() + self.part.members.len() < self.limits.samples_max
    }
}

/// Where the record of a slot in this interval stands; the first write of an interval makes it.
fn record<T>(
    index: &mut Index,
    slot: u32,
    interval: u32,
    records: &mut Vec<Record<T>>,
    new: impl FnOnce() -> T,
) -> u32 {
    let state = index.slot_mut(slot);
    if state.written != interval {
        state.written = interval;
        state.record = u32::try_from(records.len()).expect("slots are numbered in 32 bits");
        records.push(Record { slot, value: new() });
    }
    state.record
}

/// Why a spelling has no slot.
enum Refusal {
    Reserved,
    Shed,
}

impl<'a> Receiver<'a> for Table {
    fn line(&mut self, line: Line<'a>) {
        let counts = &mut self.part.counts;
        counts.lines += 1;
        match line {
            Line::Metric(_) => counts.metric_lines += 1,
            Line::Event(_) => counts.events += 1,
            Line::ServiceCheck(_) => counts.service_checks += 1,
            Line::Rejected(Rejection { reason, text }) => {
                counts.lines_rejected[reason as usize] += 1;
                self.part.example(reason, text);
            }
        }
    }

    fn sample(&mut self, sample: Sample<'a>) {
        self.part.counts.samples_received += 1;
        let kind = SeriesKind::of(sample.kind);
        let slot = match self.index.find(kind, sample.name, self.interval) {
            Some(slot) => Ok(slot),
            None => self.learn(kind, sample.name),
        };
        match slot {
            Ok(slot) => self.add(slot, &sample),
            Err(Refusal::Reserved) => {
                let reason = Reason::ReservedName;
                self.part.counts.samples_rejected[reason as usize] += 1;
                self.part.example(reason, sample.name);
            }
            Err(Refusal::Shed) => {
                self.part.counts.samples_shed[Shed::SeriesLimit as usize] += 1;
            }
        }
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        self.part.counts.samples_received += 1;
        self.part.counts.samples_rejected[rejection.reason as usize] += 1;
        self.part.example(rejection.reason, rejection.text);
    }
}
