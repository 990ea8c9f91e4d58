//! Who may ask a server for what: by the name it was called, by where a page came from, and by
//! the token.
//!
//! A browser on this machine can be led to ask us by any page of the web. It says then by what
//! name it found us (`Host`) and whose page it was (`Origin`, `Sec-Fetch-Site`); a page cannot lie
//! about these.

use std::fmt;
use std::net::SocketAddr;

use axum::http::{HeaderMap, Method, StatusCode, header, uri::Authority};
use subtle::ConstantTimeEq as _;

/// The shortest and the longest token, in bytes: 128 bits in hexadecimal digits would be 32.
const TOKEN_BYTES: std::ops::RangeInclusive<usize> = 16..=1024;
/// What may be asked without a token wherever we listen: for who balances load.
const OPEN: [&str; 2] = ["/healthz", "/readyz"];

/// A word that only those know who may change something. It is never shown.
#[derive(Clone)]
pub(crate) struct Token(Box<[u8]>);

/// Who may ask a server for what.
#[derive(Clone, Debug)]
pub(crate) struct Guard {
    /// The names that we may be called by, in lower case, beside `localhost` and the address that
    /// was connected to.
    pub(crate) hosts: Vec<String>,
    /// What has to be known to change something; without one nothing can be changed.
    pub(crate) token: Option<Token>,
    /// Whether it has to be known to read something too.
    pub(crate) covers_reading: bool,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// It was meant for another.
    Misdirected,
    /// A page of somebody else made it.
    Foreign,
    /// It has no token, or a wrong one.
    Unauthorized,
    /// There is no token with which it could be made.
    Forbidden,
}

impl Token {
    /// Reads the text of a file: one line, with blanks around it.
    ///
    /// # Errors
    /// What is wrong with it, without the text.
    pub(crate) fn parse(text: &str) -> Result<Self, String> {
        let token = text.trim_ascii();
        if !TOKEN_BYTES.contains(&token.len()) {
            let (least, most) = (TOKEN_BYTES.start(), TOKEN_BYTES.end());
            return Err(format!("the token has {} bytes, not {least} to {most}", token.len()));
        }
        match token.bytes().all(|byte| byte.is_ascii_graphic()) {
            true => Ok(Self(token.as_bytes().into())),
            false => Err("the token is not one word of visible ASCII".to_owned()),
        }
    }

    /// Takes the same time wherever the first difference is.
    fn is(&self, other: &[u8]) -> bool {
        self.0.ct_eq(other).into()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

impl Guard {
    /// Whether a request is let in that came to the address `local`.
    ///
    /// # Errors
    /// Why it is not.
    pub(super) fn admit(
        &self,
        method: &Method,
        path: &str,
        headers: &HeaderMap,
        local: Option<SocketAddr>,
    ) -> Result<(), Refusal> {
        // Only HTTP/1.0 may come without one, which no browser speaks.
        if let Some(host) = headers.get(header::HOST)
            && !host.to_str().is_ok_and(|host| self.is_called(host, local))
        {
            return Err(Refusal::Misdirected);
        }
        let changes = !matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS);
        if changes && !is_of_own_page(headers) {
            return Err(Refusal::Foreign);
        }
        if changes && self.token.is_none() {
            return Err(Refusal::Forbidden);
        }
        let is_needed = changes || self.covers_reading && !OPEN.contains(&path);
        match &self.token {
            Some(token) if is_needed && !has_token(headers, token) => Err(Refusal::Unauthorized),
            _ => Ok(()),
        }
    }

    /// Whether we may be called by this: `host` or `host:port`.
    fn is_called(&self, host: &str, local: Option<SocketAddr>) -> bool {
        let Ok(authority) = host.parse::<Authority>() else { return false };
        let name = authority.host().to_ascii_lowercase();
        let literal = name.trim_start_matches('[').trim_end_matches(']').parse();
        let is_local = literal.is_ok_and(|address: std::net::IpAddr| {
            local.is_some_and(|local| local.ip().to_canonical() == address.to_canonical())
        });
        !host.contains('@') && (is_local || name == "localhost" || self.hosts.contains(&name))
    }
}

/// Whether no page made a request, or one of ours.
fn is_of_own_page(headers: &HeaderMap) -> bool {
    let text = |name| headers.get(name).map(|value| value.to_str().unwrap_or("?"));
    if !matches!(text("sec-fetch-site"), None | Some("same-origin" | "none")) {
        return false;
    }
    let Some(origin) = text("origin") else { return true };
    let host = text("host");
    // Whether it is http or https makes no other page of it: there is one server at a port.
    let of = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    of.is_some() && of == host
}

fn has_token(headers: &HeaderMap, token: &Token) -> bool {
    let mut given = headers.get_all(header::AUTHORIZATION).iter();
    let (Some(one), None) = (given.next(), given.next()) else { return false };
    let bytes = one.as_bytes();
    let Some((scheme, word)) = bytes.split_at_checked(7) else { return false };
    scheme.eq_ignore_ascii_case(b"bearer ") && token.is(word)
}

impl Refusal {
    /// The status that it is answered with.
    pub(super) fn status(self) -> StatusCode {
        match self {
            Self::Misdirected => StatusCode::MISDIRECTED_REQUEST,
            Self::Foreign | Self::Forbidden => StatusCode::FORBIDDEN,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
        }
    }

    /// The own metric under which it is counted.
    pub(super) fn note(self) -> &'static str {
        match self {
            Self::Misdirected => "http.refused.host",
            Self::Foreign => "http.refused.origin",
            Self::Unauthorized => "http.refused.token",
            Self::Forbidden => "http.refused.no_token",
        }
    }

    /// What is said to who asked.
    pub(super) fn text(self) -> &'static str {
        match self {
            Self::Misdirected => "nobody of this name is here: admin.hosts has those we go by\n",
            Self::Foreign => "asked by a page of somebody else\n",
            Self::Unauthorized => "it takes the token of admin.token_file, as a bearer token\n",
            Self::Forbidden => "nothing can be changed without admin.token_file\n",
        }
    }
}

#[cfg(test)]
mod tests;
