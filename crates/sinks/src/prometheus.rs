//! What Prometheus scrapes: every series with its total since it was first seen.
//!
//! ```text
//! snapshots --> Prometheus (the sink) --> Registry <-- Scrape <-- whoever serves HTTP
//! ```
//!
//! The formats are the text format 0.0.4 of Prometheus, OpenMetrics 1.0, and that of protobuf.
//! Names and labels that they do not allow are made valid; see [`identity`]. What is one series
//! then adds up where it is a counter or a timer; of gauges the greatest counts.

mod exposition;
mod identity;
mod registry;
mod remote_write;
mod timers;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gstatsd_aggregate::encoding::Reader;
use gstatsd_aggregate::{Naming, Series, SeriesKind, Snapshot, State, Values};

pub use self::exposition::{Exposition, Format};
use self::identity::Kind;
use self::registry::{News, Registry};
pub use self::remote_write::{RemoteWrite, RemoteWriteSettings};
pub use self::timers::TimerForm;
use crate::totals::{Kept, Totalled, TotalsKeeper};
use crate::{PointCounter, Receipt, SendError, Sink};

/// What a scrape shows of timers and of idle series.
#[derive(Clone, Debug, PartialEq)]
pub struct PrometheusSettings {
    /// What is shown of timers.
    pub timers: TimerForm,
    /// Whether timers are shown in seconds; they come in milliseconds.
    pub seconds: bool,
    /// For how many flushes a series is shown that nothing comes of; at least 1.
    pub idle_flushes_max: u32,
    /// For how many flushes quantiles are shown, those of the interval included; at least 1.
    pub quantile_flushes_max: u32,
    /// How long the names and labels of all series together may be, in bytes, at most 2 GiB. What
    /// is new beyond it is refused, and counted as `page.refused` among our own metrics.
    pub text_bytes_max: usize,
}

/// A sink that remembers what it got, for scrapes.
#[derive(Debug)]
pub struct Prometheus {
    shared: Arc<Shared>,
    numbers: Vec<f64>,
    kept: Kept,
    /// Whether anything was taken in since the start.
    has_begun: bool,
}

/// What scrapes read.
#[derive(Clone, Debug)]
pub struct Scrape(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    settings: PrometheusSettings,
    registry: Mutex<Registry>,
}

impl Prometheus {
    /// A sink, and what scrapes read of it.
    #[must_use]
    pub fn new(settings: PrometheusSettings) -> (Self, Scrape) {
        let registry = Mutex::new(Registry::new(&settings.timers, settings.text_bytes_max));
        let shared = Arc::new(Shared { settings, registry });
        let (numbers, kept) = (Vec::new(), Kept::new(Totalled::Page));
        let page = Self { shared: Arc::clone(&shared), numbers, kept, has_begun: false };
        (page, Scrape(shared))
    }

    /// Goes on with the totals of the process before, where they are kept and it is over.
    fn begin(&mut self, wait: bool) {
        let Shared { settings, registry } = &*self.shared;
        self.kept.begin(wait, |reader| {
            // Not locked while that is waited for.
            let mut registry = registry.lock().unwrap_or_else(PoisonError::into_inner);
            registry.decode(settings.seconds, reader)
        });
    }

    /// What passed between the last flush of the process before and this first one counts as idle.
    fn catch_up(&mut self, registry: &mut Registry, snapshot: &Snapshot) {
        let has_begun = std::mem::replace(&mut self.has_begun, true);
        let Some(before) = self.kept.before().filter(|_| !has_begun) else { return };
        #[expect(clippy::cast_precision_loss, reason = "seconds since the epoch")]
        let gone = (snapshot.window.timestamp.saturating_sub(before)) as f64;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        registry.pass((gone / snapshot.window.seconds - 1.0) as u32);
    }

    fn take(&mut self, registry: &mut Registry, series: &Series<'_>, created: u32) {
        let PrometheusSettings { timers, seconds, .. } = &self.shared.settings;
        let news = match series.state {
            State::Counter(sum) => News::More(sum),
            State::Gauge(value) => News::Now(value),
            #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
            State::Set(members) => News::Now(members.count() as f64),
            State::Timer { values, count } => {
                let in_unit = |value: f64| match *seconds && series.kind == SeriesKind::Timer {
                    true => value / 1e3,
                    false => value,
                };
                self.numbers.clear();
                timers.measure(values, count, in_unit, &mut self.numbers);
                let sum = in_unit(weighted_sum(values, count));
                let news = News::Timer { count, sum, numbers: &self.numbers };
                if let Some(row) = registry.take(Kind::Timer, series.name, news, created)
                    && let Some(histogram) = registry.native(row)
                {
                    timers::add(histogram, values, count, in_unit);
                }
                return;
            }
        };
        registry.take(Kind::of(series.kind), series.name, news, created);
    }
}

