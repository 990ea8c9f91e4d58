//! What came out of a packet, kept, compared and shown.

use gstatsd_wire::{
    Grammar, Kind, Line, Reason, Receiver, Rejection, Sample, Scanner, Tag, Value, parse, write,
};

/// One call of the receiver, with everything that it was told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Entry {
    Metric(Vec<u8>),
    Event(Vec<u8>),
    ServiceCheck(Vec<u8>),
    RejectedLine(Reason, Vec<u8>),
    Sample(Reading),
    Rejected(Reason, Vec<u8>),
}

/// A sample that outlives its packet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Reading {
    /// Without the tags in it.
    pub(crate) name: Vec<u8>,
    pub(crate) kind: Kind,
    pub(crate) amount: Amount,
    /// The bits of a double, as those of an amount are: 0 and -0 are two.
    pub(crate) rate: u64,
    pub(crate) tags: Vec<OwnedTag>,
    pub(crate) timestamp: Option<u64>,
}

/// A key and a value, where there is one.
pub(crate) type OwnedTag = (Vec<u8>, Option<Vec<u8>>);

/// A value that outlives its packet.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Amount {
    Delta(u64),
    Member(Vec<u8>),
    Number(u64),
}

impl Reading {
    pub(crate) fn of(sample: &Sample<'_>, grammar: &Grammar) -> Self {
        let tagged = grammar.tagged(sample);
        let owned = |tag: Tag<'_>| (tag.key.to_vec(), tag.value.map(<[u8]>::to_vec));
        Self {
            name: tagged.name.concat(),
            kind: sample.kind,
            amount: match sample.value {
                Value::Delta(change) => Amount::Delta(change.to_bits()),
                Value::Member(member) => Amount::Member(member.to_vec()),
                Value::Number(number) => Amount::Number(number.to_bits()),
            },
            rate: sample.rate.to_bits(),
            tags: tagged.tags().map(owned).collect(),
            timestamp: sample.timestamp,
        }
    }
}

/// A receiver that keeps everything.
pub(crate) struct Log {
    pub(crate) entries: Vec<Entry>,
    grammar: Grammar,
    /// Each sample as a line, which must read back as the same.
    pub(crate) written: Vec<(Reading, Vec<u8>)>,
}

impl Log {
    pub(crate) fn new(grammar: &Grammar) -> Self {
        Self { entries: Vec::new(), grammar: *grammar, written: Vec::new() }
    }
}

impl<'a> Receiver<'a> for Log {
    fn line(&mut self, line: Line<'a>) {
        self.entries.push(match line {
            Line::Event(text) => Entry::Event(text.to_vec()),
            Line::Metric(text) => Entry::Metric(text.to_vec()),
            Line::Rejected(rejection) => {
                Entry::RejectedLine(rejection.reason, rejection.text.to_vec())
            }
            Line::ServiceCheck(text) => Entry::ServiceCheck(text.to_vec()),
        });
    }

    fn sample(&mut self, sample: Sample<'a>) {
        let reading = Reading::of(&sample, &self.grammar);
        let mut line = Vec::new();
        write(&sample, &mut line).expect("every sample that is read can be written");
        self.written.push((reading.clone(), line));
        self.entries.push(Entry::Sample(reading));
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        self.entries.push(Entry::Rejected(rejection.reason, rejection.text.to_vec()));
    }
}

/// Everything that the parser says of a packet; and every scanner that this processor has must
/// say the same.
pub(crate) fn entries(packet: &[u8], grammar: &Grammar) -> Vec<Entry> {
    log(packet, grammar).entries
}

/// The same, with the samples as lines.
pub(crate) fn log(packet: &[u8], grammar: &Grammar) -> Log {
    let mut log = Log::new(grammar);
    parse(packet, grammar, &mut log);
    for scanner in Scanner::available() {
        let mut other = Log::new(grammar);
        scanner.parse(packet, grammar, &mut other);
        assert_eq!(other.entries, log.entries, "{scanner:?} reads {}", packet.escape_ascii());
    }
    log
}

/// Entries as a short text: lines apart by ` / `, samples by `, `.
///
/// A metric line is what stands before its colon, a colon and its samples, `a: 1 c, 2 ms @0.5
/// #k:v,tag T9`, with their tags wherever those stand. A change of
/// a gauge is `by 3 g`, a member of a set `"x" s`, a rejected sample `!bad_value x`. Other lines
/// are `event`, `service check` or `!no_value`.
pub(crate) fn show(entries: &[Entry]) -> String {
    let mut text = String::new();
    for entry in entries {
        let sample = matches!(entry, Entry::Sample(_) | Entry::Rejected(..));
        text.push_str(match (text.is_empty(), sample, text.ends_with(':')) {
            (true, ..) => "",
            (_, true, true) => " ",
            (_, true, false) => ", ",
            (_, false, _) => " / ",
        });
        match entry {
            Entry::Metric(line) => {
                let name = line.split(|byte| *byte == b':').next().unwrap_or_default();
                text.push_str(&format!("{}:", name.escape_ascii()));
            }
            Entry::Event(_) => text.push_str("event"),
            Entry::ServiceCheck(_) => text.push_str("service check"),
            Entry::RejectedLine(reason, _) => text.push_str(&format!("!{reason}")),
            Entry::Sample(reading) => text.push_str(&show_reading(reading)),
            Entry::Rejected(reason, value) => {
                text.push_str(format!("!{reason} {}", value.escape_ascii()).trim_end());
            }
        }
    }
    text
}

fn show_reading(reading: &Reading) -> String {
    let mut text = match &reading.amount {
        Amount::Delta(change) => format!("by {}", f64::from_bits(*change)),
        Amount::Member(member) => format!("\"{}\"", member.escape_ascii()),
        Amount::Number(number) => f64::from_bits(*number).to_string(),
    };
    text.push_str(&format!(" {}", reading.kind.symbol()));
    if f64::from_bits(reading.rate) != 1.0 {
        text.push_str(&format!(" @{}", f64::from_bits(reading.rate)));
    }
    if !reading.tags.is_empty() {
        let tag = |(key, value): &OwnedTag| match value {
            Some(value) => format!("{}:{}", key.escape_ascii(), value.escape_ascii()),
            None => key.escape_ascii().to_string(),
        };
        let tags: Vec<String> = reading.tags.iter().map(tag).collect();
        text.push_str(&format!(" #{}", tags.join(",")));
    }
    if let Some(seconds) = reading.timestamp {
        text.push_str(&format!(" T{seconds}"));
    }
    text
}

/// Fails where a packet does not read as expected, in the form of [`show`].
#[track_caller]
pub(crate) fn check(packet: impl AsRef<[u8]>, grammar: &Grammar, expected: &str) {
    let packet = packet.as_ref();
    let shown = show(&entries(packet, grammar));
    assert_eq!(shown, expected, "of {}", packet.escape_ascii());
}

/// Like [`check`], under each dialect.
#[track_caller]
pub(crate) fn check_all(packet: impl AsRef<[u8]>, expected: &str) {
    for grammar in [Grammar::GSTATSD, Grammar::STATSD, Grammar::DOGSTATSD] {
        check(packet.as_ref(), &grammar, expected);
    }
}
