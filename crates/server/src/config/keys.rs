//! The table of keys: everything that can be configured, with its bounds and its default.
//!
//! The checks of `Config` take bounds and defaults from here, and the reference page is made
//! from here, so that neither can say something else than the other.

pub(crate) mod admin;
pub(crate) mod dialect;
pub(crate) mod management;
pub(crate) mod memory;
mod peers;
pub(crate) mod rules;
pub(crate) mod sinks;
pub(crate) mod spool;
pub(crate) mod tags;

use super::key::{About, Key, Number, Switch, Text, Whole};
pub(crate) use peers::*;

pub(crate) mod listen;

/// Every key, in the order of the reference page.
pub(crate) const ALL: &[Key] = &[
    Key::Text(&DIALECT),
    Key::Whole(&WORKERS),
    Key::Number(&FLUSH_INTERVAL),
    Key::Switch(&ALIGN),
    Key::List(&dialect::PERCENT),
    Key::List(&dialect::TIMER_STATISTICS),
    Key::List(&dialect::DISTRIBUTION_PERCENT),
    Key::Text(&dialect::COUNTS),
    Key::Switch(&dialect::FLUSH_COUNTS),
    Key::Switch(&dialect::SANITIZE_NAMES),
    Key::Text(&PREFIX),
    Key::Text(&OWN_METRICS),
    Key::Number(&SHUTDOWN_TIMEOUT),
    Key::Switch(&PIN_WORKERS),
    Key::Whole(&RECEIVE_BUFFER_BYTES),
    Key::Whole(&memory::MEMORY_MAX),
    Key::Whole(&SERIES_MAX),
    Key::Whole(&SAMPLES_MAX),
    Key::Whole(&TIMER_VALUES_MAX),
    Key::Whole(&SET_MEMBERS_MAX),
    Key::Whole(&NAME_BYTES_MAX),
    Key::Whole(&MEMBER_BYTES_MAX),
    Key::Whole(&listen::CONNECTIONS_MAX),
    Key::Whole(&listen::CONNECTIONS_PER_ADDRESS_MAX),
    Key::Text(&PID_FILE),
    Key::Text(&spool::STATE_DIRECTORY),
    Key::Text(&USER),
    Key::Text(&SANDBOX),
    Key::Switch(&DAEMONIZE),
    Key::Text(&LOG_TARGET),
    Key::Text(&LOG_LEVEL),
    Key::Switch(&dialect::NAMESPACE_LEGACY),
    Key::Text(&dialect::NAMESPACE_INTERNAL),
    Key::Text(&dialect::NAMESPACE_GLOBAL),
    Key::Text(&dialect::NAMESPACE_COUNTER),
    Key::Text(&dialect::NAMESPACE_TIMER),
    Key::Text(&dialect::NAMESPACE_GAUGE),
    Key::Text(&dialect::NAMESPACE_SET),
    Key::Text(&dialect::NAMESPACE_SUFFIX),
    Key::Text(&dialect::IDLE_COUNTERS),
    Key::Text(&dialect::IDLE_TIMERS),
    Key::Text(&dialect::IDLE_SETS),
    Key::Text(&dialect::IDLE_GAUGES),
    Key::Number(&dialect::IDLE_COUNTER_TTL),
    Key::Number(&dialect::IDLE_TIMER_TTL),
    Key::Number(&dialect::IDLE_SET_TTL),
    Key::Number(&dialect::IDLE_GAUGE_TTL),
    Key::Number(&dialect::FREQUENT_KEYS_INTERVAL),
    Key::Number(&dialect::FREQUENT_KEYS_PERCENT),
    Key::Text(&dialect::FREQUENT_KEYS_LOG),
    Key::Text(&spool::DIRECTORY),
    Key::Whole(&spool::BYTES),
    Key::Number(&spool::AGE),
    Key::Number(&spool::FREE_PERCENT),
    Key::Switch(&spool::SYNC),
    Key::Text(&tags::MODE),
    Key::List(&tags::STYLES),
    Key::Whole(&tags::COUNT_MAX),
    Key::Whole(&tags::BYTES_MAX),
    Key::List(&tags::CONSTANT),
    Key::Switch(&tags::ORIGIN),
    Key::Text(&tags::OUTPUT),
    Key::Text(&tags::TEMPLATE),
    Key::Text(&rules::RULE_MATCH),
    Key::Text(&rules::RULE_CONTAINS),
    Key::List(&rules::RULE_KINDS),
    Key::Switch(&rules::RULE_DROP),
    Key::Text(&rules::RULE_RENAME),
    Key::List(&rules::RULE_TAGS),
    Key::Switch(&rules::RULE_ABSOLUTE),
    Key::List(&rules::RULE_PERCENT),
    Key::List(&rules::RULE_TIMER_STATISTICS),
    Key::List(&rules::RULE_BUCKETS),
    Key::List(&rules::RULE_TTL),
    Key::Text(&listen::ADDRESS),
    Key::Text(&listen::DIALECT),
    Key::List(&listen::ALLOW),
    Key::List(&listen::DENY),
    Key::Text(&listen::MODE),
    Key::Text(&listen::FRAMING),
    Key::Whole(&listen::FRAME_BYTES_MAX),
    Key::Number(&listen::IDLE_TIMEOUT),
    Key::Number(&listen::FRAME_TIMEOUT),
    Key::Text(&listen::TLS_CERTIFICATE),
    Key::Text(&listen::TLS_KEY),
    Key::Text(&listen::TLS_CLIENT_CA),
    Key::Text(&sinks::URL),
    Key::Text(&sinks::NAME),
    Key::Number(&sinks::CONNECT_TIMEOUT),
    Key::Number(&sinks::WRITE_TIMEOUT),
    Key::Whole(&sinks::PACKET_BYTES),
    Key::Text(&sinks::TAG_STYLE),
    Key::Switch(&sinks::PACK_VALUES),
    Key::Whole(&sinks::FILE_BYTES_MAX),
    Key::Whole(&sinks::FILES_MAX),
    Key::Text(&sinks::CA_FILE),
    Key::Text(&sinks::CERT_FILE),
    Key::Text(&sinks::KEY_FILE),
    Key::Text(&sinks::SERVER_NAME),
    Key::Whole(&sinks::QUEUE_BYTES),
    Key::Whole(&sinks::REPLAY),
    Key::Whole(&sinks::SPOOL_BYTES),
    Key::Number(&sinks::SPOOL_AGE),
    Key::Switch(&sinks::SPOOL_SYNC),
    Key::Number(&sinks::INTERVAL),
    Key::List(&sinks::INCLUDE),
    Key::List(&sinks::EXCLUDE),
    Key::Text(&sinks::TIMERS),
    Key::List(&sinks::QUANTILES),
    Key::List(&sinks::BUCKETS),
    Key::Switch(&sinks::SECONDS),
    Key::Number(&sinks::IDLE_TIMEOUT),
    Key::Number(&sinks::TIMEOUT),
    Key::Text(&sinks::COMPRESSION),
    Key::List(&sinks::HEADERS),
    Key::Text(&sinks::TOKEN_FILE),
    Key::Text(&sinks::ORG),
    Key::Text(&sinks::BUCKET),
    Key::Text(&sinks::TEMPORALITY),
    Key::List(&sinks::RESOURCE),
    Key::List(&sinks::LABELS),
    Key::Text(&REPEATER_URL),
    Key::Text(&REPEATER_MATCH),
    Key::Whole(&REPEATER_QUEUE_BYTES),
    Key::Number(&RELAY_CHECK_INTERVAL),
    Key::Whole(&RELAY_PACKET_BYTES),
    Key::Whole(&RELAY_QUEUE_BYTES),
    Key::Text(&RELAY_NODE_URL),
    Key::Text(&RELAY_NODE_HEALTH),
    Key::Text(&management::ADDRESS),
    Key::Text(&management::MODE),
    Key::List(&management::ALLOW),
    Key::Switch(&management::ALLOW_DELETIONS),
    Key::Text(&management::HEALTH),
    Key::Whole(&management::CONNECTIONS_MAX),
    Key::Whole(&management::LINE_BYTES_MAX),
    Key::Number(&management::IDLE_TIMEOUT),
    Key::Text(&admin::LISTEN),
    Key::List(&admin::HOSTS),
    Key::Text(&admin::TOKEN_FILE),
    Key::Text(&admin::TLS_CERTIFICATE),
    Key::Text(&admin::TLS_KEY),
    Key::Text(&admin::TLS_CLIENT_CA),
    Key::Switch(&admin::ALLOW_INSECURE_HTTP),
];

