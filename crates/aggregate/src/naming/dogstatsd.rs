//! The names and the statistics of Datadog's agent.

use super::layout::{Affixes, Layout};
use super::measures::{Measures, Rank};
use super::settings::CounterValue;
use super::timers::{AtPercent as At, Entry, Statistic};
use crate::timer::total;
use crate::{Number, sum};

/// What comes out of timers and histograms.
pub(super) const TIMERS: &[Entry] = &[
    Entry::usual("count", Statistic::Count),
    Entry::usual("avg", Statistic::Mean),
    Entry::usual("median", Statistic::Median),
    Entry::usual("max", Statistic::Upper),
    Entry::optional("min", Statistic::Lower),
    Entry::optional("sum", Statistic::Sum),
    Entry::percentile("percentile", At::Bound, |percent| {
        Some(format!("{}percentile", text(percent)))
    }),
    Entry::buckets(),
];

/// What comes out of distributions.
pub(super) const DISTRIBUTIONS: &[Entry] = &[
    Entry::usual("count", Statistic::Count),
    Entry::usual("avg", Statistic::Mean),
    Entry::usual("median", Statistic::Median),
    Entry::usual("max", Statistic::Upper),
    Entry::optional("min", Statistic::Lower),
    Entry::optional("sum", Statistic::Sum),
    Entry::percentile("percentile", At::Bound, |percent| Some(format!("p{}", text(percent)))),
    Entry::buckets(),
];

/// A percentile without a dot, which would begin another part of the name.
fn text(percent: f64) -> String {
    Number::Short(percent).text().replace('.', "_")
}

pub(super) fn layout(value: CounterValue) -> Layout {
    let plain = Affixes::default();
    let (rate, sum) = match value {
        CounterValue::Rate => (Some(plain.clone()), None),
        CounterValue::Sum => (None, Some(plain.clone())),
    };
    Layout {
        rate,
        sum,
        gauges: vec![plain.clone()],
        set: plain,
        short_numbers: true,
        names_unsafe: true,
        ..Layout::default()
    }
}

/// Computes the statistics of values in ascending order, of which there are any. A percentile is
/// the smallest value that so many of the hundred are not above; the median is that of 50, so one
/// of the values too.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(super) fn measure(values: &[f64], percents: &[f64], measures: &mut Measures) {
    let count = values.len();
    for &percent in percents {
        let bound = values[rank(percent, count) - 1];
        measures.at.push(Some(Rank { bound, ..Rank::default() }));
    }
    measures.sum = sum::clamp(total(values));
    measures.mean = measures.sum / count as f64;
    measures.median = values[(count - 1) / 2];
    (measures.lower, measures.upper) = (values[0], values[count - 1]);
}

/// Which value, from 1, a percentile in (0, 100] is.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts stay far below 2^53, and the percentile lies in (0, 100]"
)]
pub(super) fn rank(percent: f64, count: usize) -> usize {
    // Multiplied first, so that whole percentiles are exact.
    ((percent * count as f64 / 100.0).ceil() as usize).clamp(1, count)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_percentile_is_the_smallest_value_that_so_many_are_not_above() {
        for (percent, count, expected) in [
            (95.0, 1, 1),
            (95.0, 10, 10),
            (95.0, 20, 19),
            (95.0, 100, 95),
            (50.0, 3, 2),
            (50.0, 4, 2),
            (99.9, 1_000, 999),
            (100.0, 7, 7),
            (0.001, 7, 1),
        ] {
            assert_eq!(rank(percent, count), expected, "{percent} of {count}");
        }
        // The agent computes it with integers.
        for (percent, count) in (1..=100).flat_map(|percent| (1..200).map(move |n| (percent, n))) {
            let agent = (percent * count - 1) / 100 + 1;
            assert_eq!(rank(percent as f64, count), agent, "{percent} of {count}");
        }
    }

    #[test]
    fn the_median_is_one_of_the_values() {
        let mut measures = Measures::default();
        measure(&[1.0, 2.0, 10.0, 20.0], &[], &mut measures);
        assert_eq!((measures.median, measures.mean, measures.sum), (2.0, 8.25, 33.0));
        assert_eq!((measures.lower, measures.upper), (1.0, 20.0));
    }
}
