//! The keys of the dialect: statistics, names, idle series.

use crate::config::key::{About, List, Number, Switch, Text};

/// `percent`
pub(crate) const PERCENT: List = List {
    about: About {
        path: "percent",
        flag: Some("-p"),
        effect: "The percentiles of timers. In the gstatsd dialect there is one: `mean` is the \
                 mean of the samples up to it, `upper_PERCENT` the greatest of them, and the name \
                 has the whole part of the number. In the statsd dialect negative ones count from \
                 the top. The flag takes several with commas between them.",
        edge: "100 takes all samples. An empty list is none. The default in the dogstatsd dialect \
               is 95.",
        reload: true,
    },
    allowed: "a number or a list of numbers: in (0, 100], and in the statsd dialect between -100 \
              and 100 without 0",
    default: "90",
};

/// `timer_statistics`
pub(crate) const TIMER_STATISTICS: List = List {
    about: About {
        path: "timer_statistics",
        flag: None,
        effect: "What comes out of timers, histograms and distributions. A word with `percent` is \
                 of every percentile; one point of it can be chosen by its name, such as \
                 `upper_99_9`. `histogram` is the buckets.",
        edge: "An empty list sends nothing of them. The default is all words, but for `min` and \
               `sum` of the dogstatsd dialect.",
        reload: true,
    },
    allowed: "a list of words. In the gstatsd dialect `\"mean\"`, `\"upper\"`, \
              `\"upper_percent\"`, `\"lower\"`, `\"count\"` and `\"histogram\"`; in the statsd \
              dialect also `\"count_percent\"`, `\"mean_percent\"`, `\"lower_percent\"`, \
              `\"sum_percent\"`, `\"sum_squares_percent\"`, `\"std\"`, `\"count_ps\"`, `\"sum\"`, \
              `\"sum_squares\"` and `\"median\"`; in the dogstatsd dialect `\"count\"`, \
              `\"avg\"`, `\"median\"`, `\"max\"`, `\"min\"`, `\"sum\"`, `\"percentile\"` and \
              `\"histogram\"`",
    default: "[\"mean\", \"upper\", \"upper_percent\", \"lower\", \"count\", \"histogram\"]",
};

/// `distribution_percent`
pub(crate) const DISTRIBUTION_PERCENT: List = List {
    about: About {
        path: "distribution_percent",
        flag: None,
        effect: "The percentiles of distributions. In the dogstatsd dialect alone.",
        edge: "An empty list is none.",
        reload: true,
    },
    allowed: "a number or a list of numbers in (0, 100]",
    default: "[50, 75, 90, 95, 99]",
};

/// `counts`
pub(crate) const COUNTS: Text = Text {
    about: About {
        path: "counts",
        flag: None,
        effect: "What comes out of a counter: its sum, or its sum divided by the length of the \
                 interval in seconds. In the dogstatsd dialect alone.",
        edge: "",
        reload: true,
    },
    allowed: "`\"sum\"` or `\"rate\"`",
    default: Some("sum"),
};

/// `sanitize_names`
pub(crate) const SANITIZE_NAMES: Switch = Switch {
    about: About {
        path: "sanitize_names",
        flag: None,
        effect: "Make names safe for Graphite when they come in. Otherwise each sink makes them \
                 safe for its own protocol; names that are the same for Graphite are one series \
                 all the same. In the statsd dialect alone.",
        edge: "",
        reload: true,
    },
    default: true,
};

/// `flush_counts`
pub(crate) const FLUSH_COUNTS: Switch = Switch {
    about: About {
        path: "flush_counts",
        flag: None,
        effect: "Send the sums of counters (`stats_counts.NAME`), not their rates alone. In the \
                 statsd dialect alone.",
        edge: "",
        reload: true,
    },
    default: true,
};

const ANY_NAME: &str = "text without blanks, `;` and control characters";

/// `namespace.legacy`
pub(crate) const NAMESPACE_LEGACY: Switch = Switch {
    about: About {
        path: "namespace.legacy",
        flag: None,
        effect: "Name counters `stats.NAME` and `stats_counts.NAME`, as StatsD did at first. \
                 Otherwise everything stands below `global` and a part for its type. The table \
                 `[namespace]` is for the statsd dialect alone; variables are expanded in it.",
        edge: "",
        reload: true,
    },
    default: true,
};

/// `namespace.internal`
pub(crate) const NAMESPACE_INTERNAL: Text = Text {
    about: About {
        path: "namespace.internal",
        flag: None,
        effect: "What internal metrics of the dialect are called, such as \
                 `stats.INTERNAL.packets_received`.",
        edge: "`\"\"` is refused.",
        reload: true,
    },
    allowed: ANY_NAME,
    default: Some("statsd"),
};

/// `namespace.global`
pub(crate) const NAMESPACE_GLOBAL: Text =
    part("namespace.global", "The first part of every name, unless `legacy`.", "stats");

/// `namespace.counter`
pub(crate) const NAMESPACE_COUNTER: Text =
    part("namespace.counter", "The part of counters, unless `legacy`.", "counters");

