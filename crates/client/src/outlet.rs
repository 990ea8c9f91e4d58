//! The end of a client: a socket, or a sink of the user's.

use std::sync::Arc;

use crate::link::{Link, Sent};
use crate::{Reason, Sink};

/// The end of a client.
pub(crate) enum Outlet {
    Link(Link),
    Sink(Arc<dyn Sink>),
}

impl Outlet {
    pub(crate) fn send(&mut self, packet: &[u8]) -> Sent {
        match self {
            Self::Link(link) => link.send(packet),
            Self::Sink(sink) => match sink.send(packet) {
                Ok(()) => Sent::Done,
                Err(_) => Sent::Failed(Reason::Network),
            },
        }
    }

    /// Whether a datagram was refused, which need not be the last one.
    pub(crate) fn has_refusal(&self) -> bool {
        matches!(self, Self::Link(link) if link.has_refusal())
    }

    /// Whether the last datagram was refused, where that is known.
    pub(crate) fn was_refused(&self) -> bool {
        self.is_exact() && self.has_refusal()
    }

    /// Whether a refusal is known to be that of the last datagram.
    pub(crate) fn is_exact(&self) -> bool {
        matches!(self, Self::Link(link) if link.is_exact())
    }

    /// Turns to the next address, and says how many there are.
    pub(crate) fn turn(&mut self) -> usize {
        match self {
            Self::Link(link) => link.turn(),
            Self::Sink(_) => 0,
        }
    }

    /// The bytes of a packet that are gone although it could not be sent as a whole.
    pub(crate) fn whole_lines(&mut self, packet: &[u8]) -> usize {
        match self {
            Self::Link(link) => link.whole_lines(packet),
            Self::Sink(_) => 0,
        }
    }
}
