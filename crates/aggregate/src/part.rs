//! What one worker gathered in one interval: the thing that it pushes to `flush`.

use gstatsd_wire::Reason;

use crate::gauge::Gauge;
use crate::members::Members;
use crate::prefetch::{Rows, row};
use crate::{Counts, Key, SeriesKind};

/// How much of a rejected text is kept as an example, in bytes.
const EXAMPLE_BYTES_MAX: usize = 128;

/// What one worker gathered in one interval. Records stand in the order in which their series
/// were first written in the interval. A part that was merged is cleared and goes back to the
/// worker, so that steady traffic allocates nothing.
#[derive(Debug, Default)]
pub struct Part {
    /// Slots that got or lost their series since the last part, in order. None of the series
    /// that are retired here has a record here.
    pub(crate) changes: Vec<Change>,
    pub(crate) counters: Vec<Record<Counter>>,
    pub(crate) gauges: Vec<Record<Gauge>>,
    /// Each with the number of its samples.
    pub(crate) sets: Vec<Record<u64>>,
    pub(crate) members: Members,
    /// Distributions and histograms too. Each with the number of its samples.
    pub(crate) timers: Vec<Record<u64>>,
    /// The values of all timers as they came: the index of the record, and the value.
    pub(crate) values: Vec<(u32, f64)>,
    /// What the worker counted in the interval.
    pub counts: Counts,
    /// One example for each reason of the interval.
    pub examples: Vec<Example>,
}

/// A slot of the worker gets or loses its series.
#[derive(Debug)]
pub(crate) enum Change {
    Born(u32, Key),
    Retired(u32),
}

/// What an interval brought to one slot.
#[derive(Debug)]
pub(crate) struct Record<T> {
    pub(crate) slot: u32,
    pub(crate) value: T,
}

/// The sum of a counter.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Counter {
    pub(crate) sum: f64,
    pub(crate) samples: u64,
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
    /// Empties it, and keeps the room.
    pub fn clear(&mut self) {
        let Self { changes, counters, gauges, sets, members, timers, values, counts, examples } =
            self;
        changes.clear();
        counters.clear();
        gauges.clear();
        sets.clear();
        members.clear();
        timers.clear();
        values.clear();
        *counts = Counts::default();
        examples.clear();
    }

    /// Where the records of each kind stand, by the kind's discriminant.
    #[inline]
    pub(crate) fn rows(&self) -> Rows<{ SeriesKind::ALL.len() }> {
        let Self { counters, gauges, sets, timers, .. } = self;
        let timers = row(timers);
        Rows::new([row(counters), timers, row(gauges), timers, row(sets), timers])
    }

    pub(crate) fn example(&mut self, reason: Reason, text: &[u8]) {
        if self.examples.iter().all(|known| known.reason != reason) {
            let text = text[..text.len().min(EXAMPLE_BYTES_MAX)].into();
            self.examples.push(Example { reason, text });
        }
    }
}
