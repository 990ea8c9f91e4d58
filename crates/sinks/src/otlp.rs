//! OTLP: what a collector of OpenTelemetry takes, over gRPC or HTTP.
//!
//! ```text
//! snapshot --> Totals (where sums go on) --> Requests --> a piece --> gRPC or HTTP --> Reply
//! ```
//!
//! What is sent is that of <https://opentelemetry.io/docs/specs/otlp/>, version 1.

mod answer;
mod encode;
mod grpc;
mod totals;

use std::sync::Arc;
use std::time::{Duration, Instant};

use gstatsd_aggregate::{Naming, Snapshot};
use opentelemetry_proto::tonic::resource::v1::Resource;

use self::answer::Reply;
use self::encode::{Requests, attribute};
use self::grpc::GrpcClient;
use self::totals::Totals;
use crate::http::{HttpClient, HttpSettings, Verdict};
use crate::pieces::Progress;
use crate::totals::{Kept, Totalled, TotalsKeeper};
use crate::{Clock, PointCounter, Receipt, SendError, Sink, entry};

/// How large a request is before it is compressed; receivers of gRPC take 4 MiB.
const PIECE: usize = 1 << 20;
/// How often it is said in the log what a peer refuses.
const MENTION: Duration = Duration::from_secs(60);

/// How requests travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum OtlpTransport {
    /// HTTP/2; the url has no way.
    Grpc,
    /// The url has the way, usually `/v1/metrics`.
    Http,
}

/// What sums and histograms hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Temporality {
    /// All since the series was first seen: what Prometheus wants, and what is not counted twice
    /// however often it is sent.
    Cumulative,
    /// What the interval brought: what Datadog and Dynatrace want. After an error a piece may
    /// count twice.
    Delta,
}

/// Where an OTLP sink sends, and what.
#[derive(Clone, Debug)]
pub struct OtlpSettings {
    /// How.
    pub transport: OtlpTransport,
    /// Where to.
    pub http: HttpSettings,
    /// What sums and histograms hold.
    pub temporality: Temporality,
    /// What describes this process: `service.name` and so on.
    pub resource: Vec<(String, String)>,
    /// For how many seconds a sum goes on without a sample; of [`Temporality::Cumulative`].
    pub idle_seconds: u32,
}

/// Sends snapshots to a collector.
#[derive(Debug)]
pub struct Otlp {
    transport: Transport,
    totals: Option<Totals>,
    kept: Kept,
    resource: Resource,
    idle_seconds: u32,
    progress: Progress,
    clock: Clock,
    /// When it was last said what was refused.
    mentioned: Option<Instant>,
}

#[derive(Debug)]
enum Transport {
    Grpc(GrpcClient),
    Http(HttpClient),
}

impl Otlp {
    /// Makes a sink; it connects when there is something to send.
    #[must_use]
    pub fn new(settings: OtlpSettings, clock: Clock) -> Self {
        let OtlpSettings { transport, http, temporality, resource, idle_seconds } = settings;
        let transport = match transport {
            OtlpTransport::Grpc => Transport::Grpc(GrpcClient::new(http)),
            OtlpTransport::Http => Transport::Http(HttpClient::new(http, clock)),
        };
        let attributes = resource.iter().map(|(key, value)| attribute(key, value)).collect();
        let resource = Resource { attributes, ..Resource::default() };
        let totals = (temporality == Temporality::Cumulative).then(Totals::new);
        let (progress, mentioned) = (Progress::new(PIECE), None);
        let kept = Kept::new(Totalled::Otlp);
        Self { transport, totals, kept, resource, idle_seconds, progress, clock, mentioned }
    }

    /// Goes on with the totals of the process before, where they are kept and it is over.
    fn begin(&mut self, wait: bool) {
        if let Some(totals) = &mut self.totals {
            self.kept.begin(wait, |reader| totals.decode(reader));
        }
    }
}

impl Sink for Otlp {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, _| entry::count(snapshot))
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        self.begin(true);
        let is_new = self.progress.begin(snapshot.number);
        let Self { totals, kept, .. } = self;
        if let Some(totals) = totals.as_mut().filter(|_| is_new && kept.take(snapshot)) {
            totals.take(snapshot, self.idle_seconds);
            kept.keep(|out| totals.encode(out));
        }
        let Self { transport, totals, resource, progress, clock, mentioned, .. } = self;
        let mut requests = Requests::new(snapshot, naming, resource, totals.as_ref());
        progress.send(&mut requests, |body| {
            let (outcome, why) = transport.export(body)?.outcome();
            if let Some(why) = why {
                let now = (clock.now)();
                if mentioned.is_none_or(|mentioned| now >= mentioned + MENTION) {
                    *mentioned = Some(now);
                    log::warn!("{} says: {why}", transport.peer());
                }
            }
            Ok(outcome)
        })
    }

    fn keep_totals(&mut self, keeper: Box<dyn TotalsKeeper>) {
        self.kept.keep_with(keeper);
    }

    fn prepare(&mut self) {
        self.begin(false);
    }

    fn end(&mut self) {
        if let Some(totals) = &self.totals {
            self.kept.end(|out| totals.encode(out));
        }
    }

    fn bytes(&self) -> usize {
        self.totals.as_ref().map_or(0, Totals::bytes)
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        let totals = self.totals.as_ref().map(|_| {
            let mut totals = Totals::new();
            totals.take(snapshot, self.idle_seconds);
            totals
        });
        Requests::new(snapshot, naming, &self.resource, totals.as_ref()).show(show);
    }
}

impl Transport {
    fn peer(&self) -> &str {
        match self {
            Self::Grpc(client) => client.peer(),
            Self::Http(client) => client.peer(),
        }
    }

    fn export(&mut self, body: &[u8]) -> Result<Reply, SendError> {
        let client = match self {
            Self::Grpc(client) => return client.export(body),
            Self::Http(client) => client,
        };
        let answer = client.post(&[("Content-Type", "application/x-protobuf")], body)?;
        match answer.verdict {
            Verdict::Taken => Ok(Reply::Taken(answer.body)),
            Verdict::TooLarge => Ok(Reply::TooLarge),
            Verdict::Refused => Ok(Reply::Refused(answer.shown())),
            Verdict::Later(after) => Err(client.busy(&answer, after)),
        }
    }
}

/// Any bytes are read as totals, or refused; see [`crate::fuzz_totals`].
pub(crate) fn fuzz(bytes: &[u8]) {
    totals::fuzz(bytes);
}

/// The totals after one snapshot, as bytes.
#[cfg(test)]
pub(crate) fn image_of(snapshot: &Snapshot) -> Vec<u8> {
    let (mut totals, mut image) = (Totals::new(), Vec::new());
    totals.take(snapshot, 60);
    totals.encode(&mut image);
    image
}

#[cfg(test)]
mod tests;
