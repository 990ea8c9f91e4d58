//! The keys of `[[sink]]` about what waits on the disk, and what is sent again.

use crate::config::key::{About, Number, Switch, Whole};
use crate::config::keys::spool;

/// `sink.replay`
pub(crate) const REPLAY: Whole = Whole {
    about: About {
        path: "sink.replay",
        flag: None,
        effect: "How many of the last snapshots, of 8 MiB at most, are sent again over a new \
                 connection to Graphite: its system may have acknowledged what it never read. \
                 Graphite keeps one value for a name and a time, so that changes nothing there; \
                 an aggregator before it counts twice, and wants 0.",
        edge: "0 is none.",
        reload: true,
    },
    unit: "snapshots",
    min: 0,
    max: 1_000,
    default: 2,
};

/// `sink.spool_bytes`
pub(crate) const SPOOL_BYTES: Whole = Whole {
    about: About {
        path: "sink.spool_bytes",
        flag: None,
        effect: "How much the spool of this sink may take on the disk, in place of `spool.bytes`.",
        edge: "0 is no spool for this sink.",
        reload: true,
    },
    ..spool::BYTES
};

/// `sink.spool_age`
pub(crate) const SPOOL_AGE: Number = Number {
    about: About {
        path: "sink.spool_age",
        flag: None,
        effect: "What is older than this is dropped out of the spool of this sink, in place of \
                 `spool.age`.",
        edge: "",
        reload: true,
    },
    ..spool::AGE
};

/// `sink.spool_sync`
pub(crate) const SPOOL_SYNC: Switch = Switch {
    about: About {
        path: "sink.spool_sync",
        flag: None,
        effect: "Whether each snapshot in the spool of this sink is brought to the disk itself, in \
                 place of `spool.sync`.",
        edge: "",
        reload: true,
    },
    ..spool::SYNC
};
