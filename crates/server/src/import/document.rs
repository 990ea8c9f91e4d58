//! The configuration file that an import writes: keys with their values, and comments.

use std::fmt::Write as _;

use toml::Value;

/// The longest line of a comment, in columns.
const COLUMNS_MAX: usize = 96;

/// A configuration file in the making.
#[derive(Debug, Default)]
pub(super) struct Document {
    /// Comments at the beginning.
    head: Vec<String>,
    /// The keys above all tables, then the tables, in the order in which they are written.
    sections: Vec<Section>,
    /// Comments at the end, below a line that says what they are about.
    tail: Vec<String>,
}

/// A table and what stands in it.
#[derive(Debug, Default)]
pub(super) struct Section {
    /// `[name]` or `[[name]]`; empty above all tables.
    header: String,
    lines: Vec<Line>,
}

#[derive(Debug)]
enum Line {
    Comment(String),
    Key(String, Value),
}

impl Document {
    /// Adds a comment at the beginning.
    pub(super) fn say_first(&mut self, comment: impl Into<String>) {
        self.head.push(comment.into());
    }

    /// Adds a comment at the end.
    pub(super) fn say_last(&mut self, comment: impl Into<String>) {
        self.tail.push(comment.into());
    }

    /// Adds a table. One without a line is not written.
    pub(super) fn add(&mut self, section: Section) {
        if !section.lines.is_empty() {
            self.sections.push(section);
        }
    }

    /// The text of the file.
    pub(super) fn text(&self) -> String {
        let mut blocks = Vec::new();
        let comments = |comments: &[String]| {
            let mut block = String::new();
            comments.iter().for_each(|comment| write_comment(&mut block, comment));
            block
        };
        blocks.push(comments(&self.head));
        blocks.extend(self.sections.iter().map(Section::text));
        blocks.push(comments(&self.tail));
        blocks.retain(|block| !block.is_empty());
        blocks.join("\n")
    }
}

impl Section {
    /// The table `name`, of which there is one; `""` is above all tables.
    pub(super) fn of(name: &str) -> Self {
        let header = if name.is_empty() { String::new() } else { format!("[{name}]") };
        Self { header, lines: Vec::new() }
    }

    /// One of the tables `name`.
    pub(super) fn one_of(name: &str) -> Self {
        Self { header: format!("[[{name}]]"), lines: Vec::new() }
    }

    /// Sets a key.
    pub(super) fn set(&mut self, key: &str, value: impl Into<Value>) {
        self.lines.push(Line::Key(key.to_owned(), value.into()));
    }

    /// Adds a comment.
    pub(super) fn say(&mut self, comment: impl Into<String>) {
        self.lines.push(Line::Comment(comment.into()));
    }

    fn text(&self) -> String {
        let mut text = String::new();
        if !self.header.is_empty() {
            writeln!(text, "{}", self.header).ok();
        }
        for line in &self.lines {
            match line {
                Line::Comment(comment) => write_comment(&mut text, comment),
                Line::Key(key, value) => {
                    writeln!(text, "{key} = {value}").ok();
                }
            }
        }
        text
    }
}

/// A number as TOML has it: a whole one without a point.
pub(super) fn number(number: f64) -> Value {
    /// Up to here every whole `f64` is one `i64`.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and within bounds")]
        return Value::Integer(number as i64);
    }
    Value::Float(number)
}

/// Writes a comment, over several lines where it is long.
fn write_comment(text: &mut String, comment: &str) {
    let mut columns = 0;
    for word in comment.split_whitespace() {
        let word_columns = word.chars().count();
        if columns > 0 && columns + 1 + word_columns > COLUMNS_MAX {
            text.push('\n');
            columns = 0;
        }
        if columns == 0 {
            text.push('#');
            columns = 1;
        }
        text.push(' ');
        // A control character would end the comment or break the file.
        text.extend(word.chars().map(|c| if c.is_control() { '?' } else { c }));
        columns += 1 + word_columns;
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{Document, Section, number};

    #[test]
    fn a_document_has_its_comments_its_keys_and_its_tables_in_order() {
        let mut document = Document::default();
        document.say_last("The end.");
        document.say_first("The beginning.");
        let mut root = Section::of("");
        root.say("Why.");
        root.set("dialect", "statsd");
        root.set("percent", vec![number(90.0), number(99.9)]);
        document.add(root);
        document.add(Section::of("log"));
        let mut rule = Section::one_of("rule");
        rule.set("contains", "a\"");
        rule.set("drop", true);
        document.add(rule);
        let text = document.text();
        assert_eq!(
            text,
            "# The beginning.\n\n# Why.\ndialect = \"statsd\"\npercent = [90, 99.9]\n\n\
             [[rule]]\ncontains = 'a\"'\ndrop = true\n\n# The end.\n"
        );
        assert!(text.parse::<toml::Table>().is_ok());
    }

    #[test]
    fn a_long_comment_takes_several_lines_and_stays_a_comment() {
        let mut document = Document::default();
        document.say_first(format!("{}\r\u{1}", "0123456789 ".repeat(12)));
        let text = document.text();
        assert_eq!(text.lines().count(), 2);
        assert!(text.lines().all(|line| line.starts_with("# 0123") && line.len() <= 96), "{text}");
        assert!(text.parse::<toml::Table>().is_ok());
    }

    #[test]
    fn a_number_is_whole_where_it_can_be() {
        assert_eq!(number(10.0).to_string(), "10");
        assert_eq!(number(-0.5).to_string(), "-0.5");
        let large: toml::Table = format!("a = {}", number(1e300)).parse().unwrap();
        assert_eq!(large["a"].as_float(), Some(1e300));
    }
}
