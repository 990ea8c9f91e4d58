//! Escapes: any text within the limits has a place in a line, and cannot leave it.
//!
//! The protocol has no escape for its own separators, so this is ours. A byte that may not stand
//! where it is becomes `%` and two hexadecimal digits, as in a URL. So that this can be undone, a
//! percent sign is escaped too where two hexadecimal digits follow it; alone, as in `cpu%`, it
//! stays. Everything else is sent as it is. [`unescape`] gives back the text. A name is escaped for
//! all styles of tags, as the client cannot know which of them its receiver reads in names.
//!
//! | where | what is escaped |
//! |---|---|
//! | name | control characters, `:` `\|` `;` `,` `#` `[`, `.__` where there is a `=`, `_e{` |
//! | key of a tag | control characters, `:` `\|` `,`, and `=` where there is no value |
//! | value of a tag | control characters, `\|` `,` |
//! | member of a set | control characters, `:` `\|`, the first byte where all are blanks |
//! | other fields of an event or a check | control characters, `\|` |
//! | title and text of an event | a carriage return |
//!
//! In the last two rows a newline becomes `\n`, which is the protocol's own, and a backslash
//! before an `n` is escaped. Control characters are those of ASCII and U+0080 to U+009F.

use std::borrow::Cow;

/// Where a text stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    Member,
    Name,
    /// The key of a tag without a value.
    TagAlone,
    TagKey,
    TagValue,
    /// The title or text of an event, whose length the line tells.
    Text,
    /// Another field of an event or a service check.
    Words,
}

const HEX: &[u8; 16] = b"0123456789ABCDEF";

impl Place {
    /// Whether an ASCII byte has to be escaped here, a percent sign aside.
    fn forbids(self, byte: u8) -> bool {
        let separators: &[u8] = match self {
            Self::Member => b":|",
            Self::Name => b":|;,#[",
            Self::TagAlone => b":|,=",
            Self::TagKey => b":|,",
            Self::TagValue => b"|,",
            Self::Text => return byte == b'\r',
            Self::Words => b"|",
        };
        byte.is_ascii_control() || separators.contains(&byte)
    }

    /// Whether a newline is written as a backslash and an `n`.
    fn has_newlines(self) -> bool {
        matches!(self, Self::Text | Self::Words)
    }
}

/// Whether each ASCII byte, and each other, can stand anywhere as it is.
const PLAIN: [bool; 256] = {
    let mut plain = [false; 256];
    let mut byte = 0x20;
    while byte < 0x7f {
        plain[byte as usize] =
            !matches!(byte, b':' | b'|' | b';' | b',' | b'#' | b'[' | b'%' | b'=');
        byte += 1;
    }
    plain
};

/// Whether a text can stand anywhere as it is. It may say no where the answer is yes.
#[inline]
fn is_plain(text: &[u8]) -> bool {
    text.iter().fold(true, |plain, byte| plain & PLAIN[usize::from(*byte)])
}

/// Appends a text as it may stand in its place.
#[inline]
pub(crate) fn write(text: &str, place: Place, out: &mut Vec<u8>) {
    let begins_oddly = match place {
        Place::Member => text.starts_with(' '),
        Place::Name => text.starts_with("_e{"),
        _ => false,
    };
    if is_plain(text.as_bytes()) && !begins_oddly {
        out.extend_from_slice(text.as_bytes());
    } else {
        write_escaped(text, place, out);
    }
}

