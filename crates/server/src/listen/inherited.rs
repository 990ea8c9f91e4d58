//! Sockets that a daemon before this one had open, for those here who would bind the same address.

use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use socket2::{Socket, Type};

/// Those that nobody has taken yet.
static INHERITED: Mutex<Vec<Socket>> = Mutex::new(Vec::new());

/// From now on whoever binds the address of one of these sockets gets that.
pub(crate) fn inherit(sockets: impl IntoIterator<Item = OwnedFd>) {
    lock().extend(sockets.into_iter().map(Socket::from));
}

/// Closes what nobody has taken.
pub(crate) fn close_rest() {
    lock().clear();
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
    let Some(first) = inherited.iter().find_map(place) else { return Vec::new() };
    inherited.extract_if(.., |socket| place(socket) == Some(first)).collect()
}

/// The unix socket of a kind that is bound to this path.
pub(super) fn take_unix(kind: Type, path: &Path) -> Option<Socket> {
    let mut inherited = lock();
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

fn lock() -> MutexGuard<'static, Vec<Socket>> {
    INHERITED.lock().unwrap_or_else(PoisonError::into_inner)
}
