//! What outlives the process beside the spools: the open interval, the gauges, the clock.
//!
//! ```text
//! each flush   gauges, timestamp   a thread of its own writes them
//! the end      the open interval, whole: the next process makes one point of it, not two
//! ```

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use gstatsd_aggregate::{DecodeError, IdlePolicy, Merger, Snapshot, Window};
use gstatsd_store::{Disk as _, Restored, Slots, SystemDisk};

use crate::clock::Timestamps;

const VERSION: u8 = 1;
/// The largest state, in bytes.
const BYTES_MAX: usize = 256 << 20;
/// The bytes before the snapshot: version, whether it is the open interval.
const HEAD: usize = 2;

/// Keeps the state of a process, and finds that of the one before.
pub(crate) struct Keeping {
    dir: PathBuf,
    open: Option<Open>,
    /// How the state before was found.
    found: Option<Restored>,
    failures: Arc<AtomicU64>,
    mentioned: bool,
}

/// What one process left to the next.
pub(crate) struct Left {
    /// The gauges, and all of the interval where that was open.
    pub(crate) snapshot: Snapshot,
    /// Whether the interval was open, so that none of it was sent.
    pub(crate) is_open: bool,
}

impl Left {
    /// The open interval as bytes, for a process that takes over.
    pub(crate) fn bytes(snapshot: &Snapshot) -> Vec<u8> {
        encoded(snapshot, true)
    }

    /// What another process has left; `None` where it cannot be read.
    pub(crate) fn read(bytes: &[u8]) -> Option<Self> {
        decode(bytes).ok()
    }
}

/// The thread that writes.
struct Open {
    jobs: SyncSender<Arc<Snapshot>>,
    thread: JoinHandle<Slots>,
    /// Keeps the lock.
    lock: File,
}

impl Keeping {
    /// Keeps the state in this directory.
    pub(crate) fn new(dir: PathBuf) -> Self {
        let failures = Arc::new(AtomicU64::new(0));
        Self { dir, open: None, found: None, failures, mentioned: false }
    }

    /// What the process before left, once nobody else has it any more. Asked at each flush.
    pub(crate) fn begin(&mut self) -> Option<Left> {
        if self.open.is_some() {
            return None;
        }
        match open(&self.dir, &self.failures) {
            Ok((open, found, left)) => {
                log::info!("state: {} in {}", found.word(), self.dir.display());
                self.found = Some(found);
                self.open = Some(open);
                left
            }
            Err(error) => {
                self.failures.fetch_add(1, Ordering::Relaxed);
                if !std::mem::replace(&mut self.mentioned, true) {
                    log::warn!("state: {error:#}: nothing is kept until that is over");
                }
                None
            }
        }
    }

    /// Has the gauges of a snapshot written, unless the disk is still busy with earlier ones.
    pub(crate) fn keep(&self, snapshot: &Arc<Snapshot>) {
        if let Some(Open { jobs, .. }) = &self.open {
            jobs.try_send(Arc::clone(snapshot)).ok();
        }
    }

    /// Writes the open interval at the end. Says whether it is on the disk.
    pub(crate) fn end(&mut self, snapshot: &Snapshot) -> bool {
        let Some(Open { jobs, thread, lock }) = self.open.take() else { return false };
        drop(jobs);
        let Ok(mut slots) = thread.join() else { return false };
        let written = slots.write(&SystemDisk, &encoded(snapshot, true), true);
        if let Err(error) = &written {
            log::warn!("state: cannot write the open interval: {error}");
        }
        // From now on another process may read it.
        drop(lock);
        written.is_ok()
    }

    /// What it tells of itself.
    pub(crate) fn named(&self, mut emit: impl FnMut(&str, u64)) {
        if let Some(found) = self.found {
            emit(&format!("state.restored.{}", found.word()), 1);
        }
        let failures = self.failures.load(Ordering::Relaxed);
        if failures > 0 {
            emit("state.failures", failures);
        }
    }
}

fn open(dir: &Path, failures: &Arc<AtomicU64>) -> anyhow::Result<(Open, Restored, Option<Left>)> {
    let shown = dir.display();
    SystemDisk.create_dir(dir).with_context(|| format!("cannot make {shown}"))?;
    let lock =
        SystemDisk.open(&dir.join("lock")).with_context(|| format!("cannot open {shown}"))?;
    let is_ours = SystemDisk.lock(&lock).with_context(|| format!("cannot lock {shown}"))?;
    ensure!(is_ours, "{shown} is in use by another process");
    let (mut slots, found, bytes) = Slots::open(&SystemDisk, dir, "state", BYTES_MAX);
    let (found, left) = match bytes.as_deref().map(decode) {
        Some(Ok(left)) => (found, Some(left)),
        // Whoever goes back to that version finds it there.
        Some(Err(DecodeError::Version(_))) => {
            slots.quarantine(&SystemDisk).with_context(|| format!("cannot clear {shown}"))?;
            (Restored::Newer, None)
        }
        Some(Err(_)) => (Restored::Damaged, None),
        None => (found, None),
    };
    let (jobs, inbox) = sync_channel(1);
    let failures = Arc::clone(failures);
    let thread = thread::Builder::new().name("state".to_owned());
    let thread = thread.spawn(move || write(&inbox, slots, &failures))?;
    Ok((Open { jobs, thread, lock }, found, left))
}

