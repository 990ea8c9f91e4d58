//! Tags folded into names: `{env}.{name}.{tags}`.

use std::fmt;

use gstatsd_wire::Tag;

/// What makes one name of a name and tags.
///
/// In its text `{name}` stands for the name, `{KEY}` for the value of the tag with this key, and
/// `{tags}` for all other tags in the order of their keys: `key.value` each, with dots between
/// them. A part between two dots that comes to nothing is left out. Dots in tags become `_`, and
/// a tag without a value has the value `true` where it is named, and is its key alone in `{tags}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TagTemplate {
    text: Box<str>,
    parts: Box<[Vec<Piece>]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Text(Box<str>),
    Name,
    Value(Box<str>),
    Others,
}

/// Why a text is no template for tags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TagTemplateError {
    /// A brace without its other half, or with nothing in it.
    BadBraces,
    /// It does not have the name, so that all names would become one.
    NoName,
}

/// What a tag without a value has for one.
const NO_VALUE: &[u8] = b"true";

impl TagTemplate {
    /// Reads a template.
    ///
    /// # Errors
    /// The text is none.
    pub fn parse(text: &str) -> Result<Self, TagTemplateError> {
        let parts: Vec<_> = split_parts(text)?.into_iter().map(pieces).collect::<Result<_, _>>()?;
        match parts.iter().flatten().any(|piece| *piece == Piece::Name) {
            true => Ok(Self { text: text.into(), parts: parts.into() }),
            false => Err(TagTemplateError::NoName),
        }
    }

    /// Appends what a name and tags become to `out`.
    pub(crate) fn expand(&self, name: &[u8], tags: &[Tag<'_>], out: &mut Vec<u8>) {
        let start = out.len();
        for part in &self.parts {
            let before = out.len();
            if before > start {
                out.push(b'.');
            }
            let begin = out.len();
            for piece in part {
                match piece {
                    Piece::Text(text) => out.extend_from_slice(text.as_bytes()),
                    Piece::Name => out.extend_from_slice(name),
                    Piece::Value(key) => {
                        let tag = tags.iter().find(|tag| tag.key == key.as_bytes());
                        let value = tag.map(|tag| tag.value.unwrap_or(NO_VALUE));
                        push_safe(value.unwrap_or_default(), out);
                    }
                    Piece::Others => self.expand_others(tags, out),
                }
            }
            if out.len() == begin {
                out.truncate(before);
            }
        }
    }

    fn expand_others(&self, tags: &[Tag<'_>], out: &mut Vec<u8>) {
        let start = out.len();
        for tag in tags.iter().filter(|tag| !self.has_value_of(tag.key)) {
            let value = tag.value.filter(|value| !value.is_empty());
            for text in [Some(tag.key), value].into_iter().flatten() {
                if out.len() > start {
                    out.push(b'.');
                }
                push_safe(text, out);
            }
        }
    }

    fn has_value_of(&self, key: &[u8]) -> bool {
        let is_it = |piece: &Piece| matches!(piece, Piece::Value(other) if other.as_bytes() == key);
        self.parts.iter().flatten().any(is_it)
    }
}

/// As [`TagTemplate::parse`] reads it.
impl fmt::Display for TagTemplate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for TagTemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::BadBraces => "braces must stand around name, tags or the key of a tag",
            Self::NoName => "{name} is missing, so that all names would become one",
        })
    }
}

impl std::error::Error for TagTemplateError {}

/// The parts between the dots that are not in braces.
fn split_parts(text: &str) -> Result<Vec<&str>, TagTemplateError> {
    let (mut parts, mut start, mut is_inside) = (Vec::new(), 0, false);
    for (at, byte) in text.bytes().enumerate() {
        match byte {
            b'{' if !is_inside => is_inside = true,
            b'}' if is_inside => is_inside = false,
            b'{' | b'}' => return Err(TagTemplateError::BadBraces),
            b'.' if !is_inside => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    if is_inside {
        return Err(TagTemplateError::BadBraces);
    }
    parts.push(&text[start..]);
    Ok(parts)
}

/// The pieces of a part whose braces are in order.
fn pieces(part: &str) -> Result<Vec<Piece>, TagTemplateError> {
    let (mut pieces, mut rest) = (Vec::new(), part);
    while !rest.is_empty() {
        let (literal, behind) = rest.split_once('{').unwrap_or((rest, ""));
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal.into()));
        }
        let is_braces = literal.len() < rest.len();
        let (inside, behind) = behind.split_once('}').unwrap_or(("", ""));
        if is_braces {
            pieces.push(match inside {
                "" => return Err(TagTemplateError::BadBraces),
                "name" => Piece::Name,
                "tags" => Piece::Others,
                key => Piece::Value(key.into()),
            });
        }
        rest = behind;
    }
    Ok(pieces)
}

fn push_safe(text: &[u8], out: &mut Vec<u8>) {
    out.extend(text.iter().map(|&byte| if byte == b'.' { b'_' } else { byte }));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(template: &str, tags: &[(&str, Option<&str>)], expected: &str) {
        let tags: Vec<_> = tags
            .iter()
            .map(|(key, value)| Tag { key: key.as_bytes(), value: value.map(str::as_bytes) })
            .collect();
        let mut out = b"x".to_vec();
        TagTemplate::parse(template).unwrap().expand(b"a..b", &tags, &mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("x{expected}"), "{template}");
    }

    #[test]
    fn tags_stand_where_the_template_has_them() {
        let tags = [("env", Some("prod")), ("flag", None), ("host", Some("a.b")), ("no", Some(""))];
        check("{name}.{tags}", &tags, "a..b.env.prod.flag.host.a_b.no");
        check("{name}.{tags}", &[], "a..b");
        check("{env}.{name}.{tags}", &tags, "prod.a..b.flag.host.a_b.no");
        check("all.{host}-{flag}.{name}_x", &tags, "all.a_b-true.a..b_x");
        check("{none}.{no}.{name}.{none}", &tags, "a..b");
        check("{name}{a.b}", &[("a.b", Some("1"))], "a..b1");
        check(".{name}..", &[], "a..b");
    }

    #[test]
    fn a_text_that_is_no_template_is_told() {
        for text in ["", "{tags}", "name"] {
            assert_eq!(TagTemplate::parse(text), Err(TagTemplateError::NoName), "{text}");
        }
        for text in ["{name", "name}", "{{name}}", "{}{name}", "{name}{", "{name}.}"] {
            assert_eq!(TagTemplate::parse(text), Err(TagTemplateError::BadBraces), "{text}");
        }
    }

    #[test]
    fn a_template_is_written_as_it_is_read() {
        let text = "{env}.{name}.{tags}";
        assert_eq!(TagTemplate::parse(text).unwrap().to_string(), text);
    }
}
