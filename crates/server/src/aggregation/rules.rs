//! The rules of a configuration, and the numbers of the settings that they give to series.

use gstatsd_aggregate::{Effect, KindSet, Rule, Rules, SeriesKind, SeriesSettings};

use crate::config::{Action, Config, Keep, RuleSettings};

/// The settings that rules give to series, each with its number, from 1.
///
/// A number keeps its meaning when the configuration is read again: a series has the number that
/// it was given until it is seen again.
#[derive(Clone, Debug, Default)]
pub(crate) struct SettingsBook(Vec<RuleSettings>);

impl SettingsBook {
    /// Gives a number to the settings of each rule that has any.
    pub(crate) fn of(config: &Config) -> Self {
        let mut book = Self::default();
        book.learn(config);
        book
    }

    /// Gives a number to those of the next configuration too. Where the numbers do not suffice
    /// they begin anew.
    pub(crate) fn learn_next(&mut self, config: &Config) {
        self.learn(config);
        if self.0.len() > usize::from(u16::MAX) {
            *self = Self::of(config);
        }
    }

    fn learn(&mut self, config: &Config) {
        let all = config.rules.iter().filter_map(|rule| match &rule.action {
            Action::Keep(Keep { settings, .. }) => Some(settings),
            Action::Drop => None,
        });
        for settings in all.filter(|settings| **settings != RuleSettings::default()) {
            if !self.0.contains(settings) {
                self.0.push(settings.clone());
            }
        }
    }

    /// How long series are kept that have them, in seconds.
    pub(super) fn ttls(&self) -> impl Iterator<Item = Option<f64>> {
        self.0.iter().map(|settings| settings.ttl)
    }

    /// What they come to, where `usual` holds for what they do not say.
    pub(super) fn of_series(&self, usual: &SeriesSettings) -> Vec<SeriesSettings> {
        let of_series = |settings: &RuleSettings| {
            let RuleSettings { percents, words, buckets, ttl: _ } = settings.clone();
            let distribution_percents = percents.clone();
            SeriesSettings {
                percents: percents.unwrap_or_else(|| usual.percents.clone()),
                distribution_percents: distribution_percents
                    .unwrap_or_else(|| usual.distribution_percents.clone()),
                statistics: words.or_else(|| usual.statistics.clone()),
                buckets: buckets.unwrap_or_else(|| usual.buckets.clone()),
            }
        };
        self.0.iter().map(of_series).collect()
    }

    /// 0 for what is as usual, and for those beyond the last number.
    fn number(&self, settings: &RuleSettings) -> u16 {
        let place = self.0.iter().position(|known| known == settings);
        place.and_then(|place| u16::try_from(place + 1).ok()).unwrap_or(0)
    }

    /// The rules of a configuration that it has learned.
    pub(crate) fn rules(&self, config: &Config) -> Rules {
        let rule = |rule: &crate::config::Rule| Rule {
            pattern: rule.pattern.clone(),
            kinds: kinds(&rule.kinds),
            effect: match &rule.action {
                Action::Drop => Effect { drop: true, ..Effect::default() },
                Action::Keep(keep) => self.effect(keep),
            },
        };
        Rules::new(config.rules.iter().map(rule).collect())
    }

    fn effect(&self, keep: &Keep) -> Effect {
        let Keep { rename, tags, absolute, settings } = keep;
        let tag = |(key, value): &(String, _)| (key.as_str().into(), Clone::clone(value));
        Effect {
            drop: false,
            rename: rename.clone(),
            tags: tags.iter().map(tag).collect(),
            absolute: *absolute,
            settings: self.number(settings),
        }
    }
}

/// The kinds that a rule lists; none are all. Timers are histograms where the dialect keeps
/// distributions apart, and histograms are timers elsewhere.
fn kinds(listed: &[SeriesKind]) -> KindSet {
    let same = [SeriesKind::Histogram, SeriesKind::Timer];
    let is_meant = |kind: &SeriesKind| {
        listed.contains(kind) || same.contains(kind) && same.iter().any(|one| listed.contains(one))
    };
    match listed.is_empty() {
        true => KindSet::ALL,
        false => SeriesKind::ALL.into_iter().filter(is_meant).collect(),
    }
}
