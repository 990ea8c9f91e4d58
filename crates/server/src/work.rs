//! A worker: one thread with its own sockets and its own table.
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
use std::net::UdpSocket;
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

use crate::clock::{self, Cadence};
use crate::flush::{Closes, Inbox, Push};
use crate::forward::Forwarder;
use crate::sys::{Batch, dropped_datagrams};

/// How many datagrams are received at once. More would only leave the processor's caches.
const BATCH_PACKETS: usize = 64;
/// A batch of at least so many is followed by the next one without a nap.
const BATCH_FULL: usize = BATCH_PACKETS / 2;
/// How long to nap while packets keep coming. The receive buffer must hold what comes meanwhile.
const NAP: Duration = Duration::from_micros(200);
/// So many naps may bring nothing before the worker sleeps until a packet comes: a sender that
/// sends in bursts wakes nobody either, and one that is rare costs but these few.
const EMPTY_NAPS_MAX: u32 = 5;
/// Above the longest datagram that UDP can carry, 65,507 bytes over IPv4 and 65,527 over IPv6.
const PACKET_BYTES_MAX: usize = 65_536;
/// How long a socket may be drained at the end. A sender that never pauses must not hold us.
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// How long to rest after a socket failed, so that a network that is down costs no CPU time.
const REST: Duration = Duration::from_millis(50);

/// What a worker is told between two batches.
pub(crate) enum Control {
    /// Push what was gathered, and go on with this table.
    Table(Box<Table>),
    /// Receive from these sockets of a listener too.
    Open(ListenerId, Vec<UdpSocket>),
    /// Take what waits in the sockets of a listener, and close them.
    Close(ListenerId),
    /// Take what waits in the sockets, push it, and end.
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
    sockets: Vec<Socket>,
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
}

struct Socket {
    listener: ListenerId,
    socket: UdpSocket,
    /// The last reading of the kernel's count.
    dropped: u32,
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
            sockets: Vec::new(),
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
        };
        Ok((worker, inbox))
    }

    /// The same worker, which passes on what it receives.
    pub(crate) fn passing_on(self, forwarder: Option<Forwarder>) -> Self {
        Self { forwarder, ..self }
    }

    /// Works until it is told to stop.
    pub(crate) fn run(mut self) {
        if self.pinned {
            self.pin();
        }
        let mut batch = Batch::new(BATCH_PACKETS, PACKET_BYTES_MAX);
        let mut empty_naps = 0;
        loop {
            let now = clock::now();
            if now >= self.cadence.deadline(self.interval) {
                self.push(Closes::Interval, now);
            }
            match self.control.try_recv() {
                Ok(Control::Stop) | Err(TryRecvError::Disconnected) => break,
                Ok(control) => self.obey(control, &mut batch),
                Err(TryRecvError::Empty) => {}
            }
            let received = self.receive(&mut batch, now);
            match received {
                0 if empty_naps >= EMPTY_NAPS_MAX => self.wait(),
                0..BATCH_FULL => self.nap(now),
                _ => {}
            }
            empty_naps = if received == 0 { empty_naps + 1 } else { 0 };
        }
        self.drain(&mut batch);
        self.push(Closes::Worker, clock::now());
    }

    fn obey(&mut self, control: Control, batch: &mut Batch) {
        match control {
            Control::Table(table) => {
                let dropped = self.count_drops();
                self.table.counts_mut().datagrams_dropped_kernel += dropped;
                let part = std::mem::replace(&mut self.table, *table).end();
                let (worker, interval) = (self.index, self.interval);
                self.flush.push(Push { worker, interval, closes: Closes::Nothing, part });
            }
            Control::Open(listener, sockets) => {
                let open = |socket| Socket { listener, socket, dropped: 0 };
                self.sockets.extend(sockets.into_iter().map(open));
            }
            Control::Close(listener) => {
                let (closing, others) = std::mem::take(&mut self.sockets)
                    .into_iter()
                    .partition(|socket| socket.listener == listener);
                self.sockets = closing;
                self.drain(batch);
                let dropped = self.count_drops();
                self.table.counts_mut().datagrams_dropped_kernel += dropped;
                self.sockets = others;
            }
            // It ends the loop that asks.
            Control::Stop => {}
        }
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

    /// Takes one batch from each socket. Gives the size of the largest.
    fn receive(&mut self, batch: &mut Batch, now: Instant) -> usize {
        let mut largest = 0;
        for socket in &self.sockets {
            match batch.receive(socket.socket.as_fd()) {
                Ok(0) => {}
                Ok(received) => {
                    largest = received.max(largest);
                    let since = now.saturating_duration_since(self.epoch).as_nanos();
                    let nanoseconds = u64::try_from(since).unwrap_or(u64::MAX);
                    let order = Order { nanoseconds, worker: self.index };
                    take_in(&mut self.table, self.forwarder.as_mut(), batch, order);
                }
                Err(error) => {
                    log::debug!("worker {}: receive: {error}", self.index);
                    std::thread::sleep(REST);
                }
            }
        }
        largest
    }

    /// Lets packets gather for a moment, though not beyond the deadline.
    fn nap(&self, now: Instant) {
        let left = self.cadence.deadline(self.interval).saturating_duration_since(now);
        std::thread::sleep(NAP.min(left));
    }

    /// Sleeps until there is something to do.
    fn wait(&self) {
        let deadline = self.cadence.deadline(self.interval);
        let timeout = deadline.saturating_duration_since(clock::now());
        // Rounded up to the next millisecond: waking early would mean to wake again.
        let milliseconds = timeout.as_micros().div_ceil(1_000);
        let timeout = i32::try_from(milliseconds).unwrap_or(i32::MAX);
        let timeout = PollTimeout::try_from(timeout).unwrap_or(PollTimeout::NONE);
        let mut waiting: Vec<_> = self
            .sockets
            .iter()
            .map(|socket| PollFd::new(socket.socket.as_fd(), PollFlags::POLLIN))
            .collect();
        waiting.push(PollFd::new(self.wake.as_fd(), PollFlags::POLLIN));
        // A signal that interrupts it is as good as a time-out.
        poll(&mut waiting, timeout).ok();
    }

    /// Takes what waits in the sockets, so that what was sent before the end counts.
    fn drain(&mut self, batch: &mut Batch) {
        let end = clock::now() + DRAIN_MAX;
        loop {
            let now = clock::now();
            if now >= end || self.receive(batch, now) == 0 {
                return;
            }
        }
    }

    /// Pushes what was gathered, as the part of the interval that ended last.
    fn push(&mut self, closes: Closes, now: Instant) {
        let dropped = self.count_drops();
        self.table.counts_mut().datagrams_dropped_kernel += dropped;
        let empty = self.spare.try_recv().unwrap_or_default();
        let part = self.table.rotate(empty);
        // Late by whole intervals, after the process was stopped for instance, it has gathered
        // all of them.
        let interval = match closes {
            Closes::Interval => self.cadence.interval_at(now) - 1,
            _ => self.interval,
        };
        self.flush.push(Push { worker: self.index, interval, closes, part });
        self.interval = interval + 1;
    }

    fn count_drops(&mut self) -> u64 {
        let mut sum = 0;
        for socket in &mut self.sockets {
            // Kernels that cannot tell were told of at the start.
            if let Ok(dropped) = dropped_datagrams(socket.socket.as_fd()) {
                sum += u64::from(dropped.wrapping_sub(socket.dropped));
                socket.dropped = dropped;
            }
        }
        sum
    }
}

