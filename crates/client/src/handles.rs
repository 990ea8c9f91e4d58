//! Metrics to hold on to: one name, said once, and ready to be written.

use std::future::Future;
use std::time::Duration;

use gstatsd_wire::Kind;

use crate::line::{Metric, Style, Value};
use crate::{IntoNumber, Reason, Rounding, StatsClient};

/// A counter with its name. See [`StatsClient::get_counter`].
///
/// ```
/// use gstatsd_client::StatsClient;
///
/// let (client, spy) = StatsClient::spy();
/// let jobs = client.get_counter("jobs").with_tag("queue", "mail");
/// jobs.increment();
/// jobs.add(3);
/// assert_eq!(spy.take(), ["jobs:1|c|#queue:mail", "jobs:3|c|#queue:mail"]);
/// ```
#[derive(Clone, Debug)]
pub struct Counter {
    metric: Named,
}

/// A timer with its name. See [`StatsClient::get_timer`].
///
/// ```
/// use gstatsd_client::StatsClient;
///
/// let (client, spy) = StatsClient::spy();
/// let mut timer = client.get_timer("work");
/// timer.start();
/// let took = timer.stop();
/// assert!(took.is_some() && timer.stop().is_none());
///
/// let sum = timer.time(|| 1 + 1);
/// let guard = timer.guard();
/// drop(guard);
/// assert_eq!((sum, spy.take().len()), (2, 3));
/// ```
#[derive(Clone, Debug)]
pub struct Timer {
    metric: Named,
    started: Option<Duration>,
}

/// A gauge with its name. See [`StatsClient::get_gauge`].
///
/// ```
/// use gstatsd_client::StatsClient;
///
/// let (client, spy) = StatsClient::spy();
/// client.get_gauge("depth").set(12);
/// assert_eq!(spy.take(), ["depth:12|g"]);
/// ```
#[derive(Clone, Debug)]
pub struct Gauge {
    metric: Named,
}

/// A measurement that is sent when this is dropped. See [`Timer::guard`].
#[derive(Debug)]
#[must_use = "the time runs until this is dropped, which is now if it is not kept"]
pub struct TimerGuard<'a> {
    timer: &'a Timer,
    started: Duration,
    is_told: bool,
}

/// What the handles have in common.
#[derive(Clone, Debug)]
pub(crate) struct Named {
    client: StatsClient,
    kind: Kind,
    name: Box<str>,
    tags: Vec<(Box<str>, Box<str>)>,
    rate: f64,
    line: Result<Prepared, Reason>,
}

/// A line but for its value.
#[derive(Clone, Debug)]
struct Prepared {
    /// The line without its value and without a rate.
    key: Vec<u8>,
    /// Where in the key the value belongs.
    value_at: usize,
    /// What follows the value, where that is not the rest of the key.
    after: Option<Vec<u8>>,
}

macro_rules! settings {
    ($($handle:ty)*) => {
        $(impl $handle {
            /// The same with a rate: the fraction of its values that is sent, in (0, 1].
            #[must_use]
            pub fn with_rate(mut self, rate: f64) -> Self {
                self.metric.rate = rate;
                self.metric.prepare();
                self
            }

            /// The same with one more tag. One with an empty value is its key alone.
            #[must_use]
            pub fn with_tag(mut self, key: &str, value: &str) -> Self {
                self.metric.add_tag(key, value);
                self
            }
        })*
    };
}

settings!(Counter Timer Gauge);

impl StatsClient {
    /// A counter to hold on to. Its calls cost less than those by name.
    #[must_use]
    pub fn get_counter(&self, name: &str) -> Counter {
        Counter { metric: Named::new(self, Kind::Counter, name) }
    }

    /// A timer to hold on to.
    #[must_use]
    pub fn get_timer(&self, name: &str) -> Timer {
        Timer { metric: Named::new(self, Kind::Timer, name), started: None }
    }

    /// A gauge to hold on to.
    #[must_use]
    pub fn get_gauge(&self, name: &str) -> Gauge {
        Gauge { metric: Named::new(self, Kind::Gauge, name) }
    }
}

impl Counter {
    /// Adds one.
    #[inline]
    pub fn increment(&self) {
        self.add(1);
    }

    /// Takes one.
    #[inline]
    pub fn decrement(&self) {
        self.add(-1);
    }

    /// Adds a number of anything.
    #[inline]
    pub fn add(&self, change: impl IntoNumber) {
        self.metric.send(Value::Number(change.into_number()));
    }
}

impl Gauge {
    /// Sets it, in any unit.
    #[inline]
    pub fn set(&self, value: impl IntoNumber) {
        self.metric.send(Value::Number(value.into_number()));
    }

    /// Changes it, where the receiver knows such. See [`StatsClient::gauge_delta`].
    #[inline]
    pub fn add(&self, change: impl IntoNumber) {
        self.metric.send(Value::Delta(change.into_number()));
    }
}

