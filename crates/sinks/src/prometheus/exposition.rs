//! The text of a scrape, or its messages, a piece at a time.

mod protobuf;

use gstatsd_aggregate::Number;

use super::identity::{self, Kind};
use super::registry::{Registry, Series};
use super::timers::TimerForm;
use super::{PrometheusSettings, Scrape};
use prost::Message as _;
pub(super) use protobuf::MetricFamily;
use protobuf::{Bucket, Buckets64, Metric, Quantile, Single, Summary};

/// How much is written at a time. In between a flush may be taken in, so that a peer that reads
/// slowly holds up nothing.
const PIECE: usize = 64 * 1024;

/// The format of a scrape.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Prometheus' own.
    Text,
    /// OpenMetrics 1.0: the same with a unit of time that each counter began.
    OpenMetrics,
    /// Messages of protobuf, the only format with native histograms.
    Protobuf,
}

impl Format {
    /// The format that an `Accept` header asks for.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let wanted = accept.split(',').map(str::trim).find_map(|wanted| {
            let mut parts = wanted.split(';').map(str::trim);
            let media = parts.next()?;
            match media.to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => Some(Self::OpenMetrics),
                "application/vnd.google.protobuf" => {
                    let parts: Vec<String> =
                        parts.map(|part| part.replace(' ', "").to_ascii_lowercase()).collect();
                    let has = |wanted: &str| parts.iter().any(|part| part == wanted);
                    let is_ours = has("proto=io.prometheus.client.metricfamily");
                    (is_ours && has("encoding=delimited")).then_some(Self::Protobuf)
                }
                "text/plain" | "text/*" | "*/*" => Some(Self::Text),
                _ => None,
            }
        });
        wanted.unwrap_or(Self::Text)
    }

    /// Its `Content-Type`.
    #[must_use]
    pub fn content_type(self) -> &'static str {
        match self {
            Self::Text => "text/plain; version=0.0.4; charset=utf-8",
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Protobuf => {
                "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; \
                 encoding=delimited"
            }
        }
    }
}

/// A scrape on its way.
#[derive(Debug)]
pub struct Exposition {
    scrape: Scrape,
    format: Format,
    /// The identity of the next series is not below it.
    next: Vec<u8>,
    /// The name and kind of the family whose head was written last, and what it is called.
    family: (Vec<u8>, Kind),
    called: Vec<u8>,
    /// Of protobuf, the message that series are put into.
    message: MetricFamily,
    /// How long its series are, in bytes.
    message_bytes: usize,
    is_over: bool,
}

impl Exposition {
    pub(super) fn new(scrape: Scrape, format: Format) -> Self {
        let family = (Vec::new(), Kind::Own);
        let (next, called, message) = (Vec::new(), Vec::new(), MetricFamily::default());
        Self { scrape, format, next, family, called, message, message_bytes: 0, is_over: false }
    }

    /// Appends the next lines or messages, about 64 KiB. Says whether there are more.
    pub fn write(&mut self, out: &mut Vec<u8>) -> bool {
        if self.is_over {
            return false;
        }
        let end = out.len() + PIECE;
        let scrape = self.scrape.clone();
        let registry = scrape.0.lock();
        let settings = &scrape.0.settings;
        let from = std::mem::take(&mut self.next);
        for (identity, series) in registry.from(&from, settings.idle_flushes_max) {
            if out.len() + self.message_bytes >= end {
                self.end_message(out);
                self.next = identity.to_owned();
                return true;
            }
            self.write_series(identity, series, &registry, settings, out);
        }
        match self.format {
            Format::Text => {}
            Format::OpenMetrics => out.extend_from_slice(b"# EOF\n"),
            Format::Protobuf => self.end_message(out),
        }
        self.is_over = true;
        false
    }

