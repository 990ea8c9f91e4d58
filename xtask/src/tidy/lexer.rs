//! Just enough of Rust's grammar to tell code from comments and literals.

/// The text with comments, strings and characters blanked out; offsets and lines stay.
pub(super) fn code(text: &str) -> String {
    let bytes = text.as_bytes();
    let mut code = bytes.to_vec();
    let mut at = 0;
    while at < bytes.len() {
        let end = end_of_blank(bytes, at);
        for byte in code.iter_mut().take(end).skip(at).filter(|byte| **byte != b'\n') {
            *byte = b' ';
        }
        at = end.max(at + 1);
    }
    // Only whole literals and comments were blanked, so what is left is still UTF-8.
    String::from_utf8_lossy(&code).into_owned()
}

/// The words of a code text, with the offset of each.
pub(super) fn words(code: &str) -> impl Iterator<Item = (usize, &str)> {
    code.split(|c: char| !is_word(c))
        .filter(|word| !word.is_empty())
        .map(|word| (word.as_ptr() as usize - code.as_ptr() as usize, word))
}

/// Whether a character may stand in a word of code.
pub(super) fn is_word(c: char) -> bool {
    c.is_alphanumeric() || c == '_'
}

/// The number of the line, from 1, in which the offset lies.
pub(super) fn line_at(text: &str, offset: usize) -> usize {
    text.as_bytes()[..offset].iter().filter(|byte| **byte == b'\n').count() + 1
}

/// Where the comment or literal that begins at `at` ends; `at` itself where none does.
fn end_of_blank(bytes: &[u8], at: usize) -> usize {
    let rest = &bytes[at..];
    match rest {
        [b'/', b'/', ..] => at + rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len()),
        [b'/', b'*', ..] => at + block_comment_bytes(rest),
        [b'"', ..] => at + quoted_bytes(rest, b'"'),
        [b'r', b'"' | b'#', ..] if !follows_word(bytes, at) => at + raw_string_bytes(rest),
        // A quote begins a character, unless it begins a lifetime.
        [b'\'', b'\\', ..] => at + quoted_bytes(rest, b'\''),
        [b'\'', first, ..] => {
            let after = 1 + utf8_bytes(*first);
            if rest.get(after) == Some(&b'\'') { at + after + 1 } else { at }
        }
        _ => at,
    }
}

/// Whether a raw string cannot begin here; its `br` and `cr` forms can.
fn follows_word(bytes: &[u8], at: usize) -> bool {
    let word_byte = |byte: &u8| byte.is_ascii_alphanumeric() || *byte == b'_';
    match &bytes[..at] {
        [.., before, b'b' | b'c'] => word_byte(before),
        [b'b' | b'c'] | [] => false,
        [.., before] => word_byte(before),
    }
}

fn block_comment_bytes(rest: &[u8]) -> usize {
    let mut depth = 0_usize;
    let mut at = 0;
    while at < rest.len() {
        match &rest[at..] {
            [b'/', b'*', ..] => (depth, at) = (depth + 1, at + 2),
            [b'*', b'/', ..] if depth == 1 => return at + 2,
            [b'*', b'/', ..] => (depth, at) = (depth - 1, at + 2),
            _ => at += 1,
        }
    }
    rest.len()
}

fn quoted_bytes(rest: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < rest.len() {
        match rest[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    rest.len()
}

/// Nothing for a raw identifier, `r#type`.
fn raw_string_bytes(rest: &[u8]) -> usize {
    let hashes = rest[1..].iter().take_while(|byte| **byte == b'#').count();
    if rest.get(1 + hashes) != Some(&b'"') {
        return 0;
    }
    let mut end = vec![b'"'];
    end.resize(1 + hashes, b'#');
    let body = &rest[2 + hashes..];
    let found = body.windows(end.len()).position(|window| window == end.as_slice());
    found.map_or(rest.len(), |found| 2 + hashes + found + end.len())
}

fn utf8_bytes(first: u8) -> usize {
    match first {
        0xf0.. => 4,
        0xe0.. => 3,
        0xc0.. => 2,
        _ => 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn left(text: &str) -> String {
        let code = code(text);
        assert_eq!(code.len(), text.len(), "offsets stay");
        code.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn comments_are_blanked_to_their_end() {
        assert_eq!(left("a // b\nc"), "a c");
        assert_eq!(left("a /* b /* c */ d */ e"), "a e");
        assert_eq!(left("a /* b"), "a");
        assert_eq!(left("a / b * c"), "a / b * c");
    }

    #[test]
    fn literals_are_blanked_and_lifetimes_stay() {
        assert_eq!(left(r#"a "b \" // c" d"#), "a d");
        assert_eq!(left(r##"a r#"b " c"# d"##), "a d");
        assert_eq!(left(r##"a br#"b"# d r"e" for"f""##), "a b d for");
        assert_eq!(left(r"a '\'' b 'c' d '€' e"), "a b d e");
        assert_eq!(left("fn a<'b>(c: &'b str)"), "fn a<'b>(c: &'b str)");
        assert_eq!(left("r#type + 1"), "r#type + 1");
        assert_eq!(left("a \"b"), "a");
    }

    #[test]
    fn lines_count_from_one() {
        assert_eq!(line_at("a\nb\n", 0), 1);
        assert_eq!(line_at("a\nb\n", 1), 1);
        assert_eq!(line_at("a\nb\n", 2), 2);
    }

    #[test]
    fn words_come_with_their_offsets() {
        let found: Vec<_> = words("a::b_c(1)").collect();
        assert_eq!(found, [(0, "a"), (3, "b_c"), (7, "1")]);
    }
}
