//! A socket that is made when it is needed, and again when it broke.

use std::io::{self, ErrorKind, IoSlice};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::os::fd::AsRawFd as _;
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::target::Target;
use crate::{Address, Reason, clock};

/// How long a connection may take.
const CONNECT_MAX: Duration = Duration::from_secs(1);
/// How long to wait for room in the buffer of a socket.
const ROOM_WAIT: Duration = Duration::from_millis(1);
/// After this long without room a stream is given up, and opened again: its peer may have gone
/// without a word.
const STUCK_MAX: Duration = Duration::from_secs(30);
/// How long to wait after a failed connection; twice as long after each further one.
const RETRY_LEAST: Duration = Duration::from_millis(50);
const RETRY_MOST: Duration = Duration::from_secs(2);

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sent {
    /// It is on its way.
    Done,
    /// Not now: for this reason, and try again after this time.
    Later(Reason, Duration),
    /// An earlier datagram was refused, as is known only now. This one was not sent.
    Refused,
    /// Never.
    Failed(Reason),
}

/// The way to a target.
pub(crate) struct Link {
    target: Arc<Target>,
    socket: Option<Socket>,
    /// That of the addresses in `addresses`.
    generation: u64,
    addresses: Arc<[SocketAddr]>,
    /// Which of the addresses is tried.
    candidate: usize,
    /// The bytes of the packet that a stream has taken.
    taken: usize,
    /// Since when a stream has taken nothing.
    stuck_since: Option<Duration>,
    stuck_max: Duration,
    retry_after: Duration,
    retry_wait: Duration,
}

enum Socket {
    Tcp(TcpStream),
    Udp(UdpSocket),
    Unixgram(UnixDatagram),
    Unixstream(UnixStream),
}

