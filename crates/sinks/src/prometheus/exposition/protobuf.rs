//! The format of protobuf, the only one with native histograms: messages of `MetricFamily`, each
//! with its length before it.
//!
//! The messages are those of `io/prometheus/client/metrics.proto`, with what we write of them. A
//! family with many series becomes several messages of its name, so that none is large.

use gstatsd_sketch::{Buckets, Histogram};
use prost::Message;

/// Values so near to 0 are 0 to Prometheus; a threshold of 0 would be no native histogram.
const ZERO_THRESHOLD: f64 = f64::MIN_POSITIVE;

/// The numbers of `MetricType`.
pub(in crate::prometheus) const COUNTER: i32 = 0;
pub(in crate::prometheus) const GAUGE: i32 = 1;
pub(in crate::prometheus) const SUMMARY: i32 = 2;
pub(in crate::prometheus) const UNTYPED: i32 = 3;
pub(in crate::prometheus) const HISTOGRAM: i32 = 4;

#[derive(Clone, PartialEq, Message)]
pub(in crate::prometheus) struct MetricFamily {
    #[prost(string, tag = "1")]
    pub(in crate::prometheus) name: String,
    #[prost(string, tag = "2")]
    pub(in crate::prometheus) help: String,
    #[prost(int32, tag = "3")]
    pub(in crate::prometheus) kind: i32,
    #[prost(message, repeated, tag = "4")]
    pub(in crate::prometheus) metric: Vec<Metric>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::prometheus) struct Metric {
    #[prost(message, repeated, tag = "1")]
    pub(in crate::prometheus) label: Vec<LabelPair>,
    #[prost(message, optional, tag = "2")]
    pub(in crate::prometheus) gauge: Option<Single>,
    #[prost(message, optional, tag = "3")]
    pub(in crate::prometheus) counter: Option<Single>,
    #[prost(message, optional, tag = "4")]
    pub(in crate::prometheus) summary: Option<Summary>,
    #[prost(message, optional, tag = "5")]
    pub(in crate::prometheus) untyped: Option<Single>,
    #[prost(message, optional, tag = "7")]
    pub(in crate::prometheus) histogram: Option<Buckets64>,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::prometheus) struct LabelPair {
    #[prost(string, tag = "1")]
    pub(in crate::prometheus) name: String,
    #[prost(string, tag = "2")]
    pub(in crate::prometheus) value: String,
}

/// `Gauge`, `Counter` and `Untyped`, which begin in the same way.
#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::prometheus) struct Single {
    #[prost(double, tag = "1")]
    pub(in crate::prometheus) value: f64,
}

#[derive(Clone, PartialEq, Message)]
pub(in crate::prometheus) struct Summary {
    #[prost(uint64, tag = "1")]
    pub(in crate::prometheus) sample_count: u64,
    #[prost(double, tag = "2")]
    pub(in crate::prometheus) sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::prometheus) quantile: Vec<Quantile>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::prometheus) struct Quantile {
    #[prost(double, tag = "1")]
    pub(in crate::prometheus) quantile: f64,
    #[prost(double, tag = "2")]
    pub(in crate::prometheus) value: f64,
}

/// `Histogram`, classic or native.
#[derive(Clone, PartialEq, Message)]
pub(in crate::prometheus) struct Buckets64 {
    #[prost(uint64, tag = "1")]
    pub(in crate::prometheus) sample_count: u64,
    #[prost(double, tag = "2")]
    pub(in crate::prometheus) sample_sum: f64,
    #[prost(message, repeated, tag = "3")]
    pub(in crate::prometheus) bucket: Vec<Bucket>,
    #[prost(sint32, tag = "5")]
    pub(in crate::prometheus) schema: i32,
    #[prost(double, tag = "6")]
    pub(in crate::prometheus) zero_threshold: f64,
    #[prost(uint64, tag = "7")]
    pub(in crate::prometheus) zero_count: u64,
    #[prost(message, repeated, tag = "9")]
    pub(in crate::prometheus) negative_span: Vec<Span>,
    #[prost(sint64, repeated, tag = "10")]
    pub(in crate::prometheus) negative_delta: Vec<i64>,
    #[prost(message, repeated, tag = "12")]
    pub(in crate::prometheus) positive_span: Vec<Span>,
    #[prost(sint64, repeated, tag = "13")]
    pub(in crate::prometheus) positive_delta: Vec<i64>,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::prometheus) struct Bucket {
    #[prost(uint64, tag = "1")]
    pub(in crate::prometheus) cumulative_count: u64,
    #[prost(double, tag = "2")]
    pub(in crate::prometheus) upper_bound: f64,
}

