//! The client itself.

use std::fmt;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use gstatsd_wire::Kind;

use crate::core::Core;
use crate::line::{Metric, Tags, Value};
use crate::settings::Settings;
use crate::worker::END_MAX;
use crate::{
    AddressError, Builder, Call, Counts, Event, IntoNumber, NopSink, Reason, ServiceCheck, Spy,
};

/// Sends metrics to a StatsD.
///
/// Nothing here blocks, panics or fails: what cannot be sent is dropped, and
/// [counted](StatsClient::counts) with a reason. Lines are gathered into packets, which a thread
/// of the client's own sends, unless [direct sending](Builder::direct) was asked for.
///
/// It can be used from any number of threads, inside of any runtime or without one. Clones are
/// cheap and are the same client. When the last one is dropped what waits is sent,
/// for at most 100 ms.
///
/// ```
/// use std::time::Duration;
///
/// use gstatsd_client::StatsClient;
///
/// let client = StatsClient::new("localhost:8125")?;
/// client.increment("logins");
/// client.counter("bytes", 1_452);
/// client.timer("render", Duration::from_millis(20));
/// client.gauge("temperature", 36.6);
/// client.set("users", "alice");
/// client.tags(&[("route", "/home")]).rate(0.1).histogram("items", 12);
/// # Ok::<(), gstatsd_client::AddressError>(())
/// ```
#[derive(Clone)]
pub struct StatsClient {
    life: Arc<Life>,
}

/// The client in this process, and, after a fork, in the next one.
struct Life {
    core: Arc<Core>,
    next: OnceLock<Arc<Self>>,
}

impl StatsClient {
    /// A client that sends to an address: `HOST:PORT` for UDP, or a URL, see
    /// [`Address`](crate::Address).
    ///
    /// # Errors
    ///
    /// What is wrong with the address.
    pub fn new(address: &str) -> Result<Self, AddressError> {
        Self::builder(address).map(Builder::build)
    }

    /// A client that sends nothing.
    #[must_use]
    pub fn nop() -> Self {
        Builder::to_sink(NopSink).direct().own_metrics("").build()
    }

    /// A client that sends nothing, and what it would have sent, for tests. Each line is a packet.
    #[must_use]
    pub fn spy() -> (Self, Spy) {
        let spy = Spy::new();
        (Builder::to_sink(spy.clone()).direct().own_metrics("").build(), spy)
    }

    pub(crate) fn start(settings: Settings) -> Self {
        Self { life: Arc::new(Life::start(Arc::new(settings), None)) }
    }

    /// The client in this process.
    #[inline]
    pub(crate) fn core(&self) -> &Core {
        if self.life.core.is_of_this_process() { &self.life.core } else { self.life.after_fork() }
    }

    /// Adds to a counter: a number of anything.
    #[inline]
    pub fn counter(&self, name: &str, change: impl IntoNumber) {
        Call::new(self).counter(name, change);
    }

    /// Adds one to a counter.
    #[inline]
    pub fn increment(&self, name: &str) {
        Call::new(self).increment(name);
    }

    /// Takes one from a counter.
    #[inline]
    pub fn decrement(&self, name: &str) {
        Call::new(self).decrement(name);
    }

    /// A timing: a [`Duration`], or a number of milliseconds.
    #[inline]
    pub fn timer(&self, name: &str, time: impl IntoNumber) {
        Call::new(self).timer(name, time);
    }

    /// Sets a gauge, in any unit. A receiver of the statsd dialect takes a number below zero for
    /// a change.
    #[inline]
    pub fn gauge(&self, name: &str, value: impl IntoNumber) {
        Call::new(self).gauge(name, value);
    }

    /// Changes a gauge, where the receiver knows such: the statsd dialect does, those of gstatsd
    /// and DogStatsD set the gauge to the number instead.
    #[inline]
    pub fn gauge_delta(&self, name: &str, change: impl IntoNumber) {
        Call::new(self).gauge_delta(name, change);
    }

    /// Adds a member to a set, of which different ones are counted.
    #[inline]
    pub fn set(&self, name: &str, member: &str) {
        Call::new(self).set(name, member);
    }

    /// A value of a histogram, in any unit; milliseconds for a [`Duration`].
    #[inline]
    pub fn histogram(&self, name: &str, value: impl IntoNumber) {
        Call::new(self).histogram(name, value);
    }

    /// A value of a distribution, in any unit; milliseconds for a [`Duration`].
    #[inline]
    pub fn distribution(&self, name: &str, value: impl IntoNumber) {
        Call::new(self).distribution(name, value);
    }

    /// Sends an event, as DogStatsD knows them.
    pub fn event(&self, event: &Event<'_>) {
        self.core().line(|style, out| event.write(style, out));
    }

    /// Sends a service check, as DogStatsD knows them.
    pub fn service_check(&self, check: &ServiceCheck<'_>) {
        self.core().line(|style, out| check.write(style, out));
    }

    /// Tags for one call: keys and values.
    #[inline]
    #[must_use = "the metric has to follow: `.increment(\"a\")` for instance"]
    pub fn tags<'a>(&'a self, tags: Tags<'a>) -> Call<'a> {
        Call::new(self).tags(tags)
    }

