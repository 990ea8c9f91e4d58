//! What the log says about samples that did not count: never more than a line a minute.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use gstatsd_aggregate::{Counts, Example, Shed};
use gstatsd_wire::Reason;

/// How long to be silent after a line.
const SILENCE: Duration = Duration::from_secs(60);

/// What was lost since the last line about it.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    counts: Counts,
    examples: Vec<Example>,
    reported: Option<Instant>,
}

impl Losses {
    /// Keeps one example for each reason.
    pub(crate) fn add_examples(&mut self, examples: &[Example]) {
        for example in examples {
            if self.examples.iter().all(|known| known.reason != example.reason) {
                self.examples.push(example.clone());
            }
        }
    }

    /// Adds the counts of an interval, and gives a line if something was lost and it is time.
    pub(crate) fn report(&mut self, counts: &Counts, now: Instant) -> Option<String> {
        self.counts.add(counts);
        let silent = self.reported.is_some_and(|reported| now < reported + SILENCE);
        let line = self.line();
        if silent || line.is_empty() {
            return None;
        }
        self.reported = Some(now);
        self.counts = Counts::default();
        self.examples.clear();
        Some(format!("not counted: {line}"))
    }

    fn line(&self) -> String {
        let mut line = String::new();
        let mut add = |count: u64, what: &str, example: Option<&Example>| {
            if count == 0 {
                return;
            }
            let separator = if line.is_empty() { "" } else { ", " };
            let written = match example {
                Some(example) => {
                    let text = example.text.escape_ascii();
                    write!(line, "{separator}{count} {what} (as in '{text}')")
                }
                None => write!(line, "{separator}{count} {what}"),
            };
            debug_assert!(written.is_ok(), "writing to a string cannot fail");
        };
        let Counts { lines_rejected, samples_rejected, samples_shed, .. } = &self.counts;
        add(self.counts.datagrams_dropped_kernel, "datagrams dropped by the kernel", None);
        for (reason, counts) in Reason::ALL.iter().zip(lines_rejected.iter().zip(samples_rejected))
        {
            let example = self.examples.iter().find(|example| example.reason == *reason);
            add(counts.0 + counts.1, reason.label(), example);
        }
        for (shed, &count) in Shed::ALL.iter().zip(samples_shed) {
            add(count, shed.label(), None);
        }
        line
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock;

    #[test]
    fn losses_are_told_with_an_example_and_at_most_once_a_minute() {
        let mut losses = Losses::default();
        let now = clock::now();
        assert_eq!(losses.report(&Counts::default(), now), None);
        let mut counts = Counts::default();
        counts.lines_rejected[Reason::NoValue as usize] = 2;
        counts.samples_shed[Shed::SeriesLimit as usize] = 3;
        losses.add_examples(&[Example { reason: Reason::NoValue, text: (*b"a\x1b").into() }]);
        losses.add_examples(&[Example { reason: Reason::NoValue, text: (*b"b").into() }]);
        let line = losses.report(&counts, now).unwrap();
        assert_eq!(line, r"not counted: 2 no_value (as in 'a\x1b'), 3 series_limit");
        assert_eq!(losses.report(&counts, now + SILENCE / 2), None);
        let line = losses.report(&counts, now + SILENCE).unwrap();
        assert_eq!(line, "not counted: 4 no_value, 6 series_limit");
        assert_eq!(losses.report(&Counts::default(), now + SILENCE * 2), None);
    }
}
