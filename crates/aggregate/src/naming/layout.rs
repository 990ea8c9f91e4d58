//! The parts that the names of a dialect are made of.

use super::{Scheme, dogstatsd, gstatsd, statsd};
use crate::{Number, SeriesKind};

/// What stands around the name of a series in one of its points.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Affixes {
    /// Before the prefix and the name; ends with a dot, or is empty.
    pub(super) stem: Box<str>,
    /// After the name; begins with a dot, or is empty.
    pub(super) leaf: Box<str>,
}

/// How a dialect names points. The statistics of timers add their own leaves.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Of the sum of a counter divided by the length of the interval, where that comes out.
    pub(super) rate: Option<Affixes>,
    /// Of the sum of a counter, where that comes out.
    pub(super) sum: Option<Affixes>,
    /// Of a gauge.
    pub(super) gauges: Vec<Affixes>,
    /// Of the number of members of a set.
    pub(super) set: Affixes,
    /// The stem of the statistics of timers.
    pub(super) timer_stem: Box<str>,
    /// After every name; begins with a dot, or is empty.
    pub(super) suffix: Box<str>,
    /// The whole name of the number of series, without the suffix, where it comes out.
    pub(super) series_count: Option<Box<str>>,
    /// What the internal metrics of the dialect are called, where it has them.
    pub(super) internal: Option<Internal>,
    /// Whether numbers come out with the fewest digits, not with six decimals.
    pub(super) short_numbers: bool,
    /// Whether names have yet to be made safe for Graphite.
    pub(super) names_unsafe: bool,
}

/// The names of the internal metrics of the statsd dialect.
#[derive(Clone, Debug)]
pub(super) struct Internal {
    /// Before counters and gauges, as if a series were called so; ends with a dot.
    pub(super) series: Box<str>,
    /// Before the others; ends with a dot.
    pub(super) stem: Box<str>,
}

impl Affixes {
    pub(super) fn new(stem: impl Into<Box<str>>, leaf: impl Into<Box<str>>) -> Self {
        Self { stem: stem.into(), leaf: leaf.into() }
    }
}

impl Default for Affixes {
    fn default() -> Self {
        Self::new("", "")
    }
}

impl Layout {
    pub(super) fn of(scheme: &Scheme) -> Self {
        match scheme {
            Scheme::Gstatsd => gstatsd::layout(),
            Scheme::Statsd(namespace) => statsd::layout(namespace),
            Scheme::Dogstatsd(value) => dogstatsd::layout(*value),
        }
    }

    pub(super) fn number(&self, value: f64) -> Number {
        if self.short_numbers { Number::Short(value) } else { Number::Fixed(value) }
    }

    /// What can stand around the names of series of a kind; of timers the stem alone.
    pub(super) fn affixes(&self, kind: SeriesKind) -> Vec<Affixes> {
        match kind {
            SeriesKind::Counter => self.rate.iter().chain(&self.sum).cloned().collect(),
            SeriesKind::Gauge => self.gauges.clone(),
            SeriesKind::Set => vec![self.set.clone()],
            SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
                vec![Affixes::new(self.timer_stem.clone(), "")]
            }
        }
    }
}
