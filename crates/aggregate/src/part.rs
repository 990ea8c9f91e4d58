//! What one worker gathered in one interval: the thing that it pushes to `flush`.

use gstatsd_sketch::{Histogram, HyperLogLog};
use gstatsd_wire::Reason;

use crate::dated::DatedSamples;
use crate::gauge::{Gauge, Order, Write};
use crate::index::Discarded;
use crate::members::Members;
use crate::memory::{self, Lease, clear_large, large_growth, reserve_large, vec_bytes, vec_growth};
use crate::notices::Notices;
use crate::sketched::Sketched;
use crate::{Counts, Newcomers, SeriesKind, sum};

/// How much of a rejected text is kept as an example, in bytes.
const EXAMPLE_BYTES_MAX: usize = 128;
/// As how many values a sketch of a timer counts, and as how many members one of a set: so many
/// take about as much memory.
pub(crate) const TIMER_SKETCH_THINGS: usize = 128;
pub(crate) const SET_SKETCH_THINGS: usize = 512;

/// The memory of one sketch at most, in bytes.
pub(crate) const TIMER_SKETCH_BYTES: usize = 4 << 10;
pub(crate) const SET_SKETCH_BYTES: usize = 18 << 10;
/// What the merger, a snapshot and the next part need for a new series, in bytes, beside its name.
const SERIES_DEBT: usize = 192;
/// What the merger and a snapshot need for a value of a timer, which are 12 bytes and 8, for a
/// member of a set beside its text, and for other things.
const VALUE_DEBT: usize = 20;
const MEMBER_DEBT: usize = 20;
const THING_DEBT: usize = 32;

/// What one worker gathered in one interval. Records stand in the order in which their series
/// were first written in the interval. A part that was merged is cleared and goes back to the
/// worker, so that steady traffic allocates nothing.
#[derive(Debug, Default)]
pub struct Part {
    /// Slots that got or lost their series since the last part, in order. None of the series
    /// that are retired here has a record here.
    pub(crate) changes: Changes,
    pub(crate) records: Vec<Record>,
    pub(crate) members: Members,
    /// The values of all timers, distributions and histograms as they came: the index of the
    /// record of each, and the values.
    pub(crate) timed: Vec<u32>,
    pub(crate) values: Vec<f64>,
    /// Of the timers and the like that got more values than are kept: what is not among `values`.
    pub(crate) timer_sketches: Sketched<Histogram>,
    /// The same of sets.
    pub(crate) set_sketches: Sketched<HyperLogLog>,
    /// Totals of counters that are repeated, as they came.
    pub(crate) totals: Vec<Total>,
    /// Samples that have a time of their own.
    pub(crate) dated: DatedSamples,
    /// Events and service checks.
    pub(crate) notices: Notices,
    /// Changes of gauges, each with the one before it of the same record.
    steps: Vec<Step>,
    /// When each batch was received, in nanoseconds.
    batches: Vec<u64>,
    /// What it takes of the budget.
    pub(crate) lease: Lease,
    /// Whose names were new lately to the worker.
    pub newcomers: Newcomers,
    /// Memory that the worker has no use for; to drop it would take too long there.
    pub(crate) discarded: Discarded,
    /// What the worker counted in the interval.
    pub counts: Counts,
    /// One example for each reason of the interval.
    pub examples: Vec<Example>,
}

/// How long a member of a set is taken to be, before it came.
const MEMBER_TEXT: usize = 32;

/// What an interval brought to one slot: half a cache line, the same for every kind, so that it
/// is written without a branch on the kind.
#[derive(Debug)]
pub(crate) struct Record {
    /// The sum of a counter, what a gauge was last set to, or how many samples a timer or the
    /// like had, each counted as often as its rate says. Of a set how many members are kept.
    pub(crate) value: f64,
    pub(crate) samples: u64,
    pub(crate) slot: u32,
    /// The batch that set the gauge last.
    batch: u32,
    /// The last change of the gauge since it was set: 1 more than its place, or 0.
    step: u32,
    pub(crate) kind: SeriesKind,
    /// Whether the gauge was set, and not only changed.
    is_set: bool,
}

const _: () = assert!(size_of::<Record>() == 32, "two records in a cache line");

/// For each kind, every bit if its samples are added up, and none otherwise.
static ADDS: [u64; SeriesKind::ALL.len()] = {
    let mut adds = [0; SeriesKind::ALL.len()];
    adds[SeriesKind::Counter as usize] = u64::MAX;
    adds[SeriesKind::Distribution as usize] = u64::MAX;
    adds[SeriesKind::Histogram as usize] = u64::MAX;
    // A sample of a set adds the 0 that stands for its member.
    adds[SeriesKind::Set as usize] = u64::MAX;
    adds[SeriesKind::Timer as usize] = u64::MAX;
    adds
};

