//! Repeaters: pass packets on as they came, to other StatsDs, beside aggregating them.

use std::io;
use std::sync::Arc;

use gstatsd_aggregate::{Captures, Glob};

use super::peer::Peer;
use super::queue::Packet;
use crate::config;

/// Every repeater.
pub(crate) struct Repeaters(Vec<Repeater>);

struct Repeater {
    peer: Peer,
    /// Only lines whose name matches one of these are passed on; empty is all.
    names: Vec<Glob>,
}

impl Repeaters {
    /// Starts the threads of the peers.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn start(configs: &[config::Repeater]) -> io::Result<Arc<Self>> {
        let start = |config: &config::Repeater| {
            let peer = Peer::start(&config.peer, config.queue_bytes, None)?;
            Ok(Repeater { peer, names: config.names.clone() })
        };
        configs.iter().map(start).collect::<io::Result<_>>().map(Self).map(Arc::new)
    }

    /// What a worker repeats with; `None` where there is no repeater.
    pub(crate) fn copier(self: &Arc<Self>) -> Option<Copier> {
        let outgoing: Vec<_> = self.0.iter().map(|_| Vec::new()).collect();
        let (repeaters, captures) = (Arc::clone(self), Captures::default());
        (!outgoing.is_empty()).then_some(Copier { repeaters, outgoing, captures })
    }

    /// To whom they pass things on.
    pub(crate) fn peers(&self) -> impl Iterator<Item = &Peer> {
        self.0.iter().map(|repeater| &repeater.peer)
    }
}

/// A worker's half of the repeaters: copies what a batch brings.
pub(crate) struct Copier {
    repeaters: Arc<Repeaters>,
    /// For each repeater, what the batch brought for it.
    outgoing: Vec<Vec<Packet>>,
    captures: Captures,
}

impl Copier {
    /// Copies a packet for every repeater that wants it, or some of its lines.
    pub(crate) fn packet(&mut self, packet: &[u8]) {
        for (repeater, outgoing) in self.repeaters.0.iter().zip(&mut self.outgoing) {
            let bytes = match repeater.names.as_slice() {
                [] => packet.to_vec(),
                names => matching_lines(packet, names, &mut self.captures),
            };
            if !bytes.is_empty() {
                outgoing.push(Packet { bytes, units: 1 });
            }
        }
    }

    /// Hands what was copied to the peers. To be called after each batch.
    pub(crate) fn settle(&mut self) {
        for (repeater, outgoing) in self.repeaters.0.iter().zip(&mut self.outgoing) {
            repeater.peer.queue.push(outgoing);
        }
    }
}

/// The lines of a packet whose names match, as they came.
fn matching_lines(packet: &[u8], names: &[Glob], captures: &mut Captures) -> Vec<u8> {
    let mut matching = Vec::new();
    for line in packet.split(|&byte| byte == b'\n') {
        let name = line.split(|&byte| byte == b':').next().unwrap_or_default();
        if !line.is_empty() && names.iter().any(|glob| glob.matches(name, captures)) {
            if !matching.is_empty() {
                matching.push(b'\n');
            }
            matching.extend_from_slice(line);
        }
    }
    matching
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_whose_name_matches_are_passed_on() {
        let names = ["web.**", "*.count"].map(|text| Glob::parse(text).unwrap());
        let matching = |packet: &[u8]| {
            String::from_utf8(matching_lines(packet, &names, &mut Captures::default())).unwrap()
        };
        let packet = b"web.a.b:1|c\nother:1|c\n\nx.count:2|c|#a:b\r\nx.y.count:1|c\nweb.\n";
        assert_eq!(matching(packet), "web.a.b:1|c\nx.count:2|c|#a:b\r\nweb.");
        assert_eq!(matching(b"other:1|c"), "");
    }
}
