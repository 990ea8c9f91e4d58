//! Reads YAML, keeping the line of each value.
//!
//! Scalars stay the text that was typed: what reads a key knows whether it is a number. Only
//! `null`, `~` and nothing at all are no text.

use std::collections::BTreeMap;

use saphyr_parser::{Event, Parser, ScalarStyle, ScanError};

use super::Problem;
use super::value::{Node, Table, Value};

#[cfg(test)]
mod tests;

/// How deep lists and mappings may stand in each other.
const DEPTH_MAX: usize = 100;
/// How many values aliases may repeat in all: a short file can say very many.
const REPEATED_MAX: usize = 100_000;

/// Reads the first document of a file; `null` where there is none.
///
/// # Errors
/// The first place that is no YAML that we read.
pub(super) fn read(text: &str) -> Result<Node, Problem> {
    let mut builder = Builder::default();
    for event in Parser::new_from_str(text) {
        let (event, span) = event.map_err(|error| of_scanner(&error))?;
        if let Some(node) = builder.take(event, span.start.line())? {
            return Ok(node);
        }
    }
    Ok(Node { line: 1, value: Value::Null })
}

/// A document in the making.
#[derive(Default)]
struct Builder {
    /// The lists and mappings that have not ended yet.
    open: Vec<Open>,
    /// What aliases stand for.
    anchors: BTreeMap<usize, Node>,
    repeated: usize,
}

/// A list or a mapping that has not ended yet.
struct Open {
    line: usize,
    anchor: usize,
    content: Content,
}

enum Content {
    List(Vec<Node>),
    /// The mapping, what it takes over from others, and a key that waits for its value.
    Table(Table, Vec<Node>, Option<String>),
}

impl Builder {
    /// Takes an event; gives the document when it ends.
    fn take(&mut self, event: Event<'_>, line: usize) -> Result<Option<Node>, Problem> {
        let (node, anchor) = match event {
            Event::SequenceStart(anchor, _) => {
                self.open(line, anchor, Content::List(Vec::new()))?;
                return Ok(None);
            }
            Event::MappingStart(anchor, _) => {
                self.open(line, anchor, Content::Table(Table::default(), Vec::new(), None))?;
                return Ok(None);
            }
            Event::Scalar(text, style, anchor, _) => {
                let is_null = style == ScalarStyle::Plain
                    && matches!(&*text, "" | "~" | "null" | "Null" | "NULL");
                let value = if is_null { Value::Null } else { Value::text(&text) };
                (Node { line, value }, anchor)
            }
            Event::Alias(anchor) => (self.alias(anchor, line)?, 0),
            Event::SequenceEnd | Event::MappingEnd => match self.open.pop() {
                Some(Open { line, anchor, content }) => {
                    (Node { line, value: content.into_value() }, anchor)
                }
                None => return Ok(None),
            },
            _ => return Ok(None),
        };
        if anchor > 0 {
            self.anchors.insert(anchor, node.clone());
        }
        match self.open.last_mut() {
            Some(open) => open.content.push(node).map(|()| None),
            None => Ok(Some(node)),
        }
    }

    fn open(&mut self, line: usize, anchor: usize, content: Content) -> Result<(), Problem> {
        if self.open.len() == DEPTH_MAX {
            return Err(problem(line, "lists and mappings stand too deep in each other"));
        }
        self.open.push(Open { line, anchor, content });
        Ok(())
    }

    /// What an alias stands for.
    fn alias(&mut self, anchor: usize, line: usize) -> Result<Node, Problem> {
        let Some(node) = self.anchors.get(&anchor) else {
            return Err(problem(line, "an alias stands within what it stands for"));
        };
        self.repeated += count(node);
        if self.repeated > REPEATED_MAX || self.open.len() + depth(node) > DEPTH_MAX {
            return Err(problem(line, "aliases repeat too much"));
        }
        Ok(Node { line, value: node.value.clone() })
    }
}

impl Content {
    fn push(&mut self, node: Node) -> Result<(), Problem> {
        match self {
            Self::List(items) => items.push(node),
            Self::Table(table, taken_over, key) => match key.take() {
                None => *key = Some(key_of(&node)?),
                Some(key) if key == "<<" => taken_over.push(node),
                Some(key) => table.set(key, node),
            },
        }
        Ok(())
    }

    fn into_value(self) -> Value {
        match self {
            Self::List(items) => Value::List(items),
            Self::Table(mut table, taken_over, _) => {
                taken_over.iter().for_each(|node| take_over(&mut table, node));
                Value::Table(table)
            }
        }
    }
}

/// Adds what a mapping takes over with `<<` from another, or from a list of them: what it does
/// not say itself.
fn take_over(table: &mut Table, node: &Node) {
    match &node.value {
        Value::Table(other) => {
            for (key, node) in other.entries() {
                if table.find(key).is_none() {
                    table.set(key.clone(), node.clone());
                }
            }
        }
        Value::List(items) => items.iter().for_each(|item| take_over(table, item)),
        _ => {}
    }
}

/// The text of a key.
fn key_of(node: &Node) -> Result<String, Problem> {
    match &node.value {
        Value::List(_) | Value::Table(_) => Err(problem(node.line, "a key has to be a text")),
        Value::Null => Ok("null".to_owned()),
        scalar => Ok(scalar.to_text().raw()),
    }
}

/// How many values a value is made of, itself included.
fn count(node: &Node) -> usize {
    1 + children(node).map(count).sum::<usize>()
}

/// How deep a value is.
fn depth(node: &Node) -> usize {
    children(node).map(|child| depth(child) + 1).max().unwrap_or(0)
}

fn children(node: &Node) -> Box<dyn Iterator<Item = &Node> + '_> {
    match &node.value {
        Value::List(items) => Box::new(items.iter()),
        Value::Table(table) => Box::new(table.entries().iter().map(|(_, node)| node)),
        _ => Box::new(std::iter::empty()),
    }
}

fn of_scanner(error: &ScanError) -> Problem {
    problem(error.marker().line(), error.info())
}

fn problem(line: usize, what: &str) -> Problem {
    Problem { line, what: what.to_owned() }
}
