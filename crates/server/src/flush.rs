//! The flush: merges what the workers push, makes one snapshot of each interval, and hands it to
//! `deliver`.
//!
//! An interval is closed when every worker has pushed a part of it or of a later one. Nobody asks
//! a worker for anything.

mod gathering;
mod request;
mod telling;

use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::{Duration, Instant};

use gstatsd_aggregate::{
    Counts, FlushTimes, IdlePolicy, Limits, Merger, Naming, Newcomers, OwnPoint, Part, Snapshot,
    Window,
};

use self::gathering::{Closed, Gathering};
use self::request::Asked;
pub(crate) use self::request::{Answer, Ask, Deletion, Meant, Request, State, write_shown};
pub(crate) use self::telling::Telling;
use crate::beats;
use crate::clock::{self, Cadence, Timestamps};
use crate::connections::Connections;
use crate::deliver::{Outlet, Outlets};
use crate::forward::Forwarding;
use crate::frequent::FrequentNames;
use crate::losses::Losses;
use crate::senders::Senders;
use crate::state::{Keeping, Left};
use crate::tally::Tally;

/// How many parts may wait, for each worker. A worker that finds no room waits, and the kernel
/// counts what it drops meanwhile.
const PARTS_MAX: usize = 8;

/// What a worker pushes at its deadline.
pub(crate) struct Push {
    /// Which worker.
    pub(crate) worker: usize,
    /// The last interval of which the part holds anything.
    pub(crate) interval: u64,
    /// What ends with it.
    pub(crate) closes: Closes,
    /// What it gathered.
    pub(crate) part: Box<Part>,
    /// Who sent most of it.
    pub(crate) senders: Senders,
}

/// What ends with a push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closes {
    /// Nothing: more of the interval follows, from another table.
    Nothing,
    /// Nothing: more of the interval follows. The request of this number is the reason.
    Request(u64),
    /// The interval, for this worker.
    Interval,
    /// The worker.
    Worker,
}

/// What is made of what the workers push.
pub(crate) struct Making {
    /// How series are named.
    pub(crate) naming: Arc<Naming>,
    /// What becomes of idle series.
    pub(crate) idle: IdlePolicy,
    /// How much is kept of one series.
    pub(crate) limits: Limits,
    /// Where the names that come often are written down.
    pub(crate) frequent: Option<FrequentNames>,
}

/// What a reload changes behind the workers. It holds from the interval on that is open.
pub(crate) struct Reload {
    /// What is made of what they push.
    pub(crate) making: Making,
    /// Sinks that begin.
    pub(crate) opened: Vec<Outlet>,
    /// The names of sinks that end. One of the same name may begin.
    pub(crate) removed: Vec<String>,
    /// Until when the sinks that end may send what they have.
    pub(crate) deadline: Instant,
}

/// Gives the open interval, as bytes, to the process that goes on. Says whether that has it.
pub(crate) type Heir = Box<dyn FnOnce(&[u8]) -> bool + Send>;

/// What `flush` is told.
pub(crate) enum Message {
    /// By a worker.
    Push(Push),
    /// The configuration was read again, and is in use.
    Reloaded(Box<Reload>),
    /// The configuration was read again, and the old one stays.
    ReloadFailed,
    /// Another process goes on, which gets the open interval where the disk does not keep it.
    HandedOver(Heir),
    /// What the process before this one left.
    Inherited(Box<Left>),
    /// Somebody asks about the open interval, and has told every worker to push early.
    Asked(Request),
}

/// Where `flush` is told things.
#[derive(Clone)]
pub(crate) struct Inbox(SyncSender<Message>);

impl Inbox {
    /// Hands a part over. When `flush` has ended, so will the process.
    pub(crate) fn push(&self, push: Push) {
        self.tell(Message::Push(push));
    }

    /// Tells it something.
    pub(crate) fn tell(&self, message: Message) {
        self.0.send(message).ok();
    }
}