    fn write_series(
        &mut self,
        identity: &[u8],
        series: &Series,
        registry: &Registry,
        settings: &PrometheusSettings,
        out: &mut Vec<u8>,
    ) {
        let (family, kind, labels) = identity::read(identity);
        if self.family.0 != family || self.family.1 != kind {
            // Of several kinds with one name the first keeps it.
            let is_taken = self.family.0 == family && !self.called.is_empty();
            self.called = if is_taken { identity::apart(family, kind) } else { family.to_owned() };
            self.family = (family.to_owned(), kind);
            match self.format {
                Format::Protobuf => self.end_message(out),
                Format::Text | Format::OpenMetrics => self.write_head(kind, settings, out),
            }
        }
        if self.format == Format::Protobuf {
            self.add_to_message(kind, labels, series, registry, settings);
            return;
        }
        let name = &self.called;
        match kind {
            Kind::Counter => {
                write_line(&[name, b"_total"], labels, None, series.value, out);
                if self.format == Format::OpenMetrics {
                    let created = f64::from(series.created);
                    write_line(&[name, b"_created"], labels, None, created, out);
                }
            }
            Kind::Gauge | Kind::Set | Kind::Own => {
                write_line(&[name], labels, None, series.value, out)
            }
            Kind::Timer => self.write_timer(labels, series, registry, settings, out),
        }
    }

    fn write_timer(
        &self,
        labels: &[u8],
        series: &Series,
        registry: &Registry,
        settings: &PrometheusSettings,
        out: &mut Vec<u8>,
    ) {
        let name = &self.called;
        let (sum, numbers) = registry.row(series, settings.quantile_flushes_max);
        match &settings.timers {
            TimerForm::Summary(quantiles) => {
                for (place, quantile) in quantiles.iter().enumerate() {
                    // Those of an interval that is long over say nothing.
                    let value = numbers.map_or(f64::NAN, |numbers| numbers[place]);
                    let quantile = Some(("quantile", *quantile));
                    write_line(&[name], labels, quantile, value, out);
                }
            }
            TimerForm::Histogram(bounds) => {
                let counts = registry.counts(series);
                let all = bounds.iter().zip(counts).chain([(&f64::INFINITY, &series.value)]);
                for (bound, count) in all {
                    write_line(&[name, b"_bucket"], labels, Some(("le", *bound)), *count, out);
                }
            }
            TimerForm::Native => {}
        }
        write_line(&[name, b"_sum"], labels, None, sum, out);
        write_line(&[name, b"_count"], labels, None, series.value, out);
    }

    /// Puts a series into the message of its family.
    fn add_to_message(
        &mut self,
        kind: Kind,
        labels: &[u8],
        series: &Series,
        registry: &Registry,
        settings: &PrometheusSettings,
    ) {
        if self.message.metric.is_empty() {
            let ending = if kind == Kind::Counter { "_total" } else { "" };
            self.message.name = String::from_utf8_lossy(&self.called).into_owned() + ending;
            let (word, help) = about(kind, settings, Format::Text);
            self.message.help = help.to_owned();
            self.message.kind = match word {
                "counter" => protobuf::COUNTER,
                "gauge" => protobuf::GAUGE,
                "summary" if settings.timers == TimerForm::Native => protobuf::HISTOGRAM,
                "summary" => protobuf::SUMMARY,
                "histogram" => protobuf::HISTOGRAM,
                _ => protobuf::UNTYPED,
            };
        }
        let mut metric = Metric { label: protobuf::labels(labels), ..Metric::default() };
        let value = Single { value: series.value };
        match kind {
            Kind::Counter => metric.counter = Some(value),
            Kind::Gauge | Kind::Set => metric.gauge = Some(value),
            Kind::Own => metric.untyped = Some(value),
            Kind::Timer => put_timer(&mut metric, series, registry, settings),
        }
        // With its tag and its length.
        self.message_bytes += metric.encoded_len() + 4;
        self.message.metric.push(metric);
    }

    /// Appends the message, where there is anything in it.
    fn end_message(&mut self, out: &mut Vec<u8>) {
        if !self.message.metric.is_empty() {
            out.extend(self.message.encode_length_delimited_to_vec());
            self.message.metric.clear();
            self.message_bytes = 0;
        }
    }

