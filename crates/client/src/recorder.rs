//! A recorder for the `metrics` facade: what code reports there is sent to a StatsD.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, RwLock, TryLockError};

use gstatsd_wire::Kind;
use metrics::{
    CounterFn, GaugeFn, HistogramFn, Key, KeyName, Metadata, SetRecorderError, SharedString, Unit,
};

use crate::handles::Named;
use crate::line::Value;
use crate::{Counter, Gauge, StatsClient};

/// The most keys of one type that are remembered. Others work, but for what needs a memory: of
/// gauges each change counts from 0, of counters each absolute value.
const KEYS_MAX: usize = 65_536;

/// Sends what is reported to the `metrics` facade: counters as `c`, gauges as `g`, histograms as
/// `h` or as another type. Labels become tags. Descriptions are not sent, as the protocol has no
/// place for them.
///
/// ```
/// use gstatsd_client::{Recorder, StatsClient};
///
/// let (client, spy) = StatsClient::spy();
/// metrics::with_local_recorder(&Recorder::new(client), || {
///     metrics::counter!("hits", "route" => "/home").increment(1);
///     metrics::gauge!("depth").set(3.0);
/// });
/// assert_eq!(spy.take(), ["hits:1|c|#route:/home", "depth:3|g"]);
/// ```
#[derive(Debug)]
pub struct Recorder {
    client: StatsClient,
    histograms: Kind,
    counters: Keys<HeldCounter>,
    gauges: Keys<HeldGauge>,
    timings: Keys<HeldHistogram>,
}

impl Recorder {
    /// A recorder that sends through a client.
    #[must_use]
    pub fn new(client: StatsClient) -> Self {
        Self {
            client,
            histograms: Kind::Histogram,
            counters: Keys::default(),
            gauges: Keys::default(),
            timings: Keys::default(),
        }
    }

    /// Sends histograms as distributions (`d`).
    #[must_use]
    pub fn with_distributions(self) -> Self {
        Self { histograms: Kind::Distribution, ..self }
    }

    /// Sends histograms as timers (`ms`), whose values are in milliseconds.
    #[must_use]
    pub fn with_timers(self) -> Self {
        Self { histograms: Kind::Timer, ..self }
    }

    /// Makes this the recorder of the whole program.
    ///
    /// # Errors
    ///
    /// There is one already.
    pub fn install(self) -> Result<(), Box<SetRecorderError<Self>>> {
        metrics::set_global_recorder(self).map_err(Box::new)
    }
}

impl metrics::Recorder for Recorder {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, key: &Key, _: &Metadata<'_>) -> metrics::Counter {
        let make = || {
            let counter = self.client.get_counter(key.name());
            let counter = key
                .labels()
                .fold(counter, |counter, label| counter.with_tag(label.key(), label.value()));
            HeldCounter { counter, told: AtomicU64::new(0) }
        };
        metrics::Counter::from_arc(self.counters.get_or_make(key, make))
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> metrics::Gauge {
        let make = || {
            let gauge = self.client.get_gauge(key.name());
            let gauge =
                key.labels().fold(gauge, |gauge, label| gauge.with_tag(label.key(), label.value()));
            HeldGauge { gauge, value: AtomicU64::new(0) }
        };
        metrics::Gauge::from_arc(self.gauges.get_or_make(key, make))
    }

    fn register_histogram(&self, key: &Key, _: &Metadata<'_>) -> metrics::Histogram {
        let make = || {
            let mut named = Named::new(&self.client, self.histograms, key.name());
            key.labels().for_each(|label| named.add_tag(label.key(), label.value()));
            HeldHistogram(named)
        };
        metrics::Histogram::from_arc(self.timings.get_or_make(key, make))
    }
}

/// The handles of one type.
#[derive(Debug)]
struct Keys<T>(RwLock<HashMap<Key, Arc<T>>>);

impl<T> Default for Keys<T> {
    fn default() -> Self {
        Self(RwLock::default())
    }
}

impl<T> Keys<T> {
    /// The handle of a key. Nobody waits for long: where the table is held by somebody, who may
    /// have been lost in a fork, the handle is a new one.
    fn get_or_make(&self, key: &Key, make: impl Fn() -> T) -> Arc<T> {
        const ATTEMPTS: usize = 1_000;
        for _ in 0..ATTEMPTS {
            match self.0.try_read() {
                Ok(keys) => match keys.get(key) {
                    Some(held) => return Arc::clone(held),
                    None if keys.len() >= KEYS_MAX => return Arc::new(make()),
                    None => {}
                },
                Err(TryLockError::WouldBlock) => {
                    std::thread::yield_now();
                    continue;
                }
                Err(TryLockError::Poisoned(_)) => break,
            }
            if let Ok(mut keys) = self.0.try_write() {
                return match keys.entry(key.clone()) {
                    Entry::Occupied(entry) => Arc::clone(entry.get()),
                    Entry::Vacant(entry) => Arc::clone(entry.insert(Arc::new(make()))),
                };
            }
        }
        Arc::new(make())
    }
}

#[derive(Debug)]
struct HeldCounter {
    counter: Counter,
    /// What absolute values came to.
    told: AtomicU64,
}

impl CounterFn for HeldCounter {
    fn increment(&self, change: u64) {
        self.told.fetch_add(change, Ordering::Relaxed);
        self.counter.add(change);
    }

    fn absolute(&self, value: u64) {
        let before = self.told.fetch_max(value, Ordering::Relaxed);
        if value > before {
            self.counter.add(value - before);
        }
    }
}

#[derive(Debug)]
struct HeldGauge {
    gauge: Gauge,
    /// The bits of the value, as receivers differ in what a change of a gauge means.
    value: AtomicU64,
}

impl HeldGauge {
    fn change(&self, change: f64) {
        let add = |bits| Some((f64::from_bits(bits) + change).to_bits());
        let updated = self.value.fetch_update(Ordering::Relaxed, Ordering::Relaxed, add);
        let before = f64::from_bits(updated.unwrap_or_else(|bits| bits));
        self.gauge.set(before + change);
    }
}

impl GaugeFn for HeldGauge {
    fn increment(&self, change: f64) {
        self.change(change);
    }

    fn decrement(&self, change: f64) {
        self.change(-change);
    }

    fn set(&self, value: f64) {
        self.value.store(value.to_bits(), Ordering::Relaxed);
        self.gauge.set(value);
    }
}

#[derive(Debug)]
struct HeldHistogram(Named);

impl HistogramFn for HeldHistogram {
    fn record(&self, value: f64) {
        self.0.send(Value::number(value));
    }
}
