//! A snapshot as requests of OTLP, a piece at a time.
//!
//! | series | becomes |
//! |---|---|
//! | counter | `Sum`; monotonic unless a sum of it was negative |
//! | gauge, set (its size), our own metrics | `Gauge` |
//! | timer, histogram, distribution | `ExponentialHistogram`; unit `ms` of a timer |
//!
//! The points of one name in a piece are one metric. See
//! <https://opentelemetry.io/docs/specs/otel/metrics/data-model/>.

use std::collections::HashMap;

use gstatsd_aggregate::{
    Naming, OwnPoint, Series, SeriesKind, SeriesName, Snapshot, State, Window,
};
use gstatsd_sketch::{Buckets, Histogram};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as AnyKind;
use opentelemetry_proto::tonic::common::v1::{AnyValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::metrics::v1::exponential_histogram_data_point as exponential;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use opentelemetry_proto::tonic::metrics::v1::{
    AggregationTemporality, ExponentialHistogram, ExponentialHistogramDataPoint, Gauge, Metric,
    NumberDataPoint, ResourceMetrics, ScopeMetrics, Sum,
};
use opentelemetry_proto::tonic::resource::v1::Resource;
use prost::Message as _;

use super::totals::{Totals, histogram};
use crate::entry::{Entries, Entry, entries};
use crate::pieces::{Encoder, Piece};

/// About how many bytes a point takes beside its texts and buckets.
const POINT: usize = 48;
const HISTOGRAM: usize = 80;

/// Makes requests of a snapshot.
pub(super) struct Requests<'s> {
    snapshot: &'s Snapshot,
    naming: &'s Naming,
    resource: &'s Resource,
    /// Where sums are those since the begin.
    totals: Option<&'s Totals>,
    entries: Entries<'s>,
}

/// The metrics of a piece.
#[derive(Default)]
struct Metrics {
    list: Vec<Metric>,
    /// Where each is, by its name and what it is.
    places: HashMap<(Shape, String), usize>,
    /// About how large they are.
    bytes: usize,
}

/// What tells metrics of one name apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Shape {
    Gauge,
    Sum { is_monotonic: bool },
    Histogram { unit: &'static str },
}

impl<'s> Requests<'s> {
    pub(super) fn new(
        snapshot: &'s Snapshot,
        naming: &'s Naming,
        resource: &'s Resource,
        totals: Option<&'s Totals>,
    ) -> Self {
        Self { snapshot, naming, resource, totals, entries: entries(snapshot) }
    }

    /// The points of the next entries, in about so many bytes.
    fn metrics(&mut self, bytes: usize) -> (Metrics, Piece) {
        let (mut metrics, mut piece) = (Metrics::default(), Piece::default());
        while metrics.bytes < bytes {
            let Some(entry) = self.entries.next() else { break };
            piece.entries += 1;
            match self.push(&entry, &mut metrics) {
                Some(()) => piece.points += 1,
                None => piece.unencodable += 1,
            }
        }
        (metrics, piece)
    }

    /// Appends the point of an entry; `None` where there is no form for it.
    fn push(&self, entry: &Entry<'_>, metrics: &mut Metrics) -> Option<()> {
        let window = self.snapshot.window;
        match entry {
            Entry::Own(OwnPoint { name, value }) => {
                let value = Value::AsInt(i64::try_from(*value).unwrap_or(i64::MAX));
                let point = number(Vec::new(), 0, nanos(window.timestamp), value);
                metrics.number(Shape::Gauge, name.to_string(), point, AggregationTemporality::Delta)
            }
            Entry::Series(series) => self.push_series(series, metrics),
            Entry::Dated(series, second) => match series.state {
                // What came at a second long ago is in no total.
                State::Counter(_) if self.totals.is_some() => None,
                State::Counter(value) => {
                    let shape = Shape::Sum { is_monotonic: value >= 0.0 };
                    let (start, end) = (nanos(second.saturating_sub(1)), nanos(*second));
                    let (name, attributes) = self.names(series);
                    let point = number(attributes, start, end, Value::AsDouble(value));
                    metrics.number(shape, name, point, AggregationTemporality::Delta)
                }
                State::Gauge(value) => {
                    let (name, attributes) = self.names(series);
                    let point = number(attributes, 0, nanos(*second), Value::AsDouble(value));
                    metrics.number(Shape::Gauge, name, point, AggregationTemporality::Delta)
                }
                State::Set(_) | State::Timer { .. } => None,
            },
        }
    }

