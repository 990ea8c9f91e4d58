//! All series that a scrape shows, with their totals since they were first seen.
//!
//! ```text
//! text      |shop_orders.|shop_render.|...          identities, one after the other
//! table     hash of an identity --> number of its series
//! series    value, when it was last seen, ...       by number
//! order     numbers in the order of the identities
//! rows      sum, quantile, quantile, ...            of each timer; or counts up to bounds
//! natives   histogram                               of each timer, where they are native
//! ```

mod image;

use std::hash::BuildHasher as _;

use hashbrown::HashTable;
use hashbrown::hash_table::Entry as Place;
use std::collections::hash_map::RandomState;

use gstatsd_sketch::Histogram;

use super::identity::{self, Kind};
use super::timers::{self, TimerForm};

/// A series as a scrape shows it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Series {
    /// Where the identity begins in the text.
    start: u32,
    length: u32,
    /// The number of the flush that brought it last.
    pub(super) seen: u32,
    /// When it began to count, in seconds since the epoch.
    pub(super) created: u32,
    /// Of a counter its total, of a timer the number of its samples, else the value.
    pub(super) value: f64,
    /// The number of its row; of a timer.
    pub(super) row: u32,
}

/// What an interval brought for a series.
#[derive(Clone, Copy, Debug)]
pub(super) enum News<'a> {
    /// So much more.
    More(f64),
    /// This is the value now.
    Now(f64),
    /// So many samples with this sum, and the quantiles of the interval, or how many of them are
    /// up to each bound.
    Timer { count: f64, sum: f64, numbers: &'a [f64] },
}

/// Every series, and those that are gone until they are cleared away.
#[derive(Debug)]
pub(super) struct Registry {
    text: Vec<u8>,
    table: HashTable<u32>,
    hasher: RandomState,
    series: Vec<Series>,
    order: Vec<u32>,
    /// Of each timer its sum, and a number for each quantile or bound.
    rows: Vec<f64>,
    /// Of each timer its histogram, where those are native.
    natives: Vec<Histogram>,
    form: TimerForm,
    /// How many numbers a row has.
    width: usize,
    /// The number of the flush that was last taken in.
    flush: u32,
    /// The identity that is looked for.
    wanted: Vec<u8>,
    is_sorted: bool,
    /// How long all identities together may be.
    text_bytes_max: usize,
    /// How often something came of a new series that there was no room for.
    pub(super) refused: u64,
}

impl Registry {
    pub(super) fn new(form: &TimerForm, text_bytes_max: usize) -> Self {
        Self {
            text: Vec::new(),
            table: HashTable::new(),
            hasher: RandomState::new(),
            series: Vec::new(),
            order: Vec::new(),
            rows: Vec::new(),
            natives: Vec::new(),
            form: form.clone(),
            width: 1 + form.numbers(),
            flush: 0,
            wanted: Vec::new(),
            is_sorted: true,
            // Places in the text have 32 bits.
            text_bytes_max: text_bytes_max.min(1 << 31),
            refused: 0,
        }
    }

    /// About how much memory it takes, in bytes.
    pub(super) fn bytes(&self) -> usize {
        // A place of the table has a byte beside the number, and an eighth of them are free.
        let table = self.table.capacity() * 8 / 7 * (size_of::<u32>() + 1);
        let natives: usize = self.natives.iter().map(Histogram::bytes).sum();
        table
            + self.text.capacity()
            + self.series.capacity() * size_of::<Series>()
            + self.order.capacity() * size_of::<u32>()
            + self.rows.capacity() * size_of::<f64>()
            + natives
    }

    /// Begins to take in a flush.
    pub(super) fn begin(&mut self) {
        self.flush += 1;
    }

    /// Takes in what came of a series; where it is new it counts from `created` on. Without room
    /// for a new one it is refused, and counted so. Gives the number of its row, which only timers
    /// have.
    pub(super) fn take(
        &mut self,
        kind: Kind,
        name: &[u8],
        news: News<'_>,
        created: u32,
    ) -> Option<u32> {
        let Some(number) = self.number(kind, name, created) else {
            self.refused += 1;
            return None;
        };
        let flush = self.flush;
        let series = &mut self.series[number as usize];
        let is_first = series.seen != flush;
        series.seen = flush;
        match news {
            News::More(more) => series.value = (series.value + more).clamp(f64::MIN, f64::MAX),
            // Of several that are one here the greatest counts, in whatever order they come.
            News::Now(value) if is_first => series.value = value,
            News::Now(value) => series.value = series.value.max(value),
            News::Timer { count, sum, numbers } => {
                series.value = (series.value + count).clamp(f64::MIN, f64::MAX);
                let row = &mut self.rows[series.row as usize * self.width..][..self.width];
                row[0] = (row[0] + sum).clamp(f64::MIN, f64::MAX);
                let adds = matches!(self.form, TimerForm::Histogram(_));
                for (old, new) in row[1..].iter_mut().zip(numbers) {
                    *old = match adds {
                        true => *old + *new,
                        false if is_first => *new,
                        false => old.max(*new),
                    };
                }
            }
        }
        Some(series.row)
    }

    /// The histogram of a row, where they are native.
    pub(super) fn native(&mut self, row: u32) -> Option<&mut Histogram> {
        self.natives.get_mut(row as usize)
    }

    /// The same to be read.
    pub(super) fn native_of(&self, series: &Series) -> Option<&Histogram> {
        self.natives.get(series.row as usize)
    }

