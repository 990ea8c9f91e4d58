//! Summaries of many numbers that take little room and can be merged.
//!
//! [`Histogram`] is the base-2 exponential histogram of OpenTelemetry, which is also the native
//! histogram of Prometheus: the buckets of both are ours, so that no output puts a value into
//! another bucket. [`HyperLogLog`] says about how many distinct things there were. Neither knows
//! keys, time or names.

mod buckets;
mod encoding;
mod histogram;
mod hyperloglog;
mod scale;
mod weight;

pub use buckets::Buckets;
pub use encoding::DecodeError;
pub use histogram::{BUCKETS_MAX, Histogram};
pub use hyperloglog::HyperLogLog;
pub use scale::{SCALE_MAX, SCALE_MIN};
