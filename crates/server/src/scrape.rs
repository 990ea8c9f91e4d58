//! The page that Prometheus scrapes: a sink, and what the HTTP server shows of it.
//!
//! ```text
//! queue and thread of the sink --> Prometheus --> its registry <-- a scrape <-- HTTP
//! ```

use std::io::{self, Write as _};
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use flate2::Compression;
use flate2::write::GzEncoder;
use futures_util::stream;
use gstatsd_aggregate::{Naming, Snapshot};
use gstatsd_sinks::{
    Exposition, Format, PointCounter, Prometheus, Receipt, Scrape, SendError, Sink, TotalsKeeper,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::config::ScrapePage;
use crate::http::{HttpServers, Page};
use crate::sinks;

/// How much of a packed page is sent at once, at least.
const PACKED_MIN: usize = 16 * 1024;
/// How many pages are made at a time: so many who scrape slowly cost 64 KiB each, and more are
/// told to come again.
const SCRAPES_MAX: usize = 16;

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
        let (sink, scrape) = sinks::prometheus(page, flush);
        let places = Arc::new(Semaphore::new(SCRAPES_MAX));
        let (server, is_new) = servers.at(&page.address)?;
        let shown = server.show(&page.path, get(show).with_state(Scrapes { scrape, places }));
        if is_new {
            server.begin();
        }
        for url in server.urls() {
            log::info!("sink {name}: Prometheus can scrape {url}{}", page.path);
        }
        Ok(Self { sink, _page: shown })
    }
}

impl Sink for ScrapeServer {
    fn point_counter(&self) -> PointCounter {
        self.sink.point_counter()
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        self.sink.send(snapshot, naming)
    }

    fn keep_totals(&mut self, keeper: Box<dyn TotalsKeeper>) {
        self.sink.keep_totals(keeper);
    }

    fn prepare(&mut self) {
        self.sink.prepare();
    }

    fn end(&mut self) {
        self.sink.end();
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        self.sink.preview(snapshot, naming, show);
    }
}

/// What a request for the page needs.
#[derive(Clone)]
struct Scrapes {
    scrape: Scrape,
    /// For the scrapes that are under way.
    places: Arc<Semaphore>,
}

async fn show(State(page): State<Scrapes>, headers: HeaderMap) -> Response {
    let Ok(place) = page.places.try_acquire_owned() else {
        let later = [(header::RETRY_AFTER, "1")];
        return (StatusCode::SERVICE_UNAVAILABLE, later, "too many scrapes\n").into_response();
    };
    let text_of = |name| headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or("");
    let format = Format::accepted(text_of(header::ACCEPT));
    let exposition = page.scrape.exposition(format);
    let is_packed = accepts_gzip(text_of(header::ACCEPT_ENCODING));
    // Fast: the page is read again within seconds.
    let packer = is_packed.then(|| GzEncoder::new(Vec::new(), Compression::fast()));
    let pieces = stream::unfold(Some(Pieces { exposition, packer, _place: place }), next_piece);
    let mut response = Body::from_stream(pieces).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(format.content_type()));
    headers.insert(header::VARY, HeaderValue::from_static("accept, accept-encoding"));
    if is_packed {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

/// Whether an `Accept-Encoding` header asks for gzip.
fn accepts_gzip(accept: &str) -> bool {
    accept.split(',').any(|wanted| {
        let mut parts = wanted.split(';').map(str::trim);
        let is_gzip = parts.next().is_some_and(|coding| coding.eq_ignore_ascii_case("gzip"));
        let weight = parts.find_map(|part| part.strip_prefix("q="));
        is_gzip && weight.is_none_or(|weight| weight.parse::<f64>().is_ok_and(|q| q > 0.0))
    })
}

/// A page on its way.
struct Pieces {
    exposition: Exposition,
    packer: Option<GzEncoder<Vec<u8>>>,
    _place: OwnedSemaphorePermit,
}

type Piece = (Result<Bytes, io::Error>, Option<Pieces>);

async fn next_piece(pieces: Option<Pieces>) -> Option<Piece> {
    let mut pieces = pieces?;
    let mut text = Vec::new();
    let mut has_more = true;
    let packed = loop {
        has_more = has_more && pieces.exposition.write(&mut text);
        let Some(packer) = &mut pieces.packer else { break Ok(text) };
        if let Err(error) = packer.write_all(&text) {
            break Err(error);
        }
        text.clear();
        if !has_more {
            break pieces.packer.take().map_or(Ok(text), GzEncoder::finish);
        }
        // What is packed well becomes little.
        if packer.get_ref().len() >= PACKED_MIN {
            break Ok(std::mem::take(packer.get_mut()));
        }
    };
    Some((packed.map(Bytes::from), has_more.then_some(pieces)))
}
