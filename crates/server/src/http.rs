//! The HTTP server: one for each address, whatever pages are to be found there.
//!
//! ```text
//! accept --> TLS --> head::look --> Guard --> the page of the path
//!            if any  strict         if any
//! ```
//!
//! One thread serves all who ask at an address. What they may take is bounded: connections, the
//! head of a request, and the time for all of it, so that who is slow holds up nobody else. No
//! request has a body, and each connection brings one.

use std::collections::BTreeSet;
use std::net::{SocketAddr, TcpListener as StdListener};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::response::Html;
use axum::routing::{MethodRouter, get};
use tokio::net::TcpListener;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;

use self::conversation::Conversation;
pub(crate) use self::guard::{Guard, Token};
use crate::config::Address;
use crate::listen::bind_connections;
use crate::notes::Notes;
use crate::tls::Certificates;

mod conversation;
mod guard;
mod head;

/// How many connections are served at a time; others wait.
const CONNECTIONS_MAX: usize = 64;
/// How long a request may take, with its answer.
const REQUEST_MAX: Duration = Duration::from_mins(2);
/// How long to rest after accepting failed, so that it costs no CPU time.
const REST: Duration = Duration::from_millis(50);

/// Sockets where HTTP is to be served.
pub(crate) struct HttpSockets {
    address: Address,
    listeners: Vec<StdListener>,
    bound: Vec<SocketAddr>,
}

/// All servers that run, by their address. A clone is the same.
#[derive(Clone, Default)]
pub(crate) struct HttpServers {
    open: Arc<Mutex<Vec<Weak<Server>>>>,
    notes: Notes,
}

/// The server of an address. It ends when nobody has it any more.
pub(crate) struct Server {
    address: Address,
    bound: Vec<SocketAddr>,
    site: Arc<Site>,
    /// Told once it may accept.
    begin: Mutex<Option<oneshot::Sender<()>>>,
    /// Dropped to end the thread.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

/// A page that is to be found as long as this lives.
pub(crate) struct Page {
    server: Arc<Server>,
    number: u64,
}

/// What is to be found at an address, and by whom.
struct Site {
    state: Mutex<SiteState>,
    notes: Notes,
}

#[derive(Default)]
struct SiteState {
    /// In the order in which they came. Of several with a path the last is shown.
    pages: Vec<(u64, String, MethodRouter)>,
    /// How many there ever were.
    pages_opened: u64,
    router: Router,
    guard: Option<Arc<Guard>>,
    tls: Option<Certificates>,
}

impl HttpSockets {
    /// Binds an address.
    ///
    /// # Errors
    /// It cannot be resolved or bound.
    pub(crate) fn bind(address: &Address) -> anyhow::Result<Self> {
        let (sockets, bound): (Vec<_>, _) = bind_connections(address)?.into_iter().unzip();
        let listeners = sockets.into_iter().map(StdListener::from).collect();
        Ok(Self { address: address.clone(), listeners, bound })
    }
}

impl HttpServers {
    /// None yet. What becomes of requests is written into the notes.
    pub(crate) fn new(notes: Notes) -> Self {
        Self { open: Arc::default(), notes }
    }

    /// The server of an address, the one that is there or another one, and whether it is another
    /// one, which has to [`Server::begin`].
    ///
    /// # Errors
    /// The address cannot be bound, or the system can start no thread.
    pub(crate) fn at(&self, address: &Address) -> anyhow::Result<(Arc<Server>, bool)> {
        let servers = self.lock();
        let mut there = servers.iter().filter_map(Weak::upgrade);
        // At port 0 each has a port of its own.
        match there.find(|server| server.address == *address && address.port != 0) {
            Some(server) => Ok((server, false)),
            None => {
                drop(servers);
                Ok((self.open(HttpSockets::bind(address)?, None)?, true))
            }
        }
    }

