//! The page that Prometheus scrapes: a small HTTP server for each such sink.
//!
//! ```text
//! queue and thread of the sink --> Prometheus --> its registry <-- a scrape <-- HTTP
//! ```
//!
//! One thread serves all who ask. What they may take is bounded: connections, the head of a
//! request, and the time for all of it, so that who reads slowly holds up nobody else.

use std::future::Future;
use std::net::TcpListener as StdListener;
use std::sync::Arc;
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, header};
use axum::response::{Html, IntoResponse};
use axum::routing::get;
use futures_util::stream;
use gstatsd_aggregate::{Naming, Snapshot};
use gstatsd_sinks::{
    Exposition, Format, PointCounter, Prometheus, PrometheusSettings, Receipt, Scrape, SendError,
    Sink,
};
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use crate::config::ScrapePage;
use crate::listen::bind_connections;

/// How many connections are served at a time; others wait.
const CONNECTIONS_MAX: usize = 64;
/// How long a request may take to be made, and with its answer.
const HEAD_MAX: Duration = Duration::from_secs(10);
const REQUEST_MAX: Duration = Duration::from_mins(2);
/// How long a head may be, in bytes; hyper takes no less.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// For how long the quantiles of an interval are shown, where none with samples follows: who
/// scrapes once in a minute has seen them.
const QUANTILE_MAX: Duration = Duration::from_mins(5);
/// How long the names and labels of all series on a page are at most: some five million series.
const TEXT_BYTES_MAX: usize = 256 << 20;
/// How long to rest after accepting failed, so that it costs no CPU time.
const REST: Duration = Duration::from_millis(50);

/// A sink of Prometheus with its page.
pub(crate) struct ScrapeServer {
    sink: Prometheus,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl ScrapeServer {
    /// Begins to serve the page.
    ///
    /// # Errors
    /// The address cannot be bound, or the system can start no thread.
    pub(crate) fn open(name: &str, page: &ScrapePage, flush: Duration) -> anyhow::Result<Self> {
        let ScrapePage { address, path, quantiles, seconds, idle_timeout } = page;
        let (sink, scrape) = Prometheus::new(PrometheusSettings {
            quantiles: quantiles.clone(),
            seconds: *seconds,
            idle_flushes_max: flushes(*idle_timeout, flush),
            quantile_flushes_max: flushes(QUANTILE_MAX, flush),
            text_bytes_max: TEXT_BYTES_MAX,
        });
        let bound = bind_connections(address)?;
        for (_, address) in &bound {
            log::info!("sink {name}: Prometheus can scrape http://{address}{path}");
        }
        let listeners = bound.into_iter().map(|(socket, _)| socket.into()).collect();
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel();
        let pages = pages(path, scrape);
        let thread = thread::Builder::new()
            .name(format!("scrapes {name}"))
            .spawn(move || serve(&runtime, listeners, &pages, stopped))
            .context("cannot start its thread")?;
        Ok(Self { sink, stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for ScrapeServer {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
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

/// How many flushes there are in a time; at least 1.
fn flushes(time: Duration, interval: Duration) -> u32 {
    let flushes = (time.as_secs_f64() / interval.as_secs_f64()).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held there")]
    let held = flushes.clamp(1.0, f64::from(u32::MAX)) as u32;
    held
}

/// The page itself, and at `/` the way to it.
fn pages(path: &str, scrape: Scrape) -> Router {
    let way = format!("<title>gstatsd</title><h1>gstatsd</h1><a href=\"{path}\">metrics</a>\n");
    let pages = Router::new().route(path, get(page)).with_state(scrape);
    match path {
        "/" => pages,
        _ => pages.route("/", get(|| async { Html(way) })),
    }
}

async fn page(State(scrape): State<Scrape>, headers: HeaderMap) -> impl IntoResponse {
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

/// Accepts until it is told to stop.
fn serve(
    runtime: &Runtime,
    listeners: Vec<StdListener>,
    pages: &Router,
    stopped: oneshot::Receiver<()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    runtime.block_on(async {
        for listener in listeners {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    tokio::spawn(accept(listener, pages.clone(), Arc::clone(&places)));
                }
                Err(error) => log::error!("cannot wait for scrapes: {error}"),
            }
        }
        // Either way it is over.
        stopped.await.ok();
    });
}

async fn accept(listener: TcpListener, pages: Router, places: Arc<Semaphore>) {
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let answered = timeout(REQUEST_MAX, answer(stream, pages.clone()));
                tokio::spawn(async move {
                    // A peer that broke off has nobody else to hear of it.
                    answered.await.ok();
                    drop(place);
                });
            }
            Err(error) => {
                log::debug!("cannot accept a scrape: {error}");
                tokio::time::sleep(REST).await;
            }
        }
    }
}

/// Answers one request, and closes the connection: the next scrape is seconds away.
fn answer(stream: TcpStream, pages: Router) -> impl Future<Output = hyper::Result<()>> {
    let service = TowerToHyperService::new(pages);
    http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_MAX)
        .keep_alive(false)
        .max_buf_size(HEAD_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
}
