//! Which points come out of a timer: the catalogue of a dialect, and what is chosen of it.

use super::Scheme;
use super::measures::Measures;
use super::settings::SeriesSettings;
use super::{dogstatsd, gstatsd, statsd};
use crate::{Number, Values};

/// What begins the name of a bucket.
const BUCKET: &str = "histogram.bin_";

/// Something that is computed from the values of a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Statistic {
    /// How many samples there were, each counted as often as its rate says.
    Count,
    /// That in a second.
    CountPs,
    Lower,
    Mean,
    Median,
    /// The standard deviation of all values.
    Std,
    Sum,
    SumSquares,
    Upper,
    /// Of the percentile with this index.
    At(AtPercent, usize),
    /// How many values are in the bucket with this index.
    Bucket(usize),
}

/// Something that is computed at a percentile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum AtPercent {
    /// The value there.
    Bound,
    /// How many values there are up to it, or from it on.
    Count,
    /// Their mean.
    Mean,
    /// Their sum.
    Sum,
    /// The sum of their squares.
    SumSquares,
}

/// A line of a catalogue.
pub(super) struct Entry {
    /// What it is called in a configuration.
    word: &'static str,
    /// Whether it comes out when nothing is said.
    usual: bool,
    what: What,
}

enum What {
    /// One point, whose leaf is the word.
    Once(Statistic),
    /// One point for each percentile that the function gives a leaf.
    AtEach(AtPercent, fn(f64) -> Option<String>),
    /// One point for each bucket.
    Buckets,
}

/// The points that come out of timers.
#[derive(Clone, Debug)]
pub(super) struct Timers {
    points: Vec<TimerPoint>,
    /// Each once.
    pub(super) percents: Vec<f64>,
    /// How many points each percentile has.
    percent_points: Vec<u64>,
    buckets: Vec<f64>,
    /// How many of so many values a percentile takes in; where it is 0, its points are missing.
    rank: fn(f64, usize) -> usize,
    /// Whether a standard deviation is asked for, which is another pass over the values.
    pub(super) deviation: bool,
}

#[derive(Clone, Debug)]
struct TimerPoint {
    /// Begins with a dot.
    leaf: Box<str>,
    statistic: Statistic,
}

impl Entry {
    /// A statistic that comes out when nothing is said.
    pub(super) const fn usual(word: &'static str, statistic: Statistic) -> Self {
        Self { word, usual: true, what: What::Once(statistic) }
    }

    /// A statistic that comes out when it is asked for.
    pub(super) const fn optional(word: &'static str, statistic: Statistic) -> Self {
        Self { word, usual: false, what: What::Once(statistic) }
    }

    /// A statistic of each percentile to which `leaf` gives a name.
    pub(super) const fn percentile(
        word: &'static str,
        at: AtPercent,
        leaf: fn(f64) -> Option<String>,
    ) -> Self {
        Self { word, usual: true, what: What::AtEach(at, leaf) }
    }

    /// The buckets, as the Node.js StatsD names them in all dialects.
    pub(super) const fn buckets() -> Self {
        Self { word: "histogram", usual: true, what: What::Buckets }
    }

    /// What it comes to: leaves without their dot.
    fn points(&self, percents: &[f64], buckets: &[f64]) -> Vec<(String, Statistic)> {
        match self.what {
            What::Once(statistic) => vec![(self.word.to_owned(), statistic)],
            What::AtEach(at, leaf) => {
                let point =
                    |(index, &percent)| leaf(percent).map(|leaf| (leaf, Statistic::At(at, index)));
                percents.iter().enumerate().filter_map(point).collect()
            }
            What::Buckets => {
                let point = |(index, &bound)| (bucket_leaf(bound), Statistic::Bucket(index));
                buckets.iter().enumerate().map(point).collect()
            }
        }
    }

    /// Whether one of the words chooses this leaf: the word of the entry, the leaf itself, or the
    /// leaf as the Node.js StatsD looks for it, which is blind to fractions (`upper_99_percent`
    /// for `upper_99_9`).
    fn is_chosen(&self, words: &[String], leaf: &str) -> bool {
        let chosen = |word: &String| {
            word == self.word || word == leaf || Some(word) == node_word(leaf).as_ref()
        };
        words.iter().any(chosen)
    }
}

