//! A TCP connection, with TLS or without, that is written to and followed until the peer has
//! everything.

use std::io::{self, ErrorKind, Read as _, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::thread;
use std::time::Duration;

use rustls::ClientConnection;
use socket2::{SockRef, TcpKeepalive};

use crate::{Clock, Tls, sys, tls};

/// Between two looks at what the peer has acknowledged: short at first, as most peers answer at
/// once, and longer for those that do not.
const PAUSES: (Duration, Duration) = (Duration::from_micros(100), Duration::from_millis(10));
/// A blocked write looks at what the peer has acknowledged this many times per time-out.
const LOOKS: u32 = 4;
/// What a peer says unasked is read in pieces of this many bytes, and so many pieces at a time.
const UNASKED_SIZE: usize = 4_096;
const UNASKED_PIECES: usize = 16;
/// An idle connection is probed after this time, so that routers on the way remember it and a
/// peer that vanished is noticed.
const KEEPALIVE: Duration = Duration::from_mins(1);

/// An open connection.
#[derive(Debug)]
pub struct Connection {
    stream: TcpStream,
    /// The encrypted side, where there is one.
    session: Option<Box<ClientConnection>>,
    /// What is encrypted and on its way to the stream; kept for its capacity.
    encrypted: Vec<u8>,
    /// Whether a transmission is under way.
    is_torn: bool,
    /// How long the peer may acknowledge nothing.
    timeout: Duration,
    /// How long it has acknowledged nothing.
    waited: Duration,
    /// Bytes written since the connection was made, encrypted ones where there is TLS.
    written: u64,
    /// Those of them that the peer's kernel has acknowledged.
    acknowledged: u64,
}

/// What ends a connection.
#[derive(Debug)]
pub enum Fault {
    /// The system reports an error.
    Io(io::Error),
    /// The peer acknowledged nothing for the time-out.
    Stalled(Duration),
}

impl Connection {
    /// Connects to the first address that answers.
    ///
    /// # Errors
    /// That of the last address; `NotFound` where there is none.
    pub fn open(
        addresses: impl IntoIterator<Item = SocketAddr>,
        connect_timeout: Duration,
        write_timeout: Duration,
    ) -> io::Result<Self> {
        let mut refused = io::Error::new(ErrorKind::NotFound, "the host has no address");
        for address in addresses {
            match Self::connect(address, connect_timeout, write_timeout) {
                Ok(connection) => return Ok(connection),
                Err(error) => refused = error,
            }
        }
        Err(refused)
    }

    /// Encrypts what is written from now on: shakes hands with the peer, which may take so long.
    ///
    /// # Errors
    /// The peer is not who it should be, does not trust us, does not speak TLS, or takes too long.
    pub fn secure(mut self, tls: &Tls, timeout: Duration, clock: Clock) -> io::Result<Self> {
        let mut session = Box::new(tls.begin().map_err(|error| broken(&error))?);
        let end = (clock.now)() + timeout;
        while session.is_handshaking() {
            while session.wants_write() {
                session.write_tls(&mut self.stream)?;
            }
            let left = end.saturating_duration_since((clock.now)());
            if left.is_zero() {
                let slow = format!("the TLS handshake was not over after {timeout:?}");
                return Err(io::Error::new(ErrorKind::TimedOut, slow));
            }
            self.stream.set_read_timeout(Some(left))?;
            match session.read_tls(&mut self.stream) {
                Ok(0) => {
                    let closed = "closed in the middle of the TLS handshake";
                    return Err(io::Error::new(ErrorKind::UnexpectedEof, closed));
                }
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => continue,
                Err(error) => return Err(error),
            }
            if let Err(error) = session.process_new_packets() {
                // The peer should know what we do not like about it.
                session.write_tls(&mut self.stream).ok();
                return Err(broken(&error));
            }
        }
        while session.wants_write() {
            session.write_tls(&mut self.stream)?;
        }
        // The peer's kernel tells the rest; this much has left for it already.
        self.session = Some(session);
        Ok(self)
    }

    /// Whether the connection can be used again: the peer has neither closed nor reset it. What
    /// it says meanwhile is thrown away.
    pub fn is_open(&mut self) -> bool {
        if self.session.is_some() {
            return self.hear().is_ok_and(|is_open| is_open);
        }
        let mut unasked = [MaybeUninit::uninit(); UNASKED_SIZE];
        let socket = SockRef::from(&self.stream);
        for _ in 0..UNASKED_PIECES {
            match socket.recv_with_flags(&mut unasked, libc::MSG_DONTWAIT) {
                Ok(0) => return false,
                Ok(_) => {}
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
        true
    }

    /// Begins a transmission. Until [`Connection::finish`], dropping the connection resets it,
    /// also when the process ends: a peer must not take the first half of a line for a line, as
    /// it may after an orderly end.
    ///
    /// # Errors
    /// The system refuses.
    pub fn begin(&mut self) -> Result<(), Fault> {
        self.is_torn = true;
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).map_err(Fault::Io)
    }

    /// Writes all of the bytes, as fast as the peer takes them.
    ///
    /// # Errors
    /// The connection is broken or stalled; part of the bytes may have arrived.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        let Some(mut session) = self.session.take() else { return self.write_plain(bytes) };
        let mut encrypted = std::mem::take(&mut self.encrypted);
        let mut written = Ok(());
        while !bytes.is_empty() && written.is_ok() {
            written = session.writer().write(bytes).map_err(Fault::Io).and_then(|count| {
                bytes = &bytes[count..];
                encrypted.clear();
                while session.wants_write() {
                    session.write_tls(&mut encrypted).map_err(Fault::Io)?;
                }
                self.write_plain(&encrypted)
            });
        }
        (self.session, self.encrypted) = (Some(session), encrypted);
        written.map_err(|fault| self.why(fault))
    }

    fn write_plain(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let count = match self.stream.write(bytes) {
                Ok(count) => count,
                Err(error) if error.kind() == ErrorKind::WouldBlock => 0,
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => return Err(Fault::Io(error)),
            };
            bytes = &bytes[count..];
            self.written += count as u64;
            // A blocking socket takes less than everything only when its time is up.
            if !bytes.is_empty() {
                self.wait_ended(slice(self.timeout))?;
            }
        }
        Ok(())
    }

    /// How many bytes the peer's kernel had acknowledged when that was last looked at.
    pub(crate) fn acknowledged(&self) -> u64 {
        self.acknowledged
    }

    /// Waits until the peer's kernel has acknowledged every byte.
    ///
    /// An orderly end of the peer's own side is no fault. If the peer has closed its end whole,
    /// its kernel answers what comes later with a reset, and also what came but was never read.
    ///
    /// # Errors
    /// The connection is broken or stalled; part of what was written may have arrived.
    pub fn finish(&mut self) -> Result<(), Fault> {
        let (mut pause, longest) = PAUSES;
        while self.acknowledged < self.written {
            thread::sleep(pause);
            self.wait_ended(pause).map_err(|fault| self.why(fault))?;
            pause = (pause * 2).min(longest);
        }
        // A peer that does not trust us says so after its side of the handshake.
        if self.session.is_some() {
            self.hear().map_err(Fault::Io)?;
        }
        SockRef::from(&self.stream).set_linger(None).map_err(Fault::Io)?;
        self.is_torn = false;
        Ok(())
    }

    fn connect(address: SocketAddr, connect: Duration, write: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, connect)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(slice(write)))?;
        SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        Ok(Self {
            stream,
            session: None,
            encrypted: Vec::new(),
            is_torn: false,
            timeout: write,
            waited: Duration::ZERO,
            written: 0,
            acknowledged: 0,
        })
    }

    /// Reads what the peer of a session has said, without waiting. Says whether it may say more.
    ///
    /// # Errors
    /// It breaks off, and why.
    fn hear(&mut self) -> io::Result<bool> {
        let Some(session) = &mut self.session else { return Ok(true) };
        self.stream.set_nonblocking(true)?;
        let mut heard = Ok(true);
        for _ in 0..UNASKED_PIECES {
            match session.read_tls(&mut self.stream) {
                Ok(0) => heard = Ok(false),
                Ok(_) => match session.process_new_packets() {
                    Ok(state) if state.peer_has_closed() => heard = Ok(false),
                    Ok(_) => {
                        // Nobody asked for it, and it takes room.
                        let mut unasked = [0; UNASKED_SIZE];
                        while session.reader().read(&mut unasked).is_ok_and(|count| count > 0) {}
                        continue;
                    }
                    Err(error) => heard = Err(broken(&error)),
                },
                Err(error) if error.kind() == ErrorKind::WouldBlock => {}
                Err(error) => heard = Err(error),
            }
            break;
        }
        self.stream.set_nonblocking(false)?;
        heard
    }

    /// What ended a session: what the peer said last, where it gave a reason.
    fn why(&mut self, fault: Fault) -> Fault {
        match (&fault, self.hear()) {
            (Fault::Io(_), Err(error)) if error.kind() == ErrorKind::InvalidData => {
                Fault::Io(error)
            }
            _ => fault,
        }
    }

    /// Adds up the time in which the peer acknowledged nothing.
    fn wait_ended(&mut self, waited: Duration) -> Result<(), Fault> {
        self.waited += waited;
        self.look()?;
        if self.waited < self.timeout { Ok(()) } else { Err(Fault::Stalled(self.timeout)) }
    }

    /// Looks at what the peer has acknowledged, and then for a reset, which empties the queue of
    /// what it has not.
    fn look(&mut self) -> Result<(), Fault> {
        let unacknowledged = sys::unacknowledged_bytes(self.stream.as_fd()).map_err(Fault::Io)?;
        if let Some(error) = self.stream.take_error().map_err(Fault::Io)? {
            return Err(Fault::Io(error));
        }
        let acknowledged = self.written.saturating_sub(unacknowledged);
        if acknowledged > self.acknowledged {
            self.acknowledged = acknowledged;
            self.waited = Duration::ZERO;
        }
        Ok(())
    }
}

impl Drop for Connection {
    /// Says goodbye where nothing is cut short, so that the peer knows that this is all.
    fn drop(&mut self) {
        if let (Some(session), false) = (&mut self.session, self.is_torn) {
            session.send_close_notify();
            while session.wants_write() && session.write_tls(&mut self.stream).is_ok() {}
        }
    }
}

fn broken(error: &rustls::Error) -> io::Error {
    io::Error::new(ErrorKind::InvalidData, tls::explain(error))
}

/// How long one write may block, for a time-out. The system takes no time-out of 0.
fn slice(timeout: Duration) -> Duration {
    (timeout / LOOKS).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests;
