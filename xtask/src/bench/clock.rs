//! The one place of the chores that reads a clock.

use std::thread;
use std::time::{Duration, Instant};

/// The time since it was started.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clock {
    started: Instant,
}

impl Clock {
    /// Starts at zero.
    #[expect(clippy::disallowed_methods, reason = "what is measured takes real time")]
    pub(crate) fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// How long ago it was started.
    pub(crate) fn elapsed(self) -> Duration {
        self.started.elapsed()
    }

    /// Sleeps until so long after the start.
    pub(crate) fn sleep_until(self, end: Duration) {
        thread::sleep(end.saturating_sub(self.elapsed()));
    }
}
