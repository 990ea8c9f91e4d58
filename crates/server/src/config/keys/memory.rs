//! The key of the memory that the daemon may hold.

use crate::config::key::{About, Whole};

/// The least budget, in bytes: below it a daemon with one worker and no sink has hardly room for
/// a series.
pub(crate) const LEAST: usize = 16 << 20;

/// `memory_max`
pub(crate) const MEMORY_MAX: Whole = Whole {
    about: About {
        path: "memory_max",
        flag: None,
        effect: "The memory that the daemon may hold, whatever is sent. Everything counts: what \
                 workers know and gather, names, snapshots that wait for sinks, what sinks \
                 remember. As it fills, steps are taken: from 70 % on names that came in one \
                 interval alone are forgotten early, from 80 % on timers and sets become sketches \
                 early, from 90 % on new series are refused whose prefixes make the most of them, \
                 and from 95 % on all new series and new connections; each ends 5 % below. Known \
                 series stay exact. What is refused is counted (`samples.shed.new_series`, \
                 `connections.refused.memory`), and `gstatsd.memory.*` tells what is held.",
        edge: "0 is a quarter of what the cgroup gives, or else of what the host has, and 1 GiB \
               at most; `gstatsd check` shows what that comes to. Less than 16 MiB is refused.",
        reload: true,
    },
    unit: "bytes",
    min: 0,
    max: 1 << 44,
    default: 0,
};
