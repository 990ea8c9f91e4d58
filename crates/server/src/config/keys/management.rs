//! The keys of `[management]`.

use crate::config::key::{About, List, Number, Switch, Text, Whole};

/// `management.address`
pub(crate) const ADDRESS: Text = Text {
    about: About {
        path: "management.address",
        flag: None,
        effect: "Where commands are taken, as at port 8126 of the Node.js StatsD: `help`, `stats`, \
                 `counters`, `timers`, `gauges`, `delcounters`, `deltimers`, `delgauges`, \
                 `health`, `config`, `quit`, and `status` of a relay. Whoever reaches it may ask \
                 everything: there is no password. Variables are expanded.",
        edge: "`\"\"` is nowhere; an empty host is localhost. Any other address than one of this \
               machine alone needs `management.allow`.",
        reload: false,
    },
    allowed: "`tcp://[HOST]:PORT`, `unix://PATH`, `[HOST]:PORT` or `PORT`",
    default: Some(""),
};

/// `management.mode`
pub(crate) const MODE: Text = Text {
    about: About {
        path: "management.mode",
        flag: None,
        effect: "The permissions of a unix socket: who may write to it may give commands.",
        edge: "",
        reload: false,
    },
    allowed: "octal permissions, as in `\"0660\"`",
    default: Some("0600"),
};

/// `management.allow`
pub(crate) const ALLOW: List = List {
    about: About {
        path: "management.allow",
        flag: None,
        effect: "Who may connect beside this machine itself.",
        edge: "`[]` is nobody else.",
        reload: true,
    },
    allowed: "networks, as in `[\"10.0.0.0/8\", \"fd00::/8\", \"192.0.2.7\"]`",
    default: "[]",
};

/// `management.allow_deletions`
pub(crate) const ALLOW_DELETIONS: Switch = Switch {
    about: About {
        path: "management.allow_deletions",
        flag: None,
        effect: "Whether `delcounters`, `deltimers` and `delgauges` are obeyed.",
        edge: "",
        reload: true,
    },
    default: false,
};

/// `management.health`
pub(crate) const HEALTH: Text = Text {
    about: About {
        path: "management.health",
        flag: None,
        effect: "What `health` answers until it is told otherwise: a relay sends nothing to a \
                 node that is down. It changes nothing else.",
        edge: "",
        reload: true,
    },
    allowed: "`\"up\"` or `\"down\"`",
    default: Some("up"),
};

/// `management.connections_max`
pub(crate) const CONNECTIONS_MAX: Whole = Whole {
    about: About {
        path: "management.connections_max",
        flag: None,
        effect: "Connections at once. Further ones are closed, and counted. Each has a thread.",
        edge: "",
        reload: true,
    },
    unit: "connections",
    min: 1,
    max: 1_000,
    default: 16,
};

/// `management.line_bytes_max`
pub(crate) const LINE_BYTES_MAX: Whole = Whole {
    about: About {
        path: "management.line_bytes_max",
        flag: None,
        effect: "The longest command; who sends a longer one is told so, and the connection is \
                 closed.",
        edge: "",
        reload: true,
    },
    unit: "bytes",
    min: 64,
    max: 1 << 20,
    default: 8_192,
};

/// `management.idle_timeout`
pub(crate) const IDLE_TIMEOUT: Number = Number {
    about: About {
        path: "management.idle_timeout",
        flag: None,
        effect: "After how long without a command a connection is closed.",
        edge: "0 is refused.",
        reload: true,
    },
    unit: "seconds",
    min: 0.1,
    above_min: false,
    max: 86_400.0,
    default: 300.0,
};
