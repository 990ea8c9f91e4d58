//! A TCP connection that is written to and followed until the peer has everything.

use std::io::{self, ErrorKind, Write as _};
use std::mem::MaybeUninit;
use std::net::{SocketAddr, TcpStream};
use std::os::fd::AsFd as _;
use std::thread;
use std::time::Duration;

use socket2::{SockRef, TcpKeepalive};

use crate::sys;

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
    /// How long the peer may acknowledge nothing.
    timeout: Duration,
    /// How long it has acknowledged nothing.
    waited: Duration,
    /// Bytes written since the connection was made.
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

    /// Whether the connection can be used again: the peer has neither closed nor reset it. What
    /// it says meanwhile is thrown away.
    pub fn is_open(&self) -> bool {
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
    pub fn begin(&self) -> Result<(), Fault> {
        SockRef::from(&self.stream).set_linger(Some(Duration::ZERO)).map_err(Fault::Io)
    }

    /// Writes all of the bytes, as fast as the peer takes them.
    ///
    /// # Errors
    /// The connection is broken or stalled; part of the bytes may have arrived.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<(), Fault> {
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
            self.wait_ended(pause)?;
            pause = (pause * 2).min(longest);
        }
        SockRef::from(&self.stream).set_linger(None).map_err(Fault::Io)
    }

    fn connect(address: SocketAddr, connect: Duration, write: Duration) -> io::Result<Self> {
        let stream = TcpStream::connect_timeout(&address, connect)?;
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(slice(write)))?;
        SockRef::from(&stream).set_tcp_keepalive(&TcpKeepalive::new().with_time(KEEPALIVE))?;
        let waited = Duration::ZERO;
        Ok(Self { stream, timeout: write, waited, written: 0, acknowledged: 0 })
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

/// How long one write may block, for a time-out. The system takes no time-out of 0.
fn slice(timeout: Duration) -> Duration {
    (timeout / LOOKS).max(Duration::from_millis(1))
}

#[cfg(test)]
mod tests;
