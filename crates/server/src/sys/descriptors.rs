//! Descriptors as such: which sockets this process has, and how others get them (`unix(7)`,
//! `SCM_RIGHTS`).
#![expect(unsafe_code, reason = "to borrow and to own descriptors by their numbers")]

use std::fs;
use std::io::{self, IoSlice, IoSliceMut};
use std::os::fd::{AsFd, AsRawFd as _, BorrowedFd, FromRawFd as _, OwnedFd, RawFd};

use nix::cmsg_space;
use nix::fcntl::{FcntlArg, fcntl};
use nix::sys::socket::{ControlMessage, ControlMessageOwned, MsgFlags, recvmsg, sendmsg};
use nix::sys::stat::{SFlag, fstat};

/// How many descriptors one message can carry; the kernel takes 253.
pub(crate) const DESCRIPTORS_MAX: usize = 64;
/// How far to look where the system does not tell which descriptors there are.
const LOOKED_AT: RawFd = 4_096;

/// Further descriptors of all sockets that this process has.
pub(crate) fn sockets() -> Vec<OwnedFd> {
    let is_socket = |found: &OwnedFd| {
        fstat(found).is_ok_and(|found| {
            SFlag::from_bits_truncate(found.st_mode & SFlag::S_IFMT.bits()) == SFlag::S_IFSOCK
        })
    };
    numbers().into_iter().filter_map(duplicate).filter(is_socket).collect()
}

/// The numbers of the open descriptors, and maybe of some that are not.
pub(super) fn numbers() -> Vec<RawFd> {
    let Ok(listed) = fs::read_dir("/proc/self/fd") else { return (0..LOOKED_AT).collect() };
    listed.filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok()).collect()
}

/// A further descriptor of what this number stands for, if it does.
fn duplicate(number: RawFd) -> Option<OwnedFd> {
    // SAFETY: it is only asked for a further descriptor, which is an error where there is none of
    // this number. Another thread may close it meanwhile, or open another: that is looked at anew.
    let found = unsafe { BorrowedFd::borrow_raw(number) };
    let further = fcntl(found, FcntlArg::F_DUPFD_CLOEXEC(3)).ok()?;
    // SAFETY: the kernel has just made it for us, and nobody else knows of it.
    Some(unsafe { OwnedFd::from_raw_fd(further) })
}

/// Sends a message with descriptors, at most [`DESCRIPTORS_MAX`].
///
/// # Errors
/// The other end is closed, or takes nothing for as long as its socket allows.
pub(crate) fn send_message(
    socket: impl AsFd,
    message: &[u8],
    descriptors: &[BorrowedFd<'_>],
) -> io::Result<()> {
    let numbers: Vec<RawFd> = descriptors.iter().map(|one| one.as_raw_fd()).collect();
    let rights = [ControlMessage::ScmRights(&numbers)];
    let rights = if numbers.is_empty() { &[][..] } else { &rights };
    let (socket, slices) = (socket.as_fd().as_raw_fd(), [IoSlice::new(message)]);
    sendmsg::<()>(socket, &slices, rights, MsgFlags::MSG_NOSIGNAL, None)?;
    Ok(())
}

/// Receives a message into the buffer; gives its length, and the descriptors that came with it.
/// The length is 0 where the other end is closed.
///
/// # Errors
/// Nothing came for as long as the socket waits.
pub(crate) fn receive_message(
    socket: impl AsFd,
    buffer: &mut [u8],
) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut room = cmsg_space!([RawFd; DESCRIPTORS_MAX]);
    let mut slices = [IoSliceMut::new(buffer)];
    let (socket, flags) = (socket.as_fd().as_raw_fd(), MsgFlags::MSG_CMSG_CLOEXEC);
    let received = recvmsg::<()>(socket, &mut slices, Some(&mut room), flags)?;
    let mut descriptors = Vec::new();
    for control in received.cmsgs()? {
        if let ControlMessageOwned::ScmRights(numbers) = control {
            // SAFETY: the kernel has just made them for us, and nobody else knows of them.
            let own = |number| unsafe { OwnedFd::from_raw_fd(number) };
            descriptors.extend(numbers.into_iter().map(own));
        }
    }
    Ok((received.bytes, descriptors))
}

#[cfg(test)]
mod tests {
    use std::io::{Read as _, Write as _};
    use std::net::UdpSocket;
    use std::os::unix::net::UnixStream;

    use super::*;

    #[test]
    fn a_descriptor_that_is_sent_leads_to_the_same_socket() {
        let (one, other) = UnixStream::pair().unwrap();
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        send_message(&one, b"take it", &[socket.as_fd()]).unwrap();
        send_message(&one, b"nothing", &[]).unwrap();
        drop(one);
        let mut buffer = [0; 7];
        let (length, mut got) = receive_message(&other, &mut buffer).unwrap();
        assert_eq!((&buffer[..length], got.len()), (&b"take it"[..], 1));
        let taken = UdpSocket::from(got.remove(0));
        assert_eq!(taken.local_addr().unwrap(), socket.local_addr().unwrap());
        let (length, got) = receive_message(&other, &mut buffer).unwrap();
        assert_eq!((&buffer[..length], got.len()), (&b"nothing"[..], 0));
        assert_eq!(receive_message(&other, &mut buffer).unwrap().0, 0);
    }

    #[test]
    fn all_sockets_of_the_process_are_found_and_nothing_else() {
        let (mut one, other) = UnixStream::pair().unwrap();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let found = sockets();
        let found: Vec<socket2::Socket> = found.into_iter().map(Into::into).collect();
        let local = |socket: &socket2::Socket| socket.local_addr().unwrap().as_socket();
        assert!(found.iter().any(|socket| local(socket) == Some(udp.local_addr().unwrap())));
        // A further descriptor keeps a socket open: when it is gone the other end knows.
        drop(other);
        one.write_all(b"x").ok();
        drop(found);
        assert_eq!(one.read(&mut [0; 1]).unwrap_or(0), 0);
    }
}
