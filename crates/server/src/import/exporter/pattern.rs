//! Patterns of names: globs, and regular expressions that say no more than a glob.

use crate::import::document::Section;

/// A pattern of ours.
#[derive(Debug, PartialEq)]
pub(super) enum Pattern {
    /// A glob.
    Glob {
        text: String,
        /// Which wildcard of it each capture is, from 1.
        captures: Vec<usize>,
    },
    /// Any name with this text in it.
    Contains(String),
}

/// A piece of a regular expression.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Piece {
    Literal(char),
    /// `[^.]*`: a part between dots, perhaps as a group.
    Part {
        is_group: bool,
    },
    /// `.*`: anything, perhaps as a group.
    Any {
        is_group: bool,
    },
}

impl Pattern {
    /// The pattern that a glob of the exporter is; `None` where a `*` is not a whole part.
    pub(super) fn of_glob(text: &str) -> Option<Self> {
        let is_part = |part: &str| part == "*" || !part.contains('*') && !part.is_empty();
        text.split('.').all(is_part).then(|| {
            let count = text.split('.').filter(|part| *part == "*").count();
            Self::Glob { text: text.to_owned(), captures: (1..=count).collect() }
        })
    }

    /// The pattern that a regular expression is; `None` where it is more than that, or where one
    /// of the templates calls for what only a regular expression has.
    pub(super) fn of_regex(regex: &str, templates: &[String]) -> Option<Self> {
        let is_more = |text: &String| ["$$", "$0", "${0}"].iter().any(|more| text.contains(more));
        if templates.iter().any(is_more) {
            return None;
        }
        if regex == "." {
            return Some(Self::Glob { text: "**".to_owned(), captures: Vec::new() });
        }
        let (from_start, inner) = match regex.strip_prefix('^') {
            Some(inner) => (true, inner),
            None => (false, regex),
        };
        let (to_end, inner) = match inner.strip_suffix('$') {
            Some(inner) if !inner.ends_with('\\') => (true, inner),
            _ => (false, inner),
        };
        let mut pieces = pieces(inner)?;
        let literal = |piece: &Piece| match piece {
            Piece::Literal(c) => Some(*c),
            _ => None,
        };
        let literals: Option<String> = pieces.iter().map(literal).collect();
        if let Some(text) = literals.filter(|text| !(from_start || to_end || text.is_empty())) {
            return Some(Self::Contains(text));
        }
        // What is not tied to an end of the name may stand anywhere in it.
        let any = Piece::Any { is_group: false };
        if !from_start && needs_any(pieces.first())? {
            pieces.insert(0, any);
        }
        if !to_end && needs_any(pieces.last())? {
            pieces.push(any);
        }
        glob_of_pieces(&pieces)
    }

    /// Sets the key of a rule for this pattern.
    pub(super) fn set(&self, section: &mut Section) {
        match self {
            Self::Glob { text, .. } => section.set("match", text.as_str()),
            Self::Contains(text) => section.set("contains", text.as_str()),
        }
    }

    /// Which wildcard each capture is, from 1.
    pub(super) fn captures(&self) -> &[usize] {
        match self {
            Self::Glob { captures, .. } => captures,
            Self::Contains(_) => &[],
        }
    }

    /// For each part of the name, whether a wildcard stands for it.
    pub(super) fn wildcard_parts(&self) -> Vec<bool> {
        match self {
            Self::Glob { text, .. } => text.split('.').map(|part| part.contains('*')).collect(),
            Self::Contains(_) => Vec::new(),
        }
    }
}

/// Whether anything may stand beyond a piece at an end that is not tied; `None` where that is more
/// than a glob can say, for a part goes on as far as it can.
fn needs_any(piece: Option<&Piece>) -> Option<bool> {
    match piece {
        Some(Piece::Part { .. }) => None,
        Some(Piece::Literal(_)) => Some(true),
        Some(Piece::Any { .. }) | None => Some(false),
    }
}

/// The pieces of a regular expression; `None` where it has others.
fn pieces(regex: &str) -> Option<Vec<Piece>> {
    /// Ways to write a piece, longer ones first.
    const WRITTEN: [(&str, Piece); 16] = [
        (r"([^\.]+)", Piece::Part { is_group: true }),
        (r"([^\.]*)", Piece::Part { is_group: true }),
        ("([^.]+)", Piece::Part { is_group: true }),
        ("([^.]*)", Piece::Part { is_group: true }),
        (r"[^\.]+", Piece::Part { is_group: false }),
        (r"[^\.]*", Piece::Part { is_group: false }),
        ("[^.]+", Piece::Part { is_group: false }),
        ("[^.]*", Piece::Part { is_group: false }),
        ("(.*)", Piece::Any { is_group: true }),
        ("(.+)", Piece::Any { is_group: true }),
        (".*", Piece::Any { is_group: false }),
        (".+", Piece::Any { is_group: false }),
        (r"\.", Piece::Literal('.')),
        (r"\-", Piece::Literal('-')),
        (r"\_", Piece::Literal('_')),
        (r"\/", Piece::Literal('/')),
    ];
    let mut pieces = Vec::new();
    let mut rest = regex;
    while let Some(c) = rest.chars().next() {
        let written = WRITTEN.iter().find(|(written, _)| rest.starts_with(written));
        let (piece, length) = match written {
            Some((written, piece)) => (*piece, written.len()),
            None if c.is_alphanumeric() || matches!(c, '_' | '-' | '/' | ' ' | ':') => {
                (Piece::Literal(c), c.len_utf8())
            }
            None => return None,
        };
        pieces.push(piece);
        rest = &rest[length..];
        // A literal may be repeated.
        if rest.starts_with(['*', '+', '?', '{']) {
            return None;
        }
    }
    Some(pieces)
}

