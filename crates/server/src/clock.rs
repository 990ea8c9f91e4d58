//! The one file that reads clocks, and the deadlines that follow from them.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};

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

/// By how many seconds the last timestamp of a process before may be ahead of the wall clock.
const AHEAD_MAX: i64 = 86_400;

/// The timestamps of flushes: they never go backwards, and for intervals of a second and more
/// they never repeat.
#[derive(Debug)]
pub(crate) struct Timestamps {
    last: Option<i64>,
    /// By how much each must be later than the one before.
    step: i64,
}

impl Timestamps {
    /// Timestamps for flushes that far apart.
    pub(crate) fn new(interval: Duration) -> Self {
        Self { last: None, step: i64::from(interval >= Duration::from_secs(1)) }
    }

    /// Goes on after the last timestamp of the process before, if the wall clock cannot be far from
    /// that: no timestamp comes twice, and a clock that was wrong for a time is forgotten.
    pub(crate) fn resume(&mut self, last: i64, since_epoch: Duration) {
        let now = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
        if last <= now.saturating_add(AHEAD_MAX) {
            self.last = self.last.max(Some(last));
        }
    }

    /// The timestamp of a flush, in whole seconds since the epoch, cut off as the original does.
    pub(crate) fn next(&mut self, wall: SystemTime) -> i64 {
        let since_epoch = wall.duration_since(UNIX_EPOCH).unwrap_or_default();
        let seconds = i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX);
        let next = self.last.map_or(seconds, |last| seconds.max(last + self.step));
        self.last = Some(next);
        next
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

    #[test]
    fn timestamps_never_go_back_and_never_repeat() {
        let mut timestamps = Timestamps::new(TEN);
        let walls = [100.9, 110.0, 50.0, 110.5, 120.0];
        let seconds: Vec<_> = walls.into_iter().map(|wall| timestamps.next(at(wall))).collect();
        assert_eq!(seconds, [100, 110, 111, 112, 120]);
    }

    #[test]
    fn timestamps_go_on_after_those_of_the_process_before() {
        let seconds = |last, wall| {
            let mut timestamps = Timestamps::new(TEN);
            timestamps.resume(last, at(wall).duration_since(UNIX_EPOCH).unwrap());
            [timestamps.next(at(wall)), timestamps.next(at(wall))]
        };
        assert_eq!(seconds(90, 100.0), [100, 101]);
        assert_eq!(seconds(160, 100.0), [161, 162]);
        assert_eq!(seconds(200_000, 100.0), [100, 101]);
    }

    #[test]
    fn timestamps_of_short_intervals_may_repeat_but_not_go_back() {
        let mut timestamps = Timestamps::new(Duration::from_millis(100));
        let walls = [100.9, 100.95, 99.0];
        let seconds: Vec<_> = walls.into_iter().map(|wall| timestamps.next(at(wall))).collect();
        assert_eq!(seconds, [100, 100, 100]);
    }
}
