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
//! Tags may stand in the name too: [`TagStyle`] has the ways in which they are written.
//!
//! A colon begins the next values only directly after a type or a rate; in any other field it
//! belongs to that field. Bytes in, borrowed samples out: parsing never fails and never
//! allocates. What cannot be read is a rejection with a [`Reason`], and costs only itself.
//!
//! ```
//! use gstatsd_wire::{Grammar, Line, Receiver, Rejection, Sample, parse};
//!
//! #[derive(Default)]
//! struct Tally {
//!     lines: u64,
//!     samples: u64,
//!     rejections: u64,
//! }
//!
//! impl<'a> Receiver<'a> for Tally {
//!     fn line(&mut self, line: Line<'a>) {
//!         self.lines += 1;
//!         self.rejections += u64::from(matches!(line, Line::Rejected(_)));
//!     }
//!     fn sample(&mut self, _: Sample<'a>) {
//!         self.samples += 1;
//!     }
//!     fn reject(&mut self, _: Rejection<'a>) {
//!         self.rejections += 1;
//!     }
//! }
//!
//! let mut tally = Tally::default();
//! parse(b"hits:1|c|@0.1:2:x|c\nnothing\n", &Grammar::GSTATSD, &mut tally);
//! assert_eq!((tally.lines, tally.samples, tally.rejections), (2, 2, 2));
//! ```

#![deny(clippy::indexing_slicing)]

mod agreement;
mod decimal;
mod event;
mod grammar;
mod number;
mod parse;
mod reason;
pub mod recording;
mod sample;
mod scan;
mod scanners;
mod tags;
mod usual;
mod write;

#[doc(hidden)]
pub use agreement::fuzz_parse;
pub use event::{Event, Notice, NoticeFields, ServiceCheck, Status};
pub use grammar::{EmptyValue, Grammar, Names, SignedGauge, Tags};
#[doc(hidden)]
pub use parse::parse_obviously;
pub use parse::{parse, parse_truncated};
pub use reason::Reason;
pub use sample::{Kind, Line, Receiver, Rejection, Sample, Value};
#[doc(hidden)]
pub use scanners::Scanner;
pub use tags::{Tag, TagStyle, TagStyles, Tagged};
pub use write::{Unwritable, write};
