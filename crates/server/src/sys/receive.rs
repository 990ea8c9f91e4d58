//! Receives datagrams in batches: `recvmmsg`.
//!
//! Where a sender hands the kernel many datagrams of one size at once, or a network card gathers
//! them, the kernel may hand them on as one (`UDP_GRO`): a buffer of many datagrams, with their
//! size beside it. They are taken apart here.
//!
//! ```text
//! buffer    | datagram | datagram | datagram | last |      control    segment size
//! ```
#![expect(unsafe_code, reason = "no library offers recvmmsg into buffers that stay")]

use std::io;
use std::net::IpAddr;
use std::os::fd::{AsRawFd as _, BorrowedFd};
use std::ptr;

/// Between one buffer and the next. Buffers of 64 KiB side by side would all begin in the same
/// set of the processor's caches; three lines more spread them.
const SPREAD: usize = 192;

/// The size of a [`Name`], which the kernel is told, and then writes down as it was.
const NAME_BYTES: libc::socklen_t = 28;
const _: () = assert!(size_of::<Name>() == NAME_BYTES as usize);

/// Room for a batch of datagrams, used again and again.
pub(crate) struct Batch {
    /// Invariant: `headers[i]` points at `vectors[i]`, which covers the first `packet_bytes` of
    /// `buffers[i]`, at `controls[i]`, and at `names[i]` where there are any names. None of the
    /// five is ever moved or resized.
    buffers: Box<[u8]>,
    _vectors: Box<[libc::iovec]>,
    controls: Box<[Control]>,
    names: Box<[Name]>,
    headers: Box<[libc::mmsghdr]>,
    packet_bytes: usize,
    /// How many of `headers` the last call filled in; `received <= headers.len()`.
    received: usize,
}

// SAFETY: the pointers lead to what the batch itself owns, and it is used through `&mut` alone
// while the kernel writes there.
unsafe impl Send for Batch {}

/// Room for the one control message that is asked for.
#[repr(C)]
#[derive(Clone, Copy)]
struct Control {
    header: libc::cmsghdr,
    segment_bytes: libc::c_int,
    _padding: libc::c_int,
}