impl Link {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Self {
            target,
            socket: None,
            generation: 0,
            addresses: Arc::from([]),
            candidate: 0,
            taken: 0,
            stuck_since: None,
            stuck_max: STUCK_MAX,
            retry_after: Duration::ZERO,
            retry_wait: RETRY_LEAST,
        }
    }

    /// Sends a packet: lines with newlines between, and over a stream one at the end. Over a
    /// stream the same packet has to be given again after [`Sent::Later`], less what
    /// [`Link::whole_lines`] says is gone.
    pub(crate) fn send(&mut self, packet: &[u8]) -> Sent {
        // In the middle of a packet a stream goes on as it is.
        if self.generation != self.target.generation() && self.taken == 0 {
            self.follow();
        }
        if self.socket.is_none()
            && let Err(later) = self.connect()
        {
            return later;
        }
        let before = self.taken;
        let result = match &mut self.socket {
            Some(Socket::Udp(socket)) => socket.send(packet).map(drop),
            Some(Socket::Unixgram(socket)) => socket.send(packet).map(drop),
            Some(Socket::Tcp(socket)) => write(socket, packet, &mut self.taken),
            Some(Socket::Unixstream(socket)) => write(socket, packet, &mut self.taken),
            None => Err(ErrorKind::NotConnected.into()),
        };
        match result {
            Ok(()) => {
                self.taken = 0;
                self.stuck_since = None;
                self.retry_wait = RETRY_LEAST;
                Sent::Done
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => self.no_room(before),
            Err(error) => self.failed(&error),
        }
    }

    /// The addresses have changed: the one in use stays in use where it is still among them.
    fn follow(&mut self) {
        let used = self.addresses.get(self.candidate).copied();
        (self.generation, self.addresses) = self.target.found();
        let still = self.addresses.iter().position(|address| Some(*address) == used);
        if still.is_none() {
            self.hang_up();
            self.retry_after = Duration::ZERO;
        }
        self.candidate = still.unwrap_or(0);
    }

    /// The bytes at the beginning of the packet that a stream has taken and that end with a
    /// newline, where the connection broke since: the rest has to be sent again.
    pub(crate) fn whole_lines(&mut self, packet: &[u8]) -> usize {
        if self.socket.is_some() {
            return 0;
        }
        let taken = &packet[..std::mem::take(&mut self.taken).min(packet.len())];
        taken.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1)
    }

    /// Whether a datagram was refused since this was asked, or a send has told of it.
    pub(crate) fn has_refusal(&self) -> bool {
        match &self.socket {
            Some(Socket::Udp(socket)) => {
                matches!(socket.take_error(), Ok(Some(error)) if is_refusal(&error))
            }
            _ => false,
        }
    }

    /// Whether a refusal is known to be that of the last datagram.
    pub(crate) fn is_exact(&self) -> bool {
        self.addresses.get(self.candidate).is_some_and(|address| address.ip().is_loopback())
    }

    /// Turns to the next address of the host, and says how many there are.
    pub(crate) fn turn(&mut self) -> usize {
        let count = self.addresses.len();
        if count > 1 {
            self.candidate = (self.candidate + 1) % count;
            self.hang_up();
        }
        self.target.doubt();
        count
    }

    fn hang_up(&mut self) {
        self.socket = None;
    }

    /// The socket takes no more: a stream had taken so much before.
    fn no_room(&mut self, before: usize) -> Sent {
        if matches!(self.socket, Some(Socket::Tcp(_) | Socket::Unixstream(_))) {
            let now = clock::now();
            if self.taken > before {
                self.stuck_since = None;
            }
            let since = *self.stuck_since.get_or_insert(now);
            if now.saturating_sub(since) > self.stuck_max {
                self.stuck_since = None;
                self.hang_up();
                return self.retry(&ErrorKind::TimedOut.into());
            }
        }
        Sent::Later(Reason::Full, ROOM_WAIT)
    }

    fn failed(&mut self, error: &io::Error) -> Sent {
        if error.raw_os_error() == Some(libc::ENOBUFS) {
            return Sent::Later(Reason::Full, ROOM_WAIT);
        }
        match &self.socket {
            Some(Socket::Udp(_)) if is_refusal(error) => Sent::Refused,
            Some(Socket::Udp(_)) => {
                self.hang_up();
                self.target.doubt();
                Sent::Failed(Reason::Network)
            }
            Some(Socket::Unixgram(_)) if error.raw_os_error() == Some(libc::EMSGSIZE) => {
                Sent::Failed(Reason::TooLong)
            }
            _ => {
                self.hang_up();
                self.retry(error)
            }
        }
    }

    /// There is no connection: when to try again.
    fn retry(&mut self, error: &io::Error) -> Sent {
        let absent = is_refusal(error) || error.kind() == ErrorKind::NotFound;
        let reason = if absent { Reason::Refused } else { Reason::Network };
        let wait = self.retry_wait;
        self.retry_after = clock::now().saturating_add(wait);
        self.retry_wait = (wait * 2).min(RETRY_MOST);
        Sent::Later(reason, wait)
    }

    fn connect(&mut self) -> Result<(), Sent> {
        let early = self.retry_after.saturating_sub(clock::now());
        if !early.is_zero() {
            return Err(Sent::Later(Reason::Refused, early));
        }
        let host = matches!(self.target.address, Address::Udp { .. } | Address::Tcp { .. });
        if host && self.addresses.is_empty() {
            return Err(Sent::Later(Reason::Unresolved, RETRY_LEAST));
        }
        match self.open() {
            Ok(socket) => {
                self.socket = Some(socket);
                Ok(())
            }
            Err(error) => {
                self.turn();
                Err(self.retry(&error))
            }
        }
    }

    fn open(&self) -> io::Result<Socket> {
        let to = self.addresses.get(self.candidate);
        let to = || to.copied().ok_or(io::Error::from(ErrorKind::NotFound));
        let socket = match &self.target.address {
            Address::Udp { .. } => udp(to()?).map(Socket::Udp),
            Address::Tcp { .. } => tcp(to()?).map(Socket::Tcp),
            Address::Unixgram(path) => unixgram(path).map(Socket::Unixgram),
            Address::Unixstream(path) => unixstream(path).map(Socket::Unixstream),
            Address::Unix(path) => match unixgram(path) {
                Err(error) if error.raw_os_error() == Some(libc::EPROTOTYPE) => {
                    unixstream(path).map(Socket::Unixstream)
                }
                other => other.map(Socket::Unixgram),
            },
        }?;
        away_from_standard_streams(socket)
    }
}

