//! Names, numbers and quoted texts of JavaScript.

use super::super::Problem;
use super::super::value::{number_of_digits, number_of_text};
use super::{Reader, is_name_part, is_name_start};

impl<'a> Reader<'a> {
    /// A name.
    pub(super) fn name(&mut self) -> Result<&'a str, Problem> {
        let rest = self.rest();
        if !rest.starts_with(is_name_start) {
            return Err(self.unexpected("where a name is expected"));
        }
        let end = rest.find(|c| !is_name_part(c)).unwrap_or(rest.len());
        self.at += end;
        Ok(&rest[..end])
    }

    /// A number, in any of the ways to write one.
    pub(super) fn number(&mut self) -> Result<f64, Problem> {
        let rest = self.rest();
        let mut end = 0;
        for (at, c) in rest.char_indices() {
            // A sign belongs to a number only within its exponent.
            let is_based = rest.starts_with("0x") || rest.starts_with("0X");
            let in_exponent = rest[..at].ends_with(['e', 'E']) && !is_based;
            let goes_on = is_name_part(c) || c == '.' || in_exponent && matches!(c, '+' | '-');
            if !goes_on {
                break;
            }
            end = at + c.len_utf8();
        }
        let written = &rest[..end];
        match number_of_literal(written) {
            Some(number) => {
                self.at += end;
                Ok(number)
            }
            None => Err(self.problem(&format!("{written:?} is no number"))),
        }
    }

    /// A text in quotes.
    pub(super) fn quoted(&mut self) -> Result<String, Problem> {
        let quote = if self.starts_with("'") { "'" } else { "\"" };
        self.at += quote.len();
        let text = self.text_until(&[quote, "\n", "\r"])?;
        if !self.starts_with(quote) {
            return Err(self.problem("the line ends within quotes"));
        }
        self.at += quote.len();
        Ok(text)
    }

    /// The text up to one of these signs, which is not taken; escapes are resolved.
    pub(super) fn text_until(&mut self, signs: &[&str]) -> Result<String, Problem> {
        let start = self.at;
        let mut units: Vec<u16> = Vec::new();
        let put = |units: &mut Vec<u16>, c: char| {
            units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
        };
        while !signs.iter().any(|sign| self.starts_with(sign)) {
            let Some(c) = self.rest().chars().next() else {
                self.at = start;
                return Err(self.problem("the quotes that begin here do not end"));
            };
            self.at += c.len_utf8();
            match c {
                '\\' => self.escape(&mut units)?,
                // A template has one kind of line ends.
                '\r' => {
                    self.at += usize::from(self.starts_with("\n"));
                    put(&mut units, '\n');
                }
                c => put(&mut units, c),
            }
        }
        // Half of a pair is no character. JavaScript sends U+FFFD for it, too.
        Ok(String::from_utf16_lossy(&units))
    }

    /// What follows a backslash.
    fn escape(&mut self, units: &mut Vec<u16>) -> Result<(), Problem> {
        let Some(c) = self.rest().chars().next() else {
            return Err(self.problem("the file ends after a backslash"));
        };
        let start = self.at;
        self.at += c.len_utf8();
        let character = match c {
            'b' => '\u{8}',
            'f' => '\u{c}',
            'n' => '\n',
            'r' => '\r',
            't' => '\t',
            'v' => '\u{b}',
            'x' | 'u' => {
                let Some(number) = self.hexadecimal(c) else {
                    self.at = start;
                    return Err(self.problem("an escape without its hexadecimal digits"));
                };
                match u16::try_from(number) {
                    Ok(unit) => {
                        units.push(unit);
                        return Ok(());
                    }
                    Err(_) => char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER),
                }
            }
            '0'..='7' => {
                self.at = start;
                self.octal()
            }
            '\r' => {
                self.at += usize::from(self.starts_with("\n"));
                return Ok(());
            }
            // The line goes on in the next one.
            '\n' | '\u{2028}' | '\u{2029}' => return Ok(()),
            other => other,
        };
        units.extend_from_slice(character.encode_utf16(&mut [0; 2]));
        Ok(())
    }

    /// The digits after `\x` or `\u`.
    fn hexadecimal(&mut self, kind: char) -> Option<u32> {
        let (digits, length) = match (kind, self.rest().strip_prefix('{')) {
            ('u', Some(rest)) => {
                let (digits, _) = rest.split_once('}')?;
                (digits, digits.len() + "{}".len())
            }
            _ => {
                let count = if kind == 'x' { 2 } else { 4 };
                (self.rest().get(..count)?, count)
            }
        };
        if digits.is_empty() || !digits.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return None;
        }
        let significant = digits.trim_start_matches('0');
        let number = match significant {
            "" => 0,
            _ => u32::from_str_radix(significant, 16).ok()?,
        };
        self.at += length;
        (number <= u32::from(char::MAX)).then_some(number)
    }

    /// Up to three octal digits, as old texts have them; `\0` is one.
    fn octal(&mut self) -> char {
        let rest = self.rest().as_bytes();
        let most = if rest[0] <= b'3' { 3 } else { 2 };
        let digits = rest.iter().take(most).take_while(|byte| matches!(byte, b'0'..=b'7'));
        let digits: Vec<u8> = digits.copied().collect();
        self.at += digits.len();
        let number =
            digits.iter().fold(0_u32, |number, digit| number * 8 + u32::from(digit - b'0'));
        char::from_u32(number).unwrap_or(char::REPLACEMENT_CHARACTER)
    }
}

/// The number that is written so; `None` where that is no number.
fn number_of_literal(written: &str) -> Option<f64> {
    let is_octal = written.len() > 1
        && written.starts_with('0')
        && written.bytes().all(|byte| byte.is_ascii_digit());
    if is_octal {
        // As modes of files are written; with an 8 or a 9 in it, it is decimal.
        let base = if written.contains(['8', '9']) { 10 } else { 8 };
        return Some(number_of_digits(written, base));
    }
    let between_digits = |at: usize| {
        let is_digit = |c: char| c.is_ascii_hexdigit();
        written[..at].ends_with(is_digit) && written[at + 1..].starts_with(is_digit)
    };
    if written.starts_with("0_") || written.match_indices('_').any(|(at, _)| !between_digits(at)) {
        return None;
    }
    let number = number_of_text(&written.replace('_', ""));
    (!number.is_nan()).then_some(number)
}
