//! What holds for every text: white space, line lengths, no paths of one machine.

use super::Finding;

/// In characters; rustfmt holds code to it, this holds comments and strings to it too.
const COLUMNS_MAX: usize = 100;

/// Where the directories of one machine begin. In two parts, so that this file passes.
const MACHINE_PATHS: [&str; 4] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/"), concat!("/Us", "ers/")];

/// Files whose bytes are someone else's: recorded data, and what a generator writes.
const NOT_OUR_BYTES: [&str; 4] = ["testdata/", "docs/completions/", "docs/gstatsd.1", "LICENSE"];

/// Checks one text file.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !NOT_OUR_BYTES.iter().any(|ours| path.starts_with(ours)) {
        findings.extend(check_white_space(path, text));
    }
    if path.ends_with(".rs") {
        findings.extend(check_columns(path, text));
    }
    if path != "Cargo.lock" {
        findings.extend(check_machine_paths(path, text));
    }
    findings
}

fn check_white_space(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tabs_allowed = ![".rs", ".md", ".toml"].iter().any(|end| path.ends_with(end));
    for (line, content) in numbered(text) {
        if content.ends_with([' ', '\t', '\r']) {
            findings.push(Finding::new(path, line, "blanks at the end of the line"));
        }
        if !tabs_allowed && content.contains('\t') {
            findings.push(Finding::new(path, line, "a tab: use blanks, or \\t in a literal"));
        }
    }
    if !text.is_empty() && !text.ends_with('\n') {
        findings.push(Finding::new(path, text.lines().count(), "no newline at the end"));
    }
    if text.ends_with("\n\n") {
        findings.push(Finding::new(path, text.lines().count(), "an empty line at the end"));
    }
    findings
}

fn check_columns(path: &str, text: &str) -> Vec<Finding> {
    numbered(text)
        .filter(|(_, content)| content.chars().count() > COLUMNS_MAX && !has_long_url(content))
        .map(|(line, content)| {
            let columns = content.chars().count();
            Finding::new(path, line, format!("{columns} columns, more than {COLUMNS_MAX}"))
        })
        .collect()
}

/// Whether the line would fit but for an address, which cannot be broken.
fn has_long_url(content: &str) -> bool {
    let urls = content.split_whitespace().filter(|word| word.contains("://"));
    let url_columns = urls.map(|url| url.chars().count()).max().unwrap_or(0);
    url_columns > 0 && content.chars().count() - url_columns <= COLUMNS_MAX
}

fn check_machine_paths(path: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (line, content) in numbered(text) {
        for machine_path in MACHINE_PATHS {
            let begins = |at: usize| {
                !content[..at].ends_with(|before: char| {
                    before.is_alphanumeric() || matches!(before, '_' | '-' | '.' | '/' | '*' | '}')
                })
            };
            if content.match_indices(machine_path).any(|(at, _)| begins(at)) {
                let message = format!("`{machine_path}` is a path of one machine");
                findings.push(Finding::new(path, line, message));
            }
        }
    }
    findings
}

fn numbered(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.split('\n').enumerate().map(|(index, content)| (index + 1, content))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(path, text).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn clean_text_passes() {
        assert_eq!(check("a.rs", "//! A.\n\nfn a() {}\n"), []);
        assert_eq!(check("empty.md", ""), []);
    }

    #[test]
    fn white_space_is_found_where_the_bytes_are_ours() {
        assert_eq!(lines("a.md", "a \nb\n"), [1]);
        assert_eq!(lines("a.md", "a\r\nb\n"), [1]);
        assert_eq!(lines("a.rs", "a\n\tb\n"), [2]);
        assert_eq!(lines("a.toml", "a\nb"), [2]);
        assert_eq!(lines("a.md", "a\n\n"), [2]);
        assert_eq!(lines("Makefile", "a:\n\tb\n"), [0_usize; 0]);
        assert_eq!(lines("testdata/captures/a.txt", "a \t\r\nb"), [0_usize; 0]);
    }

    #[test]
    fn a_long_line_is_found_in_comments_and_strings_but_for_an_address() {
        assert_eq!(lines("a.rs", &format!("// {}\n", "ä".repeat(97))), [0_usize; 0]);
        assert_eq!(lines("a.rs", &format!("// {}\n", "ä".repeat(98))), [1]);
        assert_eq!(lines("a.rs", &format!("// <https://{}>\n", "a".repeat(120))), [0_usize; 0]);
        assert_eq!(lines("a.rs", &format!("// {} https://a.b/\n", "a".repeat(120))), [1]);
        assert_eq!(lines("a.md", &format!("{}\n", "a".repeat(120))), [0_usize; 0]);
    }

    #[test]
    fn a_path_of_one_machine_is_found_but_not_a_module_of_that_name() {
        for machine_path in MACHINE_PATHS {
            assert_eq!(lines("a.toml", &format!("a\npath = \"{machine_path}x\"\n")), [2]);
            assert_eq!(lines("testdata/a.txt", &format!("{machine_path}x\n")), [1]);
            assert_eq!(lines("Cargo.lock", &format!("{machine_path}x\n")), [0_usize; 0]);
        }
        assert_eq!(
            lines("a.md", &format!("see crates/server/src{}\n", MACHINE_PATHS[0])),
            [0_usize; 0]
        );
    }
}
