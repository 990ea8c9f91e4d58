//! A configuration of the proxy of the Node.js StatsD as ours: a relay.

use super::Import;
use crate::import::Problem;
use crate::import::document::{Document, Section, number};
use crate::import::keys::Keys;
use crate::import::value::{Node, Table, Value};

/// Why a key of the proxy is only a comment here.
const WITHOUT_COUNTERPART: [(&str, &str); 4] = [
    ("cacheSize", "each worker remembers where names belong, as many as it has room for"),
    ("resetStats", "what the nodes forget when the ring changes, not in this version"),
    ("host", "the proxy does not read it: address says where it listens"),
    ("udp_version", "the proxy does not read it: address_ipv6 says it"),
];

/// The document for a configuration of the proxy.
///
/// # Errors
/// Every value that the proxy could not work with.
pub(super) fn document(config: &Table) -> Result<Document, Vec<Problem>> {
    let mut import = Import::new(config);
    let mut document = Document::default();
    let mut root = Section::of("");
    root.set("dialect", "statsd");
    match import.keys.find("forkCount") {
        None => {}
        Some(Node { value: Value::Text(text), .. }) if text.as_plain() == Some("auto") => {
            root.say("forkCount 'auto': a worker for each core.");
            root.set("workers", 0);
        }
        Some(node) => match node.value.to_number() {
            Some(count) if count.fract() == 0.0 && count >= 0.0 => {
                // Without forks, and with one, a single process does the work.
                root.set("workers", number(count.max(1.0)));
            }
            _ => import.wrong_at(node.line, "forkCount", "is not a number of processes"),
        },
    }
    document.add(root);
    document.add(import.log());
    import.listeners().into_iter().for_each(|section| document.add(section));
    document.add(import.management());
    let mut relay = Section::of("relay");
    let milliseconds = import.number_or("checkInterval", 10_000.0, &mut relay);
    relay.set("check_interval", number(milliseconds / 1000.0));
    document.add(relay);
    import.nodes().into_iter().for_each(|section| document.add(section));
    import.finish(document, &WITHOUT_COUNTERPART, "the proxy does not read it")
}

impl Import<'_> {
    /// `nodes`, each once.
    fn nodes(&mut self) -> Vec<Section> {
        let nodes = match self.keys.find("nodes") {
            Some(Node { value: Value::List(nodes), .. }) if !nodes.is_empty() => nodes,
            _ => {
                self.wrong("nodes", "there is no node");
                return Vec::new();
            }
        };
        let (mut sections, mut urls) = (Vec::new(), Vec::new());
        for node in nodes {
            let Value::Table(table) = &node.value else {
                self.wrong_at(node.line, "nodes", &format!("{} is no node", node.value.shown()));
                continue;
            };
            let mut keys = Keys::new("nodes.", Some(table));
            let url = self.host_and_port(node.line, &mut keys, "port");
            let health = self.host_and_port(node.line, &mut keys, "adminport");
            self.omit_unread(&keys);
            let Some((url, health)) = url.zip(health).filter(|(url, _)| !urls.contains(url)) else {
                continue;
            };
            let mut section = Section::one_of("relay.node");
            section.set("url", format!("udp://{url}"));
            section.set("health", health);
            sections.push(section);
            urls.push(url);
        }
        sections
    }
}
