//! What each counter and each timer came to since it was first seen, for sums that never fall back.
//!
//! ```text
//! table   hash of kind and name --> number of a row
//! rows    fingerprint, total, since when, when it was last seen     32 bytes each
//! sketches of timers, as bytes
//! ```
//!
//! Names are not kept: 96 bits of a keyed hash stand for them. Of a million series no two have
//! the same, but by a chance of one in 10^17.

mod image;

use std::hash::{BuildHasher as _, Hash as _, RandomState};

use gstatsd_aggregate::{Series, SeriesKind, Snapshot, State, Values};
use gstatsd_sketch::Histogram;
use hashbrown::HashTable;
use siphasher::sip128::{Hasher128 as _, SipHasher13};

pub(super) use self::image::fuzz;

/// How much is kept at most. What is new beyond it has no total.
const BYTES_MAX: usize = 256 << 20;
/// Says of a row that it is a timer's, beside the number of its sketch.
const TIMER: u32 = 1 << 31;

/// The totals of every series that was seen of late.
#[derive(Debug)]
pub(super) struct Totals {
    table: HashTable<u32>,
    rows: Vec<Row>,
    /// Those of the timers among the rows.
    sketches: Vec<Box<[u8]>>,
    sketch_bytes: usize,
    /// Of the hashes; drawn at random, and kept with the totals.
    key: [u64; 2],
    bytes_max: usize,
}

#[derive(Clone, Copy, Debug)]
struct Row {
    fingerprint: (u64, u32),
    /// In seconds since the epoch.
    start: u32,
    seen: u32,
    /// Of a timer [`TIMER`] and the number of its sketch; of a counter 1 where a sum of it was
    /// negative.
    extra: u32,
    total: f64,
}

/// The total of a counter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Total {
    pub(super) value: f64,
    /// In seconds since the epoch.
    pub(super) start: i64,
    /// Whether it never fell.
    pub(super) is_monotonic: bool,
}

impl Totals {
    pub(super) fn new() -> Self {
        Self {
            table: HashTable::new(),
            rows: Vec::new(),
            sketches: Vec::new(),
            sketch_bytes: 0,
            key: [(); 2].map(|()| RandomState::new().hash_one(0)),
            bytes_max: BYTES_MAX,
        }
    }

    /// Takes in what an interval brought, and forgets what brought nothing for `idle_seconds`.
    pub(super) fn take(&mut self, snapshot: &Snapshot, idle_seconds: u32) {
        let window = snapshot.window;
        #[expect(clippy::cast_possible_truncation, reason = "no interval is so long")]
        let begin = window.timestamp - window.seconds.ceil() as i64;
        let [begin, now] = [begin, window.timestamp]
            .map(|second| u32::try_from(second.max(0)).unwrap_or(u32::MAX));
        for series in snapshot.series() {
            match series.state {
                State::Counter(sum) => self.count(&series, sum, begin, now),
                State::Timer { values, count } => self.sketch(&series, values, count, begin, now),
                State::Gauge(_) | State::Set(_) => {}
            }
        }
        let oldest = now.saturating_sub(idle_seconds);
        let gone = self.rows.iter().filter(|row| row.seen < oldest).count();
        // Some are kept for a while, so that the work is shared by many.
        if gone * 8 > self.rows.len() {
            self.clear_away(oldest);
        }
    }

    /// The total of a counter, unless there was no room for it.
    pub(super) fn of_counter(&self, series: &Series<'_>) -> Option<Total> {
        let row = self.rows[self.find(series)? as usize];
        let (start, is_monotonic) = (row.start.into(), row.extra == 0);
        Some(Total { value: row.total, start, is_monotonic })
    }

    /// All that a timer had, and since when, unless there was no room for it.
    pub(super) fn of_timer(&self, series: &Series<'_>) -> Option<(Histogram, i64)> {
        let row = self.rows[self.find(series)? as usize];
        let (histogram, _) =
            Histogram::decode(&self.sketches[(row.extra & !TIMER) as usize]).ok()?;
        Some((histogram, row.start.into()))
    }

    fn count(&mut self, series: &Series<'_>, sum: f64, begin: u32, now: u32) {
        let Some(row) = self.row(series, begin) else { return };
        row.seen = now;
        row.total = (row.total + sum).clamp(f64::MIN, f64::MAX);
        row.extra |= u32::from(sum < 0.0);
    }

