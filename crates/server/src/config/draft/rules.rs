//! The rules: from `[[rule]]`.

use gstatsd_aggregate::{Glob, Pattern, Scheme, SeriesKind, Template};

use super::Draft;
use crate::config::{
    Dialect,
    expand::expand_template,
    file::{Bound, FileRule, Numbers},
    keys::rules as keys,
    rule::{Action, Keep, Rule, RuleSettings},
};

/// How many rules there may be: a name that is new is held against all of them.
const RULES_MAX: usize = 10_000;

/// One rule as typed, and where.
struct Typed<'a> {
    /// The path of its table, for errors.
    table: String,
    keys: &'a FileRule,
}

impl Draft<'_> {
    pub(super) fn rules(&mut self, dialect: Dialect, scheme: &Scheme) -> Vec<Rule> {
        let file = self.file;
        if file.rule.len() > RULES_MAX {
            self.wrong_in_file("rule", &format!("there are more than {RULES_MAX} rules"));
        }
        let typed = file.rule.iter().enumerate();
        let rule = |(index, keys)| {
            let typed = Typed { table: format!("rule.{index}"), keys };
            let pattern = self.pattern(&typed);
            let captures = pattern.as_ref().map_or(0, Pattern::capture_count);
            let kinds = self.kinds(&typed);
            let action = self.action(&typed, captures, &kinds, (dialect, scheme));
            Some(Rule { pattern: pattern?, kinds, action })
        };
        typed.filter_map(rule).collect()
    }

    fn pattern(&mut self, typed: &Typed<'_>) -> Option<Pattern> {
        match (&typed.keys.glob, &typed.keys.contains) {
            (Some(text), None) => match Glob::parse(text) {
                Ok(glob) => return Some(Pattern::Glob(glob)),
                Err(why) => self.wrong_in_rule(typed, "match", &why.to_string()),
            },
            (None, Some(text)) => return Some(Pattern::Contains(text.as_str().into())),
            (Some(_), Some(_)) => {
                self.wrong_in_rule(typed, "contains", "cannot stand beside 'match'");
            }
            (None, None) => self.wrong_in_rule(typed, "match", "is missing, and so is 'contains'"),
        }
        None
    }

    fn kinds(&mut self, typed: &Typed<'_>) -> Vec<SeriesKind> {
        let mut kinds = Vec::new();
        let Some(words) = &typed.keys.kinds else { return kinds };
        for word in words {
            match SeriesKind::ALL.into_iter().find(|kind| kind.word() == word) {
                Some(kind) if kinds.contains(&kind) => {
                    self.wrong_in_rule(typed, "kinds", &format!("'{word}' is listed twice"));
                }
                Some(kind) => kinds.push(kind),
                None => {
                    let known = SeriesKind::ALL.map(SeriesKind::word).join(", ");
                    self.wrong_in_rule(typed, "kinds", &format!("'{word}' is none of {known}"));
                }
            }
        }
        if words.is_empty() {
            self.wrong_in_rule(typed, "kinds", "is empty, so that the rule matches nothing");
        }
        kinds
    }

    fn action(
        &mut self,
        typed: &Typed<'_>,
        captures: usize,
        kinds: &[SeriesKind],
        (dialect, scheme): (Dialect, &Scheme),
    ) -> Action {
        let FileRule { drop, rename, absolute, tags, .. } = typed.keys;
        let keep = Keep {
            rename: rename.as_ref().and_then(|text| self.rename(typed, text, captures)),
            tags: tags
                .iter()
                .flatten()
                .filter_map(|(key, text)| self.tag(typed, key, text, captures))
                .collect(),
            absolute: absolute.unwrap_or(keys::RULE_ABSOLUTE.default),
            settings: self.rule_settings(typed, dialect, scheme),
        };
        if keep.absolute && !kinds.is_empty() && !kinds.contains(&SeriesKind::Counter) {
            self.wrong_in_rule(typed, "absolute", "is for counters, and 'kinds' has none");
        }
        if !drop.unwrap_or(keys::RULE_DROP.default) {
            return Action::Keep(keep);
        }
        if keep != Keep::default() {
            self.wrong_in_rule(typed, "drop", "leaves nothing to do for the other keys");
        }
        Action::Drop
    }

    fn rename(&mut self, typed: &Typed<'_>, text: &str, captures: usize) -> Option<Template> {
        let template = self.template(typed, "rename", text, captures)?;
        if template.is_empty() {
            self.wrong_in_rule(typed, "rename", "a series cannot have an empty name");
        }
        Some(template)
    }

    fn tag(
        &mut self,
        typed: &Typed<'_>,
        key: &str,
        text: &str,
        captures: usize,
    ) -> Option<(String, Template)> {
        if key.is_empty() || key.chars().any(char::is_control) {
            self.wrong_in_rule(typed, "tags", &format!("{key:?} cannot be the key of a tag"));
        }
        Some((key.to_owned(), self.template(typed, "tags", text, captures)?))
    }

    fn template(
        &mut self,
        typed: &Typed<'_>,
        key: &str,
        text: &str,
        captures: usize,
    ) -> Option<Template> {
        let expanded = expand_template(text, self.environment.variable);
        let why = match expanded {
            Ok(text) if text.chars().any(char::is_control) => {
                format!("{text:?} has a control character")
            }
            Ok(text) => match Template::parse(&text, captures) {
                Ok(template) => return Some(template),
                Err(why) => why.to_string(),
            },
            Err(why) => why,
        };
        self.wrong_in_rule(typed, key, &why);
        None
    }

    fn rule_settings(
        &mut self,
        typed: &Typed<'_>,
        dialect: Dialect,
        scheme: &Scheme,
    ) -> RuleSettings {
        let FileRule { percent, timer_statistics, buckets, ttl, .. } = typed.keys;
        let place = |key: &str| self.file.origin.place(&format!("{}.{key}", typed.table));
        let percent_place = place("percent");
        if let Some(Numbers(percents)) = percent {
            self.check_percents_of(dialect, &percent_place, percents);
        }
        for word in timer_statistics.iter().flatten() {
            if !scheme.knows_statistic(word) {
                let allowed = scheme.statistics().join(", ");
                let wrong = format!("'{word}' is none of {allowed}");
                self.wrong_in_rule(typed, "timer_statistics", &wrong);
            }
        }
        let buckets = buckets.as_ref().map(|bounds| {
            let bounds: Vec<f64> = bounds.iter().map(|&Bound(bound)| bound).collect();
            self.check_buckets(typed, &bounds);
            bounds
        });
        let path = format!("{}.ttl", typed.table);
        RuleSettings {
            percents: percent.as_ref().map(|Numbers(percents)| percents.clone()),
            words: timer_statistics.clone(),
            buckets,
            ttl: ttl.map(|ttl| self.number_in_file(&keys::RULE_SECONDS, &path, Some(ttl))),
        }
    }

    fn check_buckets(&mut self, typed: &Typed<'_>, bounds: &[f64]) {
        let wrong = bounds.iter().find(|bound| bound.is_nan() || **bound == f64::NEG_INFINITY);
        if let Some(wrong) = wrong {
            self.wrong_in_rule(typed, "buckets", &format!("{wrong} is no upper bound"));
        } else if let Some([low, high]) = bounds.array_windows().find(|[low, high]| low >= high) {
            let wrong = format!("{high} stands behind {low}; they must ascend");
            self.wrong_in_rule(typed, "buckets", &wrong);
        }
    }

    fn wrong_in_rule(&mut self, typed: &Typed<'_>, key: &str, why: &str) {
        self.wrong_in_file(&format!("{}.{key}", typed.table), why);
    }
}
