//! The keys of an object of a configuration, and which of them were read.

use std::collections::BTreeSet;

use super::value::{Node, Table, Value};

/// The keys of an object.
pub(super) struct Keys<'a> {
    /// What stands before a key when it is told: `graphite.`.
    above: String,
    table: Option<&'a Table>,
    read: BTreeSet<&'static str>,
}

impl<'a> Keys<'a> {
    /// The keys of a table below `above`; of nothing, all of whose keys are undefined.
    pub(super) fn new(above: &str, table: Option<&'a Table>) -> Self {
        Self { above: above.to_owned(), table, read: BTreeSet::new() }
    }

    /// The same keys, none of them read.
    pub(super) fn again(&self) -> Self {
        Self::new(&self.above, self.table)
    }

    /// The keys of the object that is the value of a key.
    pub(super) fn below(&mut self, key: &'static str) -> Self {
        let table = match self.find(key).map(|node| &node.value) {
            Some(Value::Table(table)) => Some(table),
            _ => None,
        };
        Self::new(&format!("{}{key}.", self.above), table)
    }

    /// The value of a key, unless it is undefined.
    pub(super) fn find(&mut self, key: &'static str) -> Option<&'a Node> {
        self.read.insert(key);
        let node = self.table.and_then(|table| table.find(key));
        node.filter(|node| node.value != Value::Undefined)
    }

    /// The keys that were never looked for.
    pub(super) fn unread(&self) -> Vec<(&'a str, &'a Node)> {
        let entries = self.table.map(Table::entries).unwrap_or_default().iter();
        let entries = entries.map(|(key, node)| (key.as_str(), node));
        entries.filter(|(key, _)| !self.read.contains(key)).collect()
    }

    /// The key as it is told: `graphite.globalPrefix`.
    pub(super) fn path(&self, key: &str) -> String {
        format!("{}{key}", self.above)
    }

    /// The key, its value and its line as a comment tells them.
    pub(super) fn told(&self, key: &str, node: &Node) -> String {
        format!("{} {} (line {})", self.path(key), node.value.shown_whole(), node.line)
    }
}
