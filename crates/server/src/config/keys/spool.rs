//! `state_directory` and the keys of `[spool]`.

use crate::config::key::{About, Number, Switch, Text, Whole};

/// `state_directory`
pub(crate) const STATE_DIRECTORY: Text = Text {
    about: About {
        path: "state_directory",
        flag: None,
        effect: "The directory for what outlives the process: the gauges after each flush; the \
                 totals of Prometheus pages, remote write and OTLP before they are shown or sent, \
                 so that they go on with their old start; and at the end the interval that is \
                 open, so that a restart makes one point of it and not two. It is made where it is \
                 missing, for its owner alone, and one daemon has it at a time.",
        edge: "`\"\"` is none: then nothing is written, and the last interval is sent at the end.",
        reload: false,
    },
    allowed: "a path",
    default: Some(""),
};

/// `spool.directory`
pub(crate) const DIRECTORY: Text = Text {
    about: About {
        path: "spool.directory",
        flag: None,
        effect: "Where on the disk what a sink does not take waits, once it is more than \
                 `sink.queue_bytes`; and at the end whatever waits then. Each sink that sends \
                 over a network has a directory of its own there. While sinks take what they get, \
                 nothing is written.",
        edge: "`\"\"` is `spool` in `state_directory`, and without that there is no spool.",
        reload: false,
    },
    allowed: "a path",
    default: Some(""),
};

/// `spool.bytes`
pub(crate) const BYTES: Whole = Whole {
    about: About {
        path: "spool.bytes",
        flag: None,
        effect: "How much the spool of each sink may take on the disk. When it is full the oldest \
                 snapshots in it are merged, so that totals outlive their resolution, and what \
                 cannot be merged is dropped; both are counted.",
        edge: "0 is no spool.",
        reload: false,
    },
    unit: "bytes",
    min: 0,
    max: 1 << 50,
    default: 1 << 30,
};

/// `spool.age`
pub(crate) const AGE: Number = Number {
    about: About {
        path: "spool.age",
        flag: None,
        effect: "What is older than this is dropped out of the spool when its turn comes.",
        edge: "",
        reload: false,
    },
    unit: "seconds",
    min: 1.0,
    above_min: false,
    max: 1e9,
    default: 604_800.0,
};

/// `spool.free_percent`
pub(crate) const FREE_PERCENT: Number = Number {
    about: About {
        path: "spool.free_percent",
        flag: None,
        effect: "How much of its file system the spool leaves free. Where less is free it takes \
                 nothing, which the log says at the start.",
        edge: "0 is nothing.",
        reload: false,
    },
    unit: "percent",
    min: 0.0,
    above_min: false,
    max: 100.0,
    default: 10.0,
};

/// `spool.sync`
pub(crate) const SYNC: Switch = Switch {
    about: About {
        path: "spool.sync",
        flag: None,
        effect: "Whether each snapshot is brought to the disk itself, so that it outlives a power \
                 cut too. Without, it outlives the process alone.",
        edge: "",
        reload: false,
    },
    default: true,
};
