//! The immutable result of one flush.
//!
//! ```text
//! counters   name 0 -> 12.0   name 3 -> 1.0   ...        16 bytes each
//! gauges     the same
//! timers     name 1 -> values up to 3   name 2 -> up to 5   ...
//! values     |----- of name 1 -----|----- of name 2 ---|
//! sets       like timers, of members
//! sketches   of a timer or a set that got so much that it has no values or members of its own
//! names      shared with the merger and with other snapshots
//! ```

mod derive;
pub mod encoding;
mod texts;
mod values;

use std::time::Duration;

use gstatsd_sketch::{Histogram, HyperLogLog};

use crate::memory::Lease;
use crate::merge::Kept;
use crate::notices::Notices;
use crate::{Counts, DatedReading, SeriesKind};
pub use encoding::DecodeError;
pub(crate) use texts::{Buried, Texts};
pub use values::{SetMembers, Values};

/// What all workers gathered in one interval, merged by key.
#[derive(Debug)]
pub struct Snapshot {
    /// The interval.
    pub window: Window,
    /// How many snapshots came before it since the start. One that outlived a process has
    /// [`OUTLIVED`](Self::OUTLIVED) in it.
    pub number: u64,
    /// What all workers counted in the interval.
    pub counts: Counts,
    /// When the flush was and how long it took, where that was measured.
    pub times: Option<FlushTimes>,
    /// Our own metrics. They never pass through a table, so nobody can forge them.
    pub own: Vec<OwnPoint>,
    pub(crate) names: Texts,
    pub(crate) counters: Vec<Reading>,
    pub(crate) gauges: Vec<Reading>,
    pub(crate) sets: Vec<Span>,
    /// Of all sets, in their order.
    pub(crate) members: Texts,
    /// Distributions and histograms too.
    pub(crate) timers: Vec<Span>,
    /// Of all timers, in their order.
    pub(crate) values: Vec<f64>,
    pub(crate) sketches: Sketches,
    /// Series at a second of their own, in the order of kind, name and second.
    pub dated: Vec<DatedReading>,
    pub(crate) notices: Notices,
    /// How much is kept of a series where this one is merged with another.
    pub(crate) kept: Kept,
    /// What it takes of the budget.
    pub(crate) lease: Lease,
}

/// The interval of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// When it ended, in whole seconds since the epoch: the timestamp of its points.
    pub timestamp: i64,
    /// Its length in seconds, by which rates are divided; greater than 0.
    pub seconds: f64,
}

/// What a flush tells of itself.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct FlushTimes {
    /// By how many seconds it was later after the one before than the interval asks for; negative
    /// where it was earlier. `None` for the first.
    pub lag: Option<f64>,
    /// How long merging took.
    pub processing: Duration,
}

/// One series of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// Its kind.
    pub kind: SeriesKind,
    /// Its name and tags as one text, which [`SeriesName`](crate::SeriesName) reads; without a
    /// prefix.
    pub name: &'a [u8],
    /// The number of its settings among those of the naming; 0 for those of the configuration.
    pub settings: u16,
    /// What the interval made of it.
    pub state: State<'a>,
}

/// What an interval made of a series.
#[derive(Clone, Copy, Debug)]
pub enum State<'a> {
    /// The sum of the samples, each divided by its rate; finite.
    Counter(f64),
    /// The value at the end of the interval; finite.
    Gauge(f64),
    /// The distinct members.
    Set(SetMembers<'a>),
    /// The values of a timer, a distribution or a histogram.
    Timer {
        /// The values, or a sketch of them.
        values: Values<'a>,
        /// How many samples there were, each counted as often as its rate says.
        count: f64,
    },
}

/// One of our own metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPoint {
    /// The whole name.
    pub name: Box<str>,
    /// A count since the start, or a state at the flush.
    pub value: u64,
}

/// The sketches of series that have no values or members of their own: the place of each among the
/// timers or the sets, in order.
#[derive(Debug, Default)]
pub(crate) struct Sketches {
    pub(crate) timers: Vec<(usize, Histogram)>,
    pub(crate) sets: Vec<(usize, HyperLogLog)>,
}

/// A series with one value.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reading {
    /// The number of its name.
    pub(crate) name: u32,
    pub(crate) value: f64,
}

/// A series with several things, which lie in one row with those of the others of its kind.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Span {
    /// The number of its name.
    pub(crate) name: u32,
    pub(crate) kind: SeriesKind,
    /// The number of its settings.
    pub(crate) settings: u16,
    /// Where they end; they begin where those of the series before end.
    pub(crate) end: usize,
    /// How many samples of a timer there were, each counted as often as its rate says.
    pub(crate) count: f64,
}

