//! How many bytes the peer of a connection has not acknowledged yet.
#![expect(unsafe_code, reason = "no library offers SIOCOUTQ")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// The bytes of a TCP connection that were written and that the peer's kernel has not
/// acknowledged: `SIOCOUTQ` of tcp(7), which is `TIOCOUTQ` by another name.
///
/// # Errors
/// The descriptor is no connected socket.
pub(crate) fn unacknowledged_bytes(socket: BorrowedFd<'_>) -> io::Result<u64> {
    let mut bytes: libc::c_int = 0;
    // SAFETY: the request writes one `int`; `bytes` is one and lives through the call.
    let result = unsafe { libc::ioctl(socket.as_raw_fd(), libc::TIOCOUTQ, &raw mut bytes) };
    match result {
        // The kernel never answers a negative count.
        0 => Ok(u64::try_from(bytes).unwrap_or(0)),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::{TcpListener, TcpStream};
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn what_the_peer_has_no_room_for_stays_unacknowledged_until_it_reads() {
        let listener = socket2::Socket::from(TcpListener::bind("127.0.0.1:0").unwrap());
        listener.set_recv_buffer_size(4_096).unwrap();
        let listener = TcpListener::from(listener);
        let mut stream = TcpStream::connect(listener.local_addr().unwrap()).unwrap();
        let (mut peer, _) = listener.accept().unwrap();

        assert_eq!(unacknowledged_bytes(stream.as_fd()).unwrap(), 0);
        stream.write_all(&[0; 60_000]).unwrap();
        assert!(unacknowledged_bytes(stream.as_fd()).unwrap() > 50_000);
        peer.read_exact(&mut [0; 60_000]).unwrap();
        while unacknowledged_bytes(stream.as_fd()).unwrap() > 0 {
            std::thread::yield_now();
        }
    }

    #[test]
    fn a_file_has_no_unacknowledged_bytes() {
        let file = std::fs::File::open("Cargo.toml").unwrap();
        assert!(unacknowledged_bytes(file.as_fd()).is_err());
    }
}