/// For each kind, every bit if its samples add 1 whatever they are, and none otherwise.
static ONES: [u64; SeriesKind::ALL.len()] = {
    let mut ones = ADDS;
    ones[SeriesKind::Counter as usize] = 0;
    ones[SeriesKind::Set as usize] = 0;
    ones
};

/// For each kind, 1 if the values of its samples are kept, and 0 otherwise.
static KEPT: [u8; SeriesKind::ALL.len()] = {
    let mut kept = [0; SeriesKind::ALL.len()];
    kept[SeriesKind::Distribution as usize] = 1;
    kept[SeriesKind::Histogram as usize] = 1;
    kept[SeriesKind::Timer as usize] = 1;
    kept
};

/// A change of a gauge.
#[derive(Debug)]
struct Step {
    change: f64,
    batch: u32,
    /// The one before it: 1 more than its place, or 0.
    before: u32,
}

/// What a counter has come to, as its sender says.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Total {
    /// The number of the source.
    pub(crate) source: u32,
    pub(crate) batch: u32,
    pub(crate) value: f64,
}

/// A rejected line or value, to show in the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Example {
    /// Why it was rejected.
    pub reason: Reason,
    /// Its first bytes, 128 at most.
    pub text: Box<[u8]>,
}

impl Part {
    /// Empties it, and keeps the room that it had a use for where that is little.
    pub fn clear(&mut self) {
        let keeps_room = self.lease.may_keep(self.lease.of_owner());
        let Self { changes, records, members, timed, values, totals, steps, .. } = self;
        let Self { dated, notices, batches, discarded, counts, examples, .. } = self;
        memory::trim(records);
        memory::trim(batches);
        self.timer_sketches.clear();
        self.set_sketches.clear();
        *changes = Changes::default();
        records.clear();
        members.clear(keeps_room);
        clear_large(timed, keeps_room);
        clear_large(values, keeps_room);
        clear_large(totals, keeps_room);
        dated.clear(keeps_room);
        notices.clear();
        clear_large(steps, keeps_room);
        batches.clear();
        self.newcomers = Newcomers::default();
        *discarded = Discarded::default();
        *counts = Counts::default();
        examples.clear();
        self.lease.set(self.bytes());
    }

