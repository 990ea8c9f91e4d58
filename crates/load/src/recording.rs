//! Recorded datagrams in a file: one a line, with escapes.

use anyhow::{Context, bail, ensure};

/// How the lines of a recording are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// The form of [`gstatsd_wire::recording`]; where an interval ends makes no difference.
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
    match form {
        Form::Escaped => Ok(gstatsd_wire::recording::read(file)?.concat()),
        Form::Python => {
            let lines = file.split(|byte| *byte == b'\n').enumerate();
            let lines = lines.filter(|(_, line)| !line.is_empty());
            lines
                .map(|(index, line)| {
                    read_python(line).with_context(|| format!("line {}", index + 1))
                })
                .collect()
        }
    }
}

fn read_python(line: &[u8]) -> anyhow::Result<Vec<u8>> {
    let (quote, rest) = match line {
        [b'b', quote @ (b'\'' | b'"'), rest @ ..] => (*quote, rest),
        _ => bail!("not a bytes literal"),
    };
    let Some((last, body)) = rest.split_last() else { bail!("the literal does not end") };
    ensure!(*last == quote, "the literal does not end");
    unescape(body)
}

/// Replaces the escapes that `repr` writes.
fn unescape(text: &[u8]) -> anyhow::Result<Vec<u8>> {
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
                bytes.push(match escape {
                    b'n' => b'\n',
                    b'r' => b'\r',
                    b't' => b'\t',
                    b'\\' | b'\'' | b'"' => *escape,
                    _ => bail!("`\\{}` is no escape", escape.escape_ascii()),
                });
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
    fn a_recording_is_read_through_its_intervals() {
        let file = b"a:1|c\\nb:2|c\n\n\\\nc:1|c\r\n";
        let expected: [&[u8]; 3] = [b"a:1|c\nb:2|c", b"", b"c:1|c\r"];
        assert_eq!(read(file, Form::Escaped).unwrap(), expected);
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
            (&b"a\n\n\\t"[..], Form::Escaped, r"line 3: a '\' begins none of \n, \\ and \xNN"),
            (b"b'a'\n\na", Form::Python, "line 3: not a bytes literal"),
            (b"b'a\\'", Form::Python, "line 1: a single `\\` at the end"),
            (b"b'\\x0g'", Form::Python, "line 1: `\\x` needs two hexadecimal digits"),
            (b"b'a", Form::Python, "line 1: the literal does not end"),
            (b"b'", Form::Python, "line 1: the literal does not end"),
            (b"b'\\q'", Form::Python, "line 1: `\\q` is no escape"),
        ] {
            assert_eq!(format!("{:#}", read(file, form).unwrap_err()), error);
        }
    }
}
