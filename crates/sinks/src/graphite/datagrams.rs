//! Graphite's plain text over UDP.

use std::sync::Arc;
use std::time::Duration;

use gstatsd_aggregate::{Naming, Point, SinkStats, Snapshot};

use super::{GraphiteForm, Page, preview};
use crate::udp::{Datagrams, UdpSettings};
use crate::{Clock, PointCounter, Receipt, SendError, Sink};

/// Sends snapshots to Graphite in datagrams of whole lines.
///
/// Nothing answers. A snapshot counts as sent when the system has taken all of its datagrams and
/// the peer's system has not said by then that nobody listens there; what is lost on the way, or
/// because the peer is too slow, nobody sees. After an error all of the snapshot is sent again,
/// which is harmless: the same name and time have the same value. A line that no datagram can
/// carry is counted as one that the protocol has no form for.
#[derive(Debug)]
pub struct GraphiteUdp {
    clock: Clock,
    /// What it tells of itself in the statsd dialect.
    stats: SinkStats,
    datagrams: Datagrams,
}

impl GraphiteUdp {
    /// Makes a sink; the host is looked up when there is something to send.
    #[must_use]
    pub fn new(settings: UdpSettings, clock: Clock) -> Self {
        let datagrams = Datagrams::new(settings, clock);
        Self { clock, stats: SinkStats::default(), datagrams }
    }

    fn try_send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<u64, SendError> {
        let Self { stats, datagrams, .. } = self;
        datagrams.begin()?;
        let at = snapshot.window.timestamp;
        let mut page = Page::new(GraphiteForm::Text, at);
        let (mut line, mut bytes, mut sent) = (Vec::new(), 0, Ok(()));
        let mut put = |point: Point<'_>, second: i64| {
            // Points cannot be cut short, but the rest of them costs little.
            if sent.is_ok() {
                line.clear();
                page.push(point, second, &mut line);
                bytes += line.len() as u64;
                sent = datagrams.push(&line, 1);
            }
        };
        naming.points(snapshot, |point| put(point, at));
        naming.dated_points(snapshot, &mut put);
        naming.sink_points(stats, |point| put(point, at));
        sent?;
        stats.flush_bytes = bytes;
        datagrams.finish()
    }
}

impl Sink for GraphiteUdp {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, naming| naming.point_count(snapshot) + naming.sink_point_count())
    }

    fn takes_any_order(&self) -> bool {
        true
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        let (clock, mut took) = (self.clock, Duration::ZERO);
        let before = self.stats;
        let sent = clock.time(&mut took, || self.try_send(snapshot, naming));
        self.stats = match &sent {
            Ok(_) => SinkStats { flush: took, last_flush: clock.seconds(), ..self.stats },
            Err(_) => SinkStats { last_exception: clock.seconds(), ..before },
        };
        sent.map(|unencodable| Receipt { unencodable, ..Receipt::default() })
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        preview(snapshot, naming, show);
    }

    fn stats(&self) -> Option<SinkStats> {
        Some(self.stats)
    }
}