/// The glob, if each wildcard can take one thing alone: where two could share a text between
/// them, a glob and a regular expression share it differently.
fn glob_of_pieces(pieces: &[Piece]) -> Option<Pattern> {
    let is_edge = |piece: Option<&Piece>| matches!(piece, None | Some(Piece::Literal('.')));
    let (mut text, mut captures, mut wildcards) = (String::new(), Vec::new(), 0);
    for (index, piece) in pieces.iter().enumerate() {
        let before = index.checked_sub(1).and_then(|before| pieces.get(before));
        let stands_alone = is_edge(before) && is_edge(pieces.get(index + 1));
        let is_group = match *piece {
            Piece::Literal(c) => {
                text.push(c);
                continue;
            }
            Piece::Part { is_group } if stands_alone => {
                text.push('*');
                is_group
            }
            Piece::Part { .. } => return None,
            Piece::Any { is_group } => {
                if is_group && !stands_alone {
                    return None;
                }
                text.push_str("**");
                is_group
            }
        };
        wildcards += 1;
        if is_group {
            captures.push(wildcards);
        }
    }
    let is_any = |piece: &&Piece| matches!(piece, Piece::Any { .. });
    let is_shared = pieces.iter().filter(is_any).count() > 1 && !captures.is_empty();
    let is_glob = !is_shared && !text.is_empty() && !text.contains("***");
    is_glob.then_some(Pattern::Glob { text, captures })
}

#[cfg(test)]
mod tests {
    use super::Pattern;

    fn glob(text: &str, captures: &[usize]) -> Option<Pattern> {
        Some(Pattern::Glob { text: text.to_owned(), captures: captures.to_vec() })
    }

    #[test]
    fn a_glob_has_wildcards_for_whole_parts() {
        assert_eq!(Pattern::of_glob("a.*.b.*"), glob("a.*.b.*", &[1, 2]));
        assert_eq!(Pattern::of_glob("a-b_c"), glob("a-b_c", &[]));
        for text in ["a*.b", "", "a..b", "**", "a.**"] {
            assert_eq!(Pattern::of_glob(text), None, "{text}");
        }
    }

    #[test]
    fn a_regular_expression_that_says_no_more_than_a_glob_is_one() {
        for (regex, expected) in [
            (".", glob("**", &[])),
            (".*", glob("**", &[])),
            ("^.+$", glob("**", &[])),
            (r"^a\.([^.]+)\.b\.([^\.]*)$", glob("a.*.b.*", &[1, 2])),
            (r"^a\.[^.]+\.([^.]+)$", glob("a.*.*", &[2])),
            (r"^a\.(.*)$", glob("a.**", &[1])),
            (r"^a\.(.*)", glob("a.**", &[1])),
            (r"^(.*)\.([^.]+)\.total$", glob("**.*.total", &[1, 2])),
            (r"a\.([^.]+)\.b", None),
            (r"a\.([^.]+)\.b$", glob("**a.*.b", &[2])),
            (r"^web\.", glob("web.**", &[])),
            (r"\.count$", glob("**.count", &[])),
            (r"^a\.b$", glob("a.b", &[])),
            (r"a\.b-c", Some(Pattern::Contains("a.b-c".to_owned()))),
        ] {
            assert_eq!(Pattern::of_regex(regex, &[]), expected, "{regex}");
        }
    }

    #[test]
    fn a_regular_expression_that_says_more_is_none() {
        for regex in [
            r"^a\.(\w+)$",
            r"(.*)\.(.*)--(.*)\.status",
            r"^a([^.]+)b\.x$",
            r"^a\.(b|c)$",
            r"^ab?$",
            r"^a[0-9]$",
            r"^a.b$",
            r"^(.*)(.*)$",
            r"^a\.([^.]+)",
            r"a+",
            r"(?i)a",
            r"a\d",
            "",
            r"a\$",
        ] {
            assert_eq!(Pattern::of_regex(regex, &[]), None, "{regex}");
        }
        for template in ["$0", "a${0}", "$$1"] {
            assert_eq!(Pattern::of_regex("^(.*)$", &[template.to_owned()]), None, "{template}");
        }
    }
}
