//! The dialect: its statistics, its names, and what becomes of idle series.

use gstatsd_aggregate::{CounterValue, Namespace, Scheme};

use super::Draft;
use crate::config::{
    Dialect, FrequentKeys, Idle, IdleSeries, Statistics,
    expand::expand,
    file::Numbers,
    key::{About, Number, Text},
    keys::dialect as keys,
};

impl Draft<'_> {
    pub(super) fn statistics(&mut self, dialect: Dialect, scheme: &Scheme) -> Statistics {
        let usual = if dialect == Dialect::Dogstatsd { 95.0 } else { 90.0 };
        let percents = self.percents(dialect).unwrap_or_else(|| vec![usual]);
        let distribution = self.file.distribution_percent.as_ref();
        self.only_in(
            Dialect::Dogstatsd,
            dialect,
            &keys::DISTRIBUTION_PERCENT.about,
            distribution.is_some(),
        );
        let distribution_percents = match distribution {
            Some(Numbers(numbers)) => {
                let place = self.file.origin.place(keys::DISTRIBUTION_PERCENT.about.path);
                self.check_percents(&place, numbers, 0.0);
                numbers.clone()
            }
            None => vec![50.0, 75.0, 90.0, 95.0, 99.0],
        };
        Statistics { percents, distribution_percents, words: self.words(scheme) }
    }

    /// The percentiles as typed, if there are any.
    fn percents(&mut self, dialect: Dialect) -> Option<Vec<f64>> {
        let (place, numbers) = match (&self.flags.percent, &self.file.percent) {
            (Some(text), _) => {
                let numbers: Result<Vec<f64>, _> =
                    text.split(',').map(|part| part.trim().parse()).collect();
                let Ok(numbers) = numbers else {
                    self.wrong("-p", &format!("'{text}' is not a number"));
                    return None;
                };
                ("-p".to_owned(), numbers)
            }
            (None, Some(Numbers(numbers))) => {
                (self.file.origin.place(keys::PERCENT.about.path), numbers.clone())
            }
            (None, None) => return None,
        };
        let before = self.errors.len();
        self.check_percents_of(dialect, &place, &numbers);
        Some(numbers).filter(|_| self.errors.len() == before)
    }

    /// Checks the percentiles of timers.
    pub(super) fn check_percents_of(&mut self, dialect: Dialect, place: &str, percents: &[f64]) {
        let min = if dialect == Dialect::Statsd { -100.0 } else { 0.0 };
        self.check_percents(place, percents, min);
        if dialect == Dialect::Gstatsd && percents.len() != 1 {
            self.wrong(place, "the gstatsd dialect has one percentile");
        }
    }

    /// Checks that each is above `min`, or `min` itself where that is negative, up to 100, and
    /// not 0.
    fn check_percents(&mut self, place: &str, percents: &[f64], min: f64) {
        for &percent in percents {
            let allowed = percent >= min && percent <= 100.0 && percent != 0.0;
            if !allowed && min < 0.0 {
                self.wrong(place, &format!("{percent} is not between -100 and 100, without 0"));
            } else if !allowed {
                self.wrong(place, &format!("{percent} is not in (0, 100]"));
            }
        }
    }

    /// The words of the statistics.
    fn words(&mut self, scheme: &Scheme) -> Vec<String> {
        let usual = || scheme.usual_statistics().into_iter().map(str::to_owned).collect();
        let Some(words) = &self.file.timer_statistics else { return usual() };
        for word in words.iter().filter(|word| !scheme.knows_statistic(word)) {
            let allowed = scheme.statistics().join(", ");
            let path = keys::TIMER_STATISTICS.about.path;
            self.wrong_in_file(path, &format!("'{word}' is none of {allowed}"));
        }
        words.clone()
    }

    /// What comes out of counters.
    pub(super) fn counts(&mut self, dialect: Dialect) -> CounterValue {
        let typed = self.file.counts.as_deref();
        self.only_in(Dialect::Dogstatsd, dialect, &keys::COUNTS.about, typed.is_some());
        let values = [("sum", CounterValue::Sum), ("rate", CounterValue::Rate)];
        self.one_of(&keys::COUNTS, typed, values).unwrap_or(CounterValue::Sum)
    }

    pub(super) fn sanitize_names(&mut self, dialect: Dialect) -> bool {
        let typed = self.file.sanitize_names;
        self.only_in(Dialect::Statsd, dialect, &keys::SANITIZE_NAMES.about, typed.is_some());
        typed.unwrap_or(keys::SANITIZE_NAMES.default)
    }

    pub(super) fn namespace(&mut self, dialect: Dialect) -> Namespace {
        let typed = self.file.flush_counts;
        self.only_in(Dialect::Statsd, dialect, &keys::FLUSH_COUNTS.about, typed.is_some());
        let flush_counts = typed.unwrap_or(keys::FLUSH_COUNTS.default);
        let Some(file) = &self.file.namespace else {
            return Namespace { flush_counts, ..Namespace::default() };
        };
        if dialect != Dialect::Statsd {
            self.wrong_in_file("namespace", "is for the statsd dialect alone");
        }
        let namespace = Namespace {
            legacy: file.legacy.unwrap_or(keys::NAMESPACE_LEGACY.default),
            global: self.part(&keys::NAMESPACE_GLOBAL, file.global.as_deref()),
            counter: self.part(&keys::NAMESPACE_COUNTER, file.counter.as_deref()),
            timer: self.part(&keys::NAMESPACE_TIMER, file.timer.as_deref()),
            gauge: self.part(&keys::NAMESPACE_GAUGE, file.gauge.as_deref()),
            set: self.part(&keys::NAMESPACE_SET, file.set.as_deref()),
            suffix: self.part(&keys::NAMESPACE_SUFFIX, file.suffix.as_deref()),
            internal: self.part(&keys::NAMESPACE_INTERNAL, file.internal.as_deref()),
            flush_counts,
        };
        if namespace.internal.is_empty() {
            self.wrong_in_file(keys::NAMESPACE_INTERNAL.about.path, "internal metrics need a name");
        }
        namespace
    }

    /// A part of names, with its variables expanded.
    fn part(&mut self, key: &Text, typed: Option<&str>) -> String {
        let path = key.about.path;
        let text = typed.or(key.default).unwrap_or_default();
        match expand(text, self.environment.variable) {
            Ok(part) if !part.chars().any(|c| c.is_whitespace() || c.is_control() || c == ';') => {
                return part;
            }
            Ok(part) => self.wrong_in_file(path, &format!("{part:?} is not {}", key.bounds())),
            Err(why) => self.wrong_in_file(path, &why),
        }
        key.default.unwrap_or_default().to_owned()
    }

    pub(super) fn idle(&mut self, dialect: Dialect) -> Idle {
        let file = &self.file.idle;
        let (series, gauges, ttl) = match dialect {
            Dialect::Gstatsd => (IdleSeries::Deleted, IdleSeries::Deleted, 0.0),
            Dialect::Statsd => (IdleSeries::Kept, IdleSeries::Kept, 0.0),
            Dialect::Dogstatsd => (IdleSeries::Deleted, IdleSeries::Kept, 300.0),
        };
        let of_series = [("zero", IdleSeries::Kept), ("delete", IdleSeries::Deleted)];
        let of_gauges = [("repeat", IdleSeries::Kept), ("delete", IdleSeries::Deleted)];
        let mut choice = |key: &Text, typed: &Option<String>, usual, values| {
            self.one_of(key, typed.as_deref(), values).unwrap_or(usual)
        };
        let counters = choice(&keys::IDLE_COUNTERS, &file.counters, series, of_series);
        let timers = choice(&keys::IDLE_TIMERS, &file.timers, series, of_series);
        let sets = choice(&keys::IDLE_SETS, &file.sets, series, of_series);
        let gauges = choice(&keys::IDLE_GAUGES, &file.gauges, gauges, of_gauges);
        let mut ttl_of = |key: &Number, typed| self.number_in_file(key, key.about.path, typed);
        let counter_ttl = ttl_of(&keys::IDLE_COUNTER_TTL, file.counter_ttl);
        let timer_ttl = ttl_of(&keys::IDLE_TIMER_TTL, file.timer_ttl);
        let set_ttl = ttl_of(&keys::IDLE_SET_TTL, file.set_ttl);
        let gauge_ttl = ttl_of(&keys::IDLE_GAUGE_TTL, file.gauge_ttl.or(Some(ttl)));
        Idle { counters, timers, sets, gauges, counter_ttl, timer_ttl, set_ttl, gauge_ttl }
    }

    pub(super) fn frequent_keys(&mut self) -> FrequentKeys {
        let file = &self.file.frequent_keys;
        let mut number = |key: &Number, typed| self.number_in_file(key, key.about.path, typed);
        let interval = number(&keys::FREQUENT_KEYS_INTERVAL, file.interval);
        let percent = number(&keys::FREQUENT_KEYS_PERCENT, file.percent);
        let path = keys::FREQUENT_KEYS_LOG.about.path;
        let log = file.log.as_deref().filter(|log| !log.is_empty());
        let place = self.file.origin.place(path);
        let log = log.and_then(|log| self.path(&place, log.as_ref()));
        FrequentKeys { interval, percent, log }
    }

    /// The value that a text stands for.
    pub(super) fn one_of<T: Copy, const N: usize>(
        &mut self,
        key: &Text,
        typed: Option<&str>,
        values: [(&str, T); N],
    ) -> Option<T> {
        let typed = typed?;
        let value = values.iter().find(|(word, _)| *word == typed).map(|(_, value)| *value);
        if value.is_none() {
            self.wrong_in_file(key.about.path, &format!("'{typed}' is not {}", key.bounds()));
        }
        value
    }

    /// An error if a key of another dialect was typed.
    fn only_in(&mut self, of: Dialect, dialect: Dialect, about: &About, typed: bool) {
        if typed && dialect != of {
            self.wrong_in_file(about.path, &format!("is for the {of} dialect alone"));
        }
    }
}
