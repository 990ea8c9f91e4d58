//! HTTP as a sink needs it: post one bounded body, and read a bounded answer.
//!
//! No redirect is followed, no proxy asked, and nothing sent again: what an answer means is said
//! by [`verdict`], and what comes of it is for the sink.

mod resolver;
mod tls;
mod verdict;

use std::io::{self, Read as _, Write as _};
use std::sync::Mutex;
use std::time::Duration;

use flate2::Compression;
use flate2::write::GzEncoder;
use ureq::http::{HeaderName, HeaderValue, Uri};
use ureq::unversioned::transport::{Connector as _, TcpConnector};
use ureq::{Agent, Timeout};

use self::resolver::OneHost;
use self::tls::TlsConnector;
pub(crate) use self::verdict::Verdict;
use self::verdict::verdict;
use crate::{Clock, Host, Secret, SendError, Tls};

/// The most that is read of an answer: its head, and its body.
const ANSWER_BYTES_MAX: usize = 64 * 1024;
/// How much of the text of an answer is worth showing.
const SHOWN_MAX: usize = 200;
/// An idle connection is closed after this time; most peers do it later.
const IDLE_MAX: Duration = Duration::from_secs(50);

/// Where a sink posts to, and how.
#[derive(Clone, Debug)]
pub struct HttpSettings {
    /// `http://host:port/path?query` or `https://...`.
    pub url: String,
    /// What goes along with each request; see [`check_header`].
    pub headers: Vec<(String, Secret)>,
    /// How long a request may take, from the name of the host to the end of the answer.
    pub timeout: Duration,
    /// Whether bodies are compressed.
    pub gzip: bool,
    /// Whom to trust, and who we are; there where the url has `https`.
    pub tls: Option<Tls>,
}

/// Says what is wrong with a header, if anything.
///
/// # Errors
/// One line, which does not show the value.
pub fn check_header(name: &str, value: &Secret) -> Result<(), String> {
    HeaderName::from_bytes(name.as_bytes())
        .map_err(|_| format!("'{name}' is not the name of a header"))?;
    HeaderValue::from_str(value.reveal())
        .map_err(|_| format!("the value of '{name}' has bytes that no header can have"))?;
    Ok(())
}

/// Posts to one peer.
pub(crate) struct HttpClient {
    settings: HttpSettings,
    agent: Agent,
    clock: Clock,
    /// `host:port`, as errors name it.
    peer: String,
    packed: Vec<u8>,
}

/// What a peer answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) verdict: Verdict,
    pub(crate) status: u16,
    /// The begin of its body.
    pub(crate) body: Vec<u8>,
}

impl HttpClient {
    /// Makes a client; it connects when there is something to send.
    pub(crate) fn new(settings: HttpSettings, clock: Clock) -> Self {
        let config = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(0)
            .proxy(None)
            .user_agent(concat!("gstatsd/", env!("CARGO_PKG_VERSION")))
            .accept("*/*")
            .max_response_header_size(ANSWER_BYTES_MAX)
            .max_idle_connections(1)
            .max_idle_age(IDLE_MAX)
            .timeout_global(Some(settings.timeout))
            .build();
        let tls = TlsConnector(settings.tls.clone().map(Mutex::new));
        let connector = TcpConnector::default().chain(tls);
        let resolver = OneHost(Mutex::new(host(&settings.url)));
        let agent = Agent::with_parts(config, connector, resolver);
        let peer = peer(&settings.url);
        Self { settings, agent, clock, peer, packed: Vec::new() }
    }

    /// `host:port`, as errors name it.
    pub(crate) fn peer(&self) -> &str {
        &self.peer
    }

