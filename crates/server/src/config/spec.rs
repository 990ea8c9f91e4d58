//! What is typed for a listener and for a sink: `[host]:port` or a URL.

use std::path::PathBuf;

use gstatsd_sinks::OtlpTransport;

use super::{Address, Endpoint, Transport};

pub(crate) use http::otlp;

mod http;

/// What is typed for a sink.
#[derive(Debug, Eq, PartialEq)]
pub(crate) enum SinkSpec {
    /// `console:`
    Console,
    /// `file:PATH`, the path as typed
    File(PathBuf),
    /// `[host]:port` or `graphite://host:port`, or another way to it
    Graphite(GraphiteWay, Address),
    /// `influxdb://host:port/database`: the address, whether over TLS, and the database, which is
    /// empty where there is none
    Influx(Address, bool, String),
    /// `influxdb+udp://host:port`
    InfluxUdp(Address),
    /// `otlp://host:port`: where nothing is said the environment says it
    Otlp(Option<OtlpSpec>),
    /// `prometheus://[host]:port/path`: the address, and the path with its `/`
    Prometheus(Address, String),
    /// `remote-write://host:port/path`: the address, whether over TLS, and the path with its `/`
    RemoteWrite(Address, bool, String),
    /// `statsd://host:port` or `statsd+tcp://host:port`
    Statsd(Transport, Address),
}

/// How a Graphite is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum GraphiteWay {
    /// `graphite://`
    Text,
    /// `graphite+pickle://`
    Pickle,
    /// `graphite+tls://`
    Tls,
    /// `graphite+udp://`
    Udp,
}

/// A collector of OpenTelemetry, as typed.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct OtlpSpec {
    pub(crate) address: Address,
    pub(crate) is_secure: bool,
    pub(crate) transport: OtlpTransport,
    /// With its `/`; over gRPC there is none.
    pub(crate) path: String,
}

/// Reads what is typed for a listener. The path of a unix socket is as typed.
///
/// # Errors
/// One line that names the text and what is allowed.
pub(crate) fn listener(text: &str) -> Result<Endpoint, String> {
    const ALLOWED: &str = "give [HOST]:PORT, udp://[HOST]:PORT, tcp://[HOST]:PORT, unix://PATH, \
                           unixgram://PATH or systemd://NAME";
    let trimmed = text.trim();
    let (transport, address) = split_transport(trimmed);
    let path = || match address {
        "" => Err(format!("'{text}' has no path; {ALLOWED}")),
        path => Ok(PathBuf::from(path)),
    };
    let host_and_port = || {
        Address::parse(address, 0)
            .map_err(|why| format!("'{text}' is no address: {why}; {ALLOWED}"))
    };
    match transport {
        "udp" => host_and_port().map(Endpoint::Udp),
        "tcp" => host_and_port().map(Endpoint::Tcp),
        // As the clients of DogStatsD have it.
        "unix" | "unixstream" => path().map(Endpoint::Unix),
        "unixgram" => path().map(Endpoint::Unixgram),
        "systemd" if address.is_empty() => Err(format!("'{text}' has no name; {ALLOWED}")),
        "systemd" => Ok(Endpoint::Passed(address.to_owned())),
        _ => Err(format!("'{text}': '{transport}' is no transport; {ALLOWED}")),
    }
}

/// Reads what is typed for where commands are taken. The path of a unix socket is as typed.
///
/// # Errors
/// One line that names the text and what is allowed.
pub(crate) fn management(text: &str) -> Result<Endpoint, String> {
    const ALLOWED: &str = "give [HOST]:PORT, tcp://[HOST]:PORT or unix://PATH";
    let trimmed = text.trim();
    let address = match trimmed.split_once("://") {
        Some(("unix", path)) if !path.is_empty() => return Ok(Endpoint::Unix(path.into())),
        Some(("tcp", address)) => address,
        Some(_) => return Err(format!("'{text}': no commands are taken there; {ALLOWED}")),
        None => trimmed,
    };
    match Address::parse(address, 0) {
        Ok(address) => Ok(Endpoint::Tcp(address.or_localhost())),
        Err(why) => Err(format!("'{text}' is no address: {why}; {ALLOWED}")),
    }
}

