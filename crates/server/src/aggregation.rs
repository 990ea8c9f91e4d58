//! From the configuration to the aggregation: the same for the daemon, `explain` and `replay`.

mod rules;

use std::sync::Arc;
use std::time::Duration;

use gstatsd_aggregate::{
    Dialect, IdlePolicy, Limits, Naming, NamingSettings, Rules, SeriesKind, SeriesSettings, Table,
};

use gstatsd_wire::{self as wire, Grammar};

use crate::config::{self, Config, Idle, IdleSeries, Statistics, TagMode, Tags};
pub(crate) use rules::SettingsBook;

/// The dialect that a configuration asks for, with its limits.
pub(crate) fn dialect(config: &Config) -> Dialect {
    dialect_of(config, config.dialect)
}

/// How a listener with this dialect reads lines.
fn dialect_of(config: &Config, dialect: config::Dialect) -> Dialect {
    let base = |dialect| match dialect {
        config::Dialect::Gstatsd => Dialect::GSTATSD,
        config::Dialect::Statsd => Dialect::STATSD,
        config::Dialect::Dogstatsd => Dialect::DOGSTATSD,
    };
    let usual = base(dialect);
    let Tags { mode, styles, count_max, bytes_max, origin, .. } = config.tags;
    let kept = wire::Tags::Check { count_max, bytes_max };
    let tags = match mode {
        TagMode::Dialect if usual.grammar.tags == wire::Tags::Skip => wire::Tags::Skip,
        TagMode::Drop => wire::Tags::Skip,
        TagMode::Dialect | TagMode::Keep => kept,
    };
    let grammar = Grammar {
        name_bytes_max: config.name_bytes_max,
        member_bytes_max: config.member_bytes_max,
        tag_styles: styles.unwrap_or(usual.grammar.tag_styles),
        origin: origin && tags == kept,
        tags,
        ..usual.grammar
    };
    // Statistics and names are those of the daemon, and so are the kinds of series that have them.
    Dialect { grammar, histograms_apart: base(config.dialect).histograms_apart, ..usual }
}

/// The number of a dialect among those of a table, for a listener.
pub(crate) fn dialect_number(dialect: config::Dialect) -> u8 {
    1 + dialect as u8
}

/// How series are named; those that a rule gives settings of its own have the numbers of the
/// book.
pub(crate) fn naming(config: &Config, book: &SettingsBook) -> Naming {
    let Statistics { percents, distribution_percents, words } = config.statistics.clone();
    let series = SeriesSettings {
        percents,
        distribution_percents,
        statistics: Some(words),
        buckets: Vec::new(),
    };
    Naming::new(&NamingSettings {
        scheme: config.scheme(),
        prefix: config.prefix.clone(),
        own_metrics: config.own_metrics.clone(),
        rules: book.of_series(&series),
        series,
    })
}

/// What becomes of idle series; those that a rule gives settings of its own have the numbers of
/// the book.
pub(crate) fn idle_policy(config: &Config, book: &SettingsBook) -> IdlePolicy {
    let Idle { counters, timers, sets, gauges, .. } = config.idle;
    let Idle { counter_ttl, timer_ttl, set_ttl, gauge_ttl, .. } = config.idle;
    let lifetime = |series, ttl| lifetime(series, ttl, config.flush_interval);
    let of_kind = |kind| match kind {
        SeriesKind::Counter => lifetime(counters, counter_ttl),
        SeriesKind::Gauge => lifetime(gauges, gauge_ttl),
        SeriesKind::Set => lifetime(sets, set_ttl),
        SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
            lifetime(timers, timer_ttl)
        }
    };
    let of_rules = book.ttls().map(|ttl| match ttl? {
        0.0 => Some(IdlePolicy::FOREVER),
        ttl => Some(flushes(ttl, config.flush_interval)),
    });
    IdlePolicy::new(of_kind, of_rules.collect(), config.series_max)
}

/// In how many flushes an idle series comes out, for a time in seconds; 0 is without one.
fn lifetime(series: IdleSeries, ttl: f64, interval: Duration) -> u32 {
    match (series, ttl) {
        (IdleSeries::Kept, 0.0) => IdlePolicy::FOREVER,
        (IdleSeries::Deleted, 0.0) => 1,
        (_, ttl) => flushes(ttl, interval),
    }
}

/// How many intervals a time takes at least; three times a tenth of a second is no more than 3
/// tenths. At least 1.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "it saturates, and is positive"
)]
fn flushes(seconds: f64, interval: Duration) -> u32 {
    (seconds / interval.as_secs_f64() - 1e-9).ceil().max(1.0) as u32
}

/// Whether packets are read and aggregated in the same way under both configurations.
pub(crate) fn reads_alike(one: &Config, other: &Config) -> bool {
    // What is not named here is taken to matter.
    let rest = Config {
        statistics: other.statistics.clone(),
        counts: other.counts,
        idle: other.idle.clone(),
        frequent_keys: other.frequent_keys.clone(),
        memory_max: other.memory_max,
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

/// How much a worker may hold, and how much of it is of one series.
pub(crate) fn limits(config: &Config) -> Limits {
    let Config { series_max, samples_max, timer_values_max, set_members_max, .. } = *config;
    Limits { series_max, samples_max, timer_values_max, set_members_max }
}

/// An empty table for one worker, with the rules of the configuration.
pub(crate) fn table(config: &Config, naming: &Naming, rules: &Arc<Rules>) -> Table {
    let Tags { constant, folded, template, .. } = &config.tags;
    Table::new(dialect(config), naming.clone(), limits(config))
        .with_rules(Arc::clone(rules))
        .with_dialects(config::Dialect::ALL.map(|dialect| dialect_of(config, dialect)))
        .with_constant_tags(constant.clone())
        .with_tag_template(folded.then(|| template.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_idle_series_is_forgotten_after_its_time_or_else_at_once_or_never() {
        let (kept, gone) = (IdleSeries::Kept, IdleSeries::Deleted);
        let cases =
            [(kept, 0.0, IdlePolicy::FOREVER), (gone, 0.0, 1), (kept, 30.0, 3), (gone, 41.0, 5)];
        for (series, ttl, expected) in cases {
            let found = lifetime(series, ttl, Duration::from_secs(10));
            assert_eq!(found, expected, "{series:?} for {ttl} s");
        }
    }

    #[test]
    fn a_time_is_as_many_intervals_as_it_takes() {
        let cases = [(30.0, 10.0, 3), (30.1, 10.0, 4), (0.5, 10.0, 1), (0.1 * 3.0, 0.1, 3)];
        for (seconds, interval, expected) in cases {
            let interval = Duration::from_secs_f64(interval);
            assert_eq!(flushes(seconds, interval), expected, "{seconds} by {interval:?}");
        }
        assert_eq!(flushes(1e9, Duration::from_millis(10)), u32::MAX);
    }
}
