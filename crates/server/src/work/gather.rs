//! Whether the kernel may hand on many datagrams as one (`UDP_GRO`).
//!
//! Where that happens, each of them costs a fraction. Where it does not, the kernel still looks
//! for it at each datagram, and what it looks at is in no cache: about 100 ns. So it may only as
//! long as there are such datagrams, and for a moment each second to see whether there are.

use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt::UdpGroSegment};

/// How many buffers are received at once while they hold several datagrams each: more of them
/// would leave the processor's caches.
const BUFFERS_MAX: usize = 8;
/// After so many datagrams that came alone, all do.
const ALONE_MAX: usize = 1_024;
/// When to see again whether they do.
const PAUSE: Duration = Duration::from_secs(1);

/// Whether the kernel may, for one socket. A socket may at first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Gathering {
    /// It may; since so many datagrams it had no reason.
    On {
        /// Datagrams that came alone.
        alone: usize,
    },
    /// It may not.
    Off {
        /// When it may again.
        until: Instant,
    },
    /// It never may, or never does.
    Never,
}

impl Gathering {
    /// Before datagrams are received.
    pub(super) fn before(&mut self, socket: &OwnedFd, now: Instant) {
        if let Self::Off { until } = *self
            && now >= until
            && setsockopt(socket, UdpGroSegment, &true).is_ok()
        {
            *self = Self::On { alone: 0 };
        }
    }

    /// How many buffers to receive at once, of so many.
    pub(super) fn buffers_max(self, all: usize) -> usize {
        match self {
            Self::On { alone: 0 } => BUFFERS_MAX,
            _ => all,
        }
    }

    /// After so many buffers were received: whether one of them held several datagrams, and
    /// whether that was all that waited.
    pub(super) fn after(
        &mut self,
        socket: &OwnedFd,
        received: usize,
        gathered: impl FnOnce() -> bool,
        is_all: bool,
        now: Instant,
    ) {
        let Self::On { alone } = self else { return };
        if gathered() {
            *alone = 0;
            return;
        }
        *alone += received;
        if *alone >= ALONE_MAX && is_all && turn_off(socket) {
            *self = Self::Off { until: now + PAUSE };
        }
    }
}

/// Ends it, unless datagrams wait that the kernel may have put together: without it, nothing would
/// say where each of them ends.
fn turn_off(socket: &OwnedFd) -> bool {
    if setsockopt(socket, UdpGroSegment, &false).is_err() {
        return false;
    }
    let mut waiting = [PollFd::new(socket.as_fd(), PollFlags::POLLIN)];
    if poll(&mut waiting, PollTimeout::ZERO) == Ok(0) {
        return true;
    }
    // What has come since then comes alone, which does no harm.
    setsockopt(socket, UdpGroSegment, &true).is_err()
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use nix::sys::socket::getsockopt;

    use super::*;

    fn is_on(socket: &OwnedFd) -> bool {
        getsockopt(socket, UdpGroSegment).unwrap()
    }

    #[test]
    fn it_ends_when_all_come_alone_and_begins_again_after_a_while() {
        let socket = OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
        setsockopt(&socket, UdpGroSegment, &true).unwrap();
        let (mut gathering, now) = (Gathering::On { alone: 0 }, crate::clock::now());
        gathering.after(&socket, ALONE_MAX - 1, || false, true, now);
        assert_eq!(gathering.buffers_max(64), 64);
        gathering.after(&socket, 1, || true, true, now);
        assert_eq!(gathering.buffers_max(64), BUFFERS_MAX);
        gathering.after(&socket, ALONE_MAX - 1, || false, true, now);
        gathering.before(&socket, now);
        assert!(is_on(&socket));
        gathering.after(&socket, 1, || false, false, now);
        assert!(is_on(&socket));
        gathering.after(&socket, 1, || false, true, now);
        assert_eq!((gathering, is_on(&socket)), (Gathering::Off { until: now + PAUSE }, false));
        gathering.before(&socket, now);
        assert!(!is_on(&socket));
        gathering.before(&socket, now + PAUSE);
        assert_eq!((gathering, is_on(&socket)), (Gathering::On { alone: 0 }, true));
    }

    #[test]
    fn it_does_not_end_while_datagrams_wait() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = receiver.local_addr().unwrap();
        UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"a", to).unwrap();
        let socket = OwnedFd::from(receiver);
        let mut gathering = Gathering::On { alone: ALONE_MAX };
        gathering.after(&socket, 1, || false, true, crate::clock::now());
        assert!(matches!(gathering, Gathering::On { .. }) && is_on(&socket));
    }

    #[test]
    fn what_cannot_be_gathered_never_is() {
        let socket = OwnedFd::from(UdpSocket::bind("127.0.0.1:0").unwrap());
        let (mut gathering, now) = (Gathering::Never, crate::clock::now());
        gathering.before(&socket, now);
        gathering.after(&socket, 2 * ALONE_MAX, || false, true, now);
        assert_eq!((gathering, is_on(&socket)), (Gathering::Never, false));
    }
}
