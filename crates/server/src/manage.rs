//! The management port: takes commands, as port 8126 of the Node.js StatsD does.
//!
//! ```text
//! a thread that accepts --> a thread for each connection: Commands --> answer --> Outgoing
//!                                                         bounded         |       in time
//!                                                                         v
//!                                                Questions --> flush, and all workers
//! ```
//!
//! Nobody on the path of a metric waits for it: workers push early what they have gathered, the
//! flush copies what is asked for, and who is slow to read it holds up a connection of his own.

mod answers;
mod commands;
mod dump;
mod outgoing;
mod questions;

use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd as _;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};
use socket2::Socket;

use self::commands::{Commands, Next};
use self::outgoing::Outgoing;
use self::questions::Questions;
use crate::clock;
use crate::config::{self, Config, Dialect, SinkKind};
use crate::connections::Connections;
use crate::flush::Inbox;
use crate::forward::Forwarding;
use crate::listen::{ManagementSockets, SocketFile};
use crate::work::ControlInbox;

/// How long to rest after accepting failed, so that it costs no CPU time.
const REST: Duration = Duration::from_millis(50);

/// What commands are about.
pub(crate) struct Subjects {
    /// Where `flush` is told things.
    pub(crate) flush: Inbox,
    /// Where each worker is.
    pub(crate) workers: Vec<ControlInbox>,
    /// Whom lines are passed on to.
    pub(crate) forwarding: Arc<Forwarding>,
    /// The books of connections.
    pub(crate) connections: Connections,
}

/// The thread that accepts.
pub(crate) struct Managing {
    thread: JoinHandle<()>,
    wake: Arc<EventFd>,
    desk: Arc<Desk>,
    /// Removed at the end.
    _files: Vec<SocketFile>,
}

/// What the threads share.
struct Desk {
    questions: Questions,
    forwarding: Arc<Forwarding>,
    connections: Connections,
    terms: Mutex<Arc<Terms>>,
    healthy: AtomicBool,
    /// Connections that are open, and dumps that are under way.
    open: AtomicUsize,
    dumps: AtomicUsize,
    is_over: AtomicBool,
    start: Instant,
}

/// What follows from the configuration.
struct Terms {
    management: config::Management,
    /// The configuration as `config` tells it.
    config: String,
    /// The name of each sink, and what `stats` calls it.
    sinks: Vec<(String, String)>,
    /// What the names of internal counters begin with, where the dialect has them.
    internal: Option<String>,
}

impl Managing {
    /// Takes commands on these sockets.
    ///
    /// # Errors
    /// The system has no descriptor left, or can start no thread.
    pub(crate) fn start(
        sockets: ManagementSockets,
        config: &Config,
        subjects: Subjects,
    ) -> io::Result<Self> {
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let Subjects { flush, workers, forwarding, connections } = subjects;
        let desk = Arc::new(Desk {
            questions: Questions::new(flush, workers),
            forwarding,
            connections,
            terms: Mutex::new(Arc::new(Terms::new(config))),
            healthy: AtomicBool::new(config.management.healthy),
            open: AtomicUsize::new(0),
            dumps: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
            start: clock::now(),
        });
        let ManagementSockets { sockets, files, .. } = sockets;
        let thread = thread::Builder::new().name("management".to_owned()).spawn({
            let (desk, wake) = (Arc::clone(&desk), Arc::clone(&wake));
            move || accept(&sockets, &desk, &wake)
        })?;
        Ok(Self { thread, wake, desk, _files: files })
    }

    /// Goes on with another configuration. Connections that are open keep their limits.
    pub(crate) fn change(&self, now: &Config, next: &Config) {
        if now.management.healthy != next.management.healthy {
            self.desk.healthy.store(next.management.healthy, Ordering::Relaxed);
        }
        let mut terms = self.desk.terms.lock().unwrap_or_else(PoisonError::into_inner);
        *terms = Arc::new(Terms::new(next));
    }

    /// Accepts no more. Connections that are open end with the process.
    ///
    /// # Errors
    /// It panicked.
    pub(crate) fn stop(self) -> thread::Result<()> {
        self.desk.is_over.store(true, Ordering::Relaxed);
        self.wake.write(1).ok();
        self.thread.join()
    }
}

