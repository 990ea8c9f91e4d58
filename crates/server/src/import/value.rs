//! A value of a foreign configuration: where it stands, and what JavaScript makes of it.

use crate::config::escape;

#[cfg(test)]
mod tests;

/// A value and the line, from 1, on which it begins.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Node {
    pub(super) line: usize,
    pub(super) value: Value,
}

/// What an expression comes to.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value {
    Undefined,
    Null,
    Bool(bool),
    Number(f64),
    Text(Text),
    List(Vec<Node>),
    Table(Table),
}

/// Text in which variables of the environment may stand.
///
/// Plain pieces are never empty, and never stand side by side.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Text(Vec<Piece>);

#[derive(Clone, Debug, PartialEq)]
enum Piece {
    Plain(String),
    Variable(String),
}

/// The entries of an object in their order, each name once.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Table(Vec<(String, Node)>);

impl Value {
    /// A text without variables.
    pub(super) fn text(text: &str) -> Self {
        Self::Text(Text::plain(text))
    }

    /// Whether the value counts as true. A variable of the environment counts as set.
    pub(super) fn is_truthy(&self) -> bool {
        match self {
            Self::Undefined | Self::Null => false,
            Self::Bool(value) => *value,
            Self::Number(number) => *number != 0.0 && !number.is_nan(),
            Self::Text(text) => !text.0.is_empty(),
            Self::List(_) | Self::Table(_) => true,
        }
    }

    /// What `Number(value)` is; `None` where that is up to the environment.
    pub(super) fn to_number(&self) -> Option<f64> {
        Some(match self {
            Self::Undefined | Self::Table(_) => f64::NAN,
            Self::Null => 0.0,
            Self::Bool(value) => f64::from(u8::from(*value)),
            Self::Number(number) => *number,
            Self::Text(_) | Self::List(_) => number_of_text(self.to_text().as_plain()?),
        })
    }

    /// What `String(value)` is.
    pub(super) fn to_text(&self) -> Text {
        match self {
            Self::Undefined => Text::plain("undefined"),
            Self::Null => Text::plain("null"),
            Self::Bool(value) => Text::plain(&value.to_string()),
            Self::Number(number) => Text::plain(&text_of_number(*number)),
            Self::Text(text) => text.clone(),
            Self::Table(_) => Text::plain("[object Object]"),
            Self::List(items) => {
                let mut text = Text::default();
                for (index, item) in items.iter().enumerate() {
                    if index > 0 {
                        text.push(&Text::plain(","));
                    }
                    if !matches!(item.value, Self::Undefined | Self::Null) {
                        text.push(&item.value.to_text());
                    }
                }
                text
            }
        }
    }

    /// The value as it may stand in a sentence: the beginning of it, where it is long.
    pub(super) fn shown(&self) -> String {
        /// More of a value than this does not help to find it.
        const CHARS_MAX: usize = 60;
        excerpt(&self.written(), CHARS_MAX)
    }

    /// The value as it may stand in a comment that has to stand for it.
    pub(super) fn shown_whole(&self) -> String {
        excerpt(&self.written(), usize::MAX)
    }

    fn written(&self) -> String {
        let mut written = String::new();
        self.show(&mut written);
        written
    }

    fn show(&self, shown: &mut String) {
        match self {
            Self::Text(text) => shown.push_str(&format!("'{}'", text.raw())),
            Self::List(items) => {
                shown.push('[');
                for (index, item) in items.iter().enumerate() {
                    shown.push_str(if index > 0 { ", " } else { "" });
                    item.value.show(shown);
                }
                shown.push(']');
            }
            Self::Table(table) => {
                shown.push('{');
                for (index, (name, node)) in table.0.iter().enumerate() {
                    shown.push_str(if index > 0 { ", " } else { "" });
                    shown.push_str(&format!("{name}: "));
                    node.value.show(shown);
                }
                shown.push('}');
            }
            other => shown.push_str(&other.to_text().raw()),
        }
    }
}

impl Text {
    /// Text without variables.
    pub(super) fn plain(text: &str) -> Self {
        let piece = (!text.is_empty()).then(|| Piece::Plain(text.to_owned()));
        Self(piece.into_iter().collect())
    }

    /// The value of a variable of the environment.
    pub(super) fn variable(name: &str) -> Self {
        Self(vec![Piece::Variable(name.to_owned())])
    }