    fn write_head(&self, kind: Kind, settings: &PrometheusSettings, out: &mut Vec<u8>) {
        let (kind_text, help) = about(kind, settings, self.format);
        // In the older format a family of counters is called as its lines are.
        let is_open = self.format == Format::OpenMetrics;
        let ending: &[u8] = if kind == Kind::Counter && !is_open { b"_total" } else { b"" };
        for (word, text) in [("HELP", help), ("TYPE", kind_text)] {
            out.extend_from_slice(b"# ");
            out.extend_from_slice(word.as_bytes());
            out.push(b' ');
            out.extend_from_slice(&self.called);
            out.extend_from_slice(ending);
            out.push(b' ');
            out.extend_from_slice(text.as_bytes());
            out.push(b'\n');
        }
    }
}

/// The word for a kind, and what is said of it.
fn about(
    kind: Kind,
    settings: &PrometheusSettings,
    format: Format,
) -> (&'static str, &'static str) {
    match kind {
        Kind::Counter => ("counter", "Sum of what was counted."),
        Kind::Timer => match settings.timers {
            TimerForm::Summary(_) => {
                ("summary", "Values since the start; quantiles of the last interval with any.")
            }
            TimerForm::Histogram(_) => ("histogram", "Values since the start."),
            // A text has no native histograms.
            TimerForm::Native => ("summary", "Values since the start."),
        },
        Kind::Gauge => ("gauge", "Last value."),
        Kind::Set => ("gauge", "Distinct members in the last interval."),
        Kind::Own if format == Format::OpenMetrics => ("unknown", "Of the daemon itself."),
        Kind::Own => ("untyped", "Of the daemon itself."),
    }
}

fn put_timer(
    metric: &mut Metric,
    series: &Series,
    registry: &Registry,
    settings: &PrometheusSettings,
) {
    let (sample_sum, numbers) = registry.row(series, settings.quantile_flushes_max);
    let sample_count = whole(series.value);
    match &settings.timers {
        TimerForm::Summary(quantiles) => {
            let quantile = quantiles.iter().enumerate().map(|(place, quantile)| Quantile {
                quantile: *quantile,
                value: numbers.map_or(f64::NAN, |numbers| numbers[place]),
            });
            let quantile = quantile.collect();
            metric.summary = Some(Summary { sample_count, sample_sum, quantile });
        }
        TimerForm::Histogram(bounds) => {
            let buckets = bounds.iter().zip(registry.counts(series));
            let bucket = buckets.map(|(bound, count)| Bucket {
                cumulative_count: whole(*count),
                upper_bound: *bound,
            });
            let bucket = bucket.collect();
            metric.histogram =
                Some(Buckets64 { sample_count, sample_sum, bucket, ..Buckets64::default() });
        }
        TimerForm::Native => {
            let native = registry.native_of(series);
            metric.histogram = native.map(|histogram| protobuf::native(histogram, sample_sum));
        }
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it saturates")]
fn whole(count: f64) -> u64 {
    count.round() as u64
}

fn write_line(
    name: &[&[u8]],
    labels: &[u8],
    label: Option<(&str, f64)>,
    value: f64,
    out: &mut Vec<u8>,
) {
    name.iter().for_each(|part| out.extend_from_slice(part));
    if !labels.is_empty() || label.is_some() {
        out.push(b'{');
        out.extend_from_slice(labels);
        if let Some((label, number)) = label {
            if !labels.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(label.as_bytes());
            out.extend_from_slice(b"=\"");
            match number.is_infinite() {
                true => out.extend_from_slice(b"+Inf"),
                false => Number::Short(number).write(out),
            }
            out.push(b'"');
        }
        out.push(b'}');
    }
    out.push(b' ');
    match value.is_nan() {
        true => out.extend_from_slice(b"NaN"),
        false => Number::Short(value).write(out),
    }
    out.push(b'\n');
}