    fn push_series(&self, series: &Series<'_>, metrics: &mut Metrics) -> Option<()> {
        let Window { timestamp, seconds } = self.snapshot.window;
        let end = nanos(timestamp);
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "an interval is no longer than some years, and longer than nothing"
        )]
        let begin = end.saturating_sub((seconds * 1e9) as u64);
        let temporality = match self.totals {
            Some(_) => AggregationTemporality::Cumulative,
            None => AggregationTemporality::Delta,
        };
        match series.state {
            State::Counter(sum) => {
                let (value, start, is_monotonic) = match self.totals {
                    None => (sum, begin, sum >= 0.0),
                    Some(totals) => {
                        let total = totals.of_counter(series)?;
                        (total.value, nanos(total.start), total.is_monotonic)
                    }
                };
                let (name, attributes) = self.names(series);
                let point = number(attributes, start, end, Value::AsDouble(value));
                metrics.number(Shape::Sum { is_monotonic }, name, point, temporality)
            }
            State::Gauge(value) => {
                let (name, attributes) = self.names(series);
                let point = number(attributes, 0, end, Value::AsDouble(value));
                metrics.number(Shape::Gauge, name, point, temporality)
            }
            State::Set(members) => {
                let (name, attributes) = self.names(series);
                let count = i64::try_from(members.count()).unwrap_or(i64::MAX);
                let point = number(attributes, 0, end, Value::AsInt(count));
                metrics.number(Shape::Gauge, name, point, temporality)
            }
            State::Timer { values, count } => {
                let (histogram, start) = match self.totals {
                    None => (histogram(values, count), begin),
                    Some(totals) => {
                        let (histogram, start) = totals.of_timer(series)?;
                        (histogram, nanos(start))
                    }
                };
                let (name, attributes) = self.names(series);
                let point = distribution(attributes, start, end, &histogram);
                let unit = if series.kind == SeriesKind::Timer { "ms" } else { "" };
                metrics.histogram(Shape::Histogram { unit }, name, point, temporality)
            }
        }
    }

    /// The name of a metric, and the attributes.
    fn names(&self, series: &Series<'_>) -> (String, Vec<KeyValue>) {
        let series = SeriesName::of(series.name);
        let name = [self.naming.prefix(), series.name()].concat();
        let attributes = match series.has_tags() {
            false => Vec::new(),
            true => series
                .tags()
                .map(|tag| attribute(&text(tag.key), &text(tag.value.unwrap_or(b"true"))))
                .collect(),
        };
        (text(&name), attributes)
    }
}

impl Requests<'_> {
    /// Shows each point, a line for each.
    pub(super) fn show(&mut self, show: &mut dyn FnMut(&str)) {
        for metric in self.metrics(usize::MAX).0.list {
            let name = &metric.name;
            match metric.data {
                Some(Data::Gauge(Gauge { data_points })) => {
                    data_points.iter().for_each(|point| {
                        show(&format!("gauge {name}{} {}", shown(&point.attributes), of(point)));
                    });
                }
                Some(Data::Sum(sum)) => {
                    let words = words(sum.aggregation_temporality);
                    let kind = if sum.is_monotonic { "monotonic sum" } else { "sum" };
                    sum.data_points.iter().for_each(|point| {
                        let attributes = shown(&point.attributes);
                        show(&format!("{words} {kind} {name}{attributes} {}", of(point)));
                    });
                }
                Some(Data::ExponentialHistogram(histogram)) => {
                    let words = words(histogram.aggregation_temporality);
                    histogram.data_points.iter().for_each(|point| {
                        let attributes = shown(&point.attributes);
                        let (count, sum) = (point.count, point.sum.unwrap_or_default());
                        show(&format!(
                            "{words} exponential histogram {name}{attributes} count={count} \
                             sum={sum} scale={} min={} max={}",
                            point.scale,
                            point.min.unwrap_or(f64::NAN),
                            point.max.unwrap_or(f64::NAN),
                        ));
                    });
                }
                _ => {}
            }
        }
    }
}

/// The value of a point, for a person.
fn of(point: &NumberDataPoint) -> String {
    match point.value {
        Some(Value::AsDouble(value)) => value.to_string(),
        Some(Value::AsInt(value)) => value.to_string(),
        None => String::new(),
    }
}

fn words(temporality: i32) -> &'static str {
    match temporality == i32::from(AggregationTemporality::Delta) {
        true => "delta",
        false => "cumulative",
    }
}

/// Attributes for a person.
fn shown(attributes: &[KeyValue]) -> String {
    let of = |attribute: &KeyValue| match attribute.value.as_ref().and_then(|v| v.value.as_ref()) {
        Some(AnyKind::StringValue(value)) => format!("{}={value:?}", attribute.key),
        _ => attribute.key.clone(),
    };
    match attributes {
        [] => String::new(),
        attributes => format!("{{{}}}", attributes.iter().map(of).collect::<Vec<_>>().join(",")),
    }
}

