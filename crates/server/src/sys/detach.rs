//! Turns the process into a daemon: `-D`.
#![expect(unsafe_code, reason = "fork is unsafe in a process that may have threads")]

use std::fs::File;
use std::io::{self, Read as _, Write as _};
use std::os::fd::AsFd as _;

use nix::sys::stat::{Mode, umask};
use nix::unistd::{ForkResult, chdir, dup2_stderr, dup2_stdin, dup2_stdout, fork, pipe, setsid};

/// Which of the two processes this is.
pub(crate) enum Detached {
    /// The one that was started: the daemon runs, or it could not start and has said why.
    Starter {
        /// Whether the daemon runs.
        started: bool,
    },
    /// The daemon. It still has the terminal, to say what goes wrong, until it is ready.
    Daemon(Ready),
}

/// The daemon's side of the wait of the process that was started.
pub(crate) struct Ready(File);

/// Goes on as a session of its own, in `/`, with the umask 027 of the original. The process that
/// was started waits until the daemon is ready or has ended. Must be called before the first
/// thread starts.
///
/// # Errors
/// The system cannot fork.
pub(crate) fn detach() -> io::Result<Detached> {
    let (reader, writer) = pipe()?;
    // SAFETY: no thread was started yet, so the child may do whatever the parent might.
    if let ForkResult::Parent { .. } = unsafe { fork() }? {
        drop(writer);
        let mut said = Vec::new();
        File::from(reader).read_to_end(&mut said)?;
        return Ok(Detached::Starter { started: said == READY });
    }
    drop(reader);
    setsid()?;
    // A second time, so that the daemon is no session leader and cannot get a terminal.
    // SAFETY: as above.
    if let ForkResult::Parent { .. } = unsafe { fork() }? {
        // SAFETY: ends this process at once; what it holds belongs to the daemon now, so no
        // destructor may run.
        unsafe { libc::_exit(0) };
    }
    umask(Mode::from_bits_truncate(0o027));
    chdir("/")?;
    Ok(Detached::Daemon(Ready(File::from(writer))))
}

/// What the daemon says when it is ready.
const READY: &[u8] = b"ready";

impl Ready {
    /// Lets go of the terminal, and lets the process that was started end well.
    ///
    /// # Errors
    /// `/dev/null` cannot be opened.
    pub(crate) fn tell(mut self) -> io::Result<()> {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        dup2_stdin(null.as_fd())?;
        dup2_stdout(null.as_fd())?;
        dup2_stderr(null.as_fd())?;
        self.0.write_all(READY)
    }
}