impl Scheme {
    /// The words for the statistics that can be chosen. One of a percentile can also be called by
    /// the name that a point of it has: `upper_90` or `upper_99_9` for `upper_percent`.
    #[must_use]
    pub fn statistics(&self) -> Vec<&'static str> {
        self.catalogue(false).iter().map(|entry| entry.word).collect()
    }

    /// The words for the statistics that come out when nothing is said.
    #[must_use]
    pub fn usual_statistics(&self) -> Vec<&'static str> {
        let usual = self.catalogue(false).iter().filter(|entry| entry.usual);
        usual.map(|entry| entry.word).collect()
    }

    /// Whether there can be a point that the word chooses.
    #[must_use]
    pub fn knows_statistic(&self, word: &str) -> bool {
        let chooses = |leaf: Option<String>| {
            leaf.is_some_and(|leaf| leaf == word || node_word(&leaf).as_deref() == Some(word))
        };
        let is_of = |entry: &Entry| {
            let named = match entry.what {
                What::Once(_) => false,
                What::AtEach(_, leaf) => percents_in(word).any(|percent| chooses(leaf(percent))),
                What::Buckets => word.starts_with(BUCKET),
            };
            named || word == entry.word
        };
        self.distributions().iter().any(|&apart| self.catalogue(apart).iter().any(is_of))
    }

    /// Whether distributions have statistics of their own.
    pub(super) fn has_distributions(&self) -> bool {
        self.distributions().contains(&true)
    }

    /// Whether there is a catalogue of distributions, after that of the others.
    fn distributions(&self) -> &'static [bool] {
        match self {
            Self::Gstatsd | Self::Statsd(_) => &[false],
            Self::Dogstatsd(_) => &[false, true],
        }
    }

    fn catalogue(&self, distribution: bool) -> &'static [Entry] {
        match self {
            Self::Gstatsd => gstatsd::TIMERS,
            Self::Statsd(_) => statsd::TIMERS,
            Self::Dogstatsd(_) if distribution => dogstatsd::DISTRIBUTIONS,
            Self::Dogstatsd(_) => dogstatsd::TIMERS,
        }
    }
}

impl SeriesSettings {
    fn percents(&self, distribution: bool) -> &[f64] {
        if distribution { &self.distribution_percents } else { &self.percents }
    }
}

impl Timers {
    /// What the settings choose of the catalogue: that of distributions, or that of the others.
    pub(super) fn new(scheme: &Scheme, settings: &SeriesSettings, distribution: bool) -> Self {
        let mut percents: Vec<f64> = Vec::new();
        for &percent in settings.percents(distribution) {
            if !percents.contains(&percent) {
                percents.push(percent);
            }
        }
        let buckets = settings.buckets.clone();
        let mut points = Vec::new();
        for entry in scheme.catalogue(distribution) {
            for (leaf, statistic) in entry.points(&percents, &buckets) {
                let chosen = match &settings.statistics {
                    None => entry.usual,
                    Some(words) => entry.is_chosen(words, &leaf),
                };
                if chosen {
                    points.push(TimerPoint { leaf: format!(".{leaf}").into(), statistic });
                }
            }
        }
        let is_of = |point: &TimerPoint, percent: usize| match point.statistic {
            Statistic::At(_, index) => index == percent,
            _ => false,
        };
        let of_percent =
            |percent| points.iter().filter(|point| is_of(point, percent)).count() as u64;
        let percent_points = (0..percents.len()).map(of_percent).collect();
        let deviation = points.iter().any(|point| point.statistic == Statistic::Std);
        let rank = match scheme {
            Scheme::Statsd(_) => statsd::rank,
            Scheme::Gstatsd | Scheme::Dogstatsd(_) => |_: f64, count: usize| count,
        };
        Self { points, percents, percent_points, buckets, rank, deviation }
    }