impl Snapshot {
    /// A bit of the number of those that another process made, or this one put onto a disk.
    pub const OUTLIVED: u64 = 1 << 63;

    /// A snapshot without series. What is pushed must have a name that is new for its kind.
    #[must_use]
    pub fn new(window: Window) -> Self {
        Self {
            window,
            number: 0,
            counts: Counts::default(),
            times: None,
            own: Vec::new(),
            names: Texts::default(),
            counters: Vec::new(),
            gauges: Vec::new(),
            sets: Vec::new(),
            members: Texts::default(),
            timers: Vec::new(),
            values: Vec::new(),
            sketches: Sketches::default(),
            dated: Vec::new(),
            notices: Notices::default(),
            kept: Kept::default(),
            lease: Lease::default(),
        }
    }

    /// The lines of the events and service checks of the interval: those of one worker in the
    /// order in which they came. [`Notice`](gstatsd_wire::Notice) reads them.
    pub fn notices(&self) -> impl Iterator<Item = &[u8]> {
        self.notices.iter()
    }

    /// How many events and service checks there are.
    #[must_use]
    pub fn notice_count(&self) -> usize {
        self.notices.len()
    }

    /// Appends a counter; `sum` is finite.
    pub fn push_counter(&mut self, name: &[u8], sum: f64) {
        let name = self.names.push(name);
        self.counters.push(Reading { name, value: sum });
    }

    /// Appends a gauge; `value` is finite.
    pub fn push_gauge(&mut self, name: &[u8], value: f64) {
        let name = self.names.push(name);
        self.gauges.push(Reading { name, value });
    }

