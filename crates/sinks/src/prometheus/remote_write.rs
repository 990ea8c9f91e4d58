//! Prometheus remote write 1.0: what a scrape would show, sent after each flush.
//!
//! ```text
//! snapshot --> Prometheus (totals, names) --> Samples --> a piece, packed with snappy --> POST
//! ```
//!
//! Series have the names, labels and values of the page. One that nothing comes of is sent on with
//! its last total, so that a rate over it is right when it goes on; after the idle time it ends
//! with a staleness marker. See <https://prometheus.io/docs/specs/prw/remote_write_spec/>.

mod samples;

use std::sync::Arc;

use gstatsd_aggregate::{Naming, Snapshot};

use self::samples::Samples;
use super::{Prometheus, PrometheusSettings, Scrape};
use crate::http::{HttpClient, HttpSettings, Verdict};
use crate::pieces::{Outcome, Progress};
use crate::{Clock, PointCounter, Receipt, SendError, Sink, TotalsKeeper};

/// How large a request is before it is packed.
const PIECE: usize = 1 << 20;

/// Where samples are written to, and what.
#[derive(Clone, Debug)]
pub struct RemoteWriteSettings {
    /// Where to; what is sent is never compressed twice.
    pub http: HttpSettings,
    /// What the page would show.
    pub page: PrometheusSettings,
    /// Labels of every series that has none of that name.
    pub labels: Vec<(String, String)>,
}

/// Writes to a Prometheus, or to what takes the same. A sample that is there already is written
/// again after an error, which changes nothing.
#[derive(Debug)]
pub struct RemoteWrite {
    client: HttpClient,
    page: Prometheus,
    scrape: Scrape,
    labels: Vec<(String, String)>,
    progress: Progress,
}

impl RemoteWrite {
    /// Makes a sink; it connects when there is something to send.
    #[must_use]
    pub fn new(settings: RemoteWriteSettings, clock: Clock) -> Self {
        let RemoteWriteSettings { mut http, mut page, labels } = settings;
        http.gzip = false;
        // One flush more, for the marker of its end.
        page.idle_flushes_max = page.idle_flushes_max.saturating_add(1);
        let (page, scrape) = Prometheus::new(page);
        let (client, progress) = (HttpClient::new(http, clock), Progress::new(PIECE));
        Self { client, page, scrape, labels, progress }
    }
}

impl Sink for RemoteWrite {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, _| {
            (snapshot.series_count() + snapshot.own.len() + snapshot.dated.len()) as u64
        })
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        let Self { client, page, scrape, labels, progress } = self;
        if progress.begin(snapshot.number) {
            page.send(snapshot, naming)?;
        }
        let mut packer = snap::raw::Encoder::new();
        let mut samples = Samples::new(scrape, snapshot, labels);
        progress.send(&mut samples, |body| {
            let headers = [
                ("Content-Type", "application/x-protobuf"),
                ("Content-Encoding", "snappy"),
                ("X-Prometheus-Remote-Write-Version", "0.1.0"),
            ];
            let packed = packer.compress_vec(body).map_err(|error| SendError::Write {
                peer: client.peer().to_owned(),
                source: std::io::Error::other(error),
            })?;
            let answer = client.post(&headers, &packed)?;
            match answer.verdict {
                Verdict::Taken => Ok(Outcome::Taken { rejected: 0 }),
                Verdict::TooLarge => Ok(Outcome::TooLarge),
                Verdict::Later(after) => Err(client.busy(&answer, after)),
                Verdict::Refused => {
                    log::debug!("{} answers {}", client.peer(), answer.shown());
                    Ok(Outcome::Refused)
                }
            }
        })
    }

    fn keep_totals(&mut self, keeper: Box<dyn TotalsKeeper>) {
        self.page.keep_totals(keeper);
    }

    fn prepare(&mut self) {
        self.page.prepare();
    }

    fn end(&mut self) {
        self.page.end();
    }

    fn bytes(&self) -> usize {
        self.page.bytes()
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        let (mut alone, scrape) = Prometheus::new(self.page.shared.settings.clone());
        if alone.send(snapshot, naming).is_ok() {
            Samples::new(&scrape, snapshot, &self.labels).show(show);
        }
    }
}

#[cfg(test)]
mod tests;
