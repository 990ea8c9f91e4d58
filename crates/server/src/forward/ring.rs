//! The ring of a relay: which peer a name belongs to.
//!
//! It is that of the Node.js proxy (hashring 3.2 with its `md5`, 40 points for each node), so that
//! a relay of ours beside one of theirs sends every name to the same peer.

use md5::{Digest as _, Md5};

/// How many points a peer has on the ring.
const POINTS: usize = 40;

/// Consistent hashing: a name belongs to the first point at or after its own hash.
///
/// When a peer leaves, only its names move; when it comes back they come back.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Ring {
    /// Ascending; each with the number of its peer.
    points: Vec<(u32, usize)>,
}

impl Ring {
    /// A ring of peers, each with its number and its label, `host:port`.
    pub(crate) fn new<'a>(peers: impl IntoIterator<Item = (usize, &'a str)>) -> Self {
        let of_peer = |(number, label): (usize, &'a str)| {
            let point = move |index| (hash(format!("{label}-{index}").as_bytes()), number);
            (0..POINTS).map(point)
        };
        let mut points: Vec<_> = peers.into_iter().flat_map(of_peer).collect();
        points.sort_unstable();
        Self { points }
    }

    /// The peer of a name; `None` on an empty ring.
    pub(crate) fn peer(&self, name: &[u8]) -> Option<usize> {
        let hash = hash(name);
        let at = self.points.partition_point(|&(point, _)| point < hash);
        // Behind the last point comes the first.
        let (_, peer) = self.points.get(at).or_else(|| self.points.first())?;
        Some(*peer)
    }
}

/// The first four bytes of the MD5 of a text, the lowest first.
fn hash(text: &[u8]) -> u32 {
    let digest = Md5::digest(text);
    u32::from_le_bytes([digest[0], digest[1], digest[2], digest[3]])
}

#[cfg(test)]
mod tests {
    use std::collections::HashMap;

    use serde::Deserialize;

    use super::*;

    #[derive(Deserialize)]
    struct Vectors {
        hashring: Cases,
    }

    #[derive(Deserialize)]
    struct Cases {
        cases: Vec<Case>,
    }

    #[derive(Deserialize)]
    struct Case {
        nodes: Vec<String>,
        ring_points: usize,
        first_points: Vec<(u32, String)>,
        map: HashMap<String, String>,
        after_remove: Option<Removal>,
        after_readd: Option<Ringed>,
    }

    #[derive(Deserialize)]
    struct Removal {
        removed: String,
        #[serde(flatten)]
        ringed: Ringed,
    }

    #[derive(Deserialize)]
    struct Ringed {
        ring_points: usize,
        map: HashMap<String, String>,
    }

    fn ring<'a>(nodes: &'a [String], without: &str) -> Ring {
        let labels = nodes.iter().map(String::as_str).enumerate();
        Ring::new(labels.filter(|(_, label)| *label != without).collect::<Vec<(_, &'a str)>>())
    }

    fn check(ring: &Ring, nodes: &[String], map: &HashMap<String, String>) {
        for (name, node) in map {
            let peer = ring.peer(name.as_bytes()).unwrap();
            assert_eq!(&nodes[peer], node, "{name:?} among {nodes:?}");
        }
    }

    #[test]
    fn every_name_belongs_to_the_node_that_the_original_chose() {
        let vectors = include_str!("../../../../testdata/statsd.json");
        let Vectors { hashring } = serde_json::from_str(vectors).unwrap();
        assert!(hashring.cases.len() >= 4);
        for Case { nodes, ring_points, first_points, map, after_remove, after_readd } in
            hashring.cases
        {
            let whole = ring(&nodes, "");
            assert_eq!(whole.points.len(), ring_points);
            for (&(point, peer), (expected, node)) in whole.points.iter().zip(&first_points) {
                assert_eq!((point, &nodes[peer]), (*expected, node));
            }
            check(&whole, &nodes, &map);
            if let Some(Removal { removed, ringed }) = after_remove {
                let rest = ring(&nodes, &removed);
                assert_eq!(rest.points.len(), ringed.ring_points);
                check(&rest, &nodes, &ringed.map);
            }
            if let Some(ringed) = after_readd {
                assert_eq!(whole.points.len(), ringed.ring_points);
                check(&whole, &nodes, &ringed.map);
            }
        }
    }

    #[test]
    fn an_empty_ring_has_no_peer() {
        assert_eq!(Ring::default().peer(b"a"), None);
    }
}
