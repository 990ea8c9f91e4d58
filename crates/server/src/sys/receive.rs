//! Receives datagrams in batches: `recvmmsg`.
#![expect(unsafe_code, reason = "no library offers recvmmsg into buffers that stay")]

use std::io;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr;

/// Between one buffer and the next. Buffers of 64 KiB side by side would all begin in the same
/// set of the processor's caches; three lines more spread them.
const SPREAD: usize = 192;

/// Room for a batch of datagrams, used again and again.
pub(crate) struct Batch {
    /// Invariant: `headers[i]` points at `vectors[i]`, which covers the first `packet_bytes` of
    /// `buffers[i]`. None of the three is ever moved or resized.
    buffers: Box<[u8]>,
    _vectors: Box<[libc::iovec]>,
    headers: Box<[libc::mmsghdr]>,
    packet_bytes: usize,
    /// How many of `headers` the last call filled in; `received <= headers.len()`.
    received: usize,
}

/// One datagram as received.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Packet<'a> {
    /// Its bytes, as far as there was room.
    pub(crate) bytes: &'a [u8],
    /// Whether there was no room for all of it.
    pub(crate) truncated: bool,
}

impl Batch {
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
        let headers = vectors
            .iter_mut()
            .map(|vector| libc::mmsghdr {
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
            })
            .collect();
        Self { buffers, _vectors: vectors, headers, packet_bytes, received: 0 }
    }

    /// Takes what waits in the socket, at most one batch, without waiting for more. Gives the
    /// number of datagrams, 0 when none waits.
    ///
    /// # Errors
    /// The socket is broken, or its network is down.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>) -> io::Result<usize> {
        self.received = 0;
        let count = libc::c_uint::try_from(self.headers.len()).unwrap_or(libc::c_uint::MAX);
        // SAFETY: `headers` holds `count` headers, and each points at a vector that covers a
        // buffer which we own and borrow mutably here (the invariant of the struct). The kernel
        // keeps no pointer after the call.
        let received = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.headers.as_mut_ptr(),
                count,
                libc::MSG_DONTWAIT,
                ptr::null_mut(),
            )
        };
        match usize::try_from(received) {
            Ok(received) => self.received = received,
            Err(_) => {
                let error = io::Error::last_os_error();
                let nothing = [io::ErrorKind::WouldBlock, io::ErrorKind::Interrupted];
                if !nothing.contains(&error.kind()) {
                    return Err(error);
                }
            }
        }
        Ok(self.received)
    }

    /// The datagrams of the last [`Batch::receive`], in order.
    pub(crate) fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        let buffers = self.buffers.chunks_exact(self.packet_bytes + SPREAD);
        self.headers[..self.received].iter().zip(buffers).map(|(header, buffer)| Packet {
            bytes: &buffer[..(header.msg_len as usize).min(self.packet_bytes)],
            truncated: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
        })
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
    fn datagrams_come_whole_in_order_and_a_batch_at_a_time() {
        let (sender, receiver) = pair();
        let longest = vec![b'x'; 65_507];
        for packet in [&b"a"[..], b"", &longest, b"b"] {
            sender.send(packet).unwrap();
        }
        let mut batch = Batch::new(3, 65_536);
        assert_eq!(batch.receive(receiver.as_fd()).unwrap(), 3);
        let packets: Vec<_> = batch.packets().collect();
        assert!(packets.iter().all(|packet| !packet.truncated));
        let bytes: Vec<_> = packets.iter().map(|packet| packet.bytes).collect();
        assert_eq!(bytes, [&b"a"[..], b"", &longest]);
        assert_eq!(batch.receive(receiver.as_fd()).unwrap(), 1);
        assert_eq!(batch.packets().next(), Some(Packet { bytes: b"b", truncated: false }));
        assert_eq!(batch.receive(receiver.as_fd()).unwrap(), 0);
        assert_eq!(batch.packets().count(), 0);
    }

    #[test]
    fn a_datagram_without_room_is_marked_as_truncated() {
        let (sender, receiver) = pair();
        sender.send(b"a:1|c\nb:2|c").unwrap();
        sender.send(b"c:1|c").unwrap();
        let mut batch = Batch::new(4, 8);
        assert_eq!(batch.receive(receiver.as_fd()).unwrap(), 2);
        let packets: Vec<_> = batch.packets().collect();
        assert_eq!(packets[0], Packet { bytes: b"a:1|c\nb:", truncated: true });
        assert_eq!(packets[1], Packet { bytes: b"c:1|c", truncated: false });
    }
}
