//! Puts the names of points together.

use super::layout::{Affixes, Layout};
use super::measures::Measures;
use super::timers::{Statistic, Timers};
use super::{Point, Scheme, dogstatsd, gstatsd, sketched, statsd, tags};
use crate::{Number, SeriesName, Values, sum};

/// Makes points, one series after the other, without allocating for each.
pub(super) struct Writer<'n, E> {
    layout: &'n Layout,
    /// Before each name of a series; ends with a dot, or is empty.
    prefix: &'n [u8],
    emit: E,
    /// The prefix and the name of the series.
    key: Vec<u8>,
    /// The suffix and the tags of the series.
    tail: Vec<u8>,
    /// Room for a whole name.
    name: Vec<u8>,
    measures: Measures,
}

/// Writes what stands in all names of a series: the prefix and its name, and what comes last.
pub(super) fn write_key(
    layout: &Layout,
    prefix: &[u8],
    series: &[u8],
    key: &mut Vec<u8>,
    tail: &mut Vec<u8>,
) {
    key.clear();
    key.extend_from_slice(prefix);
    tail.clear();
    tail.extend_from_slice(layout.suffix.as_bytes());
    let series = SeriesName::of(series);
    // A listener may have a dialect of its own, which keeps blanks.
    if layout.names_unsafe || tags::has_blank(series.name()) {
        tags::write_safe_name(series.name(), key);
    } else {
        key.extend_from_slice(series.name());
    }
    if key.len() - prefix.len() > tags::PART_BYTES_MAX {
        let long = key.split_off(prefix.len());
        tags::shorten_parts(&long, key);
    }
    tags::write_tags(series, tail);
}

impl<'n, E: FnMut(Point<'_>)> Writer<'n, E> {
    pub(super) fn new(layout: &'n Layout, prefix: &'n [u8], emit: E) -> Self {
        let (key, tail, name) = (Vec::new(), Vec::new(), Vec::new());
        Self { layout, prefix, emit, key, tail, name, measures: Measures::default() }
    }

    /// Goes on with the points of this series.
    pub(super) fn begin(&mut self, series: &[u8]) {
        write_key(self.layout, self.prefix, series, &mut self.key, &mut self.tail);
    }

    /// Goes on with the points of an internal metric that is named like a series.
    pub(super) fn begin_internal(&mut self, parts: [&str; 2]) {
        self.key.clear();
        self.tail.clear();
        self.key.extend(parts.iter().flat_map(|part| part.bytes()));
        self.tail.extend_from_slice(self.layout.suffix.as_bytes());
    }

    /// A point of the series.
    pub(super) fn point(&mut self, affixes: &Affixes, value: Number) {
        let Self { emit, key, tail, name, .. } = self;
        name.clear();
        for part in [affixes.stem.as_bytes(), key, affixes.leaf.as_bytes(), tail] {
            name.extend_from_slice(part);
        }
        emit(Point { name, value });
    }

    /// The points of a counter.
    pub(super) fn counter(&mut self, count: f64, seconds: f64) {
        let layout = self.layout;
        if let Some(affixes) = &layout.rate {
            self.point(affixes, layout.number(sum::clamp(count / seconds)));
        }
        if let Some(affixes) = &layout.sum {
            self.point(affixes, layout.number(count));
        }
    }

    /// The points of a timer with these values.
    pub(super) fn timer(
        &mut self,
        scheme: &Scheme,
        timers: &Timers,
        values: Values<'_>,
        count: f64,
        seconds: f64,
    ) {
        self.measure(scheme, timers, values, count, seconds);
        let Self { layout, emit, key, tail, name, measures, .. } = self;
        timers.each(values, measures, |leaf, statistic, value| {
            name.clear();
            for part in [layout.timer_stem.as_bytes(), key, leaf.as_bytes(), tail] {
                name.extend_from_slice(part);
            }
            emit(Point { name, value: timer_number(layout, statistic, value) });
        });
    }

    /// What the values of a timer come to.
    pub(super) fn measure(
        &mut self,
        scheme: &Scheme,
        timers: &Timers,
        values: Values<'_>,
        count: f64,
        seconds: f64,
    ) -> &Measures {
        let Timers { percents, deviation, .. } = timers;
        let measures = &mut self.measures;
        measures.at.clear();
        // gstatsd does not ask for rates.
        #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^53")]
        let plain_count = values.len() as f64;
        measures.count = if *scheme == Scheme::Gstatsd { plain_count } else { count };
        measures.count_ps = sum::clamp(measures.count / seconds);
        match (values, scheme) {
            _ if values.is_empty() => {}
            (Values::Sketch(sketch), _) => sketched::measure(scheme, sketch, percents, measures),
            (Values::Exact(values), Scheme::Gstatsd) => {
                gstatsd::measure(values, percents, measures);
            }
            (Values::Exact(values), Scheme::Statsd(_)) => {
                statsd::measure(values, percents, *deviation, measures);
            }
            (Values::Exact(values), Scheme::Dogstatsd(_)) => {
                dogstatsd::measure(values, percents, measures);
            }
        }
        measures
    }

    /// A point of the dialect's own, of this name before the suffix.
    pub(super) fn internal(&mut self, parts: [&str; 2], value: Number) {
        let Self { layout, emit, name, .. } = self;
        name.clear();
        for part in [parts[0], parts[1], &layout.suffix] {
            name.extend_from_slice(part.as_bytes());
        }
        emit(Point { name, value });
    }

    /// A point of this name.
    pub(super) fn whole(&mut self, name: &[u8], value: Number) {
        (self.emit)(Point { name, value });
    }
}

/// Counts of things are whole where numbers have decimals.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "counts are whole")]
fn timer_number(layout: &Layout, statistic: Statistic, value: f64) -> Number {
    if statistic.is_count() && !layout.short_numbers {
        return Number::Whole(value as u64);
    }
    layout.number(value)
}
