//! The text of a scrape, a piece at a time.

use gstatsd_aggregate::Number;

use super::identity::{self, Kind};
use super::registry::{Registry, Series};
use super::{PrometheusSettings, Scrape};

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
}

impl Format {
    /// The format that an `Accept` header asks for.
    #[must_use]
    pub fn accepted(accept: &str) -> Self {
        let wanted = accept.split(',').map(str::trim).find_map(|wanted| {
            let media = wanted.split(';').next()?.trim();
            match media.to_ascii_lowercase().as_str() {
                "application/openmetrics-text" => Some(Self::OpenMetrics),
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
    is_over: bool,
}

impl Exposition {
    pub(super) fn new(scrape: Scrape, format: Format) -> Self {
        let family = (Vec::new(), Kind::Own);
        Self { scrape, format, next: Vec::new(), family, called: Vec::new(), is_over: false }
    }

    /// Appends the next lines, about 64 KiB. Says whether there are more.
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
            if out.len() >= end {
                self.next = identity.to_owned();
                return true;
            }
            self.write_series(identity, series, &registry, settings, out);
        }
        if self.format == Format::OpenMetrics {
            out.extend_from_slice(b"# EOF\n");
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
            self.write_head(kind, out);
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
            Kind::Timer => {
                let (sum, quantiles) = registry.row(series, settings.quantile_flushes_max);
                for (place, quantile) in settings.quantiles.iter().enumerate() {
                    // Those of an interval that is long over say nothing.
                    let value = quantiles.map_or(f64::NAN, |quantiles| quantiles[place]);
                    write_line(&[name], labels, Some(*quantile), value, out);
                }
                write_line(&[name, b"_sum"], labels, None, sum, out);
                write_line(&[name, b"_count"], labels, None, series.value, out);
            }
        }
    }

    fn write_head(&self, kind: Kind, out: &mut Vec<u8>) {
        let is_open = self.format == Format::OpenMetrics;
        let (kind_text, help) = match kind {
            Kind::Counter => ("counter", "Sum of what was counted."),
            Kind::Timer => {
                ("summary", "Values since the start; quantiles of the last interval with any.")
            }
            Kind::Gauge => ("gauge", "Last value."),
            Kind::Set => ("gauge", "Distinct members in the last interval."),
            Kind::Own if is_open => ("unknown", "Of the daemon itself."),
            Kind::Own => ("untyped", "Of the daemon itself."),
        };
        // In the older format a family of counters is called as its lines are.
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

fn write_line(name: &[&[u8]], labels: &[u8], quantile: Option<f64>, value: f64, out: &mut Vec<u8>) {
    name.iter().for_each(|part| out.extend_from_slice(part));
    if !labels.is_empty() || quantile.is_some() {
        out.push(b'{');
        out.extend_from_slice(labels);
        if let Some(quantile) = quantile {
            if !labels.is_empty() {
                out.push(b',');
            }
            out.extend_from_slice(b"quantile=\"");
            Number::Short(quantile).write(out);
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
