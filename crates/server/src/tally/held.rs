//! What each sink holds in memory, in a file that outlives the process: so the next one can say
//! what a kill has cost behind the flush.
//!
//! ```text
//! words: which copy holds, 7 of nothing | copy 0, 8 words | copy 1, 8 words
//! ```
//!
//! The copy that does not hold is written, and then it does: so what is read was true at one
//! moment, wherever the process was killed.

use std::path::Path;
use std::sync::atomic::Ordering;

use gstatsd_store::{Counting, Disk as _, Page, Previous, SystemDisk};

/// What the words are, and in which order.
const LAYOUT: &str = "copy, 7 of nothing; 2 copies: emitted, waiting, sending, snapshots, samples, \
                      flushes, 2 of nothing";
const STRIDE: usize = 8;
const WORDS: usize = 6;

/// What a sink has been given, and what of that is in memory alone.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Held {
    /// Points that it was given since the start.
    pub(crate) emitted: u64,
    /// Points that wait in memory.
    pub(crate) waiting: u64,
    /// Points of memory that are being sent: some of them may have arrived.
    pub(crate) sending: u64,
    /// How many snapshots those are of.
    pub(crate) snapshots: u64,
    /// How many samples came in the intervals of these snapshots, where it gets all series.
    pub(crate) samples: u64,
    /// How many flushes are being prepared for it, or gathered: there are no points yet.
    pub(crate) flushes: u64,
}

/// Where a sink says what it holds.
#[derive(Debug)]
pub(crate) struct Holding {
    page: Page,
    copy: u64,
    last: Held,
}

impl Holding {
    /// Begins to say it in this directory; says in the log what the process before has lost, and
    /// gives that. Without a file nothing is said.
    pub(crate) fn open(state: &Path, sink: &str) -> (Option<Self>, Held) {
        let dir = state.join("held");
        // What is wrong with it the files say.
        SystemDisk.create_dir(&dir).ok();
        let counters = STRIDE * 3;
        let run = u64::from(std::process::id());
        let counting =
            Counting { boot_id: super::boot_id(), run, layout: LAYOUT, counters, first: 0 };
        // While a process hands over to the next, both have one.
        let files = [dir.join(sink), dir.join(format!("{sink}.next"))];
        let mut lost = Held::default();
        let page = super::open_first(&files, &counting, |previous| {
            if let Previous::Killed { counters, .. } = previous {
                let held = Held::of(counters);
                held.tell(sink);
                lost.add(&held);
            }
        });
        let holding = page.map(|page| Self { page, copy: 0, last: Held::default() });
        (holding, lost)
    }

    /// This is what it holds now.
    pub(crate) fn store(&mut self, held: Held) {
        if held == self.last {
            return;
        }
        (self.last, self.copy) = (held, 1 - self.copy);
        let place = STRIDE * if self.copy == 0 { 1 } else { 2 };
        for (word, value) in held.words().into_iter().enumerate() {
            self.page.counter(place + word).store(value, Ordering::Relaxed);
        }
        // Whoever sees this sees the others too.
        self.page.counter(0).store(self.copy, Ordering::Release);
    }

    /// The sink ends in order: what it holds still is in the books.
    pub(crate) fn end(&self) {
        self.page.end();
    }
}

impl Held {
    /// Points that a kill costs.
    pub(crate) fn points(&self) -> u64 {
        self.waiting.saturating_add(self.sending)
    }

    /// What a process that was killed has left.
    fn of(counters: &[u64]) -> Self {
        let copy = if counters.first() == Some(&1) { 2 } else { 1 };
        let words = counters.get(STRIDE * copy..).and_then(|rest| rest.first_chunk());
        let [emitted, waiting, sending, snapshots, samples, flushes] =
            words.copied().unwrap_or([0; WORDS]);
        Self { emitted, waiting, sending, snapshots, samples, flushes }
    }

    fn words(&self) -> [u64; WORDS] {
        let Self { emitted, waiting, sending, snapshots, samples, flushes } = *self;
        [emitted, waiting, sending, snapshots, samples, flushes]
    }

    fn add(&mut self, other: &Self) {
        let [ours, theirs] = [self.words(), other.words()];
        let sum = |word: usize| ours[word].saturating_add(theirs[word]);
        let [emitted, waiting, sending, snapshots, samples, flushes] = std::array::from_fn(sum);
        *self = Self { emitted, waiting, sending, snapshots, samples, flushes };
    }

    /// Says in the log what was lost.
    fn tell(&self, sink: &str) {
        let Self { emitted, sending, snapshots, samples, flushes, .. } = *self;
        let lost = self.points();
        // It was killed before it had anything.
        if emitted == 0 && flushes == 0 {
            return;
        }
        let not_given = match flushes {
            0 => String::new(),
            flushes => format!("; {flushes} flushes were not yet given to it"),
        };
        let level = if lost > 0 || flushes > 0 { log::Level::Warn } else { log::Level::Info };
        log::log!(
            level,
            "sink {sink}: of {emitted} points that the process before had for it {lost} are lost, \
             of {snapshots} snapshots with {samples} samples; {sending} of them were being sent, \
             and may have arrived{not_given}"
        );
    }
}

/// Any counters are read as what a sink held.
pub(super) fn fuzz(counters: &[u64]) {
    let held = Held::of(counters);
    held.tell("sink");
    let mut sum = held;
    sum.add(&held);
    assert!(sum.points() >= held.points());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(emitted: u64) -> Held {
        Held { emitted, waiting: 2, sending: 3, snapshots: 4, samples: 5, flushes: 6 }
    }

    #[test]
    fn what_a_killed_process_held_is_told_and_what_another_ended_with_is_not() {
        let dir = std::env::temp_dir().join(format!("gstatsd-held-{}", std::process::id()));
        let open = || Holding::open(&dir, "sink");
        let (mut first, lost) = open();
        assert_eq!(lost, Held::default());
        // One that hands over has its own file, and counts in it.
        let (mut second, lost) = open();
        assert_eq!(lost, Held::default());
        for emitted in 1..4 {
            first.as_mut().unwrap().store(held(emitted));
        }
        second.as_mut().unwrap().store(held(10));
        drop((first, second));
        let (third, lost) = open();
        let both =
            Held { emitted: 13, waiting: 4, sending: 6, snapshots: 8, samples: 10, flushes: 12 };
        assert_eq!((lost, lost.points()), (both, 10));
        third.unwrap().end();
        assert_eq!(open().1, Held::default());
        std::fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn whichever_copy_holds_is_read() {
        let copies = |copy: u64| {
            let mut words = vec![copy, 0, 0, 0, 0, 0, 0, 0];
            words.extend([1, 2, 3, 4, 5, 6, 0, 0]);
            words.extend([9, 2, 3, 4, 5, 6, 0, 0]);
            words
        };
        assert_eq!((Held::of(&copies(0)), Held::of(&copies(1))), (held(1), held(9)));
        assert_eq!(Held::of(&copies(1)[..20]), Held::default());
        assert_eq!(Held::of(&[]), Held::default());
        // No checksum is over the words: any of them may stand there.
        let most = Held::of(&[u64::MAX; 24]);
        most.tell("sink");
        assert_eq!(most.points(), u64::MAX);
    }
}
