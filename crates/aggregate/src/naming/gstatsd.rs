//! The names and the statistics of gstatsd 0.6.

use super::layout::{Affixes, Layout};
use super::measures::{Measures, Rank};
use super::timers::{AtPercent as At, Entry, Statistic};
use crate::timer::total;

/// What comes out of timers.
pub(super) const TIMERS: &[Entry] = &[
    Entry::usual("mean", Statistic::Mean),
    Entry::usual("upper", Statistic::Upper),
    // The original cuts the fraction off: 99.9 is upper_99.
    Entry::percentile("upper_percent", At::Bound, |percent| {
        Some(format!("upper_{:.0}", percent.trunc()))
    }),
    Entry::usual("lower", Statistic::Lower),
    Entry::usual("count", Statistic::Count),
    Entry::buckets(),
];

pub(super) fn layout() -> Layout {
    Layout {
        rate: Some(Affixes::new("stats.", "")),
        sum: Some(Affixes::new("stats_counts.", "")),
        // The same names as those of a counter, as the original has it.
        gauges: vec![Affixes::new("stats.", ""), Affixes::new("stats_counts.", "")],
        set: Affixes::new("stats.sets.", ".count"),
        timer_stem: "stats.timers.".into(),
        series_count: Some("statsd.numStats".into()),
        ..Layout::default()
    }
}

/// Computes the statistics of values in ascending order, of which there are any. The mean is that
/// of the values up to the threshold, not of all; sample rates make no difference.
///
/// Every step is in the order of the original, `round(percent / 100.0 * count)` half away
/// from zero and a plain sum from left to right, so that the last digit is the same.
pub(super) fn measure(values: &[f64], percents: &[f64], measures: &mut Measures) {
    let (lower, upper) = (values[0], values[values.len() - 1]);
    let mut at = Rank { bound: upper, ..Rank::default() };
    measures.mean = lower;
    if let [percent] = percents
        && values.len() > 1
    {
        let rank = threshold_rank(values.len(), *percent);
        if let Some((&threshold, _)) = values[..rank].split_last() {
            at.bound = threshold;
            #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
            let count = rank as f64;
            measures.mean = total(&values[..rank]) / count;
        }
    }
    (measures.lower, measures.upper) = (lower, upper);
    measures.at.push(Some(at));
}

/// How many of `count` values lie up to the threshold.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts stay far below 2^53, and percent lies in (0, 100]"
)]
pub(super) fn threshold_rank(count: usize, percent: f64) -> usize {
    (((percent / 100.0) * count as f64).round() as usize).min(count)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn measured(values: &[f64], percent: f64) -> (f64, f64) {
        let mut measures = Measures::default();
        measure(values, &[percent], &mut measures);
        (measures.mean, measures.at[0].unwrap().bound)
    }

    #[test]
    fn the_rank_rounds_half_away_from_zero_in_the_order_of_the_original() {
        assert_eq!(threshold_rank(5, 90.0), 5);
        assert_eq!(threshold_rank(25, 90.0), 23);
        // 29 / 100.0 * 50 is 14.499999999999998
        assert_eq!(threshold_rank(50, 29.0), 14);
        assert_eq!(threshold_rank(3, 0.5), 0);
    }

    #[test]
    fn a_threshold_below_the_first_value_leaves_mean_and_upper_as_they_are() {
        assert_eq!(measured(&[1.0, 2.0], 0.5), (1.0, 2.0));
    }

    #[test]
    fn the_sum_saturates() {
        assert_eq!(measured(&[f64::MAX, f64::MAX], 100.0).0, f64::MAX / 2.0);
    }
}
