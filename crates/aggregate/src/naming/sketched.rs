//! What is computed of a sketch: the statistics of all dialects, by the ranks of each.
//!
//! Count, sum, mean of all, least and greatest are exact. A percentile, the median, and what is
//! computed of a part of the values or of their squares is an estimate: made of buckets, of which
//! each stands for a value that is wrong by the error of the sketch at most.

use gstatsd_sketch::Histogram;

use super::measures::{Measures, Rank};
use super::{Scheme, dogstatsd, gstatsd, statsd};
use crate::sum;

/// Computes the statistics of a sketch, which is not empty.
pub(super) fn measure(
    scheme: &Scheme,
    sketch: &Histogram,
    percents: &[f64],
    measures: &mut Measures,
) {
    let count = usize::try_from(sketch.count()).unwrap_or(usize::MAX);
    let all = Sums::of(sketch, 0, count);
    measures.lower = sketch.min().unwrap_or_default();
    measures.upper = sketch.max().unwrap_or_default();
    measures.sum = all.sum;
    measures.sum_squares = all.squares;
    measures.mean = all.sum / length(count);
    match scheme {
        Scheme::Gstatsd => of_gstatsd(sketch, count, percents, measures),
        Scheme::Statsd(_) => {
            let ranks = percents.iter().map(|percent| of_statsd(sketch, count, *percent));
            measures.at.extend(ranks);
            measures.median = match count % 2 {
                0 => sum::clamp(at(sketch, count / 2 - 1) + at(sketch, count / 2)) / 2.0,
                _ => at(sketch, count / 2),
            };
            measures.std = deviation(sketch, measures.mean, count);
        }
        Scheme::Dogstatsd(_) => {
            let ranks = percents.iter().map(|percent| {
                let bound = at(sketch, dogstatsd::rank(*percent, count) - 1);
                Some(Rank { bound, ..Rank::default() })
            });
            measures.at.extend(ranks);
            measures.median = at(sketch, (count - 1) / 2);
        }
    }
}

fn of_gstatsd(sketch: &Histogram, count: usize, percents: &[f64], measures: &mut Measures) {
    let mut bound = measures.upper;
    measures.mean = measures.lower;
    if let [percent] = percents
        && count > 1
    {
        let rank = gstatsd::threshold_rank(count, *percent);
        if rank > 0 {
            bound = at(sketch, rank - 1);
            measures.mean = Sums::of(sketch, 0, rank).sum / length(rank);
        }
    }
    measures.at.push(Some(Rank { bound, ..Rank::default() }));
}

fn of_statsd(sketch: &Histogram, count: usize, percent: f64) -> Option<Rank> {
    let rank = statsd::rank(percent, count);
    let (bound, from) = match rank {
        0 => return None,
        rank if percent > 0.0 => (rank - 1, 0),
        rank => (count - rank, count - rank),
    };
    let Sums { sum, squares } = Sums::of(sketch, from, from + rank);
    let length = length(rank);
    let bound = at(sketch, bound);
    Some(Rank { bound, count: length, mean: sum / length, sum, sum_squares: squares })
}

fn deviation(sketch: &Histogram, mean: f64, count: usize) -> f64 {
    let square = |(value, count): (f64, u64)| (value - mean) * (value - mean) * weight(count);
    let squares = sketch.bins().map(square).fold(0.0, |total, square| total + square);
    sum::clamp(squares / length(count)).sqrt()
}

/// Sums of a part of the values.
struct Sums {
    sum: f64,
    squares: f64,
}

impl Sums {
    /// Those from one rank up to another, held at the edge of a double. The sum of all is exact.
    fn of(sketch: &Histogram, from: usize, to: usize) -> Self {
        let (from, to) = (from as u64, to as u64);
        let (mut sum, mut squares, mut before) = (0.0, 0.0, 0_u64);
        for (value, count) in sketch.bins() {
            let after = before.saturating_add(count);
            let taken = weight(after.min(to).saturating_sub(before.max(from)));
            sum += value * taken;
            squares += value * value * taken;
            before = after;
        }
        let is_all = from == 0 && to >= before;
        let sum = if is_all { sketch.sum() } else { sum::clamp(sum) };
        Self { sum, squares: sum::clamp(squares) }
    }
}

