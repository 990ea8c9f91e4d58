//! InfluxDB's line protocol over UDP.

use std::sync::Arc;

use gstatsd_aggregate::{Naming, Snapshot};

use super::{InfluxLines, Precision};
use crate::udp::{Datagrams, UdpSettings};
use crate::{Clock, PointCounter, Receipt, SendError, Sink};

/// Sends snapshots in datagrams of whole lines, with timestamps in nanoseconds, as InfluxDB,
/// Telegraf and VictoriaMetrics take them where nothing else is set.
///
/// Nothing answers, so a snapshot counts as sent when the system has taken all of its datagrams.
/// After an error all of it is sent again, which is harmless: a line with the same series and
/// time takes the place of the other.
#[derive(Debug)]
pub struct InfluxUdp {
    settings: UdpSettings,
    datagrams: Datagrams,
}

impl InfluxUdp {
    /// Makes a sink; the host is looked up when there is something to send.
    #[must_use]
    pub fn new(settings: UdpSettings, clock: Clock) -> Self {
        let datagrams = Datagrams::new(settings.clone(), clock);
        Self { settings, datagrams }
    }
}

impl Sink for InfluxUdp {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, _| InfluxLines::count(snapshot))
    }

    fn takes_any_order(&self) -> bool {
        true
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        self.datagrams.begin()?;
        let mut lines = InfluxLines::new(snapshot, naming, Precision::Nanoseconds);
        let mut packet = Vec::new();
        loop {
            packet.clear();
            let points = lines.write(&mut packet, self.settings.packet_bytes);
            if points == 0 {
                break;
            }
            self.datagrams.push(&packet, points)?;
        }
        let unencodable = self.datagrams.finish()?;
        Ok(Receipt { unencodable, ..Receipt::default() })
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        let mut lines = InfluxLines::new(snapshot, naming, Precision::Nanoseconds);
        let mut line = Vec::new();
        while lines.write(&mut line, 0) > 0 {
            show(String::from_utf8_lossy(&line).trim_end());
            line.clear();
        }
    }
}