    /// Ends a flush: forgets what the last `flushes_max` did not bring, and puts the rest in order.
    pub(super) fn end(&mut self, flushes_max: u32) {
        let oldest = self.flush.saturating_sub(flushes_max);
        let gone = self.series.iter().filter(|series| series.seen <= oldest).count();
        // Some are kept for a while, so that the work is shared by many.
        if self.flush > flushes_max && gone * 8 > self.series.len() {
            self.clear_away(oldest);
        }
        if !self.is_sorted {
            let Self { order, series, text, .. } = self;
            order.sort_unstable_by(|left, right| {
                let identity = |number: &u32| identity_of(text, &series[*number as usize]);
                identity(left).cmp(identity(right))
            });
            self.is_sorted = true;
        }
    }

    /// The series from the one on whose identity is not below `from`, in order, that the last
    /// `flushes_max` flushes brought.
    pub(super) fn from(
        &self,
        from: &[u8],
        flushes_max: u32,
    ) -> impl Iterator<Item = (&[u8], &Series)> {
        let oldest = i64::from(self.flush) - i64::from(flushes_max);
        let identity = |number: &u32| identity_of(&self.text, &self.series[*number as usize]);
        let start = self.order.partition_point(|number| identity(number) < from);
        self.order[start..]
            .iter()
            .map(move |number| (identity(number), &self.series[*number as usize]))
            .filter(move |(_, series)| i64::from(series.seen) > oldest)
    }

    /// How many series there are, those among them that are gone.
    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// The series of this place in the order of the identities.
    pub(super) fn at(&self, place: usize) -> (&[u8], &Series) {
        let series = &self.series[self.order[place] as usize];
        (identity_of(&self.text, series), series)
    }

    /// For how many flushes nothing has come of a series.
    pub(super) fn idle_flushes(&self, series: &Series) -> u32 {
        self.flush - series.seen
    }

    /// The sum of a timer, and its quantiles where the last `flushes_max` flushes brought any.
    pub(super) fn row(&self, series: &Series, flushes_max: u32) -> (f64, Option<&[f64]>) {
        let row = &self.rows[series.row as usize * self.width..][..self.width];
        (row[0], (self.flush - series.seen < flushes_max).then_some(&row[1..]))
    }

    /// How many samples of a timer there were up to each bound.
    pub(super) fn counts(&self, series: &Series) -> &[f64] {
        &self.rows[series.row as usize * self.width..][1..self.width]
    }

    /// The number of a series, which is made where it is new and there is room.
    fn number(&mut self, kind: Kind, name: &[u8], created: u32) -> Option<u32> {
        let mut wanted = std::mem::take(&mut self.wanted);
        wanted.clear();
        identity::write(kind, name, &mut wanted);
        let number = self.number_of(kind, &wanted, created);
        self.wanted = wanted;
        number
    }

    /// The same, by its identity.
    fn number_of(&mut self, kind: Kind, wanted: &[u8], created: u32) -> Option<u32> {
        let Self { text, table, hasher, series, .. } = self;
        let is_it = |number: &u32| identity_of(text, &series[*number as usize]) == wanted;
        let hash = |number: &u32| hasher.hash_one(identity_of(text, &series[*number as usize]));
        let vacant = match table.entry(hasher.hash_one(wanted), is_it, hash) {
            Place::Occupied(occupied) => return Some(*occupied.get()),
            Place::Vacant(_) if text.len() + wanted.len() > self.text_bytes_max => return None,
            Place::Vacant(vacant) => vacant,
        };
        let fits = |length: usize| u32::try_from(length).expect("the text stays below 2 GiB");
        let number = fits(series.len());
        vacant.insert(number);
        let row = if kind == Kind::Timer {
            self.rows.resize(self.rows.len() + self.width, 0.0);
            if self.form == TimerForm::Native {
                self.natives.push(timers::native());
            }
            fits(self.rows.len() / self.width - 1)
        } else {
            0
        };
        let (start, length) = (fits(text.len()), fits(wanted.len()));
        series.push(Series { start, length, seen: 0, created, value: 0.0, row });
        text.extend_from_slice(wanted);
        self.order.push(number);
        self.is_sorted = false;
        Some(number)
    }

    /// Makes everything anew without the series that were last seen at this flush or before.
    fn clear_away(&mut self, oldest: u32) {
        let empty = Self::new(&self.form, self.text_bytes_max);
        let mut old = std::mem::replace(self, empty);
        (self.flush, self.refused) = (old.flush, old.refused);
        for number in old.order {
            let series = old.series[number as usize];
            if series.seen <= oldest {
                continue;
            }
            let identity = identity_of(&old.text, &series);
            let fits = |length: usize| u32::try_from(length).expect("there were more before");
            let (number, mut kept) = (fits(self.series.len()), series);
            kept.start = fits(self.text.len());
            self.text.extend_from_slice(identity);
            if identity::read(identity).1 == Kind::Timer {
                kept.row = fits(self.rows.len() / self.width);
                let row = &old.rows[series.row as usize * self.width..][..self.width];
                self.rows.extend_from_slice(row);
                let native = old.natives.get_mut(series.row as usize).map(std::mem::take);
                self.natives.extend(native);
            }
            self.series.push(kept);
            self.order.push(number);
            let Self { text, table, hasher, series, .. } = self;
            let hash = |number: &u32| hasher.hash_one(identity_of(text, &series[*number as usize]));
            table.insert_unique(hasher.hash_one(identity), number, hash);
        }
        self.is_sorted = old.is_sorted;
    }
}

fn identity_of<'t>(text: &'t [u8], series: &Series) -> &'t [u8] {
    &text[series.start as usize..][..series.length as usize]
}
