//! Aggregation in the client: counters are added up, and of a gauge the last value is kept.

use std::collections::HashMap;
use std::hash::{BuildHasher, Hasher, RandomState};

use gstatsd_wire::Kind;

use crate::Reason;
use crate::number::{Number, Rounding, write};

/// The most keys in a table; metrics of further ones are sent as they come.
const KEYS_MAX: usize = 16_384;
/// A key that had nothing for so many intervals is forgotten.
const IDLE_MAX: u8 = 8;

/// Counters or gauges by their keys.
pub(crate) struct Table {
    entries: HashMap<Box<[u8]>, Entry, Seed>,
    /// Room for the key that is looked for.
    key: Vec<u8>,
    /// How many keys have something to tell.
    fresh: usize,
    /// How many metrics were taken.
    taken: u64,
}

/// What is kept of one key. The key is the line without its value.
struct Entry {
    /// Where in the key the value belongs.
    value_at: usize,
    sum: Sum,
    /// The digits of a gauge.
    last: Vec<u8>,
    is_fresh: bool,
    /// Intervals since there was something to tell.
    idle: u8,
}

/// Whole numbers stay exact as long as they fit.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Sum {
    Whole(i64),
    Float(f64),
}

impl Table {
    pub(crate) fn new() -> Self {
        Self { entries: HashMap::with_hasher(Seed::new()), key: Vec::new(), fresh: 0, taken: 0 }
    }

    /// Whether there is anything to tell.
    pub(crate) fn is_fresh(&self) -> bool {
        self.fresh > 0
    }

    /// How many metrics were taken.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// Takes a number of a counter or a gauge. `key` appends the line without its value, and says
    /// where the value belongs. `false` where there is no room for the key.
    ///
    /// # Errors
    ///
    /// Why no line could say it.
    pub(crate) fn take(
        &mut self,
        number: Number<'_>,
        kind: Kind,
        rounding: Rounding,
        key: impl FnOnce(&mut Vec<u8>) -> Result<usize, Reason>,
    ) -> Result<bool, Reason> {
        if !number.as_f64().is_finite() {
            return Err(Reason::NonFinite);
        }
        self.key.clear();
        let value_at = key(&mut self.key)?;
        let is_new = if let Some(entry) = self.entries.get_mut(&self.key[..]) {
            entry.take(number, kind, rounding)
        } else if self.entries.len() < KEYS_MAX {
            let mut entry = Entry::new(value_at);
            entry.take(number, kind, rounding);
            self.entries.insert(self.key.as_slice().into(), entry);
            true
        } else {
            return Ok(false);
        };
        self.fresh += usize::from(is_new);
        self.taken += 1;
        Ok(true)
    }

    /// Appends a line with a newline for each key that has something to tell, and begins anew.
    pub(crate) fn drain(&mut self, rounding: Rounding, out: &mut Vec<u8>) {
        self.entries.retain(|key, entry| {
            if !entry.is_fresh {
                entry.idle += 1;
                return entry.idle <= IDLE_MAX;
            }
            let start = out.len();
            out.extend_from_slice(&key[..entry.value_at]);
            if entry.write(rounding, out) {
                out.extend_from_slice(&key[entry.value_at..]);
                out.push(b'\n');
            } else {
                out.truncate(start);
            }
            entry.is_fresh = false;
            entry.sum = Sum::Whole(0);
            true
        });
        self.fresh = 0;
    }
}

impl Entry {
    fn new(value_at: usize) -> Self {
        Self { value_at, sum: Sum::Whole(0), last: Vec::new(), is_fresh: false, idle: 0 }
    }

    /// Takes a number, and says whether it is the first of the interval.
    fn take(&mut self, number: Number<'_>, kind: Kind, rounding: Rounding) -> bool {
        if kind == Kind::Gauge {
            self.last.clear();
            write(number, kind, rounding, &mut self.last);
        } else {
            self.sum.add(number);
        }
        self.idle = 0;
        !std::mem::replace(&mut self.is_fresh, true)
    }

    fn write(&self, rounding: Rounding, out: &mut Vec<u8>) -> bool {
        if !self.last.is_empty() {
            out.extend_from_slice(&self.last);
            return true;
        }
        let number = match self.sum {
            Sum::Whole(number) => Number::from(number),
            // A sum is held at the edge of a double, as the receiver does.
            Sum::Float(number) => Number::from(number.clamp(f64::MIN, f64::MAX)),
        };
        write(number, Kind::Counter, rounding, out)
    }
}

impl Sum {
    fn add(&mut self, number: Number<'_>) {
        let whole = match *self {
            Self::Whole(sum) => number.as_i64().and_then(|number| sum.checked_add(number)),
            Self::Float(_) => None,
        };
        *self = whole.map_or_else(|| Self::Float(self.as_f64() + number.as_f64()), Self::Whole);
    }

    fn as_f64(self) -> f64 {
        match self {
            Self::Whole(number) => number as f64,
            Self::Float(number) => number,
        }
    }
}

/// A hash of few instructions, seeded by chance so that nobody can choose names that collide.
#[derive(Clone, Copy)]
struct Seed(u64, u64);

