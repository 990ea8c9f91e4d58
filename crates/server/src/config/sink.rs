//! A sink: where metrics go, over which protocol, and how what waits for it is kept.

use std::time::Duration;

use gstatsd_aggregate::{Captures, Glob};
use gstatsd_sinks::{FileSettings, GraphiteForm, StatsdSettings, TlsSettings};

use super::{Address, Transport};

/// Where metrics go.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Sink {
    /// Its name in the log and in own metrics: `[A-Za-z0-9_-]+`.
    pub(crate) name: String,
    /// The protocol and its settings.
    pub(crate) kind: SinkKind,
    /// What it gets, and how often.
    pub(crate) delivery: Delivery,
}

/// The protocol of a sink and its settings.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum SinkKind {
    /// A table per flush on standard output.
    Console,
    /// A file of JSON lines, with an absolute path.
    File(FileSettings),
    /// Graphite over TCP.
    Graphite(GraphitePeer),
    /// Graphite's plain text over UDP.
    GraphiteUdp(UdpPeer),
    /// InfluxDB's lines over UDP.
    InfluxUdp(UdpPeer),
    /// A page that Prometheus scrapes.
    Prometheus(ScrapePage),
    /// Another StatsD.
    Statsd(StatsdPeer),
}

/// What a sink gets, and how often: the same for each kind.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Delivery {
    /// How much may wait, in bytes.
    pub(crate) queue_bytes: usize,
    /// How often it gets a snapshot; a multiple of the flush interval. 0 is with each flush.
    pub(crate) interval: Duration,
    /// Only series whose names match one of them, where there are any.
    pub(crate) include: Vec<Glob>,
    /// No series whose names match one of them.
    pub(crate) exclude: Vec<Glob>,
}

/// A Graphite to connect to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct GraphitePeer {
    /// Where to connect; never an empty host or port 0.
    pub(crate) address: Address,
    /// How points are written.
    pub(crate) form: GraphiteForm,
    /// Whom to trust, where it is encrypted.
    pub(crate) tls: Option<TlsSettings>,
    /// How long connecting may take.
    pub(crate) connect_timeout: Duration,
    /// How long the other end may take nothing.
    pub(crate) write_timeout: Duration,
}

/// Somebody who gets datagrams.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct UdpPeer {
    /// Where; never an empty host or port 0.
    pub(crate) address: Address,
    /// The longest datagram that lines are packed into.
    pub(crate) packet_bytes: usize,
}

/// A StatsD that gets what was aggregated.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct StatsdPeer {
    /// How it is reached.
    pub(crate) transport: Transport,
    /// Where; never an empty host or port 0.
    pub(crate) address: Address,
    /// How lines are written.
    pub(crate) lines: StatsdSettings,
    /// How long connecting may take.
    pub(crate) connect_timeout: Duration,
    /// How long the other end may take nothing.
    pub(crate) write_timeout: Duration,
}

/// A page that Prometheus scrapes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScrapePage {
    /// Where it is served; an empty host is every address, port 0 is any free one.
    pub(crate) address: Address,
    /// The path of its URL; begins with `/`.
    pub(crate) path: String,
    /// The quantiles of timers, in (0, 1].
    pub(crate) quantiles: Vec<f64>,
    /// Whether timers come out in seconds.
    pub(crate) seconds: bool,
    /// For how long a series is shown that nothing comes of.
    pub(crate) idle_timeout: Duration,
}

impl Sink {
    /// Where it sends lines to, where that is an address.
    pub(crate) fn peer(&self) -> Option<(Transport, &Address)> {
        match &self.kind {
            SinkKind::Console | SinkKind::File(_) | SinkKind::Prometheus(_) => None,
            SinkKind::Graphite(peer) => Some((Transport::Tcp, &peer.address)),
            SinkKind::GraphiteUdp(peer) | SinkKind::InfluxUdp(peer) => {
                Some((Transport::Udp, &peer.address))
            }
            SinkKind::Statsd(peer) => Some((peer.transport, &peer.address)),
        }
    }

    /// What it is and where it leads, in a few words for a person.
    pub(crate) fn destination(&self) -> String {
        match &self.kind {
            SinkKind::Console => "standard output".to_owned(),
            SinkKind::File(file) => format!("the file {}", file.path.display()),
            SinkKind::Graphite(GraphitePeer { address, tls: None, .. }) => {
                format!("Graphite at {address}")
            }
            SinkKind::Graphite(GraphitePeer { address, .. }) => {
                format!("Graphite at {address} over TLS")
            }
            SinkKind::GraphiteUdp(peer) => format!("Graphite at {} over UDP", peer.address),
            SinkKind::InfluxUdp(peer) => format!("InfluxDB at {} over UDP", peer.address),
            SinkKind::Prometheus(page) => format!("a page at {}{}", page.address, page.path),
            SinkKind::Statsd(StatsdPeer { transport, address, .. }) => {
                format!("StatsD at {transport}://{address}")
            }
        }
    }
}

impl Delivery {
    /// Whether not every series goes to the sink.
    pub(crate) fn is_filter(&self) -> bool {
        !(self.include.is_empty() && self.exclude.is_empty())
    }

    /// Whether the series of a name go to the sink. `captures` is room for the work.
    pub(crate) fn takes(&self, name: &[u8], captures: &mut Captures) -> bool {
        let mut matches = |globs: &[Glob]| globs.iter().any(|glob| glob.matches(name, captures));
        (self.include.is_empty() || matches(&self.include)) && !matches(&self.exclude)
    }
}
