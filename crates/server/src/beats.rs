//! Whether the stages advance: each says when it does, and whoever asks is told which do not.
//!
//! A thread that is stuck is as bad as one that has ended, and nothing else tells. A stage that
//! has nothing to do wakes once in a second to say so.

use std::cell::RefCell;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::{clock, hooks};

/// How long a stage may wait for something to do before it says that it is alive.
pub(crate) const WAIT_MAX: Duration = Duration::from_secs(1);

/// The stages that run. A clone is the same.
#[derive(Clone, Debug)]
pub(crate) struct Beats {
    start: Instant,
    stages: Arc<Mutex<Vec<Arc<Stage>>>>,
}

/// What a stage says that it advances with. The stage is gone when this is.
#[derive(Debug)]
pub(crate) struct Beat {
    beats: Beats,
    stage: Arc<Stage>,
}

#[derive(Debug)]
struct Stage {
    name: String,
    /// When it last advanced, in milliseconds since the start.
    last: AtomicU64,
    /// How long it may take to advance.
    patience: Duration,
}

thread_local! {
    /// That of the stage that this thread is, where it reads the clock with [`now`].
    static OF_THREAD: RefCell<Option<Beat>> = const { RefCell::new(None) };
}

/// The monotonic clock. A stage that reads it advances.
pub(crate) fn now() -> Instant {
    let now = clock::now();
    OF_THREAD.with_borrow(|beat| {
        if let Some(beat) = beat {
            beat.advance(now);
        }
    });
    now
}

impl Beats {
    /// No stage yet.
    pub(crate) fn new() -> Self {
        Self { start: clock::now(), stages: Arc::default() }
    }

    /// One more stage, which takes no longer than that from one step to the next unless it is
    /// stuck.
    pub(crate) fn stage(&self, name: &str, patience: Duration) -> Beat {
        let last = AtomicU64::new(self.milliseconds(clock::now()));
        let (name, patience) = (name.to_owned(), hooks::patience(patience));
        let stage = Arc::new(Stage { name, last, patience });
        self.lock().push(Arc::clone(&stage));
        Beat { beats: self.clone(), stage }
    }

    /// The names of the stages that should have advanced by now.
    pub(crate) fn stuck(&self, now: Instant) -> Vec<String> {
        let stages = self.lock();
        let stuck = stages.iter().filter(|stage| {
            let last = Duration::from_millis(stage.last.load(Ordering::Relaxed));
            now.saturating_duration_since(self.start + last) > stage.patience
        });
        stuck.map(|stage| stage.name.clone()).collect()
    }

    fn milliseconds(&self, now: Instant) -> u64 {
        let since = now.saturating_duration_since(self.start).as_millis();
        u64::try_from(since).unwrap_or(u64::MAX)
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Arc<Stage>>> {
        // A panic of another thread ends the process.
        self.stages.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Beat {
    /// The stage has come here at this time.
    pub(crate) fn advance(&self, now: Instant) {
        hooks::reach(&self.stage.name);
        self.stage.last.store(self.beats.milliseconds(now), Ordering::Relaxed);
    }

    /// From now on the stage advances when this thread reads the clock with [`now`].
    pub(crate) fn follow_clock(self) {
        OF_THREAD.set(Some(self));
    }
}

impl Drop for Beat {
    fn drop(&mut self) {
        self.beats.lock().retain(|stage| !Arc::ptr_eq(stage, &self.stage));
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn a_stage_is_stuck_when_it_has_not_advanced_for_longer_than_it_may() {
        let beats = Beats::new();
        let start = clock::now();
        let (patient, other) = (beats.stage("patient", 60 * SECOND), beats.stage("other", SECOND));
        assert_eq!(beats.stuck(start + SECOND / 2), [""; 0]);
        let later = start + 10 * SECOND;
        assert_eq!(beats.stuck(later), ["other"]);
        other.advance(later);
        assert_eq!(beats.stuck(later + SECOND / 2), [""; 0]);
        assert_eq!(beats.stuck(start + 100 * SECOND), ["patient", "other"]);
        drop(patient);
        assert_eq!(beats.stuck(start + 100 * SECOND), ["other"]);
    }

    #[test]
    fn who_reads_the_clock_advances_while_its_thread_lives() {
        let beats = Beats::new();
        let stage = beats.stage("sink", Duration::ZERO);
        let stuck = beats.clone();
        thread::spawn(move || {
            stage.follow_clock();
            let later = clock::now() + SECOND;
            thread::sleep(Duration::from_millis(20));
            assert_eq!(stuck.stuck(later), ["sink"]);
            let before = stuck.lock()[0].last.load(Ordering::Relaxed);
            now();
            assert!(stuck.lock()[0].last.load(Ordering::Relaxed) > before);
        })
        .join()
        .unwrap();
        assert_eq!(beats.stuck(clock::now() + SECOND), [""; 0], "its thread has ended");
    }
}
