//! Texts with captures in them.

/// The text with each capture as ours has it, and the captures that the pattern does not make:
/// the exporter writes nothing for them.
///
/// `captures` says which of our wildcards each capture is, from the first on. In `$1_total` the
/// exporter looks for a capture `1_total`; that is why people write `${1}_total`.
pub(super) fn expanded(text: &str, captures: &[usize]) -> (String, Vec<String>) {
    let (mut expanded, mut lost) = (String::new(), Vec::new());
    let mut rest = text;
    while let Some(at) = rest.find('$') {
        expanded.push_str(&rest[..at]);
        let reference = length_of_reference(&rest[at..]);
        let (written, after) = rest[at..].split_at(reference);
        rest = after;
        let name = written.trim_matches(['$', '{', '}']);
        match name.parse().ok().and_then(|number: usize| captures.get(number.checked_sub(1)?)) {
            Some(wildcard) => expanded.push_str(&format!("${{{wildcard}}}")),
            None if written == "$" => expanded.push_str("$$"),
            None => lost.push(written.to_owned()),
        }
    }
    expanded.push_str(rest);
    (expanded, lost)
}

/// The length of a dollar sign, a name behind it, and braces around that; of the sign alone where
/// there is no name.
fn length_of_reference(text: &str) -> usize {
    let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '$');
    let begin = if text[1..].starts_with('{') { 2 } else { 1 };
    let name = text[begin..].find(|c| !is_name(c)).unwrap_or(text.len() - begin);
    let end = begin + name;
    match name {
        0 => 1,
        _ if text[end..].starts_with('}') => end + 1,
        _ => end,
    }
}

#[cfg(test)]
mod tests {
    use super::expanded;

    #[test]
    fn captures_are_written_with_braces_and_those_that_are_not_made_are_lost() {
        for (text, expected, lost) in [
            ("plain", "plain", &[][..]),
            ("$1", "${2}", &[]),
            ("${1}_total", "${2}_total", &[]),
            ("a.$2-$1", "a.${1}-${2}", &[]),
            ("$1_total", "", &["$1_total"]),
            ("a${3}b$0", "ab", &["${3}", "$0"]),
            ("${name}", "", &["${name}"]),
            ("$", "$$", &[]),
            ("5$ $-", "5$$ $$-", &[]),
            ("${", "$${", &[]),
            ("${1", "${2}", &[]),
        ] {
            let lost: Vec<String> = lost.iter().map(|text| (*text).to_owned()).collect();
            assert_eq!(expanded(text, &[2, 1]), (expected.to_owned(), lost), "{text}");
        }
    }
}
