//! A worker: one thread with its own sockets, its own connections and its own table.
//!
//! ```text
//! receive a batch --> its packets into the table --> the batch was full: again, at once
//!       ^                                            it was not: nap, and again
//!       |                                            several were empty: sleep until one comes
//!       +--- at the deadline: push the part ---------------+
//! ```
//!
//! It shares nothing on this path, and reads the clock once a batch.
//!
//! To nap is cheaper than to be woken: a packet that finds the worker asleep must wake it, which
//! costs more than to receive it. While packets keep coming, a short nap gathers a batch of them,
//! and the sender wakes nobody.

use std::io;
use std::num::NonZeroUsize;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use gstatsd_aggregate::{Order, Part, Table};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sched::{CpuSet, sched_setaffinity};
use nix::sys::eventfd::{EfdFlags, EventFd};
use nix::unistd::Pid;

pub(crate) use self::datagrams::DatagramSocket;
use self::datagrams::Datagrams;
use self::gaps::Gaps;
use self::intake::{Dialects, Intake};
use self::streams::Streams;
pub(crate) use self::streams::{Connection, Leaving};
use crate::beats::{self, Beat};
use crate::clock::{self, Cadence};
use crate::config::Sources;
use crate::flush::{Closes, Inbox, Push};
use crate::forward::Forwarder;
use crate::senders::Senders;
use crate::tally::Taking;

mod datagrams;
mod gaps;
mod gather;
mod intake;
mod streams;

/// How long to nap while packets keep coming. The receive buffer must hold what comes meanwhile.
const NAP: Duration = Duration::from_micros(200);
/// So many naps may bring nothing before the worker sleeps until a packet comes: a sender that
/// sends in bursts wakes nobody either, and one that is rare costs but these few.
const EMPTY_NAPS_MAX: u32 = 5;
/// How long a socket may be drained at the end. A sender that never pauses must not hold us.
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// What a worker is told between two batches.
pub(crate) enum Control {
    /// Push what was gathered, and go on with this table.
    Table(Box<Table>),
    /// Receive from these sockets of a listener too, whose dialect has this number.
    Open(ListenerId, u8, Vec<DatagramSocket>),
    /// Read this connection too.
    Adopt(Box<Connection>),
    /// From now on only these may send datagrams to a listener, whose dialect has this number.
    Change(ListenerId, u8, Sources),
    /// Take what waits, and push what was gathered, for a request of this number.
    PushEarly(u64),
    /// Take what waits in the sockets and connections of a listener, and close them.
    Close(ListenerId),
    /// Leave what waits in the sockets to the next process, and give these connections to it; push
    /// what was gathered, and end.
    HandOver(Sender<Leaving>),
    /// Take what waits in the sockets, push it, and end.
    Stop,
}

/// What a worker was told, when it has done the rest.
enum Told {
    GoOn,
    HandOver(Sender<Leaving>),
    Stop,
}

/// Which listener sockets belong to. Each that was ever opened has its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct ListenerId(pub(crate) usize);

/// Where a worker is told things.
#[derive(Clone)]
pub(crate) struct ControlInbox {
    sender: Sender<Control>,
    wake: Arc<EventFd>,
}

impl ControlInbox {
    /// Tells the worker, and wakes it. A worker that has ended is past being told.
    pub(crate) fn tell(&self, control: Control) {
        self.sender.send(control).ok();
        self.wake.write(1).ok();
    }
}

/// What a worker works with.
pub(crate) struct Worker {
    index: usize,
    datagrams: Datagrams,
    streams: Streams,
    dialects: Dialects,
    table: Table,
    cadence: Cadence,
    /// The interval that is gathered now.
    interval: u64,
    flush: Inbox,
    /// Parts that `flush` has emptied.
    spare: Receiver<Box<Part>>,
    control: Receiver<Control>,
    wake: Arc<EventFd>,
    /// Where batches are ordered from.
    epoch: Instant,
    /// Whether to keep to one core.
    pinned: bool,
    /// Passes on what is received, where it is to be.
    forwarder: Option<Forwarder>,
    /// For who looks into the log for it.
    gaps: Option<Gaps>,
    /// Says that it advances.
    beat: Option<Beat>,
    /// Counts what it takes, for the process after this one.
    taking: Option<Taking>,
}

/// How much came at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Brought {
    Nothing,
    Something,
    /// So much that there may be more, or that a nap would hold up whoever sends it.
    Much,
}

