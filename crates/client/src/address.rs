//! Where lines are sent, as it is typed.

use std::net::Ipv6Addr;
use std::path::PathBuf;
use std::str::FromStr;
use std::{error, fmt};

/// The port where nothing else is said.
pub const PORT_DEFAULT: u16 = 8125;

/// Where lines are sent. Names are resolved where they are needed, again and again.
///
/// | text | means |
/// |---|---|
/// | `HOST:PORT`, `HOST`, `:PORT`, `PORT`, `udp://HOST:PORT` | UDP over IPv4 or IPv6 |
/// | `tcp://HOST:PORT` | TCP |
/// | `unixgram:///PATH` | a unix datagram socket |
/// | `unixstream:///PATH` | a unix stream socket |
/// | `unix:///PATH` | either of the two, whichever is there |
///
/// An empty host is `localhost`, an IPv6 address stands in brackets, and the port is 8125 where
/// none is given. Over a stream each line ends with a newline.
///
/// ```
/// use gstatsd_client::Address;
///
/// let address: Address = "[::1]".parse().unwrap();
/// assert_eq!(address, Address::Udp { host: "::1".to_owned(), port: 8125 });
/// assert_eq!(address.to_string(), "udp://[::1]:8125");
/// ```
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// Datagrams to a host.
    Udp {
        /// A name or an IP address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A connection to a host.
    Tcp {
        /// A name or an IP address without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// A unix socket, of datagrams or else a stream.
    Unix(PathBuf),
    /// A unix datagram socket.
    Unixgram(PathBuf),
    /// A unix stream socket.
    Unixstream(PathBuf),
}

/// What is wrong with the text of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl error::Error for AddressError {}

impl Address {
    /// A host and a port for UDP: nothing is parsed. An empty host is `localhost`.
    #[must_use]
    pub fn udp(host: &str, port: u16) -> Self {
        Self::Udp { host: or_localhost(host), port }
    }

    /// A host and a port for TCP: nothing is parsed. An empty host is `localhost`.
    #[must_use]
    pub fn tcp(host: &str, port: u16) -> Self {
        Self::Tcp { host: or_localhost(host), port }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        let text = text.trim();
        let (scheme, rest) = text.split_once("://").unwrap_or(("udp", text));
        match scheme {
            "udp" | "tcp" => {
                let (host, port) = host_and_port(rest).map_err(AddressError)?;
                let make = if scheme == "udp" { Self::udp } else { Self::tcp };
                Ok(make(host, port))
            }
            "unix" => path(rest).map(Self::Unix),
            "unixgram" => path(rest).map(Self::Unixgram),
            "unixstream" => path(rest).map(Self::Unixstream),
            _ => Err(AddressError(format!(
                "'{scheme}' is not one of udp, tcp, unix, unixgram, unixstream"
            ))),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (scheme, host, port) = match self {
            Self::Udp { host, port } => ("udp", host, port),
            Self::Tcp { host, port } => ("tcp", host, port),
            Self::Unix(path) => return write!(f, "unix://{}", path.display()),
            Self::Unixgram(path) => return write!(f, "unixgram://{}", path.display()),
            Self::Unixstream(path) => return write!(f, "unixstream://{}", path.display()),
        };
        if host.contains(':') {
            write!(f, "{scheme}://[{host}]:{port}")
        } else {
            write!(f, "{scheme}://{host}:{port}")
        }
    }
}

fn or_localhost(host: &str) -> String {
    if host.is_empty() { "localhost".to_owned() } else { host.to_owned() }
}

fn path(text: &str) -> Result<PathBuf, AddressError> {
    if text.is_empty() {
        return Err(AddressError("it needs a path, as in 'unix:///run/statsd.socket'".to_owned()));
    }
    Ok(PathBuf::from(text))
}

fn host_and_port(text: &str) -> Result<(&str, u16), String> {
    if is_ipv6(text) {
        return Err(format!("it needs brackets, as in '[{text}]:8125'"));
    }
    let (host, port) = if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or("']' is missing")?;
        if !is_ipv6(host) {
            return Err(format!("'{host}' in brackets is not an IPv6 address"));
        }
        match after.strip_prefix(':') {
            Some(port) => (host, Some(port)),
            None if after.is_empty() => (host, None),
            None => return Err(format!("'{after}' follows the brackets, which is no port")),
        }
    } else if let Some((host, port)) = text.rsplit_once(':') {
        (host, Some(port))
    } else if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        ("", Some(text))
    } else {
        (text, None)
    };
    let odd = |c: &char| !(c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    if !text.starts_with('[')
        && let Some(wrong) = host.chars().find(odd)
    {
        return Err(format!("{wrong:?} cannot stand in a host name"));
    }
    let Some(port) = port else { return Ok((host, PORT_DEFAULT)) };
    match port.parse() {
        Ok(number @ 1..) if !port.starts_with('+') => Ok((host, number)),
        _ => Err(format!("'{port}' is not a port from 1 to {}", u16::MAX)),
    }
}

/// Whether a text is an IPv6 address alone, perhaps with its zone (`fe80::1%eth0`).
fn is_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_shows_as_a_url_that_reads_back() {
        for (text, shown) in [
            ("", "udp://localhost:8125"),
            ("9", "udp://localhost:9"),
            (":9", "udp://localhost:9"),
            (" foo ", "udp://foo:8125"),
            ("foo:9", "udp://foo:9"),
            ("[::1]", "udp://[::1]:8125"),
            ("udp://[fe80::1%eth0]:9", "udp://[fe80::1%eth0]:9"),
            ("tcp://127.0.0.1", "tcp://127.0.0.1:8125"),
            ("unix:///run/a b", "unix:///run/a b"),
            ("unixgram://x", "unixgram://x"),
            ("unixstream:///x", "unixstream:///x"),
        ] {
            let address: Address = text.parse().unwrap();
            assert_eq!(address.to_string(), shown);
            assert_eq!(shown.parse::<Address>().unwrap(), address);
        }
        assert_eq!(Address::udp("", 1).to_string(), "udp://localhost:1");
        assert_eq!(Address::tcp("", 1).to_string(), "tcp://localhost:1");
    }

    #[test]
    fn what_is_no_address_is_told_why() {
        for (text, reason) in [
            ("::1", "it needs brackets, as in '[::1]:8125'"),
            ("[::1", "']' is missing"),
            ("[foo]:1", "'foo' in brackets is not an IPv6 address"),
            ("[::1]x", "'x' follows the brackets, which is no port"),
            ("a b:1", "' ' cannot stand in a host name"),
            ("a:b:1", "':' cannot stand in a host name"),
            ("a:+1", "'+1' is not a port from 1 to 65535"),
            ("a:0", "'0' is not a port from 1 to 65535"),
            ("a:65536", "'65536' is not a port from 1 to 65535"),
            ("a:", "'' is not a port from 1 to 65535"),
            ("unix://", "it needs a path, as in 'unix:///run/statsd.socket'"),
            ("http://a", "'http' is not one of udp, tcp, unix, unixgram, unixstream"),
        ] {
            assert_eq!(text.parse::<Address>().unwrap_err().to_string(), reason, "{text}");
        }
    }
}
