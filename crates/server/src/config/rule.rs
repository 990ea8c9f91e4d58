//! A rule as it is meant.

use gstatsd_aggregate::{Pattern, SeriesKind, Template};

/// What is done with the series of some names.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Rule {
    /// The names.
    pub(crate) pattern: Pattern,
    /// The kinds of series; all of them where it is empty.
    pub(crate) kinds: Vec<SeriesKind>,
    /// What is done.
    pub(crate) action: Action,
}

/// What a rule does.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Action {
    /// Samples are dropped.
    Drop,
    /// They count, under these conditions.
    Keep(Keep),
}

/// How samples count that a rule is about.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Keep {
    /// The name of their series.
    pub(crate) rename: Option<Template>,
    /// Tags of their series.
    pub(crate) tags: Vec<(String, Template)>,
    /// Whether counters are repeated as totals.
    pub(crate) absolute: bool,
    /// What is not as in the rest of the configuration.
    pub(crate) settings: RuleSettings,
}

/// The settings of a series that a rule can change.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct RuleSettings {
    /// The percentiles.
    pub(crate) percents: Option<Vec<f64>>,
    /// The statistics.
    pub(crate) words: Option<Vec<String>>,
    /// The upper bounds of buckets, in ascending order.
    pub(crate) buckets: Option<Vec<f64>>,
    /// How long a series is kept without a sample, in seconds; 0 is forever.
    pub(crate) ttl: Option<f64>,
}
