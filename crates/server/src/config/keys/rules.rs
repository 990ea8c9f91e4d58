//! The keys of rules.

use crate::config::key::{About, List, Number, Switch, Text};

/// `rule.match`
pub(crate) const RULE_MATCH: Text = Text {
    about: About {
        path: "rule.match",
        flag: None,
        effect: "The names that the rule is about, as the dialect leaves them, without tags and \
                 prefix. `*` stands for any characters within a part between dots, `**` for any \
                 characters at all; each takes as little as it can, those to the left first. Of \
                 several rules the first that matches decides, and no other applies.",
        edge: "A rule has either this key or `contains`.",
        reload: true,
    },
    allowed: "text of at most 1024 bytes with at most 32 wildcards",
    default: None,
};

/// `rule.contains`
pub(crate) const RULE_CONTAINS: Text = Text {
    about: About {
        path: "rule.contains",
        flag: None,
        effect: "The rule is about names that have this text somewhere.",
        edge: "`\"\"` is in every name.",
        reload: true,
    },
    allowed: "text",
    default: None,
};

/// `rule.kinds`
pub(crate) const RULE_KINDS: List = List {
    about: About {
        path: "rule.kinds",
        flag: None,
        effect: "The kinds of series that the rule is about. Timers are histograms and histograms \
                 timers, and so are distributions, unless the dialect keeps them apart.",
        edge: "Without it they are all of them.",
        reload: true,
    },
    allowed: "a list of `\"counter\"`, `\"gauge\"`, `\"set\"`, `\"timer\"`, `\"histogram\"` and \
              `\"distribution\"`",
    default: "",
};

/// `rule.drop`
pub(crate) const RULE_DROP: Switch = Switch {
    about: About {
        path: "rule.drop",
        flag: None,
        effect: "Drop the samples, and count them as `samples.dropped.rule`.",
        edge: "",
        reload: true,
    },
    default: false,
};

/// `rule.rename`
pub(crate) const RULE_RENAME: Text = Text {
    about: About {
        path: "rule.rename",
        flag: None,
        effect: "The series has this name instead. `$1` or `${1}` stands for what the first \
                 wildcard of `match` stands for, `$0` for the whole name, `$$` for a dollar sign; \
                 variables are expanded. Series that get one name are one series. No rule is \
                 asked about the new name.",
        edge: "",
        reload: true,
    },
    allowed: "text without control characters",
    default: None,
};

/// `rule.absolute`
pub(crate) const RULE_ABSOLUTE: Switch = Switch {
    about: About {
        path: "rule.absolute",
        flag: None,
        effect: "For counters whose sender repeats the total each time, as uWSGI does: what it \
                 grew by since the last one counts. A smaller total counts from zero, as its \
                 sender has begun anew. The first one that is seen counts nothing: nobody can \
                 tell when that was counted. Sample rates do not count. Names that are renamed \
                 into one have a total each. A sender that is silent for 60 intervals and an hour \
                 is forgotten.",
        edge: "",
        reload: true,
    },
    default: false,
};

/// `rule.percent`
pub(crate) const RULE_PERCENT: List = List {
    about: About {
        path: "rule.percent",
        flag: None,
        effect: "As `percent`, for timers, histograms and distributions of these names.",
        edge: "",
        reload: true,
    },
    allowed: "as of `percent`",
    default: "",
};

/// `rule.timer_statistics`
pub(crate) const RULE_TIMER_STATISTICS: List = List {
    about: About {
        path: "rule.timer_statistics",
        flag: None,
        effect: "As `timer_statistics`, for timers, histograms and distributions of these names.",
        edge: "",
        reload: true,
    },
    allowed: "as of `timer_statistics`",
    default: "",
};

/// `rule.buckets`
pub(crate) const RULE_BUCKETS: List = List {
    about: About {
        path: "rule.buckets",
        flag: None,
        effect: "Count the values of timers in buckets: the upper bounds, in ascending order. A \
                 bound is not in its bucket, and values beyond the last are in none. They come \
                 out as the statistic `histogram`, where the dialect has it.",
        edge: "`[]` is none.",
        reload: true,
    },
    allowed: "a list of numbers; the last may be `\"inf\"`",
    default: "",
};

/// `rule.ttl`
pub(crate) const RULE_TTL: List = List {
    about: RULE_SECONDS.about,
    allowed: "a number between 0 and 31536000 seconds",
    default: "",
};

/// The bounds of `rule.ttl`.
pub(crate) const RULE_SECONDS: Number = Number {
    about: About {
        path: "rule.ttl",
        flag: None,
        effect: "How long a series is kept without a sample, in place of what `[idle]` says: \
                 until then it comes out with 0, a gauge with its value.",
        edge: "0 is forever.",
        reload: true,
    },
    unit: "seconds",
    min: 0.0,
    above_min: false,
    max: 31_536_000.0,
    default: 0.0,
};

/// `rule.tags`
pub(crate) const RULE_TAGS: List = List {
    about: About {
        path: "rule.tags",
        flag: None,
        effect: "Tags that the series gets, in place of those of the same key. The values are \
                 texts like that of `rename`.",
        edge: "`\"\"` takes the tag away.",
        reload: true,
    },
    allowed: "a table of texts: `{ host = \"$1\" }`",
    default: "",
};
