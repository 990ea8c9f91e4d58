//! Whose names are new: the prefixes of series that were made or refused lately, in bounded memory.
//!
//! ```text
//! shop.cart.user17.clicks    shop    shop.cart    shop.cart.user17
//! session8172631             session
//! ```
//!
//! A name counts for up to three prefixes, each of which ends before a dot; one without a dot for
//! what stands before its first digit. Of a prefix and a longer one that has nearly all of its
//! names the longer one is told. There are more prefixes than we care to remember, so only some are
//! counted, and when one more comes than there is room for, each that is known loses one (Misra
//! and Gries, "Finding repeated elements", 1982). No count is above the true one.

/// How many prefixes are counted at once.
const PREFIXES_MAX: usize = 48;
/// How many prefixes of one name are counted, and how long they are at most, in bytes.
const LEVELS: usize = 3;
const PREFIX_BYTES_MAX: usize = 64;
/// One of so many names is looked at.
const SAMPLE: u32 = 8;
/// Before so many were looked at nobody is among the heaviest.
const SEEN_MIN: u64 = 64;
/// Who makes at least this part of all new series is among the heaviest.
const HEAVY: u64 = 5;

/// Counts of new series by prefix.
#[derive(Clone, Debug, Default)]
pub struct Newcomers {
    /// How many names came since one was looked at.
    skipped: u32,
    /// How many were looked at.
    seen: u64,
    /// In no order, none of them 0.
    counts: Vec<(Box<[u8]>, u64)>,
}

impl Newcomers {
    /// A series of this name is new, and was made or refused.
    pub(crate) fn saw(&mut self, name: &[u8]) {
        self.skipped += 1;
        if self.skipped >= SAMPLE {
            self.skipped = 0;
            self.seen += 1;
            prefixes(name).for_each(|prefix| self.count(prefix, 1));
        }
    }

    /// Adds what others have counted.
    pub fn add(&mut self, others: &Self) {
        self.seen += others.seen;
        others.counts.iter().for_each(|(prefix, count)| self.count(prefix, *count));
    }

    /// What came counts half from now on.
    pub(crate) fn fade(&mut self) {
        self.seen /= 2;
        self.counts.iter_mut().for_each(|(_, count)| *count /= 2);
        self.counts.retain(|(_, count)| *count > 0);
    }

    /// Whether a name has one of the prefixes that make the most of the new series.
    pub(crate) fn is_heavy(&self, name: &[u8]) -> bool {
        let count = |prefix: &[u8]| self.counts.iter().find(|(known, _)| **known == *prefix);
        self.seen >= SEEN_MIN
            && prefixes(name)
                .filter_map(count)
                .any(|(prefix, count)| count * HEAVY >= self.seen && self.is_told(prefix, *count))
    }

    /// The prefixes that most of the new series have, the first one before the others, and how
    /// many of a hundred have each.
    #[must_use]
    pub fn heaviest(&self, count: usize) -> Vec<(&[u8], u64)> {
        if self.seen < SEEN_MIN {
            return Vec::new();
        }
        let told = self.counts.iter().filter(|(prefix, count)| self.is_told(prefix, *count));
        let mut told: Vec<_> = told.map(|(prefix, count)| (&**prefix, *count)).collect();
        told.sort_unstable_by_key(|(prefix, count)| (u64::MAX - count, *prefix));
        told.truncate(count);
        told.into_iter()
            .map(|(prefix, count)| (prefix, count * 100 / self.seen))
            .filter(|(_, percent)| *percent > 0)
            .collect()
    }

    /// Whether no longer prefix has nearly all of its names.
    fn is_told(&self, prefix: &[u8], count: u64) -> bool {
        self.counts.iter().all(|(longer, of_longer)| {
            longer.len() <= prefix.len() || !longer.starts_with(prefix) || of_longer * 5 < count * 4
        })
    }

    fn count(&mut self, prefix: &[u8], more: u64) {
        if let Some((_, count)) = self.counts.iter_mut().find(|(known, _)| **known == *prefix) {
            *count += more;
        } else if self.counts.len() < PREFIXES_MAX {
            self.counts.push((prefix.into(), more));
        } else {
            let least = self.counts.iter().map(|(_, count)| *count).min().unwrap_or(0).min(more);
            self.counts.iter_mut().for_each(|(_, count)| *count -= least);
            self.counts.retain(|(_, count)| *count > 0);
            if more > least {
                self.counts.push((prefix.into(), more - least));
            }
        }
    }
}

/// The prefixes of a name.
fn prefixes(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    let dots = name.iter().enumerate().filter(|(_, byte)| **byte == b'.').map(|(at, _)| at);
    let digit = || name.iter().position(u8::is_ascii_digit);
    let whole = if name.contains(&b'.') { None } else { digit() };
    let ends = dots.take(LEVELS).chain(whole);
    ends.filter(|end| (1..=PREFIX_BYTES_MAX).contains(end)).map(|end| &name[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(names: impl Iterator<Item = String>) -> Newcomers {
        let mut newcomers = Newcomers::default();
        for name in names {
            // As many as are looked at.
            (0..SAMPLE).for_each(|_| newcomers.saw(name.as_bytes()));
        }
        newcomers
    }

    #[test]
    fn prefixes_end_before_a_dot_or_else_before_a_digit() {
        let of = |name: &'static str| -> Vec<_> { prefixes(name.as_bytes()).collect() };
        assert_eq!(of("a.bc.d.e.f"), [&b"a"[..], b"a.bc", b"a.bc.d"]);
        assert_eq!(of("user17x8"), [b"user"]);
        assert_eq!(of("plain"), [b""; 0]);
        assert_eq!(of("17"), [b""; 0]);
        let long = format!("{}.b", "x".repeat(PREFIX_BYTES_MAX + 1));
        assert_eq!(prefixes(long.as_bytes()).count(), 0);
    }

    #[test]
    fn who_makes_the_names_is_found_at_the_right_depth_in_bounded_memory() {
        let names = (0..20_000_u32).map(|number| match number % 4 {
            0 | 1 => format!("shop.cart.user{number}.clicks"),
            2 => format!("session{number}"),
            _ => format!("app{}.x{}.y", number % 1_000, number),
        });
        let newcomers = of(names);
        assert!(newcomers.counts.len() <= PREFIXES_MAX);
        let heaviest = newcomers.heaviest(2);
        assert_eq!(
            heaviest.iter().map(|(prefix, _)| *prefix).collect::<Vec<_>>(),
            [&b"shop.cart"[..], b"session"]
        );
        assert!((30..=50).contains(&heaviest[0].1), "{heaviest:?}");
        assert!(newcomers.is_heavy(b"shop.cart.user1.views"));
        assert!(!newcomers.is_heavy(b"shop.checkout.done"), "it is beside those that are many");
        assert!(!newcomers.is_heavy(b"app7.x.y") && !newcomers.is_heavy(b"other"));
    }

    #[test]
    fn what_came_long_ago_fades_and_workers_are_added_up() {
        let mut newcomers = of((0..200).map(|number| format!("a.{number}")));
        newcomers.add(&of((0..600).map(|number| format!("b.{number}"))));
        assert_eq!(newcomers.heaviest(5), [(&b"b"[..], 75), (b"a", 25)]);
        (0..10).for_each(|_| newcomers.fade());
        assert_eq!((newcomers.heaviest(5), newcomers.counts.len()), (Vec::new(), 0));
    }
}
