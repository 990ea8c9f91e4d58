//! Sockets that a daemon before this one had open, for those here who would bind the same address.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use socket2::{Socket, Type};

/// What was inherited.
struct Inherited {
    /// Those that nobody has taken yet.
    sockets: Vec<Socket>,
    /// Whether what they dropped so far was counted by a process that handed them over.
    are_counted: bool,
}

static INHERITED: Mutex<Inherited> =
    Mutex::new(Inherited { sockets: Vec::new(), are_counted: false });

/// From now on whoever binds the address of one of these sockets gets that. `are_counted` says
/// whether the process before has told what they dropped until now.
pub(crate) fn inherit(sockets: impl IntoIterator<Item = OwnedFd>, are_counted: bool) {
    let mut inherited = lock();
    inherited.sockets.extend(sockets.into_iter().map(Socket::from));
    inherited.are_counted |= are_counted;
}

/// Closes what nobody has taken.
pub(crate) fn close_rest() {
    lock().sockets.clear();
}

/// Whether another process has told what inherited sockets had dropped before.
pub(super) fn are_counted() -> bool {
    lock().are_counted
}

/// Whether others can send to a socket: it takes connections, or is bound and takes datagrams
/// from whoever sends them.
pub(crate) fn is_open_to_all(socket: &Socket) -> bool {
    let is_bound = || {
        let address = socket.local_addr().ok();
        let has_place = address.is_some_and(|address| {
            address.as_pathname().is_some()
                || address.as_socket().is_some_and(|address| address.port() != 0)
        });
        has_place && socket.peer_addr().is_err()
    };
    match socket.r#type() {
        Ok(Type::STREAM) => socket.is_listener().unwrap_or(false),
        Ok(Type::DGRAM) => is_bound(),
        _ => false,
    }
}

/// The sockets of a kind that are bound to this address. Port 0 is any port.
pub(super) fn take(kind: Type, address: SocketAddr) -> Vec<Socket> {
    let bound = |socket: &Socket| socket.local_addr().ok().and_then(|address| address.as_socket());
    let place = |socket: &Socket| {
        let bound = bound(socket).filter(|_| socket.r#type().is_ok_and(|is| is == kind))?;
        let fits =
            is_same_place(address.ip(), bound.ip()) && [0, bound.port()].contains(&address.port());
        fits.then_some(bound)
    };
    let mut inherited = lock();
    // Of several ports that would do the first: a group has one.
    let inherited = &mut inherited.sockets;
    let Some(first) = inherited.iter().find_map(place) else { return Vec::new() };
    inherited.extract_if(.., |socket| place(socket) == Some(first)).collect()
}

/// The unix socket of a kind that is bound to this path.
pub(super) fn take_unix(kind: Type, path: &Path) -> Option<Socket> {
    let inherited = &mut lock().sockets;
    let place = inherited.iter().position(|socket| {
        let address = socket.local_addr().ok();
        socket.r#type().is_ok_and(|is| is == kind)
            && address.is_some_and(|address| address.as_pathname() == Some(path))
    });
    place.map(|place| inherited.remove(place))
}

fn is_same_place(one: IpAddr, other: IpAddr) -> bool {
    one == other || one.is_unspecified() && other.is_unspecified()
}

fn lock() -> MutexGuard<'static, Inherited> {
    INHERITED.lock().unwrap_or_else(PoisonError::into_inner)
}
