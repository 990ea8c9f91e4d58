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
    Exposition, Format, PointCounter, Prometheus, Receipt, Scrape, SendError, Sink,
};

use crate::config::ScrapePage;
use crate::http::{HttpServers, Page};
use crate::sinks;

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
