//! What belongs to one call alone.

use gstatsd_wire::Kind;

use crate::line::{Metric, Tags, Value};
use crate::{IntoNumber, StatsClient};

/// A call with tags, a rate or a timestamp. The methods send as those of [`StatsClient`] do.
///
/// ```
/// use gstatsd_client::StatsClient;
///
/// let (client, spy) = StatsClient::spy();
/// client.tags(&[("route", "/home"), ("cached", "")]).increment("hits");
/// assert_eq!(spy.take(), ["hits:1|c|#route:/home,cached"]);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Call<'a> {
    client: &'a StatsClient,
    tags: Tags<'a>,
    rate: f64,
    timestamp: Option<u64>,
}

impl<'a> Call<'a> {
    #[inline]
    pub(crate) const fn new(client: &'a StatsClient) -> Self {
        Self { client, tags: &[], rate: 1.0, timestamp: None }
    }

    /// Tags: keys and values. A tag whose value is empty is its key alone.
    #[inline]
    #[must_use = "the metric has to follow: `.increment(\"a\")` for instance"]
    pub const fn tags(self, tags: Tags<'a>) -> Self {
        Self { tags, ..self }
    }

    /// The fraction of such calls that is sent, in (0, 1]. From 1 on all are sent, from 0 down
    /// none is.
    #[inline]
    #[must_use = "the metric has to follow: `.increment(\"a\")` for instance"]
    pub const fn rate(self, rate: f64) -> Self {
        Self { rate, ..self }
    }

    /// Seconds since the epoch, for receivers that read timestamps (DogStatsD 1.3, counters and
    /// gauges).
    #[inline]
    #[must_use = "the metric has to follow: `.increment(\"a\")` for instance"]
    pub const fn at(self, seconds: u64) -> Self {
        Self { timestamp: Some(seconds), ..self }
    }

    /// See [`StatsClient::counter`].
    #[inline]
    pub fn counter(self, name: &str, change: impl IntoNumber) {
        self.send(Kind::Counter, name, Value::Number(change.into_number()));
    }

    /// See [`StatsClient::increment`].
    #[inline]
    pub fn increment(self, name: &str) {
        self.counter(name, 1);
    }

    /// See [`StatsClient::decrement`].
    #[inline]
    pub fn decrement(self, name: &str) {
        self.counter(name, -1);
    }

    /// See [`StatsClient::timer`].
    #[inline]
    pub fn timer(self, name: &str, time: impl IntoNumber) {
        self.send(Kind::Timer, name, Value::Number(time.into_number()));
    }

    /// See [`StatsClient::gauge`].
    #[inline]
    pub fn gauge(self, name: &str, value: impl IntoNumber) {
        self.send(Kind::Gauge, name, Value::Number(value.into_number()));
    }

    /// See [`StatsClient::gauge_delta`].
    #[inline]
    pub fn gauge_delta(self, name: &str, change: impl IntoNumber) {
        self.send(Kind::Gauge, name, Value::Delta(change.into_number()));
    }

    /// See [`StatsClient::set`].
    #[inline]
    pub fn set(self, name: &str, member: &str) {
        self.send(Kind::Set, name, Value::Member(member));
    }

    /// See [`StatsClient::histogram`].
    #[inline]
    pub fn histogram(self, name: &str, value: impl IntoNumber) {
        self.send(Kind::Histogram, name, Value::Number(value.into_number()));
    }

    /// See [`StatsClient::distribution`].
    #[inline]
    pub fn distribution(self, name: &str, value: impl IntoNumber) {
        self.send(Kind::Distribution, name, Value::Number(value.into_number()));
    }

    #[inline]
    fn send(self, kind: Kind, name: &str, value: Value<'_>) {
        let Self { client, tags, rate, timestamp } = self;
        client.send_sampled(&Metric { kind, name, value, rate, tags, timestamp });
    }
}
