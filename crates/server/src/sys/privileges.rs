//! Gives up what a process of root may do, for good.
#![expect(unsafe_code, reason = "no library offers capset")]

use std::io;

use nix::sys::prctl::{set_dumpable, set_no_new_privs};

/// `_LINUX_CAPABILITY_VERSION_3` of `linux/capability.h`.
const VERSION: u32 = 0x2008_0522;
/// As many as a kernel may ever have in that version.
const CAPABILITIES: libc::c_ulong = 64;

#[repr(C)]
struct Header {
    version: u32,
    pid: libc::c_int,
}

#[repr(C)]
#[derive(Clone, Copy, Default, PartialEq)]
struct Sets {
    effective: u32,
    permitted: u32,
    inheritable: u32,
}

/// Asks to be traced by our parent, which a test tries.
///
/// # Errors
/// That is refused.
#[cfg(debug_assertions)]
pub(crate) fn trace_us() -> io::Result<()> {
    // SAFETY: it takes no memory, and a parent that does not trace is not held up by it.
    let result = unsafe { libc::ptrace(libc::PTRACE_TRACEME, 0, 0, 0) };
    if result == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

/// From now on no program that is started has more than this one, nobody reads its memory, and
/// it has no capability.
///
/// # Errors
/// The system refuses.
pub(crate) fn drop_privileges() -> io::Result<()> {
    set_no_new_privs()?;
    set_dumpable(false)?;
    for capability in 0..CAPABILITIES {
        // SAFETY: it takes numbers alone. One that this kernel does not know, or that we may not
        // drop, is an error that changes nothing: without new privileges none can be gained.
        unsafe { libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) };
    }
    let header = Header { version: VERSION, pid: 0 };
    let none = [Sets::default(); 2];
    // SAFETY: both have the layout that version 3 asks for, and live through the call.
    let result = unsafe { libc::syscall(libc::SYS_capset, &raw const header, none.as_ptr()) };
    let failed = io::Error::last_os_error();
    // Who started us may have taken the call away with the capabilities.
    if result == 0 || has_none() { Ok(()) } else { Err(failed) }
}

/// Whether this process has no capability.
fn has_none() -> bool {
    let mut header = Header { version: VERSION, pid: 0 };
    let mut sets = [Sets::default(); 2];
    // SAFETY: both have the layout that version 3 asks for, and live through the call.
    let result = unsafe { libc::syscall(libc::SYS_capget, &raw mut header, sets.as_mut_ptr()) };
    result == 0 && sets == [Sets::default(); 2]
}
