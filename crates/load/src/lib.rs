//! A sender with exact manifests, to prove that nothing was lost.
//!
//! A [`Plan`] says what to send: how many samples of which types, over how many keys, from how
//! many source ports, packed or not. From its seed it makes the same packets every time.
//! [`send`] puts them on sockets and returns the [`Manifest`]: what the kernel accepted, in
//! total, per type and per key. Whoever counted less has lost something. [`replay`] sends
//! recorded datagrams, which [`recording`] reads from a file.
//!
//! To measure a server, a [`Feeder`] sends fast from memory, a [`BareCounter`] is what the server
//! is measured by, and a [`Drain`] is a sink that costs little.
//!
//! Values are whole numbers and rates are powers of two, so every sum is exact in a double.
//! The lines of one key leave from one port in order, so the last write of a gauge is known.

mod bare;
mod clock;
mod drain;
mod feed;
mod keys;
mod manifest;
mod pace;
mod packets;
mod plan;
pub mod recording;
mod send;
mod sys;
mod target;

pub use bare::{BareCounter, Counted, Until, Waiting};
pub use clock::Clock;
pub use drain::Drain;
pub use feed::{Fed, Feeder};
pub use keys::Weights;
pub use manifest::{KeyTotals, KindTotals, Manifest, Tally};
pub use packets::{Packet, Packets, Reading};
pub use plan::Plan;
pub use send::{Replayed, replay, send};
pub use target::Target;
