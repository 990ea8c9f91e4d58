//! The connections of one worker: read in turn, as the kernel says which of them has something.
//!
//! ```text
//! epoll --> a connection --> read --> frames --> lines into the table
//!                                       |
//!                                       the begin of one waits for its rest
//! ```
//!
//! Each is read once in a round, up to the length of the buffer, so that one that never pauses
//! holds up no other. A connection that has nothing costs nothing.

use std::collections::HashMap;
use std::io::{self, ErrorKind, Read as _};
use std::os::fd::{AsFd as _, BorrowedFd};
use std::time::{Duration, Instant};

use gstatsd_aggregate::Table;
use gstatsd_wire::Reason;
use nix::sys::epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout};
use socket2::Socket;

use self::framing::{Framer, TooLong};
use super::{Brought, ListenerId, intake::Intake};
use crate::config::Stream;
use crate::connections::{Ending, Place};
use crate::tls::{BUFFER_BYTES, Session};

mod framing;

/// How much is read of a connection in a round.
const READ_BYTES: usize = BUFFER_BYTES;
/// So much of a connection is followed by the next round without a nap. Of an encrypted one less
/// is read at once.
const MUCH: usize = READ_BYTES / 2;
const MUCH_ENCRYPTED: usize = READ_BYTES / 4;
/// How many connections are read in a round. The others have the next ones.
const ROUND_MAX: usize = 256;
/// Time-outs are looked after so often at most.
const CHECK_MIN: Duration = Duration::from_millis(100);

/// A connection on its way to a worker.
pub(crate) struct Connection {
    /// Where it came in.
    pub(crate) listener: ListenerId,
    /// What comes from the other end; never waited for.
    pub(crate) socket: Socket,
    /// Its encrypted side, if it has one. The handshake is over.
    pub(crate) tls: Option<Box<Session>>,
    /// How it is read.
    pub(crate) stream: Stream,
    /// What another process has read of a frame that is not whole.
    pub(crate) begun: Vec<u8>,
    /// Its place in the books.
    pub(crate) place: Place,
}

/// A connection on its way to another process.
#[derive(Debug)]
pub(crate) struct Leaving {
    /// Where it came in.
    pub(crate) listener: ListenerId,
    /// What comes from the other end.
    pub(crate) socket: Socket,
    /// What was read of a frame that is not whole.
    pub(crate) begun: Vec<u8>,
}

/// The connections of one worker.
pub(super) struct Streams {
    epoll: Epoll,
    /// By numbers that are never used again.
    open: HashMap<u64, Open>,
    next: u64,
    events: Vec<EpollEvent>,
    buffer: Vec<u8>,
    /// Those that may have been sent something before they came here, which nothing tells of.
    fresh: Vec<u64>,
    /// When a time-out may be over; not before.
    check: Option<Instant>,
}

/// An open connection.
struct Open {
    connection: Connection,
    framer: Framer,
    /// When the last frame was whole, or the first byte of the next one came.
    since: Instant,
}

