//! Datagrams to a peer that gives no answer.
//!
//! What the system takes counts as sent: the protocol has no word for more. Where the peer's
//! system says that nobody listens there, that comes back as an error of a later datagram.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Clock, Host, SendError};

/// How often the name of the peer is resolved again, as the host may move.
const RESOLVE: Duration = Duration::from_mins(1);
/// How long that may take.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(5);
/// The longest datagram there is.
const DATAGRAM_BYTES_MAX: usize = 65_507;
/// After so many datagrams there is a pause, so that a burst does not overrun the receive buffer
/// of the peer, which is 208 KiB where nobody has made it larger.
const BURST: u32 = 32;
const PAUSE: Duration = Duration::from_millis(1);

/// Where datagrams go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UdpSettings {
    /// A name or an address, the latter without brackets.
    pub host: String,
    /// The port.
    pub port: u16,
    /// The longest datagram that lines are packed into, in bytes. A line that is longer has one
    /// of its own.
    pub packet_bytes: usize,
}

/// Lines on their way into datagrams.
#[derive(Debug)]
pub(crate) struct Datagrams {
    settings: UdpSettings,
    clock: Clock,
    host: Host,
    /// `host:port`, as errors name it.
    peer: String,
    link: Option<Link>,
    packet: Vec<u8>,
    /// How many points the packet has.
    points: u64,
    /// How many pieces the packet has.
    pieces: u64,
    /// How many pieces the system took since [`Datagrams::begin`].
    taken: u64,
    /// How many points were in datagrams that are too long for the way.
    too_long: u64,
    /// How many datagrams were sent since the last pause.
    burst: u32,
}

#[derive(Debug)]
struct Link {
    socket: UdpSocket,
    /// When the name was resolved.
    resolved: Instant,
}

impl Datagrams {
    pub(crate) fn new(settings: UdpSettings, clock: Clock) -> Self {
        let host = Host::new(&settings.host, settings.port);
        let peer = crate::peer(&settings.host, settings.port);
        let packet = Vec::with_capacity(settings.packet_bytes);
        Self {
            settings,
            clock,
            host,
            peer,
            link: None,
            packet,
            points: 0,
            pieces: 0,
            taken: 0,
            too_long: 0,
            burst: 0,
        }
    }

    /// Begins a transmission.
    ///
    /// # Errors
    /// The name cannot be resolved, or the peer refused what was sent last.
    pub(crate) fn begin(&mut self) -> Result<(), SendError> {
        self.clear();
        (self.taken, self.too_long) = (0, 0);
        let refused = self.refusal();
        if refused.is_err() {
            self.link = None;
        }
        refused?;
        let now = (self.clock.now)();
        let is_fresh = |link: &Link| now < link.resolved + RESOLVE;
        if !self.link.as_ref().is_some_and(is_fresh) {
            match self.host.addresses(RESOLVE_PATIENCE).and_then(connect) {
                Ok(socket) => self.link = Some(Link { socket, resolved: now }),
                Err(source) => match &mut self.link {
                    // A network that is away for a while changes nothing.
                    Some(link) => link.resolved = now,
                    None => return Err(SendError::Resolve { peer: self.peer.clone(), source }),
                },
            }
        }
        Ok(())
    }

    /// How many pieces were taken since the begin; they need not be sent again.
    pub(crate) fn taken(&self) -> u64 {
        self.taken
    }

    /// How many points were in datagrams that were too long since the begin.
    pub(crate) fn too_long(&self) -> u64 {
        self.too_long
    }

    /// Adds lines that are to stay together, each with its newline.
    ///
    /// # Errors
    /// The system or the peer refuses.
    pub(crate) fn push(&mut self, lines: &[u8], points: u64) -> Result<(), SendError> {
        if self.packet.len() + lines.len() > self.settings.packet_bytes {
            self.send()?;
        }
        self.packet.extend_from_slice(lines);
        self.points += points;
        self.pieces += 1;
        Ok(())
    }

    /// Sends what is left. Gives the number of points that no datagram could carry.
    ///
    /// # Errors
    /// The system or the peer refuses.
    pub(crate) fn finish(&mut self) -> Result<u64, SendError> {
        self.send()?;
        self.refusal()?;
        Ok(self.too_long)
    }

    fn send(&mut self) -> Result<(), SendError> {
        if self.packet.is_empty() {
            return Ok(());
        }
        let sent = match &self.link {
            _ if self.packet.len() > DATAGRAM_BYTES_MAX => Err(libc::EMSGSIZE.into()),
            Some(link) => link.socket.send(&self.packet).map_err(Fault::from),
            None => Err(io::Error::from(ErrorKind::NotConnected).into()),
        };
        match sent {
            Ok(_) => {}
            Err(Fault::TooLong) => self.too_long += self.points,
            Err(Fault::Io(source)) => {
                self.link = None;
                self.clear();
                return Err(SendError::Write { peer: self.peer.clone(), source });
            }
        }
        self.taken += self.pieces;
        self.clear();
        self.burst += 1;
        if self.burst >= BURST {
            self.burst = 0;
            thread::sleep(PAUSE);
        }
        Ok(())
    }

    /// What the peer's system said about datagrams that were sent.
    fn refusal(&self) -> Result<(), SendError> {
        let Some(link) = &self.link else { return Ok(()) };
        match link.socket.take_error() {
            Ok(None) => Ok(()),
            Ok(Some(source)) | Err(source) => {
                Err(SendError::Write { peer: self.peer.clone(), source })
            }
        }
    }

    fn clear(&mut self) {
        self.packet.clear();
        (self.points, self.pieces) = (0, 0);
    }
}

enum Fault {
    /// The datagram is too long, now and later.
    TooLong,
    Io(io::Error),
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.raw_os_error() {
            Some(libc::EMSGSIZE) => Self::TooLong,
            _ => Self::Io(error),
        }
    }
}

impl From<libc::c_int> for Fault {
    fn from(code: libc::c_int) -> Self {
        io::Error::from_raw_os_error(code).into()
    }
}

/// A socket that is connected to the first address that takes it, so that it is told of refusals.
fn connect(addresses: Vec<SocketAddr>) -> io::Result<UdpSocket> {
    let mut refused = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        match connect_to(address) {
            Ok(socket) => return Ok(socket),
            Err(error) => refused = error,
        }
    }
    Err(refused)
}

fn connect_to(address: SocketAddr) -> io::Result<UdpSocket> {
    let any: IpAddr = match address {
        SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0))?;
    socket.connect(address)?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
