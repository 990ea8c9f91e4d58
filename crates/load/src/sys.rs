//! What the operating system offers and no library wraps as it is needed here: batches of
//! datagrams, the kernel's count of what it dropped, and our own CPU time.
#![expect(unsafe_code, reason = "system calls that keep buffers between calls")]

use std::io::{self, ErrorKind};
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr;
use std::time::Duration;

/// Between one buffer and the next, as in the server: buffers of 64 KiB side by side would all
/// begin in the same set of the processor's caches.
const SPREAD: usize = 192;

/// How many datagrams [`send_batch`] takes at most.
pub(crate) const SEND_MAX: usize = 64;

/// The number of values that the kernel gives for `SO_MEMINFO`.
const MEMINFO_VALUES: usize = 9;
/// Where the number of drops stands among them (`SK_MEMINFO_DROPS` in `linux/sock_diag.h`).
const MEMINFO_DROPS: usize = 8;

/// Room for a batch of datagrams whose number and length is all that is asked.
pub(crate) struct Room {
    /// Invariant: `headers[i]` points at `vectors[i]`, which covers a buffer of its own in
    /// `_buffers`. None of the three is ever moved or resized.
    _buffers: Box<[u8]>,
    _vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
}

/// What a batch held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Taken {
    pub(crate) packets: usize,
    pub(crate) bytes: u64,
}

impl Room {
    /// Room for `packets` datagrams of up to `packet_bytes` each.
    pub(crate) fn new(packets: usize, packet_bytes: usize) -> Self {
        let stride = packet_bytes + SPREAD;
        let mut buffers = vec![0_u8; packets * stride].into_boxed_slice();
        let mut vectors: Box<[libc::iovec]> = buffers
            .chunks_exact_mut(stride)
            .map(|buffer| libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: packet_bytes,
            })
            .collect();
        let headers = vectors.iter_mut().map(header).collect();
        Self { _buffers: buffers, _vectors: vectors, headers }
    }

    /// Takes what waits in the socket, at most one batch. With `wait` it waits for the first
    /// datagram, up to the time-out of the socket. Nothing is no error.
    ///
    /// # Errors
    /// The socket is broken, or its network is down.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>, wait: bool) -> io::Result<Taken> {
        let flags = if wait { libc::MSG_WAITFORONE } else { libc::MSG_DONTWAIT };
        let count = libc::c_uint::try_from(self.headers.len()).unwrap_or(libc::c_uint::MAX);
        // SAFETY: `headers` holds `count` headers, and each points at a vector that covers a
        // buffer which we own and borrow mutably here (the invariant of the struct). The kernel
        // keeps no pointer after the call.
        let received = unsafe {
            let headers = self.headers.as_mut_ptr();
            libc::recvmmsg(socket.as_raw_fd(), headers, count, flags, ptr::null_mut())
        };
        match usize::try_from(received) {
            Ok(packets) => {
                let headers = &self.headers[..packets];
                let bytes = headers.iter().map(|header| u64::from(header.msg_len)).sum();
                Ok(Taken { packets, bytes })
            }
            Err(_) => match io::Error::last_os_error() {
                error if error.kind() == ErrorKind::WouldBlock => Ok(Taken::default()),
                error if error.kind() == ErrorKind::Interrupted => Ok(Taken::default()),
                error => Err(error),
            },
        }
    }
}

/// Sends datagrams, the first [`SEND_MAX`] of those that are given, with one call. Gives how many
/// the kernel took.
///
/// # Errors
/// The kernel did not take the first one.
pub(crate) fn send_batch(socket: BorrowedFd<'_>, packets: &[&[u8]]) -> io::Result<usize> {
    let empty = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
    let mut vectors = [empty; SEND_MAX];
    for (vector, packet) in vectors.iter_mut().zip(packets) {
        let base = packet.as_ptr().cast_mut().cast();
        *vector = libc::iovec { iov_base: base, iov_len: packet.len() };
    }
    let mut headers = vectors.each_mut().map(header);
    let count = libc::c_uint::try_from(packets.len().min(SEND_MAX)).unwrap_or(0);
    // SAFETY: the first `count` of the headers point at vectors that cover the given packets,
    // and all of them live through the call. Sending only reads what a vector covers.
    let sent = unsafe { libc::sendmmsg(socket.as_raw_fd(), headers.as_mut_ptr(), count, 0) };
    usize::try_from(sent).map_err(|_| io::Error::last_os_error())
}

