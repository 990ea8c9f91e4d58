//! Names and statistics: what a snapshot becomes as points.
//!
//! ```text
//!            gstatsd                  statsd (legacy)       statsd (new)           dogstatsd
//! counter    stats.K stats_counts.K   the same              stats.counters.K.rate  K
//!                                                           stats.counters.K.count
//! gauge      as a counter             stats.gauges.K        stats.gauges.K         K
//! set        stats.sets.K.count       stats.sets.K.count    stats.sets.K.count     K
//! timer      stats.timers.K.mean ...  stats.timers.K.mean ...                      K.avg ...
//! always     statsd.numStats          and internal metrics                         nothing
//! ```
//!
//! A dialect is a [`Layout`] of names and a catalogue of statistics; the rest is the same for all.

mod dogstatsd;
mod gstatsd;
mod layout;
mod measures;
mod settings;
mod sketched;
mod statistics;
mod statsd;
mod tags;
mod timers;
mod writer;

use std::time::Duration;

use crate::{Dialect, FlushTimes, Number, Series, SeriesKind, Snapshot, State, Window};
use layout::{Affixes, Layout};
pub use settings::{CounterValue, Namespace, NamingSettings, Scheme, SeriesSettings};
use timers::Timers;
use writer::Writer;

/// One line of a snapshot; its time is that of the snapshot's window.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point<'a> {
    /// The whole name.
    pub name: &'a [u8],
    /// The value.
    pub value: Number,
}

/// How series are named, and which statistics come out.
#[derive(Clone, Debug)]
pub struct Naming {
    scheme: Scheme,
    layout: Layout,
    /// Before each name of a series; ends with a dot, or is empty.
    prefix: Vec<u8>,
    /// What begins the names of our own metrics; ends with a dot, or is empty where there are
    /// none.
    own: String,
    /// The whole names of the dialect's internal metrics.
    internal: Vec<Vec<u8>>,
    /// Of the configuration, and of each rule that has settings of its own.
    plans: Vec<Plan>,
}

/// What comes out of the series with one number of settings.
#[derive(Clone, Debug)]
struct Plan {
    timers: Timers,
    distributions: Timers,
}

/// What a sink of Graphite tells of itself in the statsd dialect.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkStats {
    /// How long it took to make lines of this snapshot.
    pub calculation: Duration,
    /// How many bytes the lines of the last snapshot had.
    pub flush_bytes: u64,
    /// How long it took to send it.
    pub flush: Duration,
    /// When the last error was, in seconds since the epoch; 0 where there was none.
    pub last_exception: i64,
    /// When a snapshot last arrived, in the same way.
    pub last_flush: i64,
}

/// The statistics of a timer that a person wants to see.
#[derive(Clone, Debug, PartialEq)]
pub struct TimerSummary {
    /// How many samples there were, each counted as often as its rate says.
    pub count: f64,
    /// The smallest.
    pub lower: f64,
    /// The mean, as the dialect understands it.
    pub mean: f64,
    /// The largest.
    pub upper: f64,
    /// The first percentile of the configuration, and its name: `upper_90`.
    pub percentile: Option<(String, f64)>,
}

impl Naming {
    /// A naming of these settings.
    #[must_use]
    pub fn new(settings: &NamingSettings) -> Self {
        let NamingSettings { scheme, prefix, own_metrics, series, rules } = settings;
        let mut sanitised = Vec::new();
        if !prefix.is_empty() {
            Dialect::GSTATSD.sanitise(prefix.as_bytes(), &mut sanitised);
            sanitised.push(b'.');
        }
        let own = match own_metrics.as_str() {
            "" => String::new(),
            name => format!("{name}."),
        };
        let plan = |settings| Plan {
            timers: Timers::new(scheme, settings, false),
            // Out of a spool they come to dialects that have none; there they are timers.
            distributions: Timers::new(scheme, settings, scheme.has_distributions()),
        };
        let mut naming = Self {
            scheme: scheme.clone(),
            layout: Layout::of(scheme),
            prefix: sanitised,
            own,
            internal: Vec::new(),
            plans: std::iter::once(series).chain(rules).map(plan).collect(),
        };
        naming.internal = naming.internal_names();
        naming
    }