fn is_refusal(error: &io::Error) -> bool {
    error.kind() == ErrorKind::ConnectionRefused
}

fn udp(to: SocketAddr) -> io::Result<UdpSocket> {
    let any: SocketAddr = match to {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(any)?;
    socket.set_nonblocking(true)?;
    socket.connect(to)?;
    Ok(socket)
}

fn tcp(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpStream::connect_timeout(&to, CONNECT_MAX)?;
    socket.set_nonblocking(true)?;
    socket.set_nodelay(true)?;
    Ok(socket)
}

fn unixgram(path: &Path) -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect(path)?;
    Ok(socket)
}

fn unixstream(path: &Path) -> io::Result<UnixStream> {
    let socket = UnixStream::connect(path)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// In a program that closed its standard streams a socket may become one of them, and get what
/// is printed. A copy of a descriptor is never one.
fn away_from_standard_streams(socket: Socket) -> io::Result<Socket> {
    let descriptor = match &socket {
        Socket::Tcp(socket) => socket.as_raw_fd(),
        Socket::Udp(socket) => socket.as_raw_fd(),
        Socket::Unixgram(socket) => socket.as_raw_fd(),
        Socket::Unixstream(socket) => socket.as_raw_fd(),
    };
    if descriptor > libc::STDERR_FILENO {
        return Ok(socket);
    }
    Ok(match socket {
        Socket::Tcp(socket) => Socket::Tcp(socket.try_clone()?),
        Socket::Udp(socket) => Socket::Udp(socket.try_clone()?),
        Socket::Unixgram(socket) => Socket::Unixgram(socket.try_clone()?),
        Socket::Unixstream(socket) => Socket::Unixstream(socket.try_clone()?),
    })
}

/// Writes what the stream has not taken yet. A peer that has gone is noticed before, because the
/// first write to it would still succeed.
fn write<S>(stream: &mut S, packet: &[u8], taken: &mut usize) -> io::Result<()>
where
    S: io::Read + io::Write,
{
    let mut ignored = [0; 256];
    loop {
        match stream.read(&mut ignored) {
            Ok(0) => return Err(ErrorKind::BrokenPipe.into()),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => break,
            Err(error) => return Err(error),
        }
    }
    // The newline at the end makes one byte more.
    while *taken <= packet.len() {
        let rest = packet.get(*taken..).unwrap_or_default();
        match stream.write_vectored(&[IoSlice::new(rest), IoSlice::new(b"\n")]) {
            Ok(0) => return Err(ErrorKind::WriteZero.into()),
            Ok(bytes) => *taken += bytes,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::net::TcpListener;

    use super::*;
    use crate::target::{AGAIN_LEAST, Names, resolve};

    fn link(address: &str) -> Link {
        let names = Names { resolve: Arc::new(resolve), again: AGAIN_LEAST };
        Link::new(Target::new(address.parse().unwrap(), None, names, None))
    }

    #[test]
    fn a_stream_that_takes_nothing_for_long_is_opened_again_at_a_line() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut link = link(&format!("tcp://{}", listener.local_addr().unwrap()));
        link.stuck_max = Duration::from_millis(50);
        // A line of this length does not fit into the buffers of the system.
        let packet = [&b"first\n"[..], &vec![b'x'; 64 << 20]].concat();
        while link.send(&packet) == Sent::Later(Reason::Full, ROOM_WAIT) {
            std::thread::sleep(ROOM_WAIT);
        }
        let gone = link.whole_lines(&packet);
        assert_eq!(gone, b"first\n".len());
        let (mut first, _) = listener.accept().unwrap();
        let mut begin = [0; 7];
        first.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"first\nx");
        while link.send(b"second") != Sent::Done {
            std::thread::sleep(ROOM_WAIT);
        }
        let (mut second, _) = listener.accept().unwrap();
        let mut begin = [0; 7];
        second.read_exact(&mut begin).unwrap();
        assert_eq!(&begin, b"second\n");
    }
}
