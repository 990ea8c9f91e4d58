//! How many datagrams the kernel dropped because a socket's buffer was full.
#![expect(unsafe_code, reason = "no library offers SO_MEMINFO")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};

/// How many values `SO_MEMINFO` gives, and which of them counts drops: `SK_MEMINFO_VARS` and
/// `SK_MEMINFO_DROPS` of `linux/sock_diag.h`.
const VALUES: usize = 9;
const DROPS: usize = 8;

/// The datagrams that a socket has dropped since it was made. The kernel counts in 32 bits: take
/// the wrapping difference of two readings.
///
/// # Errors
/// The kernel is older than 4.12, or the socket is none.
pub(crate) fn dropped_datagrams(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut values = [0_u32; VALUES];
    let mut bytes = libc::socklen_t::try_from(size_of_val(&values)).unwrap_or(0);
    // SAFETY: `values` has room for `bytes` bytes, both live through the call, and any bytes
    // make valid integers.
    let result = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            values.as_mut_ptr().cast(),
            &raw mut bytes,
        )
    };
    match result {
        0 => Ok(values[DROPS]),
        _ => Err(io::Error::last_os_error()),
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;

    use super::*;

    #[test]
    fn what_is_sent_is_received_or_counted_as_dropped() {
        let receiver = socket2::Socket::from(UdpSocket::bind("127.0.0.1:0").unwrap());
        receiver.set_recv_buffer_size(4_096).unwrap();
        let receiver = UdpSocket::from(receiver);
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        for _ in 0..1_000 {
            sender.send(b"a:1|c").unwrap();
        }
        receiver.set_nonblocking(true).unwrap();
        let mut received = 0;
        while receiver.recv(&mut [0; 16]).is_ok() {
            received += 1;
        }
        let dropped = dropped_datagrams(receiver.as_fd()).unwrap();
        assert!(dropped > 0);
        assert_eq!(received + dropped, 1_000);
    }
}
