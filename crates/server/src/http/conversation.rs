//! One connection: a request, looked at before it is let in, and its answer.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderValue, Response, header};
use axum::middleware::{Next, from_fn};
use axum::response::IntoResponse as _;
use hyper::server::conn::http1;
use hyper_util::rt::TokioIo;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

use super::Site;
use super::guard::{Guard, Refusal};
use super::head::{self, Fault};
use crate::hooks;
use crate::notes::Notes;

/// How long a handshake, and the head of a request, may take to come.
const HEAD_MAX: Duration = Duration::from_secs(5);
/// How long what a peer still sends is read after it was refused, so that it sees why.
const LINGER: Duration = Duration::from_secs(1);
/// How much is read at once.
const READ_BYTES: usize = 4096;

/// What every answer says to a browser: it is what it says it is, belongs to nobody's page, and
/// loads and runs nothing.
const HEADERS: [(header::HeaderName, &str); 7] = [
    (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
    (header::REFERRER_POLICY, "no-referrer"),
    (header::X_FRAME_OPTIONS, "DENY"),
    (
        header::CONTENT_SECURITY_POLICY,
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    ),
    (header::CACHE_CONTROL, "no-store"),
    (header::HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (header::HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
];

/// What holds for one connection.
pub(super) struct Conversation {
    router: Router,
    tls: Option<Arc<ServerConfig>>,
    notes: Notes,
}

impl Conversation {
    /// A conversation about what a site shows now, with who connected to the address `local`.
    pub(super) fn new(site: &Site, local: Option<SocketAddr>) -> Self {
        let mut state = site.lock();
        let tls = state.tls.as_mut().map(|certificates| {
            certificates.refresh();
            certificates.config()
        });
        let (guard, notes) = (state.guard.clone(), site.notes.clone());
        let router = guarded(state.router.clone(), guard, notes.clone(), local);
        Self { router, tls, notes }
    }

    /// Holds it to its end.
    pub(super) async fn hold(self, stream: TcpStream) {
        hooks::reach("http");
        match self.tls.clone() {
            None => self.talk(stream).await,
            Some(config) => {
                let greeted = timeout(HEAD_MAX, TlsAcceptor::from(config).accept(stream));
                match greeted.await {
                    Ok(Ok(stream)) => self.talk(stream).await,
                    _ => self.notes.add("http.refused.tls", 1),
                }
            }
        }
    }

    async fn talk<S: AsyncRead + AsyncWrite + Send + Unpin>(self, mut stream: S) {
        let mut begin = Vec::new();
        let head = timeout(HEAD_MAX, read_head(&mut stream, &mut begin));
        let fault = match head.await {
            Ok(Ok(Ok(()))) => {
                self.notes.add("http.requests", 1);
                return answer(stream, begin, self.router).await;
            }
            Ok(Ok(Err(fault))) => fault,
            // It went away.
            Ok(Err(_)) => return,
            Err(_) => Fault::Late,
        };
        self.notes.add(fault.note(), 1);
        timeout(LINGER, refuse(stream, fault)).await.ok();
    }
}

/// The router behind its guard; every answer has the same headers.
fn guarded(
    router: Router,
    guard: Option<Arc<Guard>>,
    notes: Notes,
    local: Option<SocketAddr>,
) -> Router {
    router.layer(from_fn(move |request: Request, next: Next| {
        let admitted = guard.as_ref().map_or(Ok(()), |guard| {
            guard.admit(request.method(), request.uri().path(), request.headers(), local)
        });
        let notes = notes.clone();
        async move {
            let mut answer = match admitted {
                Ok(()) => next.run(request).await,
                Err(refusal) => refused(refusal, &notes),
            };
            for (name, value) in HEADERS {
                answer.headers_mut().entry(name).or_insert(HeaderValue::from_static(value));
            }
            answer
        }
    }))
}

fn refused(refusal: Refusal, notes: &Notes) -> Response<Body> {
    notes.add(refusal.note(), 1);
    let mut answer = (refusal.status(), refusal.text()).into_response();
    if refusal == Refusal::Unauthorized {
        let how = HeaderValue::from_static("Bearer realm=\"gstatsd\"");
        answer.headers_mut().insert(header::WWW_AUTHENTICATE, how);
    }
    answer
}

/// Reads until the head is whole; what came after it is no more looked at.
async fn read_head(
    stream: &mut (impl AsyncRead + Unpin),
    begin: &mut Vec<u8>,
) -> io::Result<Result<(), Fault>> {
    let mut piece = [0; READ_BYTES];
    loop {
        let bytes = stream.read(&mut piece).await?;
        if bytes == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        let seen = begin.len();
        begin.extend_from_slice(&piece[..bytes]);
        match head::look(begin, seen) {
            Ok(None) => {}
            Ok(Some(end)) => {
                begin.truncate(end);
                return Ok(Ok(()));
            }
            Err(fault) => return Ok(Err(fault)),
        }
    }
}

/// Answers one request, and closes the connection: the next one is seconds away.
async fn answer<S>(stream: S, begin: Vec<u8>, router: Router)
where
    S: AsyncRead + AsyncWrite + Send + Unpin,
{
    let (reader, writer) = tokio::io::split(stream);
    let stream = tokio::io::join(io::Cursor::new(begin).chain(reader), writer);
    let service = TowerToHyperService::new(router);
    let served = http1::Builder::new()
        .keep_alive(false)
        .max_headers(100)
        .serve_connection(TokioIo::new(stream), service);
    if let Err(error) = served.await {
        log::debug!("HTTP: {error}");
    }
}

/// Says why nothing comes of a request, and reads what is still sent: to close while something
/// is unread would take the answer away from who sends it.
async fn refuse(mut stream: impl AsyncRead + AsyncWrite + Unpin, fault: Fault) {
    let mut text = format!("HTTP/1.1 {}\r\nconnection: close\r\n", fault.status());
    for (name, value) in HEADERS {
        text.push_str(&format!("{name}: {value}\r\n"));
    }
    let why = format!("{fault}\n");
    let length = why.len();
    text.push_str(&format!("content-type: text/plain\r\ncontent-length: {length}\r\n\r\n{why}"));
    if stream.write_all(text.as_bytes()).await.is_err() || stream.shutdown().await.is_err() {
        return;
    }
    let mut rest = [0; READ_BYTES];
    while matches!(stream.read(&mut rest).await, Ok(1..)) {}
}
