//! Merges the parts of all workers by key.
//!
//! ```text
//! slot of a worker --> entry of the series --> its record of this interval --> Snapshot
//!                      registry                one row for each kind           takes the rows
//! ```

mod closing;
mod frequency;
mod idle;
mod log;
mod open;
mod registry;
mod totals;

use gstatsd_sketch::{Histogram, HyperLogLog};

use crate::dated::DatedValues;
use crate::gauge::Gauge;
use crate::memory::{Budget, Lease, Owner, trim, vec_bytes};
use crate::notices::Notices;
use crate::part::{Part, Record as PartRecord, SET_SKETCH_BYTES, TIMER_SKETCH_BYTES};
use crate::snapshot::{Reading, Sketches, Texts};
use crate::{Counts, Limits, OwnPoint, SeriesKind, Snapshot, Window, sum};
use frequency::Frequency;
pub use frequency::NameSamples;
use idle::Idle;
pub use idle::IdlePolicy;
use log::{Group, Log};
pub use open::{Deleted, Family};
use registry::{Entry, NO_NAME, Record, Registry};
use totals::Totals;

/// The registry of the series that workers hold, and what the current interval brought to them.
///
/// Merging is commutative and associative: exactly for counts, gauges, sets, the values of
/// timers and the buckets of sketches, within rounding for sums of fractions.
#[derive(Default)]
pub struct Merger {
    registry: Registry,
    counters: Vec<Reading>,
    gauges: Vec<GaugeRecord>,
    /// Each by its number among `members`; with repetitions, where several workers saw one.
    sets: Log<u32, HyperLogLog>,
    members: Texts,
    timers: Log<f64, Histogram>,
    totals: Totals,
    dated: DatedValues,
    notices: Notices,
    idle: Idle,
    kept: Kept,
    frequency: Option<Frequency>,
    /// Room for the group of each record of a part, where it has one.
    route: Vec<u32>,
    /// What the workers counted.
    counts: Counts,
    /// How many intervals were closed.
    number: u64,
    /// Whether there are records of the interval whose series was deleted.
    has_deleted: bool,
    /// What it takes of the budget.
    lease: Lease,
    /// Of the budget of the snapshots that it makes.
    snapshots: Lease,
}

/// How much of one series is kept, before there is a sketch of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Kept {
    pub(crate) values: usize,
    pub(crate) members: usize,
}

impl Default for Kept {
    fn default() -> Self {
        Self::of(Limits::new(0, 0))
    }
}

impl Kept {
    fn of(Limits { timer_values_max, set_members_max, .. }: Limits) -> Self {
        Self { values: timer_values_max, members: set_members_max }
    }
}

/// Stands for the group of a counter or a gauge.
const NO_GROUP: u32 = u32::MAX;

struct GaugeRecord {
    name: u32,
    gauge: Gauge,
}

impl Record for GaugeRecord {
    fn name(&self) -> u32 {
        self.name
    }
}

impl Merger {
    /// A merger that knows no series.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// The same merger with a budget of memory, which it shares with the tables: they have asked
    /// for what it needs.
    #[must_use]
    pub fn with_budget(self, budget: &Budget) -> Self {
        let [lease, snapshots] = [Owner::Series, Owner::Snapshots].map(|owner| budget.lease(owner));
        Self { lease, snapshots, ..self }
    }

    /// Takes in what a worker gathered. The samples that went into series are counted in
    /// `part.counts`, which closes the identity of samples.
    pub fn add(&mut self, worker: usize, part: &mut Part) {
        // Taken with their room: that of the first interval would never be needed again.
        self.registry.follow(worker, &std::mem::take(&mut part.changes), &mut self.totals);
        part.counts.samples_aggregated += self.add_records(worker, part);
        part.counts.samples_aggregated += self.add_totals(worker, part);
        let order = |batch| part.order(batch, worker);
        let (passed_on, overflows) = self.dated.add(&part.dated, order);
        part.counts.samples_passed_on += passed_on;
        part.counts.overflows += overflows;
        self.notices.extend(&part.notices);
        self.count_samples(worker, part);
        let Self { timers, sets, members, route, .. } = self;
        timers.reserve(part.timed.len());
        sets.reserve(part.members.len());
        for (&record, &value) in part.timed.iter().zip(&part.values) {
            timers.push(route[record as usize], value);
        }
        for (record, member) in part.members.iter() {
            sets.push(route[record as usize], members.push(member));
        }
        for (record, sketch) in part.timer_sketches.iter() {
            timers.sketch(route[record as usize]).merge(sketch);
        }
        for (record, sketch) in part.set_sketches.iter() {
            sets.sketch(route[record as usize]).merge(sketch);
        }
        self.counts.add(&part.counts);
        // What was asked for with it is held here from now on.
        part.lease.set(part.bytes());
        self.lease.set(self.bytes() + self.timers.things_bytes() + self.sets.things_bytes());
    }

