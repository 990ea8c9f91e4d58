//! What to send.

use anyhow::ensure;

use crate::keys::{self, Key, Weights};
use crate::manifest::{Manifest, Tally};
use crate::packets::{self, Packets};

/// What to send. Two equal plans make the same packets.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Where the random choices begin.
    pub seed: u64,
    /// The number of samples; each is a line of its own.
    pub samples: u64,
    /// The number of different keys over all types, at least 1. With fewer keys than types that
    /// have a weight some types do not come up.
    pub keys: u32,
    /// How the keys, and so the samples, are spread over the types.
    pub kinds: Weights,
    /// The largest packet in bytes, filled with as many lines as fit, from
    /// [`Plan::PACKET_BYTES_MIN`] to [`Plan::PACKET_BYTES_MAX`]; `None` for one line a packet.
    pub packet_bytes_max: Option<usize>,
    /// Samples per second at most; `None` for as fast as the kernel takes them.
    pub rate_per_second: Option<f64>,
    /// The number of source ports, from 1 to 1,000. The samples of one key leave from one port.
    pub ports: usize,
    /// The share of the keys that have tags, from 0 to 1.
    pub tagged_share: f64,
    /// The share of the counter and meter samples that have a rate (one half or a quarter), from
    /// 0 to 1.
    pub sampled_share: f64,
}

impl Default for Plan {
    /// A thousand samples over a hundred keys, flat out, one line a packet, from one port.
    fn default() -> Self {
        Self {
            seed: 0,
            samples: 1_000,
            keys: 100,
            kinds: Weights::default(),
            packet_bytes_max: None,
            rate_per_second: None,
            ports: 1,
            tagged_share: 0.0,
            sampled_share: 0.0,
        }
    }
}

impl Plan {
    /// The smallest limit of a packet; any line fits into it.
    pub const PACKET_BYTES_MIN: usize = 128;

    /// What the names of the keys begin with.
    const STEM: &str = "load";

    /// The largest payload of a UDP datagram over IPv4.
    pub const PACKET_BYTES_MAX: usize = 65_507;

    /// The packets, always the same ones.
    ///
    /// # Errors
    ///
    /// A field is outside of its range; the error names it.
    pub fn packets(&self) -> anyhow::Result<Packets> {
        self.packets_named(Self::STEM)
    }

    /// The packets, with other names: `<stem>.<type>.<index>`.
    ///
    /// # Errors
    ///
    /// As [`Plan::packets`].
    pub(crate) fn packets_named(&self, stem: &str) -> anyhow::Result<Packets> {
        self.check()?;
        Ok(packets::draw(self, self.all_keys(stem)))
    }

    /// An empty count of what this plan sends.
    ///
    /// # Errors
    ///
    /// As [`Plan::packets`].
    pub fn tally(&self) -> anyhow::Result<Tally> {
        self.check()?;
        Ok(Tally::new(self.all_keys(Self::STEM)))
    }

    /// The manifest of a run in which everything is sent.
    ///
    /// # Errors
    ///
    /// As [`Plan::packets`].
    pub fn manifest(&self) -> anyhow::Result<Manifest> {
        let mut tally = self.tally()?;
        for packet in self.packets()? {
            tally.add(&packet);
        }
        Ok(tally.manifest())
    }

    fn all_keys(&self, stem: &str) -> Vec<Key> {
        keys::keys(stem, self.keys, &self.kinds, self.tagged_share)
    }

    fn check(&self) -> anyhow::Result<()> {
        ensure!(self.keys > 0, "keys: there must be at least one");
        ensure!(self.kinds.total() > 0, "kinds: no type has a weight");
        let (min, max) = (Self::PACKET_BYTES_MIN, Self::PACKET_BYTES_MAX);
        let fits = self.packet_bytes_max.is_none_or(|bytes| (min..=max).contains(&bytes));
        ensure!(fits, "packet_bytes_max: must lie in {min} to {max}");
        let is_rate = |rate: f64| rate.is_finite() && rate > 0.0;
        ensure!(self.rate_per_second.is_none_or(is_rate), "rate_per_second: must be above zero");
        ensure!((1..=1_000).contains(&self.ports), "ports: must lie in 1 to 1000");
        for (name, share) in
            [("tagged_share", self.tagged_share), ("sampled_share", self.sampled_share)]
        {
            ensure!((0.0..=1.0).contains(&share), "{name}: must lie in 0 to 1");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_outside_of_its_range_is_named() {
        let good = Plan::default();
        assert!(good.packets().is_ok());
        let bad = [
            ("keys", Plan { keys: 0, ..good.clone() }),
            ("kinds", Plan { kinds: "c=0".parse().unwrap(), ..good.clone() }),
            ("packet_bytes_max", Plan { packet_bytes_max: Some(127), ..good.clone() }),
            ("packet_bytes_max", Plan { packet_bytes_max: Some(65_508), ..good.clone() }),
            ("rate_per_second", Plan { rate_per_second: Some(0.0), ..good.clone() }),
            ("rate_per_second", Plan { rate_per_second: Some(f64::NAN), ..good.clone() }),
            ("ports", Plan { ports: 0, ..good.clone() }),
            ("ports", Plan { ports: 1_001, ..good.clone() }),
            ("tagged_share", Plan { tagged_share: 1.5, ..good.clone() }),
            ("sampled_share", Plan { sampled_share: -0.5, ..good.clone() }),
        ];
        for (field, plan) in bad {
            let error = plan.packets().expect_err(field).to_string();
            assert!(error.starts_with(&format!("{field}: ")), "{error}");
            assert!(plan.tally().is_err(), "{field}");
        }
    }
}
