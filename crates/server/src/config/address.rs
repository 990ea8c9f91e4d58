//! A host and a port, as typed on the command line and in the file.

use std::{
    fmt,
    net::{IpAddr, Ipv6Addr},
};

/// A host and a port. Names are resolved where the address is used, not here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Address {
    /// A name or an IP address without brackets; empty is every address of this machine for a
    /// listener. A sink never has an empty one.
    pub(crate) host: String,
    /// The port; 0 is any free port for a listener. A sink never has 0.
    pub(crate) port: u16,
}

impl Address {
    /// Reads `[HOST]:PORT`, `HOST:PORT`, `:PORT` or `PORT`, with blanks around. An IPv6 address
    /// stands in brackets. A port below `least_port` is refused.
    ///
    /// # Errors
    /// What is wrong with the text, in words that do not repeat all of it.
    pub(crate) fn parse(text: &str, least_port: u16) -> Result<Self, String> {
        let text = text.trim();
        if bare_ipv6(text) {
            return Err(format!("it needs brackets and a port, as in '[{text}]:8125'"));
        }
        let (host, port) = match text.strip_prefix('[') {
            Some(rest) => bracketed(rest)?,
            None => text.rsplit_once(':').unwrap_or(("", text)),
        };
        let in_brackets = text.starts_with('[');
        if !in_brackets && let Some(wrong) = host.chars().find(|&c| !is_host_char(c)) {
            return Err(format!("{wrong:?} cannot stand in a host name"));
        }
        let port = parse_port(port, least_port)?;
        Ok(Self { host: host.to_owned(), port })
    }

    /// Whether only this machine can reach a listener there, or be reached there.
    pub(crate) fn is_of_this_machine(&self) -> bool {
        let address = self.host.parse::<IpAddr>();
        self.host == "localhost" || address.is_ok_and(|address| address.is_loopback())
    }

    /// The same address with `localhost` for an empty host: where to send.
    pub(crate) fn or_localhost(mut self) -> Self {
        if self.host.is_empty() {
            "localhost".clone_into(&mut self.host);
        }
        self
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.port)
        } else {
            write!(f, "{}:{}", self.host, self.port)
        }
    }
}

/// The host and the port of what follows `[`.
fn bracketed(rest: &str) -> Result<(&str, &str), String> {
    let Some((host, after)) = rest.split_once(']') else {
        return Err("']' is missing".to_owned());
    };
    if !bare_ipv6(host) {
        return Err(format!("'{host}' in brackets is not an IPv6 address"));
    }
    match after.strip_prefix(':') {
        Some(port) => Ok((host, port)),
        None => Err(format!("it needs a port, as in '[{host}]:8125'")),
    }
}

/// Whether the text is an IPv6 address alone, perhaps with its zone (`fe80::1%eth0`).
fn bare_ipv6(text: &str) -> bool {
    let (address, zone) = text.split_once('%').unwrap_or((text, "0"));
    address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty() && zone.chars().all(is_host_char)
}

fn is_host_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_')
}

/// Reads a port as Python's `int` does: blanks around and a plus sign are fine.
fn parse_port(text: &str, least: u16) -> Result<u16, String> {
    let text = text.trim();
    let digits = text.strip_prefix('+').unwrap_or(text);
    let all_digits = digits.bytes().all(|byte| byte.is_ascii_digit());
    match digits.parse() {
        Ok(port) if all_digits && port >= least => Ok(port),
        _ => Err(format!("'{text}' is not a port from {least} to {}", u16::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::Address;

    #[test]
    fn an_address_shows_as_it_is_typed() {
        for text in [":8125", "foo:1", "127.0.0.1:65535", "[::1]:8125", "[fe80::1%eth0]:0"] {
            assert_eq!(Address::parse(text, 0).unwrap().to_string(), text);
            let blanks = format!(" {text}\t");
            assert_eq!(Address::parse(&blanks, 0).unwrap().to_string(), text);
        }
    }

    #[test]
    fn an_empty_host_becomes_localhost_when_sending() {
        let address = Address::parse("2003", 1).unwrap().or_localhost();
        assert_eq!(address.to_string(), "localhost:2003");
        let named = Address::parse("foo:2003", 1).unwrap().or_localhost();
        assert_eq!(named.to_string(), "foo:2003");
    }

    #[test]
    fn what_is_no_address_is_told_why() {
        for (text, reason) in [
            ("::1", "it needs brackets and a port, as in '[::1]:8125'"),
            ("fe80::1%eth0", "it needs brackets and a port, as in '[fe80::1%eth0]:8125'"),
            ("[::1]", "it needs a port, as in '[::1]:8125'"),
            ("[::1", "']' is missing"),
            ("[foo]:1", "'foo' in brackets is not an IPv6 address"),
            ("[fe80::1%]:1", "'fe80::1%' in brackets is not an IPv6 address"),
            ("a b:1", "' ' cannot stand in a host name"),
            ("a:b:1", "':' cannot stand in a host name"),
            ("foo:++1", "'++1' is not a port from 1 to 65535"),
            ("foo:0", "'0' is not a port from 1 to 65535"),
            ("foo:65536", "'65536' is not a port from 1 to 65535"),
            ("foo", "'foo' is not a port from 1 to 65535"),
        ] {
            assert_eq!(Address::parse(text, 1), Err(reason.to_owned()), "{text}");
        }
    }
}