impl Sink for Prometheus {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, _| (snapshot.series_count() + snapshot.own.len()) as u64)
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        self.begin(true);
        if !self.kept.take(snapshot) {
            return Ok(Receipt::default());
        }
        let shared = Arc::clone(&self.shared);
        let mut registry = shared.lock();
        self.catch_up(&mut registry, snapshot);
        registry.begin();
        // What is new counts from the begin of the interval on.
        #[expect(clippy::cast_possible_truncation, reason = "no interval is so long")]
        let begin = snapshot.window.timestamp - snapshot.window.seconds.ceil() as i64;
        let created = u32::try_from(begin.max(0)).unwrap_or(u32::MAX);
        // First, so that there is room for it.
        if let Some(own) = naming.own_prefix() {
            #[expect(clippy::cast_precision_loss, reason = "it is a float to Prometheus")]
            let refused = News::Now(registry.refused as f64);
            registry.take(Kind::Own, format!("{own}page.refused").as_bytes(), refused, created);
        }
        for series in snapshot.series() {
            self.take(&mut registry, &series, created);
        }
        for own in &snapshot.own {
            #[expect(clippy::cast_precision_loss, reason = "it is a float to Prometheus")]
            let news = News::Now(own.value as f64);
            registry.take(Kind::Own, own.name.as_bytes(), news, created);
        }
        let PrometheusSettings { seconds, idle_flushes_max, .. } = shared.settings;
        registry.end(idle_flushes_max);
        // Before the lock is given back, so that nobody has seen them.
        self.kept.keep(|out| registry.encode(seconds, idle_flushes_max, out));
        Ok(Receipt::default())
    }

    fn keep_totals(&mut self, keeper: Box<dyn TotalsKeeper>) {
        self.kept.keep_with(keeper);
    }

    fn prepare(&mut self) {
        self.begin(false);
    }

    fn end(&mut self) {
        let PrometheusSettings { seconds, idle_flushes_max, .. } = self.shared.settings;
        let shared = &self.shared;
        self.kept.end(|out| shared.lock().encode(seconds, idle_flushes_max, out));
    }

    fn bytes(&self) -> usize {
        self.shared.lock().bytes()
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        let (mut alone, scrape) = Self::new(self.shared.settings.clone());
        if alone.send(snapshot, naming).is_ok() {
            let mut page = Vec::new();
            let mut exposition = scrape.exposition(Format::Text);
            while exposition.write(&mut page) {}
            String::from_utf8_lossy(&page).lines().for_each(show);
        }
    }
}

impl Scrape {
    /// Begins to read all series in a format.
    #[must_use]
    pub fn exposition(&self, format: Format) -> Exposition {
        Exposition::new(self.clone(), format)
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, Registry> {
        self.registry.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The sum of all samples, of which only some were sent where there is a sample rate.
pub(crate) fn weighted_sum(values: Values<'_>, count: f64) -> f64 {
    let sum = values.sum();
    #[expect(clippy::cast_precision_loss, reason = "far below 2^53")]
    let sent = values.len() as f64;
    // One that was sent each time is not to be rounded.
    let sum = if sent == 0.0 || count == sent { sum } else { sum / sent * count };
    sum.clamp(f64::MIN, f64::MAX)
}

/// Any bytes are read as the totals of a page, or refused; see [`crate::fuzz_totals`].
pub(crate) fn fuzz(bytes: &[u8]) {
    let forms = [TimerForm::Summary(vec![0.5]), TimerForm::Histogram(vec![1.0]), TimerForm::Native];
    for form in forms {
        let mut registry = Registry::new(&form, 1 << 20);
        let mut reader = Reader::new(bytes);
        let Ok(series) = registry.decode(true, &mut reader) else { continue };
        assert_eq!(registry.len(), series);
        let image = |registry: &Registry| {
            let mut out = Vec::new();
            registry.encode(true, u32::MAX, &mut out);
            out
        };
        let written = image(&registry);
        let mut again = Registry::new(&form, 1 << 20);
        let read = again.decode(true, &mut Reader::new(&written));
        assert_eq!(read, Ok(series));
        assert_eq!(image(&again), written);
    }
}

#[cfg(test)]
mod tests;
