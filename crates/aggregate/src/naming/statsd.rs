//! The names and the statistics of the Node.js StatsD.

use super::{Point, SinkStats};
use std::time::Duration;

use super::layout::{Affixes, Internal, Layout};
use super::measures::{Measures, Rank};
use super::settings::Namespace;
use super::timers::{AtPercent as At, Entry, Statistic};
use super::writer::Writer;
use crate::{FlushTimes, Number, Snapshot, sum};

/// What comes out of timers.
pub(super) const TIMERS: &[Entry] = &[
    Entry::percentile("count_percent", At::Count, |percent| leaf("count", percent)),
    Entry::percentile("mean_percent", At::Mean, |percent| leaf("mean", percent)),
    Entry::percentile("upper_percent", At::Bound, |percent| {
        leaf("upper", percent).filter(|_| percent > 0.0)
    }),
    Entry::percentile("lower_percent", At::Bound, |percent| {
        leaf("lower", percent).filter(|_| percent < 0.0)
    }),
    Entry::percentile("sum_percent", At::Sum, |percent| leaf("sum", percent)),
    Entry::percentile("sum_squares_percent", At::SumSquares, |percent| {
        leaf("sum_squares", percent)
    }),
    Entry::usual("std", Statistic::Std),
    Entry::usual("upper", Statistic::Upper),
    Entry::usual("lower", Statistic::Lower),
    Entry::usual("count", Statistic::Count),
    Entry::usual("count_ps", Statistic::CountPs),
    Entry::usual("sum", Statistic::Sum),
    Entry::usual("sum_squares", Statistic::SumSquares),
    Entry::usual("mean", Statistic::Mean),
    Entry::usual("median", Statistic::Median),
    Entry::buckets(),
];

/// `upper_99_9`, `upper_top10`.
fn leaf(word: &str, percent: f64) -> Option<String> {
    let text = Number::Short(percent).text().replacen('.', "_", 1).replacen('-', "top", 1);
    Some(format!("{word}_{text}"))
}

pub(super) fn layout(namespace: &Namespace) -> Layout {
    let Namespace { global, counter, timer, gauge, set, suffix, internal, .. } = namespace;
    let common = Layout {
        suffix: if suffix.is_empty() { "".into() } else { format!(".{suffix}").into() },
        short_numbers: true,
        ..Layout::default()
    };
    let sum = |affixes| namespace.flush_counts.then_some(affixes);
    let internal =
        |stem: String| Some(Internal { series: format!("{internal}.").into(), stem: stem.into() });
    if namespace.legacy {
        return Layout {
            rate: Some(Affixes::new("stats.", "")),
            sum: sum(Affixes::new("stats_counts.", "")),
            gauges: vec![Affixes::new("stats.gauges.", "")],
            set: Affixes::new("stats.sets.", ".count"),
            timer_stem: "stats.timers.".into(),
            series_count: Some(format!("{}.numStats", namespace.internal).into()),
            internal: internal(format!("stats.{}.", namespace.internal)),
            ..common
        };
    }
    let stem = |part: &str| {
        let parts = [global.as_str(), part].into_iter().filter(|part| !part.is_empty());
        parts.map(|part| format!("{part}.")).collect::<String>()
    };
    let own = stem(&namespace.internal);
    Layout {
        rate: Some(Affixes::new(stem(counter), ".rate")),
        sum: sum(Affixes::new(stem(counter), ".count")),
        gauges: vec![Affixes::new(stem(gauge), "")],
        set: Affixes::new(stem(set), ".count"),
        timer_stem: stem(timer).into(),
        series_count: Some(format!("{own}numStats").into()),
        internal: internal(own),
        ..common
    }
}

/// Makes the points of what a sink tells of itself. Times are in milliseconds.
pub(super) fn sink_points(
    internal: &Internal,
    stats: &SinkStats,
    writer: &mut Writer<'_, impl FnMut(Point<'_>)>,
) {
    let whole = |seconds: i64| Number::Whole(u64::try_from(seconds).unwrap_or(0));
    let points = [
        ("graphiteStats.calculationtime", Number::Short(milliseconds(stats.calculation))),
        ("graphiteStats.last_exception", whole(stats.last_exception)),
        ("graphiteStats.last_flush", whole(stats.last_flush)),
        ("graphiteStats.flush_time", Number::Short(milliseconds(stats.flush))),
        ("graphiteStats.flush_length", Number::Whole(stats.flush_bytes)),
    ];
    for (leaf, value) in points {
        writer.internal([&internal.stem, leaf], value);
    }
}

