//! Reads the JavaScript object literal of a configuration of the Node.js StatsD.
//!
//! The original evaluates the file as the right side of an assignment. What configurations have
//! there is read here: literals, operators between them, variables of the environment and the
//! name of the machine. An expression that calls for more is an error that shows it.

use std::ops::Range;

use self::operators::{BINARY, Binary};
use super::Problem;
use super::value::{Node, Table, Text, Value, excerpt, is_blank};

mod literals;
mod operators;
#[cfg(test)]
mod tests;

/// How deep expressions may stand in each other.
const DEPTH_MAX: usize = 100;

/// How much of an expression an error shows.
const SHOWN_CHARS: usize = 60;

/// Words that begin what is no value.
const STATEMENTS: [&str; 8] =
    ["async", "await", "class", "delete", "function", "new", "typeof", "yield"];

/// Reads a configuration.
///
/// # Errors
/// The first place that is no JavaScript that we read, or all expressions that cannot be
/// evaluated.
pub(super) fn read(text: &str) -> Result<Node, Vec<Problem>> {
    let mut reader = Reader { text, at: 0, depth: 0, problems: Vec::new() };
    match reader.file() {
        Ok(_) if !reader.problems.is_empty() => Err(reader.problems),
        Ok(node) => Ok(node),
        Err(problem) => {
            reader.problems.push(problem);
            Err(reader.problems)
        }
    }
}

/// A place in the text.
struct Reader<'a> {
    text: &'a str,
    /// The byte that is read next.
    at: usize,
    /// In how many expressions this place stands.
    depth: usize,
    /// Expressions that cannot be evaluated.
    problems: Vec<Problem>,
}

/// What is known of an expression.
enum Operand {
    /// Its value.
    Known(Value),
    /// Only what it says: `require('os')`, without blanks and with the same quotes for all.
    Unknown(String),
}

impl<'a> Reader<'a> {
    /// The one expression of a file.
    fn file(&mut self) -> Result<Node, Problem> {
        self.skip_blanks()?;
        if self.rest().is_empty() {
            return Err(self.problem("there is no configuration in it"));
        }
        let node = self.element()?;
        while self.takes(";")? {}
        match self.rest().chars().next() {
            None => Ok(node),
            Some(_) => Err(self.unexpected("after the configuration")),
        }
    }

    /// An expression that has to have a value. One without leaves a problem.
    fn element(&mut self) -> Result<Node, Problem> {
        self.skip_blanks()?;
        let start = self.at;
        let line = self.line(start);
        let value = match self.expression()? {
            Operand::Known(value) => value,
            Operand::Unknown(_) => {
                self.problems.push(self.not_evaluated(start..self.at));
                Value::Undefined
            }
        };
        Ok(Node { line, value })
    }

    /// An expression as it stands between commas.
    fn expression(&mut self) -> Result<Operand, Problem> {
        self.deeper(|reader| {
            let start = reader.at;
            let condition = reader.binary(0)?;
            if !reader.takes("?")? {
                return Ok(condition);
            }
            let yes = reader.expression()?;
            reader.expect(":")?;
            let no = reader.expression()?;
            Ok(match reader.decided(condition) {
                Some(true) => yes,
                Some(false) => no,
                None => reader.unknown(start),
            })
        })
    }

    /// Operands and the operators between them that bind at least as tight as `least`.
    fn binary(&mut self, least: u8) -> Result<Operand, Problem> {
        self.skip_blanks()?;
        let start = self.at;
        let mut left = self.unary()?;
        while let Some(operator) = self.operator(least)? {
            let next =
                if operator.sign == "**" { operator.tightness } else { operator.tightness + 1 };
            let right = self.deeper(|reader| reader.binary(next))?;
            left = match operators::apply(operator, left, right) {
                Operand::Unknown(_) => self.unknown(start),
                known @ Operand::Known(_) => known,
            };
        }
        Ok(left)
    }

