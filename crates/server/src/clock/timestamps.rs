//! The timestamps of flushes, whatever is done to the wall clock.
//!
//! They follow the wall clock while it goes as fast as time passes. A clock that was set makes
//! neither two points of one time nor a hole in the past:
//!
//! ```text
//! within a second               followed: it is slewed, or read late
//! ahead by up to a day          followed at once: it was behind
//! behind by up to five minutes  not followed: timestamps go on as time passes
//! further ahead or behind       doubted; followed when it has stayed so for six flushes
//! ```
//!
//! The last is the one way in which timestamps go back: a clock that stood years ahead when the
//! system started must not make points of the future for ever.

use std::time::Duration;

/// By how much the wall clock may differ from the time that has passed, without having been set.
const TOLERANCE: Duration = Duration::from_secs(1);
/// How far ahead it is believed at once.
const AHEAD_MAX: Duration = Duration::from_secs(86_400);
/// How far behind it is waited for.
const BEHIND_MAX: Duration = Duration::from_secs(300);
/// For how many flushes a clock is doubted.
const DOUBTED_MAX: u32 = 6;

/// The timestamps of flushes: they never repeat for intervals of a second and more, and go back
/// only as this file says.
#[derive(Debug)]
pub(crate) struct Timestamps {
    last: Option<i64>,
    /// By how much each must be later than the one before.
    step: i64,
    /// The time of the last flush: since the epoch, as far as it was believed, and as it passes.
    before: Option<(Duration, Duration)>,
    doubt: Option<Doubt>,
    steps: u64,
}

/// A wall clock that is not followed.
#[derive(Clone, Copy, Debug)]
struct Doubt {
    /// By how much it is ahead or behind.
    by: Difference,
    /// For how many flushes it has been so.
    flushes: u32,
}

/// How two times differ.
#[derive(Clone, Copy, Debug)]
struct Difference {
    is_ahead: bool,
    amount: Duration,
}

impl Timestamps {
    /// Timestamps for flushes that far apart.
    pub(crate) fn new(interval: Duration) -> Self {
        let step = i64::from(interval >= TOLERANCE);
        Self { last: None, step, before: None, doubt: None, steps: 0 }
    }

    /// Goes on after the last timestamp of the process before, if the wall clock cannot be far
    /// from that: no timestamp comes twice, and a clock that was wrong for a time is forgotten.
    pub(crate) fn resume(&mut self, last: i64, since_epoch: Duration) {
        if last <= seconds(since_epoch.saturating_add(AHEAD_MAX)) {
            self.last = self.last.max(Some(last));
        }
    }

    /// The timestamp of a flush, in whole seconds since the epoch, cut off as gstatsd 0.6 does it:
    /// what the wall clock shows since the epoch, and the time that has `passed` since anything.
    pub(crate) fn next(&mut self, wall: Duration, passed: Duration) -> i64 {
        let (mut time, mut least) = (wall, self.last.map(|last| last + self.step));
        if let Some((then, passed_then)) = self.before {
            let expected = then.saturating_add(passed.saturating_sub(passed_then));
            if self.believes(wall, expected) {
                // It is behind by much, and has been for long.
                if wall.saturating_add(BEHIND_MAX) < expected {
                    least = None;
                }
            } else {
                time = expected;
            }
        }
        let timestamp = least.map_or(seconds(time), |least| seconds(time).max(least));
        let at_least = Duration::from_secs(u64::try_from(timestamp).unwrap_or(0));
        self.before = Some((time.max(at_least), passed));
        self.last = Some(timestamp);
        timestamp
    }

    /// How often the wall clock was set.
    pub(crate) fn steps(&self) -> u64 {
        self.steps
    }

    /// Whether the wall clock is followed, where by the time that has passed it should show
    /// another time.
    fn believes(&mut self, wall: Duration, expected: Duration) -> bool {
        let by = Difference::of(wall, expected);
        if by.amount < TOLERANCE {
            self.doubt = None;
            return true;
        }
        let flushes = match self.doubt {
            Some(doubt) if doubt.by.is_about(by) => doubt.flushes + 1,
            _ => {
                self.steps += 1;
                log::warn!("the clock was set: it is {}", by.shown());
                1
            }
        };
        let follows = match by.is_ahead {
            true => by.amount <= AHEAD_MAX || flushes > DOUBTED_MAX,
            false => by.amount > BEHIND_MAX && flushes > DOUBTED_MAX,
        };
        if follows && flushes > 1 {
            log::warn!("timestamps follow the clock now: it is still {}", by.shown());
        }
        self.doubt = (!follows).then_some(Doubt { by, flushes });
        follows
    }
}

impl Difference {
    fn of(wall: Duration, expected: Duration) -> Self {
        Self { is_ahead: wall > expected, amount: wall.abs_diff(expected) }
    }

    fn is_about(self, other: Self) -> bool {
        self.is_ahead == other.is_ahead && self.amount.abs_diff(other.amount) < TOLERANCE
    }

    fn shown(self) -> String {
        let way = if self.is_ahead { "ahead of" } else { "behind" };
        format!("{:.1} s {way} the time that has passed", self.amount.as_secs_f64())
    }
}