/// A time in milliseconds, with three decimals at most.
#[expect(clippy::cast_precision_loss, reason = "nothing takes so long")]
fn milliseconds(time: Duration) -> f64 {
    time.as_micros() as f64 / 1e3
}

/// Makes the points of the internal metrics but that of the number of series. Gives how many
/// series they are in that number: the original keeps them among the others.
pub(super) fn internal_points(
    internal: &Internal,
    snapshot: &Snapshot,
    layout: &Layout,
    writer: &mut Writer<'_, impl FnMut(Point<'_>)>,
) -> u64 {
    let counts = &snapshot.counts;
    let bad_lines =
        counts.lines_rejected.iter().sum::<u64>() + counts.samples_rejected.iter().sum::<u64>();
    let counters = [
        ("bad_lines_seen", bad_lines),
        ("packets_received", counts.datagrams_received),
        ("metrics_received", counts.lines),
    ];
    for (name, count) in counters {
        writer.begin_internal([&internal.series, name]);
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        writer.counter(count as f64, snapshot.window.seconds);
    }
    if let Some(FlushTimes { lag, processing }) = snapshot.times {
        let processing = milliseconds(processing);
        writer.begin_internal([&internal.series, "timestamp_lag"]);
        for affixes in lag.iter().flat_map(|_| &layout.gauges) {
            writer.point(affixes, layout.number(lag.unwrap_or_default()));
        }
        writer.internal([&internal.stem, "processing_time"], layout.number(processing));
    }
    // The lag is a gauge of theirs from the second flush on.
    counters.len() as u64 + u64::from(snapshot.number > 0)
}

/// How many of so many values a percentile takes in; 0 for none. A lone value is in each.
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts stay far below 2^53, and the percentile lies in [-100, 100]"
)]
pub(super) fn rank(percent: f64, count: usize) -> usize {
    if count < 2 {
        return count;
    }
    // As `Math.round`, which differs from this for negative numbers alone.
    ((percent.abs() / 100.0 * count as f64).round() as usize).min(count)
}

/// Computes the statistics of values in ascending order, of which there are any. All of them
/// weigh the same, whatever their rates.
///
/// Sums are made from left to right, and those from a percentile on are the difference of two
/// sums, as in the original, so that the last digit is the same. Where the whole sum leaves the
/// range of a double, it and what follows from it is held at the edge.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
pub(super) fn measure(values: &[f64], percents: &[f64], deviation: bool, measures: &mut Measures) {
    let (count, length) = (values.len(), values.len() as f64);
    let mut prefix = Prefix::default();
    let all = Prefix::default().up_to(count, values);
    for &percent in percents {
        let rank = rank(percent, count);
        if rank == 0 {
            measures.at.push(None);
            continue;
        }
        let (bound, sums) = if percent > 0.0 {
            prefix = prefix.up_to(rank, values);
            (values[rank - 1], prefix.sums)
        } else {
            prefix = prefix.up_to(count - rank, values);
            (values[count - rank], all.sums.without(prefix.sums))
        };
        let Sums { sum, squares } = sums.held();
        let length = rank as f64;
        let rank = Rank { bound, count: length, mean: sum / length, sum, sum_squares: squares };
        measures.at.push(Some(rank));
    }
    let Sums { sum, squares } = all.sums.held();
    measures.sum = sum;
    measures.sum_squares = squares;
    measures.mean = sum / length;
    (measures.lower, measures.upper) = (values[0], values[count - 1]);
    let middle = count / 2;
    measures.median = match count % 2 {
        0 => sum::clamp(values[middle - 1] + values[middle]) / 2.0,
        _ => values[middle],
    };
    if deviation {
        let square = |&value: &f64| (value - measures.mean) * (value - measures.mean);
        let squares = values.iter().map(square).fold(0.0, |total, square| total + square);
        measures.std = sum::clamp(squares / length).sqrt();
    }
}

