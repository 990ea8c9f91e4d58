//! Why a snapshot could not be sent.

use std::io;
use std::time::Duration;

/// Why a snapshot could not be sent. The text does not repeat that of the source.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SendError {
    /// No address was found for the host's name.
    #[error("cannot resolve {peer}")]
    Resolve {
        /// `host:port`
        peer: String,
        /// What the resolver says.
        source: io::Error,
    },
    /// None of the host's addresses took a connection.
    #[error("cannot connect to {peer}")]
    Connect {
        /// `host:port`
        peer: String,
        /// What the last address answered.
        source: io::Error,
    },
    /// The peer, or the network, broke off.
    #[error("cannot write to {peer}")]
    Write {
        /// `host:port`, or what else is written to.
        peer: String,
        /// What the system says.
        source: io::Error,
    },
    /// The peer stopped taking bytes.
    #[error("{peer} has taken nothing for {timeout:?}")]
    Stalled {
        /// `host:port`
        peer: String,
        /// How long it was waited for.
        timeout: Duration,
    },
    /// Nobody will ever read what is written.
    #[error("{peer} is closed")]
    Closed {
        /// What is written to.
        peer: String,
        /// What the system says.
        source: io::Error,
    },
}

impl SendError {
    /// Whether sending again is pointless, now and later.
    #[must_use]
    pub fn is_final(&self) -> bool {
        matches!(self, Self::Closed { .. })
    }
}