fn seconds(since_epoch: Duration) -> i64 {
    i64::try_from(since_epoch.as_secs()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEN: Duration = Duration::from_secs(10);
    const HOUR: f64 = 3_600.0;
    const TEN_YEARS: f64 = 3.2e8;

    fn at(seconds: f64) -> Duration {
        Duration::from_secs_f64(seconds)
    }

    /// The timestamps of flushes each ten seconds from 1,000,000,000 on. After the third one the
    /// clock is set, by so many seconds; and how often it was.
    fn around_a_step(by: f64) -> (Vec<i64>, u64) {
        let mut timestamps = Timestamps::new(TEN);
        let of = |flush: u32| {
            let passed = f64::from(flush) * 10.0;
            let step = if flush < 3 { 0.0 } else { by };
            timestamps.next(at((1e9 + passed + step).max(0.0)), at(passed)) - 1_000_000_000
        };
        let seen = (0..12).map(of).collect();
        (seen, timestamps.steps())
    }

    fn tens(from: i64, count: i64) -> Vec<i64> {
        (0..count).map(|number| from + number * 10).collect()
    }

    #[test]
    fn timestamps_never_repeat() {
        let mut timestamps = Timestamps::new(TEN);
        let times = [(100.9, 0.0), (110.0, 10.0), (110.3, 10.1), (120.1, 20.0)];
        let seconds = times.map(|(wall, passed)| timestamps.next(at(wall), at(passed)));
        assert_eq!(seconds, [100, 110, 111, 120]);
        assert_eq!(timestamps.steps(), 0);
    }

    #[test]
    fn f80_a_clock_that_is_a_little_behind_is_not_followed() {
        for by in [-1.0, -9.0, -10.0, -30.0, -299.0] {
            assert_eq!(around_a_step(by), (tens(0, 12), 1), "{by}");
        }
    }

    #[test]
    fn f80_a_clock_that_goes_ahead_is_followed() {
        for by in [1.0, HOUR, 86_400.0] {
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
            let after = tens(30 + by as i64, 9);
            assert_eq!(around_a_step(by), ([tens(0, 3), after].concat(), 1), "{by}");
        }
    }

    #[test]
    fn f80_a_clock_that_is_far_off_is_followed_when_it_stays_so() {
        for by in [-HOUR, -TEN_YEARS, TEN_YEARS, 2.0 * 86_400.0] {
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
            let after = tens(90 + by as i64, 3);
            assert_eq!(around_a_step(by), ([tens(0, 9), after].concat(), 1), "{by}");
        }
    }

    #[test]
    fn f80_a_clock_that_is_set_right_again_was_never_followed() {
        let mut timestamps = Timestamps::new(TEN);
        let walls = [0.0, 10.0, TEN_YEARS, TEN_YEARS, 40.0, 50.0, -HOUR, 70.0];
        let of = |(flush, wall): (u32, &f64)| {
            timestamps.next(at(1e6 + wall), at(f64::from(flush) * 10.0)) - 1_000_000
        };
        let seconds: Vec<_> = (0..).zip(&walls).map(of).collect();
        assert_eq!(seconds, tens(0, 8));
        assert_eq!(timestamps.steps(), 3);
    }

    #[test]
    fn f80_slewing_is_followed() {
        let mut timestamps = Timestamps::new(TEN);
        for flush in 0..10_000 {
            let passed = f64::from(flush) * 10.0;
            let wall = 1e9 + passed * 1.000_5;
            #[expect(clippy::cast_possible_truncation, reason = "whole seconds")]
            let expected = wall as i64;
            assert_eq!(timestamps.next(at(wall), at(passed)), expected);
        }
        assert_eq!(timestamps.steps(), 0);
    }

    #[test]
    fn f80_a_leap_second_makes_no_point_twice() {
        let mut timestamps = Timestamps::new(Duration::from_secs(1));
        // The clock shows second 3 twice.
        let walls = [1.0, 2.0, 3.0, 3.0, 4.0, 5.0];
        let of = |(flush, wall): (u32, &f64)| timestamps.next(at(*wall), at(f64::from(flush)));
        let seconds: Vec<_> = (0..).zip(&walls).map(of).collect();
        assert_eq!(seconds, [1, 2, 3, 4, 5, 6]);
    }

    #[test]
    fn f80_a_system_that_starts_in_1970_comes_to_the_present() {
        let mut timestamps = Timestamps::new(TEN);
        let mut of = |wall: f64, passed: f64| timestamps.next(at(wall), at(passed));
        assert_eq!([of(0.0, 0.0), of(10.0, 10.0)], [0, 10]);
        let later: Vec<_> = (2..10).map(|flush| f64::from(flush) * 10.0).collect();
        let seconds: Vec<_> = later.iter().map(|passed| of(1e9 + passed, *passed)).collect();
        assert_eq!(seconds[..6], tens(20, 6));
        assert_eq!(seconds[6..], [1_000_000_080, 1_000_000_090]);
    }

    #[test]
    fn timestamps_go_on_after_those_of_the_process_before() {
        let seconds = |last, wall: f64| {
            let mut timestamps = Timestamps::new(TEN);
            timestamps.resume(last, at(wall));
            [timestamps.next(at(wall), at(7.0)), timestamps.next(at(wall + 10.0), at(17.0))]
        };
        assert_eq!(seconds(90, 100.0), [100, 110]);
        assert_eq!(seconds(160, 100.0), [161, 171]);
        assert_eq!(seconds(200_000, 100.0), [100, 110]);
    }

    #[test]
    fn timestamps_of_short_intervals_may_repeat_but_not_go_back() {
        let mut timestamps = Timestamps::new(Duration::from_millis(100));
        let times = [(100.9, 0.0), (100.95, 0.1), (99.0, 0.2)];
        let seconds = times.map(|(wall, passed)| timestamps.next(at(wall), at(passed)));
        assert_eq!(seconds, [100, 100, 101]);
    }
}
