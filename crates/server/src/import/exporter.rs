//! A mapping of statsd_exporter as ours: each entry becomes a rule.
//!
//! The exporter looks through its globs first and through its regular expressions then, and takes
//! the first that matches. A regular expression that says no more than a glob becomes one; of
//! others a comment remains.

use toml::{Table as TomlTable, Value as Toml};

use self::observer::Observer;
use self::pattern::Pattern;
use super::Problem;
use super::document::{Document, Section, number};
use super::keys::Keys;
use super::value::{Node, Table, Value};

mod duration;
mod observer;
mod pattern;
mod template;
#[cfg(test)]
mod tests;

/// An import in the making.
#[derive(Default)]
struct Import {
    defaults: Defaults,
    /// Whether a rule has buckets.
    has_buckets: bool,
    problems: Vec<Problem>,
    /// Comments about what has no counterpart.
    omitted: Vec<String>,
}

/// What holds for each mapping that does not say it itself.
#[derive(Default)]
struct Defaults {
    is_regex: bool,
    observer: Observer,
    /// In seconds; 0 is for ever.
    ttl: f64,
}

/// A rule, and what its place among the others depends on.
struct Rule {
    is_regex: bool,
    /// For each part of the name, whether a wildcard stands for it.
    wildcards: Vec<bool>,
    section: Section,
}

/// The document for a mapping.
///
/// # Errors
/// Every value that the exporter refuses.
pub(super) fn document(config: &Table) -> Result<Document, Vec<Problem>> {
    let mut import = Import::default();
    let mut keys = Keys::new("", Some(config));
    let is_unordered = import.read_defaults(&mut keys);
    let mut rules = import.rules(&mut keys);
    import.omit_unread(&keys);
    if is_unordered {
        // A part that is spelled out is then worth more than a wildcard, wherever it stands.
        rules.sort_by(|left, right| left.wildcards.cmp(&right.wildcards));
    }
    rules.sort_by_key(|rule| rule.is_regex);

    let mut document = Document::default();
    let rest = import.rule_for_the_rest();
    document.say_first(
        "The flags of statsd_exporter stand in no file. Without --statsd.listen-udp it listens \
         on port 9125: -b :9125.",
    );
    if import.has_buckets {
        document.say_first(
            "The exporter turns the milliseconds of timers into seconds. Here they stay \
             milliseconds, and so do the bounds of buckets.",
        );
    }
    let mut root = Section::of("");
    root.set("dialect", "statsd");
    import.defaults.observer.set_root(&mut root);
    document.add(root);
    let mut tags = Section::of("tags");
    tags.set("styles", vec!["dogstatsd", "influx", "librato", "signalfx"]);
    document.add(tags);
    rules.into_iter().for_each(|rule| document.add(rule.section));
    document.add(rest);
    if !import.omitted.is_empty() {
        document.say_last("Without a counterpart:");
    }
    import.omitted.into_iter().for_each(|comment| document.say_last(comment));
    import.problems.sort_by_key(|problem| problem.line);
    if import.problems.is_empty() { Ok(document) } else { Err(import.problems) }
}

impl Import {
    /// Reads `defaults`; gives whether the order of globs does not count.
    fn read_defaults(&mut self, keys: &mut Keys<'_>) -> bool {
        let mut defaults = keys.below("defaults");
        self.defaults = Defaults {
            is_regex: self.is_regex(&mut defaults, false),
            observer: self.observer(&mut defaults),
            ttl: self.ttl(&mut defaults, 0.0),
        };
        let is_unordered = defaults.find("glob_disable_ordering");
        let is_unordered = is_unordered.is_some_and(|node| self.flag(&defaults, node));
        self.omit_unread(&defaults);
        is_unordered
    }

    /// The rules of `mappings`, in their order.
    fn rules(&mut self, keys: &mut Keys<'_>) -> Vec<Rule> {
        match keys.find("mappings") {
            None | Some(Node { value: Value::Null, .. }) => Vec::new(),
            Some(Node { value: Value::List(items), .. }) => {
                items.iter().filter_map(|item| self.rule(item)).collect()
            }
            Some(node) => {
                self.wrong(node.line, "mappings", &format!("{} is no list", node.value.shown()));
                Vec::new()
            }
        }
    }

    /// One mapping.
    fn rule(&mut self, item: &Node) -> Option<Rule> {
        let Value::Table(table) = &item.value else {
            let wrong = format!("{} is no mapping", item.value.shown());
            self.wrong(item.line, "mappings", &wrong);
            return None;
        };
        let mut keys = Keys::new("mappings.", Some(table));
        let is_regex = self.is_regex(&mut keys, self.defaults.is_regex);
        let (matched, name) = (keys.find("match"), keys.find("name"));
        let Some(matched) = matched else {
            self.wrong(item.line, "mappings.match", "is missing");
            return None;
        };
        let Some(name) = name else {
            self.wrong(item.line, "mappings.name", "is missing");
            return None;
        };
        let text = matched.value.to_text().raw();
        let pattern = match is_regex {
            true => Pattern::of_regex(&text, &templates(name, table)),
            false => Pattern::of_glob(&text),
        };
        let Some(pattern) = pattern else {
            if is_regex {
                self.omitted.push(format!(
                    "mappings (line {}): the regular expression '{text}' is no glob, name '{}'.",
                    item.line,
                    name.value.to_text().raw()
                ));
            } else {
                let wrong = format!("'{text}': '*' has to be the whole part between two dots");
                self.wrong(matched.line, "mappings.match", &wrong);
            }
            return None;
        };
        let mut section = Section::one_of("rule");
        pattern.set(&mut section);
        self.set_effect(&mut keys, &pattern, name, &mut section);
        self.omit_unread(&keys);
        Some(Rule { is_regex, wildcards: pattern.wildcard_parts(), section })
    }