fn write_escaped(text: &str, place: Place, out: &mut Vec<u8>) {
    let bytes = text.as_bytes();
    let blank = place == Place::Member && bytes.iter().all(|byte| *byte == b' ');
    let event = place == Place::Name && bytes.starts_with(b"_e{");
    let lyft = place == Place::Name && bytes.contains(&b'=');
    for (index, character) in text.char_indices() {
        let after = &bytes[index + character.len_utf8()..];
        let escape = match character {
            '%' => matches!(after, [a, b, ..] if a.is_ascii_hexdigit() && b.is_ascii_hexdigit()),
            ' ' => blank && index == 0,
            '{' => event && index == 2,
            // A prefix ends with a dot.
            '_' => lyft && after.starts_with(b"_") && (index == 0 || bytes[index - 1] == b'.'),
            '\n' if place.has_newlines() => {
                out.extend_from_slice(b"\\n");
                continue;
            }
            // A backslash and an n are read as a newline.
            '\\' if place.has_newlines() => after.starts_with(b"n"),
            _ => match u8::try_from(character) {
                Ok(byte) if byte.is_ascii() => place.forbids(byte),
                _ => place != Place::Text && character.is_control(),
            },
        };
        let own = &bytes[index..index + character.len_utf8()];
        if escape {
            for byte in own {
                let (high, low) = (usize::from(byte >> 4), usize::from(byte & 15));
                out.extend_from_slice(&[b'%', HEX[high], HEX[low]]);
            }
        } else {
            out.extend_from_slice(own);
        }
    }
}

/// The text that was given as name, tag or member, from what stands in a line. A percent sign
/// that is not followed by two hexadecimal digits stands for itself.
#[must_use]
pub fn unescape(text: &[u8]) -> Cow<'_, [u8]> {
    if !text.contains(&b'%') {
        return Cow::Borrowed(text);
    }
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        rest = after;
        let escaped = match (byte, after) {
            (b'%', [high, low, ..]) => digit(*high).zip(digit(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            out.push(high << 4 | low);
            rest = &after[2..];
        } else {
            out.push(byte);
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn escaped(text: &str, place: Place) -> String {
        let mut out = Vec::new();
        write(text, place, &mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn what_means_nothing_stays_as_it_is() {
        for text in ["a.b-c_d/e", "cpu%", "a b", "50% of", "\u{e9}\u{1f4c8}", "%", "%2", "%zz"] {
            for place in [Place::Member, Place::Name, Place::TagKey, Place::TagValue, Place::Words]
            {
                assert_eq!(escaped(text, place), text);
            }
        }
        assert_eq!(escaped(" a", Place::Member), " a");
        assert_eq!(escaped("x:y", Place::TagValue), "x:y");
        assert_eq!(escaped("_e{", Place::TagKey), "_e{");
    }

    #[test]
    fn separators_are_escaped_where_they_would_mean_something() {
        assert_eq!(escaped("a:b|c\n", Place::Name), "a%3Ab%7Cc%0A");
        assert_eq!(escaped("a;b=c#d,e[f]", Place::Name), "a%3Bb=c%23d%2Ce%5Bf]");
        assert_eq!(escaped("__a.__b_=c__", Place::Name), "%5F_a.%5F_b_=c__");
        assert_eq!(escaped("a.__b", Place::Name), "a.__b");
        assert_eq!(escaped("_e{1,1}", Place::Name), "_e%7B1%2C1}");
        assert_eq!(escaped("a=b:", Place::TagAlone), "a%3Db%3A");
        assert_eq!(escaped("_sc|", Place::Name), "_sc%7C");
        assert_eq!(escaped("k:,|", Place::TagKey), "k%3A%2C%7C");
        assert_eq!(escaped("v:,|", Place::TagValue), "v:%2C%7C");
        assert_eq!(escaped("m:,|", Place::Member), "m%3A,%7C");
        assert_eq!(escaped("  ", Place::Member), "%20 ");
        assert_eq!(escaped("\u{85}\x7f\0", Place::Name), "%C2%85%7F%00");
        assert_eq!(escaped("a\nb\\n|\t", Place::Words), "a\\nb%5Cn%7C%09");
        assert_eq!(escaped("a\r\nb\\n|\t\u{85}", Place::Text), "a%0D\\nb%5Cn|\t\u{85}");
    }

    #[test]
    fn every_escape_can_be_undone() {
        for text in ["%41", "%4%31", "%%3a", "a:%3A", "%\n", "%2\n", "%25", "\u{9f}%c2"] {
            let written = escaped(text, Place::Name);
            assert_eq!(unescape(written.as_bytes()), text.as_bytes(), "{written}");
        }
        assert_eq!(unescape(b"%zz%4"), &b"%zz%4"[..]);
    }
}
