//! From a spelling to its series: sanitise the name, ask the rules, put the tags in order.
//!
//! ```text
//! web/a;host=x:1|c|#env:prod     the line of a sample
//! web-a                          sent: what rules are asked for
//! web-a  env=prod  host=x        series: with constant tags, and what a rule makes of it
//! ```
//!
//! Done when a spelling is seen for the first time, never for a sample of a known one.

use std::sync::Arc;

use gstatsd_wire::{Reason, Tag, Tags};

use crate::tags::TagSet;
use crate::{Captures, Dialect, Effect, Rules, SeriesKind, SeriesName, TagTemplate, write_series};

/// What leads from spellings to series: the same for all samples of a table.
#[derive(Debug, Default)]
pub(crate) struct Ways {
    /// How lines are read, by the number of the listener's dialect; the first one is that of the
    /// daemon.
    pub(crate) dialects: Vec<Dialect>,
    pub(crate) rules: Arc<Rules>,
    /// Tags that every series gets which has none of the same key.
    pub(crate) constant_tags: Vec<ConstantTag>,
    /// What makes one name of a name and tags, where series are to have no tags.
    pub(crate) template: Option<TagTemplate>,
    /// For the number of each dialect, the first one that is the same.
    pub(crate) same: Vec<u8>,
}

/// A tag that every series gets which has none of the same key: its key and its value, if any.
pub type ConstantTag = (Box<str>, Option<Box<str>>);

/// Room for a name on its way.
#[derive(Debug, Default)]
pub(crate) struct Names {
    /// As it was sent, sanitised, without tags.
    pub(crate) sent: Vec<u8>,
    /// The text of the series.
    pub(crate) series: Vec<u8>,
    /// The text that the series would have without rules and constant tags, where its samples are
    /// totals: it tells their senders apart.
    pub(crate) sender: Vec<u8>,
    /// How many tags were left out because their key came again.
    pub(crate) tags_repeated: u64,
    captures: Captures,
    tags: TagSet,
    /// Room for a name that a rule gives.
    renamed: Vec<u8>,
}

/// What the rules say of a spelling.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Its samples are dropped.
    Dropped,
    Rejected(Reason),
    Series {
        /// The number of the settings of the series.
        settings: u16,
        /// Whether samples are totals of a counter.
        absolute: bool,
        /// Whether the text of the series, sent as a name to a listener of the daemon's own
        /// dialect, leads to this series.
        is_spelling: bool,
    },
}

impl Ways {
    /// What becomes of the spelling of a metric line, read in the dialect of this number.
    pub(crate) fn find(
        &self,
        kind: SeriesKind,
        listener: u8,
        line: &[u8],
        names: &mut Names,
    ) -> Verdict {
        self.read(listener, line, names);
        let effect = self.effect(kind, names);
        let Effect { drop, absolute, settings, .. } = *effect.unwrap_or(&NO_EFFECT);
        if drop {
            return Verdict::Dropped;
        }
        names.tags_repeated = names.tags.keep_last() as u64;
        let absolute = absolute && kind == SeriesKind::Counter;
        if absolute {
            names.sender.clear();
            write_series(&names.sent, &mut names.tags.iter().collect(), &mut names.sender);
        }
        if let Err(reason) = self.write(effect.unwrap_or(&NO_EFFECT), names) {
            return Verdict::Rejected(reason);
        }
        let is_spelling = !effect.is_some_and(Effect::leads_elsewhere)
            && self.is_spelling(kind, listener, line, names);
        Verdict::Series { settings, absolute, is_spelling }
    }

    fn dialect(&self, listener: u8) -> &Dialect {
        &self.dialects[usize::from(listener)]
    }

