//! A configuration of the Node.js StatsD, or of its proxy, as ours.
//!
//! What the original makes of a value is written, not what was typed; where that differs a
//! comment says so. A key that has no counterpart becomes a comment.

use super::Problem;
use super::document::{Document, Section, number};
use super::keys::Keys;
use super::value::{Node, Table, Value};

mod input;
mod management;
mod output;
mod policies;
mod proxy;
mod timers;

#[cfg(test)]
mod tests;

/// Why a key of the original is only a comment here.
const WITHOUT_COUNTERPART: [(&str, &str); 3] = [
    ("title", "the title of the process"),
    ("automaticConfigReload", "the file is not watched; SIGHUP makes it be read again"),
    ("debugInterval", "not in the original any more"),
];

/// An import in the making.
struct Import<'a> {
    keys: Keys<'a>,
    /// The interval between flushes, in seconds.
    interval: f64,
    problems: Vec<Problem>,
    /// Comments about what has no counterpart.
    omitted: Vec<String>,
}

/// The document for a configuration.
///
/// # Errors
/// Every value that ours refuses, or that the original could not work with.
pub(super) fn document(config: &Table) -> Result<Document, Vec<Problem>> {
    if config.find("nodes").is_some() {
        return proxy::document(config);
    }
    let mut import = Import::new(config);
    let mut document = Document::default();
    document.add(import.root());
    document.add(import.log());
    document.add(import.namespace());
    document.add(import.idle());
    document.add(import.frequent_keys());
    import.listeners().into_iter().for_each(|section| document.add(section));
    document.add(import.management());
    import.sinks().into_iter().for_each(|section| document.add(section));
    import.histograms().into_iter().for_each(|section| document.add(section));
    import.finish(document, &WITHOUT_COUNTERPART, "only a backend may know it")
}

impl<'a> Import<'a> {
    /// An import of a configuration of which nothing is read yet.
    fn new(config: &'a Table) -> Self {
        let keys = Keys::new("", Some(config));
        Self { keys, interval: 0.0, problems: Vec::new(), omitted: Vec::new() }
    }

    /// The document with a comment for each key that nothing has read, and why: one of the
    /// reasons, or `otherwise`.
    ///
    /// # Errors
    /// The problems.
    fn finish(
        mut self,
        mut document: Document,
        reasons: &[(&str, &str)],
        otherwise: &str,
    ) -> Result<Document, Vec<Problem>> {
        for (key, node) in self.keys.unread() {
            let reason = reasons.iter().find(|(known, _)| *known == key);
            let reason = reason.map_or(otherwise, |(_, reason)| reason);
            self.omitted.push(format!("{}: {reason}.", self.keys.told(key, node)));
        }
        if !self.omitted.is_empty() {
            document.say_last("Without a counterpart:");
        }
        self.omitted.into_iter().for_each(|comment| document.say_last(comment));
        self.problems.sort_by_key(|problem| problem.line);
        if self.problems.is_empty() { Ok(document) } else { Err(self.problems) }
    }

    /// The keys above all tables.
    fn root(&mut self) -> Section {
        let mut section = Section::of("");
        section.set("dialect", "statsd");
        self.flush_interval(&mut section);
        self.percent(&mut section);
        self.timer_statistics(&mut section);
        if let Some(node) = self.keys.find("keyNameSanitize") {
            let flag = self.flag("keyNameSanitize", node);
            section.set("sanitize_names", flag);
        }
        if let Some(node) = self.keys.find("flush_counts") {
            let flag = self.flag("flush_counts", node);
            section.set("flush_counts", flag);
        }
        section
    }

    fn flush_interval(&mut self, section: &mut Section) {
        const DEFAULT: f64 = 10_000.0;
        let milliseconds = self.number_or("flushInterval", DEFAULT, section);
        if milliseconds <= 0.0 || milliseconds.is_infinite() {
            self.wrong("flushInterval", "is no time between flushes");
        }
        self.interval = milliseconds / 1000.0;
        if self.keys.find("flushInterval").is_some() {
            section.set("flush_interval", number(self.interval));
        }
    }

    /// The number of a key, as `Number(value || default)` is; a comment tells of the default.
    fn number_or(&mut self, key: &'static str, default: f64, section: &mut Section) -> f64 {
        let Some(node) = self.keys.find(key) else { return default };
        let Some(value) = node.value.to_number() else {
            self.wrong(key, "a number cannot come from the environment: type it");
            return default;
        };
        if !node.value.is_truthy() {
            section.say(format!("{} counts as not set.", self.keys.told(key, node)));
            return default;
        }
        if value.is_nan() {
            self.wrong(key, &format!("{} is not a number", node.value.shown()));
            return default;
        }
        value
    }

    /// Whether a value is true.
    fn flag(&mut self, key: &str, node: &Node) -> bool {
        if is_of_environment(&node.value) {
            self.wrong_at(
                node.line,
                key,
                "true or false cannot come from the environment: type it",
            );
        }
        node.value.is_truthy()
    }

    /// The text of a value where variables are expanded.
    fn template(&mut self, key: &str, node: &Node) -> String {
        if let Value::List(_) | Value::Table(_) = node.value {
            self.wrong_at(node.line, key, &format!("{} is not a text", node.value.shown()));
        }
        node.value.to_text().template().unwrap_or_else(|| {
            let wrong = "a '$' before a variable of the environment cannot be written: type it";
            self.wrong_at(node.line, key, wrong);
            String::new()
        })
    }

    /// The text of a value where variables are not expanded.
    fn plain(&mut self, key: &str, node: &Node) -> String {
        match node.value.to_text().as_plain() {
            Some(text) => text.to_owned(),
            None => {
                self.wrong_at(node.line, key, "it cannot come from the environment: type it");
                String::new()
            }
        }
    }

    /// The port that a value is, or the default where it counts as not set.
    fn port(&mut self, key: &str, node: Option<&Node>, default: u16) -> String {
        let Some(node) = node.filter(|node| node.value.is_truthy()) else {
            return default.to_string();
        };
        match node.value.to_number() {
            Some(port) if port.fract() == 0.0 && (0.0..=65_535.0).contains(&port) => {
                port.to_string()
            }
            Some(_) => {
                let wrong = format!("{} is not a port", node.value.shown());
                self.wrong_at(node.line, key, &wrong);
                default.to_string()
            }
            None => self.template(key, node),
        }
    }

    /// Adds a comment for each key of a table that nothing has read.
    fn omit_unread(&mut self, keys: &Keys<'_>) {
        for (key, node) in keys.unread() {
            self.omitted.push(format!("{}.", keys.told(key, node)));
        }
    }

    /// Leaves a problem with a key of the configuration itself.
    fn wrong(&mut self, key: &'static str, why: &str) {
        let line = self.keys.find(key).map_or(1, |node| node.line);
        self.wrong_at(line, key, why);
    }

    fn wrong_at(&mut self, line: usize, key: &str, why: &str) {
        self.problems.push(Problem { line, what: format!("{key}: {why}") });
    }
}

/// Whether only the environment tells what the value is.
fn is_of_environment(value: &Value) -> bool {
    matches!(value, Value::Text(text) if text.as_plain().is_none())
}
