//! The series of a page as requests of remote write.

use std::borrow::Cow;

use gstatsd_aggregate::{Number, SeriesKind, Snapshot};
use prost::Message as _;

use super::super::identity::{self, Kind};
use super::super::registry::{Registry, Series};
use super::Scrape;
use crate::pieces::{Encoder, Piece};

/// Says that a series ends: a NaN with these bits.
const STALE: u64 = 0x7ff0_0000_0000_0002;
/// About how many bytes a series takes beside its texts.
const SERIES: usize = 40;

/// `prometheus.WriteRequest`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct WriteRequest {
    #[prost(message, repeated, tag = "1")]
    pub(super) timeseries: Vec<TimeSeries>,
}

/// `prometheus.TimeSeries`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct TimeSeries {
    #[prost(message, repeated, tag = "1")]
    pub(super) labels: Vec<Label>,
    #[prost(message, repeated, tag = "2")]
    pub(super) samples: Vec<Sample>,
}

/// `prometheus.Label`
#[derive(Clone, PartialEq, prost::Message)]
pub(super) struct Label {
    #[prost(string, tag = "1")]
    pub(super) name: String,
    #[prost(string, tag = "2")]
    pub(super) value: String,
}

/// `prometheus.Sample`
#[derive(Clone, Copy, PartialEq, prost::Message)]
pub(super) struct Sample {
    #[prost(double, tag = "1")]
    pub(super) value: f64,
    /// In milliseconds since the epoch.
    #[prost(int64, tag = "2")]
    pub(super) timestamp: i64,
}

/// What is sent of a snapshot: every series of the page, and then the samples with a second of
/// their own, in requests apart, as a peer may refuse them for being old.
pub(super) struct Samples<'s> {
    scrape: &'s Scrape,
    snapshot: &'s Snapshot,
    external: &'s [(String, String)],
    /// How many series the page has.
    series: usize,
    next: usize,
    /// The last family, its kind, and what it is called.
    family: (Vec<u8>, Kind, Vec<u8>),
}

/// Takes series apart into what is sent.
struct Request<'s> {
    external: &'s [(String, String)],
    timestamp: i64,
    list: Vec<TimeSeries>,
    /// About how large it is.
    bytes: usize,
}

impl<'s> Samples<'s> {
    pub(super) fn new(
        scrape: &'s Scrape,
        snapshot: &'s Snapshot,
        external: &'s [(String, String)],
    ) -> Self {
        let series = scrape.0.lock().len();
        let family = (Vec::new(), Kind::Own, Vec::new());
        Self { scrape, snapshot, external, series, next: 0, family }
    }

    /// Shows each sample, a line for each.
    pub(super) fn show(&mut self, show: &mut dyn FnMut(&str)) {
        loop {
            let (request, piece) = self.request(usize::MAX);
            if piece.entries == 0 {
                return;
            }
            for series in &request.list {
                let name = series.labels.iter().find(|label| label.name == "__name__");
                let name = name.map_or("", |label| label.value.as_str());
                let labels = series.labels.iter().filter(|label| label.name != "__name__");
                let labels: Vec<_> =
                    labels.map(|label| format!("{}={:?}", label.name, label.value)).collect();
                let labels = match labels.is_empty() {
                    true => String::new(),
                    false => format!("{{{}}}", labels.join(",")),
                };
                for Sample { value, timestamp } in &series.samples {
                    show(&format!("{name}{labels} {value} {timestamp}"));
                }
            }
        }
    }

    /// The next series, in about so many bytes.
    fn request(&mut self, bytes: usize) -> (Request<'s>, Piece) {
        let timestamp = self.snapshot.window.timestamp.saturating_mul(1_000);
        let external = self.external;
        let mut request = Request { external, timestamp, list: Vec::new(), bytes: 0 };
        let mut piece = Piece::default();
        if self.next < self.series {
            let scrape = self.scrape;
            let registry = scrape.0.lock();
            while self.next < self.series && request.bytes < bytes {
                let (identity, series) = registry.at(self.next);
                self.next += 1;
                piece.entries += 1;
                let idle = registry.idle_flushes(series);
                piece.points += u64::from(idle == 0);
                self.push(identity, series, &registry, &mut request);
            }
            return (request, piece);
        }
        while let Some(dated) = self.snapshot.dated.get(self.next - self.series)
            && request.bytes < bytes
        {
            self.next += 1;
            piece.entries += 1;
            // A total at a second long ago is not known.
            if dated.kind != SeriesKind::Gauge {
                piece.unencodable += 1;
                continue;
            }
            piece.points += 1;
            let mut identity = Vec::new();
            identity::write(Kind::Gauge, &dated.name, &mut identity);
            let (family, _, labels) = identity::read(&identity);
            let timestamp = dated.second.saturating_mul(1_000);
            request.push(&[family], labels, None, Sample { value: dated.value, timestamp });
        }
        (request, piece)
    }

