//! The client's own metrics: what it had to drop.

use std::time::Duration;

use gstatsd_wire::Kind;

use crate::line::{Metric, Style, Value};
use crate::{Reason, clock};

/// The least time between two reports.
const EVERY: Duration = Duration::from_secs(10);

/// What was told of dropped lines, and when.
#[derive(Debug)]
pub(crate) struct Report {
    told: [u64; Reason::COUNT],
    /// Before the last report.
    told_before: [u64; Reason::COUNT],
    next: Duration,
}

impl Report {
    pub(crate) fn new() -> Self {
        Self {
            told: [0; Reason::COUNT],
            told_before: [0; Reason::COUNT],
            next: clock::now().saturating_add(EVERY),
        }
    }

    /// When the next report is due, if there is anything to tell.
    pub(crate) fn due(&self, dropped: &[u64; Reason::COUNT]) -> Option<Duration> {
        (self.told != *dropped).then_some(self.next)
    }

    /// Sends one packet that tells of what was dropped since the last report: a counter
    /// `NAME.dropped.REASON` for each reason. What cannot be sent, or has no place in the packet,
    /// is told the next time.
    pub(crate) fn send(
        &mut self,
        dropped: &[u64; Reason::COUNT],
        name: &str,
        style: &Style,
        packet_bytes: usize,
        send: impl FnOnce(&[u8]) -> bool,
    ) {
        self.next = clock::now().saturating_add(EVERY);
        let (mut packet, mut told) = (Vec::new(), self.told);
        for reason in Reason::ALL {
            let index = reason as usize;
            let change = dropped[index] - told[index];
            if change == 0 {
                continue;
            }
            let start = packet.len();
            if start > 0 {
                packet.push(b'\n');
            }
            let name = format!("{name}.dropped.{}", reason.label());
            let metric = Metric::new(Kind::Counter, &name, Value::number(change));
            if style.write(&metric, &mut packet).is_ok() && packet.len() <= packet_bytes {
                told[index] = dropped[index];
            } else {
                packet.truncate(start);
            }
        }
        if !packet.is_empty() && send(&packet) {
            self.told_before = std::mem::replace(&mut self.told, told);
        }
    }

    /// The last report did not arrive after all.
    pub(crate) fn take_back(&mut self) {
        self.told = self.told_before;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn packet(report: &mut Report, dropped: &[u64; Reason::COUNT], arrives: bool) -> String {
        let mut text = String::new();
        report.send(dropped, "own", &Style::default(), 40, |packet| {
            text = String::from_utf8(packet.to_vec()).unwrap();
            arrives
        });
        text
    }

    #[test]
    fn what_was_dropped_is_told_once_it_arrives() {
        let mut report = Report::new();
        let mut dropped = [0; Reason::COUNT];
        assert_eq!(report.due(&dropped), None);
        dropped[Reason::Full as usize] = 3;
        assert!(report.due(&dropped).unwrap() > clock::now());
        assert_eq!(packet(&mut report, &dropped, false), "own.dropped.full:3|c");
        dropped[Reason::Full as usize] = 5;
        assert_eq!(packet(&mut report, &dropped, true), "own.dropped.full:5|c");
        assert_eq!(report.due(&dropped), None);
        assert_eq!(packet(&mut report, &dropped, true), "");
        report.take_back();
        assert_eq!(packet(&mut report, &dropped, true), "own.dropped.full:5|c");
    }

    #[test]
    fn what_has_no_place_in_the_packet_is_told_the_next_time() {
        let mut report = Report::new();
        let mut dropped = [0; Reason::COUNT];
        dropped[Reason::BadField as usize] = 1;
        dropped[Reason::Unresolved as usize] = 2;
        assert_eq!(packet(&mut report, &dropped, true), "own.dropped.bad_field:1|c");
        assert_eq!(packet(&mut report, &dropped, true), "own.dropped.unresolved:2|c");
    }
}
