//! What holds for Rust sources: a first line that says why, length, banned words, unsafe.

use super::lexer::{code, line_at, words};
use super::{Finding, lexer};

/// With its tests. Longer files hold more than one thing.
const LINES_MAX: usize = 500;

/// What may not stand in a source, comments included, and why. In two parts, so that this file
/// passes.
const BANNED: [(&str, &str); 7] = [
    (concat!("todo", "!("), "write it, or do not promise it"),
    (concat!("unimplemented", "!("), "write it, or do not promise it"),
    (concat!("FIX", "ME"), "repair it, or write down why it stays"),
    (concat!("TO", "DO"), "do it, or open an issue"),
    (concat!("XX", "X"), "say what is meant"),
    (concat!("dbg", "!("), "log it, or leave it out"),
    (concat!("#[ign", "ore"), "a test runs, or it goes"),
];

/// Where `unsafe` may stand, and why. A `*` stands for any text without a `/`.
const UNSAFE_FILES: &[(&str, &str)] = &[
    ("crates/aggregate/src/fingerprint/*.rs", "instructions of one kind of processor"),
    ("crates/aggregate/src/index/places.rs", "memory from the system"),
    ("crates/aggregate/src/prefetch.rs", "a hint to the processor"),
    ("crates/client/src/fork.rs", "system calls"),
    ("crates/client/tests/process.rs", "a fork, handlers of signals"),
    ("crates/python/src/fastcall.rs", "a way in which Python calls"),
    ("crates/python/src/raw.rs", "calls of Python's own interface"),
    ("crates/server/tests/it/kept.rs", "descriptors that were sent"),
    ("crates/server/tests/it/old_kernels.rs", "an answer in place of the kernel's"),
    ("crates/server/src/sys.rs", "system calls"),
    ("crates/server/src/sys/*.rs", "system calls"),
    ("crates/sinks/src/sys.rs", "system calls"),
    ("crates/store/src/page/mapping.rs", "memory of a file"),
    ("crates/wire/src/scan/x86.rs", "vector instructions"),
    ("crates/wire/src/scan/avx512.rs", "vector instructions"),
    ("crates/load/src/sys.rs", "system calls"),
    ("crates/*/tests/*alloc*.rs", "an allocator that counts"),
    ("crates/aggregate/tests/large.rs", "an allocator that counts"),
    ("crates/*/benches/*.rs", "an allocator that counts, the clock of a thread"),
];

/// Checks one file; others than Rust sources pass.
pub(super) fn check(path: &str, text: &str) -> Vec<Finding> {
    if !path.ends_with(".rs") {
        return Vec::new();
    }
    let mut findings = Vec::new();
    if !text.starts_with("//! ") {
        let message = "the first line is a `//!` that says what the file is for";
        findings.push(Finding::new(path, 1, message));
    }
    let lines = text.lines().count();
    if lines > LINES_MAX {
        let message = format!("{lines} lines, more than {LINES_MAX}: split it by purpose");
        findings.push(Finding::new(path, lines, message));
    }
    for (banned, instead) in BANNED {
        for (at, _) in text.match_indices(banned).filter(|(at, _)| is_apart(text, *at, banned)) {
            let message = format!("`{banned}` is banned: {instead}");
            findings.push(Finding::new(path, line_at(text, at), message));
        }
    }
    if !UNSAFE_FILES.iter().any(|(pattern, _)| matches_pattern(pattern, path)) {
        let code = code(text);
        for (at, _) in words(&code).filter(|(_, word)| *word == "unsafe") {
            let message = "`unsafe` stands only in the files that xtask/src/tidy/source.rs names";
            findings.push(Finding::new(path, line_at(text, at), message));
        }
    }
    findings
}

/// Whether what stands at `at` is no part of a longer word.
fn is_apart(text: &str, at: usize, banned: &str) -> bool {
    let before = text[..at].chars().next_back();
    let after = text[at + banned.len()..].chars().next();
    let goes_on = banned.ends_with(lexer::is_word) && after.is_some_and(lexer::is_word);
    !(goes_on || before.is_some_and(lexer::is_word))
}

/// Whether a path matches a pattern in which `*` stands for any text without a `/`.
fn matches_pattern(pattern: &str, path: &str) -> bool {
    let Some((head, rest)) = pattern.split_once('*') else { return pattern == path };
    let Some(tail) = path.strip_prefix(head) else { return false };
    let reach = tail.find('/').unwrap_or(tail.len());
    (0..=reach)
        .filter(|end| tail.is_char_boundary(*end))
        .any(|end| matches_pattern(rest, &tail[end..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check(path, text).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn a_source_that_says_what_it_is_for_passes() {
        assert_eq!(check("a.rs", "//! Adds.\nfn add() {}\n"), []);
        assert_eq!(check("a.md", "# No source\n"), []);
    }

    #[test]
    fn a_source_without_a_first_line_is_found() {
        assert_eq!(lines("a.rs", "fn add() {}\n"), [1]);
        assert_eq!(lines("a.rs", "//!\nfn add() {}\n"), [1]);
        assert_eq!(lines("a.rs", ""), [1]);
    }

    #[test]
    fn a_long_source_is_found() {
        assert_eq!(lines("a.rs", &format!("//! A.\n{}", "\n".repeat(499))), [0_usize; 0]);
        assert_eq!(lines("a.rs", &format!("//! A.\n{}", "\n".repeat(500))), [501]);
    }

    #[test]
    fn each_banned_word_is_found_in_code_and_comments() {
        for (banned, _) in BANNED {
            assert_eq!(lines("a.rs", &format!("//! A.\n// {banned}\n")), [2], "{banned}");
            assert_eq!(lines("a.rs", &format!("//! A.\nfn a() {{ {banned}); }}\n")), [2]);
            assert_eq!(lines("a.rs", &format!("//! A.\n// a{banned}\n")), [0_usize; 0], "{banned}");
        }
    }

    #[test]
    fn unsafe_is_found_outside_the_named_files_and_not_in_words() {
        let text = "//! A.\n// unsafe\nconst A: &str = \"unsafe\"; // unsafe_code\nunsafe {}\n";
        assert_eq!(lines("crates/wire/src/a.rs", text), [4]);
        assert_eq!(lines("crates/server/src/sys/socket.rs", text), [0_usize; 0]);
        assert_eq!(lines("crates/server/tests/zero_alloc.rs", text), [0_usize; 0]);
        assert_eq!(lines("crates/server/tests/it/zero_alloc.rs", text), [4]);
    }

    #[test]
    fn a_star_in_a_pattern_stops_at_a_slash() {
        assert!(matches_pattern("a/*/c*.rs", "a/b/cd.rs"));
        assert!(matches_pattern("a/*.rs", "a/.rs"));
        assert!(!matches_pattern("a/*.rs", "a/b/c.rs"));
        assert!(!matches_pattern("a/*.rs", "a/b.rss"));
    }
}