impl Timer {
    /// Starts it, anew where it runs.
    pub fn start(&mut self) {
        self.started = Some(self.now());
    }

    /// Stops it, sends the time since its start and returns it; nothing where it was not started.
    pub fn stop(&mut self) -> Option<Duration> {
        let started = self.started.take()?;
        Some(self.tell(started))
    }

    /// Sends a time that was measured elsewhere: a [`Duration`], or a number of milliseconds.
    #[inline]
    pub fn record(&self, time: impl IntoNumber) {
        self.metric.send(Value::Number(time.into_number()));
    }

    /// Starts a measurement that ends, and is sent, when the guard is dropped.
    pub fn guard(&self) -> TimerGuard<'_> {
        TimerGuard { timer: self, started: self.now(), is_told: false }
    }

    /// Sends how long a closure takes; also when it panics.
    pub fn time<T>(&self, work: impl FnOnce() -> T) -> T {
        let _guard = self.guard();
        work()
    }

    /// Sends how long a future takes, from when it is first polled until it is ready or dropped.
    pub async fn time_future<F: Future>(&self, future: F) -> F::Output {
        let _guard = self.guard();
        future.await
    }

    fn now(&self) -> Duration {
        (self.metric.client.core().settings.clock)()
    }

    fn tell(&self, started: Duration) -> Duration {
        let took = self.now().saturating_sub(started);
        match self.metric.client.core().settings.style.rounding {
            Rounding::Exact => self.record(took),
            // What a stopwatch of gstatsd 0.6 did, unlike its method for timings.
            Rounding::Gstatsd => self.record(u64::try_from(took.as_millis()).unwrap_or(u64::MAX)),
        }
        took
    }
}

impl TimerGuard<'_> {
    /// Ends the measurement, sends it and returns it.
    pub fn stop(mut self) -> Duration {
        self.is_told = true;
        self.timer.tell(self.started)
    }

    /// Ends the measurement without sending it.
    pub fn discard(mut self) {
        self.is_told = true;
    }
}

impl Drop for TimerGuard<'_> {
    fn drop(&mut self) {
        if !self.is_told {
            self.timer.tell(self.started);
        }
    }
}

impl Named {
    pub(crate) fn new(client: &StatsClient, kind: Kind, name: &str) -> Self {
        let mut named = Self {
            client: client.clone(),
            kind,
            name: name.into(),
            tags: Vec::new(),
            rate: 1.0,
            line: Err(Reason::EmptyName),
        };
        named.prepare();
        named
    }

    pub(crate) fn add_tag(&mut self, key: &str, value: &str) {
        self.tags.push((key.into(), value.into()));
        self.prepare();
    }

    fn prepare(&mut self) {
        let style = &self.client.core().settings.style;
        let number = Value::number(0);
        let line = self.with_metric(number, |metric| Prepared::new(metric, style));
        self.line = line;
    }

    fn with_metric<T>(&self, value: Value<'_>, take: impl FnOnce(&Metric<'_>) -> T) -> T {
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| (&**key, &**value)).collect();
        let (kind, name, rate) = (self.kind, &*self.name, self.rate);
        take(&Metric { kind, name, value, rate, tags: &tags, timestamp: None })
    }

    #[inline]
    pub(crate) fn send(&self, value: Value<'_>) {
        let core = self.client.core();
        if core.settings.aggregate.is_some()
            && let (Ok(line), Value::Number(number)) = (&self.line, value)
            && matches!(self.kind, Kind::Counter | Kind::Gauge)
            && self.rate > 0.0
            && core.aggregate(self.kind, number, |key| line.write_key(key))
        {
            return;
        }
        if !self.client.sample(self.rate) {
            return;
        }
        let lines = core.settings.style.lines(self.kind, &value);
        if lines > 1 {
            return self.with_metric(value, |metric| self.client.send(metric));
        }
        core.line(|style, out| {
            let line = self.line.as_ref().map_err(|reason| *reason)?;
            let (before, after) = line.key.split_at(line.value_at);
            out.extend_from_slice(before);
            style.write_value(value, self.kind, out)?;
            out.extend_from_slice(line.after.as_deref().unwrap_or(after));
            Ok(())
        });
    }
}

impl Prepared {
    fn new(metric: &Metric<'_>, style: &Style) -> Result<Self, Reason> {
        let mut key = Vec::new();
        let value_at = style.write_key(metric, &mut key)?;
        // What has a rate that never sends needs no line.
        let after = (metric.rate < 1.0 && metric.rate > 0.0).then(|| {
            let mut after = Vec::new();
            style.write_tail(metric, &mut after).map(|()| after)
        });
        Ok(Self { key, value_at, after: after.transpose()? })
    }

    fn write_key(&self, key: &mut Vec<u8>) -> Result<usize, Reason> {
        key.extend_from_slice(&self.key);
        Ok(self.value_at)
    }
}
