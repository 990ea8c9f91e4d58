//! Where log lines go: standard error, a file, or the system's log.
//!
//! Once the daemon runs, a thread of its own writes them: a log that takes nothing, as a pipe that
//! nobody reads, holds up nobody. What finds its queue full is dropped, and counted.

mod output;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};
use std::{io, thread};

use log::{Level, LevelFilter, Log, Metadata, Record};

use self::output::Output;
use crate::clock;
use crate::config::LogTarget;

/// How many lines wait to be written at most.
const LINES_MAX: usize = 4_096;
/// How long the end waits until they are written.
const END_MAX: Duration = Duration::from_secs(1);

/// How many lines were dropped since the start, as they found too many waiting.
static DROPPED: AtomicU64 = AtomicU64::new(0);

/// The log of the process.
pub(crate) struct Logger {
    /// A [`LevelFilter`] as a number.
    level: AtomicUsize,
    output: Mutex<Output>,
    /// What is to be done before the next line is written, in this order.
    next: Mutex<Next>,
    /// Where lines wait for the thread that writes them, once there is one.
    waiting: OnceLock<SyncSender<Message>>,
}

/// What is to be done with the output. It stands beside the queue, which may be full for ever.
#[derive(Default)]
struct Next {
    output: Option<Output>,
    reopen: bool,
}

enum Message {
    Line(Level, SystemTime, String),
    /// Something is in [`Next`].
    Look,
    /// All before it was written, once this is dropped.
    End {
        _written: SyncSender<()>,
    },
}

/// Waits when it is dropped, for a moment, until what was logged is written.
pub(crate) struct Writing(&'static Logger);

/// How many lines were dropped since the start.
pub(crate) fn lines_dropped() -> u64 {
    DROPPED.load(Ordering::Relaxed)
}

impl Logger {
    /// Opens the log, and does not yet log.
    ///
    /// # Errors
    /// The file cannot be opened, or there is no system log.
    pub(crate) fn open(target: &LogTarget, level: LevelFilter) -> anyhow::Result<Self> {
        Ok(Self {
            level: AtomicUsize::new(level as usize),
            output: Mutex::new(Output::open(target)?),
            next: Mutex::default(),
            waiting: OnceLock::new(),
        })
    }

    /// Makes this the log of the process, for as long as it lives. Lines are written at once.
    pub(crate) fn install(self) -> &'static Self {
        let logger: &'static Self = Box::leak(Box::new(self));
        logger.tell_level();
        // Fails only when there is a log already, and then that one goes on.
        log::set_logger(logger).ok();
        logger
    }

    /// From now on a thread writes the lines.
    ///
    /// # Errors
    /// There can be no thread.
    pub(crate) fn write_apart(&'static self) -> io::Result<Writing> {
        let (lines, queue) = sync_channel(LINES_MAX);
        thread::Builder::new().name("log".to_owned()).spawn(move || self.write_all(&queue))?;
        self.waiting.set(lines).ok();
        Ok(Writing(self))
    }

    /// Goes on as another log, which was opened and not installed.
    pub(crate) fn become_as(&self, other: Self) {
        self.level.store(other.level.into_inner(), Ordering::Relaxed);
        self.tell_level();
        let output = other.output.into_inner().unwrap_or_else(PoisonError::into_inner);
        lock(&self.next).output = Some(output);
        self.look();
    }

    /// Opens the file again, after it was moved away, and says so in it. Where that fails the old
    /// one is kept. A log that is no file stays as it is.
    pub(crate) fn reopen(&self) {
        lock(&self.next).reopen = true;
        self.look();
    }

    /// Spares the others to make lines that nobody wants.
    fn tell_level(&self) {
        let level = self.level.load(Ordering::Relaxed);
        let of_number = LevelFilter::iter().find(|filter| *filter as usize == level);
        log::set_max_level(of_number.unwrap_or(LevelFilter::Trace));
    }

    fn look(&self) {
        match self.waiting.get() {
            // Where it is full, the thread looks before the next line.
            Some(waiting) => drop(waiting.try_send(Message::Look)),
            None => self.prepare(&mut lock(&self.output)),
        }
    }

    /// The thread that writes.
    fn write_all(&self, queue: &Receiver<Message>) {
        let mut told = 0;
        while let Ok(message) = queue.recv() {
            let mut output = lock(&self.output);
            self.prepare(&mut output);
            if let Message::Line(level, time, line) = message {
                output.write(level, time, format_args!("{line}"));
            }
            let dropped = lines_dropped();
            if dropped > told {
                let lines = format_args!("{} lines of this log were dropped", dropped - told);
                output.write(Level::Warn, clock::wall(), lines);
                told = dropped;
            }
        }
    }

    fn prepare(&self, output: &mut Output) {
        let Next { output: other, reopen } = std::mem::take(&mut *lock(&self.next));
        if let Some(other) = other {
            *output = other;
        }
        if reopen {
            output.reopen(clock::wall());
        }
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() as usize <= self.level.load(Ordering::Relaxed)
    }

    fn log(&self, record: &Record<'_>) {
        if !self.enabled(record.metadata()) {
            return;
        }
        let time = clock::wall();
        match self.waiting.get() {
            Some(waiting) => {
                let line = Message::Line(record.level(), time, record.args().to_string());
                if waiting.try_send(line).is_err() {
                    DROPPED.fetch_add(1, Ordering::Relaxed);
                }
            }
            None => lock(&self.output).write(record.level(), time, *record.args()),
        }
    }

    fn flush(&self) {}
}

impl Drop for Writing {
    fn drop(&mut self) {
        let Some(waiting) = self.0.waiting.get() else { return };
        let (written, is_written) = sync_channel(0);
        // A queue that is full for so long is one that nobody reads.
        let end = clock::now() + END_MAX;
        let mut message = Message::End { _written: written };
        while let Err(TrySendError::Full(again)) = waiting.try_send(message) {
            if clock::now() >= end {
                return;
            }
            message = again;
            thread::sleep(END_MAX / 100);
        }
        is_written.recv_timeout(end.saturating_duration_since(clock::now())).ok();
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // A panic of another thread ends the process.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn a_moved_file_is_opened_again() {
        let folder = std::env::temp_dir().join(format!("gstatsd-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, moved) = (folder.join("log"), folder.join("log.1"));
        let target = LogTarget::File(path.clone());
        let logger = Logger::open(&target, LevelFilter::Info).unwrap();
        let log = |level: Level, line: &str| {
            logger.log(&Record::builder().level(level).args(format_args!("{line}")).build());
        };
        log(Level::Info, "one");
        log(Level::Debug, "too much");
        std::fs::rename(&path, &moved).unwrap();
        log(Level::Info, "two");
        logger.reopen();
        log(Level::Warn, "three");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(&moved).matches('\n').count(), 2);
        assert!(read(&moved).ends_with("INFO  two\n"));
        assert!(read(&path).ends_with("WARN  three\n"));
        std::fs::remove_dir_all(&folder).unwrap();
    }
}
