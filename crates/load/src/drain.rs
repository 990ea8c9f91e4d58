//! A sink that reads and forgets: where a server that is measured can flush to.

use std::io::{self, ErrorKind, Read as _};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};

/// How much is read at once, in bytes.
const CHUNK_BYTES: usize = 256 << 10;

/// Accepts connections one after the other, and reads each to its end.
#[derive(Debug)]
pub struct Drain {
    listener: TcpListener,
}

impl Drain {
    /// Listens on a port of 127.0.0.1 that the kernel chooses.
    ///
    /// # Errors
    /// The system has no socket left.
    pub fn listen() -> io::Result<Self> {
        Ok(Self { listener: TcpListener::bind((Ipv4Addr::LOCALHOST, 0))? })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.listener.local_addr()
    }

    /// Reads one connection to its end; gives the number of bytes. That the peer resets it is an
    /// end like any other.
    ///
    /// # Errors
    /// No connection can be accepted.
    pub fn one(&self) -> io::Result<u64> {
        let (mut connection, _) = self.listener.accept()?;
        let mut chunk = vec![0; CHUNK_BYTES];
        let mut bytes = 0;
        loop {
            match read(&mut connection, &mut chunk) {
                0 => return Ok(bytes),
                read => bytes += read as u64,
            }
        }
    }
}

/// How many bytes came; 0 at the end, whatever its reason.
fn read(connection: &mut TcpStream, chunk: &mut [u8]) -> usize {
    loop {
        match connection.read(chunk) {
            Ok(read) => return read,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(_) => return 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::thread;

    use super::*;

    #[test]
    fn connections_are_read_to_their_ends_one_after_the_other() {
        let drain = Drain::listen().unwrap();
        let to = drain.address().unwrap();
        let sender = thread::spawn(move || {
            for bytes in [1_000_000, 0, 3] {
                TcpStream::connect(to).unwrap().write_all(&vec![b'x'; bytes]).unwrap();
            }
        });
        assert_eq!([(); 3].map(|()| drain.one().unwrap()), [1_000_000, 0, 3]);
        sender.join().unwrap();
    }
}
