//! A page that Prometheus scrapes.

use gstatsd_sinks::TimerForm;

use super::{Draft, Typed};
use crate::config::{Address, ScrapePage, keys::sinks};

/// The keys of its own.
pub(super) const KEYS: &[&str] = &["timers", "quantiles", "buckets", "seconds", "idle_timeout"];

/// The bounds of buckets when none are typed, in milliseconds: those of Prometheus' libraries.
const BUCKETS: [f64; 11] = [5.0, 10.0, 25.0, 50.0, 100.0, 250.0, 500.0, 1e3, 2.5e3, 5e3, 1e4];

impl Draft<'_> {
    pub(super) fn scrape_page(
        &mut self,
        typed: &Typed,
        address: Address,
        path: String,
    ) -> ScrapePage {
        let given = &typed.keys;
        let idle_timeout = self.sink_seconds(&sinks::IDLE_TIMEOUT, typed, given.idle_timeout);
        ScrapePage {
            address,
            path,
            timers: self.timers(typed),
            seconds: given.seconds.unwrap_or(sinks::SECONDS.default),
            idle_timeout,
        }
    }

    fn timers(&mut self, typed: &Typed) -> TimerForm {
        let given = &typed.keys;
        let word = given.timers.as_deref().or(sinks::TIMERS.default).unwrap_or_default();
        let form = match word {
            "histogram" => TimerForm::Histogram(self.buckets(typed)),
            "native" => TimerForm::Native,
            "summary" => TimerForm::Summary(self.quantiles(typed)),
            other => {
                let path = typed.path(&sinks::TIMERS.about);
                let wrong = format!("'{other}' is not {}", sinks::TIMERS.allowed);
                self.wrong_in_file(&path, &wrong);
                return TimerForm::Native;
            }
        };
        let unused = [
            ("quantiles", given.quantiles.is_some() && word != "summary"),
            ("buckets", given.buckets.is_some() && word != "histogram"),
        ];
        for (key, _) in unused.iter().filter(|(_, is_unused)| *is_unused) {
            let path = format!("{}.{key}", typed.table);
            self.wrong_in_file(&path, &format!("means nothing where timers are '{word}'"));
        }
        form
    }

    fn buckets(&mut self, typed: &Typed) -> Vec<f64> {
        let path = typed.path(&sinks::BUCKETS.about);
        let unit = if typed.keys.seconds == Some(true) { 1e3 } else { 1.0 };
        let usual = || BUCKETS.iter().map(|bound| bound / unit).collect();
        let buckets = typed.keys.buckets.clone().unwrap_or_else(usual);
        for wrong in buckets.iter().filter(|bound| !bound.is_finite()) {
            self.wrong_in_file(&path, &format!("{wrong} is not finite"));
        }
        if let Some([left, right]) = buckets.array_windows().find(|[left, right]| left >= right) {
            self.wrong_in_file(&path, &format!("{right} stands behind {left}"));
        }
        buckets
    }

    pub(super) fn quantiles(&mut self, typed: &Typed) -> Vec<f64> {
        let path = typed.path(&sinks::QUANTILES.about);
        let quantiles = typed.keys.quantiles.clone().unwrap_or_else(|| vec![0.5, 0.9, 0.99]);
        for wrong in quantiles.iter().filter(|quantile| !(**quantile > 0.0 && **quantile <= 1.0)) {
            self.wrong_in_file(&path, &format!("{wrong} is not in (0, 1]"));
        }
        let mut sorted = quantiles.clone();
        sorted.sort_by(f64::total_cmp);
        if let Some([twice, _]) = sorted.array_windows().find(|[left, right]| left == right) {
            self.wrong_in_file(&path, &format!("{twice} stands there twice"));
        }
        quantiles
    }
}
