//! How long a worker was busy between two receives: what a socket has to hold meanwhile.

use std::time::Duration;

/// The longest CPU time of the thread between two receives.
#[derive(Debug, Default)]
pub(super) struct Gaps {
    last: Option<Duration>,
    longest: Duration,
}

impl Gaps {
    /// A receive begins, when the thread has used so much.
    pub(super) fn receives(&mut self, used: Duration) {
        if let Some(last) = self.last.replace(used) {
            self.longest = self.longest.max(used.saturating_sub(last));
        }
    }

    /// The longest so far; begins anew.
    pub(super) fn take_longest(&mut self) -> Duration {
        std::mem::take(&mut self.longest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_is_taken_and_does_not_come_again() {
        let mut gaps = Gaps::default();
        assert_eq!(gaps.take_longest(), Duration::ZERO);
        for used in [1_000, 1_300, 1_900, 2_000] {
            gaps.receives(Duration::from_micros(used));
        }
        assert_eq!(gaps.take_longest(), Duration::from_micros(600));
        gaps.receives(Duration::from_micros(2_001));
        assert_eq!(gaps.take_longest(), Duration::from_micros(1));
    }
}
