//! Recorded packets: a text file with one packet a line, to be replayed.
//!
//! `\n`, `\\` and `\xNN` are escapes, and all other bytes stand for themselves. A line of a single
//! `\` is an empty packet. An empty line ends an interval; packets after the last one make one
//! more. A file without a byte has no interval.

use std::fmt;

/// What is wrong with a recording.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BadEscape {
    /// From 1.
    line: usize,
}

impl fmt::Display for BadEscape {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let line = self.line;
        write!(f, r"line {line}: a '\' begins none of \n, \\ and \xNN")
    }
}

impl std::error::Error for BadEscape {}

/// The packets of each interval.
///
/// # Errors
/// A `\` that is no escape.
pub fn read(file: &[u8]) -> Result<Vec<Vec<Vec<u8>>>, BadEscape> {
    let mut intervals = Vec::new();
    let mut packets = Vec::new();
    for (index, line) in lines(file).enumerate() {
        match line {
            b"" => intervals.push(std::mem::take(&mut packets)),
            b"\\" => packets.push(Vec::new()),
            line => packets.push(unescape(line).ok_or(BadEscape { line: index + 1 })?),
        }
    }
    if !packets.is_empty() {
        intervals.push(packets);
    }
    Ok(intervals)
}

/// The lines of a file; what follows the last newline is one only if it has a byte.
fn lines(file: &[u8]) -> impl Iterator<Item = &[u8]> {
    file.split_inclusive(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\n").unwrap_or(line))
}

fn unescape(line: &[u8]) -> Option<Vec<u8>> {
    let mut packet = Vec::with_capacity(line.len());
    let mut rest = line;
    while let Some((&byte, after)) = rest.split_first() {
        let (byte, after) = match byte {
            b'\\' => unescape_one(after)?,
            byte => (byte, after),
        };
        packet.push(byte);
        rest = after;
    }
    Some(packet)
}

/// The byte that an escape stands for, and what follows it.
fn unescape_one(after: &[u8]) -> Option<(u8, &[u8])> {
    match after {
        [b'n', rest @ ..] => Some((b'\n', rest)),
        [b'\\', rest @ ..] => Some((b'\\', rest)),
        [b'x', high, low, rest @ ..] => {
            let digit = |byte: u8| char::from(byte).to_digit(16);
            let byte = digit(*high)? * 16 + digit(*low)?;
            Some((u8::try_from(byte).ok()?, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(file: &[u8], expected: &[&[&[u8]]]) {
        let read = read(file).unwrap();
        assert_eq!(read, expected, "{}", file.escape_ascii());
    }

    #[test]
    fn intervals_end_at_empty_lines_and_at_the_end() {
        check(b"", &[]);
        check(b"\n", &[&[]]);
        check(b"a", &[&[b"a"]]);
        check(b"a\nb\n", &[&[b"a", b"b"]]);
        check(b"a\n\n", &[&[b"a"]]);
        check(b"a\n\n\nb", &[&[b"a"], &[], &[b"b"]]);
    }

    #[test]
    fn escapes_stand_for_bytes_and_other_bytes_for_themselves() {
        check(br"a\nb\\n\x0A\xfF", &[&[b"a\nb\\n\n\xff"]]);
        check(b"\\\n", &[&[b""]]);
        check(b"a\r\n\r\n", &[&[b"a\r", b"\r"]]);
        check(b"\xff\0", &[&[b"\xff\0"]]);
    }

    #[test]
    fn any_other_use_of_a_backslash_is_an_error_with_its_line() {
        for bad in [&br"\q"[..], br"a\", br"\x", br"\x1", br"\x1g", br"\N", br"\X10", br"\\\"] {
            let file = [b"fine\n\n", bad, b"\n"].concat();
            assert_eq!(read(&file), Err(BadEscape { line: 3 }), "{}", bad.escape_ascii());
        }
        let text = BadEscape { line: 3 }.to_string();
        assert_eq!(text, r"line 3: a '\' begins none of \n, \\ and \xNN");
    }
}
