//! The totals of a sink on the disk: for Prometheus pages, remote write and OTLP, whose counters
//! go on over restarts.
//!
//! ```text
//! DIR/totals/SINK/totals.a, totals.b   version 1 | is final 1 | number 8 | what the sink wrote
//! DIR/totals/SINK/shown                mapped: the number of the last that anybody could see
//! ```
//!
//! Each flush has a number. It is written into the page cache, which outlives a kill, and then
//! `shown` says so, and then the sink shows it. What was not written, as the disk is slow or full
//! or there is too much of it, is shown all the same: the next process finds that what it has is
//! older than what was seen, and leaves it. The same after a power cut, of which nobody knows what
//! it has left of `shown`. At the end all is brought to the disk, twice.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use gstatsd_aggregate::DecodeError;
use gstatsd_sinks::TotalsKeeper;
use gstatsd_store::{Counting, Disk as _, Page, PageError, Previous, Restored, Slots, SystemDisk};

use crate::beats;
use crate::tally::boot_id;

const VERSION: u8 = 1;
/// The bytes before what the sink wrote: version, whether it is final, its number.
const HEAD: usize = 10;
/// The most that is kept: more than a sink holds in memory.
const BYTES_MAX: usize = 512 << 20;
/// What the counter of the page means.
const LAYOUT: &str = "number of the last totals that were shown";
/// What stands there while nothing on the disk is to be believed.
const NOTHING: u64 = u64::MAX;
/// How long a process that ends may keep its totals from the next one.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How often it is looked whether it has ended.
const LOOK: Duration = Duration::from_millis(50);
/// How long a flush waits for the disk. With more it goes on without.
const WRITE_MAX: Duration = Duration::from_secs(1);
/// How long the end waits for the disk.
const END_MAX: Duration = Duration::from_secs(10);
/// What keeping may take of the time of the sink: one part of so many.
const SHARE: u32 = 10;
/// What takes no longer than this is never too much.
const SHORT: Duration = Duration::from_millis(5);

/// Keeps the totals of one sink.
#[derive(Debug)]
pub(crate) struct TotalsFiles {
    sink: String,
    dir: PathBuf,
    standing: Standing,
    open: Option<Open>,
    /// When it was first found that another process has them.
    waited_since: Option<Instant>,
}

/// How totals were found, and what went wrong with them. A clone is the same.
#[derive(Clone, Debug, Default)]
pub(crate) struct Standing(Arc<Told>);

#[derive(Debug, Default)]
struct Told {
    found: OnceLock<&'static str>,
    failures: AtomicU64,
}

#[derive(Debug)]
struct Open {
    shown: Page,
    number: u64,
    jobs: SyncSender<Job>,
    done: Receiver<()>,
    is_busy: bool,
    /// Until when nothing is written, as the last one took long.
    pause: Option<Instant>,
}

#[derive(Debug)]
enum Job {
    Write(Vec<u8>),
    /// The last one.
    End(Vec<u8>),
}

/// What the files hold, as far as it is to be believed.
enum Found {
    /// What the sink wrote, and its number.
    Totals(Vec<u8>, u64),
    Nothing,
    /// It is older than what was shown.
    Behind,
    /// The end is not there.
    Damaged,
    /// It is of a version that is not known.
    Newer,
}

impl TotalsFiles {
    /// Keeps the totals of this sink below the directory of the state.
    pub(crate) fn new(state: &Path, sink: &str) -> Self {
        let dir = state.join("totals").join(sink);
        let (sink, standing) = (sink.to_owned(), Standing::default());
        Self { sink, dir, standing, open: None, waited_since: None }
    }

    /// Where it is told how they stand.
    pub(crate) fn standing(&self) -> Standing {
        self.standing.clone()
    }

    fn open(
        &self,
        read: &mut dyn FnMut(&[u8]) -> Result<usize, DecodeError>,
    ) -> anyhow::Result<Option<Open>> {
        let dir = &self.dir;
        SystemDisk.create_dir(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        let run = u64::from(std::process::id());
        let counting =
            Counting { boot_id: boot_id(), run, layout: LAYOUT, counters: 1, first: NOTHING };
        let (shown, previous) = match Page::open(&SystemDisk, &dir.join("shown"), &counting) {
            Err(PageError::Locked(_)) => return Ok(None),
            other => other?,
        };
        // A power cut must not bring back that of a process that had ended in order.
        shown.sync(&SystemDisk).context("cannot write what is shown")?;
        let (mut slots, how, payload) = Slots::open(&SystemDisk, dir, "totals", BYTES_MAX);
        let mut word = how.word();
        let mut number = 0;
        match Found::of(payload, &previous) {
            Found::Totals(bytes, of) => match read(&bytes) {
                Ok(series) => {
                    let (sink, shown) = (&self.sink, dir.display());
                    log::info!("sink {sink}: totals of {series} series: {word} in {shown}");
                    number = of;
                }
                Err(DecodeError::Version(_)) => word = Restored::Newer.word(),
                Err(_) => word = Restored::Damaged.word(),
            },
            Found::Nothing => {}
            Found::Behind => word = "behind",
            Found::Damaged => word = Restored::Damaged.word(),
            Found::Newer => word = Restored::Newer.word(),
        }
        if number == 0 {
            let (sink, shown) = (&self.sink, dir.display());
            log::info!("sink {sink}: totals: {word} in {shown}: they begin anew");
            // What stays there would be believed after a kill.
            match word == Restored::Newer.word() {
                true => slots.quarantine(&SystemDisk),
                false => slots.clear(&SystemDisk),
            }
            .with_context(|| format!("cannot clear {}", dir.display()))?;
        }
        self.standing.0.found.set(word).ok();
        shown.counter(0).store(number, Ordering::Release);
        let (jobs, inbox) = sync_channel(1);
        let (sender, done) = sync_channel(1);
        let (sink, standing) = (self.sink.clone(), self.standing.clone());
        let thread = thread::Builder::new().name(format!("totals {sink}"));
        thread.spawn(move || write(&inbox, &sender, slots, &sink, &standing))?;
        Ok(Some(Open { shown, number, jobs, done, is_busy: false, pause: None }))
    }
}

impl TotalsKeeper for TotalsFiles {
    fn begin(
        &mut self,
        wait: bool,
        read: &mut dyn FnMut(&[u8]) -> Result<usize, DecodeError>,
    ) -> bool {
        loop {
            match self.open(read) {
                Ok(None) => {}
                Ok(open) => {
                    self.open = open;
                    return true;
                }
                Err(error) => {
                    self.standing.fail(&self.sink, &format!("{error:#}: they are not kept"));
                    return true;
                }
            }
            let now = beats::now();
            if now >= *self.waited_since.get_or_insert(now) + WAIT_MAX {
                let shown = self.dir.display();
                let text = format!("{shown} is in use by another process: they are not kept");
                self.standing.fail(&self.sink, &text);
                return true;
            }
            if !wait {
                return false;
            }
            thread::sleep(LOOK);
        }
    }