    /// Appends a set, with each of its members once, in byte order.
    pub fn push_set<'a>(&mut self, name: &[u8], members: impl IntoIterator<Item = &'a [u8]>) {
        let name = self.names.push(name);
        for member in members {
            self.members.push(member);
        }
        let (kind, end) = (SeriesKind::Set, self.members.len());
        self.sets.push(Span { name, kind, settings: 0, end, count: 0.0 });
    }

    /// Appends a timer, with its values in ascending order; finite.
    pub fn push_timer(&mut self, name: &[u8], values: &[f64]) {
        self.push_values(SeriesKind::Timer, name, values);
    }

    /// Appends a timer, a histogram or a distribution, with its values in ascending order; finite.
    pub fn push_values(&mut self, kind: SeriesKind, name: &[u8], values: &[f64]) {
        let name = self.names.push(name);
        self.values.extend_from_slice(values);
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let count = values.len() as f64;
        self.timers.push(Span { name, kind, settings: 0, end: self.values.len(), count });
    }

    /// Appends a timer, a histogram or a distribution of which there is a sketch; `count` is
    /// finite.
    pub fn push_sketch(&mut self, kind: SeriesKind, name: &[u8], sketch: Histogram, count: f64) {
        self.push_values(kind, name, &[]);
        self.sketches.timers.push((self.timers.len() - 1, sketch));
        if let Some(timer) = self.timers.last_mut() {
            timer.count = count;
        }
    }

    /// Appends a set of which there is a sketch.
    pub fn push_set_sketch(&mut self, name: &[u8], sketch: HyperLogLog) {
        self.push_set(name, []);
        self.sketches.sets.push((self.sets.len() - 1, sketch));
    }

    /// How many series there are a sketch of, and nothing exact.
    #[must_use]
    pub fn sketched_count(&self) -> usize {
        self.sketches.timers.len() + self.sketches.sets.len()
    }

    /// How many series there are.
    #[must_use]
    pub fn series_count(&self) -> usize {
        let Self { counters, gauges, sets, timers, .. } = self;
        counters.len() + gauges.len() + sets.len() + timers.len()
    }

    /// Every series, each key once: the timers (distributions and histograms
    /// among them), the counters, the gauges, the sets.
    pub fn series(&self) -> impl Iterator<Item = Series<'_>> {
        let mut sketches = following(&self.sketches.timers);
        let timers = self.spans(&self.timers).enumerate();
        let timers = timers.map(move |(place, (name, span, start))| {
            let &Span { kind, settings, end, count, .. } = span;
            let values = match sketches(place) {
                Some(sketch) => Values::Sketch(sketch),
                None => Values::Exact(&self.values[start..end]),
            };
            Series { kind, name, settings, state: State::Timer { values, count } }
        });
        let counters = self.readings(&self.counters).map(|(name, sum)| Series {
            kind: SeriesKind::Counter,
            name,
            settings: 0,
            state: State::Counter(sum),
        });
        let gauges = self.readings(&self.gauges).map(|(name, value)| Series {
            kind: SeriesKind::Gauge,
            name,
            settings: 0,
            state: State::Gauge(value),
        });
        let mut sketches = following(&self.sketches.sets);
        let sets = self.spans(&self.sets).enumerate().map(move |(place, (name, span, start))| {
            let range = [start, span.end].map(number_of_text);
            let members = SetMembers::new(&self.members, range, sketches(place));
            let Span { kind, settings, .. } = *span;
            Series { kind, name, settings, state: State::Set(members) }
        });
        timers.chain(counters).chain(gauges).chain(sets)
    }

    /// How many series of a kind there are.
    #[must_use]
    pub fn kind_count(&self, kind: SeriesKind) -> usize {
        match kind {
            SeriesKind::Counter => self.counters.len(),
            SeriesKind::Gauge => self.gauges.len(),
            SeriesKind::Set => self.sets.len(),
            SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
                self.timers.iter().filter(|timer| timer.kind == kind).count()
            }
        }
    }

    /// About how much memory it takes, in bytes; names are shared with the merger and count only
    /// as references.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let own: usize = self.own.iter().map(|own| size_of::<OwnPoint>() + own.name.len()).sum();
        let readings = self.counters.capacity() + self.gauges.capacity();
        let spans = self.sets.capacity() + self.timers.capacity();
        let dated = self.dated.iter().map(|dated| size_of::<DatedReading>() + dated.name.len());
        size_of::<Self>()
            + own
            + dated.sum::<usize>()
            + self.notices.bytes()
            + self.names.reference_bytes()
            + readings * size_of::<Reading>()
            + spans * size_of::<Span>()
            + self.members.bytes()
            + self.values.capacity() * size_of::<f64>()
            + self.sketches.bytes()
    }

    fn readings(&self, readings: &[Reading]) -> impl Iterator<Item = (&[u8], f64)> {
        readings.iter().map(|reading| (self.names.text(reading.name), reading.value))
    }

    /// The name of each series, and the start of what it has.
    fn spans<'s>(&'s self, spans: &'s [Span]) -> impl Iterator<Item = (&'s [u8], &'s Span, usize)> {
        spans.iter().scan(0, |next, span| {
            let start = std::mem::replace(next, span.end);
            Some((self.names.text(span.name), span, start))
        })
    }

    /// Of each timer, histogram and distribution the kind, the number of its settings, and how
    /// many values it has.
    pub(crate) fn timer_lengths(&self) -> impl Iterator<Item = (SeriesKind, u16, usize)> {
        let mut sketches = following(&self.sketches.timers);
        let mut start = 0;
        self.timers.iter().enumerate().map(move |(place, &Span { kind, settings, end, .. })| {
            let values = end - std::mem::replace(&mut start, end);
            let values = sketches(place).map_or(values, |sketch| Values::Sketch(sketch).len());
            (kind, settings, values)
        })
    }
}

impl Sketches {
    /// The sketch of the timer at a place.
    fn timer(&self, place: usize) -> Option<&Histogram> {
        let found = self.timers.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(&self.timers[found].1)
    }

    /// The sketch of the set at a place.
    fn set(&self, place: usize) -> Option<&HyperLogLog> {
        let found = self.sets.binary_search_by_key(&place, |(place, _)| *place).ok()?;
        Some(&self.sets[found].1)
    }

    /// About how much memory they take, in bytes.
    fn bytes(&self) -> usize {
        let timers = self.timers.iter().map(|(_, sketch)| size_of::<usize>() + sketch.bytes());
        let sets = self.sets.iter().map(|(_, sketch)| size_of::<usize>() + sketch.bytes());
        timers.sum::<usize>() + sets.sum::<usize>()
    }
}

/// The sketch of each place where there is one; places are asked for in ascending order.
fn following<'s, T>(
    mut sketches: &'s [(usize, T)],
) -> impl FnMut(usize) -> Option<&'s T> + use<'s, T> {
    move |wanted| {
        let ((place, sketch), rest) = sketches.split_first()?;
        (*place == wanted).then(|| {
            sketches = rest;
            sketch
        })
    }
}

fn number_of_text(place: usize) -> u32 {
    u32::try_from(place).expect("texts are numbered in 32 bits")
}
