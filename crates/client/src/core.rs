//! What all clones of a client share: buffers that threads write lines into.

mod accounts;
mod aggregation;

use std::sync::atomic::{AtomicBool, AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::Thread;
use std::time::Duration;

use crate::direct::Direct;
use crate::line::Style;
use crate::link::Link;
use crate::outlet::Outlet;
use crate::queue::Queue;
use crate::report::Report;
use crate::settings::{Destination, Settings};
use crate::slot::Slot;
use crate::sums::Table;
use crate::target::{PACKET_BYTES_LOCAL, Target};
use crate::{Reason, fork, worker};

/// The worker sleeps until it is woken.
const ASLEEP: u8 = 1;
/// No more lines are taken.
const CLOSED: u8 = 2;
/// Lines are sent by those who write them.
const DIRECT: u8 = 4;
/// The worker does not look at sums until it is woken.
const DOZING: u8 = 8;

/// So many full packets are worth waking the worker for.
const PACKETS_WAKE: usize = 4;

/// One client, in one process.
pub(crate) struct Core {
    pub(crate) settings: Arc<Settings>,
    /// The process that it lives in.
    process: u64,
    target: Option<Arc<Target>>,
    flags: AtomicU8,
    /// A power of two of them; each thread writes into one.
    buffers: Box<[Shard]>,
    queue: Mutex<Queue>,
    /// The last values of gauges, where the client aggregates: one table, so that the last value
    /// is the last one of all threads.
    gauges: Mutex<Option<Table>>,
    worker: OnceLock<Thread>,
    progress: Mutex<Progress>,
    progressed: Condvar,
    /// How often a flush was asked for.
    asked: AtomicU64,
    /// Lines that never came to a buffer.
    turned_away: AtomicU64,
    dropped: [AtomicU64; Reason::COUNT],
    /// Lines were dropped since it was last looked at; a hint.
    pub(crate) has_dropped: AtomicBool,
    report: Mutex<Report>,
    pub(crate) sent: SentCounts,
}

/// On a cache line of its own, so that threads do not slow each other down.
#[repr(align(128))]
struct Shard(Mutex<Buffer>);

/// The lines of some threads that no packet has taken yet.
#[derive(Default)]
pub(crate) struct Buffer {
    pub(crate) bytes: Vec<u8>,
    /// The lines in `bytes`.
    lines: u64,
    /// The lines that came here, whatever became of them.
    offered: u64,
    pub(crate) direct: Option<Direct>,
    /// What was added to counters, where the client aggregates.
    counters: Option<Table>,
}

/// What waits for the worker.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiting {
    /// Lines that no packet has taken.
    pub(crate) lines: bool,
    /// Sums that no line tells.
    pub(crate) sums: bool,
}

/// What left the client.
#[derive(Debug, Default)]
pub(crate) struct SentCounts {
    pub(crate) lines: AtomicU64,
    pub(crate) packets: AtomicU64,
    pub(crate) bytes: AtomicU64,
    /// Lines in the hands of the worker.
    pub(crate) in_hand: AtomicU64,
}

#[derive(Debug, Default)]
struct Progress {
    /// The number of the last flush that is done.
    flushed: u64,
    /// The worker has gone.
    ended: bool,
    /// It has sent everything before.
    complete: bool,
}

impl Core {
    /// A client that is ready. `before` is the same client in the parent of this process.
    pub(crate) fn start(settings: Arc<Settings>, before: Option<&Self>) -> Arc<Self> {
        fork::prepare();
        let target = match &settings.destination {
            Destination::Sink(_) => None,
            Destination::Address(address) => {
                let known = before.and_then(|core| core.target.as_ref());
                let known = known.map(|target| target.found_without_waiting());
                Some(Target::new(
                    address.clone(),
                    settings.packet_bytes_max,
                    settings.names.clone(),
                    known,
                ))
            }
        };
        let buffers = (0..settings.buffers).map(|_| Shard(Mutex::default())).collect();
        let core = Arc::new(Self {
            process: fork::process_number(),
            target,
            flags: AtomicU8::new(if settings.direct { DIRECT } else { 0 }),
            buffers,
            queue: Mutex::new(Queue::new(settings.buffer_bytes_max)),
            gauges: Mutex::default(),
            worker: OnceLock::new(),
            progress: Mutex::default(),
            progressed: Condvar::new(),
            asked: AtomicU64::new(0),
            turned_away: AtomicU64::new(0),
            dropped: [const { AtomicU64::new(0) }; Reason::COUNT],
            has_dropped: AtomicBool::new(false),
            report: Mutex::new(Report::new()),
            sent: SentCounts::default(),
            settings,
        });
        if !core.settings.direct {
            match worker::spawn(&core) {
                Ok(worker) => _ = core.worker.set(worker),
                // Without a thread the callers send, unless they would have to wait for a stream.
                Err(_) if core.settings.is_stream() => core.flags.store(CLOSED, Ordering::Relaxed),
                Err(_) => core.flags.store(DIRECT, Ordering::Relaxed),
            }
        }
        core
    }