    /// How many points come out of so many values.
    pub(super) fn point_count(&self, values: usize) -> u64 {
        if values == 0 {
            let counts = self.points.iter().filter(|point| point.statistic.is_of_nothing());
            return counts.count() as u64;
        }
        let missing = self.percents.iter().zip(&self.percent_points);
        let missing = missing.filter(|(percent, _)| (self.rank)(**percent, values) == 0);
        self.points.len() as u64 - missing.map(|(_, points)| points).sum::<u64>()
    }

    /// Every leaf, with its dot.
    pub(super) fn leaves(&self) -> impl Iterator<Item = &str> {
        self.points.iter().map(|point| &*point.leaf)
    }

    /// The value at the first percentile that comes out, and its leaf without the dot.
    pub(super) fn first_percentile(&self, measures: &Measures) -> Option<(&str, f64)> {
        let is_bound =
            |point: &&TimerPoint| matches!(point.statistic, Statistic::At(AtPercent::Bound, _));
        let TimerPoint { leaf, statistic } = self.points.iter().find(is_bound)?;
        Some((&leaf[1..], measures.value(*statistic)?))
    }

    /// Each point of values of which `measures` are the statistics; where there are no values, the
    /// counts alone.
    pub(super) fn each(
        &self,
        values: Values<'_>,
        measures: &Measures,
        mut emit: impl FnMut(&str, Statistic, f64),
    ) {
        let is_empty = values.is_empty();
        for TimerPoint { leaf, statistic } in &self.points {
            let value = match *statistic {
                statistic if is_empty && !statistic.is_of_nothing() => None,
                Statistic::Bucket(index) => Some(self.bucket_count(index, values)),
                statistic => measures.value(statistic),
            };
            if let Some(value) = value {
                emit(leaf, *statistic, value);
            }
        }
    }

    /// How many of the values are in a bucket.
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
    fn bucket_count(&self, index: usize, values: Values<'_>) -> f64 {
        let below = |bound: f64| values.count_below(bound);
        let before = index.checked_sub(1).map_or(0, |before| below(self.buckets[before]));
        below(self.buckets[index]).saturating_sub(before) as f64
    }
}

impl Statistic {
    /// Whether it is a number of things.
    pub(super) fn is_count(self) -> bool {
        matches!(self, Self::Count | Self::At(AtPercent::Count, _) | Self::Bucket(_))
    }

    /// Whether it is there for a timer without values.
    fn is_of_nothing(self) -> bool {
        matches!(self, Self::Count | Self::CountPs)
    }
}

/// The word under which the Node.js StatsD looks for a leaf: its last `_(top)?[0-9]+` is
/// `_percent`.
fn node_word(leaf: &str) -> Option<String> {
    let stem = leaf.trim_end_matches(|char: char| char.is_ascii_digit());
    let stem = if stem.len() < leaf.len() { stem } else { return None };
    let stem = stem.strip_suffix("top").unwrap_or(stem).strip_suffix('_')?;
    Some(format!("{stem}_percent"))
}

/// What percentiles the name of a statistic can be about: 99.9 in `upper_99_9`, -10 in
/// `lower_top10`, any of 99 and a fraction in `upper_99_percent`.
fn percents_in(word: &str) -> impl Iterator<Item = f64> {
    let start = word.find(|char: char| char.is_ascii_digit()).unwrap_or(word.len());
    let is_part = |char: char| char.is_ascii_digit() || char == '_';
    let digits = word[start..].trim_end_matches("percent").trim_end_matches("percentile");
    let digits = digits.trim_end_matches(|char: char| !char.is_ascii_digit());
    let digits = if digits.chars().all(is_part) { digits } else { "" };
    let texts = [digits.replacen('_', ".", 1), format!("{digits}.1")];
    let percents = texts.into_iter().filter_map(|text| text.parse::<f64>().ok());
    percents.flat_map(|percent| [percent, -percent])
}

fn bucket_leaf(bound: f64) -> String {
    let bound = match bound {
        f64::INFINITY => "inf".to_owned(),
        bound => Number::Short(bound).text().replacen('.', "_", 1),
    };
    format!("{BUCKET}{bound}")
}