impl Encoder for Requests<'_> {
    fn piece(&mut self, bytes: usize, body: &mut Vec<u8>) -> Piece {
        let (metrics, piece) = self.metrics(bytes);
        if metrics.list.is_empty() {
            return piece;
        }
        let scope = InstrumentationScope {
            name: "gstatsd".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            ..InstrumentationScope::default()
        };
        let scope =
            ScopeMetrics { scope: Some(scope), metrics: metrics.list, ..ScopeMetrics::default() };
        let resource = ResourceMetrics {
            resource: Some(self.resource.clone()),
            scope_metrics: vec![scope],
            ..ResourceMetrics::default()
        };
        let request = ExportMetricsServiceRequest { resource_metrics: vec![resource] };
        body.extend_from_slice(&request.encode_to_vec());
        piece
    }

    fn seek(&mut self, entry: u64) {
        self.entries = entries(self.snapshot);
        if let Some(last) = usize::try_from(entry).ok().and_then(|entry| entry.checked_sub(1)) {
            self.entries.nth(last);
        }
    }
}

impl Metrics {
    fn number(
        &mut self,
        shape: Shape,
        name: String,
        point: NumberDataPoint,
        temporality: AggregationTemporality,
    ) -> Option<()> {
        self.bytes += POINT + point.attributes.iter().map(bytes).sum::<usize>();
        let metric = self.metric(shape, name, temporality);
        match &mut metric.data {
            Some(Data::Gauge(gauge)) => gauge.data_points.push(point),
            Some(Data::Sum(sum)) => sum.data_points.push(point),
            _ => return None,
        }
        Some(())
    }

    fn histogram(
        &mut self,
        shape: Shape,
        name: String,
        point: ExponentialHistogramDataPoint,
        temporality: AggregationTemporality,
    ) -> Option<()> {
        let buckets = [&point.positive, &point.negative];
        let buckets =
            buckets.iter().filter_map(|buckets| Some(buckets.as_ref()?.bucket_counts.len()));
        self.bytes += HISTOGRAM + buckets.sum::<usize>();
        self.bytes += point.attributes.iter().map(bytes).sum::<usize>();
        match &mut self.metric(shape, name, temporality).data {
            Some(Data::ExponentialHistogram(histogram)) => histogram.data_points.push(point),
            _ => return None,
        }
        Some(())
    }

    /// The metric of this name that is so, or a new one.
    fn metric(
        &mut self,
        shape: Shape,
        name: String,
        temporality: AggregationTemporality,
    ) -> &mut Metric {
        let Self { list, places, bytes } = self;
        let temporality = temporality.into();
        let place = *places.entry((shape, name)).or_insert_with_key(|(shape, name)| {
            *bytes += name.len();
            let data_points = Vec::new();
            let (data, unit) = match shape {
                Shape::Gauge => (Data::Gauge(Gauge { data_points }), ""),
                Shape::Sum { is_monotonic } => {
                    let (aggregation_temporality, is_monotonic) = (temporality, *is_monotonic);
                    (Data::Sum(Sum { data_points, aggregation_temporality, is_monotonic }), "")
                }
                Shape::Histogram { unit } => {
                    let (data_points, aggregation_temporality) = (Vec::new(), temporality);
                    let of = ExponentialHistogram { data_points, aggregation_temporality };
                    (Data::ExponentialHistogram(of), *unit)
                }
            };
            let (name, unit) = (name.clone(), unit.to_owned());
            list.push(Metric { name, unit, data: Some(data), ..Metric::default() });
            list.len() - 1
        });
        &mut list[place]
    }
}

/// An attribute with a text.
pub(super) fn attribute(key: &str, value: &str) -> KeyValue {
    let value = AnyValue { value: Some(AnyKind::StringValue(value.to_owned())) };
    KeyValue { key: key.to_owned(), value: Some(value), ..KeyValue::default() }
}

fn number(attributes: Vec<KeyValue>, start: u64, end: u64, value: Value) -> NumberDataPoint {
    NumberDataPoint {
        attributes,
        start_time_unix_nano: start,
        time_unix_nano: end,
        value: Some(value),
        ..NumberDataPoint::default()
    }
}

fn distribution(
    attributes: Vec<KeyValue>,
    start: u64,
    end: u64,
    histogram: &Histogram,
) -> ExponentialHistogramDataPoint {
    let buckets = |buckets: &Buckets| exponential::Buckets {
        offset: buckets.offset(),
        bucket_counts: buckets.counts().to_vec(),
    };
    ExponentialHistogramDataPoint {
        attributes,
        start_time_unix_nano: start,
        time_unix_nano: end,
        count: histogram.count(),
        sum: Some(histogram.sum()),
        scale: histogram.scale().into(),
        zero_count: histogram.zeros(),
        positive: Some(buckets(histogram.positive())),
        negative: Some(buckets(histogram.negative())),
        min: histogram.min(),
        max: histogram.max(),
        ..ExponentialHistogramDataPoint::default()
    }
}

/// About how many bytes an attribute takes.
fn bytes(attribute: &KeyValue) -> usize {
    let value = match attribute.value.as_ref().and_then(|value| value.value.as_ref()) {
        Some(AnyKind::StringValue(text)) => text.len(),
        _ => 0,
    };
    attribute.key.len() + value + 8
}

/// OTLP has no other texts than UTF-8.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn nanos(second: i64) -> u64 {
    u64::try_from(second).unwrap_or_default().saturating_mul(1_000_000_000)
}
