//! How a client is made.

use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::thread::available_parallelism;
use std::time::Duration;

use crate::line::Style;
use crate::settings::{Destination, Settings};
use crate::target::{AGAIN_LEAST, Names, resolve};
use crate::{Address, AddressError, Rounding, Sink, StatsClient, clock, random};

/// Most packets are full long before.
const DELAY_MAX: Duration = Duration::from_millis(100);
/// What waits for a receiver that is away.
const BUFFER_BYTES_MAX: usize = 1_024 * 1_024;
/// How often a name is resolved again.
const RESOLVE_EVERY: Duration = Duration::from_secs(30);
/// What the names of the client's own metrics begin with.
const OWN_METRICS: &str = "statsd.client";
/// More buffers than this gain nothing.
const BUFFERS_MAX: usize = 16;

/// Makes a [`StatsClient`] that differs from the usual one.
///
/// ```
/// use std::time::Duration;
///
/// use gstatsd_client::StatsClient;
///
/// let client = StatsClient::builder("localhost:8125")?
///     .prefix("shop")
///     .tag("env", "prod")
///     .delay_max(Duration::from_millis(20))
///     .build();
/// client.increment("orders");
/// # Ok::<(), gstatsd_client::AddressError>(())
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until `build` is called"]
pub struct Builder {
    destination: Destination,
    prefix: String,
    tags: Vec<(String, String)>,
    rounding: Rounding,
    direct: bool,
    packet_bytes_max: Option<usize>,
    buffer_bytes_max: usize,
    delay_max: Duration,
    aggregate: Option<Duration>,
    own_metrics: String,
    random: Arc<dyn Fn() -> f64 + Send + Sync>,
    clock: Arc<dyn Fn() -> Duration + Send + Sync>,
    names: Names,
    signs_change: bool,
}

impl Builder {
    /// A client that sends to an address.
    pub fn to(address: Address) -> Self {
        Self::new(Destination::Address(address))
    }

    /// A client whose packets a sink takes.
    pub fn to_sink(sink: impl Sink) -> Self {
        Self::new(Destination::Sink(Arc::new(sink)))
    }

    fn new(destination: Destination) -> Self {
        Self {
            destination,
            prefix: String::new(),
            tags: Vec::new(),
            rounding: Rounding::Exact,
            direct: false,
            packet_bytes_max: None,
            buffer_bytes_max: BUFFER_BYTES_MAX,
            delay_max: DELAY_MAX,
            aggregate: None,
            own_metrics: OWN_METRICS.to_owned(),
            random: Arc::new(random::uniform),
            clock: Arc::new(clock::now),
            names: Names { resolve: Arc::new(resolve), again: RESOLVE_EVERY },
            signs_change: false,
        }
    }

    /// Begins every name, with a dot after it. Default: none.
    pub fn prefix(mut self, prefix: &str) -> Self {
        prefix.clone_into(&mut self.prefix);
        self
    }