/// An inbox for so many workers, and its other end.
pub(crate) fn inbox(workers: usize) -> (Inbox, Receiver<Message>) {
    let (sender, receiver) = sync_channel(workers * PARTS_MAX);
    (Inbox(sender), receiver)
}

/// What the flush works with.
pub(crate) struct Flush {
    inbox: Receiver<Message>,
    /// For each worker, where its emptied parts go back to.
    spares: Vec<SyncSender<Box<Part>>>,
    gathering: Gathering,
    cadence: Cadence,
    timestamps: Timestamps,
    merger: Merger,
    outlets: Outlets,
    naming: Arc<Naming>,
    frequent: Option<FrequentNames>,
    interval: Duration,
    /// The timestamp of the last flush.
    last: Option<i64>,
    totals: Counts,
    /// Of the open interval, as far as it was merged.
    counts: Counts,
    senders: Senders,
    /// Whose names were new, of the last interval.
    newcomers: Newcomers,
    /// What was asked and is not answered yet.
    asked: Option<Asked>,
    /// When lines were last received.
    last_lines: Option<Instant>,
    flushes: u64,
    /// How often a flush was not over, or could not begin, when the next one was due.
    overruns: u64,
    reloads: Reloads,
    losses: Losses,
    /// Counts what is passed on.
    forwarding: Option<Arc<Forwarding>>,
    connections: Connections,
    telling: Option<Telling>,
    /// Keeps what outlives the process.
    keeping: Option<Keeping>,
    /// What the process before this one left, and was not taken over yet.
    left: Option<Left>,
    /// Where the open interval goes at the end, where another process goes on.
    heir: Option<Heir>,
    /// Counts what was flushed, for the process after this one.
    tally: Option<Tally>,
}

/// What came of reading the configuration again, since the start.
#[derive(Debug, Default)]
struct Reloads {
    applied: u64,
    failed: u64,
    /// Whether the last one failed, so that the configuration in use is not that of the file.
    is_stale: bool,
}

impl Flush {
    /// A flush for the workers whose emptied parts go back to `spares`.
    pub(crate) fn new(
        inbox: Receiver<Message>,
        spares: Vec<SyncSender<Box<Part>>>,
        cadence: Cadence,
        interval: Duration,
        outlets: Outlets,
        making: Making,
        connections: Connections,
    ) -> Self {
        let Making { naming, idle, limits, frequent } = making;
        let mut merger = Merger::new();
        merger.set_limits(limits);
        merger.set_idle_policy(idle);
        merger.set_frequency(frequent.is_some());
        Self {
            inbox,
            gathering: Gathering::new(spares.len()),
            spares,
            cadence,
            timestamps: Timestamps::new(interval),
            merger,
            outlets,
            naming,
            frequent,
            interval,
            last: None,
            totals: Counts::default(),
            counts: Counts::default(),
            senders: Senders::default(),
            newcomers: Newcomers::default(),
            asked: None,
            last_lines: None,
            flushes: 0,
            overruns: 0,
            reloads: Reloads::default(),
            losses: Losses::default(),
            forwarding: None,
            connections,
            telling: None,
            keeping: None,
            left: None,
            heir: None,
            tally: None,
        }
    }

    /// The same flush, which tells too what was passed on.
    pub(crate) fn counting(self, forwarding: Arc<Forwarding>) -> Self {
        Self { forwarding: Some(forwarding), ..self }
    }

    /// The same flush, with what the process before left, and what is kept for the next.
    pub(crate) fn keeping(self, keeping: Option<Keeping>, tally: Option<Tally>) -> Self {
        Self { keeping, tally, ..self }
    }

    /// The same flush, which tells how everything stands; what it holds is of the memory of which
    /// that tells.
    pub(crate) fn telling(mut self, telling: Telling) -> Self {
        self.merger = self.merger.with_budget(&telling.memory.budget);
        // Who looks before the first flush sees that nothing has come yet.
        self.telling = Some(telling);
        self.publish(None);
        self
    }