/// How many datagrams the kernel dropped at this socket since it was made, modulo 2^32.
///
/// # Errors
/// The kernel is older than 4.12, or the socket is none.
pub(crate) fn dropped_datagrams(socket: BorrowedFd<'_>) -> io::Result<u32> {
    let mut values = [0_u32; MEMINFO_VALUES];
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
        0 => Ok(values[MEMINFO_DROPS]),
        _ => Err(io::Error::last_os_error()),
    }
}

/// The CPU time of this process, in user space and in the kernel.
pub(crate) fn process_cpu() -> Duration {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: `time` lives through the call, which writes nothing else.
    let result = unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &raw mut time) };
    assert_eq!(result, 0, "Linux has had this clock since 2.6.12");
    let seconds = Duration::from_secs(u64::try_from(time.tv_sec).unwrap_or(0));
    seconds + Duration::from_nanos(u64::try_from(time.tv_nsec).unwrap_or(0))
}

/// A header of one datagram without an address.
fn header(vector: &mut libc::iovec) -> libc::mmsghdr {
    libc::mmsghdr {
        msg_hdr: libc::msghdr {
            msg_name: ptr::null_mut(),
            msg_namelen: 0,
            msg_iov: vector,
            msg_iovlen: 1,
            msg_control: ptr::null_mut(),
            msg_controllen: 0,
            msg_flags: 0,
        },
        msg_len: 0,
    }
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;

    use super::*;

    fn pair() -> (UdpSocket, UdpSocket) {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        sender.connect(receiver.local_addr().unwrap()).unwrap();
        (sender, receiver)
    }

    #[test]
    fn a_batch_arrives_as_it_was_sent_and_no_more_than_a_batch_is_taken() {
        let (sender, receiver) = pair();
        let packets: Vec<Vec<u8>> = (0..70).map(|index| vec![b'x'; index]).collect();
        let slices: Vec<&[u8]> = packets.iter().map(Vec::as_slice).collect();
        assert_eq!(send_batch(sender.as_fd(), &slices).unwrap(), SEND_MAX);
        assert_eq!(send_batch(sender.as_fd(), &slices[SEND_MAX..]).unwrap(), 6);
        let mut buffer = [0; 128];
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 0);
        assert_eq!(receiver.recv(&mut buffer).unwrap(), 1);
        let mut room = Room::new(60, 128);
        let taken = room.receive(receiver.as_fd(), false).unwrap();
        assert_eq!(taken, Taken { packets: 60, bytes: (2..62).sum() });
        let taken = room.receive(receiver.as_fd(), true).unwrap();
        assert_eq!(taken, Taken { packets: 8, bytes: (62..70).sum() });
        assert_eq!(room.receive(receiver.as_fd(), false).unwrap(), Taken::default());
    }

    #[test]
    fn a_packet_that_the_kernel_does_not_take_is_an_error() {
        let (sender, _receiver) = pair();
        assert!(send_batch(sender.as_fd(), &[&[0; 65_508]]).is_err());
    }

    #[test]
    fn what_does_not_fit_into_the_receive_buffer_is_counted_as_dropped() {
        let (sender, receiver) = pair();
        let packets = [&[b'x'; 1_024][..]; SEND_MAX];
        let sent: usize = (0..200).map(|_| send_batch(sender.as_fd(), &packets).unwrap()).sum();
        let (mut room, mut received) = (Room::new(64, 2_048), 0);
        while let Taken { packets: packets @ 1.., .. } =
            room.receive(receiver.as_fd(), false).unwrap()
        {
            received += packets;
        }
        let dropped = dropped_datagrams(receiver.as_fd()).unwrap() as usize;
        assert!(dropped > 0);
        assert_eq!(received + dropped, sent);
    }

    #[test]
    fn the_cpu_time_of_the_process_grows_with_its_work() {
        let before = process_cpu();
        let sum: u64 = (0..3_000_000_u64).map(std::hint::black_box).sum();
        assert!(sum > 0 && process_cpu() > before);
    }
}
