//! Rules: what is typed, and what is wrong with it.

use gstatsd_aggregate::{Glob, Pattern, SeriesKind, Template};

use super::{errors_of_file, of_file, text};
use crate::config::file::{Bound, FileRule, Numbers};
use crate::config::{Action, Config, Keep, Rule, RuleSettings};

fn template(text: &str) -> Template {
    Template::parse(text, 9).unwrap()
}

/// Rules with every key, as typed.
pub(super) fn full_file() -> Vec<FileRule> {
    let tags =
        [("host", "${2}"), ("a b", "")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    let all = FileRule {
        glob: text("a.*.**"),
        contains: None,
        kinds: Some(vec!["counter".to_owned(), "timer".to_owned()]),
        drop: Some(false),
        rename: text("${HOSTNAME}.$1"),
        absolute: Some(true),
        percent: Some(Numbers(vec![50.0])),
        timer_statistics: Some(vec!["count".to_owned(), "upper_percent".to_owned()]),
        buckets: Some([1.0, 2.5, f64::INFINITY].map(Bound).to_vec()),
        ttl: Some(60.0),
        tags: Some(tags.into()),
    };
    let contains = |part| FileRule { contains: text(part), ..FileRule::default() };
    vec![all, FileRule { drop: Some(true), ..contains("x") }, contains("")]
}

/// What they mean.
pub(super) fn full() -> Vec<Rule> {
    let settings = RuleSettings {
        percents: Some(vec![50.0]),
        words: Some(vec!["count".to_owned(), "upper_percent".to_owned()]),
        buckets: Some(vec![1.0, 2.5, f64::INFINITY]),
        ttl: Some(60.0),
    };
    let tags = vec![("a b".to_owned(), template("")), ("host".to_owned(), template("$2"))];
    let keep = Keep { rename: Some(template("web1.$1")), tags, absolute: true, settings };
    let contains = |text: &str| Pattern::Contains(text.into());
    vec![
        Rule {
            pattern: Pattern::Glob(Glob::parse("a.*.**").unwrap()),
            kinds: vec![SeriesKind::Counter, SeriesKind::Timer],
            action: Action::Keep(keep),
        },
        Rule { pattern: contains("x"), kinds: Vec::new(), action: Action::Drop },
        Rule { pattern: contains(""), kinds: Vec::new(), action: Action::Keep(Keep::default()) },
    ]
}

#[test]
fn what_is_wrong_with_a_rule_is_told_with_its_line_and_key() {
    for (keys, expected) in [
        ("kinds = [\"timer\"]", "1: rule.match: is missing, and so is 'contains'"),
        ("match = \"a\"\ncontains = \"b\"", "3: rule.contains: cannot stand beside 'match'"),
        ("match = \"\"", "2: rule.match: an empty pattern matches nothing"),
        ("match = \"a***\"", "2: rule.match: '***' is no wildcard; '*' and '**' are"),
        (
            "match = \"a\"\nkinds = [\"timers\"]",
            "3: rule.kinds: 'timers' is none of counter, distribution, gauge, histogram, set, \
             timer",
        ),
        ("match = \"a\"\nkinds = [\"set\", \"set\"]", "3: rule.kinds: 'set' is listed twice"),
        ("match = \"a\"\nkinds = []", "3: rule.kinds: is empty, so that the rule matches nothing"),
        (
            "match = \"a\"\ndrop = true\npercent = 5",
            "3: rule.drop: leaves nothing to do for the other keys",
        ),
        (
            "match = \"*\"\nrename = \"$2\"",
            "3: rule.rename: there is no capture $2: the pattern has 1 of them",
        ),
        (
            "contains = \"a\"\nrename = \"$1\"",
            "3: rule.rename: there is no capture $1: the pattern has no wildcard",
        ),
        ("match = \"a\"\nrename = \"\"", "3: rule.rename: a series cannot have an empty name"),
        ("match = \"a\"\nrename = \"a\\n\"", "3: rule.rename: \"a\\n\" has a control character"),
        ("match = \"a\"\nrename = \"${NONE}\"", "3: rule.rename: variable NONE is not set"),
        ("match = \"a\"\ntags = { \"\" = \"x\" }", "3: rule.tags: \"\" cannot be the key of a tag"),
        (
            "match = \"a\"\ntags = { x = \"$\" }",
            "3: rule.tags: '$' without a number; '$$' stands for '$'",
        ),
        (
            "match = \"a\"\nkinds = [\"gauge\"]\nabsolute = true",
            "4: rule.absolute: is for counters, and 'kinds' has none",
        ),
        ("match = \"a\"\npercent = 101", "3: rule.percent: 101 is not in (0, 100]"),
        ("match = \"a\"\nbuckets = [1, 1]", "3: rule.buckets: 1 stands behind 1; they must ascend"),
        (
            "match = \"a\"\nbuckets = [\"inf\", 1]",
            "3: rule.buckets: 1 stands behind inf; they must ascend",
        ),
        ("match = \"a\"\nbuckets = [nan]", "3: rule.buckets: NaN is no upper bound"),
        ("match = \"a\"\nttl = -1", "3: rule.ttl: -1 is not between 0 and 31536000 seconds"),
    ] {
        let errors = errors_of_file(&format!("[[rule]]\n{keys}"));
        assert_eq!(errors, [format!("a.toml: line {expected}")], "{keys}");
    }
    let words = errors_of_file("[[rule]]\nmatch = \"a\"\ntimer_statistics = [\"uper\"]");
    assert!(words[0].starts_with("a.toml: line 3: rule.timer_statistics: 'uper' is none of "));
}

#[test]
fn rules_are_written_as_they_are_read() {
    let text = "
        [[rule]]
        match = \"a.*.b\"
        kinds = [\"set\"]
        rename = \"$$x.${1}.$0\"
        tags = { k = \"$1\" }
        [[rule]]
        contains = \"\"
        absolute = true
        percent = 99.9
        timer_statistics = [\"count\"]
        buckets = [0.5, \"inf\"]
        ttl = 0
        [[rule]]
        match = \"**\"
        drop = true
    ";
    let config: Config = of_file(text);
    let written = toml::to_string(&config.to_file()).unwrap();
    assert_eq!(of_file(&written), config, "{written}");
}