    /// Posts a body with headers of its own, and reads the answer.
    ///
    /// # Errors
    /// There was no answer, or none that is HTTP, or not in time.
    pub(crate) fn post(
        &mut self,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<Answer, SendError> {
        // Whoever owns the clock sees that a snapshot of many pieces goes on.
        (self.clock.now)();
        let mut request = self.agent.post(&self.settings.url);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        for (name, value) in &self.settings.headers {
            request = request.header(name, value.reveal());
        }
        let sent = if self.settings.gzip {
            self.packed.clear();
            pack(body, &mut self.packed).map_err(|source| self.broken(source))?;
            request.header("Content-Encoding", "gzip").send(&self.packed[..])
        } else {
            request.send(body)
        };
        let mut response = sent.map_err(|error| self.error(error))?;
        let status = response.status().as_u16();
        let retry_after = response.headers().get("Retry-After");
        let retry_after = retry_after.and_then(|value| value.to_str().ok()).map(str::to_owned);
        let mut body = Vec::new();
        // The status has said what became of it; a body that breaks off changes nothing.
        let reader = response.body_mut().as_reader();
        drop(reader.take(ANSWER_BYTES_MAX as u64).read_to_end(&mut body));
        let verdict = verdict(status, retry_after.as_deref(), (self.clock.wall)());
        Ok(Answer { verdict, status, body })
    }

    /// The error of a peer that asks to be sent the same again later.
    pub(crate) fn busy(&self, answer: &Answer, retry_after: Option<Duration>) -> SendError {
        SendError::Busy { peer: self.peer.clone(), answer: answer.shown(), retry_after }
    }

    fn broken(&self, source: io::Error) -> SendError {
        SendError::Write { peer: self.peer.clone(), source }
    }

    fn error(&self, error: ureq::Error) -> SendError {
        let peer = self.peer.clone();
        let timeout = self.settings.timeout;
        match error {
            ureq::Error::HostNotFound => {
                let source = io::Error::new(io::ErrorKind::NotFound, "the host is not known");
                SendError::Resolve { peer, source }
            }
            ureq::Error::Timeout(Timeout::Resolve) => {
                SendError::Resolve { peer, source: io::ErrorKind::TimedOut.into() }
            }
            ureq::Error::Timeout(Timeout::SendRequest | Timeout::SendBody) => {
                SendError::Stalled { peer, timeout }
            }
            ureq::Error::Timeout(_) => {
                SendError::NoAnswer { peer, what: format!("none within {timeout:?}") }
            }
            ureq::Error::Io(source) if source.kind() == io::ErrorKind::ConnectionRefused => {
                SendError::Connect { peer, source }
            }
            ureq::Error::Io(source) => SendError::Write { peer, source },
            ureq::Error::Other(source) => {
                SendError::Connect { peer, source: io::Error::other(source) }
            }
            ureq::Error::ConnectionFailed => {
                SendError::Connect { peer, source: io::ErrorKind::NotConnected.into() }
            }
            error => SendError::NoAnswer { peer, what: error.to_string() },
        }
    }
}

impl std::fmt::Debug for HttpClient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("HttpClient").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl Answer {
    /// Status and begin of the text, in one line.
    pub(crate) fn shown(&self) -> String {
        match shown(&self.body) {
            text if text.is_empty() => self.status.to_string(),
            text => format!("{}: {text}", self.status),
        }
    }
}

/// The begin of a text of a peer, in one line and without what a terminal could take for a
/// command.
pub(crate) fn shown(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let words = text.split(|c: char| c.is_whitespace() || c.is_control());
    let words: Vec<_> = words.filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(SHOWN_MAX).collect()
}

/// Appends a body in the format of gzip.
fn pack(body: &[u8], out: &mut Vec<u8>) -> io::Result<()> {
    let mut encoder = GzEncoder::new(out, Compression::fast());
    encoder.write_all(body)?;
    encoder.finish()?;
    Ok(())
}

/// `host:port` of a url.
pub(crate) fn peer(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.split(['/', '?']).next().unwrap_or(rest).to_owned()
}

/// The host of a url.
pub(crate) fn host(url: &str) -> Host {
    let uri: Uri = url.parse().unwrap_or_default();
    let default = if uri.scheme_str() == Some("https") { 443 } else { 80 };
    let name = uri.host().unwrap_or_default().trim_matches(['[', ']']);
    Host::new(name, uri.port_u16().unwrap_or(default))
}

#[cfg(test)]
mod tests;