/// `dialect`
pub(crate) const DIALECT: Text = Text {
    about: About {
        path: "dialect",
        flag: None,
        effect: "How lines are read and what the metrics are called: as gstatsd 0.6 did, as the \
                 Node.js StatsD, or as Datadog's agent.",
        edge: "",
        reload: true,
    },
    allowed: "`\"gstatsd\"`, `\"statsd\"` or `\"dogstatsd\"`",
    default: Some("gstatsd"),
};

/// `workers`
pub(crate) const WORKERS: Whole = Whole {
    about: About {
        path: "workers",
        flag: Some("--workers"),
        effect: "Threads that receive and aggregate, each with its own socket on every address \
                 of `[[listen]]`.",
        edge: "0 is one for each core.",
        reload: false,
    },
    unit: "threads",
    min: 0,
    max: 1024,
    default: 0,
};

/// `flush_interval`
pub(crate) const FLUSH_INTERVAL: Number = Number {
    about: About {
        path: "flush_interval",
        flag: Some("-f"),
        effect: "Time between flushes; the rates of counters are divided by it. With Graphite it \
                 should be the finest step of its storage schema.",
        edge: "0 is refused.",
        reload: false,
    },
    unit: "seconds",
    min: 0.01,
    above_min: false,
    max: 86_400.0,
    default: 10.0,
};

