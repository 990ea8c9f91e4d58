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

mod framing;

/// How much is read of a connection in a round.
const READ_BYTES: usize = 65_536;
/// How many connections are read in a round. The others have the next ones.
const ROUND_MAX: usize = 256;
/// Time-outs are looked after so often at most.
const CHECK_MIN: Duration = Duration::from_millis(100);

/// A connection on its way to a worker.
#[derive(Debug)]
pub(crate) struct Connection {
    /// Where it came in.
    pub(crate) listener: ListenerId,
    /// What comes from the other end; never waited for.
    pub(crate) socket: Socket,
    /// How it is read.
    pub(crate) stream: Stream,
    /// Its place in the books.
    pub(crate) place: Place,
}

/// The connections of one worker.
pub(super) struct Streams {
    epoll: Epoll,
    /// By numbers that are never used again.
    open: HashMap<u64, Open>,
    next: u64,
    events: Vec<EpollEvent>,
    buffer: Vec<u8>,
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
    pub(super) fn adopt(&mut self, connection: Connection, now: Instant) {
        self.buffer.resize(READ_BYTES, 0);
        let number = self.next;
        self.next += 1;
        let event = EpollEvent::new(EpollFlags::EPOLLIN | EpollFlags::EPOLLRDHUP, number);
        if let Err(error) = self.epoll.add(&connection.socket, event) {
            log::warn!("cannot wait for a connection: {error}");
            connection.place.close(Ending::Broken);
            return;
        }
        let Stream { framing, frame_bytes_max, .. } = connection.stream;
        let open = Open { connection, framer: Framer::new(framing, frame_bytes_max), since: now };
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
        for index in 0..ready {
            let number = self.events[index].data();
            let Some(open) = self.open.get_mut(&number) else { continue };
            match open.read(&mut self.buffer, intake) {
                Ok(one) => {
                    brought = brought.max(one);
                    let deadline = open.deadline();
                    self.check_by(deadline, intake.now);
                }
                Err(ending) => {
                    brought = brought.max(Brought::Something);
                    self.end(number, ending, intake.table);
                }
            }
        }
        if ready > ROUND_MAX / 2 { Brought::Much } else { brought }
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

    /// Reads once. An error says why the connection has to be closed.
    fn read(&mut self, buffer: &mut [u8], intake: &mut Intake<'_>) -> Result<Brought, Ending> {
        match (&self.connection.socket).read(buffer) {
            Ok(0) => Err(Ending::Peer),
            Ok(bytes) => {
                self.take_in(&buffer[..bytes], intake).map_err(|TooLong| Ending::LineTooLong)?;
                Ok(if bytes > buffer.len() / 2 { Brought::Much } else { Brought::Something })
            }
            Err(error) => match error.kind() {
                ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(Brought::Nothing),
                _ => Err(Ending::Broken),
            },
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
            intake.lines(frames);
        });
        if !goes_on {
            self.since = intake.now;
        }
        result
    }
}
