//! Where lines come in, as it is meant.

use std::{fmt, path::PathBuf, time::Duration};

use super::{Address, Dialect, Sources};

/// Where lines come in, and in what form.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Listener {
    /// What is listened on.
    pub(crate) endpoint: Endpoint,
    /// How its lines are read.
    pub(crate) dialect: Dialect,
    /// Who may send. Always everybody for a unix socket, whose mode says who may.
    pub(crate) sources: Sources,
    /// What holds for its connections, if it has any.
    pub(crate) stream: Stream,
    /// The permissions of a unix socket, as those of a file.
    pub(crate) mode: u32,
    /// Where connections are encrypted, what with.
    pub(crate) tls: Option<TlsFiles>,
}

/// What is listened on.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum Endpoint {
    /// Datagrams over UDP; an empty host is every address, IPv4 and IPv6.
    Udp(Address),
    /// Connections over TCP; an empty host is every address, IPv4 and IPv6.
    Tcp(Address),
    /// Connections over a unix socket, with an absolute path.
    Unix(PathBuf),
    /// Datagrams over a unix socket, with an absolute path.
    Unixgram(PathBuf),
    /// The sockets of this name that systemd has opened, whatever they are.
    Passed(String),
}

/// What holds for each connection of a listener.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) struct Stream {
    /// How its bytes are divided.
    pub(crate) framing: Framing,
    /// The longest frame, in bytes, without what divides it from the next.
    pub(crate) frame_bytes_max: usize,
    /// After how long without a frame it is closed; `None` is never.
    pub(crate) idle_timeout: Option<Duration>,
    /// How long the rest of a frame may take to come; `None` is any time.
    pub(crate) frame_timeout: Option<Duration>,
}

/// How the bytes of a connection are divided into frames.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Framing {
    /// A frame is a line, and ends with a newline.
    Lines,
    /// A frame is a packet of lines, and its length stands before it: four bytes, the lowest
    /// first, as DogStatsD has it.
    LengthPrefixed,
}

/// The files of a listener with TLS, in PEM, with absolute paths.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct TlsFiles {
    /// The certificate, followed by those between it and the root.
    pub(crate) certificate: PathBuf,
    /// Its private key.
    pub(crate) key: PathBuf,
    /// The roots that certificates of clients must come from; `None` asks for no certificate.
    pub(crate) client_ca: Option<PathBuf>,
}

impl Listener {
    /// Whether another can become this one without being closed.
    pub(crate) fn is_in_place_of(&self, other: &Self) -> bool {
        self.endpoint == other.endpoint && self.mode == other.mode
    }
}

impl Endpoint {
    /// Whether it may have connections.
    pub(crate) fn has_connections(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Unix(_) | Self::Passed(_))
    }

    /// Whether it is a file with permissions.
    pub(crate) fn has_mode(&self) -> bool {
        matches!(self, Self::Unix(_) | Self::Unixgram(_))
    }

    /// Whether its connections can be encrypted.
    pub(crate) fn has_tls(&self) -> bool {
        matches!(self, Self::Tcp(_) | Self::Passed(_))
    }

    /// Whether its senders may have IP addresses.
    pub(crate) fn has_addresses(&self) -> bool {
        matches!(self, Self::Udp(_) | Self::Tcp(_) | Self::Passed(_))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(address) => write!(f, "udp://{address}"),
            Self::Tcp(address) => write!(f, "tcp://{address}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Unixgram(path) => write!(f, "unixgram://{}", path.display()),
            Self::Passed(name) => write!(f, "systemd://{name}"),
        }
    }
}

impl fmt::Display for Framing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lines => "lines",
            Self::LengthPrefixed => "length_prefixed",
        })
    }
}