impl Worker {
    /// A worker, and where it is told things.
    ///
    /// # Errors
    /// The system has no descriptor left.
    pub(crate) fn new(
        index: usize,
        table: Table,
        cadence: Cadence,
        flush: Inbox,
        spare: Receiver<Box<Part>>,
        pinned: bool,
    ) -> io::Result<(Self, ControlInbox)> {
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (sender, control) = std::sync::mpsc::channel();
        let inbox = ControlInbox { sender, wake: Arc::clone(&wake) };
        let epoch = cadence.begin(0);
        let worker = Self {
            index,
            datagrams: Datagrams::new(),
            streams: Streams::new()?,
            dialects: Dialects::default(),
            table,
            cadence,
            interval: 0,
            flush,
            spare,
            control,
            wake,
            epoch,
            pinned,
            forwarder: None,
            gaps: log::log_enabled!(log::Level::Debug).then(Gaps::default),
            beat: None,
            taking: None,
        };
        Ok((worker, inbox))
    }

    /// The same worker, which passes on what it receives.
    pub(crate) fn passing_on(self, forwarder: Option<Forwarder>) -> Self {
        Self { forwarder, ..self }
    }

    /// The same worker, which says with each batch that it advances.
    pub(crate) fn beating(self, beat: Beat) -> Self {
        Self { beat: Some(beat), ..self }
    }

    /// The same worker, which counts what it takes for the process after this one.
    pub(crate) fn counting(self, taking: Option<Taking>) -> Self {
        Self { taking, ..self }
    }

    /// Works until it is told to stop.
    pub(crate) fn run(mut self) {
        if self.pinned {
            self.pin();
        }
        let mut empty_naps = 0;
        loop {
            let now = clock::now();
            if let Some(beat) = &self.beat {
                beat.advance(now);
            }
            if now >= self.cadence.deadline(self.interval) {
                self.push(Closes::Interval, now);
            }
            if self.streams.check().is_some_and(|check| now >= check) {
                self.streams.close_idle(&mut self.table, now);
            }
            match self.told(now) {
                Told::GoOn => {}
                Told::HandOver(leaving) => {
                    self.let_go(&leaving);
                    break;
                }
                Told::Stop => break,
            }
            if let Some(gaps) = &mut self.gaps {
                gaps.receives(clock::thread_cpu());
            }
            let brought = self.receive(now);
            match brought {
                Brought::Nothing if empty_naps >= EMPTY_NAPS_MAX => self.wait(),
                Brought::Nothing | Brought::Something => self.nap(now),
                Brought::Much => {}
            }
            empty_naps = if brought == Brought::Nothing { empty_naps + 1 } else { 0 };
        }
        self.streams.say_goodbye();
        drain(|now| self.receive(now));
        self.streams.close(&mut self.table, |_| true);
        self.push(Closes::Worker, clock::now());
    }

    /// Does what it was told, all of it, until it is told to end.
    fn told(&mut self, now: Instant) -> Told {
        loop {
            match self.control.try_recv() {
                Ok(Control::Stop) | Err(TryRecvError::Disconnected) => return Told::Stop,
                Ok(Control::HandOver(leaving)) => return Told::HandOver(leaving),
                Ok(control) => self.obey(control, now),
                Err(TryRecvError::Empty) => return Told::GoOn,
            }
        }
    }

    /// Receives no more datagrams: they are the next process's. It has the sockets too, so that
    /// nothing that waits in them is lost. Connections are given to it.
    fn let_go(&mut self, leaving: &Sender<Leaving>) {
        let dropped = self.datagrams.count_drops();
        self.table.counts_mut().datagrams_dropped_kernel += dropped;
        self.datagrams = Datagrams::new();
        // Who starts the next process waits for them.
        self.streams.let_go().for_each(|connection| drop(leaving.send(connection)));
    }

    fn obey(&mut self, control: Control, now: Instant) {
        match control {
            Control::Table(table) => {
                let dropped = self.datagrams.count_drops();
                self.table.counts_mut().datagrams_dropped_kernel += dropped;
                let part = std::mem::replace(&mut self.table, *table).end();
                self.count_pushed(&part);
                let (worker, interval) = (self.index, self.interval);
                let senders = self.datagrams.take_senders();
                let closes = Closes::Nothing;
                self.flush.push(Push { worker, interval, closes, part, senders });
            }
            Control::Open(listener, dialect, sockets) => {
                self.dialects.set(listener, dialect);
                self.datagrams.open(listener, sockets);
            }
            Control::PushEarly(request) => {
                // What was sent before the request is in the answer, unless there is much of it.
                self.receive(now);
                let (worker, interval, part) = (self.index, self.interval, self.table.push_early());
                self.count_pushed(&part);
                let (closes, senders) = (Closes::Request(request), Senders::default());
                self.flush.push(Push { worker, interval, closes, part, senders });
            }
            Control::Adopt(connection) => self.streams.adopt(*connection, now),
            Control::Change(listener, dialect, sources) => {
                self.dialects.set(listener, dialect);
                self.datagrams.admit(listener, &sources);
            }
            Control::Close(listener) => self.close(listener),
            // They end the loop that asks.
            Control::HandOver(_) | Control::Stop => {}
        }
    }