    fn sketch(
        &mut self,
        series: &Series<'_>,
        values: Values<'_>,
        count: f64,
        begin: u32,
        now: u32,
    ) {
        let Some(row) = self.row(series, begin) else { return };
        row.seen = now;
        let number = row.extra & !TIMER;
        let old = &mut self.sketches[number as usize];
        let mut histogram = histogram(values, count);
        if let Ok((before, _)) = Histogram::decode(old) {
            let mut both = before;
            both.merge(&histogram);
            histogram = both;
        }
        let mut bytes = Vec::new();
        histogram.encode(&mut bytes);
        self.sketch_bytes = self.sketch_bytes + bytes.len() - old.len();
        *old = bytes.into_boxed_slice();
    }

    fn find(&self, series: &Series<'_>) -> Option<u32> {
        let (hash, fingerprint) = self.fingerprint(series.kind, series.name);
        let is_it = |number: &u32| self.rows[*number as usize].fingerprint == fingerprint;
        self.table.find(hash, is_it).copied()
    }

    /// The row of a series, which is made where it is new and there is room.
    fn row(&mut self, series: &Series<'_>, begin: u32) -> Option<&mut Row> {
        let (hash, fingerprint) = self.fingerprint(series.kind, series.name);
        let Self { table, rows, .. } = self;
        let is_it = |number: &u32| rows[*number as usize].fingerprint == fingerprint;
        if let Some(number) = table.find(hash, is_it).copied() {
            return Some(&mut self.rows[number as usize]);
        }
        if self.bytes() >= self.bytes_max {
            return None;
        }
        let Self { table, rows, .. } = self;
        let number = u32::try_from(rows.len()).ok()?;
        let extra = if series.kind == SeriesKind::Counter {
            0
        } else {
            self.sketches.push(Box::default());
            TIMER | u32::try_from(self.sketches.len() - 1).ok()?
        };
        rows.push(Row { fingerprint, start: begin, seen: begin, extra, total: 0.0 });
        table.insert_unique(hash, number, |number| rows[*number as usize].fingerprint.0);
        self.rows.last_mut()
    }

    /// The hash by which a series is looked for, and what it is known by.
    fn fingerprint(&self, kind: SeriesKind, name: &[u8]) -> (u64, (u64, u32)) {
        let [first, second] = self.key;
        let mut hasher = SipHasher13::new_with_keys(first, second);
        (kind as u8, name).hash(&mut hasher);
        let hash = hasher.finish128();
        #[expect(clippy::cast_possible_truncation, reason = "half of a half")]
        let more = hash.h2 as u32;
        (hash.h1, (hash.h1, more))
    }

    pub(super) fn bytes(&self) -> usize {
        let row = size_of::<Row>() + 2 * size_of::<u32>();
        let sketch = size_of::<Box<[u8]>>() + 2 * size_of::<usize>();
        self.rows.len() * row + self.sketches.len() * sketch + self.sketch_bytes
    }

    /// Makes everything anew without the series that were not seen since.
    fn clear_away(&mut self, oldest: u32) {
        let rows = std::mem::take(&mut self.rows);
        let mut sketches = std::mem::take(&mut self.sketches);
        self.table.clear();
        self.sketch_bytes = 0;
        for mut row in rows.into_iter().filter(|row| row.seen >= oldest) {
            if row.extra & TIMER != 0 {
                let kept = std::mem::take(&mut sketches[(row.extra & !TIMER) as usize]);
                self.sketch_bytes += kept.len();
                row.extra = TIMER | u32::try_from(self.sketches.len()).unwrap_or(u32::MAX);
                self.sketches.push(kept);
            }
            let number = u32::try_from(self.rows.len()).unwrap_or(u32::MAX);
            self.rows.push(row);
            let Self { table, rows, .. } = self;
            let hash = |number: &u32| rows[*number as usize].fingerprint.0;
            table.insert_unique(row.fingerprint.0, number, hash);
        }
    }
}

/// A histogram of the values of an interval, each as often as their rates say.
pub(super) fn histogram(values: Values<'_>, count: f64) -> Histogram {
    let histogram = match values {
        Values::Sketch(sketch) => sketch.clone(),
        Values::Exact(values) => {
            let mut histogram = Histogram::default();
            values.iter().for_each(|value| histogram.insert(*value, 1));
            histogram
        }
    };
    histogram.weighted_to(count)
}