/// `align`
pub(crate) const ALIGN: Switch = Switch {
    about: About {
        path: "align",
        flag: None,
        effect: "Flush at multiples of the interval (with 10 seconds at :00, :10, ...), so that \
                 several machines flush together. The first interval is then shorter.",
        edge: "",
        reload: false,
    },
    default: false,
};

/// `prefix`
pub(crate) const PREFIX: Text = Text {
    about: About {
        path: "prefix",
        flag: Some("-x"),
        effect: "Stands with a dot before the name of every metric that is received \
                 (`stats.PREFIX.NAME`). Variables are expanded; the rest is taken as it is.",
        edge: "`\"\"` is no prefix.",
        reload: true,
    },
    allowed: "text without control characters",
    default: Some(""),
};

/// `own_metrics`
pub(crate) const OWN_METRICS: Text = Text {
    about: About {
        path: "own_metrics",
        flag: None,
        effect: "The name below which the daemon tells about itself: what it received, rejected, \
                 sent and dropped. Variables are expanded.",
        edge: "`\"\"` turns them off.",
        reload: true,
    },
    allowed: "letters, digits, `_`, `-` and dots between them",
    default: Some("gstatsd"),
};

/// `shutdown_timeout`
pub(crate) const SHUTDOWN_TIMEOUT: Number = Number {
    about: About {
        path: "shutdown_timeout",
        flag: None,
        effect: "On SIGTERM and SIGINT, how long the last flush may take to reach the sinks. \
                 What is left then is counted as dropped.",
        edge: "0 is refused.",
        reload: true,
    },
    unit: "seconds",
    min: 0.01,
    above_min: false,
    max: 3_600.0,
    default: 5.0,
};

/// `pin_workers`
pub(crate) const PIN_WORKERS: Switch = Switch {
    about: About {
        path: "pin_workers",
        flag: None,
        effect: "Keep each worker to one core, the first to the first, and so on. For a machine \
                 that does nothing else.",
        edge: "",
        reload: false,
    },
    default: false,
};

/// `receive_buffer_bytes`
pub(crate) const RECEIVE_BUFFER_BYTES: Whole = Whole {
    about: About {
        path: "receive_buffer_bytes",
        flag: None,
        effect: "The receive buffer that is asked for each socket; the kernel grants at most \
                 `net.core.rmem_max`. Packets that find it full are dropped by the kernel, and \
                 counted.",
        edge: "",
        reload: false,
    },
    unit: "bytes",
    min: 4096,
    max: 1 << 30,
    default: 8 << 20,
};

/// `series_max`
pub(crate) const SERIES_MAX: Whole = Whole {
    about: About {
        path: "series_max",
        flag: None,
        effect: "Keys that a worker holds at most in an interval, different spellings of one \
                 name included. Samples of new keys beyond it are dropped and counted; known keys \
                 stay exact.",
        edge: "",
        reload: true,
    },
    unit: "keys",
    min: 1,
    max: 1_000_000_000,
    default: 1_000_000,
};

/// `samples_max`
pub(crate) const SAMPLES_MAX: Whole = Whole {
    about: About {
        path: "samples_max",
        flag: None,
        effect: "Timer samples plus set members plus changes of gauges that a worker holds at \
                 most in an interval. At the bound sketches of the timers with the most samples \
                 make room; what is beyond it is dropped and counted.",
        edge: "",
        reload: true,
    },
    unit: "samples",
    min: 1,
    max: 1_000_000_000,
    default: 10_000_000,
};