    /// Whether it lives in this process, and not in one that this was forked from.
    #[inline]
    pub(crate) fn is_of_this_process(&self) -> bool {
        self.process == fork::process_number()
    }

    /// Takes a line: `write` appends it, without a newline at its end.
    #[inline]
    pub(crate) fn line(&self, write: impl FnOnce(&Style, &mut Vec<u8>) -> Result<(), Reason>) {
        self.lines(1, write);
    }

    /// Takes some lines that stay together: `write` appends them.
    #[inline]
    pub(crate) fn lines(
        &self,
        lines: u64,
        write: impl FnOnce(&Style, &mut Vec<u8>) -> Result<(), Reason>,
    ) {
        let Some(slot) = Slot::enter() else { return self.turn_away(Reason::Busy, lines) };
        let mut buffer = self.buffer_of(&slot);
        // Read inside of the lock: whoever sets a flag looks at each buffer afterwards.
        let flags = self.flags.load(Ordering::Relaxed);
        if flags & (CLOSED | DIRECT) != 0 {
            return self.lines_directly(flags, buffer, lines, write);
        }
        self.append(&mut buffer, lines, write);
        drop(buffer);
        if flags & ASLEEP != 0 {
            self.wake();
        }
    }

    #[inline]
    fn append(
        &self,
        buffer: &mut Buffer,
        lines: u64,
        write: impl FnOnce(&Style, &mut Vec<u8>) -> Result<(), Reason>,
    ) {
        buffer.offered += lines;
        let start = buffer.bytes.len();
        if start > 0 {
            buffer.bytes.push(b'\n');
        }
        if let Err(reason) = write(&self.settings.style, &mut buffer.bytes) {
            buffer.bytes.truncate(start);
            self.drop_lines(reason, lines);
        } else if buffer.bytes.len() > self.packet_bytes()
            || (self.settings.is_separate && start > 0)
        {
            self.start_packet(buffer, start, lines);
        } else {
            buffer.lines += lines;
        }
    }

