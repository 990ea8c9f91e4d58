//! That all scanners say the same of any bytes as the obvious way: what the fuzzer asks.

use crate::{Grammar, Line, Receiver, Rejection, Sample, Scanner, Tags, Value, parse_obviously};

/// Reads any bytes as a packet in each of the dialects and with narrow limits, in the obvious way
/// and with every scanner that this processor has.
///
/// # Panics
///
/// When two of them differ.
pub fn fuzz_parse(packet: &[u8]) {
    let narrow = Grammar {
        member_bytes_max: 8,
        name_bytes_max: 24,
        tags: Tags::Check { count_max: 2, bytes_max: 16 },
        negative_timer: false,
        ..Grammar::DOGSTATSD
    };
    for grammar in [Grammar::GSTATSD, Grammar::STATSD, Grammar::DOGSTATSD, narrow] {
        let mut expected = Calls::default();
        parse_obviously(packet, &grammar, &mut expected);
        for scanner in Scanner::available() {
            let mut calls = Calls::default();
            scanner.parse(packet, &grammar, &mut calls);
            assert_eq!(calls, expected, "{scanner:?} reads {}", packet.escape_ascii());
        }
    }
}

/// What a receiver was told.
#[derive(Debug, Default, PartialEq)]
struct Calls<'a>(Vec<Call<'a>>);

#[derive(Debug, PartialEq)]
enum Call<'a> {
    Line(Line<'a>),
    /// With the bits of its value and rate: 0 and -0 are two.
    Sample(Sample<'a>, [u64; 2]),
    Rejection(Rejection<'a>),
}

impl<'a> Receiver<'a> for Calls<'a> {
    fn line(&mut self, line: Line<'a>) {
        self.0.push(Call::Line(line));
    }

    fn sample(&mut self, sample: Sample<'a>) {
        let value = match sample.value {
            Value::Delta(number) | Value::Number(number) => number.to_bits(),
            Value::Member(_) => 0,
        };
        self.0.push(Call::Sample(sample, [value, sample.rate.to_bits()]));
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        self.0.push(Call::Rejection(rejection));
    }
}