#[cfg(test)]
mod tests {
    use gstatsd_aggregate::Window;

    use super::*;

    /// A snapshot of the ten seconds before one, with a counter and a timer.
    fn snapshot(timestamp: i64, counters: &[(&str, f64)], timers: &[(&str, &[f64])]) -> Snapshot {
        let mut snapshot = Snapshot::new(Window { timestamp, seconds: 10.0 });
        counters.iter().for_each(|(name, sum)| snapshot.push_counter(name.as_bytes(), *sum));
        timers.iter().for_each(|(name, values)| snapshot.push_timer(name.as_bytes(), values));
        snapshot
    }

    fn totals(totals: &Totals, snapshot: &Snapshot) -> Vec<String> {
        let shown = |series: Series<'_>| match series.state {
            State::Timer { .. } => match totals.of_timer(&series) {
                Some((sketch, start)) => format!("{} {} {start}", sketch.count(), sketch.sum()),
                None => "none".to_owned(),
            },
            _ => match totals.of_counter(&series) {
                Some(Total { value, start, is_monotonic }) => {
                    format!("{value} {start} {is_monotonic}")
                }
                None => "none".to_owned(),
            },
        };
        snapshot.series().map(shown).collect()
    }

    #[test]
    fn totals_grow_from_the_first_interval_of_a_series_on() {
        let mut all = Totals::new();
        let both = snapshot(110, &[("a", 2.0), ("b", 1.0)], &[("a", &[1.0, 4.0])]);
        all.take(&both, 60);
        assert_eq!(totals(&all, &both), ["2 5 100", "2 100 true", "1 100 true"]);
        all.take(&snapshot(120, &[("a", -3.0)], &[("a", &[8.0]), ("c", &[])]), 60);
        assert_eq!(totals(&all, &both), ["3 13 100", "-1 100 false", "1 100 true"]);
        let other = snapshot(0, &[("d", 0.0)], &[("c", &[])]);
        assert_eq!(totals(&all, &other), ["0 0 110", "none"]);
    }

    #[test]
    fn what_is_idle_is_forgotten_and_begins_anew_and_the_others_stay() {
        let mut all = Totals::new();
        let names: Vec<_> = (0..100).map(|number| format!("n{number}")).collect();
        let counters: Vec<_> = names.iter().map(|name| (name.as_str(), 1.0)).collect();
        let timers: Vec<_> = names.iter().map(|name| (name.as_str(), &[2.0][..])).collect();
        all.take(&snapshot(110, &counters, &timers), 60);
        for round in 1..=7 {
            all.take(&snapshot(110 + round * 10, &counters[..10], &timers[..20]), 60);
        }
        assert_eq!((all.rows.len(), all.sketches.len(), all.table.len()), (30, 20, 30));
        let bytes: usize = all.sketches.iter().map(|sketch| sketch.len()).sum();
        assert_eq!(all.sketch_bytes, bytes);
        let kept = snapshot(190, &counters[9..11], &timers[19..21]);
        assert_eq!(totals(&all, &kept), ["8 16 100", "none", "8 100 true", "none"]);
        all.take(&kept, 60);
        assert_eq!(totals(&all, &kept), ["9 18 100", "1 2 180", "9 100 true", "1 180 true"]);
    }

    #[test]
    fn what_there_is_no_room_for_has_no_total_and_the_others_go_on() {
        let mut all = Totals { bytes_max: 1, ..Totals::new() };
        let first = snapshot(110, &[("a", 1.0)], &[]);
        all.take(&first, 60);
        all.take(&snapshot(120, &[("a", 1.0), ("b", 1.0)], &[("c", &[1.0])]), 60);
        let asked = snapshot(0, &[("a", 0.0), ("b", 0.0)], &[("c", &[])]);
        assert_eq!(totals(&all, &asked), ["none", "2 100 true", "none"]);
    }

    #[test]
    fn a_sample_counts_as_often_as_its_rate_says() {
        let values = [1.0, 3.0];
        let weighed = histogram(Values::Exact(&values), 20.0);
        assert_eq!((weighed.count(), weighed.sum(), weighed.max()), (20, 40.0, Some(3.0)));
        assert_eq!(histogram(Values::Sketch(&weighed), 20.0), weighed);
        assert_eq!(histogram(Values::Exact(&[]), 0.0).count(), 0);
    }
}
