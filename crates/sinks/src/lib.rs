//! Where a snapshot goes: one file per protocol.
//!
//! ```text
//! queue and thread of a sink --> Sink::send --> Naming::points --> lines --> a peer
//! (not here: they retry)         once, whole
//! ```
//!
//! A sink turns a snapshot into what its protocol carries and says whether the peer has it. It
//! never retries, keeps no queue and knows no thread: whoever calls it does.

mod error;
mod graphite;
mod sys;
mod tcp;

pub use error::SendError;
pub use graphite::{Graphite, GraphiteSettings};

use gstatsd_aggregate::Snapshot;

/// Where snapshots go.
pub trait Sink: Send {
    /// How many points [`Sink::send`] makes of a snapshot.
    fn point_count(&self, snapshot: &Snapshot) -> u64;

    /// Sends one whole snapshot; returns when the peer has it.
    ///
    /// # Errors
    /// Any part of the snapshot may have arrived. The whole of it may be sent again, unless
    /// [`SendError::is_final`]; what is sent next begins on the start of a line.
    fn send(&mut self, snapshot: &Snapshot) -> Result<(), SendError>;
}
