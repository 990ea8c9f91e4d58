//! The keys of a plan: names, each of one type, in the proportions that the weights ask for.

use std::str::FromStr;

use anyhow::Context;
use gstatsd_wire::Kind;

/// How often each type comes up, in proportion to the others: `c=4,ms=3,g=2,s=1`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Weights([u32; Kind::ALL.len()]);

/// A key of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key {
    /// Different for each key, also without its type and tags.
    pub(crate) name: String,
    /// All samples of the key are of this type.
    pub(crate) kind: Kind,
    /// The text of the tags field without its `#`; empty for a key without tags.
    pub(crate) tags: String,
}

impl Weights {
    /// The weight of a type.
    #[must_use]
    pub fn of(&self, kind: Kind) -> u32 {
        self.0[kind as usize]
    }

    /// All weights together; 0 if no type has one.
    #[must_use]
    pub fn total(&self) -> u64 {
        self.0.iter().copied().map(u64::from).sum()
    }
}

impl Default for Weights {
    /// `c=4,ms=3,g=2,s=1`
    fn default() -> Self {
        let mut weights = [0; Kind::ALL.len()];
        weights[Kind::Counter as usize] = 4;
        weights[Kind::Timer as usize] = 3;
        weights[Kind::Gauge as usize] = 2;
        weights[Kind::Set as usize] = 1;
        Self(weights)
    }
}

impl FromStr for Weights {
    type Err = anyhow::Error;

    /// Reads `c=4,ms=3`; a type that is not named has no weight.
    fn from_str(text: &str) -> anyhow::Result<Self> {
        let mut weights = [0; Kind::ALL.len()];
        for part in text.split(',') {
            let (symbol, weight) =
                part.split_once('=').with_context(|| format!("`{part}` is not `type=weight`"))?;
            let kind = Kind::ALL.into_iter().find(|kind| kind.symbol() == symbol);
            let kind = kind.with_context(|| format!("`{symbol}` is no type"))?;
            weights[kind as usize] = weight
                .parse()
                .with_context(|| format!("`{weight}` is not a whole number from 0 to 2^32-1"))?;
        }
        Ok(Self(weights))
    }
}

/// Makes the keys `<stem>.<type>.<index>`.
///
/// Types alternate as smoothly as their weights allow, so that few keys hold several types too.
/// A share of the keys has tags, spread as evenly.
pub(crate) fn keys(stem: &str, count: u32, weights: &Weights, tagged_share: f64) -> Vec<Key> {
    let total = i64::try_from(weights.total()).expect("eight weights of 32 bits fit");
    // The smooth weighted round robin of nginx: all gain their weight, the largest pays for all.
    let mut credits = [0_i64; Kind::ALL.len()];
    let mut tags_owed = 0.0;
    let mut keys = Vec::new();
    for index in 0..count {
        for kind in Kind::ALL {
            credits[kind as usize] += i64::from(weights.of(kind));
        }
        let kind = Kind::ALL.into_iter().max_by_key(|kind| credits[*kind as usize]);
        let kind = kind.expect("there are types");
        credits[kind as usize] -= total;
        tags_owed += tagged_share;
        let is_tagged = tags_owed >= 1.0;
        if is_tagged {
            tags_owed -= 1.0;
        }
        keys.push(Key {
            name: format!("{stem}.{}.{index}", kind.word()),
            kind,
            tags: if is_tagged { format!("env:load,shard:{}", index % 8) } else { String::new() },
        });
    }
    keys
}

#[cfg(test)]
mod tests {
    use super::*;

    fn symbols(count: u32, weights: &str) -> Vec<&'static str> {
        let keys = keys("load", count, &weights.parse().unwrap(), 0.0);
        keys.iter().map(|key| key.kind.symbol()).collect()
    }

    #[test]
    fn types_come_in_the_proportion_of_their_weights_and_alternate() {
        let ten = symbols(10, "c=4,ms=3,g=2,s=1");
        for (symbol, count) in [("c", 4), ("ms", 3), ("g", 2), ("s", 1)] {
            assert_eq!(ten.iter().filter(|found| **found == symbol).count(), count, "{symbol}");
        }
        assert!(ten[..4].contains(&"c") && ten[..4].contains(&"ms") && ten[..4].contains(&"g"));
        assert_eq!(symbols(3, "s=5"), ["s", "s", "s"]);
    }

    #[test]
    fn a_share_of_the_keys_has_tags() {
        let keys = keys("load", 100, &Weights::default(), 0.25);
        assert_eq!(keys.iter().filter(|key| !key.tags.is_empty()).count(), 25);
        assert_eq!(keys[3].tags, "env:load,shard:3");
        assert_eq!(keys[3].name, "load.counter.3");
    }

    #[test]
    fn weights_are_read_or_refused_with_the_part_that_is_wrong() {
        assert_eq!("c=4,ms=3,g=2,s=1".parse::<Weights>().unwrap(), Weights::default());
        assert_eq!("h=7".parse::<Weights>().unwrap().of(Kind::Histogram), 7);
        for (text, error) in [
            ("c", "`c` is not `type=weight`"),
            ("c=1,x=2", "`x` is no type"),
            ("c=-1", "`-1` is not a whole number from 0 to 2^32-1"),
        ] {
            assert_eq!(text.parse::<Weights>().unwrap_err().to_string(), error);
        }
    }
}