fn take_in(table: &mut Table, mut forwarder: Option<&mut Forwarder>, batch: &Batch, order: Order) {
    let mut intake = table.batch(order);
    let log_packets = log::log_enabled!(log::Level::Trace);
    for packet in batch.packets() {
        if log_packets {
            log::trace!("packet: '{}'", packet.bytes.escape_ascii());
        }
        if let Some(forwarder) = &mut forwarder
            && !forwarder.lines(packet.bytes, packet.truncated, intake.counts_mut())
        {
            intake.count_packet(packet.bytes);
            continue;
        }
        match packet.truncated {
            false => intake.packet(packet.bytes),
            true => intake.truncated_packet(packet.bytes),
        }
    }
    drop(intake);
    if let Some(forwarder) = forwarder {
        forwarder.settle();
    }
}

#[cfg(test)]
mod tests {
    use gstatsd_aggregate::{Dialect, Limits, Naming};
    use gstatsd_wire::Reason;

    use super::*;

    #[test]
    fn f28_of_a_truncated_packet_the_broken_last_line_is_not_aggregated() {
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
        for packet in ["a:1|c\nb:123|c", "a:1|c", "a:1|c\n123456"] {
            sender.send_to(packet.as_bytes(), receiver.local_addr().unwrap()).unwrap();
        }
        let dialect = Dialect::GSTATSD;
        let naming = Naming::gstatsd("", 90.0, "");
        let limits = Limits { series_max: 10, samples_max: 10 };
        let mut table = Table::new(dialect, naming, limits);
        // Too small for the first and the third.
        let mut batch = Batch::new(4, 10);
        batch.receive(receiver.as_fd()).unwrap();
        take_in(&mut table, None, &batch, Order::default());
        let counts = table.rotate(Box::default()).counts;
        assert_eq!(counts.datagrams_received, 3);
        assert_eq!(counts.lines_rejected[Reason::Truncated as usize], 2);
        assert_eq!((counts.lines, counts.samples_received), (5, 3));
    }
}