    /// A server for sockets that are bound, perhaps with TLS. It has to [`Server::begin`].
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn open(
        &self,
        sockets: HttpSockets,
        tls: Option<Certificates>,
    ) -> anyhow::Result<Arc<Server>> {
        let HttpSockets { address, listeners, bound } = sockets;
        let state = Mutex::new(SiteState { tls, ..SiteState::default() });
        let site = Arc::new(Site { state, notes: self.notes.clone() });
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let ((begin, begun), (stop, stopped)) = (oneshot::channel(), oneshot::channel());
        let served = Arc::clone(&site);
        let thread = thread::Builder::new()
            .name("http".to_owned())
            .spawn(move || serve(&runtime, listeners, &served, begun, stopped))
            .context("cannot start its thread")?;
        let (begin, stop, thread) = (Mutex::new(Some(begin)), Some(stop), Some(thread));
        let server = Arc::new(Server { address, bound, site, begin, stop, thread });
        let mut servers = self.lock();
        servers.retain(|server| server.strong_count() > 0);
        servers.push(Arc::downgrade(&server));
        Ok(server)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Weak<Server>>> {
        // A panic of another thread ends the process.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Server {
    /// What it is found under: `http://127.0.0.1:9102`.
    pub(crate) fn urls(&self) -> Vec<String> {
        let scheme = if self.site.lock().tls.is_some() { "https" } else { "http" };
        self.bound.iter().map(|address| format!("{scheme}://{address}")).collect()
    }

    /// Lets those in who wait: its pages are there.
    pub(crate) fn begin(&self) {
        let begin = self.begin.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(begin) = begin {
            // Its thread waits for this.
            begin.send(()).ok();
        }
    }

    /// Has it ask this guard from now on.
    pub(crate) fn watch(&self, guard: Guard) {
        self.site.lock().guard = Some(Arc::new(guard));
    }

    /// Shows a page, until that is dropped. One that has the path already gives way meanwhile.
    pub(crate) fn show(self: &Arc<Self>, path: &str, page: MethodRouter) -> Page {
        let mut state = self.site.lock();
        let number = state.pages_opened;
        state.pages_opened += 1;
        state.pages.push((number, path.to_owned(), page));
        state.router = router(&state.pages);
        drop(state);
        Page { server: Arc::clone(self), number }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop((self.begin.get_mut().map(Option::take), self.stop.take()));
        if let Some(Err(panic)) = self.thread.take().map(JoinHandle::join) {
            std::panic::resume_unwind(panic);
        }
    }
}

impl Drop for Page {
    fn drop(&mut self) {
        let mut state = self.server.site.lock();
        state.pages.retain(|(number, ..)| *number != self.number);
        state.router = router(&state.pages);
    }
}

impl Site {
    fn lock(&self) -> MutexGuard<'_, SiteState> {
        // A panic of another thread ends the process.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What leads to the pages, and at `/` says which there are.
fn router(pages: &[(u64, String, MethodRouter)]) -> Router {
    let (mut router, mut paths) = (Router::new(), BTreeSet::new());
    for (_, path, page) in pages.iter().rev() {
        if paths.insert(path.as_str()) {
            router = router.route(path, page.clone());
        }
    }
    if paths.contains("/") {
        return router;
    }
    let mut index = "<!doctype html>\n<title>gstatsd</title>\n<h1>gstatsd</h1>\n<ul>\n".to_owned();
    // What changes something is nothing to be led to.
    for path in paths.iter().filter(|path| !path.starts_with("/-/")) {
        index.push_str(&format!("<li><a href=\"{path}\">{path}</a>\n"));
    }
    index.push_str("</ul>\n");
    router.route("/", get(|| async { Html(index) }))
}

/// Accepts from when it is told to begin until it is told to stop.
fn serve(
    runtime: &Runtime,
    listeners: Vec<StdListener>,
    site: &Arc<Site>,
    begun: oneshot::Receiver<()>,
    stopped: oneshot::Receiver<()>,
) {
    let places = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    runtime.block_on(async {
        if begun.await.is_err() {
            return;
        }
        for listener in listeners {
            match TcpListener::from_std(listener) {
                Ok(listener) => {
                    tokio::spawn(accept(listener, Arc::clone(site), Arc::clone(&places)));
                }
                Err(error) => log::error!("cannot wait for requests of HTTP: {error}"),
            }
        }
        // Either way it is over.
        stopped.await.ok();
    });
}

async fn accept(listener: TcpListener, site: Arc<Site>, places: Arc<Semaphore>) {
    while let Ok(place) = Arc::clone(&places).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, _)) => {
                let conversation = Conversation::new(&site, stream.local_addr().ok());
                tokio::spawn(async move {
                    // A peer that broke off, or was too slow, has nobody else to hear of it.
                    timeout(REQUEST_MAX, conversation.hold(stream)).await.ok();
                    drop(place);
                });
            }
            Err(error) => {
                log::debug!("cannot accept a connection of HTTP: {error}");
                tokio::time::sleep(REST).await;
            }
        }
    }
}
