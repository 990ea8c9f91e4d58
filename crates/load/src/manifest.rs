//! What was sent: in total, per type and per key.

use std::collections::BTreeMap;

use gstatsd_wire::Kind;
use serde::{Deserialize, Serialize};

use crate::keys::Key;
use crate::packets::{MEMBERS_MAX, Packet};

/// What was sent. Every sum is below 2^53, so it is exact in a double too.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// Datagrams.
    pub packets: u64,
    /// Lines in them; each holds one sample.
    pub lines: u64,
    /// Samples.
    pub samples: u64,
    /// Bytes of the datagrams, without headers.
    pub bytes: u64,
    /// By the type as it is written, `ms` for instance; types that were not sent are missing.
    pub kinds: BTreeMap<String, KindTotals>,
    /// By name; keys that were not sent are missing.
    pub keys: BTreeMap<String, KeyTotals>,
}

/// What was sent of one type.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KindTotals {
    /// Keys.
    pub keys: u64,
    /// Samples.
    pub samples: u64,
    /// The sums of the keys.
    pub sum: u64,
}

/// What was sent of one key.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyTotals {
    /// The type as it is written, `ms` for instance.
    pub kind: String,
    /// The text of the tags without `#`; empty for a key without tags.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub tags: String,
    /// Samples.
    pub samples: u64,
    /// The values together, each divided by its rate; 0 for a set.
    pub sum: u64,
    /// The smallest value; 0 for a set.
    pub lower: u64,
    /// The largest value; 0 for a set.
    pub upper: u64,
    /// The last value of a gauge.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last: Option<u64>,
    /// The number of different members of a set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub members: Option<u64>,
}

/// Counts packets while they are sent.
#[derive(Clone, Debug)]
pub struct Tally {
    keys: Vec<Key>,
    /// By the index of the key.
    counts: Vec<Count>,
    packets: u64,
    bytes: u64,
}

#[derive(Clone, Debug, Default)]
struct Count {
    samples: u64,
    sum: u64,
    lower: u32,
    upper: u32,
    last: u32,
    /// A bit for each member of a set that was sent.
    members: Option<Box<[u64; MEMBERS_MAX as usize / 64]>>,
}

impl Tally {
    /// Nothing was sent yet.
    pub(crate) fn new(keys: Vec<Key>) -> Self {
        let counts = vec![Count::default(); keys.len()];
        Self { keys, counts, packets: 0, bytes: 0 }
    }

    /// Counts a packet of the plan this tally was made from.
    ///
    /// # Panics
    ///
    /// The packet holds a key that the plan does not have.
    pub fn add(&mut self, packet: &Packet) {
        self.packets += 1;
        self.bytes += packet.bytes.len() as u64;
        for reading in &packet.readings {
            let index = reading.key as usize;
            let count = &mut self.counts[index];
            if self.keys[index].kind == Kind::Set {
                count.add_member(reading.value);
            } else {
                count.add_number(reading.value, reading.events);
            }
        }
    }

    /// What was counted so far.
    #[must_use]
    pub fn manifest(&self) -> Manifest {
        let mut manifest =
            Manifest { packets: self.packets, bytes: self.bytes, ..Manifest::default() };
        for (key, count) in self.keys.iter().zip(&self.counts) {
            if count.samples == 0 {
                continue;
            }
            let kind = manifest.kinds.entry(key.kind.symbol().to_owned()).or_default();
            kind.keys += 1;
            kind.samples += count.samples;
            kind.sum += count.sum;
            manifest.samples += count.samples;
            manifest.keys.insert(key.name.clone(), count.totals(key));
        }
        manifest.lines = manifest.samples;
        manifest
    }
}

impl Count {
    fn add_number(&mut self, value: u32, events: u32) {
        self.lower = if self.samples == 0 { value } else { self.lower.min(value) };
        self.upper = self.upper.max(value);
        self.last = value;
        self.samples += 1;
        self.sum += u64::from(value) * u64::from(events);
        assert!(self.sum < 1 << 53, "a sum must stay exact in a double");
    }

    fn add_member(&mut self, member: u32) {
        let members = self.members.get_or_insert_default();
        members[member as usize / 64] |= 1 << (member % 64);
        self.samples += 1;
    }

    fn totals(&self, key: &Key) -> KeyTotals {
        let bits = |members: &[u64]| members.iter().map(|word| u64::from(word.count_ones())).sum();
        KeyTotals {
            kind: key.kind.symbol().to_owned(),
            tags: key.tags.clone(),
            samples: self.samples,
            sum: self.sum,
            lower: self.lower.into(),
            upper: self.upper.into(),
            last: (matches!(key.kind, Kind::Gauge | Kind::KeyValue)).then(|| self.last.into()),
            members: self.members.as_ref().map(|members| bits(members.as_slice())),
        }
    }
}
