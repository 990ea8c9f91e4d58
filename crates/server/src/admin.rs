//! The admin server: what HTTP shows of the daemon, and what can be asked of it.
//!
//! ```text
//! each flush --> Board --\
//! each stage --> Beats ---+--> pages
//! a reload --> the configuration, the guard
//! ```
//!
//! Nothing here asks a stage for anything, so that nobody who looks can hold one up.

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context as _;
use axum::extract::State;
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodRouter, get, post};

use crate::accounting::Board;
use crate::beats::Beats;
use crate::clock;
use crate::config::Config;
use crate::http::{Guard, HttpServers, HttpSockets, Page, Server, Token};
use crate::notes::Notes;
use crate::tls::Certificates;

/// The longest token file that is read, in bytes.
const TOKEN_FILE_BYTES_MAX: u64 = 4096;

/// What the admin server listens with, bound before anything runs.
#[derive(Default)]
pub(crate) struct AdminSockets(Option<(HttpSockets, Option<Certificates>, Guard)>);

/// What the pages are about.
#[derive(Clone)]
pub(crate) struct Subjects {
    /// How everything stood at the last flush.
    pub(crate) board: Board,
    /// Which stages advance.
    pub(crate) beats: Beats,
    /// Whether the daemon receives.
    pub(crate) phase: Phase,
}

/// Whether the daemon receives. A clone is the same.
#[derive(Clone, Default)]
pub(crate) struct Phase(Arc<AtomicU8>);

/// The admin server, while this lives.
pub(crate) struct Admin {
    server: Arc<Server>,
    desk: Arc<Desk>,
    _pages: Vec<Page>,
}

/// What the pages share.
struct Desk {
    subjects: Subjects,
    /// The configuration in use, without secrets.
    config: Mutex<String>,
}

impl AdminSockets {
    /// Binds what is configured; nothing where there is no admin server.
    ///
    /// # Errors
    /// The address cannot be bound, or a file cannot be read.
    pub(crate) fn bind(config: &Config) -> anyhow::Result<Self> {
        let admin = &config.admin;
        let Some(address) = &admin.address else { return Ok(Self(None)) };
        let guard = guard(config)?;
        let tls = admin.tls.as_ref().map(Certificates::load).transpose()?;
        let sockets = HttpSockets::bind(address);
        let sockets = sockets.with_context(|| format!("admin.listen: cannot serve {address}"))?;
        Ok(Self(Some((sockets, tls, guard))))
    }
}

impl Phase {
    const RECEIVING: u8 = 1;
    const STOPPING: u8 = 2;

    /// Everything runs.
    pub(crate) fn receives(&self) {
        self.0.store(Self::RECEIVING, Ordering::Relaxed);
    }

    /// The end has begun.
    pub(crate) fn stops(&self) {
        self.0.store(Self::STOPPING, Ordering::Relaxed);
    }

    /// Why nothing should be sent here, if so.
    fn objection(&self) -> Option<&'static str> {
        match self.0.load(Ordering::Relaxed) {
            Self::RECEIVING => None,
            Self::STOPPING => Some("stopping"),
            _ => Some("starting"),
        }
    }
}

impl Admin {
    /// Makes ready what is served; `None` where there is no admin server.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn start(
        sockets: AdminSockets,
        config: &Config,
        subjects: Subjects,
        servers: &HttpServers,
        notes: &Notes,
    ) -> anyhow::Result<Option<Self>> {
        notes.set("admin.insecure", u64::from(config.admin.is_insecure()));
        let Some((sockets, tls, guard)) = sockets.0 else { return Ok(None) };
        let server = servers.open(sockets, tls)?;
        server.watch(guard);
        let desk = Arc::new(Desk { subjects, config: Mutex::new(config.redacted()) });
        let show = |(path, page): (&str, MethodRouter<Arc<Desk>>)| {
            server.show(path, page.with_state(Arc::clone(&desk)))
        };
        let pages = [
            ("/healthz", get(healthz)),
            ("/readyz", get(readyz)),
            ("/metrics", get(metrics)),
            ("/accounting", get(accounting)),
            ("/config", get(shown_config)),
            ("/-/reload", post(reload)),
        ];
        let pages = pages.into_iter().map(show).collect();
        for url in server.urls() {
            log::info!("admin: {url}/");
        }
        if config.admin.is_insecure() {
            log::warn!(
                "admin: others may reach it without a token or unencrypted, as \
                 admin.allow_insecure_http says"
            );
        }
        Ok(Some(Self { server, desk, _pages: pages }))
    }

    /// Begins to serve: what there is to be shown is there.
    pub(crate) fn begin(&self) {
        self.server.begin();
    }

    /// Goes on with another configuration and its guard.
    pub(crate) fn change(&self, next: &Config, guard: Guard) {
        self.server.watch(guard);
        *self.desk.config.lock().unwrap_or_else(PoisonError::into_inner) = next.redacted();
    }
}

/// Who may ask for what, with the token as its file has it now.
///
/// # Errors
/// The file cannot be read, or holds no token.
pub(crate) fn guard(config: &Config) -> anyhow::Result<Guard> {
    let admin = &config.admin;
    let token = admin.token_file.as_deref().map(read_token).transpose()?;
    let covers_reading = admin.is_public() && token.is_some();
    Ok(Guard { hosts: admin.hosts.clone(), token, covers_reading })
}

fn read_token(path: &Path) -> anyhow::Result<Token> {
    let context = || format!("admin.token_file: {}", path.display());
    let found = fs::metadata(path).with_context(context)?;
    if !found.is_file() || found.len() > TOKEN_FILE_BYTES_MAX {
        anyhow::bail!("{}: not a file with a token", context());
    }
    let text = fs::read_to_string(path).with_context(context)?;
    Token::parse(&text).map_err(anyhow::Error::msg).with_context(context)
}

/// Whether the stages advance: if not, nothing but another start will help.
async fn healthz(State(desk): State<Arc<Desk>>) -> Response {
    tell_health(None, &desk)
}

/// Whether to send something here.
async fn readyz(State(desk): State<Arc<Desk>>) -> Response {
    tell_health(desk.subjects.phase.objection(), &desk)
}

fn tell_health(objection: Option<&str>, desk: &Desk) -> Response {
    let stuck = desk.subjects.beats.stuck(clock::now());
    let reasons = objection.map(str::to_owned).into_iter();
    let reasons = reasons.chain(stuck.into_iter().map(|stage| format!("stuck: {stage}")));
    let reasons: Vec<_> = reasons.collect();
    match reasons.is_empty() {
        true => "ok\n".into_response(),
        false => (StatusCode::SERVICE_UNAVAILABLE, reasons.join("\n") + "\n").into_response(),
    }
}

async fn metrics(State(desk): State<Arc<Desk>>) -> Response {
    let content = [(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")];
    (content, desk.subjects.board.standing().prometheus()).into_response()
}

async fn accounting(State(desk): State<Arc<Desk>>) -> Response {
    let content = [(header::CONTENT_TYPE, "application/json")];
    (content, desk.subjects.board.standing().json()).into_response()
}

async fn shown_config(State(desk): State<Arc<Desk>>) -> Response {
    let text = desk.config.lock().unwrap_or_else(PoisonError::into_inner).clone();
    ([(header::CONTENT_TYPE, "application/toml")], text).into_response()
}

/// As SIGHUP does. What comes of it is in the log and in `reloads.*`.
async fn reload() -> Response {
    match signal_hook::low_level::raise(signal_hook::consts::SIGHUP) {
        Ok(()) => (StatusCode::ACCEPTED, "the configuration is read again\n").into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response(),
    }
}
