//! The one file that reads clocks, and the deadlines that follow from them.

mod timestamps;

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

pub(crate) use self::timestamps::Timestamps;

/// The monotonic clock: cadence, order and time-outs come from it.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads clocks")]
pub(crate) fn now() -> Instant {
    Instant::now()
}

/// The wall clock: timestamps come from it, and nothing else.
#[expect(clippy::disallowed_methods, reason = "this is the file that reads clocks")]
pub(crate) fn wall() -> SystemTime {
    SystemTime::now()
}

/// The wall clock as the time since the epoch; the epoch, where it shows an earlier time.
pub(crate) fn since_epoch() -> Duration {
    wall().duration_since(UNIX_EPOCH).unwrap_or_default()
}

/// The time that has passed since the system started, also while it slept. Nobody sets it.
pub(crate) fn passed() -> Duration {
    clock_gettime(ClockId::CLOCK_BOOTTIME).map(Duration::from).unwrap_or_default()
}

/// What the monotonic clock of the system shows, as systemd has it.
pub(crate) fn since_boot() -> Duration {
    clock_gettime(ClockId::CLOCK_MONOTONIC).map(Duration::from).unwrap_or_default()
}

/// The CPU time of this thread so far. A system call, and so nothing for every batch.
pub(crate) fn thread_cpu() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}

/// When each interval ends. The deadlines are multiples of the interval from the first one, so
/// that they do not drift, however late one of them is met.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cadence {
    start: Instant,
    /// The length of interval 0, which is shorter than the others where they are aligned.
    first: Duration,
    interval: Duration,
}

impl Cadence {
    /// Intervals that begin at `start`. With `align` they end at multiples of the interval since
    /// the epoch, by the wall clock as it is at `start`.
    pub(crate) fn new(start: Instant, wall: SystemTime, interval: Duration, align: bool) -> Self {
        let first = match align {
            true => {
                let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
                let into = since_epoch.as_nanos() % interval.as_nanos();
                interval - Duration::from_nanos(u64::try_from(into).unwrap_or(0))
            }
            false => interval,
        };
        Self { start, first, interval }
    }

    /// When an interval ends; they are numbered from 0.
    pub(crate) fn deadline(&self, interval: u64) -> Instant {
        let nanoseconds = self.interval.as_nanos() * u128::from(interval);
        let later = Duration::from_nanos(u64::try_from(nanoseconds).unwrap_or(u64::MAX));
        self.start + self.first + later
    }

    /// The number of the interval that `now` lies in.
    pub(crate) fn interval_at(&self, now: Instant) -> u64 {
        let since_first = now.saturating_duration_since(self.start + self.first);
        match now < self.start + self.first {
            true => 0,
            false => {
                let passed = since_first.as_nanos() / self.interval.as_nanos();
                u64::try_from(passed).map_or(u64::MAX, |passed| passed.saturating_add(1))
            }
        }
    }

    /// When an interval begins.
    pub(crate) fn begin(&self, interval: u64) -> Instant {
        match interval {
            0 => self.start,
            later => self.deadline(later - 1),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);

    fn at(seconds: f64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs_f64(seconds)
    }

    #[test]
    fn deadlines_are_multiples_of_the_interval() {
        let start = now();
        let cadence = Cadence::new(start, at(3.0), Duration::from_millis(100), false);
        assert_eq!(cadence.begin(0), start);
        for interval in [0, 1, 2, 1_000_000_000] {
            let expected = start + Duration::from_millis(100) * 1;
            let later = Duration::from_nanos(100_000_000 * interval);
            assert_eq!(cadence.deadline(interval), expected + later);
            assert_eq!(cadence.begin(interval + 1), cadence.deadline(interval));
        }
    }

    #[test]
    fn aligned_deadlines_are_multiples_of_the_interval_since_the_epoch() {
        let start = now();
        let cadence = Cadence::new(start, at(1_003.5), TEN, true);
        assert_eq!(cadence.deadline(0), start + Duration::from_millis(6_500));
        assert_eq!(cadence.deadline(1), start + Duration::from_millis(16_500));
        assert_eq!(Cadence::new(start, at(1_010.0), TEN, true).deadline(0), start + TEN);
    }

    #[test]
    fn an_instant_lies_in_the_interval_whose_deadline_is_next() {
        let start = now();
        let cadence = Cadence::new(start, at(7.0), TEN, true);
        let cases = [(0, 0), (2_999, 0), (3_000, 1), (12_999, 1), (13_000, 2), (103_000, 11)];
        for (milliseconds, interval) in cases {
            let now = start + Duration::from_millis(milliseconds);
            assert_eq!(cadence.interval_at(now), interval, "{milliseconds} ms");
            assert!(cadence.begin(interval) <= now && now < cadence.deadline(interval));
        }
    }
}
