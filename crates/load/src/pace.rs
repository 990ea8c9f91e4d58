//! When the next packet is due. Pure: the time is given.

use std::time::Duration;

/// How far ahead of its time a packet may leave. Sleeping for less costs more than it is worth,
/// so at high rates packets leave in bursts of this length.
const AHEAD_MAX: Duration = Duration::from_micros(200);

/// How much lost time is made up for. A sender that was held up longer stays behind: a long burst
/// would overflow the receiver's buffer and measure nothing but that.
const BEHIND_MAX: Duration = Duration::from_millis(2);

/// Spreads samples over time, at most at a given rate.
pub(crate) struct Pace {
    seconds_per_sample: f64,
    /// When the next packet is due, since the start.
    due: Duration,
}

impl Pace {
    /// The rate is in samples per second, finite and above zero.
    pub(crate) fn new(rate_per_second: f64) -> Self {
        assert!(rate_per_second.is_finite() && rate_per_second > 0.0);
        Self { seconds_per_sample: rate_per_second.recip(), due: Duration::ZERO }
    }

    /// How long to wait at `now` before a packet with so many samples leaves.
    pub(crate) fn wait(&mut self, now: Duration, samples: u32) -> Duration {
        self.due = self.due.max(now.saturating_sub(BEHIND_MAX));
        let ahead = self.due.saturating_sub(now);
        let cost = Duration::try_from_secs_f64(self.seconds_per_sample * f64::from(samples));
        self.due = self.due.saturating_add(cost.unwrap_or(Duration::MAX));
        if ahead > AHEAD_MAX { ahead } else { Duration::ZERO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How long so many packets of one sample take if every sleep lasts as long as asked.
    fn takes(pace: &mut Pace, packets: u32) -> Duration {
        (0..packets).fold(Duration::ZERO, |now, _| now + pace.wait(now, 1))
    }

    #[test]
    fn at_a_low_rate_every_packet_waits_for_its_time() {
        let mut pace = Pace::new(10.0);
        let waits = [0, 30, 100, 101].map(|now_ms| pace.wait(Duration::from_millis(now_ms), 1));
        assert_eq!(waits, [0, 70, 100, 199].map(Duration::from_millis));
    }

    #[test]
    fn the_rate_holds_over_time_at_any_height() {
        for (rate, packets, seconds) in [(1e3, 2_001, 2.0), (1e5, 300_001, 3.0)] {
            let taken = takes(&mut Pace::new(rate), packets).as_secs_f64();
            assert!((taken - seconds).abs() < 0.001, "{rate}: {taken}");
        }
    }

    #[test]
    fn a_packet_of_many_samples_pays_for_all_of_them() {
        let mut pace = Pace::new(1_000.0);
        assert_eq!(pace.wait(Duration::ZERO, 50), Duration::ZERO);
        assert_eq!(pace.wait(Duration::ZERO, 1), Duration::from_millis(50));
    }

    #[test]
    fn a_sender_that_was_held_up_does_not_send_all_it_owes_at_once() {
        let mut pace = Pace::new(10_000.0);
        let now = Duration::from_secs(5);
        let at_once = (0..1_000).take_while(|_| pace.wait(now, 1).is_zero()).count();
        // 2 ms behind and 0.2 ms ahead, at ten packets a millisecond.
        assert!((20..=24).contains(&at_once), "{at_once}");
    }
}