    /// The memory that it has, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let Self { changes, records, members, timed, values, totals, steps, .. } = self;
        let Self { dated, notices, batches, discarded, timer_sketches, set_sketches, .. } = self;
        size_of::<Self>()
            + changes.bytes()
            + vec_bytes(records)
            + members.bytes()
            + vec_bytes(timed)
            + vec_bytes(values)
            + vec_bytes(totals)
            + vec_bytes(steps)
            + dated.bytes()
            + notices.room_bytes()
            + vec_bytes(batches)
            + discarded.bytes()
            + timer_sketches.bytes(TIMER_SKETCH_BYTES)
            + set_sketches.bytes(SET_SKETCH_BYTES)
    }

    /// What will be needed for it elsewhere, until it is merged: to be held now, so that there is
    /// room for it then.
    pub(crate) fn debt(&self) -> usize {
        let Self { changes, members, values, totals, steps, dated, .. } = self;
        let sketches = self.timer_sketches.len() * TIMER_SKETCH_BYTES
            + self.set_sketches.len() * SET_SKETCH_BYTES;
        changes.changes.len() * SERIES_DEBT
            + 2 * changes.names.len()
            + values.len() * VALUE_DEBT
            + members.len() * MEMBER_DEBT
            + 2 * members.text_bytes()
            + (totals.len() + steps.len()) * THING_DEBT
            + dated.debt()
            + sketches
    }

    /// The memory that is allocated or needed elsewhere for a new series with a name of so many
    /// bytes.
    pub(crate) fn series_growth(&self, name: usize) -> usize {
        let Changes { changes, names } = &self.changes;
        large_growth(&self.records, 1)
            + vec_growth(changes, 1)
            + vec_growth(names, name)
            + SERIES_DEBT
            + 2 * name
    }

    /// The same for so many things more of any kind.
    pub(crate) fn things_growth(&self, more: usize) -> usize {
        let Self { members, timed, values, totals, steps, dated, .. } = self;
        large_growth(timed, more)
            + large_growth(values, more)
            + members.growth(more, more * MEMBER_TEXT)
            + large_growth(totals, more)
            + large_growth(steps, more)
            + dated.growth(more)
            + more * (THING_DEBT + 2 * MEMBER_TEXT)
    }

    /// Makes the room for so many things more that [`Self::things_growth`] reckons with.
    pub(crate) fn make_things(&mut self, more: usize) {
        let Self { members, timed, values, totals, steps, dated, .. } = self;
        reserve_large(timed, more);
        reserve_large(values, more);
        members.reserve(more, more * MEMBER_TEXT);
        reserve_large(totals, more);
        reserve_large(steps, more);
        dated.reserve(more);
    }

    /// Makes room for the records of so many series, as many as another part had.
    pub(crate) fn make_records(&mut self, series: usize) {
        if self.records.capacity() < series {
            self.records.reserve_exact(series);
        }
    }

    /// When its last batch was received, in nanoseconds.
    #[must_use]
    pub fn last_batch(&self) -> Option<u64> {
        self.batches.last().copied()
    }

    /// Begins a batch, received at so many nanoseconds. Gives its number. Batches of one time, as
    /// those of many connections are, need but one.
    pub(crate) fn begin_batch(&mut self, nanoseconds: u64) -> u32 {
        if self.batches.last() != Some(&nanoseconds) {
            self.batches.push(nanoseconds);
        }
        index_of_last(&self.batches)
    }

    /// How many things of the interval are held beside the records, which are bounded otherwise.
    pub(crate) fn things(&self) -> usize {
        let Self { values, members, totals, dated, steps, .. } = self;
        let sketches = self.timer_sketches.len() * TIMER_SKETCH_THINGS
            + self.set_sketches.len() * SET_SKETCH_THINGS;
        values.len() + members.len() + totals.len() + dated.len() + steps.len() + sketches
    }

    /// Appends a total, of the batch that is taken in now.
    pub(crate) fn push_total(&mut self, source: u32, value: f64) {
        let batch = index_of_last(&self.batches);
        self.totals.push(Total { source, batch, value });
    }

    /// When a batch of a worker was received.
    pub(crate) fn order(&self, batch: u32, worker: usize) -> Order {
        Order { nanoseconds: self.batches[batch as usize], worker }
    }

    /// Appends a change to a gauge, or adds it to the last one, if that came in the same batch.
    /// Says whether that left the range of a double.
    pub(crate) fn change_gauge(&mut self, record: u32, batch: u32, change: f64) -> bool {
        let record = &mut self.records[record as usize];
        let last = (record.step as usize).checked_sub(1).map(|last| &mut self.steps[last]);
        if let Some(last) = last.filter(|last| last.batch == batch) {
            let overflow;
            (last.change, overflow) = sum::saturating(last.change, change);
            return overflow;
        }
        self.steps.push(Step { change, batch, before: record.step });
        record.step = index_of_last(&self.steps) + 1;
        false
    }

    /// What this worker wrote to a gauge.
    pub(crate) fn gauge(&self, record: &Record, worker: usize) -> Gauge {
        let write = |batch: u32, value| Write { order: self.order(batch, worker), value };
        let mut next = record.step;
        let steps = std::iter::from_fn(|| {
            let step = &self.steps[(next as usize).checked_sub(1)?];
            next = step.before;
            Some(write(step.batch, step.change))
        });
        Gauge::of(record.is_set.then(|| write(record.batch, record.value)), steps)
    }

    /// Keeps an event or a service check for the sinks, if there is room.
    pub(crate) fn notice(&mut self, line: &[u8]) {
        self.counts.notices_shed += u64::from(!self.notices.push(line));
    }

    pub(crate) fn example(&mut self, reason: Reason, text: &[u8]) {
        if self.examples.iter().all(|known| known.reason != reason) {
            let text = text[..text.len().min(EXAMPLE_BYTES_MAX)].into();
            self.examples.push(Example { reason, text });
        }
    }
}

impl Record {
    pub(crate) fn new(slot: u32, kind: SeriesKind) -> Self {
        Self { value: 0.0, samples: 0, slot, batch: 0, step: 0, kind, is_set: false }
    }

    /// How many values of a sample are kept: 1 of a timer and the like, otherwise 0.
    #[inline(always)]
    pub(crate) fn kept(&self) -> usize {
        usize::from(KEPT[self.kind as usize])
    }

    /// What a sample makes of the sum of a counter, or of the number of samples of a timer; the
    /// flag says whether it was held at the edge of the range.
    #[cold]
    pub(crate) fn weighted(&self, number: f64, rate: f64) -> (f64, bool) {
        let number = match self.kind {
            SeriesKind::Counter => number,
            SeriesKind::Set => 0.0,
            _ => 1.0,
        };
        sum::weighted(self.value, number, rate)
    }

    /// Sets a gauge: what was written to it before is gone.
    pub(crate) fn set_gauge(&mut self, batch: u32, value: f64) {
        (self.value, self.batch, self.step, self.is_set) = (value, batch, 0, true);
    }