#[derive(Clone, Copy, PartialEq, Message)]
pub(in crate::prometheus) struct Span {
    #[prost(sint32, tag = "1")]
    offset: i32,
    #[prost(uint32, tag = "2")]
    length: u32,
}

/// A native histogram. What the sketch is is what Prometheus gets: no value changes its bucket.
pub(in crate::prometheus) fn native(histogram: &Histogram, sum: f64) -> Buckets64 {
    let (positive_span, positive_delta) = spans(histogram.positive());
    let (negative_span, negative_delta) = spans(histogram.negative());
    Buckets64 {
        sample_count: histogram.count(),
        sample_sum: sum,
        bucket: Vec::new(),
        schema: i32::from(histogram.scale()),
        zero_threshold: ZERO_THRESHOLD,
        zero_count: histogram.zeros(),
        negative_span,
        negative_delta,
        positive_span,
        positive_delta,
    }
}

/// One span of all buckets, and how much each has more than the one before.
fn spans(buckets: &Buckets) -> (Vec<Span>, Vec<i64>) {
    let Ok(length @ 1..) = u32::try_from(buckets.counts().len()) else {
        return (Vec::new(), Vec::new());
    };
    // Prometheus calls a bucket by its end, and we by its begin.
    let offset = buckets.offset() + 1;
    let mut before = 0;
    let deltas = buckets.counts().iter().map(|count| {
        let count = i64::try_from(*count).unwrap_or(i64::MAX);
        count - std::mem::replace(&mut before, count)
    });
    (vec![Span { offset, length }], deltas.collect())
}

/// The labels of `a="b",c="d"`, as an identity has them.
pub(in crate::prometheus) fn labels(mut text: &[u8]) -> Vec<LabelPair> {
    let mut labels = Vec::new();
    while let Some(end) = text.iter().position(|byte| *byte == b'=') {
        let (name, rest) = (&text[..end], text.get(end + 2..).unwrap_or_default());
        let (mut value, mut place) = (Vec::new(), 0);
        while let Some(&byte) = rest.get(place).filter(|byte| **byte != b'"') {
            place += 1;
            if byte != b'\\' {
                value.push(byte);
                continue;
            }
            value.extend(rest.get(place).map(|byte| if *byte == b'n' { b'\n' } else { *byte }));
            place += 1;
        }
        let text_of = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        labels.push(LabelPair { name: text_of(name), value: text_of(&value) });
        // The quote, and the comma before the next one.
        text = rest.get(place + 2..).unwrap_or_default();
    }
    labels
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_what_stands_in_their_text() {
        let read = |text: &[u8]| -> Vec<(String, String)> {
            labels(text).into_iter().map(|label| (label.name, label.value)).collect()
        };
        let pair = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        assert_eq!(read(b""), []);
        assert_eq!(read(b"a=\"b\""), [pair("a", "b")]);
        let expected = [pair("a", "x\"=,\\\ny"), pair("b", ""), pair("c", "\u{e9}")];
        assert_eq!(read("a=\"x\\\"=,\\\\\\ny\",b=\"\",c=\"\u{e9}\"".as_bytes()), expected);
    }

    #[test]
    fn a_native_histogram_has_the_bytes_of_its_proto() {
        let mut histogram = Histogram::default();
        histogram.coarsen_to(0);
        // Buckets (1, 2], (2, 4] and (4, 8] are 1, 2 and 3 to Prometheus.
        [1.5, 1.6, 8.0, 0.0, -1.0].iter().for_each(|value| histogram.insert(*value, 1));
        let message = native(&histogram, 10.1);
        assert_eq!(message.positive_span, [Span { offset: 1, length: 3 }]);
        assert_eq!(message.positive_delta, [2, -2, 1]);
        assert_eq!(message.negative_span, [Span { offset: 0, length: 1 }]);
        let mut bytes = vec![0x08, 5, 0x11];
        bytes.extend(10.1_f64.to_le_bytes());
        bytes.push(0x31);
        bytes.extend(f64::MIN_POSITIVE.to_le_bytes());
        bytes.extend([0x38, 1, 0x4a, 2, 0x10, 1, 0x52, 1, 2]);
        bytes.extend([0x62, 4, 0x08, 2, 0x10, 3, 0x6a, 3, 4, 3, 2]);
        assert_eq!(message.encode_to_vec(), bytes);
    }
}
