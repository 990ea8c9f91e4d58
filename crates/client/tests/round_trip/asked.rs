//! What a caller asks for, and the same as it is read from a line.

use gstatsd_client::escape::unescape;
use gstatsd_client::{IntoNumber, Kind, Metric, Value};
use gstatsd_wire::{Grammar, Sample, SignedGauge, TagStyles, Value as Read};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

/// A metric with its name, its tags and its member as text that anybody may have chosen.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Asked {
    kind: Kind,
    name: Vec<u8>,
    value: Given,
    rate: f64,
    tags: Vec<(Vec<u8>, Vec<u8>)>,
    timestamp: Option<u64>,
}

#[derive(Clone, Debug, PartialEq)]
enum Given {
    Delta(f64),
    Member(Vec<u8>),
    Number(f64),
}

impl Asked {
    /// The meaning of a sample.
    pub(crate) fn of(sample: &Sample<'_>, grammar: &Grammar) -> Self {
        let tagged = grammar.tagged(sample);
        let tags = tagged.tags().map(|tag| {
            let value = tag.value.map(unescape).unwrap_or_default();
            (unescape(tag.key).into_owned(), value.into_owned())
        });
        Self {
            kind: sample.kind,
            name: unescape(&tagged.name.concat()).into_owned(),
            value: match sample.value {
                Read::Delta(change) => Given::Delta(change),
                Read::Member(member) => Given::Member(unescape(member).into_owned()),
                Read::Number(number) => Given::Number(number),
            },
            rate: sample.rate,
            tags: tags.collect(),
            timestamp: sample.timestamp,
        }
    }

    /// The same with a prefix before its name.
    pub(crate) fn with_prefix(mut self, prefix: &str) -> Self {
        self.name.splice(0..0, format!("{prefix}.").into_bytes());
        self
    }

    /// As the client takes it.
    pub(crate) fn with_metric<T>(&self, take: impl FnOnce(&Metric<'_>) -> T) -> T {
        let text = |bytes| std::str::from_utf8(bytes).unwrap();
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| (text(key), text(value))).collect();
        take(&Metric {
            kind: self.kind,
            name: text(&self.name),
            value: match &self.value {
                Given::Delta(change) => Value::Delta(change.into_number()),
                Given::Member(member) => Value::Member(text(member)),
                Given::Number(number) => Value::Number(number.into_number()),
            },
            rate: self.rate,
            tags: &tags,
            timestamp: self.timestamp,
        })
    }

    /// The dialects that take it.
    pub(crate) fn grammars(&self) -> Vec<Grammar> {
        let negative = matches!(self.value, Given::Number(number) if number.is_sign_negative());
        let time = matches!(self.kind, Kind::Timer | Kind::Histogram | Kind::Distribution);
        let statsd = (!(negative && time)).then_some(Grammar::STATSD);
        // One that reads tags wherever there are any.
        let all = Grammar { tag_styles: TagStyles::ALL, origin: true, ..Grammar::DOGSTATSD };
        [Grammar::DOGSTATSD, Grammar::GSTATSD, all].into_iter().chain(statsd).collect()
    }

    /// What is left of it in a dialect: signs of gauges mean a change or not, tags may be
    /// skipped, timestamps too.
    pub(crate) fn as_read_by(&self, grammar: &Grammar) -> Self {
        let deltas = grammar.signed_gauge == SignedGauge::Delta;
        let value = match self.value {
            Given::Delta(change) if !deltas => Given::Number(change),
            Given::Number(number)
                if deltas && self.kind == Kind::Gauge && number.is_sign_negative() =>
            {
                Given::Delta(number)
            }
            _ => self.value.clone(),
        };
        let timestamp = self.timestamp.filter(|_| grammar.timestamps);
        Self { value, timestamp, ..self.clone() }
    }
}

/// Any text that is not empty, more often one that means something in a line.
pub(crate) fn any_text() -> impl Strategy<Value = String> {
    let odd = vec![
        ':', '|', '@', '#', ',', ';', '%', '\n', '\r', '\\', '\0', ' ', '\t', '_', 'e', 's', 'c',
        '{', '}', '[', ']', '1', '9', 'A', 'f', '=', '.', '-', '+', '\u{7f}', '\u{85}', '\u{e9}',
        '\u{fffd}',
    ];
    let likely = || vec(select(odd.clone()), 1..24).prop_map(|text| text.into_iter().collect());
    let whole = vec![
        "_e{1,1}:a|b",
        "_sc|a|0",
        "_e{",
        "a:1|c",
        "\r",
        " ",
        "%41",
        "%%",
        "x\r",
        "a:1|c\nb:1|c",
        "\u{0b}",
        "#",
        "@0.1",
        "n",
        "a.__k=v",
        "__k=v",
        "a,k=v",
        "a[k=v]",
        "a=b",
    ];
    prop_oneof![
        6 => likely(),
        2 => select(whole).prop_map(str::to_owned),
        2 => "\\PC{1,30}",
        1 => vec(any::<char>(), 1..30).prop_map(|text| text.into_iter().collect::<String>()),
        1 => "[a-z.]{60,90}",
    ]
}

fn any_number() -> impl Strategy<Value = f64> {
    prop_oneof![
        any::<i32>().prop_map(f64::from),
        any::<i64>().prop_map(|number| number as f64),
        proptest::num::f64::NORMAL | proptest::num::f64::SUBNORMAL | proptest::num::f64::ZERO,
        -1000.0..1000.0,
    ]
}

/// Any metric whose texts are not empty and whose numbers are finite.
pub(crate) fn any_asked() -> impl Strategy<Value = Asked> {
    let tag = (any_text(), prop_oneof![3 => any_text(), 1 => Just(String::new())]);
    let kind = select(&Kind::ALL[..]);
    let rate = prop_oneof![3 => Just(1.0), 1 => 1e-9..1.0, 1 => Just(f64::MIN_POSITIVE)];
    let timestamp = prop_oneof![3 => Just(None), 1 => (1..=i64::MAX as u64).prop_map(Some)];
    let number = (any_number(), any::<bool>());
    (kind, any_text(), any_text(), number, rate, vec(tag, 0..4), timestamp).prop_map(
        |(kind, name, member, (number, delta), rate, tags, timestamp)| Asked {
            kind,
            name: name.into_bytes(),
            value: match kind {
                Kind::Set => Given::Member(member.into_bytes()),
                Kind::Gauge if delta => Given::Delta(number),
                _ => Given::Number(number),
            },
            rate,
            tags: tags.into_iter().map(|(k, v)| (k.into_bytes(), v.into_bytes())).collect(),
            timestamp: timestamp.filter(|_| kind.may_have_timestamp()),
        },
    )
}
