//! A sender with exact manifests, to prove that nothing was lost.
//!
//! A [`Plan`] says what to send: how many samples of which types, over how many keys, from how
//! many source ports, packed or not. From its seed it makes the same packets every time.
//! [`send`] puts them on sockets and returns the [`Manifest`]: what the kernel accepted, in
//! total, per type and per key. Whoever counted less has lost something. [`replay`] sends
//! recorded datagrams, which [`recording`] reads from a file.
//!
//! Values are whole numbers and rates are powers of two, so every sum is exact in a double.
//! The lines of one key leave from one port in order, so the last write of a gauge is known.

mod clock;
mod keys;
mod manifest;
mod pace;
mod packets;
mod plan;
pub mod recording;
mod send;

pub use clock::Clock;
pub use keys::Weights;
pub use manifest::{KeyTotals, KindTotals, Manifest, Tally};
pub use packets::{Packet, Packets, Reading};
pub use plan::Plan;
pub use send::{Replayed, replay, send};