    /// Flushes until every worker has ended. Gives the outlets back, with the last snapshot on
    /// its way, and what was counted since the start.
    pub(crate) fn run(mut self) -> (Outlets, Counts) {
        loop {
            let message = self.inbox.recv_timeout(beats::WAIT_MAX);
            if let Some(telling) = &self.telling {
                telling.beat.advance(clock::now());
            }
            let message = match message {
                Ok(message) => message,
                Err(RecvTimeoutError::Timeout) => continue,
                Err(RecvTimeoutError::Disconnected) => break,
            };
            match message {
                Message::Push(push) => self.take_in(push),
                // Who asked before has given up.
                Message::Asked(request) => {
                    self.asked = Some(Asked::new(request, self.spares.len()));
                }
                Message::HandedOver(heir) => self.heir = Some(heir),
                Message::Inherited(left) => self.left = Some(*left),
                Message::Reloaded(reload) => self.reload(*reload),
                Message::ReloadFailed => {
                    self.reloads.failed += 1;
                    self.reloads.is_stale = true;
                }
            }
            while let Some(closed) = self.gathering.close(self.cadence) {
                self.flush(closed, false);
            }
            self.answer_if_ready();
            if self.gathering.all_ended() {
                let closed = self.gathering.close_last(self.cadence, clock::now());
                self.flush(closed, true);
                break;
            }
        }
        (self.outlets, self.totals)
    }

    fn reload(&mut self, reload: Reload) {
        let Reload { making, opened, removed, deadline } = reload;
        let Making { naming, idle, limits, frequent } = making;
        self.reloads.applied += 1;
        self.reloads.is_stale = false;
        self.naming = naming;
        self.merger.set_limits(limits);
        self.merger.set_idle_policy(idle);
        self.merger.set_frequency(frequent.is_some());
        self.frequent = frequent.map(|new| new.in_place_of(self.frequent.as_ref()));
        for name in removed {
            self.outlets.retire(&name, deadline);
        }
        for outlet in opened {
            self.outlets.add(outlet);
        }
    }

    fn take_in(&mut self, push: Push) {
        if let (Closes::Request(number), Some(asked)) = (push.closes, &mut self.asked) {
            asked.heard(number, push.worker);
        }
        self.gathering.take_in(push);
    }

    /// Merges a part, and gives it back to its worker.
    fn merge(&mut self, mut push: Push) {
        if push.part.counts.lines > 0 {
            let since = push.part.last_batch().map(Duration::from_nanos);
            let received = since.map(|since| self.cadence.begin(0) + since);
            self.last_lines = self.last_lines.max(received);
        }
        self.merger.add(push.worker, &mut push.part);
        self.counts.add(&push.part.counts);
        self.senders.add(&push.senders);
        self.newcomers.add(&push.part.newcomers);
        self.losses.add_examples(&push.part.examples);
        // A part that does not end an interval is one more than the worker needs.
        if matches!(push.closes, Closes::Nothing | Closes::Request(_)) {
            return;
        }
        push.part.clear();
        // A worker that has ended takes nothing back. One that had to make a part, because
        // this took longer than an interval, needs only one of them.
        self.spares[push.worker].try_send(push.part).ok();
    }

