//! Where the fast sender sends to, and how: UDP, TCP and unix sockets.

use std::fmt;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsFd as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::PathBuf;
use std::str::FromStr;

use anyhow::{Context as _, bail};
use nix::sys::socket::{setsockopt, sockopt};

use crate::sys::send_batch;

/// Where to send to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Target {
    /// `HOST:PORT` or `udp://HOST:PORT`
    Udp(SocketAddr),
    /// `tcp://HOST:PORT`
    Tcp(SocketAddr),
    /// `unix://PATH`, with connections
    Unix(PathBuf),
    /// `unixgram://PATH`, with datagrams
    Unixgram(PathBuf),
}

impl FromStr for Target {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> anyhow::Result<Self> {
        let (transport, address) = text.split_once("://").unwrap_or(("udp", text));
        let socket = || address.parse().with_context(|| format!("'{address}' is no address"));
        Ok(match transport {
            "udp" => Self::Udp(socket()?),
            "tcp" => Self::Tcp(socket()?),
            "unix" => Self::Unix(address.into()),
            "unixgram" => Self::Unixgram(address.into()),
            _ => bail!("'{transport}' is no transport"),
        })
    }
}

impl From<SocketAddr> for Target {
    fn from(address: SocketAddr) -> Self {
        Self::Udp(address)
    }
}

/// A socket that is connected to a target.
pub(crate) enum Link {
    Udp(UdpSocket),
    Unixgram(UnixDatagram),
    /// Over a connection each packet ends with a newline.
    Stream(Box<dyn Write>),
}

impl Link {
    /// Connects to a target.
    ///
    /// # Errors
    /// The kernel has no socket for it, or nobody listens there.
    pub(crate) fn connect(to: &Target) -> anyhow::Result<Self> {
        let link = || -> std::io::Result<Self> {
            Ok(match to {
                Target::Udp(to) => {
                    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
                    socket.connect(to)?;
                    Self::Udp(socket)
                }
                Target::Unixgram(path) => {
                    let socket = UnixDatagram::unbound()?;
                    socket.connect(path)?;
                    Self::Unixgram(socket)
                }
                Target::Tcp(to) => {
                    let stream = TcpStream::connect(to)?;
                    stream.set_nodelay(true)?;
                    Self::Stream(Box::new(stream))
                }
                Target::Unix(path) => Self::Stream(Box::new(UnixStream::connect(path)?)),
            })
        };
        link().with_context(|| format!("cannot connect to {to}"))
    }

    /// Sends packets, each of which ends with a newline that datagrams do not have. Those of a
    /// connection leave one by one too, as a client writes them.
    ///
    /// # Errors
    /// The kernel does not take them.
    pub(crate) fn send(&mut self, packets: &mut [&[u8]]) -> anyhow::Result<()> {
        if let Self::Stream(stream) = self {
            for packet in packets {
                stream.write_all(packet).context("cannot send")?;
            }
            return Ok(());
        }
        for packet in &mut *packets {
            *packet = packet.strip_suffix(b"\n").unwrap_or(packet);
        }
        let socket = match &*self {
            Self::Udp(socket) => socket.as_fd(),
            Self::Unixgram(socket) => socket.as_fd(),
            Self::Stream(_) => return Ok(()),
        };
        let mut packets = &*packets;
        while !packets.is_empty() {
            let sent = send_batch(socket, packets).context("cannot send")?;
            packets = &packets[sent..];
        }
        Ok(())
    }

    /// Sends packets of one size that stand side by side, without newlines, as one buffer that
    /// the kernel cuts up.
    ///
    /// # Errors
    /// The kernel does not take them, or it is not UDP.
    pub(crate) fn send_segments(&self, packets: &[u8], size: usize) -> anyhow::Result<()> {
        let Self::Udp(socket) = self else { bail!("only UDP has segments") };
        let size = i32::try_from(size).context("a packet is too long")?;
        setsockopt(socket, sockopt::UdpGsoSegment, &size)?;
        socket.send(packets).context("cannot send")?;
        Ok(())
    }
}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Udp(to) => write!(f, "udp://{to}"),
            Self::Tcp(to) => write!(f, "tcp://{to}"),
            Self::Unix(path) => write!(f, "unix://{}", path.display()),
            Self::Unixgram(path) => write!(f, "unixgram://{}", path.display()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_url_or_an_address() {
        for text in ["udp://127.0.0.1:1", "tcp://[::1]:1", "unix:///a", "unixgram:///a b"] {
            assert_eq!(text.parse::<Target>().unwrap().to_string(), text);
        }
        assert_eq!("127.0.0.1:1".parse::<Target>().unwrap().to_string(), "udp://127.0.0.1:1");
        for (text, why) in [("tcp://x", "'x' is no address"), ("a://x", "'a' is no transport")] {
            assert_eq!(text.parse::<Target>().unwrap_err().to_string(), why);
        }
    }
}