    /// The operator at this place, if it binds at least as tight as `least`.
    fn operator(&mut self, least: u8) -> Result<Option<&'static Binary>, Problem> {
        self.skip_blanks()?;
        let found = BINARY.iter().find(|operator| self.starts_with(operator.sign));
        let Some(operator) = found.filter(|operator| operator.tightness >= least) else {
            return Ok(None);
        };
        self.at += operator.sign.len();
        Ok(Some(operator))
    }

    fn unary(&mut self) -> Result<Operand, Problem> {
        self.skip_blanks()?;
        let start = self.at;
        for sign in ["+", "-", "!", "~"] {
            if self.starts_with(sign) {
                self.at += sign.len();
                let operand = self.deeper(Self::unary)?;
                return Ok(match operators::apply_unary(sign, operand) {
                    Operand::Unknown(_) => self.unknown(start),
                    known @ Operand::Known(_) => known,
                });
            }
        }
        self.chain()
    }

    /// A value, and the members and calls behind it.
    fn chain(&mut self) -> Result<Operand, Problem> {
        let start = self.at;
        let mut operand = self.primary()?;
        loop {
            self.skip_blanks()?;
            let said = match &operand {
                Operand::Unknown(said) => said.clone(),
                Operand::Known(_) => self.text[start..self.at].to_owned(),
            };
            let said = if self.starts_with(".") || self.begins_optional_member() {
                self.at += if self.starts_with("?") { 2 } else { 1 };
                self.skip_blanks()?;
                format!("{said}.{}", self.name()?)
            } else if self.takes("[")? {
                let member = self.expression()?;
                self.expect("]")?;
                format!("{said}.{}", plain(&member).unwrap_or("?"))
            } else if self.takes("(")? {
                let arguments = self.arguments()?;
                format!("{said}({arguments})")
            } else if self.starts_with("`") {
                return Err(self.unexpected("after a value"));
            } else {
                return Ok(operand);
            };
            operand = evaluated(said);
        }
    }

    /// Whether `?.` comes next: `a ?.5 : 1` is a choice.
    fn begins_optional_member(&self) -> bool {
        let rest = self.rest().strip_prefix("?.");
        rest.is_some_and(|rest| !rest.starts_with(|c: char| c.is_ascii_digit()))
    }

    /// What stands in the brackets of a call, as far as it tells calls apart.
    fn arguments(&mut self) -> Result<String, Problem> {
        let mut said = Vec::new();
        while !self.takes(")")? {
            let argument = self.expression()?;
            said.push(plain(&argument).map_or("?".to_owned(), |text| format!("'{text}'")));
            if !self.takes(",")? {
                self.expect(")")?;
                break;
            }
        }
        Ok(said.join(","))
    }

    fn primary(&mut self) -> Result<Operand, Problem> {
        let start = self.at;
        let known = match self.rest().chars().next() {
            Some('{') => Value::Table(self.table()?),
            Some('[') => Value::List(self.list()?),
            Some('"' | '\'') => Value::text(&self.quoted()?),
            Some('`') => return self.template(),
            Some('(') => {
                self.expect("(")?;
                let operand = self.expression()?;
                self.expect(")")?;
                return Ok(operand);
            }
            Some(c) if c.is_ascii_digit() || c == '.' => Value::Number(self.number()?),
            Some(c) if is_name_start(c) => match self.name()? {
                "true" => Value::Bool(true),
                "false" => Value::Bool(false),
                "null" => Value::Null,
                "undefined" => Value::Undefined,
                "NaN" => Value::Number(f64::NAN),
                "Infinity" => Value::Number(f64::INFINITY),
                word if STATEMENTS.contains(&word) => {
                    self.at = start;
                    return Err(self.not_evaluated(start..self.text.len()));
                }
                name => return Ok(Operand::Unknown(name.to_owned())),
            },
            _ => return Err(self.unexpected("where a value is expected")),
        };
        Ok(Operand::Known(known))
    }

    fn table(&mut self) -> Result<Table, Problem> {
        self.expect("{")?;
        let mut table = Table::default();
        while !self.takes("}")? {
            let name = self.entry_name()?;
            self.expect(":")?;
            let node = self.element()?;
            table.set(name, node);
            if !self.takes(",")? {
                self.expect("}")?;
                break;
            }
        }
        Ok(table)
    }

    /// The name before the colon of an entry.
    fn entry_name(&mut self) -> Result<String, Problem> {
        self.skip_blanks()?;
        let start = self.at;
        match self.rest().chars().next() {
            Some('"' | '\'') => self.quoted(),
            Some(c) if c.is_ascii_digit() || c == '.' => {
                Ok(Value::Number(self.number()?).to_text().raw())
            }
            Some(c) if is_name_start(c) => Ok(self.name()?.to_owned()),
            Some('[') => {
                self.expect("[")?;
                let operand = self.expression()?;
                self.expect("]")?;
                match operand {
                    Operand::Known(value) if value.to_text().as_plain().is_some() => {
                        Ok(value.to_text().raw())
                    }
                    _ => Err(self.not_evaluated(start..self.at)),
                }
            }
            _ => Err(self.unexpected("where a key is expected")),
        }
    }

    fn list(&mut self) -> Result<Vec<Node>, Problem> {
        self.expect("[")?;
        let mut items = Vec::new();
        while !self.takes("]")? {
            if self.starts_with(",") {
                // A hole.
                items.push(Node { line: self.line(self.at), value: Value::Undefined });
            } else {
                items.push(self.element()?);
            }
            if !self.takes(",")? {
                self.expect("]")?;
                break;
            }
        }
        Ok(items)
    }

    /// Text in backticks, with expressions inside.
    fn template(&mut self) -> Result<Operand, Problem> {
        let start = self.at;
        self.at += "`".len();
        let mut text = Some(Text::default());
        loop {
            let plain = self.text_until(&["`", "${"])?;
            text.iter_mut().for_each(|text| text.push(&Text::plain(&plain)));
            if self.starts_with("`") {
                self.at += 1;
                break;
            }
            self.at += "${".len();
            match (self.expression()?, &mut text) {
                (Operand::Known(value), Some(text)) => text.push(&value.to_text()),
                _ => text = None,
            }
            self.skip_blanks()?;
            if !self.starts_with("}") {
                return Err(self.unexpected("where '}' is expected"));
            }
            self.at += 1;
        }
        Ok(text.map_or_else(|| self.unknown(start), |text| Operand::Known(Value::Text(text))))
    }

    /// Whether a condition holds; `None` where that is not known here.
    fn decided(&self, condition: Operand) -> Option<bool> {
        match condition {
            Operand::Known(Value::Text(text)) if text.as_plain().is_none() => None,
            Operand::Known(value) => Some(value.is_truthy()),
            Operand::Unknown(_) => None,
        }
    }

    /// Goes one expression deeper.
    fn deeper<T>(
        &mut self,
        read: impl FnOnce(&mut Self) -> Result<T, Problem>,
    ) -> Result<T, Problem> {
        if self.depth == DEPTH_MAX {
            return Err(self.problem("expressions stand too deep in each other"));
        }
        self.depth += 1;
        let read = read(self);
        self.depth -= 1;
        read
    }

    /// The expression from `start` to here, which has no value here.
    fn unknown(&self, start: usize) -> Operand {
        Operand::Unknown(self.text[start..self.at].trim().to_owned())
    }

    fn rest(&self) -> &'a str {
        &self.text[self.at..]
    }

    fn starts_with(&self, sign: &str) -> bool {
        self.rest().starts_with(sign)
    }

    /// Whether this sign comes next, blanks aside; then it is taken.
    fn takes(&mut self, sign: &str) -> Result<bool, Problem> {
        self.skip_blanks()?;
        let found = self.starts_with(sign);
        self.at += if found { sign.len() } else { 0 };
        self.skip_blanks()?;
        Ok(found)
    }

    fn expect(&mut self, sign: &str) -> Result<(), Problem> {
        match self.takes(sign)? {
            true => Ok(()),
            false => Err(self.unexpected(&format!("where '{sign}' is expected"))),
        }
    }

    /// Skips white space and comments.
    fn skip_blanks(&mut self) -> Result<(), Problem> {
        loop {
            self.at = self.text.len() - self.rest().trim_start_matches(is_blank).len();
            if self.starts_with("//") {
                let is_end = |c| matches!(c, '\n' | '\r' | '\u{2028}' | '\u{2029}');
                self.at += self.rest().find(is_end).unwrap_or(self.rest().len());
            } else if self.starts_with("/*") {
                let Some(end) = self.rest()[2..].find("*/") else {
                    return Err(self.problem("the comment that begins here does not end"));
                };
                self.at += end + "/**/".len();
            } else {
                return Ok(());
            }
        }
    }

    /// The line, from 1, of a byte.
    fn line(&self, at: usize) -> usize {
        1 + self.text.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count()
    }

    /// A problem at this place.
    fn problem(&self, what: &str) -> Problem {
        Problem { line: self.line(self.at), what: what.to_owned() }
    }

    fn unexpected(&self, place: &str) -> Problem {
        match self.rest().chars().next() {
            Some(found) => self.problem(&format!("{found:?} {place}")),
            None => self.problem(&format!("the file ends {place}")),
        }
    }

    fn not_evaluated(&self, expression: Range<usize>) -> Problem {
        let line = self.line(expression.start);
        let shown = excerpt(self.text[expression].trim(), SHOWN_CHARS);
        let help = "write its value, or ${NAME} for a variable of the environment";
        Problem { line, what: format!("{shown} cannot be evaluated here: {help}") }
    }
}

/// The value of the few names and calls that have one here.
fn evaluated(said: String) -> Operand {
    let variable = match said.as_str() {
        "require('os').hostname()" | "require('node:os').hostname()" => Some("HOSTNAME"),
        other => other.strip_prefix("process.env.").filter(|name| is_variable_name(name)),
    };
    match variable {
        Some(name) => Operand::Known(Value::Text(Text::variable(name))),
        None => Operand::Unknown(said),
    }
}

/// The plain text that an operand is.
fn plain(operand: &Operand) -> Option<&str> {
    match operand {
        Operand::Known(Value::Text(text)) => text.as_plain(),
        _ => None,
    }
}

fn is_variable_name(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
}

fn is_name_start(c: char) -> bool {
    c.is_alphabetic() || matches!(c, '_' | '$')
}

fn is_name_part(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '$' | '\u{200c}' | '\u{200d}')
}
