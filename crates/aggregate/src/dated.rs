//! Samples that have a time of their own (`|T1700000000`): they belong to no interval, and are
//! passed on with it.
//!
//! ```text
//! spelling --> number of its series in the part --> Merger: by series and second --> Snapshot
//! ```
//!
//! They are rare, so no slot is made for their series: the name goes along once in an interval.

use std::collections::{BTreeMap, HashMap};

use crate::gauge::Order;
use crate::memory::{
    clear_large, is_sparse, large_growth, reserve_large, table_bytes, trim, vec_bytes, vec_growth,
};
use crate::{SeriesKind, sum};

/// What the merger and a snapshot need for a sample at most, beside its name.
const VALUE_BYTES: usize = 160;

/// The dated samples of one worker in one interval.
#[derive(Debug, Default)]
pub(crate) struct DatedSamples {
    /// The number of the series of each spelling, by fingerprint.
    known: HashMap<u128, u32>,
    series: Vec<Series>,
    /// The texts of all series.
    texts: Vec<u8>,
    samples: Vec<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Series {
    kind: SeriesKind,
    /// Where its text ends.
    end: usize,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    series: u32,
    batch: u32,
    second: i64,
    value: f64,
}

impl DatedSamples {
    /// The number of the series of a spelling that is known.
    pub(crate) fn find(&self, fingerprint: u128) -> Option<u32> {
        self.known.get(&fingerprint).copied()
    }

    /// Makes a spelling known, with the text of its series, and gives its number.
    pub(crate) fn learn(&mut self, fingerprint: u128, kind: SeriesKind, text: &[u8]) -> u32 {
        self.texts.extend_from_slice(text);
        self.series.push(Series { kind, end: self.texts.len() });
        let number = crate::part::index_of_last(&self.series);
        self.known.insert(fingerprint, number);
        number
    }

    /// Appends a sample; `value` is that of a gauge, or what a counter grows by.
    pub(crate) fn push(&mut self, series: u32, batch: u32, second: i64, value: f64) {
        self.samples.push(Sample { series, batch, second, value });
    }

    /// How many samples there are.
    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    /// How many spellings are known.
    pub(crate) fn spellings(&self) -> usize {
        self.series.len()
    }

    /// Their memory, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        let Self { known, series, texts, samples } = self;
        table_bytes(known.capacity(), size_of::<(u128, u32)>())
            + vec_bytes(series)
            + vec_bytes(texts)
            + vec_bytes(samples)
    }

    /// How much is allocated for one more series with a text of so many bytes.
    pub(crate) fn series_growth(&self, text: usize) -> usize {
        let Self { known, series, texts, .. } = self;
        let is_full = known.len() == known.capacity();
        let known = table_bytes(known.capacity(), size_of::<(u128, u32)>());
        (if is_full { 2 * known } else { 0 }) + vec_growth(series, 1) + vec_growth(texts, text)
    }

    /// How much is allocated for so many samples more.
    pub(crate) fn growth(&self, more: usize) -> usize {
        large_growth(&self.samples, more)
    }

    /// Makes room for so many samples more.
    pub(crate) fn reserve(&mut self, more: usize) {
        reserve_large(&mut self.samples, more);
    }

    /// What the merger needs for what is here, in bytes.
    pub(crate) fn debt(&self) -> usize {
        self.texts.len() + self.samples.len() * VALUE_BYTES
    }

    /// Removes all, and keeps the room that samples had a use for, or none.
    pub(crate) fn clear(&mut self, keeps_room: bool) {
        let Self { known, series, texts, samples } = self;
        if is_sparse(known.capacity(), known.len()) {
            known.shrink_to_fit();
        }
        trim(series);
        trim(texts);
        known.clear();
        series.clear();
        texts.clear();
        clear_large(samples, keeps_room);
    }

    fn series(&self, number: u32) -> (SeriesKind, &[u8]) {
        let number = number as usize;
        let Series { kind, end } = self.series[number];
        let start = number.checked_sub(1).map_or(0, |before| self.series[before].end);
        (kind, &self.texts[start..end])
    }
}

/// What the dated samples of all workers come to.
#[derive(Debug, Default)]
pub(crate) struct DatedValues(BTreeMap<(SeriesKind, Box<[u8]>, i64), Value>);

#[derive(Clone, Copy, Debug)]
struct Value {
    value: f64,
    order: Order,
}

