//! The table of one worker: every sample ends here.
//!
//! The worker alone knows it, so it takes no lock. A sample of a known spelling allocates
//! nothing: its slot says where the record of this interval stands in the [`Part`]. At the end
//! of an interval the part is swapped for an empty one, whatever the number of series.

mod room;

use std::sync::Arc;

use gstatsd_wire::Reason;

use self::room::admits;
use crate::batch::{Batch, Pending};
use crate::detours::{Dropped, Sources};
use crate::fingerprint::Fingerprinter;
use crate::gauge::Order;
use crate::index::{Index, Learned};
use crate::memory::{Ask, Lease, Step, push_large};
use crate::names::{ConstantTag, Names, Verdict, Ways};
use crate::part::{Record, index_of_last};
use crate::{Counts, Dialect, Naming, Newcomers, Part, Rules, SeriesKind, Shed, TagTemplate, sum};

/// After how many idle intervals a spelling is forgotten.
const IDLE_INTERVALS_MAX: u32 = 60;
/// How many places of spellings are looked at for expiry: after each batch a few, and one more for
/// so many samples; and some at each rotation, for a worker at rest.
const SWEEP_BATCH: usize = 4;
const SWEEP_SAMPLES: usize = 32;
const SWEEP_ROTATION: usize = 65_536;
/// The same where memory is short: after how many idle intervals, where it was used in one alone,
/// and which part of all places at each rotation. Who comes again and again is not forgotten for
/// somebody new.
const IDLE_INTERVALS_SHORT: u32 = 2;
const SWEEP_SHARE_SHORT: usize = 4;
/// What a table may hold.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Spellings of names that are known at once. New series beyond it are shed.
    pub series_max: usize,
    /// Timer samples plus set members plus changes of gauges in one interval. What comes beyond
    /// it is shed, where sketches of the largest timers make no room.
    pub samples_max: usize,
    /// Values of one timer that are kept in an interval. Beyond it there is a sketch.
    pub timer_values_max: usize,
    /// Distinct members of one set that are kept in an interval. Beyond it there is a sketch.
    pub set_members_max: usize,
}

impl Limits {
    /// Limits of a worker, with 100,000 values of one timer and 10,000 members of one set.
    #[must_use]
    pub const fn new(series_max: usize, samples_max: usize) -> Self {
        Self { series_max, samples_max, timer_values_max: 100_000, set_members_max: 10_000 }
    }
}

/// The series of one worker, and what the current interval brought to them.
pub struct Table {
    pub(crate) ways: Ways,
    /// Says which names would come out among our own.
    naming: Naming,
    limits: Limits,
    /// How many values of a timer are kept in this interval; less than the limit where there was
    /// no room for so many.
    pub(crate) timer_values_max: u64,
    /// How many members of a set are kept in this interval.
    set_members_max: usize,
    /// Whether no more room can be made in this interval.
    is_tight: bool,
    /// How many values, members and changes there is memory for in this interval, those that were
    /// pushed early among them: as many as the limit at most.
    things_max: usize,
    /// What all but the part takes of the budget.
    lease: Lease,
    pub(crate) fingerprinter: Fingerprinter,
    pub(crate) index: Index,
    dropped: Dropped,
    sources: Sources,
    pub(crate) part: Box<Part>,
    /// The number of the current interval. It goes up with each part, those that were pushed early
    /// among them.
    interval: u32,
    /// What parts of the interval that were pushed early hold of what `samples_max` bounds.
    pushed: usize,
    /// How many intervals have ended.
    ended: u32,
    /// For each of the last intervals, by its number, how many parts were pushed early.
    early: [u32; IDLE_INTERVALS_MAX as usize],
    /// After how many parts without it a spelling is forgotten: those of so many intervals.
    idle_max: u32,
    names: Names,
    /// Whose names were new lately.
    newcomers: Newcomers,
}

impl Table {
    /// An empty table. It may take the place of another one of the worker, see [`Table::end`]: the
    /// merger learns from its first part that the slots are new ones, and merges what both
    /// gathered in an interval.
    #[must_use]
    pub fn new(dialect: Dialect, naming: Naming, limits: Limits) -> Self {
        let mut part = Box::<Part>::default();
        part.changes.cleared();
        Self {
            ways: Ways { dialects: vec![dialect], same: vec![0], ..Ways::default() },
            naming,
            limits,
            timer_values_max: limits.timer_values_max as u64,
            set_members_max: limits.set_members_max,
            is_tight: false,
            things_max: limits.samples_max,
            lease: Lease::default(),
            fingerprinter: Fingerprinter::new(),
            index: Index::new(limits.series_max),
            dropped: Dropped::default(),
            sources: Sources::new(limits.series_max),
            part,
            interval: 1,
            pushed: 0,
            ended: 0,
            early: [0; IDLE_INTERVALS_MAX as usize],
            idle_max: IDLE_INTERVALS_MAX,
            names: Names::default(),
            newcomers: Newcomers::default(),
        }
    }