    /// Makes a snapshot of an interval and hands it on. The last one is kept for the next process
    /// instead, where that is possible.
    fn flush(&mut self, closed: Closed, is_last: bool) {
        let left = self.keeping.as_mut().and_then(Keeping::begin).or_else(|| self.left.take());
        let open = left.and_then(|left| self.take_over(left));
        let start = clock::now();
        closed.pushes.into_iter().for_each(|push| self.merge(push));
        let counts = std::mem::take(&mut self.counts);
        self.totals.add(&counts);
        self.flushes += 1;
        self.overruns += closed.overrun;
        debug_assert_eq!(self.totals.lines_residual(), 0, "{:?}", self.totals);
        debug_assert_eq!(self.totals.samples_residual(), 0, "{:?}", self.totals);
        let timestamp = self.timestamps.next(clock::since_epoch(), clock::passed());
        let window = Window { timestamp, seconds: closed.length.as_secs_f64() };
        let own = self.publish(Some(timestamp));
        let senders = std::mem::take(&mut self.senders);
        self.newcomers = Newcomers::default();
        let mut snapshot = self.merger.finish(window, own);
        if let Some(open) = open {
            snapshot = Snapshot::merged(&open, &snapshot);
        }
        if let Some(prefix) = self.naming.own_prefix() {
            let name = format!("{prefix}series.sketched").into_boxed_str();
            snapshot.own.push(OwnPoint { name, value: snapshot.sketched_count() as u64 });
        }
        snapshot.times = Some(self.times(timestamp, start));
        log::debug!(
            "flush at {timestamp}: {} series, {} datagrams, {} samples",
            snapshot.series_count(),
            counts.datagrams_received,
            counts.samples_received,
        );
        if let Some(tally) = &self.tally {
            tally.hand_on(self.totals.samples_received);
        }
        self.hand_on(snapshot, is_last);
        if let Some(tally) = &self.tally {
            tally.flushed(self.totals.samples_received);
            if is_last {
                tally.end();
            }
        }
        self.outlets.close_retired(clock::now());
        self.tell_frequent_names();
        let senders = senders.told();
        if let Some(senders) = &senders {
            log::debug!("who sends most: {senders}");
        }
        if let Some(line) = self.losses.report(&counts, clock::now()) {
            let senders = senders.map_or_else(String::new, |of| format!("; who sends most: {of}"));
            log::warn!("{line}{senders}");
        }
    }

    /// Goes on with what the process before left. Gives its open interval, where that and the
    /// current one are to be one; one that is long over goes to the sinks as it is.
    fn take_over(&mut self, Left { mut snapshot, is_open }: Left) -> Option<Snapshot> {
        let timestamp = snapshot.window.timestamp;
        let wall = clock::since_epoch();
        let end = Duration::from_secs(u64::try_from(timestamp).unwrap_or(0));
        let gone = wall.saturating_sub(end);
        let idle = gone.as_secs_f64() / self.interval.as_secs_f64();
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "saturates")]
        self.merger.restore_gauges(&snapshot, idle as u32);
        self.timestamps.resume(timestamp, wall);
        // The current interval is over by now, so it began an interval ago.
        if is_open && gone <= self.interval * 2 {
            return Some(snapshot);
        }
        if is_open {
            // No snapshot of this process has that number.
            snapshot.number = u64::MAX;
            self.outlets.push(&Arc::new(snapshot), &self.naming);
        }
        None
    }

    fn hand_on(&mut self, snapshot: Snapshot, is_last: bool) {
        if is_last && self.keeping.as_mut().is_some_and(|keeping| keeping.end(&snapshot)) {
            log::info!("the open interval is kept for the next start");
            return;
        }
        if let Some(heir) = self.heir.take_if(|_| is_last)
            && heir(&Left::bytes(&snapshot))
        {
            log::info!("the next process has the open interval");
            return;
        }
        let snapshot = Arc::new(snapshot);
        if let Some(keeping) = &self.keeping {
            keeping.keep(&snapshot);
        }
        self.outlets.push(&snapshot, &self.naming);
    }

    /// What the flush that began at `start` tells of itself.
    fn times(&mut self, timestamp: i64, start: Instant) -> FlushTimes {
        let last = self.last.replace(timestamp);
        #[expect(clippy::cast_precision_loss, reason = "seconds since the epoch are below 2^53")]
        let lag = last.map(|last| (timestamp - last) as f64 - self.interval.as_secs_f64());
        let processing = clock::now().saturating_duration_since(start);
        self.overruns += u64::from(processing > self.interval);
        FlushTimes { lag, processing }
    }

    fn tell_frequent_names(&mut self) {
        let Some(frequent) = &mut self.frequent else { return };
        if frequent.is_due(clock::now()) {
            frequent.tell(clock::wall(), self.merger.take_frequency());
        }
    }
}
