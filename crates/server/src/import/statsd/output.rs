//! Where metrics go, and the names that they get there.

use super::Import;
use super::input::{bracketed, module};
use crate::import::document::Section;
use crate::import::value::{Node, Value};

const DEFAULT_PORT: u16 = 2003;

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
        let (mut sections, mut has_graphite) = (Vec::new(), false);
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
                "repeater" => {}
                _ => {
                    let (shown, line) = (backend.value.shown(), backend.line);
                    self.omitted
                        .push(format!("backends: {shown} (line {line}), not in this version."));
                }
            }
        }
        self.omit_keys_of_backends(has_graphite);
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
        let port = self.keys.find("graphitePort");
        let port = self.port("graphitePort", port, DEFAULT_PORT);
        let mut section = Section::one_of("sink");
        if let Some(node) = self.keys.find("graphiteProtocol")
            && matches!(&node.value, Value::Text(text) if text.as_plain() == Some("pickle"))
        {
            section.say(format!(
                "{}: not in this version, which sends plain text.",
                self.keys.told("graphiteProtocol", node)
            ));
        }
        section.set("url", format!("graphite://{host}:{port}"));
        Some(section)
    }

    /// The keys of backends that are comments at best.
    fn omit_keys_of_backends(&mut self, has_graphite: bool) {
        for key in ["graphiteHost", "graphitePort", "graphiteProtocol"] {
            if let Some(node) = self.keys.find(key).filter(|_| !has_graphite) {
                let told = self.keys.told(key, node);
                self.omitted.push(format!("{told}: without the backend it means nothing."));
            }
        }
        if let Some(node) = self.keys.find("graphitePicklePort") {
            let told = self.keys.told("graphitePicklePort", node);
            self.omitted.push(format!("{told}, not in this version."));
        }
        let mut console = self.keys.below("console");
        if let Some(node) = console.find("prettyprint") {
            let told = console.told("prettyprint", node);
            self.omitted.push(format!("{told}: the console shows a table."));
        }
        self.omit_unread(&console);
    }
}