    fn close(&mut self, listener: ListenerId) {
        let closing = self.datagrams.take_out(listener);
        let others = std::mem::replace(&mut self.datagrams, closing);
        drain(|now| self.receive(now));
        self.table.counts_mut().datagrams_dropped_kernel += self.datagrams.count_drops();
        self.datagrams = others;
        self.streams.close(&mut self.table, |connection| connection.listener == listener);
    }

    /// Keeps this thread to the core of its number. Where that is forbidden it works anywhere.
    fn pin(&self) {
        let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
        let mut allowed = CpuSet::new();
        let pinned = allowed
            .set(self.index % cores)
            .and_then(|()| sched_setaffinity(Pid::from_raw(0), &allowed));
        if let Err(error) = pinned {
            log::warn!("pin_workers: worker {} cannot be kept to a core: {error}", self.index);
        }
    }

    /// Takes one batch from each socket, and what came over connections.
    fn receive(&mut self, now: Instant) -> Brought {
        let since = now.saturating_duration_since(self.epoch).as_nanos();
        let nanoseconds = u64::try_from(since).unwrap_or(u64::MAX);
        let mut intake = Intake {
            table: &mut self.table,
            dialects: &self.dialects,
            forwarder: self.forwarder.as_mut(),
            order: Order { nanoseconds, worker: self.index },
            now,
        };
        if let Some(taking) = &mut self.taking {
            taking.begin();
        }
        let datagrams = self.datagrams.receive(&mut intake);
        let brought = datagrams.max(self.streams.receive(&mut intake));
        if let Some(taking) = &mut self.taking {
            taking.end(self.table.counts_mut().samples_received);
        }
        brought
    }

    fn count_pushed(&mut self, part: &Part) {
        if let Some(taking) = &mut self.taking {
            taking.push(part.counts.samples_received);
        }
    }

    /// Lets packets gather for a moment, though not beyond the deadline.
    fn nap(&self, now: Instant) {
        let left = self.cadence.deadline(self.interval).saturating_duration_since(now);
        std::thread::sleep(NAP.min(left));
    }

    /// Sleeps until there is something to do.
    fn wait(&self) {
        let deadline = self.cadence.deadline(self.interval);
        let until = self.streams.check().map_or(deadline, |check| check.min(deadline));
        let timeout = until.saturating_duration_since(clock::now()).min(beats::WAIT_MAX);
        // Rounded up to the next millisecond: waking early would mean to wake again.
        let milliseconds = timeout.as_micros().div_ceil(1_000);
        let timeout = i32::try_from(milliseconds).unwrap_or(i32::MAX);
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::NONE);
        let sockets = self.datagrams.waiting().chain(self.streams.waiting());
        let waiting = sockets.chain([self.wake.as_fd()]);
        let mut waiting: Vec<_> =
            waiting.map(|socket| PollFd::new(socket, PollFlags::POLLIN)).collect();
        // A signal that interrupts it is as good as a time-out.
        poll(&mut waiting, timeout).ok();
        // What it was told is read in the next round.
        self.wake.read().ok();
    }

    /// Pushes what was gathered, as the part of the interval that ended last.
    fn push(&mut self, closes: Closes, now: Instant) {
        if let Some(gaps) = &mut self.gaps {
            let longest = gaps.take_longest().as_micros();
            log::debug!("worker {}: {longest} us of CPU time between two receives", self.index);
        }
        let dropped = self.datagrams.count_drops();
        self.table.counts_mut().datagrams_dropped_kernel += dropped;
        let empty = self.spare.try_recv().unwrap_or_default();
        let part = self.table.rotate(empty);
        self.count_pushed(&part);
        // Late by whole intervals, after the process was stopped for instance, it has gathered
        // all of them.
        let interval = match closes {
            Closes::Interval => self.cadence.interval_at(now) - 1,
            _ => self.interval,
        };
        let (worker, senders) = (self.index, self.datagrams.take_senders());
        self.flush.push(Push { worker, interval, closes, part, senders });
        self.interval = interval + 1;
    }
}

/// Takes what waits, so that what was sent before the end counts.
fn drain(mut receive: impl FnMut(Instant) -> Brought) {
    let end = clock::now() + DRAIN_MAX;
    loop {
        let now = clock::now();
        if now >= end || receive(now) == Brought::Nothing {
            return;
        }
    }
}
