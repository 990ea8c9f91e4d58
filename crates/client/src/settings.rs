//! What a client was asked to be.

use std::sync::Arc;
use std::time::Duration;

use crate::line::Style;
use crate::target::Names;
use crate::{Address, Sink};

/// What a client was asked to be.
pub(crate) struct Settings {
    pub(crate) destination: Destination,
    pub(crate) style: Style,
    pub(crate) direct: bool,
    /// Each line is a packet, although the worker sends them.
    pub(crate) is_separate: bool,
    /// No more than this in a packet; what suits the destination where there is none.
    pub(crate) packet_bytes_max: Option<usize>,
    /// No more than this in the queue.
    pub(crate) buffer_bytes_max: usize,
    /// No line waits longer than this, if it can be sent.
    pub(crate) delay_max: Duration,
    /// How long counters are added up and gauges kept; not at all where there is none.
    pub(crate) aggregate: Option<Duration>,
    /// How many buffers threads write into; a power of two.
    pub(crate) buffers: usize,
    /// The name that the client's own metrics begin with.
    pub(crate) own_metrics: Option<String>,
    pub(crate) random: Arc<dyn Fn() -> f64 + Send + Sync>,
    pub(crate) clock: Arc<dyn Fn() -> Duration + Send + Sync>,
    pub(crate) names: Names,
}

impl Settings {
    /// Whether packets are parts of a stream.
    pub(crate) fn is_stream(&self) -> bool {
        self.destination.is_stream()
    }
}

/// Where packets go.
#[derive(Clone)]
pub(crate) enum Destination {
    Address(Address),
    Sink(Arc<dyn Sink>),
}

impl Destination {
    /// Whether packets are parts of a stream, or may be.
    pub(crate) fn is_stream(&self) -> bool {
        matches!(
            self,
            Self::Address(Address::Tcp { .. } | Address::Unixstream(_) | Address::Unix(_))
        )
    }
}
