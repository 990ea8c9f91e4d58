//! Names and statistics: what a snapshot becomes as points of the gstatsd dialect.
//!
//! ```text
//! counter   stats.K            sum / seconds     stats_counts.K     sum
//! gauge     stats.K            value             stats_counts.K     value
//! set       stats.sets.K.count
//! timer     stats.timers.K.    mean upper upper_90 lower count
//! always    statsd.numStats    the number of series
//! ```

use crate::{Dialect, Number, Series, SeriesKind, Snapshot, State, TimerStatistics, Window, sum};

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
    /// Before each name of a series; ends with a dot, or is empty.
    prefix: Vec<u8>,
    /// The threshold of timers, in (0, 100].
    percent: f64,
    /// The last part of the threshold's name: `upper_90`.
    upper_percent: String,
    /// What begins the names of our own metrics; ends with a dot, or is empty where there are
    /// none.
    own: String,
}

impl Naming {
    /// `prefix` is sanitised like a name; an empty one adds nothing. `percent` lies in (0, 100].
    /// `own_metrics` is the first part of the names of our own metrics; `""` for none.
    #[must_use]
    pub fn new(dialect: &Dialect, prefix: &str, percent: f64, own_metrics: &str) -> Self {
        let mut sanitised = Vec::new();
        if !prefix.is_empty() {
            dialect.sanitise(prefix.as_bytes(), &mut sanitised);
            sanitised.push(b'.');
        }
        let own = match own_metrics {
            "" => String::new(),
            name => format!("{name}."),
        };
        // The original cuts the fraction off: 99.9 is upper_99.
        let upper_percent = format!("upper_{:.0}", percent.trunc());
        Self { prefix: sanitised, percent, upper_percent, own }
    }

    /// The threshold of timers, in (0, 100].
    #[must_use]
    pub fn percent(&self) -> f64 {
        self.percent
    }

    /// The name of the value at the threshold: `upper_90`.
    #[must_use]
    pub fn upper_percent(&self) -> &str {
        &self.upper_percent
    }

    /// What begins the names of our own metrics, with its dot; `None` where they are off.
    #[must_use]
    pub fn own_prefix(&self) -> Option<&str> {
        Some(self.own.as_str()).filter(|own| !own.is_empty())
    }

    /// Every point of a snapshot: the timers, the counters, the gauges, the sets, the number of
    /// series, our own.
    pub fn points(&self, snapshot: &Snapshot, mut emit: impl FnMut(Point<'_>)) {
        let mut name = Vec::new();
        snapshot.series().for_each(|series| {
            self.series_points(&series, snapshot.window, &mut name, &mut emit);
        });
        let series_count = Number::Whole(snapshot.series_count() as u64);
        emit(Point { name: b"statsd.numStats", value: series_count });
        for own in &snapshot.own {
            emit(Point { name: own.name.as_bytes(), value: Number::Whole(own.value) });
        }
    }

    /// How many points [`Naming::points`] makes of a snapshot.
    #[must_use]
    pub fn point_count(&self, snapshot: &Snapshot) -> u64 {
        let points = |kind| {
            let of_each = match kind {
                SeriesKind::Counter | SeriesKind::Gauge => 2,
                SeriesKind::Set => 1,
                SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => 5,
            };
            of_each * snapshot.kind_count(kind) as u64
        };
        SeriesKind::ALL.into_iter().map(points).sum::<u64>() + 1 + snapshot.own.len() as u64
    }

    /// Whether a series would come out among our own metrics or the dialect's.
    pub(crate) fn is_reserved(&self, kind: SeriesKind, name: &[u8]) -> bool {
        let stems: &[&str] = match kind {
            SeriesKind::Counter | SeriesKind::Gauge => &["stats.", "stats_counts."],
            SeriesKind::Set => &["stats.sets."],
            SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
                &["stats.timers."]
            }
        };
        // The dialect's own name, statsd.numStats, is under none of these.
        !self.own.is_empty()
            && stems.iter().any(|stem| {
                let mut whole = stem.bytes().chain(self.prefix.iter().chain(name).copied());
                self.own.bytes().all(|byte| whole.next() == Some(byte))
            })
    }

    fn series_points(
        &self,
        series: &Series<'_>,
        window: Window,
        name: &mut Vec<u8>,
        emit: &mut impl FnMut(Point<'_>),
    ) {
        let key = series.name;
        let mut point = |stem: &str, leaf: &[&str], value| {
            name.clear();
            name.extend_from_slice(stem.as_bytes());
            name.extend_from_slice(&self.prefix);
            name.extend_from_slice(key);
            for leaf in leaf {
                name.extend_from_slice(leaf.as_bytes());
            }
            emit(Point { name, value });
        };
        match series.state {
            State::Counter(count) => {
                let rate = sum::clamp(count / window.seconds);
                point("stats.", &[], Number::Fixed(rate));
                point("stats_counts.", &[], Number::Fixed(count));
            }
            State::Gauge(value) => {
                point("stats.", &[], Number::Fixed(value));
                point("stats_counts.", &[], Number::Fixed(value));
            }
            State::Set(members) => {
                point("stats.sets.", &[".count"], Number::Whole(members.count() as u64));
            }
            State::Timer(values) => {
                let Some(statistics) = TimerStatistics::of(values, self.percent) else { return };
                let TimerStatistics { count, lower, mean, upper, upper_percent } = statistics;
                const STEM: &str = "stats.timers.";
                point(STEM, &[".mean"], Number::Fixed(mean));
                point(STEM, &[".upper"], Number::Fixed(upper));
                point(STEM, &[".", &self.upper_percent], Number::Fixed(upper_percent));
                point(STEM, &[".lower"], Number::Fixed(lower));
                point(STEM, &[".count"], Number::Whole(count));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn naming(prefix: &str, own: &str) -> Naming {
        Naming::new(&Dialect::GSTATSD, prefix, 99.9, own)
    }

    #[test]
    fn a_threshold_is_named_without_its_fraction() {
        assert_eq!(naming("", "").upper_percent(), "upper_99");
        assert_eq!(Naming::new(&Dialect::GSTATSD, "", 0.5, "").upper_percent(), "upper_0");
    }

    #[test]
    fn only_what_would_come_out_among_our_own_is_reserved() {
        let cases = [
            ("gstatsd", "", SeriesKind::Counter, "gstatsd.lines", false),
            ("stats.own", "", SeriesKind::Counter, "own.lines", true),
            ("stats.own", "", SeriesKind::Counter, "owner", false),
            ("stats.own", "", SeriesKind::Timer, "own.lines", false),
            ("stats.timers.own", "", SeriesKind::Timer, "own.x", true),
            ("stats.sets.own", "", SeriesKind::Set, "own.x", true),
            ("stats_counts.own", "", SeriesKind::Gauge, "own.x", true),
            ("stats.app.own", "app", SeriesKind::Gauge, "own.x", true),
            ("", "", SeriesKind::Counter, "own.lines", false),
        ];
        for (own, prefix, kind, name, reserved) in cases {
            let naming = naming(prefix, own);
            assert_eq!(naming.is_reserved(kind, name.as_bytes()), reserved, "{own} {name}");
        }
    }
}
