//! What is made of timers: quantiles or histograms.

use toml::Value as Toml;

use super::Import;
use crate::import::document::{Section, number};
use crate::import::keys::Keys;
use crate::import::value::{Node, Value};

/// The bounds of a histogram that has none of its own, in seconds.
const BUCKETS: [f64; 11] = [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
/// The quantiles of a summary that has none of its own.
const QUANTILES: [f64; 3] = [0.5, 0.9, 0.99];

/// What a mapping, or the defaults, say about timers. What is `None` is not said.
#[derive(Default)]
pub(super) struct Observer {
    is_histogram: Option<bool>,
    /// In seconds, rising.
    buckets: Option<Vec<f64>>,
    quantiles: Option<Vec<f64>>,
}

impl Observer {
    /// Whether timers without a word of their own are histograms.
    pub(super) fn is_histogram(&self) -> bool {
        self.is_histogram == Some(true)
    }

    /// Sets the percentiles of all timers.
    pub(super) fn set_root(&self, section: &mut Section) {
        let quantiles = self.quantiles.as_deref().unwrap_or(&QUANTILES);
        section.set("percent", percents(quantiles));
    }

    /// Sets what a rule does with timers, where it is not what the defaults do; gives whether
    /// that is a histogram.
    pub(super) fn set(&self, defaults: &Self, section: &mut Section) -> bool {
        let is_histogram = self.is_histogram.unwrap_or(defaults.is_histogram());
        if is_histogram {
            let buckets = self.buckets.as_deref().or(defaults.buckets.as_deref());
            let bounds = buckets.unwrap_or(&BUCKETS).iter();
            let bounds = bounds.map(|seconds| number(rounded(seconds * 1000.0)));
            section.set("buckets", bounds.chain([Toml::from("inf")]).collect::<Vec<_>>());
        } else if let Some(quantiles) = &self.quantiles {
            section.set("percent", percents(quantiles));
        }
        is_histogram
    }
}

impl Import {
    /// What the keys of a mapping, or of the defaults, say about timers.
    pub(super) fn observer(&mut self, keys: &mut Keys<'_>) -> Observer {
        let kind = [keys.find("observer_type"), keys.find("timer_type")];
        let mut histogram = keys.below("histogram_options");
        let mut summary = keys.below("summary_options");
        let buckets = [histogram.find("buckets"), keys.find("buckets")];
        let quantiles = [summary.find("quantiles"), keys.find("quantiles")];
        let observer = Observer {
            is_histogram: kind.into_iter().flatten().next().and_then(|node| {
                match node.value.to_text().raw().as_str() {
                    "" => None,
                    "histogram" => Some(true),
                    "summary" => Some(false),
                    other => {
                        let wrong = format!("'{other}' is neither 'histogram' nor 'summary'");
                        self.wrong(node.line, &keys.path("observer_type"), &wrong);
                        None
                    }
                }
            }),
            buckets: buckets.into_iter().flatten().next().map(|node| self.buckets(node)),
            quantiles: quantiles.into_iter().flatten().next().map(|node| self.quantiles(node)),
        };
        self.omit_unread(&histogram);
        // How exact a quantile is, and over which time: ours are exact, and of an interval.
        self.omit_unread(&summary);
        observer
    }

    fn buckets(&mut self, node: &Node) -> Vec<f64> {
        let bounds: Vec<f64> =
            items(node).iter().map(|item| self.number("buckets", item)).collect();
        if bounds.windows(2).any(|pair| pair[0] >= pair[1]) {
            self.wrong(node.line, "buckets", "the bounds do not rise");
        }
        bounds.into_iter().filter(|bound| bound.is_finite()).collect()
    }

    fn quantiles(&mut self, node: &Node) -> Vec<f64> {
        let mut quantiles = Vec::new();
        for item in items(node) {
            let Value::Table(table) = &item.value else {
                let wrong = format!("{} has no quantile", item.value.shown());
                self.wrong(item.line, "quantiles", &wrong);
                continue;
            };
            let mut keys = Keys::new("quantiles.", Some(table));
            keys.find("error");
            let Some(node) = keys.find("quantile") else {
                self.wrong(item.line, "quantiles.quantile", "is missing");
                continue;
            };
            let quantile = self.number("quantiles.quantile", node);
            if quantile > 0.0 && quantile <= 1.0 {
                quantiles.push(quantile);
            } else if quantile != 0.0 {
                // 0 is the least value, which every timer has.
                let wrong = format!("{} is not in [0, 1]", node.value.shown());
                self.wrong(node.line, "quantiles.quantile", &wrong);
            }
            self.omit_unread(&keys);
        }
        quantiles
    }

    fn number(&mut self, key: &str, node: &Node) -> f64 {
        let text = node.value.to_text().raw();
        let is_inf = matches!(text.as_str(), ".inf" | "+.inf" | ".Inf" | "+.Inf");
        match node.value.to_number() {
            _ if is_inf => f64::INFINITY,
            Some(number) if !number.is_nan() => number,
            _ => {
                self.wrong(node.line, key, &format!("{} is not a number", node.value.shown()));
                0.0
            }
        }
    }
}

/// The items of a list; a value alone is its only one.
fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        Value::Null => &[],
        _ => std::slice::from_ref(node),
    }
}

fn percents(quantiles: &[f64]) -> Vec<Toml> {
    quantiles.iter().map(|quantile| number(rounded(quantile * 100.0))).collect()
}

/// The number without what a multiplication adds to its last digits.
fn rounded(number: f64) -> f64 {
    const DIGITS: usize = 12;
    format!("{number:.DIGITS$e}").parse().unwrap_or(number)
}
