//! The StatsD text protocols: samples out of bytes, bytes out of samples.
//!
//! One grammar serves every dialect; a dialect is a set of switches, [`Grammar`].
//!
//! ```text
//! datagram = line *( "\n" line )            one trailing "\r" of a line is dropped;
//!                                           empty lines are nothing
//! line     = name ":" values *( ":" values )
//! values   = value *( ":" value ) "|" type *( "|" field )
//! field    = "@" rate / "#" tags / "c:" … / "T" digits / "e:" … / "card:" … / unknown
//! ```
//!
//! A colon begins the next values only directly after a type or a rate; in any other field it
//! belongs to that field. Bytes in, borrowed samples out: parsing never fails and never
//! allocates. What cannot be read is a rejection with a [`Reason`], and costs only itself.

#![deny(clippy::indexing_slicing)]

mod event;
mod grammar;
mod number;
mod parse;
mod reason;
mod sample;
mod write;

pub use grammar::{EmptyValue, Grammar, Names, SignedGauge, Tags};
pub use parse::{parse, parse_truncated};
pub use reason::Reason;
pub use sample::{Kind, Line, Receiver, Rejection, Sample, Value};
pub use write::{Unwritable, write};