    /// The rate of one call: the fraction of such calls that is sent, in (0, 1].
    #[inline]
    #[must_use = "the metric has to follow: `.increment(\"a\")` for instance"]
    pub fn rate(&self, rate: f64) -> Call<'_> {
        Call::new(self).rate(rate)
    }

    /// The timestamp of one call, in seconds since the epoch, for receivers that read them.
    #[inline]
    #[must_use = "the metric has to follow: `.increment(\"a\")` for instance"]
    pub fn at(&self, seconds: u64) -> Call<'_> {
        Call::new(self).at(seconds)
    }

    /// Whether a call with this rate is to be sent: always from 1 on, never from 0 down, and
    /// else by chance.
    #[inline]
    #[must_use]
    pub fn sample(&self, rate: f64) -> bool {
        rate >= 1.0 || rate > 0.0 && (self.core().settings.random)() < rate
    }

    /// Sends a metric as it stands: its rate is written, and leaves nothing to chance.
    #[inline]
    pub fn send(&self, metric: &Metric<'_>) {
        let core = self.core();
        let lines = core.settings.style.lines(metric.kind, &metric.value);
        core.lines(lines, |style, out| style.write(metric, out));
    }

    /// Sends a metric, or not, as its rate has it.
    #[inline]
    pub(crate) fn send_sampled(&self, metric: &Metric<'_>) {
        let core = self.core();
        if core.settings.aggregate.is_some() {
            return self.aggregate(metric);
        }
        if metric.rate >= 1.0 || self.sample(metric.rate) {
            let lines = core.settings.style.lines(metric.kind, &metric.value);
            core.lines(lines, |style, out| style.write(metric, out));
        }
    }

    fn aggregate(&self, metric: &Metric<'_>) {
        let core = self.core();
        let sums = matches!(metric.kind, Kind::Counter | Kind::Gauge);
        let is_taken = match metric.value {
            Value::Number(number) if sums && metric.rate > 0.0 && metric.timestamp.is_none() => {
                let style = &core.settings.style;
                core.aggregate(metric.kind, number, |key| style.write_key(metric, key))
            }
            _ => false,
        };
        if !is_taken && self.sample(metric.rate) {
            self.send(metric);
        }
    }

    /// Sends a line as it stands: nothing is added, escaped or checked. Several lines with
    /// newlines between them stay together in one packet.
    pub fn send_line(&self, line: &[u8]) {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let newlines = line.iter().filter(|byte| **byte == b'\n').count();
        self.core().lines(newlines as u64 + 1, |_, out| {
            out.extend_from_slice(line);
            if line.is_empty() { Err(Reason::EmptyName) } else { Ok(()) }
        });
    }

    /// Appends the line of a metric, with the client's prefix and tags and without a newline,
    /// and sends nothing.
    ///
    /// # Errors
    ///
    /// Why there is no such line; nothing is appended then.
    pub fn write(&self, metric: &Metric<'_>, out: &mut Vec<u8>) -> Result<(), Reason> {
        let start = out.len();
        let written = self.core().settings.style.write(metric, out);
        if written.is_err() {
            out.truncate(start);
        }
        written
    }

    /// Sends what waits. `false` where that took longer than `wait`, which is how long this
    /// blocks.
    pub fn flush(&self, wait: Duration) -> bool {
        self.life.core_so_far().is_none_or(|core| core.flush(wait))
    }

    /// Sends what waits, for at most 100 ms, and ends the client and all its clones: what comes
    /// later is dropped. `false` where not everything could be sent in time.
    pub fn close(&self) -> bool {
        self.core().close(END_MAX)
    }

    /// What became of the lines so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.life.core_so_far().map(Core::counts).unwrap_or_default()
    }
}

impl fmt::Debug for StatsClient {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StatsClient").finish_non_exhaustive()
    }
}

impl Life {
    fn start(settings: Arc<Settings>, before: Option<&Core>) -> Self {
        Self { core: Core::start(settings, before), next: OnceLock::new() }
    }

    /// The client in this process, if there is one: a child of `fork` has none until it sends.
    fn core_so_far(&self) -> Option<&Core> {
        let mut life = self;
        while !life.core.is_of_this_process() {
            life = life.next.get()?;
        }
        Some(&life.core)
    }

    /// The client in a child of the process that made it: what its parent has not sent yet is
    /// the parent's, and threads have to be started again.
    #[cold]
    fn after_fork(&self) -> &Core {
        let mut life = self;
        while !life.core.is_of_this_process() {
            if life.next.get().is_none() {
                let next = Self::start(Arc::clone(&life.core.settings), Some(&life.core));
                if life.core.is_closed() {
                    next.core.close(Duration::ZERO);
                }
                // Another thread may have been faster.
                life.next.set(Arc::new(next)).ok();
            }
            let Some(next) = life.next.get() else { break };
            life = next;
        }
        &life.core
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        if self.core.is_of_this_process() {
            self.core.close(END_MAX);
        }
    }
}
