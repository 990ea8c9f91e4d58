//! Connections with TLS before the first line can come: the handshakes, a few at a time.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use nix::sys::epoll::{Epoll, EpollEvent, EpollFlags};

use crate::connections::Ending;
use crate::tls::Handshake;
use crate::work::{Connection, ListenerId};

/// How many handshakes are under way at once. Who comes then waits to be accepted.
const GREETINGS_MAX: usize = 64;
/// How long one may take.
const GREETING_MAX: Duration = Duration::from_secs(5);
/// How long one may take when there are as many as may be, and others wait.
const GREETING_MAX_IN_CROWD: Duration = Duration::from_millis(500);

/// The handshakes that are under way.
#[derive(Default)]
pub(super) struct Greetings(BTreeMap<u64, Greeting>);

struct Greeting {
    connection: Connection,
    since: Instant,
}

impl Greetings {
    /// Whether no more may begin.
    pub(super) fn are_full(&self) -> bool {
        self.0.len() >= GREETINGS_MAX
    }

    /// Whether there is none.
    pub(super) fn are_none(&self) -> bool {
        self.0.is_empty()
    }

    /// Begins one. Its events have this number. Gives the connection back where it is over
    /// already.
    pub(super) fn begin(
        &mut self,
        number: u64,
        connection: Connection,
        epoll: &Epoll,
        now: Instant,
    ) -> Option<Connection> {
        // Told of once for all that comes: each time it is read until it would have to wait.
        let flags = EpollFlags::EPOLLIN | EpollFlags::EPOLLOUT | EpollFlags::EPOLLET;
        if let Err(error) = epoll.add(&connection.socket, EpollEvent::new(flags, number)) {
            log::warn!("cannot wait for a handshake: {error}");
            connection.place.close(Ending::Broken);
            return None;
        }
        self.0.insert(number, Greeting { connection, since: now });
        self.go_on(number, epoll)
    }

    /// Goes on with one. Gives the connection where it is over.
    pub(super) fn go_on(&mut self, number: u64, epoll: &Epoll) -> Option<Connection> {
        let Connection { socket, tls, .. } = &mut self.0.get_mut(&number)?.connection;
        let handshake = match tls {
            Some(session) => session.shake_hands(socket),
            None => Ok(Handshake::Done),
        };
        if handshake == Ok(Handshake::Waits) {
            return None;
        }
        let Greeting { connection, .. } = self.0.remove(&number)?;
        epoll.delete(&connection.socket).ok();
        match handshake {
            Ok(_) => Some(connection),
            Err(ending) => {
                connection.place.close(ending);
                None
            }
        }
    }

    /// Closes those that take too long.
    pub(super) fn close_late(&mut self, now: Instant) {
        let most = if self.are_full() { GREETING_MAX_IN_CROWD } else { GREETING_MAX };
        for (_, late) in self.0.extract_if(.., |_, greeting| now >= greeting.since + most) {
            late.connection.place.close(Ending::TlsTimeout);
        }
    }

    /// Closes those of a listener.
    pub(super) fn close(&mut self, listener: ListenerId) {
        self.0.retain(|_, greeting| greeting.connection.listener != listener);
    }
}