    #[inline]
    fn buffer_of(&self, slot: &Slot) -> MutexGuard<'_, Buffer> {
        lock(&self.buffers[slot.number() & (self.buffers.len() - 1)].0)
    }

    /// The lines from `start` on do not fit into the packet: they begin the next one.
    fn start_packet(&self, buffer: &mut Buffer, start: usize, lines: u64) {
        let packet_bytes = self.packet_bytes();
        let line = start + usize::from(start > 0);
        if buffer.bytes.len() - line > packet_bytes {
            buffer.bytes.truncate(start);
            return self.drop_lines(Reason::TooLong, lines);
        }
        let mut queue = lock(&self.queue);
        let mut next = queue.buffer(packet_bytes);
        next.extend_from_slice(&buffer.bytes[line..]);
        buffer.bytes.truncate(start);
        std::mem::swap(&mut buffer.bytes, &mut next);
        let full = std::mem::replace(&mut buffer.lines, lines);
        let dropped = queue.push(&mut next, full, self.merged_bytes());
        queue.recycle(next);
        let worth_waking = queue.len().is_multiple_of(PACKETS_WAKE);
        drop(queue);
        self.drop_lines(Reason::Full, dropped);
        if worth_waking {
            self.wake();
        }
    }

    #[cold]
    fn lines_directly(
        &self,
        flags: u8,
        mut buffer: MutexGuard<'_, Buffer>,
        lines: u64,
        write: impl FnOnce(&Style, &mut Vec<u8>) -> Result<(), Reason>,
    ) {
        buffer.offered += lines;
        if flags & CLOSED != 0 {
            return self.drop_lines(Reason::Closed, lines);
        }
        buffer.bytes.clear();
        if let Err(reason) = write(&self.settings.style, &mut buffer.bytes) {
            return self.drop_lines(reason, lines);
        }
        if buffer.bytes.len() > self.packet_bytes() {
            return self.drop_lines(Reason::TooLong, lines);
        }
        let Buffer { bytes, direct, .. } = &mut *buffer;
        direct.get_or_insert_with(|| Direct::new(self.outlet())).send(self, bytes, lines);
    }

    /// The way out of this client.
    pub(crate) fn outlet(&self) -> Outlet {
        match (&self.settings.destination, &self.target) {
            (Destination::Sink(sink), _) => Outlet::Sink(Arc::clone(sink)),
            (_, Some(target)) => Outlet::Link(Link::new(Arc::clone(target))),
            // An address always has a target.
            (_, None) => Outlet::Sink(Arc::new(crate::NopSink)),
        }
    }

    /// The most bytes of a packet.
    #[inline]
    pub(crate) fn packet_bytes(&self) -> usize {
        match &self.target {
            Some(target) => target.packet_bytes(),
            None => self.settings.packet_bytes_max.unwrap_or(PACKET_BYTES_LOCAL),
        }
    }

    /// How long packets may become that are made of the lines of several buffers.
    fn merged_bytes(&self) -> usize {
        if self.settings.is_separate { 0 } else { self.packet_bytes() }
    }

    /// Makes the worker look around.
    #[cold]
    fn wake(&self) {
        self.flags.fetch_and(!(ASLEEP | DOZING), Ordering::Relaxed);
        if let Some(worker) = self.worker.get() {
            worker.unpark();
        }
    }

    /// Moves what is in the buffers to the queue.
    pub(crate) fn collect(&self) {
        for shard in &self.buffers {
            let mut buffer = lock(&shard.0);
            if !buffer.bytes.is_empty() {
                let lines = std::mem::take(&mut buffer.lines);
                let merged_bytes = self.merged_bytes();
                let dropped = lock(&self.queue).push(&mut buffer.bytes, lines, merged_bytes);
                self.drop_lines(Reason::Full, dropped);
            }
        }
    }

    pub(crate) fn queue(&self) -> MutexGuard<'_, Queue> {
        lock(&self.queue)
    }

    /// Says that the worker is going to sleep until it is woken, and what is not to wait so long.
    pub(crate) fn fall_asleep(&self) -> Waiting {
        // Whoever has written before a flag is set is found below, by the lock.
        self.flags.fetch_or(ASLEEP | DOZING, Ordering::Relaxed);
        let mut waiting = Waiting { lines: false, sums: false };
        for shard in &self.buffers {
            let buffer = lock(&shard.0);
            waiting.lines |= !buffer.bytes.is_empty();
            waiting.sums |= buffer.counters.as_ref().is_some_and(Table::is_fresh);
        }
        waiting.lines |= lock(&self.queue).len() > 0;
        waiting.sums |= lock(&self.gauges).as_ref().is_some_and(Table::is_fresh);
        let awake = (u8::from(waiting.lines) * ASLEEP) | (u8::from(waiting.sums) * DOZING);
        self.flags.fetch_and(!awake, Ordering::Relaxed);
        waiting
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.flags.load(Ordering::Relaxed) & CLOSED != 0
    }

    /// How often a flush was asked for.
    pub(crate) fn asked(&self) -> u64 {
        self.asked.load(Ordering::Acquire)
    }

    /// Says that a flush is done.
    pub(crate) fn flushed(&self, number: u64) {
        lock(&self.progress).flushed = number;
        self.progressed.notify_all();
    }

    /// Says that the worker goes, and whether it has sent everything.
    pub(crate) fn ended(&self, complete: bool) {
        let mut progress = lock(&self.progress);
        (progress.ended, progress.complete) = (true, complete);
        drop(progress);
        self.progressed.notify_all();
    }

    /// Sends what waits. `false` where it was not done within `wait`.
    pub(crate) fn flush(&self, wait: Duration) -> bool {
        if self.worker.get().is_none() {
            return self.settle();
        }
        let number = self.asked.fetch_add(1, Ordering::AcqRel) + 1;
        self.wake();
        self.wait_until(wait, |progress| progress.flushed >= number)
    }

    /// Takes no more lines, and sends what waits. `false` where it was not done within `wait`.
    pub(crate) fn close(&self, wait: Duration) -> bool {
        self.flags.fetch_or(CLOSED, Ordering::Relaxed);
        if self.worker.get().is_none() {
            self.settle();
            return self.report_directly();
        }
        self.wake();
        self.wait_until(wait, |_| false)
    }

    /// Asks every socket for the fate of its last datagram.
    fn settle(&self) -> bool {
        for shard in &self.buffers {
            let mut buffer = lock(&shard.0);
            if let Some(direct) = &mut buffer.direct {
                direct.settle(self);
            }
        }
        true
    }

    /// Waits until something is done, or the worker has gone after it did everything.
    fn wait_until(&self, wait: Duration, is_done: impl Fn(&Progress) -> bool) -> bool {
        let goes_on = |progress: &mut Progress| !progress.ended && !is_done(progress);
        let result = self.progressed.wait_timeout_while(lock(&self.progress), wait, goes_on);
        let (progress, _) = result.unwrap_or_else(PoisonError::into_inner);
        is_done(&progress) || progress.complete
    }
}

/// A panic of another thread is no reason for one here.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