fn at(sketch: &Histogram, rank: usize) -> f64 {
    sketch.at_rank(rank as u64).unwrap_or_default()
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn length(count: usize) -> f64 {
    count as f64
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
fn weight(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::naming::settings::CounterValue;
    use crate::{Naming, NamingSettings, SeriesKind, SeriesSettings, Snapshot, Window};

    /// Values over five decades, some of them below 0 where that is allowed.
    fn values(negative: bool) -> Vec<f64> {
        let value = |at: u32| {
            let magnitude = f64::from(at * 7_919 % 5_000 + 1).powf(1.3);
            if negative && at.is_multiple_of(9) { -magnitude } else { magnitude }
        };
        let mut values: Vec<f64> = (0..5_000).map(value).collect();
        values.sort_unstable_by(f64::total_cmp);
        values
    }

    /// Every statistic that there is of a timer of these values: of all of them, and of a sketch.
    fn both(scheme: Scheme, percents: &[f64], values: &[f64]) -> [BTreeMap<String, f64>; 2] {
        let words = scheme.statistics().into_iter().map(str::to_owned);
        let statistics = Some(words.collect());
        let buckets = vec![100.0, 10_000.0, f64::INFINITY];
        let percents = percents.to_vec();
        let series = SeriesSettings { percents, statistics, buckets, ..SeriesSettings::default() };
        let (prefix, own_metrics) = (String::new(), String::new());
        let rules = Vec::new();
        let naming = Naming::new(&NamingSettings { scheme, prefix, own_metrics, series, rules });
        let mut sketch = Histogram::default();
        values.iter().for_each(|value| sketch.insert(*value, 1));
        let window = Window { timestamp: 0, seconds: 10.0 };
        let [mut exact, mut about] = [(); 2].map(|()| Snapshot::new(window));
        exact.push_timer(b"t", values);
        about.push_sketch(SeriesKind::Timer, b"t", sketch, 5_000.0);
        assert_eq!(naming.point_count(&exact), naming.point_count(&about));
        assert_eq!((exact.sketched_count(), about.sketched_count()), (0, 1));
        [exact, about].map(|snapshot| {
            let mut found = BTreeMap::new();
            snapshot.series().for_each(|series| {
                naming.statistics(&series, window, |word, value| {
                    found.insert(word.to_owned(), value);
                });
            });
            found
        })
    }

    #[test]
    fn every_statistic_of_a_sketch_is_within_its_error() {
        let node = Scheme::Statsd(crate::naming::Namespace::default());
        let cases = [
            (Scheme::Gstatsd, &[90.0][..], false),
            (Scheme::Gstatsd, &[100.0], true),
            (Scheme::Gstatsd, &[0.001], false),
            (node, &[50.0, 90.0, 99.9, -10.0, 0.001, 100.0], false),
            (Scheme::Dogstatsd(CounterValue::Sum), &[50.0, 95.0, 99.9], true),
        ];
        // Exact, whatever the distribution.
        let exactly = ["count", "count_ps", "lower", "min", "sum", "upper", "max", "sum_100"];
        for (scheme, percents, negative) in cases {
            let values = values(negative);
            let mut sketch = Histogram::default();
            values.iter().for_each(|value| sketch.insert(*value, 1));
            let error = sketch.relative_error();
            let [exact, about] = both(scheme.clone(), percents, &values);
            assert!(exact.keys().eq(about.keys()), "{exact:?} {about:?}");
            for (word, exact) in exact {
                let found = about[&word];
                let slack = match word.as_str() {
                    word if exactly.contains(&word) => 1e-12,
                    word if word.starts_with("count_") => 0.0,
                    word if word.starts_with("histogram") => 0.1,
                    word if word.contains("squares") || word == "std" => 2.5 * error,
                    _ => error * 1.01,
                };
                let wrong = (found - exact).abs() / exact.abs().max(1.0);
                assert!(wrong <= slack, "{scheme:?} {word}: {found}, not {exact} +- {slack}");
            }
        }
    }

    #[test]
    fn sums_of_a_part_are_those_of_its_ranks() {
        let mut sketch = Histogram::default();
        [1.0, 2.0, 4.0].iter().for_each(|value| sketch.insert(*value, 2));
        let sum = |from, to| Sums::of(&sketch, from, to).sum.round();
        let parts = [sum(0, 0), sum(0, 1), sum(1, 3), sum(3, 6), sum(0, 6), sum(5, 6)];
        assert_eq!(parts, [0.0, 1.0, 3.0, 10.0, 14.0, 4.0]);
    }
}
