//! What became of the lines of a client.

use crate::Reason;

/// What became of the lines of a client, since it was made or its process was forked.
///
/// `lines = sent + waiting + dropped`, at any moment at which nobody is inside of the client.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Lines that were to be sent. What sampling left out is not among them.
    pub lines: u64,
    /// Calls that became part of a sum, where the client aggregates. The lines that tell the sums
    /// are among `lines`.
    pub aggregated: u64,
    /// Lines that the system took. Those of a datagram that was refused are not among them,
    /// where that is known: on this machine.
    pub sent: u64,
    /// Lines in buffers.
    pub waiting: u64,
    /// Packets that the system took; over a stream, pieces.
    pub packets: u64,
    /// Bytes of those packets.
    pub bytes: u64,
    pub(crate) dropped: [u64; Reason::COUNT],
}

impl Counts {
    /// Lines that were not sent for one reason.
    #[must_use]
    pub fn dropped(&self, reason: Reason) -> u64 {
        self.dropped[reason as usize]
    }

    /// Lines that were not sent, for any reason.
    #[must_use]
    pub fn dropped_in_all(&self) -> u64 {
        self.dropped.iter().sum()
    }
}
