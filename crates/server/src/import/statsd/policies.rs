//! What becomes of idle series, the log of frequent keys, and the log.

use super::Import;
use crate::import::document::{Section, number};
use crate::import::value::{Node, Value};

impl Import<'_> {
    /// `deleteIdleStats` and the four that it sets where they are undefined.
    pub(super) fn idle(&mut self) -> Section {
        const KINDS: [(&str, &str, &str); 4] = [
            ("deleteCounters", "counters", "zero"),
            ("deleteTimers", "timers", "zero"),
            ("deleteSets", "sets", "zero"),
            ("deleteGauges", "gauges", "repeat"),
        ];
        let mut section = Section::of("idle");
        let all = self.keys.find("deleteIdleStats");
        let all = all.is_some_and(|node| self.flag("deleteIdleStats", node));
        let mut deletes_gauges = false;
        for (key, ours, otherwise) in KINDS {
            let is_deleted = match self.keys.find(key) {
                Some(node) => self.flag(key, node),
                None if all => true,
                None => continue,
            };
            deletes_gauges = key == "deleteGauges" && is_deleted;
            section.set(ours, if is_deleted { "delete" } else { otherwise });
        }
        self.gauge_ttl(deletes_gauges, &mut section);
        section
    }

    /// `gaugesMaxTTL`: how many flushes a gauge stays, the one that has it included.
    fn gauge_ttl(&mut self, deletes_gauges: bool, section: &mut Section) {
        const KEY: &str = "gaugesMaxTTL";
        let node = self.keys.find(KEY);
        if !deletes_gauges {
            if let Some(node) = node {
                let told = self.keys.told(KEY, node);
                self.omitted.push(format!("{told}: without deleteGauges it means nothing."));
            }
            return;
        }
        let flushes = match node.map(|node| &node.value) {
            Some(Value::Number(flushes)) if *flushes > 1.0 && flushes.fract() == 0.0 => *flushes,
            _ => 1.0,
        };
        match node {
            Some(node) if node.value != Value::Number(flushes) => {
                let told = self.keys.told(KEY, node);
                section.say(format!("{told} is not a whole number above 1: 1 flush."));
            }
            _ => {}
        }
        section.set("gauge_ttl", number(flushes * self.interval));
    }

    /// `keyFlush`: every `interval` the names that came most often.
    pub(super) fn frequent_keys(&mut self) -> Section {
        let mut section = Section::of("frequent_keys");
        let mut keys = self.keys.below("keyFlush");
        for (key, ours, scale) in [("interval", "interval", 0.001), ("percent", "percent", 1.0)] {
            let Some(node) = keys.find(key) else { continue };
            if !node.value.is_truthy() {
                section.say(format!("{} counts as not set.", keys.told(key, node)));
                continue;
            }
            match node.value.to_number() {
                Some(value) if !value.is_nan() => section.set(ours, number(value * scale)),
                _ => {
                    let wrong = format!("{} is not a number", node.value.shown());
                    self.wrong_at(node.line, &keys.path(key), &wrong);
                }
            }
        }
        if let Some(node) = keys.find("log").filter(|node| node.value.is_truthy()) {
            section.set("log", self.plain(&keys.path("log"), node));
        }
        self.omit_unread(&keys);
        section
    }

    /// `debug`, `dumpMessages` and `log`.
    pub(super) fn log(&mut self) -> Section {
        let mut section = Section::of("log");
        let mut is_set = |key: &'static str| {
            let node = self.keys.find(key);
            node.is_some_and(|node| self.flag(key, node))
        };
        let (debug, dump_messages) = (is_set("debug"), is_set("dumpMessages"));
        if dump_messages {
            section.set("level", "trace");
        } else if debug {
            section.set("level", "debug");
        }
        let mut keys = self.keys.below("log");
        match keys.find("backend").filter(|node| node.value.is_truthy()) {
            None => {}
            Some(Node { value: Value::Text(text), .. }) if text.as_plain() == Some("syslog") => {
                section.set("target", "syslog");
            }
            Some(Node { value: Value::Text(text), .. }) if text.as_plain() == Some("stdout") => {
                section.say("The log goes to standard error.");
                section.set("target", "stderr");
            }
            Some(node) => {
                let wrong = format!("{} is neither 'stdout' nor 'syslog'", node.value.shown());
                self.wrong_at(node.line, "log.backend", &wrong);
            }
        }
        self.omit_unread(&keys);
        section
    }
}
