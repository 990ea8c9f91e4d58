//! Sockets that systemd has opened for us (`sd_listen_fds(3)`): they are there from the
//! descriptor 3 on, and variables say how many, and what they are called.
#![expect(unsafe_code, reason = "to own a descriptor that was there from the start")]

use std::env;
use std::io;
use std::os::fd::{BorrowedFd, FromRawFd as _, OwnedFd, RawFd};
use std::sync::OnceLock;

use nix::fcntl::{FcntlArg, FdFlag, fcntl};

/// The first descriptor: `SD_LISTEN_FDS_START`.
const FIRST: RawFd = 3;
/// What a socket without a name is called.
const NAMELESS: &str = "unknown";
/// What sockets of ours are called that systemd keeps for the process after this one.
pub(crate) const KEPT: &str = "gstatsd-kept";

/// A socket that was passed.
struct Passed {
    name: String,
    socket: OwnedFd,
}

/// The names of the sockets that were passed, in their order. A name may come more than once.
pub(crate) fn passed_names() -> impl Iterator<Item = &'static str> {
    passed().iter().map(|passed| passed.name.as_str()).filter(|name| *name != KEPT)
}

/// The sockets that a process before this one was passed, in place of those that this one was.
/// Without effect when these were asked for already.
pub(crate) fn inherit_passed(sockets: Vec<(String, OwnedFd)>) {
    let passed = sockets.into_iter().map(|(name, socket)| Passed { name, socket });
    PASSED.set(passed.collect()).ok();
}

/// The sockets of a name: further descriptors of them, so that they can be asked for again.
///
/// # Errors
/// The system has no descriptor left.
pub(crate) fn passed_sockets(name: &str) -> io::Result<Vec<OwnedFd>> {
    let of_name = passed().iter().filter(|passed| passed.name == name);
    of_name.map(|passed| passed.socket.try_clone()).collect()
}

/// All that were passed.
static PASSED: OnceLock<Vec<Passed>> = OnceLock::new();

/// They are taken over when this is first called, before there is a thread.
fn passed() -> &'static [Passed] {
    PASSED.get_or_init(|| {
        let variable = |name: &str| env::var(name).ok();
        let names = names(std::process::id(), variable);
        (FIRST..).zip(names).filter_map(|(fd, name)| take_over(fd, name)).collect()
    })
}

/// The names of what was passed to this process.
fn names(pid: u32, variable: impl Fn(&str) -> Option<String>) -> Vec<String> {
    let number = |name: &str| variable(name)?.parse::<usize>().ok();
    // They may have been meant for a parent of ours.
    let is_ours = number("LISTEN_PID").is_some_and(|to| u32::try_from(to) == Ok(pid));
    let count = number("LISTEN_FDS").filter(|_| is_ours).unwrap_or(0);
    let given = variable("LISTEN_FDNAMES").unwrap_or_default();
    let given = given.split(':').filter(|name| !name.is_empty()).map(str::to_owned);
    given.chain(std::iter::repeat(NAMELESS.to_owned())).take(count).collect()
}

/// Owns a descriptor; `None` where there is none of this number.
fn take_over(fd: RawFd, name: String) -> Option<Passed> {
    // SAFETY: it is only asked whether there is such a descriptor, which is an error if not.
    let found = unsafe { BorrowedFd::borrow_raw(fd) };
    // Nobody whom we start shall have it.
    fcntl(found, FcntlArg::F_SETFD(FdFlag::FD_CLOEXEC)).ok()?;
    // SAFETY: it is open, as was just seen, and was passed to us to own: whoever started us says
    // so by the variables, and nothing of ours was opened before with one of these numbers.
    let socket = unsafe { OwnedFd::from_raw_fd(fd) };
    Some(Passed { name, socket })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Vec<String> {
        names(7, |name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn sockets_are_known_by_their_names_if_they_are_for_us() {
        let ours = [("LISTEN_PID", "7"), ("LISTEN_FDS", "3"), ("LISTEN_FDNAMES", "a:b:a")];
        assert_eq!(of(&ours), ["a", "b", "a"]);
        assert_eq!(of(&ours[..2]), ["unknown"; 3]);
        assert_eq!(of(&[ours[0], ours[1], ("LISTEN_FDNAMES", "a")]), ["a", "unknown", "unknown"]);
        assert_eq!(of(&[("LISTEN_PID", "8"), ours[1]]), [""; 0]);
        assert_eq!(of(&ours[1..]), [""; 0]);
        assert_eq!(of(&[ours[0], ("LISTEN_FDS", "x")]), [""; 0]);
        assert_eq!(of(&[]), [""; 0]);
    }
}
