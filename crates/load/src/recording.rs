//! Recorded datagrams in a file: one a line, with escapes.

use anyhow::{Context, bail, ensure};

/// How the lines of a recording are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The datagram with the escapes `\n`, `\\` and `\xNN`; all other bytes stand for themselves.
    /// A line of a single `\` is an empty datagram. Empty lines are skipped.
    Escaped,
    /// A bytes literal of Python, `b'a:1|c\n'`, as `repr` writes it. Empty lines are skipped.
    Python,
}

/// Reads a recording.
///
/// # Errors
///
/// A line is not of the form; the error names its number.
pub fn read(file: &[u8], form: Form) -> anyhow::Result<Vec<Vec<u8>>> {
    let mut datagrams = Vec::new();
    for (index, line) in file.split(|byte| *byte == b'\n').enumerate() {
        if line.is_empty() {
            continue;
        }
        let datagram = match form {
            Form::Escaped => read_escaped(line),
            Form::Python => read_python(line),
        };
        datagrams.push(datagram.with_context(|| format!("line {}", index + 1))?);
    }
    Ok(datagrams)
}

fn read_escaped(line: &[u8]) -> anyhow::Result<Vec<u8>> {
    if line == b"\\" {
        return Ok(Vec::new());
    }
    unescape(line, |escape| match escape {
        b'n' => Some(b'\n'),
        b'\\' => Some(b'\\'),
        _ => None,
    })
}

fn read_python(line: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (quote, rest) = match line {
        [b'b', quote @ (b'\'' | b'"'), rest @ ..] => (*quote, rest),
        _ => bail!("not a bytes literal"),
    };
    let Some((last, body)) = rest.split_last() else { bail!("the literal does not end") };
    ensure!(*last == quote, "the literal does not end");
    unescape(body, |escape| match escape {
        b'n' => Some(b'\n'),
        b'r' => Some(b'\r'),
        b't' => Some(b'\t'),
        b'\\' | b'\'' | b'"' => Some(escape),
        _ => None,
    })
}

/// Replaces `\xNN`, and what `simple` knows of the other escapes.
fn unescape(text: &[u8], simple: impl Fn(u8) -> Option<u8>) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    loop {
        rest = match rest {
            [] => return Ok(bytes),
            [b'\\', b'x', high, low, rest @ ..] => {
                let (Some(high), Some(low)) = (digit(*high), digit(*low)) else {
                    bail!("`\\x` needs two hexadecimal digits");
                };
                bytes.push(high << 4 | low);
                rest
            }
            [b'\\', escape, rest @ ..] => {
                let Some(byte) = simple(*escape) else {
                    bail!("`\\{}` is no escape", escape.escape_ascii());
                };
                bytes.push(byte);
                rest
            }
            [b'\\'] => bail!("a single `\\` at the end"),
            [byte, rest @ ..] => {
                bytes.push(*byte);
                rest
            }
        };
    }
}

fn digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_stand_for_bytes_and_all_else_for_itself() {
        let file = b"a:1|c\\nb:2|c\n\n\\\\x\\x00\\xfF\r\n\\\n'\xff";
        let datagrams = read(file, Form::Escaped).unwrap();
        let expected: [&[u8]; 4] = [b"a:1|c\nb:2|c", b"\\x\x00\xff\r", b"", b"'\xff"];
        assert_eq!(datagrams, expected);
        assert_eq!(read(b"", Form::Escaped).unwrap(), Vec::<Vec<u8>>::new());
    }

    #[test]
    fn literals_of_python_are_read_as_it_writes_them() {
        let file = b"b'a:1|c\\n'\n\nb\"it's\\\\\"\nb'\\t\\r\\'\\x7f'\nb''\n";
        let expected: [&[u8]; 4] = [b"a:1|c\n", b"it's\\", b"\t\r'\x7f", b""];
        assert_eq!(read(file, Form::Python).unwrap(), expected);
    }

    #[test]
    fn an_error_names_the_line_and_what_is_wrong() {
        for (file, form, error) in [
            (&b"a\n\n\\t"[..], Form::Escaped, "line 3: `\\t` is no escape"),
            (b"a\\", Form::Escaped, "line 1: a single `\\` at the end"),
            (b"\\x0g", Form::Escaped, "line 1: `\\x` needs two hexadecimal digits"),
            (b"\\x0", Form::Escaped, "line 1: `\\x` is no escape"),
            (b"a", Form::Python, "line 1: not a bytes literal"),
            (b"b'a", Form::Python, "line 1: the literal does not end"),
            (b"b'", Form::Python, "line 1: the literal does not end"),
            (b"b'\\q'", Form::Python, "line 1: `\\q` is no escape"),
        ] {
            assert_eq!(format!("{:#}", read(file, form).unwrap_err()), error);
        }
    }
}
