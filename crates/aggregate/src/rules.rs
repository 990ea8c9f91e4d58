//! Rules: what is done with the series of some names. The first rule that matches decides.
//!
//! A rule is looked for when a spelling is seen for the first time, never for a sample of a
//! spelling that is known.

mod glob;
mod template;

use crate::SeriesKind;
pub use glob::{Captures, Glob, GlobError};
pub use template::{Template, TemplateError};

/// The rules of a configuration, in their order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Rules(Vec<Rule>);

/// What is done with the series of some names.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// The names that it is about.
    pub pattern: Pattern,
    /// The kinds of series that it is about.
    pub kinds: KindSet,
    /// What is done with them.
    pub effect: Effect,
}

/// The names that a rule is about: names as the dialect leaves them, without tags and prefix.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Pattern {
    /// A name of this form.
    Glob(Glob),
    /// A name that has this text somewhere; the empty text is in every name.
    Contains(Box<str>),
}

/// What a rule does.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Effect {
    /// Samples count as dropped, and nothing else happens.
    pub drop: bool,
    /// The series has this name instead.
    pub rename: Option<Template>,
    /// Tags that the series gets, in place of those of the same key; an empty one is taken away.
    pub tags: Vec<(Box<str>, Template)>,
    /// The sender repeats the total of a counter each time: its growth counts.
    pub absolute: bool,
    /// The number of the settings of the series; 0 for those of the configuration.
    pub settings: u16,
}

/// Some of the kinds of series.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KindSet(u8);

/// A rule that matched.
#[derive(Clone, Copy, Debug)]
pub struct Match<'r> {
    /// Which it is, from 0.
    pub index: usize,
    /// What it does.
    pub effect: &'r Effect,
}

impl Rules {
    /// Rules, of which the first that matches decides.
    #[must_use]
    pub fn new(rules: Vec<Rule>) -> Self {
        Self(rules)
    }

    /// The first rule for a series; `captures` then holds what the wildcards of it stand for.
    ///
    /// The time it takes grows with the length of the name, whatever the name and the rules.
    pub fn first_match(
        &self,
        kind: SeriesKind,
        name: &[u8],
        captures: &mut Captures,
    ) -> Option<Match<'_>> {
        let matches =
            |rule: &Rule| rule.kinds.contains(kind) && rule.pattern.matches(name, captures);
        let index = self.0.iter().position(matches)?;
        Some(Match { index, effect: &self.0[index].effect })
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl Effect {
    /// Whether samples go elsewhere than to the series of the name that they were sent with.
    pub(crate) fn leads_elsewhere(&self) -> bool {
        let Self { drop, rename, tags, absolute, settings: _ } = self;
        *drop || *absolute || rename.is_some() || !tags.is_empty()
    }
}

impl Pattern {
    /// How many captures it makes, besides `$0`.
    #[must_use]
    pub fn capture_count(&self) -> usize {
        match self {
            Self::Glob(glob) => glob.capture_count(),
            Self::Contains(_) => 0,
        }
    }

    /// Whether a name matches; `captures` then holds what the wildcards stand for.
    pub fn matches(&self, name: &[u8], captures: &mut Captures) -> bool {
        match self {
            Self::Glob(glob) => glob.matches(name, captures),
            Self::Contains(text) => {
                captures.clear();
                let text = text.as_bytes();
                text.is_empty() || name.windows(text.len()).any(|window| window == text)
            }
        }
    }
}

impl KindSet {
    /// Every kind.
    pub const ALL: Self = Self(u8::MAX);

    /// Whether a kind is among them.
    #[must_use]
    pub const fn contains(self, kind: SeriesKind) -> bool {
        self.0 & 1 << kind as u8 != 0
    }
}

impl FromIterator<SeriesKind> for KindSet {
    fn from_iter<I: IntoIterator<Item = SeriesKind>>(kinds: I) -> Self {
        Self(kinds.into_iter().fold(0, |set, kind| set | 1 << kind as u8))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(pattern: &str, kinds: KindSet) -> Rule {
        let pattern = match pattern.strip_prefix('~') {
            Some(text) => Pattern::Contains(text.into()),
            None => Pattern::Glob(Glob::parse(pattern).unwrap()),
        };
        Rule { pattern, kinds, effect: Effect::default() }
    }

    #[test]
    fn the_first_rule_that_matches_decides() {
        let rules = Rules::new(vec![
            rule("web.*.time", KindSet::from_iter([SeriesKind::Timer])),
            rule("~api", KindSet::ALL),
            rule("web.**", KindSet::ALL),
            rule("web.a.time", KindSet::ALL),
            rule("~", KindSet::from_iter([SeriesKind::Gauge, SeriesKind::Set])),
        ]);
        let mut captures = Captures::default();
        for (kind, name, expected) in [
            (SeriesKind::Timer, "web.a.time", Some(0)),
            (SeriesKind::Counter, "web.a.time", Some(2)),
            (SeriesKind::Counter, "web.api.time", Some(1)),
            (SeriesKind::Timer, "an.api", Some(1)),
            (SeriesKind::Counter, "ap", None),
            (SeriesKind::Gauge, "ap", Some(4)),
            (SeriesKind::Set, "", Some(4)),
        ] {
            let found = rules.first_match(kind, name.as_bytes(), &mut captures);
            assert_eq!(found.map(|found| found.index), expected, "{kind:?} {name}");
        }
    }

    #[test]
    fn a_contained_text_captures_nothing_that_another_rule_did() {
        let mut captures = Captures::default();
        assert!(rule("a.*.c", KindSet::ALL).pattern.matches(b"a.b.c", &mut captures));
        assert_eq!(captures.iter(b"a.b.c").collect::<Vec<_>>(), [b"b"]);
        assert!(rule("~b", KindSet::ALL).pattern.matches(b"a.b.c", &mut captures));
        assert_eq!(captures.iter(b"a.b.c").count(), 0);
    }

    #[test]
    fn every_kind_has_a_place_in_a_set() {
        for kind in SeriesKind::ALL {
            let set = KindSet::from_iter([kind]);
            for other in SeriesKind::ALL {
                assert_eq!(set.contains(other), kind == other);
            }
            assert!(KindSet::ALL.contains(kind));
        }
    }
}