    /// Appends a text.
    pub(super) fn push(&mut self, text: &Self) {
        for piece in &text.0 {
            match (self.0.last_mut(), piece) {
                (Some(Piece::Plain(last)), Piece::Plain(more)) => last.push_str(more),
                _ => self.0.push(piece.clone()),
            }
        }
    }

    /// The text, if no variable stands in it.
    pub(super) fn as_plain(&self) -> Option<&str> {
        match self.0.as_slice() {
            [] => Some(""),
            [Piece::Plain(text)] => Some(text),
            _ => None,
        }
    }

    /// The text with its variables as `${NAME}`.
    pub(super) fn raw(&self) -> String {
        let pieces = self.0.iter().map(|piece| match piece {
            Piece::Plain(text) => text.clone(),
            Piece::Variable(name) => format!("${{{name}}}"),
        });
        pieces.collect()
    }

    /// What our configuration expands to this text; `None` where a `$` stands before a variable,
    /// which it cannot say.
    pub(super) fn template(&self) -> Option<String> {
        let mut template = String::new();
        for piece in &self.0 {
            match piece {
                Piece::Plain(text) => template.push_str(&escape(text)),
                Piece::Variable(_) if template.ends_with('$') => return None,
                Piece::Variable(name) => template.push_str(&format!("${{{name}}}")),
            }
        }
        Some(template)
    }
}

impl Table {
    /// Sets the value of a name. One that was there keeps its place, as in JavaScript.
    pub(super) fn set(&mut self, name: String, node: Node) {
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) => *known = node,
            None => self.0.push((name, node)),
        }
    }

    /// The value of a name.
    pub(super) fn find(&self, name: &str) -> Option<&Node> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, node)| node)
    }

    /// The names and their values.
    pub(super) fn entries(&self) -> &[(String, Node)] {
        &self.0
    }
}

/// Text as it may stand in a sentence: on one line, and at most so many characters of it.
pub(super) fn excerpt(text: &str, chars_max: usize) -> String {
    let is_quote = |c| matches!(c, '\'' | '"' | '\\');
    let mut excerpt = String::new();
    for (index, c) in text.chars().enumerate() {
        if index == chars_max {
            return excerpt + "...";
        }
        match c {
            c if is_quote(c) => excerpt.push(c),
            c => excerpt.extend(c.escape_debug()),
        }
    }
    excerpt
}

/// The number that a text stands for in JavaScript: blanks around are nothing, an empty text is
/// 0, and what is no number is NaN.
pub(super) fn number_of_text(text: &str) -> f64 {
    let text = text.trim_matches(is_blank);
    let in_base = |digits: &str, base: u32| match digits.chars().all(|c| c.is_digit(base)) {
        true if !digits.is_empty() => number_of_digits(digits, base),
        _ => f64::NAN,
    };
    match text.get(..2) {
        Some("0x" | "0X") => return in_base(&text[2..], 16),
        Some("0o" | "0O") => return in_base(&text[2..], 8),
        Some("0b" | "0B") => return in_base(&text[2..], 2),
        _ => {}
    }
    match text {
        "" => 0.0,
        "Infinity" | "+Infinity" => f64::INFINITY,
        "-Infinity" => f64::NEG_INFINITY,
        // Rust knows more words for numbers.
        _ if text.contains(|c: char| !matches!(c, '0'..='9' | '.' | 'e' | 'E' | '+' | '-')) => {
            f64::NAN
        }
        _ => text.parse().unwrap_or(f64::NAN),
    }
}

/// Whether the character is white space or the end of a line in JavaScript.
pub(super) fn is_blank(c: char) -> bool {
    c.is_whitespace() && c != '\u{85}' || c == '\u{feff}'
}

/// The number of these digits, which are of that base.
pub(super) fn number_of_digits(digits: &str, base: u32) -> f64 {
    let digits = digits.chars().filter_map(|c| c.to_digit(base));
    digits.fold(0.0, |number, digit| number * f64::from(base) + f64::from(digit))
}

/// The number as JavaScript prints it: the shortest digits that give it back, with an exponent
/// from 1e21 on and below 1e-6.
pub(super) fn text_of_number(number: f64) -> String {
    let magnitude = number.abs();
    if number.is_nan() {
        "NaN".to_owned()
    } else if number.is_infinite() {
        if number > 0.0 { "Infinity" } else { "-Infinity" }.to_owned()
    } else if number == 0.0 {
        "0".to_owned()
    } else if (1e-6..1e21).contains(&magnitude) {
        number.to_string()
    } else {
        let text = format!("{number:e}");
        if magnitude < 1.0 { text } else { text.replace('e', "e+") }
    }
}
