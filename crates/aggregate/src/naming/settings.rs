//! What is configured about names and statistics.

/// How series are named, and which statistics come out.
#[derive(Clone, Debug, PartialEq)]
pub struct NamingSettings {
    /// The names of a dialect, and its ways to compute statistics.
    pub scheme: Scheme,
    /// Stands with a dot before each name of a series; sanitised as names of gstatsd are. An
    /// empty one adds nothing.
    pub prefix: String,
    /// The first part of the names of our own metrics; `""` for none.
    pub own_metrics: String,
    /// Of every series that no rule gives settings of its own.
    pub series: SeriesSettings,
    /// Those of rules: the first has number 1, and so on. See [`Series`](crate::Series).
    pub rules: Vec<SeriesSettings>,
}

/// The names of a dialect, and its ways to compute statistics.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// As gstatsd 0.6.
    Gstatsd,
    /// As the Node.js StatsD.
    Statsd(Namespace),
    /// As Datadog names them.
    Dogstatsd(CounterValue),
}

/// What comes out of a counter where it has one name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CounterValue {
    /// The sum of the interval.
    Sum,
    /// The sum, divided by the length of the interval in seconds.
    Rate,
}

/// What names are made of in the statsd dialect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Namespace {
    /// Whether names are those of the legacy namespace (`stats.K` and `stats_counts.K`), in which
    /// `global`, `counter`, `timer`, `gauge` and `set` have no effect.
    pub legacy: bool,
    /// The first part of all names; `""` adds nothing, here and below.
    pub global: String,
    /// The second part of the names of counters.
    pub counter: String,
    /// That of timers.
    pub timer: String,
    /// That of gauges.
    pub gauge: String,
    /// That of sets.
    pub set: String,
    /// The last part of all names.
    pub suffix: String,
    /// What internal metrics are called; not empty.
    pub internal: String,
    /// Whether counters come out as sums too, not as rates alone.
    pub flush_counts: bool,
}

impl Default for Namespace {
    fn default() -> Self {
        Self {
            legacy: true,
            global: "stats".to_owned(),
            counter: "counters".to_owned(),
            timer: "timers".to_owned(),
            gauge: "gauges".to_owned(),
            set: "sets".to_owned(),
            suffix: String::new(),
            internal: "statsd".to_owned(),
            flush_counts: true,
        }
    }
}

/// Which statistics come out of timers, histograms and distributions.
#[derive(Clone, Debug, PartialEq)]
pub struct SeriesSettings {
    /// The percentiles of timers and histograms. In the gstatsd dialect one in (0, 100], in the
    /// statsd dialect any in [-100, 100] but 0, in the dogstatsd dialect any in (0, 100].
    pub percents: Vec<f64>,
    /// The percentiles of distributions, in (0, 100].
    pub distribution_percents: Vec<f64>,
    /// The words of the statistics, see [`Scheme::statistics`]; `None` for the usual ones.
    pub statistics: Option<Vec<String>>,
    /// The upper bounds of the buckets of histograms, in ascending order; a bound is not in its
    /// bucket. The last may be infinite. Values beyond the last are in no bucket.
    pub buckets: Vec<f64>,
}

impl Default for SeriesSettings {
    /// One percentile, 90, and the usual statistics.
    fn default() -> Self {
        Self {
            percents: vec![90.0],
            distribution_percents: vec![50.0, 75.0, 90.0, 95.0, 99.0],
            statistics: None,
            buckets: Vec::new(),
        }
    }
}
