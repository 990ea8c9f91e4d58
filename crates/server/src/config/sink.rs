//! A sink: where metrics go, over which protocol, and how what waits for it is kept.

use std::path::PathBuf;
use std::time::Duration;

use gstatsd_aggregate::{Captures, Glob};
use gstatsd_sinks::{
    FileSettings, GraphiteForm, OtlpTransport, Secret, StatsdSettings, Temporality, TimerForm,
    TlsSettings,
};

use super::{Address, Spool, Transport};

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
    /// InfluxDB's lines over HTTP.
    Influx(InfluxPeer),
    /// InfluxDB's lines over UDP.
    InfluxUdp(UdpPeer),
    /// OTLP over gRPC or HTTP.
    Otlp(OtlpPeer),
    /// A page that Prometheus scrapes.
    Prometheus(ScrapePage),
    /// What that page would show, written to a Prometheus.
    RemoteWrite(RemoteWritePeer),
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
    /// How many snapshots are sent again over another connection.
    pub(crate) replay: usize,
    /// What its spool has that those of others have not.
    pub(crate) spool: SpoolOfSink,
}

/// What the spool of one sink has that those of others have not.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct SpoolOfSink {
    /// How much it may take on the disk, in bytes; 0 is no spool.
    pub(crate) bytes: Option<u64>,
    /// How old a snapshot may become.
    pub(crate) age: Option<Duration>,
    /// Whether each snapshot is brought to the disk itself.
    pub(crate) sync: Option<bool>,
}

impl SpoolOfSink {
    /// The spool of this sink, where those of others are so.
    pub(crate) fn of(&self, all: &Spool) -> Spool {
        Spool {
            bytes: self.bytes.unwrap_or(all.bytes),
            age: self.age.unwrap_or(all.age),
            sync: self.sync.unwrap_or(all.sync),
            ..all.clone()
        }
    }
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

/// A peer that speaks HTTP.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HttpPeer {
    /// Where to connect; never an empty host or port 0.
    pub(crate) address: Address,
    /// Whether over TLS.
    pub(crate) is_secure: bool,
    /// How long a request may take, with its answer.
    pub(crate) timeout: Duration,
    /// Whether bodies are compressed.
    pub(crate) gzip: bool,
    /// What goes along with each request.
    pub(crate) headers: Vec<Header>,
    /// What says who we are, and the file that it was read from.
    pub(crate) token: Option<(PathBuf, Secret)>,
    /// Whom to trust, and who we are.
    pub(crate) tls: TlsSettings,
}

/// A header of requests.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Header {
    pub(crate) name: String,
    /// As it was typed, where that names a variable; what is typed outright may be a secret.
    pub(crate) typed: Option<String>,
    pub(crate) value: Secret,
}

/// An InfluxDB to write to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct InfluxPeer {
    pub(crate) http: HttpPeer,
    pub(crate) target: InfluxTarget,
}

/// Where in an InfluxDB.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum InfluxTarget {
    /// Of version 1.
    Database(String),
    /// Of version 2 and 3.
    Bucket { org: String, bucket: String },
}

/// A collector of OpenTelemetry.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct OtlpPeer {
    pub(crate) http: HttpPeer,
    pub(crate) transport: OtlpTransport,
    /// The path of its URL, over HTTP; begins with `/`.
    pub(crate) path: String,
    pub(crate) temporality: Temporality,
    /// What describes this process, by key.
    pub(crate) resource: Vec<(String, String)>,
    /// For how long a sum goes on without a sample.
    pub(crate) idle_timeout: Duration,
}

/// A Prometheus that is written to.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct RemoteWritePeer {
    pub(crate) http: HttpPeer,
    /// The path of its URL; begins with `/`.
    pub(crate) path: String,
    /// Labels of every series, by name.
    pub(crate) labels: Vec<(String, String)>,
    /// The quantiles of timers, in (0, 1].
    pub(crate) quantiles: Vec<f64>,
    /// Whether timers come out in seconds.
    pub(crate) seconds: bool,
    /// For how long a series is written that nothing comes of.
    pub(crate) idle_timeout: Duration,
}

/// A page that Prometheus scrapes.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ScrapePage {
    /// Where it is served; an empty host is every address, port 0 is any free one.
    pub(crate) address: Address,
    /// The path of its URL; begins with `/`.
    pub(crate) path: String,
    /// What is shown of timers.
    pub(crate) timers: TimerForm,
    /// Whether timers come out in seconds.
    pub(crate) seconds: bool,
    /// For how long a series is shown that nothing comes of.
    pub(crate) idle_timeout: Duration,
}

impl SinkKind {
    /// Whether what it does not take can wait on the disk: it is farther away than that.
    pub(crate) fn has_spool(&self) -> bool {
        !matches!(self, Self::Console | Self::File(_) | Self::Prometheus(_))
    }
}

impl Sink {
    /// Where it sends to, where that is an address.
    pub(crate) fn peer(&self) -> Option<(Transport, &Address)> {
        match &self.kind {
            SinkKind::Console | SinkKind::File(_) | SinkKind::Prometheus(_) => None,
            SinkKind::Graphite(peer) => Some((Transport::Tcp, &peer.address)),
            SinkKind::GraphiteUdp(peer) | SinkKind::InfluxUdp(peer) => {
                Some((Transport::Udp, &peer.address))
            }
            SinkKind::Influx(InfluxPeer { http, .. })
            | SinkKind::Otlp(OtlpPeer { http, .. })
            | SinkKind::RemoteWrite(RemoteWritePeer { http, .. }) => {
                Some((Transport::Tcp, &http.address))
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
            SinkKind::Influx(InfluxPeer { http, .. }) => format!("InfluxDB at {}", http.address),
            SinkKind::Otlp(OtlpPeer { http, .. }) => {
                format!("OpenTelemetry at {}", http.address)
            }
            SinkKind::RemoteWrite(RemoteWritePeer { http, path, .. }) => {
                format!("Prometheus at {}{path}", http.address)
            }
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