struct Folded(u64, u64);

impl Seed {
    fn new() -> Self {
        let random = RandomState::new();
        Self(random.hash_one(1), random.hash_one(2) | 1)
    }
}

impl BuildHasher for Seed {
    type Hasher = Folded;

    fn build_hasher(&self) -> Folded {
        Folded(self.0, self.1)
    }
}

impl Folded {
    /// Both halves of the product of two numbers, one over the other.
    fn fold(&mut self, number: u64) {
        let product = u128::from(self.0 ^ number) * u128::from(self.1 ^ 0x9e37_79b9_7f4a_7c15);
        let bytes = product.to_le_bytes();
        let (low, high) = bytes.split_at(8);
        self.0 = word(low) ^ word(high);
    }
}

impl Hasher for Folded {
    fn write(&mut self, bytes: &[u8]) {
        let chunks = bytes.chunks_exact(8);
        let rest = chunks.remainder();
        chunks.for_each(|chunk| self.fold(word(chunk)));
        self.fold(word(rest) ^ (bytes.len() as u64) << 56);
    }

    fn write_usize(&mut self, number: usize) {
        self.fold(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

/// Up to eight bytes as a number.
fn word(bytes: &[u8]) -> u64 {
    match bytes.try_into() {
        Ok(bytes) => u64::from_le_bytes(bytes),
        Err(_) => bytes.iter().rev().fold(0, |word, byte| word << 8 | u64::from(*byte)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::IntoNumber;

    fn take(table: &mut Table, kind: Kind, name: &str, number: impl IntoNumber) -> bool {
        table
            .take(number.into_number(), kind, Rounding::Exact, |key| Ok(write_key(name, kind, key)))
            .unwrap()
    }

    fn write_key(name: &str, kind: Kind, key: &mut Vec<u8>) -> usize {
        key.extend_from_slice(name.as_bytes());
        key.push(b':');
        let value_at = key.len();
        key.extend_from_slice(format!("|{}", kind.symbol()).as_bytes());
        value_at
    }

    fn drained(table: &mut Table) -> Vec<String> {
        let mut out = Vec::new();
        table.drain(Rounding::Exact, &mut out);
        let mut lines: Vec<_> =
            String::from_utf8(out).unwrap().lines().map(str::to_owned).collect();
        lines.sort_unstable();
        lines
    }

    #[test]
    fn counters_are_added_up_and_gauges_keep_their_last_value() {
        let mut table = Table::new();
        take(&mut table, Kind::Counter, "a", 2);
        take(&mut table, Kind::Counter, "a", -5);
        take(&mut table, Kind::Counter, "b", 0.5);
        take(&mut table, Kind::Counter, "b", 1);
        take(&mut table, Kind::Gauge, "a", 1);
        take(&mut table, Kind::Gauge, "a", 2.5);
        assert!(table.is_fresh());
        assert_eq!(drained(&mut table), ["a:-3|c", "a:2.5|g", "b:1.5|c"]);
        assert!(!table.is_fresh());
        assert!(drained(&mut table).is_empty());
        take(&mut table, Kind::Counter, "a", 1);
        assert_eq!(drained(&mut table), ["a:1|c"]);
    }

    #[test]
    fn sums_beyond_64_bits_become_doubles_and_stay_finite() {
        let mut table = Table::new();
        take(&mut table, Kind::Counter, "a", i64::MAX);
        take(&mut table, Kind::Counter, "a", u64::MAX);
        take(&mut table, Kind::Counter, "b", f64::MAX);
        take(&mut table, Kind::Counter, "b", f64::MAX);
        let lines = drained(&mut table);
        assert_eq!(lines, ["a:2.7670116110564327e19|c", "b:1.7976931348623157e308|c"]);
    }

    #[test]
    fn idle_keys_are_forgotten_and_a_full_table_takes_no_more() {
        let mut table = Table::new();
        for key in 0..KEYS_MAX {
            assert!(take(&mut table, Kind::Counter, &key.to_string(), 1));
        }
        assert!(!take(&mut table, Kind::Counter, "x", 1));
        assert!(take(&mut table, Kind::Counter, "0", 1));
        assert_eq!(drained(&mut table).len(), KEYS_MAX);
        for _ in 0..IDLE_MAX {
            assert!(drained(&mut table).is_empty());
        }
        assert!(!take(&mut table, Kind::Counter, "x", 1));
        drained(&mut table);
        assert!(take(&mut table, Kind::Counter, "x", 1));
        assert_eq!(table.entries.len(), 1);
    }

    #[test]
    fn what_no_line_could_say_is_refused() {
        let mut table = Table::new();
        let mut take = |number: f64, key: Result<usize, Reason>| {
            table.take(number.into_number(), Kind::Gauge, Rounding::Exact, |_| key)
        };
        assert_eq!(take(f64::NAN, Ok(0)), Err(Reason::NonFinite));
        assert_eq!(take(1.0, Err(Reason::EmptyName)), Err(Reason::EmptyName));
        assert!(!table.is_fresh());
    }
}