/// `namespace.timer`
pub(crate) const NAMESPACE_TIMER: Text =
    part("namespace.timer", "The part of timers, unless `legacy`.", "timers");

/// `namespace.gauge`
pub(crate) const NAMESPACE_GAUGE: Text =
    part("namespace.gauge", "The part of gauges, unless `legacy`.", "gauges");

/// `namespace.set`
pub(crate) const NAMESPACE_SET: Text =
    part("namespace.set", "The part of sets, unless `legacy`.", "sets");

/// `namespace.suffix`
pub(crate) const NAMESPACE_SUFFIX: Text =
    part("namespace.suffix", "The last part of every name, before the tags.", "");

/// A part of names that can be left out.
const fn part(path: &'static str, effect: &'static str, default: &'static str) -> Text {
    let edge = "`\"\"` leaves it out.";
    let about = About { path, flag: None, effect, edge, reload: true };
    Text { about, allowed: ANY_NAME, default: Some(default) }
}

/// `idle.counters`
pub(crate) const IDLE_COUNTERS: Text =
    idle("idle.counters", "What an idle interval sends of a counter: 0, or nothing.");

/// `idle.timers`
pub(crate) const IDLE_TIMERS: Text = idle(
    "idle.timers",
    "What an idle interval sends of a timer, a histogram or a distribution: the count 0, or \
     nothing.",
);

/// `idle.sets`
pub(crate) const IDLE_SETS: Text =
    idle("idle.sets", "What an idle interval sends of a set: the count 0, or nothing.");

const fn idle(path: &'static str, effect: &'static str) -> Text {
    let edge = "The default in the statsd dialect is `\"zero\"`.";
    let about = About { path, flag: None, effect, edge, reload: true };
    Text { about, allowed: "`\"zero\"` or `\"delete\"`", default: Some("delete") }
}

/// `idle.gauges`
pub(crate) const IDLE_GAUGES: Text = Text {
    about: About {
        path: "idle.gauges",
        flag: None,
        effect: "What an idle interval sends of a gauge: the value again, or nothing. A gauge that \
                 is not sent has no value, so that a change starts from 0. Series that are idle \
                 take memory: `series_max` of them are kept beside those that workers hold, and \
                 when there are more, those that were idle longest are forgotten and counted.",
        edge: "The default in the other dialects is `\"repeat\"`.",
        reload: true,
    },
    allowed: "`\"repeat\"` or `\"delete\"`",
    default: Some("delete"),
};

/// `idle.counter_ttl`
pub(crate) const IDLE_COUNTER_TTL: Number = idle_ttl(
    "idle.counter_ttl",
    "How long after its last sample a counter is sent again with 0, rounded up to whole \
     intervals; then it is forgotten.",
);

/// `idle.timer_ttl`
pub(crate) const IDLE_TIMER_TTL: Number = idle_ttl(
    "idle.timer_ttl",
    "The same of timers, histograms and distributions, with the count 0.",
);

/// `idle.set_ttl`
pub(crate) const IDLE_SET_TTL: Number =
    idle_ttl("idle.set_ttl", "The same of sets, with the count 0.");

const fn idle_ttl(path: &'static str, effect: &'static str) -> Number {
    let edge = "0 is no limit, and with `\"delete\"` the interval of the sample alone.";
    let about = About { path, flag: None, effect, edge, reload: true };
    Number { about, unit: "seconds", min: 0.0, above_min: false, max: 1e9, default: 0.0 }
}

/// `idle.gauge_ttl`
pub(crate) const IDLE_GAUGE_TTL: Number = Number {
    about: About {
        path: "idle.gauge_ttl",
        flag: None,
        effect: "How long after its last sample a gauge is sent again, rounded up to whole \
                 intervals.",
        edge: "0 is no limit, and with `gauges = \"delete\"` the interval of the sample alone. \
               The default in the dogstatsd dialect is 300.",
        reload: true,
    },
    unit: "seconds",
    min: 0.0,
    above_min: false,
    max: 1e9,
    default: 0.0,
};

/// `frequent_keys.interval`
pub(crate) const FREQUENT_KEYS_INTERVAL: Number = Number {
    about: About {
        path: "frequent_keys.interval",
        flag: None,
        effect: "How often the names that had the most samples are written down, rounded up to \
                 whole intervals.",
        edge: "0 is never.",
        reload: true,
    },
    unit: "seconds",
    min: 0.0,
    above_min: false,
    max: 1e9,
    default: 0.0,
};

/// `frequent_keys.percent`
pub(crate) const FREQUENT_KEYS_PERCENT: Number = Number {
    about: About {
        path: "frequent_keys.percent",
        flag: None,
        effect: "How many of all names are written down.",
        edge: "100 is all.",
        reload: true,
    },
    unit: "percent",
    min: 0.0,
    above_min: true,
    max: 100.0,
    default: 100.0,
};

/// `frequent_keys.log`
pub(crate) const FREQUENT_KEYS_LOG: Text = Text {
    about: About {
        path: "frequent_keys.log",
        flag: None,
        effect: "The file that they are appended to.",
        edge: "`\"\"` is standard output.",
        reload: true,
    },
    allowed: "a path",
    default: Some(""),
};
