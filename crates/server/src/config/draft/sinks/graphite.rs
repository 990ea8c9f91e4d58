//! A sink of Graphite.

use super::{Draft, Typed};
use crate::config::{Address, GraphitePeer, keys::sinks};

/// The keys of its own.
pub(super) const KEYS: &[&str] = &["connect_timeout", "write_timeout"];

impl Draft<'_> {
    pub(super) fn graphite(&mut self, typed: &Typed, address: Address) -> GraphitePeer {
        let given = &typed.keys;
        GraphitePeer {
            address,
            connect_timeout: self.sink_seconds(
                &sinks::CONNECT_TIMEOUT,
                typed,
                given.connect_timeout,
            ),
            write_timeout: self.sink_seconds(&sinks::WRITE_TIMEOUT, typed, given.write_timeout),
        }
    }
}
