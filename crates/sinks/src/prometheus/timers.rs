//! What a page shows of timers, and what an interval brings to that.

use gstatsd_aggregate::Values;
use gstatsd_sketch::Histogram;

/// The finest scale that Prometheus knows of a native histogram.
pub(super) const SCALE_MAX: i8 = 8;

/// What a page shows of timers, histograms and distributions.
#[derive(Clone, Debug, PartialEq)]
pub enum TimerForm {
    /// Their quantiles, in (0, 1], of the last interval with any.
    Summary(Vec<f64>),
    /// How many samples there were up to each of these bounds, in ascending order, since the start.
    Histogram(Vec<f64>),
    /// Native histograms, which only the format of protobuf has: others get sums and counts.
    Native,
}

impl TimerForm {
    /// The quantiles of a summary; none of other forms.
    pub(super) fn quantiles(&self) -> &[f64] {
        match self {
            Self::Summary(quantiles) => quantiles,
            Self::Histogram(_) | Self::Native => &[],
        }
    }

    /// How many numbers are kept of a timer beside its sum.
    pub(super) fn numbers(&self) -> usize {
        match self {
            Self::Summary(numbers) | Self::Histogram(numbers) => numbers.len(),
            Self::Native => 0,
        }
    }

    /// Appends what an interval brings: quantiles, or how many of `count` samples there are up to
    /// each bound. `in_unit` makes the unit of the page of a value.
    pub(super) fn measure(
        &self,
        values: Values<'_>,
        count: f64,
        in_unit: impl Fn(f64) -> f64,
        out: &mut Vec<f64>,
    ) {
        match self {
            Self::Summary(quantiles) => out.extend(
                quantiles
                    .iter()
                    .map(|quantile| in_unit(values.quantile(*quantile).unwrap_or(f64::NAN))),
            ),
            Self::Histogram(bounds) => {
                // The samples that were sent stand for as many as their rates say.
                #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
                let [sent, one] = [values.len() as f64, count / values.len().max(1) as f64];
                out.extend(bounds.iter().map(|bound| {
                    let below = up_to(values, *bound, &in_unit);
                    if below == sent { count } else { below * one }
                }));
            }
            Self::Native => {}
        }
    }
}

/// How many values are not above a bound; of a sketch those whose bucket is not.
#[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
fn up_to(values: Values<'_>, bound: f64, in_unit: &impl Fn(f64) -> f64) -> f64 {
    match values {
        Values::Exact(values) => values.partition_point(|value| in_unit(*value) <= bound) as f64,
        Values::Sketch(sketch) => {
            let below = sketch.bins().filter(|(value, _)| in_unit(*value) <= bound);
            below.map(|(_, count)| count as f64).sum()
        }
    }
}

/// An empty histogram as fine as Prometheus knows it.
pub(super) fn native() -> Histogram {
    let mut histogram = Histogram::default();
    histogram.coarsen_to(SCALE_MAX);
    histogram
}

/// Adds an interval to a native histogram, so that it counts `count` samples more, rounded to a
/// whole number: each value that was sent stands for as many as the others, but for 1.
///
/// The buckets of a sketch are taken as they are, unless another unit or rates are to be made of
/// them.
pub(super) fn add(
    histogram: &mut Histogram,
    values: Values<'_>,
    count: f64,
    in_unit: impl Fn(f64) -> f64,
) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
    let (sent, count) = (values.len() as u64, count.round() as u64);
    if sent == 0 {
        return;
    }
    let mut share = Share { sent, count, taken: 0, given: 0 };
    match values {
        Values::Exact(values) => {
            values.iter().for_each(|value| histogram.insert(in_unit(*value), share.of(1)));
        }
        Values::Sketch(sketch) if count == sent && in_unit(1.0).to_bits() == 1.0_f64.to_bits() => {
            histogram.merge(sketch);
        }
        Values::Sketch(sketch) => {
            sketch
                .bins()
                .for_each(|(value, sent)| histogram.insert(in_unit(value), share.of(sent)));
        }
    }
}

/// Divides a count among samples in whole numbers.
struct Share {
    sent: u64,
    count: u64,
    taken: u64,
    given: u64,
}

impl Share {
    /// That of the next samples.
    fn of(&mut self, samples: u64) -> u64 {
        self.taken += samples;
        let all = u128::from(self.count) * u128::from(self.taken) / u128::from(self.sent);
        let all = u64::try_from(all).unwrap_or(u64::MAX);
        all - std::mem::replace(&mut self.given, all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(value: f64) -> f64 {
        value
    }

    fn sketch_of(values: &[f64]) -> Histogram {
        let mut sketch = Histogram::default();
        values.iter().for_each(|value| sketch.insert(*value, 1));
        sketch
    }

    #[test]
    fn bounds_count_what_is_not_above_them_as_often_as_it_was_sampled() {
        let form = TimerForm::Histogram(vec![1.0, 2.0, 1e3]);
        let values = [0.5, 1.0, 2.0, 5.0];
        let measured = |values, count: f64, scale: f64| {
            let mut out = Vec::new();
            form.measure(values, count, |value| value * scale, &mut out);
            out
        };
        assert_eq!(measured(Values::Exact(&values), 4.0, 1.0), [2.0, 3.0, 4.0]);
        assert_eq!(measured(Values::Exact(&values), 10.0, 1.0), [5.0, 7.5, 10.0]);
        assert_eq!(measured(Values::Exact(&values), 4.0, 0.1), [4.0, 4.0, 4.0]);
        assert_eq!(measured(Values::Exact(&[]), 0.0, 1.0), [0.0, 0.0, 0.0]);
        let sketch = sketch_of(&[0.5, 1.5, 5.0, 2e3]);
        assert_eq!(measured(Values::Sketch(&sketch), 4.0, 1.0), [1.0, 2.0, 3.0]);
    }

    #[test]
    fn a_native_histogram_counts_every_sample_that_a_rate_stands_for() {
        let values = [1.0, 1.0, 1.0, 7.0];
        let sketch = sketch_of(&values);
        for values in [Values::Exact(&values), Values::Sketch(&sketch)] {
            for (count, expected) in [(4.0, 4), (40.0, 40), (13.0, 13), (4.4, 4), (2.0, 2)] {
                let mut histogram = native();
                add(&mut histogram, values, count, same);
                assert_eq!(histogram.count(), expected, "{values:?} {count}");
                assert_eq!(histogram.scale() <= SCALE_MAX, expected > 0);
            }
        }
        let mut seconds = native();
        add(&mut seconds, Values::Sketch(&sketch), 4.0, |value| value / 1e3);
        let error = seconds.relative_error() + sketch.relative_error();
        let median = seconds.quantile(0.5).unwrap();
        assert!((median - 0.001).abs() <= 0.001 * error, "{median}");
        add(&mut seconds, Values::Exact(&[]), 0.0, same);
        assert_eq!(seconds.count(), 4);
    }
}
