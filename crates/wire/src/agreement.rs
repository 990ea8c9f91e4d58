//! That all scanners say the same of any bytes as the obvious way: what the fuzzer asks.

use crate::{
    Grammar, Line, Names, Receiver, Rejection, Sample, Scanner, TagStyle, TagStyles, Tagged, Tags,
    Value, parse_obviously,
};

/// Reads any bytes as a packet in each of the dialects, with each style of tags alone and all of
/// them together, and with narrow limits: in the obvious way and with every scanner that this
/// processor has. And of each sample, asks for the tags.
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
    let dialects = [Grammar::GSTATSD, Grammar::STATSD, Grammar::DOGSTATSD, narrow];
    let detect = dialects.map(|grammar| Grammar {
        tag_styles: TagStyles::ALL,
        origin: grammar.names == Names::Utf8,
        ..grammar
    });
    let alone = TagStyle::ALL
        .map(|style| Grammar { tag_styles: TagStyles::of(&[style]), ..Grammar::DOGSTATSD });
    for grammar in dialects.into_iter().chain(detect).chain(alone) {
        let mut expected = Calls { grammar: Some(grammar), ..Calls::default() };
        parse_obviously(packet, &grammar, &mut expected);
        for scanner in Scanner::available() {
            let mut calls = Calls { grammar: Some(grammar), ..Calls::default() };
            scanner.parse(packet, &grammar, &mut calls);
            assert_eq!(calls, expected, "{scanner:?} reads {}", packet.escape_ascii());
        }
    }
}

/// What a receiver was told.
#[derive(Debug, Default, PartialEq)]
struct Calls<'a> {
    calls: Vec<Call<'a>>,
    grammar: Option<Grammar>,
    /// The name and the tags of the last metric line.
    tagged: Option<Tagged<'a>>,
}

#[derive(Debug, PartialEq)]
enum Call<'a> {
    Line(Line<'a>),
    /// With the bits of its value and rate: 0 and -0 are two.
    Sample(Sample<'a>, [u64; 2]),
    Rejection(Rejection<'a>),
}

impl<'a> Receiver<'a> for Calls<'a> {
    fn line(&mut self, line: Line<'a>) {
        if let (Line::Metric(text), Some(grammar)) = (line, self.grammar) {
            self.tagged = Some(grammar.tagged_line(text));
        }
        self.calls.push(Call::Line(line));
    }

    fn sample(&mut self, sample: Sample<'a>) {
        let value = match sample.value {
            Value::Delta(number) | Value::Number(number) => number.to_bits(),
            Value::Member(_) => 0,
        };
        let tagged = self.grammar.map(|grammar| grammar.tagged(&sample));
        assert_eq!(tagged, self.tagged, "{sample:?}");
        if let (Some(grammar), Some(tagged)) = (self.grammar, tagged)
            && let Tags::Check { count_max, .. } = grammar.tags
        {
            assert!(tagged.tags().count() <= count_max, "{sample:?}");
        }
        self.calls.push(Call::Sample(sample, [value, sample.rate.to_bits()]));
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        self.calls.push(Call::Rejection(rejection));
    }
}
