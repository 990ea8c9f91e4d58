//! Patterns of names: `*` stands for any characters within a part between dots, `**` for any
//! characters at all.

use std::fmt;

/// The longest pattern, in bytes.
const BYTES_MAX: usize = 1024;
/// How many wildcards a pattern may have: one bit each.
const WILDCARDS_MAX: usize = 32;

/// A pattern of names: `web.*.requests`, `app.**`. Everything but `*` and `**` stands for itself.
///
/// Each wildcard takes as little as it can, those to the left first; it may take nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Glob {
    /// What stands before the first wildcard; the whole pattern where there is none.
    head: Box<str>,
    /// The wildcards, each with what stands behind it.
    wildcards: Box<[Wildcard]>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Wildcard {
    /// Whether it takes dots too.
    dots: bool,
    /// What follows; only after the last wildcard it may be empty.
    tail: Box<str>,
}

/// What the wildcards of a pattern stand for in a name, as places in it.
#[derive(Clone, Debug, Default)]
pub struct Captures {
    ranges: Vec<(usize, usize)>,
    /// Room for the work: for each place of the name, a bit for each wildcard from which on the
    /// rest of the pattern matches the rest of the name.
    reach: Vec<u32>,
}

/// Why a text is no pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GlobError {
    /// It is empty.
    Empty,
    /// It is longer than 1,024 bytes.
    TooLong,
    /// It has more than 32 wildcards.
    TooManyWildcards,
    /// It has `***`.
    ThreeStars,
}

impl Glob {
    /// Reads a pattern.
    ///
    /// # Errors
    /// The text is no pattern.
    pub fn parse(text: &str) -> Result<Self, GlobError> {
        if text.is_empty() {
            return Err(GlobError::Empty);
        }
        if text.len() > BYTES_MAX {
            return Err(GlobError::TooLong);
        }
        if text.contains("***") {
            return Err(GlobError::ThreeStars);
        }
        let (head, mut rest) = split_at_star(text);
        let mut wildcards = Vec::new();
        while let Some(after) = rest.strip_prefix('*') {
            let dots = after.starts_with('*');
            let (tail, after) = split_at_star(if dots { &after[1..] } else { after });
            wildcards.push(Wildcard { dots, tail: tail.into() });
            rest = after;
        }
        if wildcards.len() > WILDCARDS_MAX {
            return Err(GlobError::TooManyWildcards);
        }
        Ok(Self { head: head.into(), wildcards: wildcards.into() })
    }

    /// How many wildcards it has.
    #[must_use]
    pub fn capture_count(&self) -> usize {
        self.wildcards.len()
    }

    /// Whether a name matches; `captures` then holds what the wildcards stand for.
    pub fn matches(&self, name: &[u8], captures: &mut Captures) -> bool {
        captures.clear();
        let Some(rest) = name.strip_prefix(self.head.as_bytes()) else { return false };
        let Some((last, others)) = self.wildcards.split_last() else { return rest.is_empty() };
        // Most names are told apart by how they begin and end.
        let Some(middle) = rest.strip_suffix(last.tail.as_bytes()) else { return false };
        let Captures { ranges, reach } = captures;
        if !others.is_empty() {
            self.fill_reach(middle, reach);
            if reach[0] & 1 == 0 {
                return false;
            }
        } else if !last.may_take(middle) {
            return false;
        }
        let mut at = 0;
        for (index, wildcard) in others.iter().enumerate() {
            let begin = at;
            while !wildcard.ends_at(middle, at, reach, index) {
                at += 1;
            }
            ranges.push((begin + self.head.len(), at + self.head.len()));
            at += wildcard.tail.len();
        }
        ranges.push((at + self.head.len(), middle.len() + self.head.len()));
        true
    }

    /// Finds, from the end of a text to its start, from which wildcards on the rest of the
    /// pattern, but for the tail of the last, matches the rest of the text.
    fn fill_reach(&self, text: &[u8], reach: &mut Vec<u32>) {
        reach.clear();
        reach.resize(text.len() + 1, 0);
        let last = self.wildcards.len() - 1;
        for at in (0..=text.len()).rev() {
            for (index, wildcard) in self.wildcards.iter().enumerate() {
                let goes_on = match text.get(at) {
                    None => index == last,
                    Some(&byte) => wildcard.takes(byte) && reach[at + 1] & 1 << index != 0,
                };
                if goes_on || index < last && wildcard.ends_at(text, at, reach, index) {
                    reach[at] |= 1 << index;
                }
            }
        }
    }
}

impl Wildcard {
    fn takes(&self, byte: u8) -> bool {
        self.dots || byte != b'.'
    }

    fn may_take(&self, text: &[u8]) -> bool {
        self.dots || !text.contains(&b'.')
    }

    /// Whether this wildcard, which is not the last, can end at a place of the text.
    fn ends_at(&self, text: &[u8], at: usize, reach: &[u32], index: usize) -> bool {
        text[at..].starts_with(self.tail.as_bytes())
            && reach[at + self.tail.len()] & 1 << (index + 1) != 0
    }
}

impl Captures {
    /// Forgets everything.
    pub(super) fn clear(&mut self) {
        self.ranges.clear();
    }

    /// What the wildcard of a number, from 1, stands for in the name that matched; the whole name
    /// for 0.
    #[must_use]
    pub fn text<'n>(&self, name: &'n [u8], number: usize) -> &'n [u8] {
        let range = number.checked_sub(1).and_then(|index| self.ranges.get(index));
        range.map_or(name, |&(start, end)| &name[start..end])
    }

    /// What each wildcard stands for in the name that matched.
    pub fn iter<'n>(&self, name: &'n [u8]) -> impl Iterator<Item = &'n [u8]> {
        self.ranges.iter().map(|&(start, end)| &name[start..end])
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.head)?;
        self.wildcards.iter().try_for_each(|Wildcard { dots, tail }| {
            f.write_str(if *dots { "**" } else { "*" })?;
            f.write_str(tail)
        })
    }
}