    /// Its memory, in bytes.
    fn bytes(&self) -> usize {
        let Self { registry, counters, gauges, sets, members, timers, totals, .. } = self;
        let Self { dated, notices, idle, frequency, route, .. } = self;
        registry.bytes()
            + vec_bytes(counters)
            + vec_bytes(gauges)
            + sets.bytes(SET_SKETCH_BYTES)
            + members.bytes()
            + timers.bytes(TIMER_SKETCH_BYTES)
            + totals.bytes()
            + dated.bytes()
            + notices.room_bytes()
            + idle.bytes()
            + frequency.as_ref().map_or(0, Frequency::bytes)
            + vec_bytes(route)
    }

    /// Closes the interval.
    pub fn finish(&mut self, window: Window, own: Vec<OwnPoint>) -> Snapshot {
        self.totals.count(window.seconds, &mut self.counters);
        let mut gauges = match self.idle.keeps_any() {
            true => self.keep_idle(),
            false => self.close_gauges(),
        };
        gauges.sort_unstable_by_key(|gauge| gauge.name);
        if std::mem::take(&mut self.has_deleted) {
            self.counters.retain(|counter| counter.name != NO_NAME);
        }
        // In the order of names, which are then read from memory from front to back.
        self.counters.sort_unstable_by_key(|counter| counter.name);
        self.counters.shrink_to_fit();
        let room = Vec::with_capacity(self.counters.len());
        let counters = std::mem::replace(&mut self.counters, room);
        let keeps_room = self.lease.may_keep(self.timers.bytes(0) + self.sets.bytes(0));
        let (grouped, sketches) = self.sets.take_grouped(keeps_room);
        let (sets, members, set_sketches) =
            closing::sets(grouped, &self.members, sketches, self.kept.members);
        self.members.clear();
        let (grouped, sketches) = self.timers.take_grouped(keeps_room);
        let (timers, values, timer_sketches) = closing::timers(grouped, sketches, self.kept.values);
        let names = self.registry.names().clone();
        let surplus = self.idle.forget_surplus(&self.registry);
        self.registry.expire(surplus);
        let Self { registry, idle, frequency, .. } = self;
        registry.end_interval(
            |index| idle.is_kept(index),
            |index, name| frequency.iter_mut().for_each(|frequency| frequency.bury(index, name)),
        );
        let counts = std::mem::take(&mut self.counts);
        let number = self.number;
        self.number += 1;
        trim(&mut self.route);
        let mut snapshot = Snapshot {
            window,
            number,
            counts,
            times: None,
            own,
            names,
            counters,
            gauges,
            sets,
            members,
            timers,
            values,
            sketches: Sketches { timers: timer_sketches, sets: set_sketches },
            dated: self.dated.take(),
            notices: std::mem::take(&mut self.notices),
            kept: self.kept,
            lease: Lease::default(),
        };
        snapshot.lease = self.snapshots.another(snapshot.bytes());
        self.lease.set(self.bytes());
        snapshot
    }

    /// How many series there are, idle ones that are kept among them; one that several workers
    /// hold counts once.
    #[must_use]
    pub fn series_count(&self) -> usize {
        self.registry.series_count()
    }