    /// A tag of every line, beside those before. One with an empty value is its key alone; one
    /// with an empty key is left out.
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.tags.push((key.to_owned(), value.to_owned()));
        self
    }

    /// For receivers that take a gauge with a sign for a change, as those of the statsd dialect
    /// do: a gauge below zero is set to 0 first, by a line before it in the same packet. Gauges
    /// are not [aggregated](Builder::aggregate) then. Default: one line, with its sign.
    pub fn signs_change_gauges(mut self) -> Self {
        self.signs_change = true;
        self
    }

    /// How numbers that are not whole are written. Default: as they are.
    pub fn rounding(mut self, rounding: Rounding) -> Self {
        self.rounding = rounding;
        self
    }

    /// Each line becomes a datagram of its own, which the caller's thread hands to the system
    /// before the call returns. Nothing waits for room: without it the line is dropped. Over a
    /// stream each line is handed to the client's thread at once.
    pub fn direct(mut self) -> Self {
        self.direct = true;
        self
    }

    /// The most bytes of a packet, from 64 to 65,507. Default: 1,432, or 8,192 where packets stay
    /// on this machine (loopback, unix sockets, sinks).
    pub fn packet_bytes_max(mut self, bytes: usize) -> Self {
        self.packet_bytes_max = Some(bytes.clamp(64, 65_507));
        self
    }

    /// The most bytes of packets that wait to be sent. When there are more the oldest are
    /// dropped. Default: 1 MiB.
    pub fn buffer_bytes_max(mut self, bytes: usize) -> Self {
        self.buffer_bytes_max = bytes;
        self
    }

    /// How long a line may wait for others before it is sent. Default: 100 ms.
    pub fn delay_max(mut self, delay: Duration) -> Self {
        self.delay_max = delay;
        self
    }

    /// Counters are added up and of a gauge the last value is kept for this long, and then told
    /// in one line for each name and tags: for metrics so hot that lines of their own would be
    /// too many. Sample rates of counters and gauges make no difference then, as every call
    /// counts. Gauge deltas, metrics with a timestamp, and other types are sent as ever, and so
    /// is everything with [direct sending](Builder::direct). Default: no aggregation.
    pub fn aggregate(mut self, interval: Duration) -> Self {
        self.aggregate = Some(interval);
        self
    }

    /// What the names of the client's own metrics begin with, after the prefix; empty for none.
    /// There is a counter `NAME.dropped.REASON` for each [`Reason`](crate::Reason) that lines were
    /// dropped for, sent at most every ten seconds and at the end. Default: `statsd.client`.
    pub fn own_metrics(mut self, name: &str) -> Self {
        name.clone_into(&mut self.own_metrics);
        self
    }

    /// Where chances come from: numbers in [0, 1). A line with a rate is sent when the number is
    /// below it.
    pub fn random(mut self, random: impl Fn() -> f64 + Send + Sync + 'static) -> Self {
        self.random = Arc::new(random);
        self
    }

    /// The clock of timers: time since anything that stays the same.
    pub fn clock(mut self, clock: impl Fn() -> Duration + Send + Sync + 'static) -> Self {
        self.clock = Arc::new(clock);
        self
    }

    /// How the addresses of a host are found: from a name and a port. It is called by a thread
    /// of the client's own. Default: as the system does it.
    pub fn resolver(
        mut self,
        resolve: impl Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync + 'static,
    ) -> Self {
        self.names.resolve = Arc::new(resolve);
        self
    }

    /// How often the addresses of a host are looked for again, at least every second; they are
    /// too after an error. Default: 30 s.
    pub fn resolve_every(mut self, interval: Duration) -> Self {
        self.names.again = interval.max(AGAIN_LEAST);
        self
    }

    /// Makes the client. Where the host is a name this waits for its address, at most half a
    /// second; after that lines are kept until it has one.
    #[must_use]
    pub fn build(self) -> StatsClient {
        let threads = available_parallelism().map_or(1, usize::from);
        let mut style = Style::new(&self.prefix, &self.tags, self.rounding);
        style.signs_change = self.signs_change;
        StatsClient::start(Settings {
            style,
            direct: self.direct && !self.destination.is_stream(),
            is_separate: self.direct && self.destination.is_stream(),
            packet_bytes_max: self.packet_bytes_max,
            buffer_bytes_max: self.buffer_bytes_max,
            delay_max: if self.direct { Duration::ZERO } else { self.delay_max },
            buffers: threads.next_power_of_two().min(BUFFERS_MAX),
            aggregate: self.aggregate.filter(|_| !self.direct),
            own_metrics: (!self.own_metrics.is_empty()).then_some(self.own_metrics),
            destination: self.destination,
            random: self.random,
            clock: self.clock,
            names: self.names,
        })
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder").field("prefix", &self.prefix).finish_non_exhaustive()
    }
}

impl StatsClient {
    /// What differs from the usual client.
    ///
    /// # Errors
    ///
    /// What is wrong with the address, see [`Address`].
    pub fn builder(address: &str) -> Result<Builder, AddressError> {
        Ok(Builder::to(address.parse()?))
    }
}
