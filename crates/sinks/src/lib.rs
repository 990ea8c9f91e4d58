//! Where a snapshot goes: one file per protocol.
//!
//! ```text
//! queue and thread of a sink --> Sink::send --> Naming::points --> lines --> a peer
//! (not here: they retry)         once, whole
//! ```
//!
//! A sink turns a snapshot into what its protocol carries and says whether the peer has it. It
//! never retries, keeps no queue and knows no thread: whoever calls it does. How series are named
//! comes with each snapshot, as it may change while the service runs.

mod clock;
mod console;
mod entry;
mod error;
mod file;
mod graphite;
mod host;
mod http;
mod influx;
mod json;
mod otlp;
mod pieces;
mod prometheus;
mod secret;
mod statsd;
mod sys;
mod tcp;
mod tls;
mod totals;
mod udp;

pub use clock::Clock;
pub use console::Console;
pub use error::SendError;
pub use file::{FileSettings, JsonFile};
pub use graphite::{Graphite, GraphiteForm, GraphiteSettings, GraphiteUdp};
pub use host::Host;
pub use http::{HttpSettings, check_header};
pub use influx::{InfluxHttp, InfluxLines, InfluxUdp, Precision};
pub use otlp::{Otlp, OtlpSettings, OtlpTransport, Temporality};
pub use prometheus::{
    Exposition, Format, Prometheus, PrometheusSettings, RemoteWrite, RemoteWriteSettings, Scrape,
    TimerForm,
};
pub use secret::Secret;
pub use statsd::{Statsd, StatsdSettings};
pub use tcp::{Connection, Fault};
pub use tls::{Tls, TlsError, TlsSettings};
pub use totals::{TotalsKeeper, fuzz_totals};
pub use udp::UdpSettings;

use std::sync::Arc;

use gstatsd_aggregate::{Naming, SinkStats, Snapshot};

/// How many points a sink makes of a snapshot whose series are named so.
pub type PointCounter = Arc<dyn Fn(&Snapshot, &Naming) -> u64 + Send + Sync>;

/// What became of the points of a snapshot that needs to be sent no more. The others have arrived.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Receipt {
    /// Points that the peer refused for good.
    pub rejected: u64,
    /// Points that the protocol has no form for.
    pub unencodable: u64,
}

/// Where snapshots go.
pub trait Sink: Send {
    /// Counts the points that [`Sink::send`] makes of a snapshot. Apart from the sink, because
    /// snapshots are counted on one thread while the sink sends on another.
    fn point_counter(&self) -> PointCounter;

    /// Whether it carries events and service checks too.
    fn carries_notices(&self) -> bool {
        false
    }

    /// Sends one whole snapshot, its series named so; returns when the peer has all of it that it
    /// will ever take.
    ///
    /// # Errors
    /// Any part of the snapshot may have arrived. The same snapshot may be sent again, unless
    /// [`SendError::is_final`]; what is sent next begins on the start of a line. A sink whose peer
    /// would count a point twice goes on after what the peer took of the snapshot of this
    /// [`Snapshot::number`].
    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError>;

    /// Shows what it would send of a snapshot, a line at a time and without a line feed, to a
    /// person. Nothing is connected for that.
    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str));

    /// Keeps the totals there that it makes of snapshots; one that makes none needs no place.
    fn keep_totals(&mut self, keeper: Box<dyn TotalsKeeper>) {
        drop(keeper);
    }

    /// What can be done before there is anything to send, or while there is nothing.
    fn prepare(&mut self) {}

    /// Nothing more will be sent.
    fn end(&mut self) {}

    /// Whether a snapshot may be sent after a newer one, as each point has its own time and the
    /// peer does not mind the order.
    fn takes_any_order(&self) -> bool {
        false
    }

    /// How many connections it has made, where it does not matter how often a point is sent: what
    /// one of them had acknowledged may be lost with it, and be sent again over the next.
    fn connections(&self) -> u64 {
        0
    }

    /// What it tells of itself, where it does.
    fn stats(&self) -> Option<SinkStats> {
        None
    }

    /// About how much memory it keeps from one snapshot to the next, in bytes, where that grows
    /// with the number of series.
    fn bytes(&self) -> usize {
        0
    }
}

impl<S: Sink + ?Sized> Sink for Box<S> {
    fn point_counter(&self) -> PointCounter {
        (**self).point_counter()
    }

    fn carries_notices(&self) -> bool {
        (**self).carries_notices()
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        (**self).send(snapshot, naming)
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        (**self).preview(snapshot, naming, show);
    }

    fn keep_totals(&mut self, keeper: Box<dyn TotalsKeeper>) {
        (**self).keep_totals(keeper);
    }

    fn prepare(&mut self) {
        (**self).prepare();
    }

    fn end(&mut self) {
        (**self).end();
    }

    fn takes_any_order(&self) -> bool {
        (**self).takes_any_order()
    }

    fn connections(&self) -> u64 {
        (**self).connections()
    }

    fn stats(&self) -> Option<SinkStats> {
        (**self).stats()
    }

    fn bytes(&self) -> usize {
        (**self).bytes()
    }
}

/// `host:port`, as errors name a peer.
fn peer(host: &str, port: u16) -> String {
    if host.contains(':') { format!("[{host}]:{port}") } else { format!("{host}:{port}") }
}