impl Streams {
    /// No connection yet.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            epoll: Epoll::new(EpollCreateFlags::EPOLL_CLOEXEC)?,
            open: HashMap::new(),
            next: 0,
            events: vec![EpollEvent::empty(); ROUND_MAX],
            buffer: Vec::new(),
            fresh: Vec::new(),
            check: None,
        })
    }

    /// What becomes readable when one of the connections is; `None` where there is none.
    pub(super) fn waiting(&self) -> Option<BorrowedFd<'_>> {
        (!self.open.is_empty()).then(|| self.epoll.0.as_fd())
    }

    /// When to look after the time-outs, if there is any.
    pub(super) fn check(&self) -> Option<Instant> {
        self.check
    }

    /// Takes a connection in.
    pub(super) fn adopt(&mut self, mut connection: Connection, now: Instant) {
        self.buffer.resize(READ_BYTES, 0);
        let number = self.next;
        self.next += 1;
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP, number);
        if let Err(error) = self.epoll.add(&connection.socket, event) {
            log::warn!("cannot wait for a connection: {error}");
            connection.place.close(Ending::Broken);
            return;
        }
        if connection.tls.is_some() {
            self.fresh.push(number);
        }
        let Stream { framing, frame_bytes_max, .. } = connection.stream;
        let mut framer = Framer::new(framing, frame_bytes_max);
        let begun = std::mem::take(&mut connection.begun);
        // It has no whole frame. One that is too long by now is found with the next byte.
        framer.push(&begun, |_| {}).ok();
        let open = Open { connection, framer, since: now };
        self.check_by(open.deadline(), now);
        self.open.insert(number, open);
    }

    /// Reads what has come, at most one buffer of each connection.
    pub(super) fn receive(&mut self, intake: &mut Intake<'_>) -> Brought {
        if self.open.is_empty() {
            return Brought::Nothing;
        }
        // A signal interrupts it at most; the next round comes.
        let ready = self.epoll.wait(&mut self.events, EpollTimeout::ZERO).unwrap_or(0);
        let mut brought = Brought::Nothing;
        for number in std::mem::take(&mut self.fresh) {
            brought = brought.max(self.read(number, intake));
        }
        for index in 0..ready {
            brought = brought.max(self.read(self.events[index].data(), intake));
        }
        if ready > ROUND_MAX / 2 { Brought::Much } else { brought }
    }

    fn read(&mut self, number: u64, intake: &mut Intake<'_>) -> Brought {
        let Some(open) = self.open.get_mut(&number) else { return Brought::Nothing };
        let (brought, ended) = open.read(&mut self.buffer, intake);
        let deadline = open.deadline();
        self.check_by(deadline, intake.now);
        match ended {
            None => brought,
            Some(ending) => {
                self.end(number, ending, intake.table);
                brought.max(Brought::Something)
            }
        }
    }

    /// Closes the connections whose time is over.
    pub(super) fn close_idle(&mut self, table: &mut Table, now: Instant) {
        self.check = None;
        let is_over = |open: &Open| open.deadline().is_some_and(|deadline| deadline <= now);
        let over: Vec<u64> =
            self.open.iter().filter(|(_, open)| is_over(open)).map(|(number, _)| *number).collect();
        for number in over {
            self.end(number, Ending::Idle, table);
        }
        let next = self.open.values().filter_map(Open::deadline).min();
        self.check_by(next, now);
    }

    /// Closes those of which this is true: we want no more of them.
    pub(super) fn close(&mut self, table: &mut Table, is_closed: impl Fn(&Connection) -> bool) {
        let closed = self.open.iter().filter(|(_, open)| is_closed(&open.connection));
        let closed: Vec<u64> = closed.map(|(number, _)| *number).collect();
        for number in closed {
            self.end(number, Ending::Shutdown, table);
        }
    }

    /// Lets go of those that another process can read on: not of encrypted ones.
    pub(super) fn let_go(&mut self) -> impl Iterator<Item = Leaving> {
        let plain = self.open.extract_if(|_, open| open.connection.tls.is_none());
        let plain: Vec<_> = plain.map(|(_, open)| open).collect();
        plain.into_iter().map(|Open { connection, framer, .. }| {
            let Connection { listener, socket, place, .. } = connection;
            place.close(Ending::HandedOver);
            Leaving { listener, socket, begun: framer.into_begun() }
        })
    }

    /// Says to the other ends of encrypted connections that the end has come; what they have sent
    /// can still be read.
    pub(super) fn say_goodbye(&mut self) {
        for Open { connection, .. } in self.open.values_mut() {
            if let Some(session) = &mut connection.tls {
                session.say_goodbye(&connection.socket);
            }
        }
    }

    /// Sees to it that time-outs are looked after by then.
    fn check_by(&mut self, deadline: Option<Instant>, now: Instant) {
        let Some(deadline) = deadline else { return };
        let deadline = deadline.max(now + CHECK_MIN);
        self.check = Some(self.check.map_or(deadline, |check| check.min(deadline)));
    }

    fn end(&mut self, number: u64, ending: Ending, table: &mut Table) {
        let Some(open) = self.open.remove(&number) else { return };
        let reason = match ending {
            Ending::LineTooLong => Reason::LineTooLong,
            _ => Reason::Truncated,
        };
        if let Some(text) = open.framer.begun() {
            table.reject_line(reason, text);
        }
        // Closed here, which ends the waiting for it too.
        open.connection.place.close(ending);
    }
}

impl Open {
    /// When its time is over if nothing more comes.
    fn deadline(&self) -> Option<Instant> {
        let Stream { idle_timeout, frame_timeout, .. } = self.connection.stream;
        let timeout = if self.framer.begun().is_some() { frame_timeout } else { idle_timeout };
        timeout.map(|timeout| self.since + timeout)
    }

    /// Reads once. Says why the connection has to be closed, if it has to.
    fn read(&mut self, buffer: &mut [u8], intake: &mut Intake<'_>) -> (Brought, Option<Ending>) {
        let Connection { socket, tls, .. } = &mut self.connection;
        let (bytes, ended, much) = match tls {
            Some(session) => {
                let (bytes, ended) = session.read(socket, buffer);
                (bytes, ended, MUCH_ENCRYPTED)
            }
            None => {
                let (bytes, ended) = read_plain(socket, buffer);
                (bytes, ended, MUCH)
            }
        };
        let brought = match bytes {
            0 => Brought::Nothing,
            _ if bytes >= much => Brought::Much,
            _ => Brought::Something,
        };
        match self.take_in(&buffer[..bytes], intake) {
            Ok(()) => (brought, ended),
            Err(TooLong) => (brought, Some(Ending::LineTooLong)),
        }
    }

    fn take_in(&mut self, bytes: &[u8], intake: &mut Intake<'_>) -> Result<(), TooLong> {
        if log::log_enabled!(log::Level::Trace) {
            log::trace!("stream: '{}'", bytes.escape_ascii());
        }
        intake.table.counts_mut().stream_bytes += bytes.len() as u64;
        let mut goes_on = self.framer.begun().is_some();
        let result = self.framer.push(bytes, |frames| {
            goes_on = false;
            intake.lines(self.connection.listener, frames);
        });
        if !goes_on {
            self.since = intake.now;
        }
        result
    }
}

fn read_plain(mut socket: &Socket, buffer: &mut [u8]) -> (usize, Option<Ending>) {
    match socket.read(buffer) {
        Ok(0) => (0, Some(Ending::Peer)),
        Ok(bytes) => (bytes, None),
        Err(error) => match error.kind() {
            ErrorKind::WouldBlock | ErrorKind::Interrupted => (0, None),
            _ => (0, Some(Ending::Broken)),
        },
    }
}
