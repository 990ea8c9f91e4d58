//! Metrics to hold on to: one name, said once.

use std::future::Future;
use std::time::Duration;

use crate::{IntoNumber, Rounding, StatsClient};

/// A counter with its name. See [`StatsClient::get_counter`].
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
#[derive(Clone, Debug)]
pub struct Gauge {
    metric: Named,
}

/// Sends a timing when it is dropped. See [`Timer::guard`].
#[derive(Debug)]
#[must_use = "the time runs until this is dropped, which is now if it is not kept"]
pub struct TimerGuard {
    metric: Named,
    started: Duration,
    is_told: bool,
}

/// What the handles have in common.
#[derive(Clone, Debug)]
struct Named {
    client: StatsClient,
    name: Box<str>,
    tags: Vec<(Box<str>, Box<str>)>,
    rate: f64,
}

macro_rules! settings {
    ($handle:ty) => {
        impl $handle {
            /// The same with a rate: the fraction of its values that is sent, in (0, 1].
            #[must_use]
            pub fn with_rate(mut self, rate: f64) -> Self {
                self.metric.rate = rate;
                self
            }

            /// The same with one more tag. One with an empty value is its key alone.
            #[must_use]
            pub fn with_tag(mut self, key: &str, value: &str) -> Self {
                self.metric.tags.push((key.into(), value.into()));
                self
            }
        }
    };
}

settings!(Counter);
settings!(Timer);
settings!(Gauge);

impl StatsClient {
    /// A counter to hold on to.
    #[must_use]
    pub fn get_counter(&self, name: &str) -> Counter {
        Counter { metric: Named::new(self, name) }
    }

    /// A timer to hold on to.
    #[must_use]
    pub fn get_timer(&self, name: &str) -> Timer {
        Timer { metric: Named::new(self, name), started: None }
    }

    /// A gauge to hold on to.
    #[must_use]
    pub fn get_gauge(&self, name: &str) -> Gauge {
        Gauge { metric: Named::new(self, name) }
    }
}

impl Counter {
    /// Adds one.
    pub fn increment(&self) {
        self.add(1);
    }

    /// Takes one.
    pub fn decrement(&self) {
        self.add(-1);
    }

    /// Adds a number of anything.
    pub fn add(&self, change: impl IntoNumber) {
        self.metric.call(|call, name| call.counter(name, change));
    }
}

impl Gauge {
    /// Sets it, in any unit.
    pub fn set(&self, value: impl IntoNumber) {
        self.metric.call(|call, name| call.gauge(name, value));
    }

    /// Changes it, where the receiver knows such. See [`StatsClient::gauge_delta`].
    pub fn add(&self, change: impl IntoNumber) {
        self.metric.call(|call, name| call.gauge_delta(name, change));
    }
}

impl Timer {
    /// Starts it, anew where it runs.
    pub fn start(&mut self) {
        self.started = Some(self.metric.now());
    }

    /// Stops it, sends the time since its start and returns it; nothing where it was not started.
    pub fn stop(&mut self) -> Option<Duration> {
        let took = self.metric.now().saturating_sub(self.started.take()?);
        self.metric.time(took);
        Some(took)
    }

    /// Sends a time that was measured elsewhere: a [`Duration`], or milliseconds.
    pub fn record(&self, time: impl IntoNumber) {
        self.metric.call(|call, name| call.timer(name, time));
    }

    /// Starts a measurement that ends, and is sent, when the guard is dropped.
    pub fn guard(&self) -> TimerGuard {
        TimerGuard { started: self.metric.now(), metric: self.metric.clone(), is_told: false }
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
}

impl TimerGuard {
    /// Ends the measurement, sends it and returns it.
    pub fn stop(mut self) -> Duration {
        self.is_told = true;
        self.tell()
    }

    /// Ends the measurement without sending it.
    pub fn discard(mut self) {
        self.is_told = true;
    }

    fn tell(&self) -> Duration {
        let took = self.metric.now().saturating_sub(self.started);
        self.metric.time(took);
        took
    }
}

impl Drop for TimerGuard {
    fn drop(&mut self) {
        if !self.is_told {
            self.tell();
        }
    }
}

impl Named {
    fn new(client: &StatsClient, name: &str) -> Self {
        Self { client: client.clone(), name: name.into(), tags: Vec::new(), rate: 1.0 }
    }

    fn now(&self) -> Duration {
        (self.client.core().settings.clock)()
    }

    fn time(&self, took: Duration) {
        match self.client.core().settings.style.rounding {
            Rounding::Exact => self.call(|call, name| call.timer(name, took)),
            // What a stopwatch of gstatsd 0.6 did, unlike its method for timings.
            Rounding::Gstatsd => {
                let millis = u64::try_from(took.as_millis()).unwrap_or(u64::MAX);
                self.call(|call, name| call.timer(name, millis));
            }
        }
    }

    fn call(&self, send: impl FnOnce(crate::Call<'_>, &str)) {
        let call = self.client.rate(self.rate);
        if self.tags.is_empty() {
            return send(call, &self.name);
        }
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| (&**key, &**value)).collect();
        send(call.tags(&tags), &self.name);
    }
}
