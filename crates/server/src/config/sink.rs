//! A sink: where metrics go, over which protocol, and how what waits for it is kept.

use std::time::Duration;

use gstatsd_aggregate::{Captures, Glob};

use super::Address;

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
    /// Graphite's plain text over TCP.
    Graphite(GraphitePeer),
    /// A page that Prometheus scrapes.
    Prometheus(ScrapePage),
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
    /// What it is and where it leads, in a few words for a person.
    pub(crate) fn destination(&self) -> String {
        match &self.kind {
            SinkKind::Console => "standard output".to_owned(),
            SinkKind::Graphite(GraphitePeer { address, .. }) => format!("Graphite at {address}"),
            SinkKind::Prometheus(page) => format!("a page at {}{}", page.address, page.path),
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
