//! A program beside the daemon: its log goes to a file, and it ends with the test.

use std::fs::{self, File};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::support::PATIENCE;

/// How long a program that is no longer needed may take to end by itself.
const GRACE: Duration = Duration::from_secs(5);
const POLL: Duration = Duration::from_millis(10);

/// A running program.
pub(crate) struct Program {
    child: Child,
    log: String,
}

impl Program {
    /// Starts it, with its output and its errors in the file `log`.
    pub(crate) fn start(command: &mut Command, log: String) -> Self {
        let file = File::create(&log).unwrap();
        command.stdin(Stdio::null()).stdout(file.try_clone().unwrap()).stderr(file);
        let child = command.spawn().unwrap_or_else(|error| {
            panic!("{:?}: {error}; `cargo xtask setup` installs it", command.get_program())
        });
        Self { child, log }
    }

    /// What it has said so far.
    pub(crate) fn log(&self) -> String {
        String::from_utf8_lossy(&fs::read(&self.log).unwrap()).into_owned()
    }

    /// Waits until something is found, as long as the program runs.
    pub(crate) fn wait_until<T>(&mut self, what: &str, found: impl Fn(&str) -> Option<T>) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(found) = found(&self.log()) {
                return found;
            }
            let ended = self.child.try_wait().unwrap();
            assert!(ended.is_none(), "it ended ({ended:?}) before {what}:\n{}", self.log());
            assert!(Instant::now() < end, "no sign of {what}:\n{}", self.log());
            thread::sleep(POLL);
        }
    }

    /// Ends it with SIGTERM.
    pub(crate) fn stop(mut self) {
        self.terminate();
        assert!(self.has_ended_within(PATIENCE), "it does not end:\n{}", self.log());
    }

    fn terminate(&self) {
        let pid = self.child.id().to_string();
        Command::new("kill").args(["-s", "TERM", &pid]).status().ok();
    }

    fn has_ended_within(&mut self, time: Duration) -> bool {
        let end = Instant::now() + time;
        loop {
            if self.child.try_wait().is_ok_and(|status| status.is_some()) {
                return true;
            }
            if Instant::now() > end {
                return false;
            }
            thread::sleep(POLL);
        }
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        if self.has_ended_within(Duration::ZERO) {
            return;
        }
        // Gently first: it may have children, which it alone knows.
        self.terminate();
        if !self.has_ended_within(GRACE) {
            self.child.kill().ok();
            self.child.wait().ok();
        }
    }
}
