//! A page that Prometheus scrapes.

use super::{Draft, Typed};
use crate::config::{Address, ScrapePage, keys::sinks};

/// The keys of its own.
pub(super) const KEYS: &[&str] = &["quantiles", "seconds", "idle_timeout"];

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
            quantiles: self.quantiles(typed),
            seconds: given.seconds.unwrap_or(sinks::SECONDS.default),
            idle_timeout,
        }
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
