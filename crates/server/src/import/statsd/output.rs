//! Where metrics go, and the names that they get there.

use super::Import;
use super::input::{bracketed, module};
use crate::import::document::Section;
use crate::import::keys::Keys;
use crate::import::value::{Node, Value};

const DEFAULT_PORT: u16 = 2003;
const DEFAULT_PICKLE_PORT: u16 = 2004;

impl Import<'_> {
    /// `prefixStats` and `graphite`.
    pub(super) fn namespace(&mut self) -> Section {
        const PREFIXES: [(&str, &str); 5] = [
            ("globalPrefix", "global"),
            ("prefixCounter", "counter"),
            ("prefixTimer", "timer"),
            ("prefixGauge", "gauge"),
            ("prefixSet", "set"),
        ];
        let mut section = Section::of("namespace");
        let mut keys = self.keys.below("graphite");
        let is_legacy = match keys.find("legacyNamespace") {
            Some(Node { value: Value::Bool(is_legacy), .. }) => {
                section.set("legacy", *is_legacy);
                *is_legacy
            }
            Some(node) => {
                let wrong = format!("{} is neither true nor false", node.value.shown());
                self.wrong_at(node.line, "graphite.legacyNamespace", &wrong);
                true
            }
            None => true,
        };
        if let Some(node) = self.keys.find("prefixStats") {
            let internal = self.template("prefixStats", node);
            if internal.is_empty() {
                self.wrong("prefixStats", "internal metrics need a name");
            }
            section.set("internal", internal);
        }
        for (key, ours) in PREFIXES {
            let Some(node) = keys.find(key) else { continue };
            if is_legacy {
                let told = keys.told(key, node);
                section.say(format!("{told} counts in the new namespace alone."));
            } else {
                section.set(ours, self.template(&keys.path(key), node));
            }
        }
        if let Some(node) = keys.find("globalSuffix") {
            let suffix = self.template("graphite.globalSuffix", node);
            if suffix.is_empty() {
                section.say(format!(
                    "{}: without one there is no dot either.",
                    keys.told("globalSuffix", node)
                ));
            }
            section.set("suffix", suffix);
        }
        self.omit_unread(&keys);
        section
    }

    /// `backends` and the keys of the backends that come with the original.
    pub(super) fn sinks(&mut self) -> Vec<Section> {
        let default = [Node { line: 1, value: Value::text("./backends/graphite") }];
        let backends = match self.keys.find("backends").filter(|node| node.value.is_truthy()) {
            None => default.as_slice(),
            Some(Node { value: Value::List(items), .. }) => items.as_slice(),
            Some(node) => {
                let wrong = format!("{} is no list", node.value.shown());
                self.wrong_at(node.line, "backends", &wrong);
                return Vec::new();
            }
        };
        let mut sections = Vec::new();
        let (mut has_graphite, mut has_repeater) = (false, false);
        for backend in backends {
            match module(backend).as_str() {
                "graphite" => {
                    has_graphite = true;
                    sections.extend(self.graphite());
                }
                "console" => {
                    let mut section = Section::one_of("sink");
                    section.set("url", "console:");
                    sections.push(section);
                }
                "repeater" => {
                    has_repeater = true;
                    sections.extend(self.repeaters());
                }
                _ => {
                    let (shown, line) = (backend.value.shown(), backend.line);
                    self.omitted
                        .push(format!("backends: {shown} (line {line}), not in this version."));
                }
            }
        }
        let keys = ["graphiteHost", "graphitePort", "graphitePicklePort", "graphiteProtocol"];
        self.omit_keys(&keys, has_graphite);
        self.omit_keys(&["repeater", "repeaterProtocol"], has_repeater);
        self.omit_keys_of_backends();
        sections
    }

    /// The Graphite of `graphiteHost`.
    fn graphite(&mut self) -> Option<Section> {
        let host = self.keys.find("graphiteHost").filter(|node| node.value.is_truthy());
        let Some(host) = host else {
            self.omitted.push(
                "graphiteHost is not set: the original calculates and sends nothing. Without a \
                 sink, each flush is shown on standard output."
                    .to_owned(),
            );
            return None;
        };
        let host = bracketed(&self.template("graphiteHost", host));
        let is_pickle = self.keys.find("graphiteProtocol").is_some_and(
            |node| matches!(&node.value, Value::Text(text) if text.as_plain() == Some("pickle")),
        );
        let [text, pickle] = ["graphitePort", "graphitePicklePort"].map(|key| self.keys.find(key));
        let (scheme, port, other) = match is_pickle {
            true => {
                let port = self.port("graphitePicklePort", pickle, DEFAULT_PICKLE_PORT);
                ("graphite+pickle", port, ("graphitePort", text, "plain text"))
            }
            false => {
                let port = self.port("graphitePort", text, DEFAULT_PORT);
                ("graphite", port, ("graphitePicklePort", pickle, "pickle"))
            }
        };
        let mut section = Section::one_of("sink");
        if let (key, Some(node), form) = other {
            section.say(format!("{}: only {form} goes there.", self.keys.told(key, node)));
        }
        section.set("url", format!("{scheme}://{host}:{port}"));
        Some(section)
    }

    /// The hosts of `repeater`, which get every packet as it came.
    fn repeaters(&mut self) -> Vec<Section> {
        let protocol = self.keys.find("repeaterProtocol").map(|node| node.value.to_text().raw());
        let transport = if protocol.as_deref() == Some("tcp") { "tcp" } else { "udp" };
        let hosts = match self.keys.find("repeater").filter(|node| node.value.is_truthy()) {
            None => return Vec::new(),
            Some(Node { value: Value::List(hosts), .. }) => hosts,
            Some(node) => {
                let wrong = format!("{} is no list", node.value.shown());
                self.wrong_at(node.line, "repeater", &wrong);
                return Vec::new();
            }
        };
        let urls = hosts.iter().filter_map(|host| {
            let Value::Table(table) = &host.value else {
                let wrong = format!("{} is no host", host.value.shown());
                self.wrong_at(host.line, "repeater", &wrong);
                return None;
            };
            let mut keys = Keys::new("repeater.", Some(table));
            let address = self.host_and_port(host.line, &mut keys, "port");
            self.omit_unread(&keys);
            address
        });
        let section = |address: String| {
            let mut section = Section::one_of("repeater");
            section.set("url", format!("{transport}://{address}"));
            section
        };
        urls.map(section).collect()
    }

    /// `HOST:PORT` of an object that has to have both.
    pub(super) fn host_and_port(
        &mut self,
        line: usize,
        keys: &mut Keys<'_>,
        port: &'static str,
    ) -> Option<String> {
        let [host, port_node] = [keys.find("host"), keys.find(port)];
        for (key, node) in [("host", host), (port, port_node)] {
            if node.is_none_or(|node| !node.value.is_truthy()) {
                self.wrong_at(line, &keys.path(key), "is missing");
                return None;
            }
        }
        let host = bracketed(&self.template(&keys.path("host"), host?));
        Some(format!("{host}:{}", self.port(&keys.path(port), port_node, 0)))
    }

    /// Adds a comment for each key of a backend, unless that is there and has read them.
    fn omit_keys(&mut self, keys: &[&'static str], is_there: bool) {
        for key in keys {
            if let Some(node) = self.keys.find(key).filter(|_| !is_there) {
                let told = self.keys.told(key, node);
                self.omitted.push(format!("{told}: without the backend it means nothing."));
            }
        }
    }

    /// The keys of backends that are comments at best.
    fn omit_keys_of_backends(&mut self) {
        let mut console = self.keys.below("console");
        if let Some(node) = console.find("prettyprint") {
            let told = console.told("prettyprint", node);
            self.omitted.push(format!("{told}: the console shows a table."));
        }
        self.omit_unread(&console);
    }
}
