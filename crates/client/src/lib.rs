//! A client for StatsD that never blocks, never panics and never fails its caller.
//!
//! ```
//! use gstatsd_client::StatsClient;
//!
//! let client = StatsClient::new("localhost:8125")?;
//! client.increment("logins");
//!
//! // Metrics to hold on to.
//! let jobs = client.get_counter("jobs");
//! jobs.add(3);
//! let took = client.get_timer("work").time(|| "done");
//! # Ok::<(), gstatsd_client::AddressError>(())
//! ```
//!
//! # What it holds to
//!
//! * **It never blocks**: lines are written into a buffer, and a thread of the client's own sends
//!   them in packets; with [direct sending](Builder::direct) the system takes a datagram or does
//!   not. Names are resolved by another thread.
//! * **It never panics, and never fails its caller**: what cannot be sent is dropped and counted
//!   with a [`Reason`].
//! * **It cannot be used to forge**: whatever a name, a tag or a member of a set holds, it is one
//!   line with that meaning. What the protocol has no place for is escaped, see [`escape`].
//! * **It lives on after `fork`**: a child sends what it gathers itself, with threads of its own.

#[cfg(not(unix))]
compile_error!("gstatsd-client speaks through unix sockets too, and is for unix systems");

mod address;
mod builder;
mod call;
mod client;
mod clock;
mod core;
mod counts;
mod direct;
pub mod escape;
mod event;
mod fork;
mod global;
mod handles;
mod line;
mod link;
mod number;
mod outlet;
mod queue;
mod random;
mod reason;
#[cfg(feature = "metrics")]
mod recorder;
mod report;
mod settings;
mod sink;
mod slot;
mod sums;
mod target;
mod worker;

pub use address::{Address, AddressError, PORT_DEFAULT};
pub use builder::Builder;
pub use call::Call;
pub use client::StatsClient;
pub use counts::Counts;
pub use event::{Alert, Event, Priority, ServiceCheck, Status};
pub use global::{global, set_global};
pub use gstatsd_wire::Kind;
pub use handles::{Counter, Gauge, Timer, TimerGuard};
pub use line::{MEMBER_BYTES_MAX, Metric, NAME_BYTES_MAX, TAGS_BYTES_MAX, TAGS_MAX, Tags, Value};
pub use number::{IntoNumber, Number, Rounding};
pub use reason::Reason;
#[cfg(feature = "metrics")]
pub use recorder::Recorder;
pub use sink::{NopSink, Sink, Spy};
pub use target::{PACKET_BYTES_LOCAL, PACKET_BYTES_NETWORK};