/// `timer_values_max`
pub(crate) const TIMER_VALUES_MAX: Whole = Whole {
    about: About {
        path: "timer_values_max",
        flag: None,
        effect: "Samples that are kept of one timer in an interval. A timer with more becomes a \
                 sketch: count, sum, mean, lower and upper stay exact, and its percentiles may be \
                 wrong by 2.2 % where the greatest sample is up to 900 times the least, by 4.4 % \
                 up to 900,000 times, by 8.7 % beyond. `gstatsd.series.sketched` \
                 counts such timers and sets.",
        edge: "0 makes a sketch of every timer.",
        reload: true,
    },
    unit: "samples",
    min: 0,
    max: 1_000_000_000,
    default: 100_000,
};

/// `set_members_max`
pub(crate) const SET_MEMBERS_MAX: Whole = Whole {
    about: About {
        path: "set_members_max",
        flag: None,
        effect: "Distinct members that are kept of one set in an interval. Of a set with more the \
                 number of members is an estimate, with a standard error of 0.8 %.",
        edge: "0 makes an estimate of every set.",
        reload: true,
    },
    unit: "members",
    min: 0,
    max: 1_000_000_000,
    default: 10_000,
};

/// `name_bytes_max`
pub(crate) const NAME_BYTES_MAX: Whole = Whole {
    about: About {
        path: "name_bytes_max",
        flag: None,
        effect: "Lines whose metric name is longer are rejected and counted.",
        edge: "",
        reload: true,
    },
    unit: "bytes",
    min: 1,
    max: 65_507,
    default: 1024,
};

/// `member_bytes_max`
pub(crate) const MEMBER_BYTES_MAX: Whole = Whole {
    about: About {
        path: "member_bytes_max",
        flag: None,
        effect: "Members of sets that are longer are rejected and counted.",
        edge: "",
        reload: true,
    },
    unit: "bytes",
    min: 1,
    max: 65_507,
    default: 256,
};

/// `pid_file`
pub(crate) const PID_FILE: Text = Text {
    about: About {
        path: "pid_file",
        flag: Some("--pid-file"),
        effect: "The file that holds the process id while the daemon runs.",
        edge: "`\"\"` is none.",
        reload: false,
    },
    allowed: "a path",
    default: None,
};

/// `user`
pub(crate) const USER: Text = Text {
    about: About {
        path: "user",
        flag: None,
        effect: "Whom to become once the sockets are open, where the daemon is started as root. \
                 A log file is given to that user, so that it can be opened again. A reload \
                 cannot bind a port below 1024 then.",
        edge: "`\"\"` is to stay who starts it.",
        reload: false,
    },
    allowed: "the name of a user",
    default: None,
};

/// `sandbox`
pub(crate) const SANDBOX: Text = Text {
    about: About {
        path: "sandbox",
        flag: Some("--sandbox"),
        effect: "How far the process is closed in once its sockets are open: it has no \
                 privileges, reads and writes only what is configured, uses only the TCP ports \
                 that are configured, and starts no program. `\"auto\"` goes as far as this \
                 system can, `\"require\"` does not start where that is not all the way; the own \
                 metric `sandbox.level` is the number of layers that are there as a whole, of 3, \
                 and the log says what falls short; Linux has all of them from 6.7 on. Folders \
                 and TCP ports that a reload brings, and that were not configured at the start, \
                 need SIGUSR2 or a restart; the log says which.",
        edge: "",
        reload: false,
    },
    allowed: "`\"auto\"`, `\"require\"` or `\"off\"`",
    default: Some("off"),
};

/// `daemonize`
pub(crate) const DAEMONIZE: Switch = Switch {
    about: About {
        path: "daemonize",
        flag: Some("-D"),
        effect: "Go to the background once everything is checked. Standard output leads \
                 nowhere then: give a sink.",
        edge: "",
        reload: false,
    },
    default: false,
};

/// `log.target`
pub(crate) const LOG_TARGET: Text = Text {
    about: About {
        path: "log.target",
        flag: Some("--log"),
        effect: "Where the log goes. A file is opened again on SIGHUP, so that it can be rotated.",
        edge: "In the background there is no standard error: `\"stderr\"` is the system's log \
               then.",
        reload: true,
    },
    allowed: "`\"stderr\"`, `\"syslog\"` or a path",
    default: Some("stderr"),
};

/// `log.level`
pub(crate) const LOG_LEVEL: Text = Text {
    about: About {
        path: "log.level",
        flag: Some("-v"),
        effect: "What is logged. `-v` is `\"debug\"`, `-vv` is `\"trace\"`: every packet.",
        edge: "`\"off\"` logs nothing.",
        reload: true,
    },
    allowed: "`\"off\"`, `\"error\"`, `\"warn\"`, `\"info\"`, `\"debug\"` or `\"trace\"`",
    default: Some("info"),
};

#[cfg(test)]
mod tests;