impl Terms {
    fn new(config: &Config) -> Self {
        let mut graphite = Some("graphite".to_owned());
        // The first sink of Graphite has the name that the backend of the original has.
        let label = |sink: &config::Sink| match sink.kind {
            SinkKind::Graphite(_) | SinkKind::GraphiteUdp(_) => {
                graphite.take().unwrap_or_else(|| sink.name.clone())
            }
            _ => sink.name.clone(),
        };
        let names = config.sinks.iter().map(|sink| sink.name.clone());
        let labels: Vec<String> = config.sinks.iter().map(label).collect();
        let internal = config.namespace.internal.clone();
        Self {
            management: config.management.clone(),
            config: config.told(),
            sinks: names.zip(labels).collect(),
            internal: (config.dialect == Dialect::Statsd).then_some(internal),
        }
    }
}

impl Desk {
    fn terms(&self) -> Arc<Terms> {
        Arc::clone(&self.terms.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// One of those that are counted while they last.
struct Counted<'c>(&'c AtomicUsize);

impl<'c> Counted<'c> {
    /// One more, unless there are so many already.
    fn begin(count: &'c AtomicUsize, max: usize) -> Option<Self> {
        let more = |now: usize| (now < max).then_some(now + 1);
        count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok().map(|_| Self(count))
    }
}

impl Drop for Counted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Accepts until the end.
fn accept(sockets: &[Socket], desk: &Arc<Desk>, wake: &EventFd) {
    while !desk.is_over.load(Ordering::Relaxed) {
        let waiting = sockets.iter().map(|socket| socket.as_fd()).chain([wake.as_fd()]);
        let mut waiting: Vec<_> =
            waiting.map(|socket| PollFd::new(socket, PollFlags::POLLIN)).collect();
        // A signal that interrupts it is as good as an event.
        poll(&mut waiting, PollTimeout::NONE).ok();
        for socket in sockets {
            match socket.accept() {
                Ok((connection, from)) => {
                    let address = from.as_socket().map(|address| address.ip());
                    let is_taken = take(connection, address, desk);
                    desk.connections.note_management(is_taken);
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    log::warn!("cannot accept a connection for commands: {error}");
                    thread::sleep(REST);
                }
            }
        }
    }
}

/// Gives a connection a thread. Says whether it may have one.
fn take(connection: Socket, address: Option<IpAddr>, desk: &Arc<Desk>) -> bool {
    let terms = desk.terms();
    let is_admitted = address.is_none_or(|address| terms.management.admits(address));
    let max = terms.management.connections_max;
    let place = Counted::begin(&desk.open, max).filter(|_| is_admitted);
    let Some(place) = place else { return false };
    // The thread has the place from now on, and gives it back.
    std::mem::forget(place);
    let desk = Arc::clone(desk);
    let spawned = thread::Builder::new().name("management peer".to_owned()).spawn({
        let desk = Arc::clone(&desk);
        move || {
            let _place = Counted(&desk.open);
            if let Err(error) = talk(&connection, &desk, &terms) {
                log::debug!("a connection for commands: {error}");
            }
        }
    });
    if spawned.is_err() {
        drop(Counted(&desk.open));
    }
    spawned.is_ok()
}

/// Answers the commands of a connection, one after the other.
fn talk(connection: &Socket, desk: &Desk, terms: &Terms) -> io::Result<()> {
    connection.set_nonblocking(true)?;
    let config::Management { line_bytes_max, idle_timeout, .. } = terms.management;
    let mut commands = Commands::new(connection, line_bytes_max, idle_timeout);
    loop {
        let next = commands.next()?;
        let mut out = Outgoing::new(connection);
        let goes_on = match next {
            Next::Command(command) => {
                desk.connections.note_command();
                answers::answer(&command, desk, &mut out)?
            }
            Next::Refused(why) => answers::refuse(why, &mut out).map(|()| false)?,
            Next::End => false,
        };
        out.finish()?;
        if !goes_on || desk.is_over.load(Ordering::Relaxed) {
            return Ok(());
        }
    }
}
