//! What becomes of timers and sets at the end of an interval: a series that got more than is kept
//! of one becomes a sketch, whichever workers it came from.

use gstatsd_sketch::{Histogram, HyperLogLog};

use super::log::Grouped;
use crate::sketched::Sketched;
use crate::snapshot::{Span, Texts};
use crate::timer;

/// Timers, the values of those that are whole in ascending order, and the sketches of the others
/// with their places.
pub(super) type ClosedTimers = (Vec<Span>, Vec<f64>, Vec<(usize, Histogram)>);

/// Sets, the members of those that are whole in byte order, and the sketches of the others with
/// their places.
pub(super) type ClosedSets = (Vec<Span>, Texts, Vec<(usize, HyperLogLog)>);

/// Closes timers. A sketch is made of one that has one from a worker, or more than `values_max`
/// values.
pub(super) fn timers(
    grouped: Grouped<f64>,
    mut sketches: Sketched<Histogram>,
    values_max: usize,
) -> ClosedTimers {
    let Grouped { mut spans, things: mut values, groups } = grouped;
    let (mut large, mut start, mut kept) = (Vec::new(), 0, 0);
    for (place, span) in spans.iter_mut().enumerate() {
        let range = start..span.end;
        start = span.end;
        let sketch = sketches.take(groups[place]);
        if sketch.is_some() || range.len() > values_max {
            let mut sketch = sketch.unwrap_or_default();
            values[range].iter().for_each(|value| sketch.insert(*value, 1));
            large.push((place, sketch));
        } else {
            let length = range.len();
            // Nothing moves before the first sketch.
            if kept < range.start {
                values.copy_within(range, kept);
            }
            kept += length;
        }
        span.end = kept;
    }
    values.truncate(kept);
    let values = timer::sort_each(values, spans.iter().map(|timer| timer.end));
    (spans, values, large)
}

/// Closes sets, whose members are numbers in `members`. A sketch is made of one that has one from
/// a worker, or more than `members_max` distinct members.
pub(super) fn sets(
    grouped: Grouped<u32>,
    members: &Texts,
    mut sketches: Sketched<HyperLogLog>,
    members_max: usize,
) -> ClosedSets {
    let Grouped { spans: mut sets, things: numbers, groups } = grouped;
    let (mut kept, mut texts, mut large) = (Texts::default(), Vec::new(), Vec::new());
    let mut start = 0;
    for (place, set) in sets.iter_mut().enumerate() {
        texts.clear();
        texts.extend(numbers[start..set.end].iter().map(|&number| members.text(number)));
        texts.sort_unstable();
        texts.dedup();
        let sketch = sketches.take(groups[place]);
        if sketch.is_some() || texts.len() > members_max {
            let mut sketch = sketch.unwrap_or_default();
            texts.iter().for_each(|member| sketch.insert(member));
            large.push((place, sketch));
        } else {
            for member in &texts {
                kept.push(member);
            }
        }
        start = set.end;
        set.end = kept.len();
    }
    (sets, kept, large)
}
