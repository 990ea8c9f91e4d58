//! Repeaters and the relay: from `[[repeater]]` and `[relay]`.

use std::collections::BTreeSet;
use std::time::Duration;

use gstatsd_aggregate::Glob;

use super::{Draft, sinks::free_name};
use crate::config::{
    Address, Node, Peer, Relay, Repeater, keys,
    spec::{self, is_name_char},
};

impl Draft<'_> {
    pub(super) fn repeaters(&mut self) -> Vec<Repeater> {
        let mut names = BTreeSet::new();
        let mut repeaters = Vec::new();
        for (index, typed) in self.file.repeater.iter().enumerate() {
            let path = |key: &str| format!("repeater.{index}.{key}");
            let peer = self.peer(&path("url"), typed.url.as_deref(), &mut names);
            let key = &keys::REPEATER_QUEUE_BYTES;
            let queue_bytes = self.whole_in_file(key, &path("queue_bytes"), typed.queue_bytes);
            let globs = typed.names.iter().flatten().map(|text| Glob::parse(text));
            let (globs, wrong): (Vec<_>, Vec<_>) = globs.partition(Result::is_ok);
            for why in wrong.into_iter().filter_map(Result::err) {
                self.wrong_in_file(&path("match"), &why.to_string());
            }
            let globs = globs.into_iter().filter_map(Result::ok).collect();
            repeaters.extend(peer.map(|peer| Repeater { peer, names: globs, queue_bytes }));
        }
        repeaters
    }

    pub(super) fn relay(&mut self) -> Option<Relay> {
        let typed = self.file.relay.as_ref()?;
        let interval = self.number_in_file(
            &keys::RELAY_CHECK_INTERVAL,
            "relay.check_interval",
            typed.check_interval,
        );
        let packet_bytes =
            self.whole_in_file(&keys::RELAY_PACKET_BYTES, "relay.packet_bytes", typed.packet_bytes);
        let queue_bytes =
            self.whole_in_file(&keys::RELAY_QUEUE_BYTES, "relay.queue_bytes", typed.queue_bytes);
        let (mut names, mut nodes) = (BTreeSet::new(), Vec::<Node>::new());
        for (index, typed) in typed.node.iter().enumerate() {
            let path = |key: &str| format!("relay.node.{index}.{key}");
            let peer = self.peer(&path("url"), typed.url.as_deref(), &mut names);
            let health = typed.health.as_deref().filter(|text| !text.is_empty());
            let health = health.and_then(|text| {
                let address = self.expanded(text).and_then(|text| Address::parse(&text, 1));
                let address = address.map(Address::or_localhost);
                address.map_err(|why| self.wrong_in_file(&path("health"), &why)).ok()
            });
            let Some(peer) = peer else { continue };
            if nodes.iter().any(|node| node.peer.address == peer.address) {
                // Their points on the ring would be the same.
                let wrong = format!("'{}' is another node already", peer.address);
                self.wrong_in_file(&path("url"), &wrong);
            }
            nodes.push(Node { peer, health });
        }
        if typed.node.is_empty() {
            self.wrong_in_file("relay", "it needs a [[relay.node]]");
        }
        let check_interval = Duration::from_secs_f64(interval);
        Some(Relay { nodes, check_interval, packet_bytes, queue_bytes })
    }

    fn peer(
        &mut self,
        path: &str,
        url: Option<&str>,
        names: &mut BTreeSet<String>,
    ) -> Option<Peer> {
        let url = url.ok_or_else(|| "is missing".to_owned());
        let url = url.and_then(|url| self.expanded(url));
        match url.and_then(|url| spec::peer(&url)) {
            Ok((transport, address)) => {
                let safe = |c: char| if is_name_char(c) { c } else { '_' };
                let name: String = address.to_string().chars().map(safe).collect();
                Some(Peer { name: free_name(&name, names), transport, address })
            }
            Err(why) => {
                self.wrong_in_file(path, &why);
                None
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Flags;
    use crate::config::machine::MachineMemory;
    use crate::config::{Config, Environment, File, Transport};

    fn config(text: &str) -> Result<Config, Vec<String>> {
        let file = File::parse(text, "f").map_err(|errors| errors.lines().to_vec())?;
        let parallelism = std::num::NonZeroUsize::MIN;
        let environment = Environment {
            parallelism,
            directory: "/".into(),
            variable: |_| None,
            memory: MachineMemory::Unknown,
            passed: Vec::new(),
        };
        Config::new(&file, &Flags::default(), &environment)
            .map_err(|errors| errors.lines().to_vec())
    }

    #[test]
    fn what_is_not_typed_is_the_default() {
        let text = "[[repeater]]\nurl = \":1\"\n[[repeater]]\nurl = \"tcp://:1\"\n\
                    [[relay.node]]\nurl = \"b:3\"\n";
        let config = config(text).unwrap();
        let [first, second] = config.repeaters.as_slice() else { panic!("two repeaters") };
        let localhost = Address { host: "localhost".to_owned(), port: 1 };
        let peer = |name: &str, transport, address: &Address| Peer {
            name: name.to_owned(),
            transport,
            address: address.clone(),
        };
        assert_eq!(first.peer, peer("localhost_1", Transport::Udp, &localhost));
        assert_eq!((first.names.len(), first.queue_bytes), (0, 8 << 20));
        assert_eq!(second.peer, peer("localhost_1_2", Transport::Tcp, &localhost));
        let relay = config.relay.unwrap();
        let address = Address { host: "b".to_owned(), port: 3 };
        let node = Node { peer: peer("b_3", Transport::Udp, &address), health: None };
        assert_eq!(relay.nodes, [node]);
        assert_eq!(relay.check_interval, Duration::from_secs(10));
        assert_eq!((relay.packet_bytes, relay.queue_bytes), (1_432, 8 << 20));
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        let text = "[[repeater]]\nurl = \"unix:///a\"\nmatch = [\"a\", \"***\"]\n\
                    [[repeater]]\nqueue_bytes = 1\n\
                    [relay]\npacket_bytes = 0\n\
                    [[relay.node]]\nurl = \"a:1\"\nhealth = \"x\"\n\
                    [[relay.node]]\nurl = \"tcp://a:1\"\n";
        let errors = config(text).unwrap_err();
        let expected = [
            "f: line 2: repeater.url: 'unix:///a': nothing is passed on over 'unix'",
            "f: line 3: repeater.match: '***' is no wildcard",
            "f: line 4: repeater.url: is missing",
            "f: line 5: repeater.queue_bytes: 1 is not between",
            "f: line 7: relay.packet_bytes: 0 is not between",
            "f: line 10: relay.node.health: 'x' is not a port",
            "f: line 12: relay.node.url: 'a:1' is another node already",
        ];
        assert_eq!(errors.len(), expected.len(), "{errors:#?}");
        for (error, expected) in errors.iter().zip(expected) {
            assert!(error.starts_with(expected), "{error}");
        }
        assert_eq!(
            config("[relay]\n").unwrap_err(),
            ["f: line 1: relay: it needs a [[relay.node]]"]
        );
    }
}