    /// The same table with rules; it may not have taken in anything.
    #[must_use]
    pub fn with_rules(self, rules: Arc<Rules>) -> Self {
        Self { ways: Ways { rules, ..self.ways }, ..self }
    }

    /// The same table with tags that every series gets; it may not have taken in anything.
    #[must_use]
    pub fn with_constant_tags(self, constant_tags: Vec<ConstantTag>) -> Self {
        Self { ways: Ways { constant_tags, ..self.ways }, ..self }
    }

    /// The same table with further dialects, which listeners may have: their numbers are 1, 2 and
    /// so on. It may not have taken in anything.
    #[must_use]
    pub fn with_dialects(mut self, further: impl IntoIterator<Item = Dialect>) -> Self {
        let Ways { dialects, same, .. } = &mut self.ways;
        dialects.extend(further);
        let first = |dialect| dialects.iter().position(|other| other == dialect);
        same.clear();
        same.extend(dialects.iter().filter_map(first).filter_map(|first| u8::try_from(first).ok()));
        self
    }

    /// The same table where tags are folded into names; it may not have taken in anything.
    #[must_use]
    pub fn with_tag_template(self, template: Option<TagTemplate>) -> Self {
        Self { ways: Ways { template, ..self.ways }, ..self }
    }

    /// Takes in packets that were received together, at `order`: `take` hands them to the batch.
    #[inline]
    pub fn batch<'p>(&mut self, order: Order, take: impl FnOnce(&mut Batch<'_, 'p>)) {
        self.batch_of(0, order, take);
    }

    /// Takes in packets that were received together, at `order`, by a listener whose dialect has
    /// this number; 0 is that of the table.
    //
    // Lent, and not returned: a batch is large, and would be copied on its way.
    pub fn batch_of<'p>(
        &mut self,
        dialect: u8,
        order: Order,
        take: impl FnOnce(&mut Batch<'_, 'p>),
    ) {
        let number = self.part.begin_batch(order.nanoseconds);
        take(&mut Batch::new(self, dialect, number));
    }

    /// Takes in one packet as a batch of its own.
    pub fn packet(&mut self, packet: &[u8], order: Order) {
        self.batch(order, |batch| batch.packet(packet));
    }

    /// Ends the interval: gives what it brought, and goes on with an empty part.
    pub fn rotate(&mut self, mut empty: Box<Part>) -> Box<Part> {
        empty.make_records(self.part.records.len());
        let mut part = std::mem::replace(&mut self.part, empty);
        part.discarded = self.index.take_discarded();
        self.hand_over(&mut part);
        self.interval = self.interval.wrapping_add(1);
        self.ended = self.ended.wrapping_add(1);
        self.pushed = 0;
        self.begin_interval();
        self.idle_max -= std::mem::take(self.early_now());
        let is_short = self.lease.takes(Step::ExpireIdle);
        self.sweep(if is_short { self.index.places() / SWEEP_SHARE_SHORT } else { SWEEP_ROTATION });
        self.sweep_sources();
        self.index.shrink();
        self.lease.set(self.bytes());
        part
    }

    /// Gives what the interval brought so far, and goes on with it. All parts of the interval
    /// together come to the same as one.
    #[must_use]
    pub fn push_early(&mut self) -> Box<Part> {
        let mut part = std::mem::take(&mut self.part);
        self.hand_over(&mut part);
        self.pushed += part.things();
        self.things_max = self.limits.samples_max;
        if self.lease.is_bounded() {
            self.things_max = self.things_max.min(self.pushed);
        }
        self.part.notices.follow(&part.notices);
        self.interval = self.interval.wrapping_add(1);
        *self.early_now() += 1;
        self.idle_max += 1;
        part
    }

    /// Ends the table in the middle of an interval: gives what that brought so far. Another table
    /// may go on in its place.
    #[must_use]
    pub fn end(self) -> Box<Part> {
        let Self { mut part, index, .. } = self;
        part.discarded = index.discard();
        part.lease.set(part.bytes() + part.debt());
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
        self.sweep(SWEEP_BATCH + samples / SWEEP_SAMPLES);
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
        match self.way(pending) {
            Way::Slot(known) => {
                // A further spelling that there is no room for is not known itself.
                let record = self.use_record(fingerprint, kind);
                let record = record.or_else(|| self.use_record(known, kind));
                Some(record.expect("its series was learned"))
            }
            Way::Source(source) => {
                match self.has_room(1) {
                    true => self.part.push_total(source, pending.number),
                    false => self.refuse(pending, Refusal::Shed(Shed::Memory)),
                }
                None
            }
            Way::Refused(refusal) => {
                self.refuse(pending, refusal);
                None
            }
        }
    }

    fn use_record(&mut self, fingerprint: u128, kind: SeriesKind) -> Option<u32> {
        let records = &mut self.part.records;
        self.index.use_record(fingerprint, self.interval, |slot| {
            push_large(records, Record::new(slot, kind));
            index_of_last(records)
        })
    }

    /// What a spelling leads to that is not known as one of a slot.
    fn way(&mut self, pending: &Pending<'_>) -> Way {
        let Pending { fingerprint, kind, .. } = *pending;
        if self.dropped.contains(fingerprint) {
            return Way::Refused(Refusal::Dropped);
        }
        if let Some(source) = self.sources.find(fingerprint, self.interval) {
            return Way::Source(source);
        }
        let (settings, absolute, is_spelling) = match self.find_series(pending) {
            Ok(found) => found,
            Err(refusal) => return Way::Refused(refusal),
        };
        let way = match absolute {
            true => self.learn_source(fingerprint, settings),
            false => self.learn_slot(fingerprint, kind, settings, is_spelling),
        };
        if !matches!(way, Way::Refused(_)) {
            self.part.counts.tags_repeated += self.names.tags_repeated;
        }
        way
    }

    /// Finds the name of the series of a spelling. Gives the number of its settings, whether its
    /// samples are totals, and whether the name is a spelling.
    fn find_series(&mut self, pending: &Pending<'_>) -> Result<(u16, bool, bool), Refusal> {
        let Pending { fingerprint, kind, listener, line, .. } = *pending;
        match self.ways.find(kind, listener, line, &mut self.names) {
            Verdict::Dropped => {
                self.dropped.insert(fingerprint);
                Err(Refusal::Dropped)
            }
            Verdict::Rejected(reason) => Err(Refusal::Rejected(reason)),
            Verdict::Series { .. } if self.naming.is_reserved(kind, &self.names.series) => {
                Err(Refusal::Rejected(Reason::ReservedName))
            }
            Verdict::Series { settings, absolute, is_spelling } => {
                Ok((settings, absolute, is_spelling))
            }
        }
    }

    /// Keeps a sample with a time of its own for the sinks.
    pub(crate) fn pass_on(&mut self, pending: &Pending<'_>, batch: u32, second: i64) {
        match self.dated_series(pending) {
            Err(refusal) => self.refuse(pending, refusal),
            Ok(_) if !self.has_room(1) => self.refuse(pending, Refusal::Shed(Shed::Memory)),
            Ok(series) => {
                let (value, overflow) = match pending.kind {
                    SeriesKind::Counter => sum::weighted(0.0, pending.number, pending.rate),
                    _ => (pending.number, false),
                };
                self.part.counts.overflows += u64::from(overflow);
                self.part.dated.push(series, batch, second, value);
            }
        }
    }

    /// The number of a series among those with samples that have a time of their own.
    fn dated_series(&mut self, pending: &Pending<'_>) -> Result<u32, Refusal> {
        let Pending { fingerprint, kind, .. } = *pending;
        if let Some(series) = self.part.dated.find(fingerprint) {
            return Ok(series);
        }
        if self.dropped.contains(fingerprint) {
            return Err(Refusal::Dropped);
        }
        let (_, absolute, _) = self.find_series(pending)?;
        if absolute {
            // How much a total has grown at some time nobody can say.
            return Err(Refusal::Rejected(Reason::Unsupported));
        }
        if self.part.dated.spellings() >= self.limits.series_max {
            return Err(Refusal::Shed(Shed::SeriesLimit));
        }
        let growth = self.part.dated.series_growth(self.names.series.len());
        if !admits(&mut self.part, &mut self.newcomers, &self.names.series, growth) {
            return Err(Refusal::Shed(Shed::NewSeries));
        }
        self.part.counts.tags_repeated += self.names.tags_repeated;
        Ok(self.part.dated.learn(fingerprint, kind, &self.names.series))
    }

    /// Makes a spelling known as one of the series whose name was found.
    fn learn_slot(
        &mut self,
        fingerprint: u128,
        kind: SeriesKind,
        settings: u16,
        is_spelling: bool,
    ) -> Way {
        let before = self.interval.wrapping_sub(1);
        let canonical = self.fingerprinter.of(kind, 0, &self.names.series, b"");
        let others = size_of::<Self>() + self.detours_bytes();
        let Self { index, lease, part, names, newcomers, .. } = self;
        let growth = part.series_growth(names.series.len());
        let mut admit = |index: usize| {
            let admitted = admits(part, newcomers, &names.series, growth)
                && lease.cover(index + others, Ask::NewSeries);
            (!admitted).then_some(Shed::NewSeries)
        };
        let (learned, first) = match is_spelling {
            true => (index.learn(fingerprint, canonical, before, &mut admit), canonical),
            false => (index.learn_homed(fingerprint, canonical, before, &mut admit), fingerprint),
        };
        match learned {
            Learned::Alias(known) => Way::Slot(known),
            Learned::Series(slot) => {
                self.part.changes.born(slot, kind, settings, &self.names.series);
                Way::Slot(first)
            }
            Learned::Refused(shed) => {
                if shed == Shed::SeriesLimit {
                    self.newcomers.saw(&self.names.series);
                }
                Way::Refused(Refusal::Shed(shed))
            }
        }
    }

    /// Makes a spelling known as a source of totals for the series whose name was found.
    fn learn_source(&mut self, fingerprint: u128, settings: u16) -> Way {
        let bytes = self.bytes() + self.sources.growth();
        let Self { part, lease, names, newcomers, .. } = self;
        // It has a name of its own beside that of its series.
        let growth = part.series_growth(names.sender.len() + names.series.len());
        let admitted = admits(part, newcomers, &names.series, growth);
        if !(admitted && lease.cover(bytes, Ask::NewSeries)) {
            return Way::Refused(Refusal::Shed(Shed::NewSeries));
        }
        let Some(source) = self.sources.learn(fingerprint, self.interval) else {
            return Way::Refused(Refusal::Shed(Shed::SeriesLimit));
        };
        let Names { sender, series, .. } = &self.names;
        self.part.changes.source_born(source, settings, sender, series);
        Way::Source(source)
    }

    fn refuse(&mut self, pending: &Pending<'_>, refusal: Refusal) {
        let part = &mut self.part;
        match refusal {
            Refusal::Dropped => part.counts.samples_dropped_rule += 1,
            Refusal::Rejected(reason) => {
                part.counts.samples_rejected[reason as usize] += 1;
                part.example(reason, pending.name());
            }
            Refusal::Shed(shed) => part.counts.samples_shed[shed as usize] += 1,
        }
    }

    fn sweep(&mut self, budget: usize) {
        let changes = &mut self.part.changes;
        let once_max = match self.lease.takes(Step::ExpireIdle) {
            true => self.idle_max - IDLE_INTERVALS_MAX + IDLE_INTERVALS_SHORT,
            false => self.idle_max,
        };
        let idle_max = [once_max, self.idle_max];
        self.index.sweep(budget, self.interval, idle_max, |slot| changes.retired(slot));
    }

    /// Now and then: all sources are looked at.
    fn sweep_sources(&mut self) {
        if self.ended.is_multiple_of(IDLE_INTERVALS_MAX) {
            let changes = &mut self.part.changes;
            let retire = |number| changes.source_retired(number);
            self.sources.sweep(self.interval, self.idle_max, retire);
        }
    }

    /// How many parts of this interval were pushed early.
    fn early_now(&mut self) -> &mut u32 {
        &mut self.early[(self.ended % IDLE_INTERVALS_MAX) as usize]
    }
}

/// What a spelling leads to.
#[derive(Clone, Copy)]
enum Way {
    /// A slot, which the index knows by this fingerprint at least.
    Slot(u128),
    /// A source of totals.
    Source(u32),
    Refused(Refusal),
}

/// Why a sample counts nowhere.
#[derive(Clone, Copy)]
enum Refusal {
    Dropped,
    Rejected(Reason),
    Shed(Shed),
}

#[cfg(test)]
mod tests;
