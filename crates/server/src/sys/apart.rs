//! A process beside this one, which does one thing and ends.
#![expect(unsafe_code, reason = "fork is unsafe in a process that may have threads")]

use std::ffi::{CStr, c_int};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd as _, AsRawFd as _, OwnedFd};

use nix::sys::prctl::set_name;
use nix::unistd::{ForkResult, dup2_stderr, dup2_stdin, dup2_stdout, fork};

use super::descriptors::numbers;

/// What it has of our standard input, output and error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stdio {
    /// The same.
    Ours,
    /// `/dev/null`.
    Nothing,
}

/// What is meant for the daemon and is often sent to all that is called so.
const SIGNALS: [c_int; 5] =
    [libc::SIGHUP, libc::SIGINT, libc::SIGTERM, libc::SIGUSR1, libc::SIGUSR2];

/// Runs this in a process of its own, which has nothing of ours but the descriptor that is kept,
/// passes over signals that are meant for the daemon, and ends then. Must be called before the
/// first thread starts.
///
/// # Errors
/// The system can start no process.
pub(crate) fn run_apart(
    name: &CStr,
    kept: &OwnedFd,
    stdio: Stdio,
    run: impl FnOnce(),
) -> io::Result<()> {
    // SAFETY: no thread was started yet, so the child may do whatever the parent might.
    if let ForkResult::Parent { .. } = unsafe { fork() }? {
        return Ok(());
    }
    set_name(name).ok();
    if be_alone(kept, stdio).is_ok() {
        run();
    }
    // SAFETY: ends this process at once; what it holds belongs to its parent, so no destructor
    // may run.
    unsafe { libc::_exit(0) };
}

/// Lets go of what belongs to the parent.
fn be_alone(kept: &OwnedFd, stdio: Stdio) -> io::Result<()> {
    for signal in SIGNALS {
        // Not ignored, which a program that is started then would do too.
        let handler: extern "C" fn(c_int) = pass_over;
        // SAFETY: the handler does nothing.
        unsafe { libc::signal(signal, handler as libc::sighandler_t) };
    }
    for number in numbers().into_iter().filter(|number| *number > libc::STDERR_FILENO) {
        if number != kept.as_raw_fd() {
            // SAFETY: this process never uses it, and ends without closing what it has.
            unsafe { libc::close(number) };
        }
    }
    if stdio == Stdio::Nothing {
        let null = File::options().read(true).write(true).open("/dev/null")?;
        dup2_stdin(null.as_fd())?;
        dup2_stdout(null.as_fd())?;
        dup2_stderr(null.as_fd())?;
    }
    Ok(())
}

extern "C" fn pass_over(_signal: c_int) {}
