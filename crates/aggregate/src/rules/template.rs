//! Texts with captures in them: `web.$1.requests`, `${1}_total`.

use std::fmt;

use super::Captures;

/// A text in which `$1` or `${1}` stands for what the first wildcard of a pattern stands for,
/// `$0` for the whole name, and `$$` for a dollar sign.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template(Box<[Piece]>);

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Capture(usize),
}

/// Why a text is no template.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum TemplateError {
    /// A dollar sign with nothing behind it that has a meaning.
    StrayDollar,
    /// `${` without `}`, or with something between them that is no number.
    BadBraces,
    /// A capture that the pattern does not make, and how many it makes.
    NoSuchCapture(String, usize),
}

impl Template {
    /// Reads a template for a pattern that makes so many captures.
    ///
    /// # Errors
    /// The text is no template, or names a capture that the pattern does not make.
    pub fn parse(text: &str, capture_count: usize) -> Result<Self, TemplateError> {
        let mut pieces = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some((before, after)) = rest.split_once('$') {
            literal.push_str(before);
            if let Some(after) = after.strip_prefix('$') {
                literal.push('$');
                rest = after;
                continue;
            }
            let (number, after) = split_number(after)?;
            let known = number.parse().ok().filter(|&number: &usize| number <= capture_count);
            let known = known
                .ok_or_else(|| TemplateError::NoSuchCapture(number.to_owned(), capture_count))?;
            if !literal.is_empty() {
                pieces.push(Piece::Text(std::mem::take(&mut literal).into()));
            }
            pieces.push(Piece::Capture(known));
            rest = after;
        }
        literal.push_str(rest);
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.into()));
        }
        Ok(Self(pieces.into()))
    }

    /// Appends the text to `out`, with the captures that `name` has.
    pub fn expand(&self, name: &[u8], captures: &Captures, out: &mut Vec<u8>) {
        for piece in &self.0 {
            out.extend_from_slice(match piece {
                Piece::Text(text) => text.as_bytes(),
                Piece::Capture(number) => captures.text(name, *number),
            });
        }
    }

    /// Whether it stands for the empty text, whatever the captures are.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// As [`Template::parse`] reads it.
impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|piece| match piece {
            Piece::Text(text) => f.write_str(&text.replace('$', "$$")),
            Piece::Capture(number) => write!(f, "${{{number}}}"),
        })
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::StrayDollar => f.write_str("'$' without a number; '$$' stands for '$'"),
            Self::BadBraces => f.write_str("'${' without a number and '}'; '$$' stands for '$'"),
            Self::NoSuchCapture(number, 0) => {
                write!(f, "there is no capture ${number}: the pattern has no wildcard")
            }
            Self::NoSuchCapture(number, count) => {
                write!(f, "there is no capture ${number}: the pattern has {count} of them")
            }
        }
    }
}

impl std::error::Error for TemplateError {}

/// The number behind a dollar sign, with or without braces, and what follows.
fn split_number(text: &str) -> Result<(&str, &str), TemplateError> {
    if let Some(inner) = text.strip_prefix('{') {
        let (number, after) = inner.split_once('}').ok_or(TemplateError::BadBraces)?;
        let good = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
        return if good { Ok((number, after)) } else { Err(TemplateError::BadBraces) };
    }
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    if end == 0 { Err(TemplateError::StrayDollar) } else { Ok(text.split_at(end)) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::Glob;
    use super::*;

    #[test]
    fn captures_stand_where_their_numbers_do() {
        let glob = Glob::parse("*.*.**").unwrap();
        let (name, mut captures) = (b"a.b.c.d", Captures::default());
        assert!(glob.matches(name, &mut captures));
        for (text, expected) in [
            ("plain", "plain"),
            ("", ""),
            ("$1", "a"),
            ("${1}0$2", "a0b"),
            ("x.$3.$3", "x.c.d.c.d"),
            ("$0", "a.b.c.d"),
            ("$$1$$", "$1$"),
            ("ü$2ü", "übü"),
            ("$01", "a"),
        ] {
            let template = Template::parse(text, glob.capture_count()).unwrap();
            let mut out = b">".to_vec();
            template.expand(name, &captures, &mut out);
            assert_eq!(String::from_utf8_lossy(&out), format!(">{expected}"), "{text}");
            assert_eq!(template.is_empty(), text.is_empty());
        }
    }

    #[test]
    fn what_is_no_template_is_told_why() {
        for (text, expected) in [
            ("$", "'$' without a number; '$$' stands for '$'"),
            ("$x", "'$' without a number; '$$' stands for '$'"),
            ("${1", "'${' without a number and '}'; '$$' stands for '$'"),
            ("${}", "'${' without a number and '}'; '$$' stands for '$'"),
            ("${x}", "'${' without a number and '}'; '$$' stands for '$'"),
            ("$3", "there is no capture $3: the pattern has 2 of them"),
            (
                "$99999999999999999999",
                "there is no capture $99999999999999999999: the pattern has 2 of them",
            ),
        ] {
            let error = Template::parse(text, 2).unwrap_err();
            assert_eq!(error.to_string(), expected, "{text}");
        }
        let error = Template::parse("$1", 0).unwrap_err();
        assert_eq!(error.to_string(), "there is no capture $1: the pattern has no wildcard");
    }

    proptest! {
        #[test]
        fn property_test_a_template_is_written_as_it_is_read(text in "[$12a{}]{0,12}") {
            if let Ok(template) = Template::parse(&text, 99) {
                let written = template.to_string();
                prop_assert_eq!(Template::parse(&written, 99), Ok(template), "{}", written);
            }
        }
    }
}
