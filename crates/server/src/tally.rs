//! How many samples this process has taken and flushed, in a file that outlives it: so the next
//! one can say what a kill has cost.
//!
//! ```text
//! worker   before a batch: begun + 1      after it: samples taken, ended + 1
//! flush    before a flush is handed on: samples handed      after it: samples flushed
//! sink     whenever that changes: what it holds; see [`held`]
//! ```
//!
//! A worker that is killed between the two may have taken up to one batch more. What was being
//! handed on is told as lost here, and perhaps as held by a sink too.

mod held;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use gstatsd_store::{Counting, Disk as _, Page, PageError, Previous, SystemDisk};

pub(crate) use self::held::{Held, Holding};

/// What the counters are, and in which order.
const LAYOUT: &str =
    "flushed, handed, 6 of nothing; of each worker: taken, begun, ended, 5 of nothing";
/// How many counters each worker has, so that no two share a line of memory; the flush has as many.
const STRIDE: usize = 8;
const FLUSHED: usize = 0;
const HANDED: usize = 1;
const TAKEN: usize = 0;
const BEGUN: usize = 1;
const ENDED: usize = 2;
/// The files: while a process hands over to the next, both have one.
const FILES: [&str; 2] = ["accounting", "accounting.next"];

/// What this process counts, and what the one before has lost.
#[derive(Clone)]
pub(crate) struct Tally {
    page: Arc<Page>,
    lost: u64,
}

/// What one worker has taken.
pub(crate) struct Taking {
    page: Arc<Page>,
    place: usize,
    batches: u64,
    /// In the parts that were pushed.
    pushed: u64,
}

/// What a process that was killed has left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Killed {
    taken: u64,
    flushed: u64,
    /// More than that while a flush was being handed on.
    handed: u64,
    /// Whether a worker was killed within a batch.
    within_batch: bool,
}

impl Tally {
    /// Begins to count in this directory, for so many workers; says in the log what the process
    /// before has lost. `None` where that cannot be done, which is told.
    pub(crate) fn open(dir: &Path, workers: usize) -> Option<Self> {
        let counters = STRIDE * (workers + 1);
        let run = u64::from(std::process::id());
        let counting = Counting { boot_id: boot_id(), run, layout: LAYOUT, counters, first: 0 };
        // What is wrong with it the files say.
        SystemDisk.create_dir(dir).ok();
        let mut lost = 0_u64;
        let files = FILES.map(|file| dir.join(file));
        let page = open_first(&files, &counting, |previous| {
            lost = lost.saturating_add(tell(previous));
        })?;
        Some(Self { page: Arc::new(page), lost })
    }

    /// What a worker counts with; they are numbered from 0.
    pub(crate) fn taking(&self, worker: usize) -> Taking {
        let (page, place) = (Arc::clone(&self.page), STRIDE * (worker + 1));
        Taking { page, place, batches: 0, pushed: 0 }
    }

    /// So many samples since the start are on their way to the sinks.
    pub(crate) fn hand_on(&self, samples: u64) {
        self.page.counter(HANDED).store(samples, Ordering::Release);
    }

    /// So many samples were flushed since the start.
    pub(crate) fn flushed(&self, samples: u64) {
        self.page.counter(FLUSHED).store(samples, Ordering::Release);
    }

    /// The process ends in order.
    pub(crate) fn end(&self) {
        self.page.end();
    }

    /// How many samples the processes before have lost that were killed.
    pub(crate) fn lost(&self) -> u64 {
        self.lost
    }
}

impl Taking {
    /// A batch begins.
    pub(crate) fn begin(&mut self) {
        self.batches += 1;
        self.store(BEGUN, self.batches);
    }

    /// It has ended, with so many samples in the part.
    pub(crate) fn end(&mut self, in_part: u64) {
        self.store(TAKEN, self.pushed + in_part);
        // Whoever sees this sees the samples too.
        self.page.counter(self.place + ENDED).store(self.batches, Ordering::Release);
    }

    /// A part with so many samples is pushed.
    pub(crate) fn push(&mut self, samples: u64) {
        self.pushed += samples;
    }

