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
    /// The peer took the bytes, and asks to be sent them again later.
    #[error("{peer} answers {answer}")]
    Busy {
        /// `host:port`
        peer: String,
        /// What it answered, in one line: `503 Service Unavailable`.
        answer: String,
        /// How long it asks to be left alone.
        retry_after: Option<Duration>,
    },
    /// The peer answered nothing that can be understood, or too much, or too slowly.
    #[error("{peer} gives no sound answer: {what}")]
    NoAnswer {
        /// `host:port`
        peer: String,
        /// What is wrong with it.
        what: String,
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

    /// How long the peer asks to be left alone, where it does.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Busy { retry_after, .. } => *retry_after,
            _ => None,
        }
    }
}
