//! Percentiles, timer metrics and histograms.

use toml::Value as Toml;

use super::Import;
use crate::import::document::{Section, number};
use crate::import::keys::Keys;
use crate::import::value::{Node, Value, text_of_number};

/// What the original calculates of a timer, without percentiles.
const METRICS: [&str; 10] = [
    "count",
    "count_ps",
    "histogram",
    "lower",
    "mean",
    "median",
    "std",
    "sum",
    "sum_squares",
    "upper",
];

/// What it calculates for each percentile, with `_PERCENT` behind it.
const METRICS_OF_PERCENTILES: [&str; 6] = ["count", "lower", "mean", "sum", "sum_squares", "upper"];

impl Import<'_> {
    /// `percentThreshold`: `value || 90`, one or a list.
    pub(super) fn percent(&mut self, section: &mut Section) {
        const KEY: &str = "percentThreshold";
        let Some(node) = self.keys.find(KEY) else { return };
        let told = self.keys.told(KEY, node);
        if !node.value.is_truthy() {
            section.say(format!("{told} counts as not set: 90."));
            section.set("percent", 90);
            return;
        }
        let one = [node.clone()];
        let (items, is_list) = match &node.value {
            Value::List(items) => (items.as_slice(), true),
            _ => (one.as_slice(), false),
        };
        let percents = items.iter().filter_map(|item| self.percentile(item, section));
        let percents: Vec<f64> = percents.collect();
        match percents.as_slice() {
            &[percent] if !is_list => section.set("percent", number(percent)),
            percents => {
                let percents: Vec<Toml> = percents.iter().map(|percent| number(*percent)).collect();
                section.set("percent", percents);
            }
        }
    }

    /// One percentile. The name that the original makes of it has its text as it was typed.
    fn percentile(&mut self, item: &Node, section: &mut Section) -> Option<f64> {
        let shown = item.value.shown();
        let percent = match &item.value {
            Value::Number(_) | Value::Text(_) => item.value.to_number().unwrap_or(f64::NAN),
            _ => f64::NAN,
        };
        if percent == 0.0 || !(-100.0..=100.0).contains(&percent) {
            let wrong = format!("{shown} is not between -100 and 100, without 0");
            self.wrong_at(item.line, "percentThreshold", &wrong);
            return None;
        }
        let text = text_of_number(percent);
        if item.value.to_text().as_plain() != Some(&text) {
            section.say(format!(
                "percentThreshold {shown} (line {}): metrics are named after {text} here.",
                item.line
            ));
        }
        Some(percent)
    }

    /// `calculatedTimerMetrics`: a list of at least one is a choice, and anything else none.
    pub(super) fn timer_statistics(&mut self, section: &mut Section) {
        const KEY: &str = "calculatedTimerMetrics";
        let Some(node) = self.keys.find(KEY) else { return };
        let items = match &node.value {
            Value::List(items) if !items.is_empty() => items,
            _ => {
                section.say(format!("{} chooses nothing: all.", self.keys.told(KEY, node)));
                return;
            }
        };
        let mut statistics: Vec<Toml> = Vec::new();
        for item in items {
            match &item.value {
                Value::Text(text) if text.as_plain().is_some_and(is_metric) => {
                    let metric = Toml::String(text.raw());
                    if !statistics.contains(&metric) {
                        statistics.push(metric);
                    }
                }
                other => {
                    let (shown, line) = (other.shown(), item.line);
                    section.say(format!("{KEY}: {shown} (line {line}) matches nothing."));
                }
            }
        }
        section.set("timer_statistics", statistics);
    }

    /// `histogram`: the first entry whose text is part of a name gives it its bins.
    pub(super) fn histograms(&mut self) -> Vec<Section> {
        const KEY: &str = "histogram";
        let Some(node) = self.keys.find(KEY) else { return Vec::new() };
        let Value::List(entries) = &node.value else {
            if node.value.is_truthy() {
                self.omitted.push(format!("{}: it is no list.", self.keys.told(KEY, node)));
            }
            return Vec::new();
        };
        entries.iter().filter_map(|entry| self.histogram(entry)).collect()
    }

    fn histogram(&mut self, entry: &Node) -> Option<Section> {
        let Value::Table(table) = &entry.value else {
            let wrong = format!("{} has no bins", entry.value.shown());
            self.wrong_at(entry.line, "histogram", &wrong);
            return None;
        };
        let mut keys = Keys::new("histogram.", Some(table));
        let (metric, bins) = (keys.find("metric"), keys.find("bins"));
        self.omit_unread(&keys);
        let Some(Node { line, value: Value::List(bins) }) = bins else {
            self.wrong_at(entry.line, "histogram.bins", "it is no list");
            return None;
        };
        let mut section = Section::one_of("rule");
        let Some(metric) = metric else {
            self.omitted.push(format!("histogram (line {}) without a metric.", entry.line));
            return None;
        };
        section.set("contains", self.plain("histogram.metric", metric));
        section.set("kinds", vec!["timer"]);
        let buckets = self.buckets(*line, bins)?;
        section.set("buckets", buckets);
        Some(section)
    }

    /// The bounds of the bins, which have to rise.
    fn buckets(&mut self, line: usize, bins: &[Node]) -> Option<Vec<Toml>> {
        const KEY: &str = "histogram.bins";
        let mut buckets = Vec::new();
        let mut last = f64::NEG_INFINITY;
        for bin in bins {
            let is_inf = matches!(&bin.value, Value::Text(text) if text.as_plain() == Some("inf"));
            let bound = if is_inf { Some(f64::INFINITY) } else { bin.value.to_number() };
            let Some(bound) = bound.filter(|bound| !bound.is_nan()) else {
                self.wrong_at(bin.line, KEY, &format!("{} is not a number", bin.value.shown()));
                return None;
            };
            if bound <= last {
                self.wrong_at(line, KEY, "the bins do not rise");
                return None;
            }
            last = bound;
            buckets.push(if bound.is_infinite() { Toml::from("inf") } else { number(bound) });
        }
        Some(buckets)
    }
}

/// Whether a name of a timer metric can match one: `upper`, `upper_90`, `upper_percent`, and
/// `upper_99_percent`, which matches `upper_99_9` in the original.
fn is_metric(name: &str) -> bool {
    if METRICS.contains(&name) {
        return true;
    }
    let is_digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    METRICS_OF_PERCENTILES.iter().any(|metric| {
        let rest = name.strip_prefix(metric).and_then(|rest| rest.strip_prefix('_'));
        let rest = rest.unwrap_or_default();
        let percent = rest.strip_prefix("top").unwrap_or(rest);
        match percent.split_once('_') {
            None => rest == "percent" || is_digits(percent),
            Some((whole, end)) => is_digits(whole) && (is_digits(end) || end == "percent"),
        }
    })
}