    fn store(&self, counter: usize, value: u64) {
        self.page.counter(self.place + counter).store(value, Ordering::Relaxed);
    }
}

impl Killed {
    fn of(counters: &[u64]) -> Self {
        let workers = || counters.chunks_exact(STRIDE).skip(1);
        Self {
            taken: workers().map(|worker| worker[TAKEN]).fold(0, u64::saturating_add),
            flushed: counters.get(FLUSHED).copied().unwrap_or(0),
            handed: counters.get(HANDED).copied().unwrap_or(0),
            within_batch: workers().any(|worker| worker[BEGUN] != worker[ENDED]),
        }
    }

    fn lost(self) -> u64 {
        self.taken.saturating_sub(self.flushed)
    }
}

/// Opens the first of these files that no other process has, and reads what stands in the others.
/// What cannot be opened is told.
fn open_first(
    files: &[PathBuf],
    counting: &Counting<'_>,
    mut found: impl FnMut(&Previous),
) -> Option<Page> {
    let mut first: Option<Page> = None;
    for file in files {
        match Page::open(&SystemDisk, file, counting) {
            Ok((page, previous)) => {
                found(&previous);
                match first {
                    // Nobody counts in this one, and what stood there is told.
                    Some(_) => page.end(),
                    None => first = Some(page),
                }
            }
            Err(PageError::Locked(_)) => {}
            Err(error) => {
                let error = anyhow::Error::new(error);
                log::warn!("{error:#}: a kill will leave no trace");
            }
        }
    }
    first
}

/// Says in the log what became of the process before. Gives how many samples it has lost.
fn tell(previous: &Previous) -> u64 {
    match previous {
        Previous::None => 0,
        Previous::Killed { run, counters } => {
            let killed = Killed::of(counters);
            let Killed { taken, flushed, handed, within_batch } = killed;
            let lost = killed.lost();
            let more = if within_batch { ", or up to one receive batch more" } else { "" };
            let handed = match handed.saturating_sub(flushed) {
                0 => String::new(),
                samples => format!("; {samples} of them were on their way to the sinks"),
            };
            log::warn!(
                "the process before, {run}, was killed: of {taken} samples that it had taken it \
                 flushed {flushed}, so {lost} are lost{more}{handed}"
            );
            lost
        }
        Previous::PowerLost => {
            log::warn!("the machine went down with the process before: what it lost is not known");
            0
        }
        Previous::Unknown => {
            log::warn!("the counts of the process before cannot be read");
            0
        }
    }
}

/// Which boot of the system this is; zeros where that is not told.
pub(crate) fn boot_id() -> [u8; 16] {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let digits = text.trim().replace('-', "");
    u128::from_str_radix(&digits, 16).unwrap_or(0).to_be_bytes()
}

/// Any bytes are read as what a killed process has left: its samples, and what a sink held.
pub(crate) fn fuzz(bytes: &[u8]) {
    let counting = Counting { boot_id: [7; 16], run: 1, layout: LAYOUT, counters: 16, first: 0 };
    let Some(counters) = gstatsd_store::fuzz_page(bytes, &counting) else { return };
    let killed = Killed::of(&counters);
    assert!(killed.lost() <= killed.taken);
    held::fuzz(&counters);
    tell(&Previous::Killed { run: 1, counters });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_taken_and_not_flushed_is_lost() {
        let killed = |counters: &[u64]| {
            let killed = Killed::of(counters);
            (killed.lost(), killed.within_batch)
        };
        let flush = [70, 0, 0, 0, 0, 0, 0, 0];
        let worker = |taken, begun, ended| [taken, begun, ended, 0, 0, 0, 0, 0];
        assert_eq!(killed(&[]), (0, false));
        assert_eq!(killed(&[flush, worker(50, 3, 3), worker(30, 9, 9)].concat()), (10, false));
        assert_eq!(killed(&[flush, worker(50, 3, 3), worker(30, 9, 8)].concat()), (10, true));
        assert_eq!(killed(&[flush, worker(u64::MAX, 1, 1)].concat()), (u64::MAX - 70, false));
        assert_eq!(killed(&[flush, worker(0, 1, 1)].concat()), (0, false));
    }
}