/// The sums of the first values.
#[derive(Clone, Copy, Default)]
struct Prefix {
    count: usize,
    sums: Sums,
}

#[derive(Clone, Copy, Default)]
struct Sums {
    sum: f64,
    squares: f64,
}

impl Prefix {
    /// The sums of the first `count` values, from left to right.
    fn up_to(self, count: usize, values: &[f64]) -> Self {
        let Self { count: done, sums } = if count < self.count { Self::default() } else { self };
        let add = |Sums { sum, squares }: Sums, &value: &f64| Sums {
            sum: sum + value,
            squares: squares + value * value,
        };
        Self { count, sums: values[done..count].iter().fold(sums, add) }
    }
}

impl Sums {
    /// Those of the values behind the first, of which `before` are the sums.
    fn without(self, before: Self) -> Self {
        Self { sum: self.sum - before.sum, squares: self.squares - before.squares }
    }

    /// Held at the edge of the range. Two sums that were there leave nothing between them.
    fn held(self) -> Self {
        let held = |sum: f64| if sum.is_nan() { 0.0 } else { sum::clamp(sum) };
        Self { sum: held(self.sum), squares: held(self.squares) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(values: &[f64], percents: &[f64]) -> Vec<Option<[f64; 5]>> {
        let mut measures = Measures::default();
        measure(values, percents, true, &mut measures);
        let all =
            |Rank { bound, count, mean, sum, sum_squares }| [count, mean, bound, sum, sum_squares];
        measures.at.into_iter().map(|rank| rank.map(all)).collect()
    }

    #[test]
    fn percentiles_are_named_without_dot_and_sign() {
        let names = [90.0, 99.9, -10.0, -99.99, 0.5, 100.0].map(|percent| leaf("upper", percent));
        let expected =
            ["upper_90", "upper_99_9", "upper_top10", "upper_top99_99", "upper_0_5", "upper_100"];
        assert_eq!(names.map(Option::unwrap), expected);
    }

    #[test]
    fn a_percentile_takes_in_the_smallest_or_the_largest_values() {
        let values: Vec<f64> = (1..=10).map(f64::from).collect();
        let expected = [
            Some([9.0, 5.0, 9.0, 45.0, 285.0]),
            Some([1.0, 10.0, 10.0, 10.0, 100.0]),
            // Not in the order of their size.
            Some([5.0, 3.0, 5.0, 15.0, 55.0]),
            Some([9.0, 6.0, 2.0, 54.0, 384.0]),
            None,
            None,
        ];
        assert_eq!(at(&values, &[90.0, -10.0, 50.0, -90.0, 4.9, -4.9]), expected);
    }

    #[test]
    fn a_percentile_from_the_top_that_takes_in_all_is_all() {
        let all = Some([2.0, 1.5, 1.0, 3.0, 5.0]);
        assert_eq!(at(&[1.0, 2.0], &[-90.0, -100.0]), [all, all]);
    }

    #[test]
    fn a_lone_value_is_in_every_percentile() {
        let lone = Some([1.0, 7.0, 7.0, 7.0, 49.0]);
        assert_eq!(at(&[7.0], &[0.1, -0.1]), [lone, lone]);
    }

    #[test]
    fn the_sum_from_a_percentile_on_is_a_difference_as_in_the_original() {
        // 0.1 + 0.2 + 0.3 is 0.6000000000000001.
        let [Some(top)] = at(&[0.1, 0.2, 0.3], &[-67.0])[..] else { panic!() };
        assert_eq!(top[3], (0.1 + 0.2 + 0.3) - 0.1);
        assert_ne!(top[3], 0.2 + 0.3);
    }

    #[test]
    fn what_leaves_the_range_is_held_at_its_edge() {
        let mut measures = Measures::default();
        measure(&[-1e300, f64::MAX, f64::MAX], &[50.0, -50.0], true, &mut measures);
        let Measures { sum, sum_squares, mean, median, std, .. } = measures;
        assert_eq!((sum, sum_squares, median), (f64::MAX, f64::MAX, f64::MAX));
        assert_eq!(mean, f64::MAX / 3.0);
        for number in [std, mean].into_iter().chain(measures.at.iter().flatten().map(|r| r.sum)) {
            assert!(number.is_finite(), "{number}");
        }
    }
}
