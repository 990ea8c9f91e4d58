//! A configuration of the proxy of the Node.js StatsD as ours.
//!
//! The proxy passes lines on and aggregates nothing. This version has no relay, so that what is
//! written listens where the proxy did, and everything else becomes a comment.

use super::Import;
use crate::import::Problem;
use crate::import::document::{Document, Section, number};
use crate::import::value::{Node, Table, Value};

/// Why a key of the proxy is only a comment here.
const WITHOUT_COUNTERPART: [(&str, &str); 8] = [
    ("nodes", "where lines go on to, not in this version"),
    ("checkInterval", "how often the nodes are asked for their health, not in this version"),
    ("cacheSize", "the cache of the ring of nodes, not in this version"),
    ("resetStats", "what the nodes forget when the ring changes, not in this version"),
    ("host", "the proxy does not read it: address says where it listens"),
    ("udp_version", "the proxy does not read it: address_ipv6 says it"),
    ("mgmt_address", "the management port, not in this version"),
    ("mgmt_port", "the management port, not in this version"),
];

/// The document for a configuration of the proxy.
///
/// # Errors
/// Every value that the proxy could not work with.
pub(super) fn document(config: &Table) -> Result<Document, Vec<Problem>> {
    let mut import = Import::new(config);
    let mut document = Document::default();
    document.say_first(
        "The proxy passes lines on to other StatsD services. This version does not: with this \
         file it aggregates what the proxy received.",
    );
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
    import.finish(document, &WITHOUT_COUNTERPART, "the proxy does not read it")
}