    /// Appends what there is of a series, named as on the page.
    fn push(
        &mut self,
        identity: &[u8],
        series: &Series,
        registry: &Registry,
        request: &mut Request<'_>,
    ) {
        let settings = &self.scrape.0.settings;
        let idle = registry.idle_flushes(series);
        let last = settings.idle_flushes_max.saturating_sub(1);
        if idle > last {
            return;
        }
        let (family, kind, labels) = identity::read(identity);
        if self.family.0 != family || self.family.1 != kind {
            let is_taken = self.family.0 == family && !self.family.2.is_empty();
            let called = if is_taken { identity::apart(family, kind) } else { family.to_owned() };
            self.family = (family.to_owned(), kind, called);
        }
        let called = &self.family.2;
        let stale = f64::from_bits(STALE);
        let now = |value: f64| if idle == last { stale } else { value };
        let timestamp = request.timestamp;
        let mut put = |name: &[&[u8]], quantile, value| {
            request.push(name, labels, quantile, Sample { value, timestamp });
        };
        match kind {
            Kind::Counter => put(&[called, b"_total"], None, now(series.value)),
            Kind::Gauge | Kind::Set | Kind::Own => put(&[called], None, now(series.value)),
            Kind::Timer => {
                // The quantiles of an interval that is long over end sooner.
                let quantile_last = settings.quantile_flushes_max.min(last);
                let (sum, quantiles) = registry.row(series, quantile_last.saturating_add(1));
                let quantiles = quantiles.unwrap_or_default().iter();
                for (part, value) in settings.timers.quantiles().iter().zip(quantiles) {
                    let value = if idle == quantile_last { stale } else { *value };
                    // There was no sample.
                    if !value.is_nan() || value.to_bits() == STALE {
                        put(&[called], Some(*part), value);
                    }
                }
                put(&[called, b"_sum"], None, now(sum));
                put(&[called, b"_count"], None, now(series.value));
            }
        }
    }
}

impl Encoder for Samples<'_> {
    fn piece(&mut self, bytes: usize, body: &mut Vec<u8>) -> Piece {
        let (request, piece) = self.request(bytes);
        let request = WriteRequest { timeseries: request.list };
        body.extend_from_slice(&request.encode_to_vec());
        piece
    }

    fn seek(&mut self, entry: u64) {
        self.next = usize::try_from(entry).unwrap_or(usize::MAX);
        self.family = (Vec::new(), Kind::Own, Vec::new());
        let scrape = self.scrape;
        let registry = scrape.0.lock();
        let family_at = |place: usize| identity::read(registry.at(place).0).0;
        if self.next == 0 || self.next >= self.series {
            return;
        }
        // What a family is called depends on those of its name that came before.
        let mut first = self.next;
        while first > 0 && family_at(first - 1) == family_at(self.next) {
            first -= 1;
        }
        let mut passed = Request { external: &[], timestamp: 0, list: Vec::new(), bytes: 0 };
        for place in first..self.next {
            let (identity, series) = registry.at(place);
            self.push(identity, series, &registry, &mut passed);
            passed.list.clear();
        }
    }
}

impl Request<'_> {
    fn push(&mut self, name: &[&[u8]], labels: &[u8], quantile: Option<f64>, sample: Sample) {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let mut list = vec![Label { name: "__name__".to_owned(), value: text(&name.concat()) }];
        for (name, value) in pairs(labels) {
            list.push(Label { name: text(name), value: text(&value) });
        }
        if let Some(quantile) = quantile {
            let mut value = Vec::new();
            Number::Short(quantile).write(&mut value);
            list.push(Label { name: "quantile".to_owned(), value: text(&value) });
        }
        for (name, value) in self.external {
            if list.iter().all(|label| label.name != *name) {
                list.push(Label { name: name.clone(), value: value.clone() });
            }
        }
        // One without a text is none, to Prometheus.
        list.retain(|label| !label.value.is_empty());
        list.sort_by(|left, right| left.name.cmp(&right.name));
        let texts = list.iter().map(|label| label.name.len() + label.value.len() + 6);
        self.bytes += SERIES + texts.sum::<usize>();
        self.list.push(TimeSeries { labels: list, samples: vec![sample] });
    }
}

/// The labels of `a="b",c="d"`.
fn pairs(labels: &[u8]) -> Vec<(&[u8], Cow<'_, [u8]>)> {
    let mut pairs = Vec::new();
    let mut rest = labels;
    while let Some(equals) = rest.iter().position(|byte| *byte == b'=') {
        let (name, value) = (&rest[..equals], &rest[(equals + 2).min(rest.len())..]);
        let (mut end, mut is_plain) = (0, true);
        while end < value.len() && value[end] != b'"' {
            let is_escape = value[end] == b'\\';
            is_plain &= !is_escape;
            end += if is_escape { 2 } else { 1 };
        }
        let end = end.min(value.len());
        let text = match is_plain {
            true => Cow::Borrowed(&value[..end]),
            false => Cow::Owned(unescaped(&value[..end])),
        };
        pairs.push((name, text));
        rest = &value[(end + 2).min(value.len())..];
    }
    pairs
}

fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut bytes = text.iter();
    while let Some(&byte) = bytes.next() {
        plain.push(match byte {
            b'\\' => match bytes.next() {
                Some(b'n') => b'\n',
                Some(&byte) => byte,
                None => b'\\',
            },
            byte => byte,
        });
    }
    plain
}
