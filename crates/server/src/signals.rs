//! What signals ask for.

use std::io;

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2};
use signal_hook::iterator::Signals as Delivered;

/// What a signal asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// SIGHUP: open the log file again, and read the configuration again.
    Reload,
    /// SIGUSR1: say in the log how the books stood at the last flush.
    Tell,
    /// SIGUSR2: start the next process, and hand everything over to it.
    HandOver,
    /// SIGTERM or SIGINT: end, and lose nothing.
    Stop,
}

/// The signals of the process, from now on.
pub(crate) struct Signals(Delivered);

impl Signals {
    /// Takes the signals over.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn take_over() -> io::Result<Self> {
        Delivered::new([SIGHUP, SIGINT, SIGTERM, SIGUSR1, SIGUSR2]).map(Self)
    }

    /// Waits for the next signal.
    pub(crate) fn wait(&mut self) -> Request {
        match self.0.forever().next() {
            Some(SIGHUP) => Request::Reload,
            Some(SIGUSR1) => Request::Tell,
            Some(SIGUSR2) => Request::HandOver,
            _ => Request::Stop,
        }
    }
}