/// A series at a second of its own.
#[derive(Clone, Debug, PartialEq)]
pub struct DatedReading {
    /// A counter or a gauge.
    pub kind: SeriesKind,
    /// Its name and tags as one text, which [`SeriesName`](crate::SeriesName) reads; without a
    /// prefix.
    pub name: Box<[u8]>,
    /// In seconds since the epoch.
    pub second: i64,
    /// The sum of the samples of a counter, each divided by its rate; the last one of a gauge.
    /// Finite.
    pub value: f64,
}

impl DatedValues {
    /// About how much memory they take, in bytes.
    pub(crate) fn bytes(&self) -> usize {
        self.0.len() * VALUE_BYTES
    }

    /// Takes in the samples of a part; `order` says when each of its batches was received. Gives
    /// their number, and how many sums left the range of a double.
    pub(crate) fn add(
        &mut self,
        samples: &DatedSamples,
        order: impl Fn(u32) -> Order,
    ) -> (u64, u64) {
        let mut overflows = 0;
        for sample in &samples.samples {
            let (kind, name) = samples.series(sample.series);
            let new = Value { value: sample.value, order: order(sample.batch) };
            let found = self.0.entry((kind, name.into(), sample.second));
            found
                .and_modify(|known| match kind {
                    SeriesKind::Counter => {
                        let overflow;
                        (known.value, overflow) = sum::saturating(known.value, new.value);
                        overflows += u64::from(overflow);
                    }
                    _ if new.order >= known.order => *known = new,
                    _ => {}
                })
                .or_insert(new);
        }
        (samples.samples.len() as u64, overflows)
    }

    /// Empties it: gives all of them, in the order of kind, name and second.
    pub(crate) fn take(&mut self) -> Vec<DatedReading> {
        let readings = std::mem::take(&mut self.0).into_iter();
        let reading = |((kind, name, second), Value { value, .. })| DatedReading {
            kind,
            name,
            second,
            value,
        };
        readings.map(reading).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNTER: SeriesKind = SeriesKind::Counter;
    const GAUGE: SeriesKind = SeriesKind::Gauge;

    /// Samples of series, each with its batch, its second and its value.
    fn samples(of: &[(SeriesKind, &str, u32, i64, f64)]) -> DatedSamples {
        let mut samples = DatedSamples::default();
        for (fingerprint, &(kind, name, batch, second, value)) in of.iter().enumerate() {
            let series = samples.learn(fingerprint as u128, kind, name.as_bytes());
            assert_eq!(samples.find(fingerprint as u128), Some(series));
            samples.push(series, batch, second, value);
        }
        assert_eq!((samples.len(), samples.spellings()), (of.len(), of.len()));
        samples
    }

    fn taken(values: &mut DatedValues) -> Vec<String> {
        let shown = |reading: DatedReading| {
            let DatedReading { kind, name, second, value } = reading;
            format!("{} {} {second} {value}", kind.word(), String::from_utf8_lossy(&name))
        };
        values.take().into_iter().map(shown).collect()
    }

    #[test]
    fn counters_of_a_second_are_added_up_and_gauges_keep_the_last() {
        let mut values = DatedValues::default();
        let order = |worker| move |batch| Order { nanoseconds: u64::from(batch), worker };
        let one = samples(&[
            (COUNTER, "a", 1, 7, 1.0),
            (COUNTER, "a", 1, 8, 2.0),
            (COUNTER, "b", 1, 7, f64::MAX),
            (GAUGE, "a", 5, 7, 50.0),
            (GAUGE, "b", 1, 7, 1.0),
            (GAUGE, "b", 1, 7, 2.0),
        ]);
        let other = samples(&[
            (COUNTER, "a", 1, 7, 10.0),
            (COUNTER, "b", 1, 7, f64::MAX),
            (GAUGE, "a", 4, 7, 40.0),
        ]);
        assert_eq!(values.add(&one, order(0)), (6, 0));
        assert_eq!(values.add(&other, order(1)), (3, 1));
        let expected = [
            "counter a 7 11".to_owned(),
            "counter a 8 2".to_owned(),
            format!("counter b 7 {}", f64::MAX),
            "gauge a 7 50".to_owned(),
            "gauge b 7 2".to_owned(),
        ];
        assert_eq!(taken(&mut values), expected);
        assert_eq!(taken(&mut values), [""; 0]);
    }

    #[test]
    fn what_is_cleared_is_gone() {
        let mut samples = samples(&[(COUNTER, "a", 1, 7, 1.0)]);
        samples.clear(true);
        assert_eq!((samples.find(0), samples.len(), samples.spellings()), (None, 0, 0));
    }
}