    /// How many idle series were forgotten since the start because there were too many.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.idle.forgotten()
    }

    /// Knows the gauges of a snapshot again, which were idle for so many flushes: they come out and
    /// change as if they had been written then. Not where gauges vanish with their interval.
    pub fn restore_gauges(&mut self, snapshot: &Snapshot, idle: u32) {
        if !self.idle.keeps_any() {
            return;
        }
        for Reading { name, value } in &snapshot.gauges {
            let entry = self.registry.restored(SeriesKind::Gauge, snapshot.names.text(*name));
            self.idle.begin(self.registry.places());
            self.idle.restore(entry as usize, *value, idle);
        }
    }

    /// Keeps so many values of a timer and so many members of a set as the limits of a table say,
    /// from the current interval on.
    pub fn set_limits(&mut self, limits: Limits) {
        self.kept = Kept::of(limits);
    }

    /// Keeps idle series as this policy says, from the current interval on.
    pub fn set_idle_policy(&mut self, policy: IdlePolicy) {
        self.idle.set_policy(policy, &mut self.registry);
    }

    /// Takes in the records of a part. Gives the sum of their samples.
    fn add_records(&mut self, worker: usize, part: &mut Part) -> u64 {
        let (mut samples, mut overflows) = (0, 0);
        self.route.clear();
        for record in &part.records {
            samples += record.samples;
            let registry = &mut self.registry;
            let group = match record.kind {
                SeriesKind::Counter => {
                    overflows += u64::from(self.add_counter(worker, record));
                    NO_GROUP
                }
                SeriesKind::Gauge => {
                    let new =
                        |entry: &Entry| GaugeRecord { name: entry.name, gauge: Gauge::default() };
                    let index = registry.record(worker, record.slot, &mut self.gauges, new);
                    self.gauges[index as usize].gauge.merge(&part.gauge(record, worker));
                    NO_GROUP
                }
                SeriesKind::Set => {
                    registry.record(worker, record.slot, &mut self.sets.groups, Group::new)
                }
                SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
                    let groups = &mut self.timers.groups;
                    let index = registry.record(worker, record.slot, groups, Group::new);
                    let samples = &mut groups[index as usize].samples;
                    *samples = sum::clamp(*samples + record.value);
                    index
                }
            };
            self.route.push(group);
        }
        part.counts.overflows += overflows;
        samples
    }

    /// Takes in the totals of a part. Gives their number.
    fn add_totals(&mut self, worker: usize, part: &Part) -> u64 {
        let Self { registry, counters, totals, .. } = self;
        for total in &part.totals {
            let held = totals.held(worker, total.source).expect("a source is announced first");
            let new = |entry: &Entry| Reading { name: entry.name, value: 0.0 };
            let record = registry.record_of(held.entry, counters, new);
            totals.push(held, record, part.order(total.batch, worker), total.value);
        }
        part.totals.len() as u64
    }

    /// Says whether the sum left the range of a double.
    fn add_counter(&mut self, worker: usize, record: &PartRecord) -> bool {
        let new = |entry: &Entry| Reading { name: entry.name, value: 0.0 };
        let index = self.registry.record(worker, record.slot, &mut self.counters, new);
        let counter = &mut self.counters[index as usize];
        let overflow;
        (counter.value, overflow) = sum::saturating(counter.value, record.value);
        overflow
    }

    /// From now on counts the samples of each name, or no longer.
    pub fn set_frequency(&mut self, is_counted: bool) {
        self.frequency = is_counted.then(|| self.frequency.take().unwrap_or_default());
    }

    /// How many samples each name had since this was last asked for.
    pub fn take_frequency(&mut self) -> NameSamples {
        let Self { frequency, registry, .. } = self;
        frequency.as_mut().map(|frequency| frequency.take(registry)).unwrap_or_default()
    }

    fn count_samples(&mut self, worker: usize, part: &Part) {
        let Some(frequency) = &mut self.frequency else { return };
        for record in &part.records {
            frequency.count(self.registry.entry_of(worker, record.slot), record.samples);
        }
        for total in &part.totals {
            if let Some(held) = self.totals.held(worker, total.source) {
                frequency.count(held.entry, 1);
            }
        }
    }

    /// Gauges that vanish with their interval, so that there is none before it.
    fn close_gauges(&mut self) -> Vec<Reading> {
        let value = |GaugeRecord { name, gauge }| Reading { name, value: gauge.resolve(0.0) };
        let gauges = self.gauges.drain(..).filter(|gauge| gauge.name != NO_NAME);
        gauges.map(value).collect()
    }

    /// Adds what idle series come out with to what the interval brought to the others. Gives the
    /// gauges.
    fn keep_idle(&mut self) -> Vec<Reading> {
        let Self { registry, counters, gauges, sets, timers, idle, .. } = self;
        idle.begin(registry.places());
        let (mut readings, mut expired) = (Vec::with_capacity(gauges.len()), Vec::new());
        let [counted, set, timed] = [counters.len(), sets.groups.len(), timers.groups.len()];
        for (index, entry) in registry.entries() {
            let (place, name) = (index as usize, entry.name);
            let written = match entry.kind {
                SeriesKind::Counter => entry.written(&counters[..counted]).map(|_| 0.0),
                SeriesKind::Gauge => {
                    let written = entry.written(gauges);
                    written.map(|record| record.gauge.resolve(idle.before(place, entry)))
                }
                SeriesKind::Set => written_group(entry, &sets.groups[..set]),
                SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
                    written_group(entry, &timers.groups[..timed])
                }
            };
            if let Some(value) = written {
                idle.wrote(place, value);
                if entry.kind == SeriesKind::Gauge {
                    readings.push(Reading { name, value });
                }
                continue;
            }
            let Some(value) = idle.again(place, entry) else {
                if entry.is_unheld() {
                    expired.push(index);
                }
                continue;
            };
            match entry.kind {
                SeriesKind::Counter => counters.push(Reading { name, value: 0.0 }),
                SeriesKind::Gauge => readings.push(Reading { name, value }),
                SeriesKind::Set => sets.groups.push(Group::idle(entry)),
                SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
                    timers.groups.push(Group::idle(entry));
                }
            }
        }
        gauges.clear();
        registry.expire(expired);
        readings
    }
}

/// 0 where the interval brought something to a series of this group's kind. One whose samples
/// there was no room for has a group all the same, and nothing in it.
fn written_group(entry: &Entry, groups: &[Group]) -> Option<f64> {
    entry.written(groups).filter(|group| !group.is_empty()).map(|_| 0.0)
}