    /// That of gstatsd 0.6: `percent` lies in (0, 100]; see [`NamingSettings`] for the others.
    #[must_use]
    pub fn gstatsd(prefix: &str, percent: f64, own_metrics: &str) -> Self {
        Self::new(&NamingSettings {
            scheme: Scheme::Gstatsd,
            prefix: prefix.to_owned(),
            own_metrics: own_metrics.to_owned(),
            series: SeriesSettings { percents: vec![percent], ..SeriesSettings::default() },
            rules: Vec::new(),
        })
    }

    /// Every point of what a sink tells of itself, where the dialect has them.
    pub fn sink_points(&self, stats: &SinkStats, emit: impl FnMut(Point<'_>)) {
        if let Some(internal) = &self.layout.internal {
            statsd::sink_points(internal, stats, &mut Writer::new(&self.layout, b"", emit));
        }
    }

    /// How many points [`Naming::sink_points`] makes.
    #[must_use]
    pub fn sink_point_count(&self) -> u64 {
        let mut count = 0;
        self.sink_points(&SinkStats::default(), |_| count += 1);
        count
    }

    /// What begins the names of our own metrics, with its dot; `None` where they are off.
    #[must_use]
    pub fn own_prefix(&self) -> Option<&str> {
        Some(self.own.as_str()).filter(|own| !own.is_empty())
    }

    /// Every point of a snapshot: the timers, the counters, the gauges, the sets, the internal
    /// metrics of the dialect, our own.
    pub fn points(&self, snapshot: &Snapshot, emit: impl FnMut(Point<'_>)) {
        let mut writer = Writer::new(&self.layout, &self.prefix, emit);
        for series in snapshot.series() {
            self.series_points(&series, snapshot.window, &mut writer);
        }
        self.internal_points(snapshot, &mut writer);
        for own in &snapshot.own {
            writer.whole(own.name.as_bytes(), Number::Whole(own.value));
        }
    }

    /// Every point that has a second of its own, with that in seconds since the epoch. They are
    /// named like those of the interval, and rates are divided by its length too.
    pub fn dated_points(&self, snapshot: &Snapshot, mut emit: impl FnMut(Point<'_>, i64)) {
        for dated in &snapshot.dated {
            let mut writer = Writer::new(&self.layout, &self.prefix, |point: Point<'_>| {
                emit(point, dated.second)
            });
            let state = match dated.kind {
                SeriesKind::Counter => State::Counter(dated.value),
                _ => State::Gauge(dated.value),
            };
            let series = Series { kind: dated.kind, name: &dated.name, settings: 0, state };
            self.series_points(&series, snapshot.window, &mut writer);
        }
    }

    /// How many points [`Naming::points`] and [`Naming::dated_points`] make of a snapshot.
    #[must_use]
    pub fn point_count(&self, snapshot: &Snapshot) -> u64 {
        let count = |kind| snapshot.kind_count(kind) as u64;
        let Layout { rate, sum, gauges, .. } = &self.layout;
        let of_counter = u64::from(rate.is_some()) + u64::from(sum.is_some());
        let dated = |kind| snapshot.dated.iter().filter(|dated| dated.kind == kind).count() as u64;
        let all = |kind| count(kind) + dated(kind);
        let mut points = all(SeriesKind::Counter) * of_counter
            + all(SeriesKind::Gauge) * gauges.len() as u64
            + count(SeriesKind::Set)
            + snapshot.own.len() as u64;
        for (kind, settings, values) in snapshot.timer_lengths() {
            points += self.timers(kind, settings).point_count(values);
        }
        self.internal_points(snapshot, &mut Writer::new(&self.layout, b"", |_| points += 1));
        points
    }

    /// What a person wants to see of a timer, a histogram or a distribution; `None` of one
    /// without values, and of other series.
    #[must_use]
    pub fn summary(&self, series: &Series<'_>) -> Option<TimerSummary> {
        let State::Timer { values, count } = series.state else { return None };
        if values.is_empty() {
            return None;
        }
        let timers = self.timers(series.kind, series.settings);
        let mut writer = Writer::new(&self.layout, b"", |_| ());
        let measures = writer.measure(&self.scheme, timers, values, count, 1.0);
        let percentile = timers.first_percentile(measures);
        Some(TimerSummary {
            count: measures.count,
            lower: measures.lower,
            mean: measures.mean,
            upper: measures.upper,
            percentile: percentile.map(|(leaf, value)| (leaf.to_owned(), value)),
        })
    }

    /// Whether a series would come out among our own metrics or the dialect's.
    pub(crate) fn is_reserved(&self, kind: SeriesKind, series: &[u8]) -> bool {
        if self.own.is_empty() && self.internal.is_empty() {
            return false;
        }
        let (mut key, mut tail) = (Vec::new(), Vec::new());
        writer::write_key(&self.layout, &self.prefix, series, &mut key, &mut tail);
        let timers = self.plans.iter().map(|plan| match kind {
            SeriesKind::Distribution => &plan.distributions,
            _ => &plan.timers,
        });
        let is_timer =
            matches!(kind, SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer);
        self.layout.affixes(kind).iter().any(|Affixes { stem, leaf }| {
            let clashes = |leaf: &str| {
                let parts = [stem.as_bytes(), &key, leaf.as_bytes(), &tail];
                self.is_internal(&parts) || self.is_own(&parts)
            };
            match is_timer {
                true => timers.clone().any(|timers| timers.leaves().any(clashes)),
                false => clashes(leaf),
            }
        })
    }

    fn is_internal(&self, parts: &[&[u8]]) -> bool {
        self.internal.iter().any(|name| {
            let rest = parts.iter().try_fold(&**name, |rest, part| rest.strip_prefix(*part));
            rest.is_some_and(<[u8]>::is_empty)
        })
    }

    fn is_own(&self, parts: &[&[u8]]) -> bool {
        let mut name = parts.iter().flat_map(|part| part.iter().copied());
        !self.own.is_empty() && self.own.bytes().all(|byte| name.next() == Some(byte))
    }

    fn timers(&self, kind: SeriesKind, settings: u16) -> &Timers {
        // A rule that is gone had a number; its series are as all others then.
        let plan = self.plans.get(usize::from(settings)).unwrap_or(&self.plans[0]);
        match kind {
            SeriesKind::Distribution => &plan.distributions,
            _ => &plan.timers,
        }
    }

    fn series_points(
        &self,
        series: &Series<'_>,
        window: Window,
        writer: &mut Writer<'_, impl FnMut(Point<'_>)>,
    ) {
        let layout = &self.layout;
        writer.begin(series.name);
        match series.state {
            State::Counter(count) => writer.counter(count, window.seconds),
            State::Gauge(value) => {
                for affixes in &layout.gauges {
                    writer.point(affixes, layout.number(value));
                }
            }
            State::Set(members) => {
                writer.point(&layout.set, Number::Whole(members.count() as u64));
            }
            State::Timer { values, count } => {
                let timers = self.timers(series.kind, series.settings);
                writer.timer(&self.scheme, timers, values, count, window.seconds);
            }
        }
    }

    /// The number of series, and what else the dialect tells of itself.
    fn internal_points(&self, snapshot: &Snapshot, writer: &mut Writer<'_, impl FnMut(Point<'_>)>) {
        let mut series = snapshot.series_count() as u64;
        if let Some(internal) = &self.layout.internal {
            series += statsd::internal_points(internal, snapshot, &self.layout, writer);
        }
        if let Some(name) = &self.layout.series_count {
            writer.internal([name, ""], Number::Whole(series));
        }
    }

    /// The whole name of each internal metric of the dialect.
    fn internal_names(&self) -> Vec<Vec<u8>> {
        let mut names = Vec::new();
        if let Some(internal) = &self.layout.internal {
            let mut snapshot = Snapshot::new(Window { timestamp: 0, seconds: 1.0 });
            snapshot.times = Some(FlushTimes { lag: Some(0.0), processing: Duration::ZERO });
            let mut writer =
                Writer::new(&self.layout, b"", |point: Point<'_>| names.push(point.name.to_vec()));
            self.internal_points(&snapshot, &mut writer);
            statsd::sink_points(internal, &SinkStats::default(), &mut writer);
        }
        names
    }
}

#[cfg(test)]
mod tests;
