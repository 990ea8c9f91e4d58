//! The one file of the client that reads a clock.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

/// Time since the first call, by the monotonic clock.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads clocks")]
pub(crate) fn now() -> Duration {
    static START: OnceLock<Instant> = OnceLock::new();
    START.get_or_init(Instant::now).elapsed()
}
