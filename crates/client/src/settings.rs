//! What a client was asked to be.

use std::sync::Arc;
use std::time::Duration;

use crate::line::Style;
use crate::target::Resolve;
use crate::{Address, Sink};

/// What a client was asked to be.
pub(crate) struct Settings {
    pub(crate) destination: Destination,
    pub(crate) style: Style,
    pub(crate) direct: bool,
    /// No more than this in a packet; what suits the destination where there is none.
    pub(crate) packet_bytes_max: Option<usize>,
    /// No more than this in the queue.
    pub(crate) buffer_bytes_max: usize,
    /// No line waits longer than this, if it can be sent.
    pub(crate) delay_max: Duration,
    /// How many buffers threads write into; a power of two.
    pub(crate) buffers: usize,
    pub(crate) random: Arc<dyn Fn() -> f64 + Send + Sync>,
    pub(crate) clock: Arc<dyn Fn() -> Duration + Send + Sync>,
    pub(crate) resolve: Arc<Resolve>,
}

/// Where packets go.
#[derive(Clone)]
pub(crate) enum Destination {
    Address(Address),
    Sink(Arc<dyn Sink>),
}