/// Room for the address that a datagram came from: a `sockaddr` of any family, as far as there is
/// room. Only that of an IP address is needed.
#[repr(C)]
#[derive(Clone, Copy)]
struct Name {
    family: libc::sa_family_t,
    rest: [u8; size_of::<libc::sockaddr_in6>() - size_of::<libc::sa_family_t>()],
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
        Self::with_names(packets, packet_bytes, Box::default())
    }

    /// The same, and room for the address that each comes from.
    pub(crate) fn with_sources(packets: usize, packet_bytes: usize) -> Self {
        let rest = [0; size_of::<Name>() - size_of::<libc::sa_family_t>()];
        let names = vec![Name { family: 0, rest }; packets].into_boxed_slice();
        Self::with_names(packets, packet_bytes, names)
    }

    fn with_names(packets: usize, packet_bytes: usize, mut names: Box<[Name]>) -> Self {
        let stride = packet_bytes + SPREAD;
        let mut buffers = vec![0_u8; packets * stride].into_boxed_slice();
        let mut vectors: Box<[libc::iovec]> = buffers
            .chunks_exact_mut(stride)
            .map(|buffer| libc::iovec {
                iov_base: buffer.as_mut_ptr().cast(),
                iov_len: packet_bytes,
            })
            .collect();
        let header = libc::cmsghdr { cmsg_len: 0, cmsg_level: 0, cmsg_type: 0 };
        let control = Control { header, segment_bytes: 0, _padding: 0 };
        let mut controls = vec![control; packets].into_boxed_slice();
        let mut headers = vectors
            .iter_mut()
            .zip(&mut controls)
            .map(|(vector, control)| libc::mmsghdr {
                msg_hdr: libc::msghdr {
                    msg_name: ptr::null_mut(),
                    msg_namelen: 0,
                    msg_iov: vector,
                    msg_iovlen: 1,
                    msg_control: ptr::from_mut(control).cast(),
                    msg_controllen: size_of::<Control>(),
                    msg_flags: 0,
                },
                msg_len: 0,
            })
            .collect::<Box<[_]>>();
        for (header, name) in headers.iter_mut().zip(&mut names) {
            header.msg_hdr.msg_name = ptr::from_mut(name).cast();
            header.msg_hdr.msg_namelen = NAME_BYTES;
        }
        Self { buffers, _vectors: vectors, controls, names, headers, packet_bytes, received: 0 }
    }

    /// Takes what waits in the socket, without waiting for more: at most one batch, and at most so
    /// many buffers. Gives the number of buffers that were filled, 0 when nothing waits.
    ///
    /// # Errors
    /// The socket is broken, or its network is down.
    pub(crate) fn receive(&mut self, socket: BorrowedFd<'_>, most: usize) -> io::Result<usize> {
        // The kernel has written how much of the room it used.
        for header in &mut self.headers[..self.received] {
            header.msg_hdr.msg_controllen = size_of::<Control>();
        }
        if !self.names.is_empty() {
            for header in &mut self.headers[..self.received] {
                header.msg_hdr.msg_namelen = NAME_BYTES;
            }
        }
        self.received = 0;
        let count = libc::c_uint::try_from(self.headers.len().min(most)).unwrap_or(1);
        // SAFETY: `headers` holds at least `count` headers, and each points at a vector that covers
        // a buffer, at room for a control message, and at a name of `msg_namelen` bytes or at none,
        // all of which we own and borrow mutably here (the invariant of the struct). The kernel
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

    /// Whether a buffer of the last [`Batch::receive`] holds several datagrams, or may.
    pub(crate) fn has_segments(&self) -> bool {
        let filled = self.headers[..self.received].iter().zip(&self.controls);
        filled.into_iter().any(|(header, control)| segment_bytes(header, control).is_some())
    }

    /// The datagrams of the last [`Batch::receive`], in order.
    pub(crate) fn packets(&self) -> impl Iterator<Item = Packet<'_>> {
        let buffers = self.buffers.chunks_exact(self.packet_bytes + SPREAD);
        let filled = self.headers[..self.received].iter().zip(&self.controls).zip(buffers);
        filled.flat_map(|((header, control), buffer)| self.packets_in(header, control, buffer))
    }

    /// The same, each with the address that it came from, if that is an IP address. Only of a
    /// batch that was made [`with_sources`](Batch::with_sources).
    pub(crate) fn packets_with_sources(
        &self,
    ) -> impl Iterator<Item = (Option<IpAddr>, Packet<'_>)> {
        let buffers = self.buffers.chunks_exact(self.packet_bytes + SPREAD);
        let filled = self.headers[..self.received].iter().zip(&self.controls).zip(buffers);
        filled.zip(&self.names).flat_map(|(((header, control), buffer), name)| {
            let source = name.ip();
            self.packets_in(header, control, buffer).map(move |packet| (source, packet))
        })
    }

    fn packets_in<'a>(
        &self,
        header: &libc::mmsghdr,
        control: &Control,
        buffer: &'a [u8],
    ) -> impl Iterator<Item = Packet<'a>> + use<'a> {
        let bytes = &buffer[..(header.msg_len as usize).min(self.packet_bytes)];
        let truncated = header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0;
        segments(bytes, segment_bytes(header, control), truncated)
    }
}

impl Name {
    /// The IP address in it (`sockaddr_in` and `sockaddr_in6`: behind the port, and behind port
    /// and flow).
    fn ip(&self) -> Option<IpAddr> {
        match i32::from(self.family) {
            libc::AF_INET => Some(IpAddr::from(*self.rest[2..].first_chunk::<4>()?)),
            libc::AF_INET6 => Some(IpAddr::from(*self.rest[6..].first_chunk::<16>()?)),
            _ => None,
        }
    }
}

/// The size of the datagrams in a buffer; `None` where it is one.
fn segment_bytes(header: &libc::mmsghdr, control: &Control) -> Option<usize> {
    let has_control = header.msg_hdr.msg_controllen > 0;
    let is_size =
        (control.header.cmsg_level, control.header.cmsg_type) == (libc::SOL_UDP, libc::UDP_GRO);
    let bytes = usize::try_from(control.segment_bytes).ok()?;
    (has_control && is_size && bytes > 0).then_some(bytes)
}