    /// Writes a sample without a branch on its kind: adds it to a counter, sets a gauge; for the
    /// others it counts it, for timers and the like as often as its rate says. Says whether that
    /// stayed in the range of a double; otherwise nothing is written.
    #[inline(always)]
    pub(crate) fn write(&mut self, batch: u32, number: f64, rate: f64) -> bool {
        // From memory, since a comparison may become a branch.
        let adds = ADDS[self.kind as usize];
        // What it is added to: what a gauge was goes, and -0 changes no number at all, not even
        // the sign of -0.
        let before = f64::from_bits((self.value.to_bits() & adds) | ((-0.0_f64).to_bits() & !adds));
        // Of other kinds the rate counts as 1.
        let one = 1.0_f64.to_bits();
        let rate = f64::from_bits(((rate.to_bits() ^ one) & adds) ^ one);
        let ones = ONES[self.kind as usize];
        let number = f64::from_bits((number.to_bits() & !ones) | (one & ones));
        let sum = before + number * (1.0 / rate);
        if !sum.is_finite() {
            return false;
        }
        self.value = sum;
        self.samples += 1;
        self.batch = batch;
        self.step = 0;
        self.is_set = true;
        true
    }
}

/// Slots that got or lost their series, in order: the names in one text.
#[derive(Debug, Default)]
pub(crate) struct Changes {
    changes: Vec<Change>,
    names: Vec<u8>,
}

#[derive(Debug)]
enum Change {
    Cleared,
    Born { slot: u32, kind: SeriesKind, settings: u16, name_bytes: u32 },
    Retired { slot: u32 },
    SourceBorn { source: u32, settings: u16, name_bytes: u32, series_bytes: u32 },
    SourceRetired { source: u32 },
}

/// A slot of the worker gets or loses its series, or all slots have lost theirs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SlotChange<'a> {
    Cleared,
    Born {
        slot: u32,
        kind: SeriesKind,
        settings: u16,
        name: &'a [u8],
    },
    Retired {
        slot: u32,
    },
    /// A source of totals, with the name that it was sent with and that of its counter.
    SourceBorn {
        source: u32,
        settings: u16,
        name: &'a [u8],
        series: &'a [u8],
    },
    SourceRetired {
        source: u32,
    },
}

impl Changes {
    /// The worker begins anew, with no series in any slot.
    pub(crate) fn cleared(&mut self) {
        self.changes.push(Change::Cleared);
    }

    /// `settings` is the number of those that the series has, see [`Series`](crate::Series).
    pub(crate) fn born(&mut self, slot: u32, kind: SeriesKind, settings: u16, name: &[u8]) {
        let name_bytes = u32::try_from(name.len()).expect("a name came in a packet");
        self.names.extend_from_slice(name);
        self.changes.push(Change::Born { slot, kind, settings, name_bytes });
    }

    pub(crate) fn retired(&mut self, slot: u32) {
        self.changes.push(Change::Retired { slot });
    }

    pub(crate) fn source_born(&mut self, source: u32, settings: u16, name: &[u8], series: &[u8]) {
        let bytes = |name: &[u8]| u32::try_from(name.len()).expect("a name came in a packet");
        let (name_bytes, series_bytes) = (bytes(name), bytes(series));
        self.names.extend_from_slice(name);
        self.names.extend_from_slice(series);
        self.changes.push(Change::SourceBorn { source, settings, name_bytes, series_bytes });
    }

    pub(crate) fn source_retired(&mut self, source: u32) {
        self.changes.push(Change::SourceRetired { source });
    }

    /// Its memory, in bytes.
    fn bytes(&self) -> usize {
        vec_bytes(&self.changes) + vec_bytes(&self.names)
    }

    /// Each of them, in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = SlotChange<'_>> {
        let mut names = &*self.names;
        self.changes.iter().map(move |change| match *change {
            Change::Cleared => SlotChange::Cleared,
            Change::Born { slot, kind, settings, name_bytes } => {
                let name;
                (name, names) = names.split_at(name_bytes as usize);
                SlotChange::Born { slot, kind, settings, name }
            }
            Change::Retired { slot } => SlotChange::Retired { slot },
            Change::SourceBorn { source, settings, name_bytes, series_bytes } => {
                let (name, series);
                (name, names) = names.split_at(name_bytes as usize);
                (series, names) = names.split_at(series_bytes as usize);
                SlotChange::SourceBorn { source, settings, name, series }
            }
            Change::SourceRetired { source } => SlotChange::SourceRetired { source },
        })
    }
}

/// The place of the last thing.
pub(crate) fn index_of_last<T>(things: &[T]) -> u32 {
    u32::try_from(things.len() - 1).expect("limits keep every table below 2^32 places")
}