/// Reads what is typed for a sink.
///
/// # Errors
/// One line that names the text and what is allowed.
pub(crate) fn sink(text: &str) -> Result<SinkSpec, String> {
    const ALLOWED: &str = "give [HOST]:PORT (Graphite over TCP), graphite://HOST:PORT, \
                           graphite+pickle://, graphite+tls:// or graphite+udp://HOST:PORT, \
                           statsd:// or statsd+tcp://HOST:PORT, influxdb+udp://HOST:PORT, \
                           influxdb://HOST:PORT/DATABASE, otlp:// or otlp+http://HOST:PORT, \
                           remote-write://HOST:PORT/PATH, file:PATH, prometheus://[HOST]:PORT \
                           or console:";
    let trimmed = text.trim();
    match trimmed {
        "console:" => return Ok(SinkSpec::Console),
        "otlp:" => return Ok(SinkSpec::Otlp(None)),
        _ => {}
    }
    if let Some(path) = trimmed.strip_prefix("file:") {
        return match path.strip_prefix("//").unwrap_or(path) {
            "" => Err(format!("'{text}' has no path; {ALLOWED}")),
            path => Ok(SinkSpec::File(path.into())),
        };
    }
    let (scheme, rest) = trimmed.split_once("://").unwrap_or(("graphite", trimmed));
    let peer =
        |make: &dyn Fn(Address) -> SinkSpec| Ok(make(Address::parse(rest, 1)?.or_localhost()));
    let graphite = |way| peer(&|address| SinkSpec::Graphite(way, address));
    let read = match scheme {
        "graphite" => graphite(GraphiteWay::Text),
        "graphite+pickle" => graphite(GraphiteWay::Pickle),
        "graphite+tls" => graphite(GraphiteWay::Tls),
        "graphite+udp" => graphite(GraphiteWay::Udp),
        "influxdb+udp" => peer(&SinkSpec::InfluxUdp),
        "prometheus" => scrape_page(rest),
        "statsd" => peer(&|address| SinkSpec::Statsd(Transport::Udp, address)),
        "statsd+tcp" => peer(&|address| SinkSpec::Statsd(Transport::Tcp, address)),
        _ => match http::sink(scheme, rest) {
            Some(read) => read,
            None => return Err(format!("'{text}': there is no sink '{scheme}'; {ALLOWED}")),
        },
    };
    read.map_err(|why: String| format!("'{text}' is no sink: {why}; {ALLOWED}"))
}

/// Reads `[host]:port/path`; without a path it is that which Prometheus asks for.
fn scrape_page(text: &str) -> Result<SinkSpec, String> {
    let (address, path) = match text.find('/') {
        Some(start) if text[start..].len() > 1 => text.split_at(start),
        Some(start) => (&text[..start], "/metrics"),
        None => (text, "/metrics"),
    };
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~".contains(&byte);
    if !path.bytes().all(is_plain) {
        return Err(format!("'{path}' is no plain path"));
    }
    Ok(SinkSpec::Prometheus(Address::parse(address, 0)?, path.to_owned()))
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
        let (word, address) = match self {
            Self::Console => return "console".to_owned(),
            Self::File(_) => return "file".to_owned(),
            Self::Graphite(_, address) => ("graphite", address),
            Self::Influx(address, ..) | Self::InfluxUdp(address) => ("influxdb", address),
            Self::Otlp(Some(OtlpSpec { address, .. })) => ("otlp", address),
            Self::Otlp(None) => return "otlp".to_owned(),
            Self::Prometheus(address, _) => ("prometheus", address),
            Self::RemoteWrite(address, ..) => ("remote_write", address),
            Self::Statsd(_, address) => ("statsd", address),
        };
        let safe = |c: char| if is_name_char(c) { c } else { '_' };
        let host: String = address.host.chars().map(safe).collect();
        match host.as_str() {
            "" => format!("{word}_{}", address.port),
            host => format!("{word}_{host}_{}", address.port),
        }
    }
}

/// Whether the character can stand in the name of a sink.
pub(crate) fn is_name_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '-')
}

/// The transport and the address of `udp://host:port`, of `udp:host:port` as gstatsd 0.6 had it,
/// of `unix:/path`, and of an address alone. In `udp:8125` the first word is a host, as it was
/// there.
fn split_transport(text: &str) -> (&str, &str) {
    if let Some(both) = text.split_once("://") {
        return both;
    }
    match text.split_once(':') {
        Some((transport @ ("udp" | "tcp"), address)) if address.contains(':') => {
            (transport, address)
        }
        Some((transport @ ("unix" | "unixgram"), path)) if path.starts_with('/') => {
            (transport, path)
        }
        _ => ("udp", text),
    }
}

#[cfg(test)]
mod tests;