fn write(inbox: &Receiver<Arc<Snapshot>>, mut slots: Slots, failures: &AtomicU64) -> Slots {
    while let Ok(snapshot) = inbox.recv() {
        let bytes = encoded(&snapshot.gauges_only(), false);
        if let Err(error) = slots.write(&SystemDisk, &bytes, true)
            && failures.fetch_add(1, Ordering::Relaxed) == 0
        {
            log::warn!("state: cannot write it: {error}");
        }
    }
    slots
}

fn encoded(snapshot: &Snapshot, is_open: bool) -> Vec<u8> {
    let mut bytes = vec![VERSION, u8::from(is_open)];
    snapshot.encode(&mut bytes);
    bytes
}

fn decode(bytes: &[u8]) -> Result<Left, DecodeError> {
    let (head, rest) = bytes.split_at_checked(HEAD).ok_or(DecodeError::Short(bytes.len()))?;
    let is_open = match head {
        [VERSION, 0] => false,
        [VERSION, 1] => true,
        [VERSION, _] => return Err(DecodeError::Value(1)),
        [version, ..] => return Err(DecodeError::Version(*version)),
        [] => return Err(DecodeError::Short(0)),
    };
    Ok(Left { snapshot: Snapshot::decode(rest)?, is_open })
}

/// Any bytes are read as the two files of a state; where they are one, a process goes on with it.
pub(crate) fn fuzz(bytes: &[u8]) {
    let Some(bytes) = gstatsd_store::fuzz_slots(bytes) else { return };
    let Ok(Left { snapshot, is_open }) = decode(&bytes) else { return };
    assert!(decode(&encoded(&snapshot, is_open)).is_ok_and(|same| same.is_open == is_open));
    assert!(decode(&encoded(&snapshot.gauges_only(), false)).is_ok());
    let mut timestamps = Timestamps::new(Duration::from_secs(10));
    let now = Duration::from_secs(2_000_000_000);
    timestamps.resume(snapshot.window.timestamp, now);
    let timestamp = timestamps.next(now, Duration::ZERO);
    let mut merger = Merger::new();
    merger.set_idle_policy(IdlePolicy::new(|_| IdlePolicy::FOREVER, Vec::new(), usize::MAX));
    merger.restore_gauges(&snapshot, 3);
    let current = merger.finish(Window { timestamp, seconds: 10.0 }, Vec::new());
    let merged = Snapshot::merged(&snapshot, &current);
    assert_eq!(merged.window.timestamp, timestamp);
    assert!(decode(&encoded(&merged, true)).is_ok(), "what was merged is read again");
}

#[cfg(test)]
mod tests {
    use std::fs;

    use gstatsd_aggregate::Window;

    use super::*;

    #[test]
    fn f79_a_state_of_a_later_version_is_put_aside() {
        let dir = std::env::temp_dir().join(format!("gstatsd-state-{}", std::process::id()));
        let snapshot = Snapshot::new(Window { timestamp: 1, seconds: 1.0 });
        let ours = encoded(&snapshot, true);
        assert!(decode(&ours).is_ok_and(|left| left.is_open));
        for later in
            [[&[VERSION + 1], &ours[1..]].concat(), [&ours[..2], &[9], &ours[3..]].concat()]
        {
            fs::remove_dir_all(&dir).ok();
            SystemDisk.create_dir(&dir).unwrap();
            let (mut slots, ..) = Slots::open(&SystemDisk, &dir, "state", BYTES_MAX);
            slots.write(&SystemDisk, &later, true).unwrap();
            let mut keeping = Keeping::new(dir.clone());
            assert!(keeping.begin().is_none());
            let mut told = Vec::new();
            keeping.named(|name, count| told.push((name.to_owned(), count)));
            assert_eq!(told, [("state.restored.newer_version".to_owned(), 1)]);
            assert!(keeping.end(&snapshot));
            let kept = fs::read(dir.join("quarantine/state.a")).unwrap();
            assert!(kept.ends_with(&later));
        }
        fs::remove_dir_all(&dir).unwrap();
    }

    #[test]
    fn what_is_no_state_is_refused() {
        let ours = encoded(&Snapshot::new(Window { timestamp: 1, seconds: 1.0 }), false);
        assert!(decode(&ours).is_ok_and(|left| !left.is_open));
        assert!(decode(&[&[VERSION, 2], &ours[2..]].concat()).is_err());
        (0..ours.len()).for_each(|cut| assert!(decode(&ours[..cut]).is_err(), "{cut}"));
    }
}
