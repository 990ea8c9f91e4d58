//! From the configuration to the aggregation: the same for the daemon, `explain` and `replay`.

use gstatsd_aggregate::{Dialect, Limits, Naming, NamingSettings, SeriesSettings, Table};

use crate::config::{self, Config, Statistics};

/// The dialect that a configuration asks for, with its limits.
pub(crate) fn dialect(config: &Config) -> Dialect {
    let mut dialect = match config.dialect {
        config::Dialect::Gstatsd => Dialect::GSTATSD,
        config::Dialect::Statsd => Dialect::STATSD,
        config::Dialect::Dogstatsd => Dialect::DOGSTATSD,
    };
    dialect.grammar.name_bytes_max = config.name_bytes_max;
    dialect.grammar.member_bytes_max = config.member_bytes_max;
    dialect
}

/// How series are named.
pub(crate) fn naming(config: &Config) -> Naming {
    let Statistics { percents, distribution_percents, words } = config.statistics.clone();
    Naming::new(&NamingSettings {
        scheme: config.scheme(),
        prefix: config.prefix.clone(),
        own_metrics: config.own_metrics.clone(),
        series: SeriesSettings {
            percents,
            distribution_percents,
            statistics: Some(words),
            buckets: Vec::new(),
        },
        rules: Vec::new(),
    })
}

/// Whether packets are read and aggregated in the same way under both configurations.
pub(crate) fn reads_alike(one: &Config, other: &Config) -> bool {
    // What is not named here is taken to matter.
    let rest = Config {
        statistics: other.statistics.clone(),
        counts: other.counts,
        idle: other.idle.clone(),
        frequent_keys: other.frequent_keys.clone(),
        shutdown_timeout: other.shutdown_timeout,
        connections_max: other.connections_max,
        connections_per_address_max: other.connections_per_address_max,
        listeners: other.listeners.clone(),
        sinks: other.sinks.clone(),
        log: other.log.clone(),
        ..one.clone()
    };
    rest == *other
}

/// An empty table for one worker.
pub(crate) fn table(config: &Config, naming: &Naming) -> Table {
    let limits = Limits { series_max: config.series_max, samples_max: config.samples_max };
    Table::new(dialect(config), naming.clone(), limits)
}
