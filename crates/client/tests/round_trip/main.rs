//! Whatever is asked for arrives as exactly that: one line, one sample, the same meaning.
#![expect(clippy::unwrap_used, reason = "a test")]

mod asked;
mod ways;

use gstatsd_client::{Builder, Event, NopSink, Reason, ServiceCheck, StatsClient, Status};
use gstatsd_wire::{Grammar, Line, Receiver, Rejection, Sample, parse};
use proptest::prelude::*;

use crate::asked::{Asked, any_asked, any_text};

/// What a packet says.
#[derive(Debug)]
pub(crate) struct Read {
    grammar: Grammar,
    pub(crate) asked: Vec<Asked>,
    pub(crate) metric_lines: usize,
    pub(crate) other_lines: Vec<String>,
    pub(crate) rejections: Vec<String>,
}

impl<'a> Receiver<'a> for Read {
    fn line(&mut self, line: Line<'a>) {
        match line {
            Line::Metric(_) => self.metric_lines += 1,
            Line::Event(text) | Line::ServiceCheck(text) => {
                self.other_lines.push(String::from_utf8(text.to_vec()).unwrap());
            }
            Line::Rejected(rejection) => self.reject(rejection),
        }
    }

    fn sample(&mut self, sample: Sample<'a>) {
        self.asked.push(Asked::of(&sample, &self.grammar));
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        self.rejections.push(format!("{rejection:?}"));
    }
}

impl Read {
    pub(crate) fn of(packet: &[u8], grammar: &Grammar) -> Self {
        let mut read = Self {
            grammar: *grammar,
            asked: Vec::new(),
            metric_lines: 0,
            other_lines: Vec::new(),
            rejections: Vec::new(),
        };
        parse(packet, grammar, &mut read);
        read
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(5_000))]

    #[test]
    fn property_test_any_metric_is_one_line_with_its_meaning(
        asked in any_asked(), prefix in prop_oneof![Just(String::new()), any_text()],
    ) {
        let client = Builder::to_sink(NopSink).prefix(&prefix).direct().build();
        let mut line = Vec::new();
        asked.with_metric(|metric| client.write(metric, &mut line)).unwrap();
        let prefix = prefix.strip_suffix('.').unwrap_or(&prefix);
        let asked = if prefix.is_empty() { asked } else { asked.with_prefix(prefix) };
        for grammar in asked.grammars() {
            let read = Read::of(&line, &grammar);
            prop_assert_eq!(&read.rejections, &Vec::<String>::new());
            prop_assert_eq!(read.metric_lines, 1);
            prop_assert_eq!(read.asked, [asked.as_read_by(&grammar)]);
        }
    }

    #[test]
    fn property_test_any_event_and_check_is_one_line(
        words in (any_text(), any_text(), any_text(), any_text()), tag in any_text(),
    ) {
        let (client, spy) = StatsClient::spy();
        let (title, text, host, message) = &words;
        let tags = &[(&tag[..], &host[..])][..];
        client.event(&Event { host, source_type: message, tags, ..Event::new(title, text) });
        let check = ServiceCheck::new(title, Status::Warning);
        client.service_check(&ServiceCheck { host, message, tags, ..check });
        let packets = spy.take_packets();
        prop_assert_eq!(packets.len(), 2);
        for packet in &packets {
            let read = Read::of(packet, &Grammar::DOGSTATSD);
            prop_assert_eq!(&read.rejections, &Vec::<String>::new());
            prop_assert_eq!(read.other_lines.len(), 1);
            prop_assert_eq!(read.metric_lines, 0);
        }
    }
}

#[test]
fn nothing_that_is_no_metric_is_sent() {
    let (client, spy) = StatsClient::spy();
    client.increment("");
    client.set("a", "");
    client.gauge("a", f64::NAN);
    client.timer("a", f64::INFINITY);
    client.tags(&[("", "x")]).increment("a");
    client.at(0).increment("a");
    client.at(1).timer("a", 1.0);
    client.increment(&"\n".repeat(400));
    client.rate(0.0).increment("a");
    client.rate(-1.0).increment("a");
    client.rate(f64::NAN).increment("a");
    assert!(spy.packets().is_empty());
    let counts = client.counts();
    assert_eq!((counts.lines, counts.sent, counts.waiting), (8, 0, 0));
    for (reason, count) in [
        (Reason::EmptyName, 1),
        (Reason::EmptyValue, 1),
        (Reason::NonFinite, 2),
        (Reason::BadField, 3),
        (Reason::TooLong, 1),
    ] {
        assert_eq!(counts.dropped(reason), count, "{reason:?}");
    }
}