/// Takes a buffer apart. What did not fit was at its end.
fn segments(
    buffer: &[u8],
    segment_bytes: Option<usize>,
    truncated: bool,
) -> impl Iterator<Item = Packet<'_>> {
    // An empty datagram is one too. To divide takes time, and hardly any buffer has several.
    let (stride, count) = match segment_bytes {
        Some(stride) => (stride, buffer.len().div_ceil(stride).max(1)),
        None => (buffer.len(), 1),
    };
    (0..count).map(move |index| {
        let end = buffer.len().min((index + 1) * stride);
        let bytes = &buffer[index * stride..end];
        Packet { bytes, truncated: truncated && index + 1 == count }
    })
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;
    use std::os::fd::AsFd as _;

    use nix::sys::socket::setsockopt;
    use nix::sys::socket::sockopt::{UdpGroSegment, UdpGsoSegment};

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
        let mut batch = Batch::new(4, 65_536);
        assert_eq!(batch.receive(receiver.as_fd(), 3).unwrap(), 3);
        let packets: Vec<_> = batch.packets().collect();
        assert!(packets.iter().all(|packet| !packet.truncated));
        let bytes: Vec<_> = packets.iter().map(|packet| packet.bytes).collect();
        assert_eq!(bytes, [&b"a"[..], b"", &longest]);
        assert_eq!(batch.receive(receiver.as_fd(), 64).unwrap(), 1);
        assert_eq!(batch.packets().next(), Some(Packet { bytes: b"b", truncated: false }));
        assert_eq!(batch.receive(receiver.as_fd(), 64).unwrap(), 0);
        assert_eq!(batch.packets().count(), 0);
    }

    #[test]
    fn a_buffer_of_many_datagrams_is_taken_apart() {
        let (sender, receiver) = pair();
        setsockopt(&receiver, UdpGroSegment, &true).unwrap();
        // The kernel cuts what is sent into segments of this size.
        setsockopt(&sender, UdpGsoSegment, &5).unwrap();
        for _ in 0..2 {
            sender.send(b"a:1|cb:2|cc:3|cd:4").unwrap();
        }
        setsockopt(&sender, UdpGsoSegment, &0).unwrap();
        sender.send(b"e:5|c").unwrap();
        let mut batch = Batch::new(4, 65_536);
        let mut packets = Vec::new();
        // Twice, so that what the first call wrote into the headers does not hold for the next.
        while packets.len() < 9 {
            assert!(batch.receive(receiver.as_fd(), 64).unwrap() > 0);
            packets.extend(batch.packets().map(|packet| packet.bytes.to_vec()));
        }
        let one: [&[u8]; 4] = [b"a:1|c", b"b:2|c", b"c:3|c", b"d:4"];
        assert_eq!(packets, [&one[..], &one[..], &[b"e:5|c"]].concat());
    }

    #[test]
    fn a_batch_with_sources_says_where_each_datagram_comes_from() {
        let receivers = ["127.0.0.1:0", "[::1]:0", "[::]:0"].map(UdpSocket::bind);
        let mut batch = Batch::with_sources(4, 64);
        for (receiver, sender) in receivers.into_iter().zip(["127.0.0.1", "::1", "127.0.0.1"]) {
            let receiver = receiver.unwrap();
            let port = receiver.local_addr().unwrap().port();
            let sender_socket = UdpSocket::bind((sender, 0)).unwrap();
            // Twice, so that what the first call wrote into the headers does not hold for the next.
            for _ in 0..2 {
                sender_socket.send_to(b"a:1|c", (sender, port)).unwrap();
                assert_eq!(batch.receive(receiver.as_fd(), 64).unwrap(), 1);
                let packets: Vec<_> = batch.packets_with_sources().collect();
                let [(Some(source), packet)] = packets[..] else { panic!("{packets:?}") };
                assert_eq!(source.to_canonical().to_string(), sender);
                assert_eq!(packet.bytes, b"a:1|c");
            }
        }
    }

    #[test]
    fn segments_are_of_one_size_but_for_the_last() {
        let check = |bytes: &'static [u8], size, truncated, expected: &[(&[u8], bool)]| {
            let packets: Vec<_> = segments(bytes, size, truncated).collect();
            let packets: Vec<_> =
                packets.iter().map(|packet| (packet.bytes, packet.truncated)).collect();
            assert_eq!(packets, expected);
        };
        check(b"", None, false, &[(b"", false)]);
        check(b"abc", None, true, &[(b"abc", true)]);
        check(b"abc", Some(3), false, &[(b"abc", false)]);
        check(b"abcd", Some(2), true, &[(b"ab", false), (b"cd", true)]);
        check(b"abcde", Some(2), false, &[(b"ab", false), (b"cd", false), (b"e", false)]);
    }

    #[test]
    fn a_datagram_without_room_is_marked_as_truncated() {
        let (sender, receiver) = pair();
        sender.send(b"a:1|c\nb:2|c").unwrap();
        sender.send(b"c:1|c").unwrap();
        let mut batch = Batch::new(4, 8);
        assert_eq!(batch.receive(receiver.as_fd(), 64).unwrap(), 2);
        let packets: Vec<_> = batch.packets().collect();
        assert_eq!(packets[0], Packet { bytes: b"a:1|c\nb:", truncated: true });
        assert_eq!(packets[1], Packet { bytes: b"c:1|c", truncated: false });
    }
}
