//! What is typed for a listener and for a sink: `[host]:port` or a URL.

use super::{Address, Transport};

/// What is typed for a sink.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum SinkSpec {
    /// `console:`
    Console,
    /// `[host]:port` or `graphite://host:port`
    Graphite(Address),
}

/// Transports that have a name but no code yet.
const LATER_TRANSPORTS: [&str; 3] = ["tcp", "unix", "unixgram"];

/// Reads what is typed for a listener.
///
/// # Errors
/// One line that names the text and what is allowed.
pub(crate) fn listener(text: &str) -> Result<Address, String> {
    const ALLOWED: &str = "give [HOST]:PORT or udp://[HOST]:PORT";
    let trimmed = text.trim();
    let (transport, address) = split_transport(trimmed);
    if LATER_TRANSPORTS.contains(&transport) {
        return Err(format!("'{text}': listening on {transport} is not supported yet; {ALLOWED}"));
    }
    if transport != "udp" {
        return Err(format!("'{text}': '{transport}' is no transport; {ALLOWED}"));
    }
    Address::parse(address, 0).map_err(|why| format!("'{text}' is no address: {why}; {ALLOWED}"))
}

/// Reads what is typed for a sink.
///
/// # Errors
/// One line that names the text and what is allowed.
pub(crate) fn sink(text: &str) -> Result<SinkSpec, String> {
    const ALLOWED: &str = "give [HOST]:PORT (Graphite over TCP), graphite://HOST:PORT or console:";
    let trimmed = text.trim();
    if trimmed == "console:" {
        return Ok(SinkSpec::Console);
    }
    let address = match trimmed.split_once("://") {
        Some(("graphite", address)) => address,
        Some((scheme, _)) => {
            return Err(format!("'{text}': there is no sink '{scheme}'; {ALLOWED}"));
        }
        None => trimmed,
    };
    match Address::parse(address, 1) {
        Ok(address) => Ok(SinkSpec::Graphite(address.or_localhost())),
        Err(why) => Err(format!("'{text}' is no sink: {why}; {ALLOWED}")),
    }
}

/// Reads what is typed for a peer that things are passed on to.
///
/// # Errors
/// One line that names the text and what is allowed.
pub(crate) fn peer(text: &str) -> Result<(Transport, Address), String> {
    const ALLOWED: &str = "give udp://HOST:PORT, tcp://HOST:PORT or HOST:PORT";
    let trimmed = text.trim();
    let (transport, address) = match trimmed.split_once("://") {
        Some(("tcp", address)) => (Transport::Tcp, address),
        Some(("udp", address)) => (Transport::Udp, address),
        Some((other, _)) => {
            return Err(format!("'{text}': nothing is passed on over '{other}'; {ALLOWED}"));
        }
        None => (Transport::Udp, trimmed),
    };
    match Address::parse(address, 1) {
        Ok(address) => Ok((transport, address.or_localhost())),
        Err(why) => Err(format!("'{text}' is no address: {why}; {ALLOWED}")),
    }
}

impl SinkSpec {
    /// The name of a sink that was given none, safe in a metric name.
    pub(crate) fn default_name(&self) -> String {
        match self {
            Self::Console => "console".to_owned(),
            Self::Graphite(address) => {
                let safe = |c: char| if is_name_char(c) { c } else { '_' };
                let host: String = address.host.chars().map(safe).collect();
                format!("graphite_{host}_{}", address.port)
            }
        }
    }
}

/// Whether the character can stand in the name of a sink.
pub(crate) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// The transport and the address of `udp://host:port`, of `udp:host:port` as gstatsd 0.6 had it,
/// and of an address alone. In `udp:8125` the first word is a host, as it was there.
fn split_transport(text: &str) -> (&str, &str) {
    if let Some(both) = text.split_once("://") {
        return both;
    }
    match text.split_once(':') {
        Some((transport, address))
            if address.contains(':')
                && (transport == "udp" || LATER_TRANSPORTS.contains(&transport)) =>
        {
            (transport, address)
        }
        _ => ("udp", text),
    }
}

#[cfg(test)]
mod tests;
