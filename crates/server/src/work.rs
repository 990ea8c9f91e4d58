//! A worker: one thread with its own sockets and its own table.
//!
//! ```text
//! receive a batch --> parse each packet into the table --> again
//!       |                                                            deadline
//!       +-- nothing waits: sleep until something does, or until the deadline --> push the part
//! ```
//!
//! It shares nothing on this path, and reads the clock once a batch.

use std::io;
use std::net::UdpSocket;
use std::os::fd::AsFd as _;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, TryRecvError};
use std::time::{Duration, Instant};

use gstatsd_aggregate::{Order, Part, Table};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::eventfd::{EfdFlags, EventFd};

use crate::clock::{self, Cadence};
use crate::flush::{Inbox, Push};
use crate::sys::{Batch, dropped_datagrams};

/// How many datagrams are received at once. More would only leave the processor's caches.
const BATCH_PACKETS: usize = 32;
/// Above the longest datagram that UDP can carry, 65,507 bytes over IPv4 and 65,527 over IPv6.
const PACKET_BYTES_MAX: usize = 65_536;
/// How long a socket may be drained at the end. A sender that never pauses must not hold us.
const DRAIN_MAX: Duration = Duration::from_secs(1);
/// How long to rest after a socket failed, so that a network that is down costs no CPU time.
const REST: Duration = Duration::from_millis(50);

/// What a worker is told between two batches.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Control {
    /// Take what waits in the sockets, push it, and end.
    Stop,
}

/// Where a worker is told things.
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
}

struct Socket {
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
        sockets: Vec<UdpSocket>,
        table: Table,
        cadence: Cadence,
        flush: Inbox,
        spare: Receiver<Box<Part>>,
    ) -> io::Result<(Self, ControlInbox)> {
        let wake = Arc::new(EventFd::from_flags(EfdFlags::EFD_CLOEXEC | EfdFlags::EFD_NONBLOCK)?);
        let (sender, control) = std::sync::mpsc::channel();
        let sockets = sockets.into_iter().map(|socket| Socket { socket, dropped: 0 }).collect();
        let inbox = ControlInbox { sender, wake: Arc::clone(&wake) };
        let epoch = cadence.begin(0);
        let worker = Self {
            index,
            sockets,
            table,
            cadence,
            interval: 0,
            flush,
            spare,
            control,
            wake,
            epoch,
        };
        Ok((worker, inbox))
    }

    /// Works until it is told to stop.
    pub(crate) fn run(mut self) {
        let mut batch = Batch::new(BATCH_PACKETS, PACKET_BYTES_MAX);
        loop {
            let now = clock::now();
            if now >= self.cadence.deadline(self.interval) {
                self.push(now, false);
            }
            match self.control.try_recv() {
                Ok(Control::Stop) | Err(TryRecvError::Disconnected) => break,
                Err(TryRecvError::Empty) => {}
            }
            if !self.receive(&mut batch, now) {
                self.wait();
            }
        }
        self.drain(&mut batch);
        self.push(clock::now(), true);
    }

    /// Takes one batch from each socket. Says whether there was anything.
    fn receive(&mut self, batch: &mut Batch, now: Instant) -> bool {
        let mut any = false;
        for socket in &self.sockets {
            match batch.receive(socket.socket.as_fd()) {
                Ok(0) => {}
                Ok(_) => {
                    any = true;
                    let since = now.saturating_duration_since(self.epoch).as_nanos();
                    let nanoseconds = u64::try_from(since).unwrap_or(u64::MAX);
                    let order = Order { nanoseconds, worker: self.index };
                    take_in(&mut self.table, batch, order);
                }
                Err(error) => {
                    log::debug!("worker {}: receive: {error}", self.index);
                    std::thread::sleep(REST);
                }
            }
        }
        any
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
            if now >= end || !self.receive(batch, now) {
                return;
            }
        }
    }

    /// Pushes what was gathered, as the part of the interval that ended last.
    fn push(&mut self, now: Instant, last: bool) {
        let dropped = self.count_drops();
        self.table.counts_mut().datagrams_dropped_kernel += dropped;
        let empty = self.spare.try_recv().unwrap_or_default();
        let part = self.table.rotate(empty);
        // Late by whole intervals, after the process was stopped for instance, it has gathered
        // all of them.
        let interval = match last {
            true => self.interval,
            false => self.cadence.interval_at(now) - 1,
        };
        self.flush.push(Push { worker: self.index, interval, last, part });
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

fn take_in(table: &mut Table, batch: &Batch, order: Order) {
    let mut intake = table.batch(order);
    let log_packets = log::log_enabled!(log::Level::Trace);
    for packet in batch.packets() {
        if log_packets {
            log::trace!("packet: '{}'", packet.bytes.escape_ascii());
        }
        match packet.truncated {
            false => intake.packet(packet.bytes),
            true => intake.truncated_packet(packet.bytes),
        }
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
        let naming = Naming::new(&dialect, "", 90.0, "");
        let limits = Limits { series_max: 10, samples_max: 10 };
        let mut table = Table::new(dialect, naming, limits);
        // Too small for the first and the third.
        let mut batch = Batch::new(4, 10);
        batch.receive(receiver.as_fd()).unwrap();
        take_in(&mut table, &batch, Order::default());
        let counts = table.rotate(Box::default()).counts;
        assert_eq!(counts.datagrams_received, 3);
        assert_eq!(counts.lines_rejected[Reason::Truncated as usize], 2);
        assert_eq!((counts.lines, counts.samples_received), (5, 3));
    }
}