    /// `match_metric_type`; gives whether timers are among them.
    fn set_kinds(&mut self, keys: &mut Keys<'_>, section: &mut Section) -> bool {
        let Some(node) = keys.find("match_metric_type") else { return true };
        let kind = match node.value.to_text().raw().as_str() {
            "" => return true,
            "counter" => "counter",
            "gauge" => "gauge",
            "observer" | "timer" => "timer",
            other => {
                let wrong = format!("'{other}' is not 'counter', 'gauge' or 'observer'");
                self.wrong(node.line, "mappings.match_metric_type", &wrong);
                return true;
            }
        };
        section.set("kinds", vec![kind]);
        kind == "timer"
    }

    /// What is done with the names that match.
    fn set_effect(
        &mut self,
        keys: &mut Keys<'_>,
        pattern: &Pattern,
        name: &Node,
        section: &mut Section,
    ) {
        let is_about_timers = self.set_kinds(keys, section);
        let action = keys.find("action").map(|node| (node, node.value.to_text().raw()));
        let labels = keys.below("labels");
        let observer = self.observer(keys);
        let ttl = self.ttl(keys, self.defaults.ttl);
        match action {
            Some((_, action)) if action == "drop" => {
                section.set("drop", true);
                return;
            }
            Some((node, action)) if action != "map" && !action.is_empty() => {
                let wrong = format!("'{action}' is neither 'map' nor 'drop'");
                self.wrong(node.line, "mappings.action", &wrong);
            }
            _ => {}
        }
        let rename = self.expanded("mappings.name", name, pattern, section);
        section.set("rename", rename);
        let mut tags = TomlTable::new();
        for (label, node) in labels.unread() {
            let value = self.expanded(&labels.path(label), node, pattern, section);
            tags.insert(label.to_owned(), Toml::String(value));
        }
        if !tags.is_empty() {
            section.set("tags", tags);
        }
        if is_about_timers {
            self.has_buckets |= observer.set(&self.defaults.observer, section);
        }
        if ttl > 0.0 {
            section.set("ttl", number(ttl));
        }
    }

    /// What stands for a text of the exporter with captures in it.
    fn expanded(
        &mut self,
        key: &str,
        node: &Node,
        pattern: &Pattern,
        section: &mut Section,
    ) -> String {
        let text = node.value.to_text().raw();
        let (expanded, lost) = template::expanded(&text, pattern.captures());
        for capture in lost {
            section.say(format!(
                "{key} (line {}): there is no {capture}, so that nothing stands in its place.",
                node.line
            ));
        }
        expanded
    }

    /// The rule for names without a mapping, where the defaults say anything about them.
    fn rule_for_the_rest(&mut self) -> Section {
        let mut section = Section::one_of("rule");
        let Defaults { observer, ttl, .. } = &self.defaults;
        if !observer.is_histogram() && *ttl == 0.0 {
            return section;
        }
        section.set("match", "**");
        self.has_buckets |= Observer::default().set(observer, &mut section);
        if *ttl > 0.0 {
            section.set("ttl", number(*ttl));
        }
        section
    }

    /// `match_type`
    fn is_regex(&mut self, keys: &mut Keys<'_>, otherwise: bool) -> bool {
        let Some(node) = keys.find("match_type") else { return otherwise };
        match node.value.to_text().raw().as_str() {
            "" => otherwise,
            "glob" => false,
            "regex" => true,
            other => {
                let wrong = format!("'{other}' is neither 'glob' nor 'regex'");
                self.wrong(node.line, &keys.path("match_type"), &wrong);
                otherwise
            }
        }
    }

    /// `ttl`, in seconds; 0 counts as not set.
    fn ttl(&mut self, keys: &mut Keys<'_>, otherwise: f64) -> f64 {
        let Some(node) = keys.find("ttl") else { return otherwise };
        match duration::seconds(&node.value.to_text().raw()) {
            Some(0.0) => otherwise,
            Some(seconds) if seconds > 0.0 => seconds,
            _ => {
                let wrong = format!("{} is no time, such as 1m30s", node.value.shown());
                self.wrong(node.line, &keys.path("ttl"), &wrong);
                otherwise
            }
        }
    }

    fn flag(&mut self, keys: &Keys<'_>, node: &Node) -> bool {
        match node.value.to_text().raw().as_str() {
            "true" => true,
            "false" => false,
            other => {
                let key = keys.path("glob_disable_ordering");
                self.wrong(node.line, &key, &format!("'{other}' is neither true nor false"));
                false
            }
        }
    }

    /// Adds a comment for each key that nothing has read.
    fn omit_unread(&mut self, keys: &Keys<'_>) {
        for (key, node) in keys.unread() {
            self.omitted.push(format!("{}.", keys.told(key, node)));
        }
    }

    fn wrong(&mut self, line: usize, key: &str, why: &str) {
        self.problems.push(Problem { line, what: format!("{key}: {why}") });
    }
}

/// The texts of a mapping in which captures may stand.
fn templates(name: &Node, mapping: &Table) -> Vec<String> {
    let labels = match mapping.find("labels").map(|node| &node.value) {
        Some(Value::Table(labels)) => labels.entries(),
        _ => &[],
    };
    let nodes = labels.iter().map(|(_, node)| node).chain([name]);
    nodes.map(|node| node.value.to_text().raw()).collect()
}
