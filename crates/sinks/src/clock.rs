//! How a sink knows the time, where its protocol tells of it.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Clocks of whoever makes the sink.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    /// The monotonic one.
    pub now: fn() -> Instant,
    /// That on the wall.
    pub wall: fn() -> SystemTime,
}

impl Clock {
    /// Now, in whole seconds since the epoch.
    pub(crate) fn seconds(&self) -> i64 {
        let since_epoch = (self.wall)().duration_since(UNIX_EPOCH).unwrap_or_default();
        i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
    }

    /// Runs something, and adds how long it took.
    pub(crate) fn time<T>(&self, took: &mut Duration, run: impl FnOnce() -> T) -> T {
        let start = (self.now)();
        let result = run();
        *took += (self.now)().saturating_duration_since(start);
        result
    }
}
