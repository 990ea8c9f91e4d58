//! The page that Prometheus scrapes: a sink, and what the HTTP server shows of it.
//!
//! ```text
//! queue and thread of the sink --> Prometheus --> its registry <-- a scrape <-- HTTP
//! ```

use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::IntoResponse;
use axum::routing::get;
use futures_util::stream;
use gstatsd_aggregate::{Naming, Snapshot};
use gstatsd_sinks::{
    Exposition, Format, PointCounter, Prometheus, PrometheusSettings, Receipt, Scrape, SendError,
    Sink,
};

use crate::config::ScrapePage;
use crate::http::{HttpServers, Page};

/// For how long the quantiles of an interval are shown, where none with samples follows: who
/// scrapes once in a minute has seen them.
const QUANTILE_MAX: Duration = Duration::from_mins(5);
/// How long the names and labels of all series on a page are at most: some five million series.
const TEXT_BYTES_MAX: usize = 256 << 20;

/// A sink of Prometheus with its page.
pub(crate) struct ScrapeServer {
    sink: Prometheus,
    /// Shown as long as the sink lives.
    _page: Page,
}

impl ScrapeServer {
    /// Begins to show the page: at the server of its address, where there is one already.
    ///
    /// # Errors
    /// The address cannot be bound, or the system can start no thread.
    pub(crate) fn open(
        name: &str,
        page: &ScrapePage,
        flush: Duration,
        servers: &HttpServers,
    ) -> anyhow::Result<Self> {
        let (sink, scrape) = prometheus(page, flush);
        let (server, is_new) = servers.at(&page.address)?;
        let shown = server.show(&page.path, get(show).with_state(scrape));
        if is_new {
            server.begin();
        }
        for url in server.urls() {
            log::info!("sink {name}: Prometheus can scrape {url}{}", page.path);
        }
        Ok(Self { sink, _page: shown })
    }
}

/// The sink of a page, and what is shown of it.
pub(crate) fn prometheus(page: &ScrapePage, flush: Duration) -> (Prometheus, Scrape) {
    let ScrapePage { quantiles, seconds, idle_timeout, .. } = page;
    Prometheus::new(PrometheusSettings {
        quantiles: quantiles.clone(),
        seconds: *seconds,
        idle_flushes_max: flushes(*idle_timeout, flush),
        quantile_flushes_max: flushes(QUANTILE_MAX, flush),
        text_bytes_max: TEXT_BYTES_MAX,
    })
}

impl Sink for ScrapeServer {
    fn point_counter(&self) -> PointCounter {
        self.sink.point_counter()
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        self.sink.send(snapshot, naming)
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        self.sink.preview(snapshot, naming, show);
    }
}

/// How many flushes there are in a time; at least 1.
fn flushes(time: Duration, interval: Duration) -> u32 {
    let flushes = (time.as_secs_f64() / interval.as_secs_f64()).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held there")]
    let held = flushes.clamp(1.0, f64::from(u32::MAX)) as u32;
    held
}

async fn show(State(scrape): State<Scrape>, headers: HeaderMap) -> impl IntoResponse {
    let accept = headers.get(header::ACCEPT).and_then(|accept| accept.to_str().ok());
    let format = Format::accepted(accept.unwrap_or_default());
    let pieces = stream::unfold(Some(scrape.exposition(format)), next_piece);
    ([(header::CONTENT_TYPE, format.content_type())], Body::from_stream(pieces))
}

type Piece = (Result<Bytes, std::io::Error>, Option<Exposition>);

async fn next_piece(exposition: Option<Exposition>) -> Option<Piece> {
    let mut exposition = exposition?;
    let mut text = Vec::new();
    let has_more = exposition.write(&mut text);
    Some((Ok(text.into()), has_more.then_some(exposition)))
}