    /// Reads the name and the tags of a line.
    fn read(&self, listener: u8, line: &[u8], names: &mut Names) {
        let dialect = self.dialect(listener);
        let tagged = dialect.grammar.tagged_line(line);
        let Names { sent, tags, .. } = names;
        sent.clear();
        match tagged.name {
            [name, b""] => dialect.sanitise(name, sent),
            [begin, end] => dialect.sanitise(&[begin, end].concat(), sent),
        }
        tags.clear();
        if dialect.grammar.tags != Tags::Skip {
            for Tag { key, value } in tagged.tags() {
                tags.push(
                    |out| dialect.sanitise_tag(key, out),
                    value.map(|value| |out: &mut Vec<u8>| dialect.sanitise_tag(value, out)),
                );
            }
        }
    }

    /// The effect of the first rule that matches.
    fn effect(&self, kind: SeriesKind, names: &mut Names) -> Option<&Effect> {
        let found = self.rules.first_match(kind, &names.sent, &mut names.captures);
        found.map(|found| found.effect)
    }

    /// Writes the text of the series.
    fn write(&self, effect: &Effect, names: &mut Names) -> Result<(), Reason> {
        let Names { sent, series, captures, tags, renamed, .. } = names;
        let dialect = self.dialect(0);
        let name = match &effect.rename {
            None => &*sent,
            Some(template) => {
                renamed.clear();
                let mut expanded = Vec::new();
                template.expand(sent, captures, &mut expanded);
                dialect.sanitise(&expanded, renamed);
                match renamed.len() {
                    0 => return Err(Reason::EmptyName),
                    bytes if bytes > dialect.grammar.name_bytes_max => {
                        return Err(Reason::NameTooLong);
                    }
                    _ => &*renamed,
                }
            }
        };
        series.clear();
        let is_bare = self.constant_tags.is_empty() && self.template.is_none();
        if is_bare && tags.is_empty() && effect.tags.is_empty() {
            series.extend_from_slice(name);
            return Ok(());
        }
        for (key, value) in &self.constant_tags {
            if !tags.has(key.as_bytes()) {
                let value = value.as_ref().map(|value| extend(value.as_bytes()));
                tags.push(extend(key.as_bytes()), value);
            }
        }
        for (key, template) in &effect.tags {
            tags.remove(key.as_bytes());
            let mut value = Vec::new();
            template.expand(sent, captures, &mut value);
            if !value.is_empty() {
                let value = |out: &mut Vec<u8>| dialect.sanitise_tag(&value, out);
                tags.push(extend(key.as_bytes()), Some(value));
            }
        }
        let mut tags: Vec<_> = tags.iter().collect();
        match &self.template {
            None => {
                write_series(name, &mut tags, series);
                Ok(())
            }
            Some(template) => {
                tags.sort_unstable_by_key(|tag| tag.key);
                let mut folded = Vec::new();
                template.expand(name, &tags, &mut folded);
                dialect.sanitise(&folded, series);
                let is_long = series.len() > dialect.grammar.name_bytes_max;
                if is_long { Err(Reason::NameTooLong) } else { Ok(()) }
            }
        }
    }

    /// Whether the text of a series as a spelling leads to it. That of the line does already,
    /// and no rule leads that elsewhere.
    fn is_spelling(&self, kind: SeriesKind, listener: u8, line: &[u8], names: &mut Names) -> bool {
        let Names { sent, series, captures, .. } = names;
        if SeriesName::of(series).has_tags() || self.template.is_some() {
            return false;
        }
        if listener == 0 && line.starts_with(series) && line.get(series.len()) == Some(&b':') {
            return true;
        }
        let dialect = self.dialect(0);
        let [name, rest] = dialect.grammar.tagged_line(series).name;
        let mut again = Vec::new();
        dialect.sanitise(name, &mut again);
        if !rest.is_empty() || again != *series {
            return false;
        }
        let found = match sent == series {
            true => None,
            false => self.rules.first_match(kind, series, captures),
        };
        !found.is_some_and(|found| found.effect.leads_elsewhere())
    }
}

/// What no rule at all does.
const NO_EFFECT: Effect =
    Effect { drop: false, rename: None, tags: Vec::new(), absolute: false, settings: 0 };

fn extend(text: &[u8]) -> impl FnOnce(&mut Vec<u8>) {
    |out: &mut Vec<u8>| out.extend_from_slice(text)
}