    fn keep(&mut self, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let Some(open) = &mut self.open else { return };
        open.number += 1;
        if open.pause.is_none_or(|pause| beats::now() >= pause) {
            let start = beats::now();
            open.write(write, Job::Write, false, WRITE_MAX);
            let took = beats::now().saturating_duration_since(start);
            open.pause = (took > SHORT).then(|| start + took * SHARE);
        }
        open.shown.counter(0).store(open.number, Ordering::Release);
    }

    fn end(&mut self, write: &mut dyn FnMut(&mut Vec<u8>)) {
        let Some(mut open) = self.open.take() else { return };
        if open.write(write, Job::End, true, END_MAX) {
            open.shown.end();
            open.shown.sync(&SystemDisk).ok();
        }
    }
}

impl Open {
    /// Has what `write` appends written. Says whether it was, in time.
    fn write(
        &mut self,
        write: &mut dyn FnMut(&mut Vec<u8>),
        job: fn(Vec<u8>) -> Job,
        is_final: bool,
        wait: Duration,
    ) -> bool {
        let end = beats::now() + wait;
        if self.is_busy && !self.wait(if is_final { wait } else { Duration::ZERO }) {
            return false;
        }
        let mut bytes = vec![VERSION, u8::from(is_final)];
        bytes.extend(self.number.to_le_bytes());
        write(&mut bytes);
        self.is_busy = self.jobs.try_send(job(bytes)).is_ok();
        self.is_busy && self.wait(end.saturating_duration_since(beats::now()))
    }

    /// Waits until the last one is written.
    fn wait(&mut self, time: Duration) -> bool {
        let is_done = self.done.recv_timeout(time).is_ok();
        self.is_busy &= !is_done;
        is_done
    }
}

impl Found {
    /// What a process left that ended so.
    fn of(payload: Option<Vec<u8>>, previous: &Previous) -> Self {
        let Some(mut payload) = payload else { return Self::Nothing };
        let Some((&[version, is_final, ref number @ ..], _)) = payload.split_first_chunk::<HEAD>()
        else {
            return Self::Damaged;
        };
        if version > VERSION {
            return Self::Newer;
        }
        let number = u64::from_le_bytes(*number);
        let is_last = match previous {
            Previous::None => is_final == 1,
            Previous::Killed { counters, .. } => {
                counters.first().is_some_and(|shown| number >= *shown)
            }
            Previous::PowerLost | Previous::Unknown => false,
        };
        payload.drain(..HEAD);
        match is_last {
            true => Self::Totals(payload, number),
            false => Self::Behind,
        }
    }
}

impl Standing {
    /// What there is to tell.
    pub(crate) fn named(&self, mut emit: impl FnMut(&str, &str, u64)) {
        if let Some(found) = self.0.found.get() {
            emit("totals.restored.", found, 1);
        }
        let failures = self.0.failures.load(Ordering::Relaxed);
        if failures > 0 {
            emit("totals.failures", "", failures);
        }
    }

    /// Counts a failure, and says the first one in the log.
    fn fail(&self, sink: &str, text: &str) {
        if self.0.failures.fetch_add(1, Ordering::Relaxed) == 0 {
            log::warn!("sink {sink}: totals: {text}");
        }
    }
}

/// The thread that writes, so that nobody waits for a disk that hangs.
fn write(
    jobs: &Receiver<Job>,
    done: &SyncSender<()>,
    mut slots: Slots,
    sink: &str,
    standing: &Standing,
) {
    while let Ok(job) = jobs.recv() {
        let is_last = matches!(job, Job::End(_));
        let (Job::Write(bytes) | Job::End(bytes)) = job;
        // The last one stands in both, so that either may be damaged.
        for _ in 0..=u8::from(is_last) {
            if let Err(error) = slots.write(&SystemDisk, &bytes, is_last) {
                standing.fail(sink, &format!("cannot write them: {error}"));
            }
        }
        // Its room is for others now.
        drop(bytes);
        done.send(()).ok();
    }
}

#[cfg(test)]
mod tests;
