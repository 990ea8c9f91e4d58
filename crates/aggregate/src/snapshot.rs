//! The immutable result of one flush.
//!
//! ```text
//! counters   name 0 -> 12.0   name 3 -> 1.0   ...        16 bytes each
//! gauges     the same
//! timers     name 1 -> values up to 3   name 2 -> up to 5   ...
//! values     |----- of name 1 -----|----- of name 2 ---|
//! sets       like timers, of members
//! names      shared with the merger and with other snapshots
//! ```

mod texts;

use crate::SeriesKind;
pub(crate) use texts::Texts;

/// What all workers gathered in one interval, merged by key.
#[derive(Debug)]
pub struct Snapshot {
    /// The interval.
    pub window: Window,
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
}

/// The interval of a snapshot.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Window {
    /// When it ended, in whole seconds since the epoch: the timestamp of its points.
    pub timestamp: i64,
    /// Its length in seconds, by which rates are divided; greater than 0.
    pub seconds: f64,
}

/// One series of a snapshot.
#[derive(Clone, Copy, Debug)]
pub struct Series<'a> {
    /// Its kind.
    pub kind: SeriesKind,
    /// Its name and tags as one text, which [`SeriesName`](crate::SeriesName) reads; without a
    /// prefix.
    pub name: &'a [u8],
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
    /// The distinct members, at least one.
    Set(SetMembers<'a>),
    /// The values in ascending order, at least one; finite. Of a distribution or a histogram
    /// too.
    Timer(&'a [f64]),
}

/// The members of a set, each once, in byte order.
#[derive(Clone, Copy, Debug)]
pub struct SetMembers<'a> {
    texts: &'a Texts,
    start: u32,
    end: u32,
}

/// One of our own metrics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnPoint {
    /// The whole name.
    pub name: Box<str>,
    /// A count since the start, or a state at the flush.
    pub value: u64,
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
    /// Where they end; they begin where those of the series before end.
    pub(crate) end: usize,
}

impl Snapshot {
    /// A snapshot without series. What is pushed must have a name that is new for its kind.
    #[must_use]
    pub fn new(window: Window) -> Self {
        Self {
            window,
            own: Vec::new(),
            names: Texts::default(),
            counters: Vec::new(),
            gauges: Vec::new(),
            sets: Vec::new(),
            members: Texts::default(),
            timers: Vec::new(),
            values: Vec::new(),
        }
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

    /// Appends a set, with each of its members once, in byte order; at least one.
    pub fn push_set<'a>(&mut self, name: &[u8], members: impl IntoIterator<Item = &'a [u8]>) {
        let name = self.names.push(name);
        for member in members {
            self.members.push(member);
        }
        self.sets.push(Span { name, kind: SeriesKind::Set, end: self.members.len() });
    }

    /// Appends a timer, with its values in ascending order; at least one, finite.
    pub fn push_timer(&mut self, name: &[u8], values: &[f64]) {
        self.push_values(SeriesKind::Timer, name, values);
    }

    /// Appends a timer, a histogram or a distribution, with its values in ascending order; at
    /// least one, finite.
    pub fn push_values(&mut self, kind: SeriesKind, name: &[u8], values: &[f64]) {
        let name = self.names.push(name);
        self.values.extend_from_slice(values);
        self.timers.push(Span { name, kind, end: self.values.len() });
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
        let timers = self.spans(&self.timers);
        let timers = timers.map(|(name, kind, start, end)| Series {
            kind,
            name,
            state: State::Timer(&self.values[start..end]),
        });
        let counters = self.readings(&self.counters).map(|(name, sum)| Series {
            kind: SeriesKind::Counter,
            name,
            state: State::Counter(sum),
        });
        let gauges = self.readings(&self.gauges).map(|(name, value)| Series {
            kind: SeriesKind::Gauge,
            name,
            state: State::Gauge(value),
        });
        let sets = self.spans(&self.sets).map(|(name, kind, start, end)| {
            let [start, end] = [start, end].map(number_of_text);
            let members = SetMembers { texts: &self.members, start, end };
            Series { kind, name, state: State::Set(members) }
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
        size_of::<Self>()
            + own
            + self.names.reference_bytes()
            + readings * size_of::<Reading>()
            + spans * size_of::<Span>()
            + self.members.bytes()
            + self.values.capacity() * size_of::<f64>()
    }

    fn readings(&self, readings: &[Reading]) -> impl Iterator<Item = (&[u8], f64)> {
        readings.iter().map(|reading| (self.names.text(reading.name), reading.value))
    }

    /// The name of each series, its kind, and the start and the end of what it has.
    fn spans(&self, spans: &[Span]) -> impl Iterator<Item = (&[u8], SeriesKind, usize, usize)> {
        spans.iter().scan(0, |next, &Span { name, kind, end }| {
            let start = std::mem::replace(next, end);
            Some((self.names.text(name), kind, start, end))
        })
    }
}

impl<'a> SetMembers<'a> {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> usize {
        (self.end - self.start) as usize
    }

    /// Each of them.
    pub fn iter(&self) -> impl Iterator<Item = &'a [u8]> + use<'a> {
        let texts = self.texts;
        (self.start..self.end).map(|number| texts.text(number))
    }
}

fn number_of_text(place: usize) -> u32 {
    u32::try_from(place).expect("texts are numbered in 32 bits")
}
