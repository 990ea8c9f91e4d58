//! What goes out over a connection: in time, or never.

use std::io::{self, ErrorKind, Write};
use std::os::fd::AsFd as _;
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;

use crate::clock;

/// How long the other end may take for an answer.
const PATIENCE: Duration = Duration::from_secs(60);
/// How much is gathered before it is sent.
const BUFFER_BYTES: usize = 16_384;

/// An answer on its way out.
pub(super) struct Outgoing<'s> {
    socket: &'s Socket,
    buffer: Vec<u8>,
    deadline: Instant,
}

impl<'s> Outgoing<'s> {
    /// An answer over a connection that is never waited for.
    pub(super) fn new(socket: &'s Socket) -> Self {
        Self::until(socket, clock::now() + PATIENCE)
    }

    fn until(socket: &'s Socket, deadline: Instant) -> Self {
        Self { socket, buffer: Vec::new(), deadline }
    }

    /// Sends what is left.
    ///
    /// # Errors
    /// The connection is broken, or the other end takes too long.
    pub(super) fn finish(mut self) -> io::Result<()> {
        self.flush()
    }
}

impl Write for Outgoing<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER_BYTES {
            self.flush()?;
        }
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        let mut rest = &*self.buffer;
        while !rest.is_empty() {
            match self.socket.send(rest) {
                Ok(sent) => rest = &rest[sent..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    let left = self.deadline.saturating_duration_since(clock::now());
                    if left.is_zero() {
                        return Err(ErrorKind::TimedOut.into());
                    }
                    let mut waiting = [PollFd::new(self.socket.as_fd(), PollFlags::POLLOUT)];
                    let milliseconds = left.as_millis().saturating_add(1);
                    let milliseconds = u16::try_from(milliseconds).unwrap_or(u16::MAX);
                    // A signal that interrupts it is as good as room.
                    poll(&mut waiting, PollTimeout::from(milliseconds)).ok();
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        self.buffer.clear();
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    fn pair() -> (UnixStream, Socket) {
        let (client, server) = UnixStream::pair().unwrap();
        server.set_nonblocking(true).unwrap();
        (client, Socket::from(server))
    }

    #[test]
    fn who_does_not_read_in_time_gets_no_more() {
        let (_client, server) = pair();
        let mut out = Outgoing::until(&server, clock::now() + Duration::from_millis(50));
        let error = out.write_all(&vec![b'x'; 10 << 20]).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::TimedOut);
    }

    #[test]
    fn who_reads_slowly_gets_all() {
        let (mut client, server) = pair();
        let text: Vec<u8> = (0..1_000_000_u32).map(|number| number.to_le_bytes()[1]).collect();
        let sent = text.clone();
        let sender = thread::spawn(move || {
            let mut out = Outgoing::new(&server);
            sent.chunks(999).try_for_each(|piece| out.write_all(piece)).unwrap();
            out.finish().unwrap();
        });
        let (mut read, mut piece) = (Vec::new(), [0; 10_000]);
        while read.len() < text.len() {
            thread::sleep(Duration::from_millis(1));
            let bytes = client.read(&mut piece).unwrap();
            read.extend_from_slice(&piece[..bytes]);
        }
        sender.join().unwrap();
        assert!(read == text);
    }
}