impl fmt::Display for GlobError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Empty => f.write_str("an empty pattern matches nothing"),
            Self::TooLong => write!(f, "a pattern has at most {BYTES_MAX} bytes"),
            Self::TooManyWildcards => write!(f, "a pattern has at most {WILDCARDS_MAX} wildcards"),
            Self::ThreeStars => f.write_str("'***' is no wildcard; '*' and '**' are"),
        }
    }
}

impl std::error::Error for GlobError {}

fn split_at_star(text: &str) -> (&str, &str) {
    text.split_at(text.find('*').unwrap_or(text.len()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The captures of a name, if it matches.
    fn captures(pattern: &str, name: &str) -> Option<Vec<String>> {
        let mut captures = Captures::default();
        let glob = Glob::parse(pattern).unwrap();
        // What is left of another match must not matter.
        assert!(Glob::parse("*x*y*").unwrap().matches(b"1x2y3", &mut captures));
        let matches = glob.matches(name.as_bytes(), &mut captures);
        let texts = captures.iter(name.as_bytes()).map(<[u8]>::to_vec);
        matches.then(|| texts.map(|text| String::from_utf8(text).unwrap()).collect())
    }

    /// The obvious twin: tries everything, wildcards from short to long.
    fn twin(pattern: &str, name: &str) -> Option<Vec<String>> {
        let Some(rest) = pattern.strip_prefix('*') else {
            let Some(first) = pattern.chars().next() else {
                return name.is_empty().then(Vec::new);
            };
            return twin(&pattern[first.len_utf8()..], name.strip_prefix(first)?);
        };
        let (rest, dots) = rest.strip_prefix('*').map_or((rest, false), |rest| (rest, true));
        for end in (0..=name.len()).filter(|&end| name.is_char_boundary(end)) {
            let (taken, left) = name.split_at(end);
            if !dots && taken.contains('.') {
                return None;
            }
            if let Some(mut others) = twin(rest, left) {
                others.insert(0, taken.to_owned());
                return Some(others);
            }
        }
        None
    }

    #[test]
    fn one_star_stays_within_a_part_and_two_do_not() {
        for (pattern, name, expected) in [
            ("web.requests", "web.requests", Some(vec![])),
            ("web.requests", "web.request", None),
            ("web.requests", "web.requestss", None),
            ("web.*.requests", "web.a.requests", Some(vec!["a"])),
            ("web.*.requests", "web.a.b.requests", None),
            ("web.*.requests", "web..requests", Some(vec![""])),
            ("web.*.requests", "web.requests", None),
            ("web.**", "web.a.b", Some(vec!["a.b"])),
            ("web.**", "web", None),
            ("**.count", "a.b.count", Some(vec!["a.b"])),
            ("**.*.count", "a.b.c.count", Some(vec!["a.b", "c"])),
            ("*.**.count", "a.b.c.count", Some(vec!["a", "b.c"])),
            ("web*.*ms", "web12.3ms", Some(vec!["12", "3"])),
            ("*a*", "banana", Some(vec!["b", "nana"])),
            ("**a*b", "a.axbb", Some(vec!["a.", "xb"])),
            ("aba*aba", "aba", None),
            ("ü*.é", "üx.é", Some(vec!["x"])),
        ] {
            let expected = expected.map(|texts| texts.iter().map(ToString::to_string).collect());
            assert_eq!(captures(pattern, name), expected, "{pattern} {name}");
        }
    }

    #[test]
    fn what_is_no_pattern_is_told_why() {
        for (text, expected) in [
            (String::new(), GlobError::Empty),
            ("a***".to_owned(), GlobError::ThreeStars),
            ("a".repeat(BYTES_MAX + 1), GlobError::TooLong),
            ("*a".repeat(WILDCARDS_MAX + 1), GlobError::TooManyWildcards),
        ] {
            assert_eq!(Glob::parse(&text), Err(expected));
            assert!(!expected.to_string().is_empty());
        }
        assert!(Glob::parse(&"*a".repeat(WILDCARDS_MAX)).is_ok());
    }

    #[test]
    fn a_name_made_to_be_slow_is_not() {
        // Backtracking would take longer than the world has existed.
        let glob = Glob::parse(&"**a*a".repeat(16)).unwrap();
        let name = [vec![b'a'; 65_000], vec![b'b']].concat();
        assert!(!glob.matches(&name, &mut Captures::default()));
    }

    proptest! {
        #[test]
        fn property_test_a_pattern_matches_what_its_obvious_twin_does(
            pattern in "([ab.ü]{0,2}[*]{1,2}){0,4}[ab.]{0,2}",
            name in "[ab.ü]{0,12}",
        ) {
            prop_assume!(!pattern.is_empty() && !pattern.contains("***"));
            prop_assert_eq!(captures(&pattern, &name), twin(&pattern, &name));
            prop_assert_eq!(Glob::parse(&pattern).unwrap().to_string(), pattern);
        }

        #[test]
        fn property_test_a_name_made_of_a_pattern_matches_it(
            pattern in "([ab.]{0,2}[*]{1,2}){0,4}[ab.]{1,2}",
            texts in prop::collection::vec("[ab]{0,3}", 4),
        ) {
            prop_assume!(!pattern.contains("***"));
            let mut name = pattern.clone();
            for text in texts {
                let two = name.contains("**") && name.find("**") == name.find('*');
                name = name.replacen(if two { "**" } else { "*" }, &text, 1);
            }
            prop_assert!(captures(&pattern, &name).is_some(), "{} {}", pattern, name);
        }
    }
}
