//! seccomp: the calls of the system that are made, and with which arguments; all others fail.
//!
//! The list is that of what the tests need under it, with what glibc and musl use in their place.
//! A call that is missing fails with `EPERM`. One that Linux has got since 5.1 fails as on an older
//! kernel, with `ENOSYS`: whoever makes such a call knows what to do without it. In that way
//! threads are made by `clone`, whose arguments can be seen, and not by `clone3`.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use anyhow::anyhow;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

/// What is made whatever the arguments are, on all processors.
#[rustfmt::skip]
const ALLOWED: &[i64] = &[
    // What is open already, and sockets.
    libc::SYS_read, libc::SYS_readv, libc::SYS_pread64, libc::SYS_preadv, libc::SYS_preadv2,
    libc::SYS_write, libc::SYS_writev, libc::SYS_pwrite64, libc::SYS_pwritev, libc::SYS_pwritev2,
    libc::SYS_lseek, libc::SYS_close, libc::SYS_dup, libc::SYS_dup3, libc::SYS_fcntl,
    libc::SYS_pipe2, libc::SYS_eventfd2, libc::SYS_memfd_create,
    libc::SYS_bind, libc::SYS_listen, libc::SYS_accept, libc::SYS_accept4, libc::SYS_connect,
    libc::SYS_shutdown, libc::SYS_getsockname, libc::SYS_getpeername,
    libc::SYS_getsockopt, libc::SYS_setsockopt,
    libc::SYS_sendto, libc::SYS_sendmsg, libc::SYS_sendmmsg,
    libc::SYS_recvfrom, libc::SYS_recvmsg, libc::SYS_recvmmsg,
    libc::SYS_ppoll, libc::SYS_pselect6,
    libc::SYS_epoll_create1, libc::SYS_epoll_ctl, libc::SYS_epoll_pwait,
    // Files; which ones is said by Landlock.
    libc::SYS_openat, libc::SYS_fstat, libc::SYS_newfstatat, libc::SYS_statx,
    libc::SYS_statfs, libc::SYS_fstatfs, libc::SYS_faccessat, libc::SYS_readlinkat,
    libc::SYS_getdents64, libc::SYS_getcwd, libc::SYS_flock, libc::SYS_ftruncate,
    libc::SYS_fallocate, libc::SYS_fsync, libc::SYS_fdatasync, libc::SYS_msync,
    libc::SYS_mkdirat, libc::SYS_unlinkat, libc::SYS_renameat, libc::SYS_renameat2,
    libc::SYS_fchmod, libc::SYS_fchmodat,
    // Memory.
    libc::SYS_brk, libc::SYS_munmap, libc::SYS_mremap, libc::SYS_madvise,
    // Threads, and the end of them and of the process.
    libc::SYS_futex, libc::SYS_set_robust_list, libc::SYS_get_robust_list, libc::SYS_rseq,
    libc::SYS_membarrier, libc::SYS_set_tid_address, libc::SYS_gettid, libc::SYS_getpid,
    libc::SYS_getppid, libc::SYS_sched_yield, libc::SYS_sched_getaffinity,
    libc::SYS_sched_setaffinity, libc::SYS_getcpu, libc::SYS_exit, libc::SYS_exit_group,
    libc::SYS_rt_sigaction, libc::SYS_rt_sigprocmask, libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack, libc::SYS_restart_syscall,
    // Time, chance, and who and where we are.
    libc::SYS_clock_gettime, libc::SYS_clock_getres, libc::SYS_clock_nanosleep,
    libc::SYS_nanosleep, libc::SYS_gettimeofday, libc::SYS_getrandom, libc::SYS_uname,
    libc::SYS_sysinfo, libc::SYS_getrusage, libc::SYS_getuid, libc::SYS_geteuid,
    libc::SYS_getgid, libc::SYS_getegid,
];

/// The same in the words of older days, which not every processor has.
#[cfg(target_arch = "x86_64")]
#[rustfmt::skip]
const ALLOWED_HERE: &[i64] = &[
    libc::SYS_open, libc::SYS_stat, libc::SYS_lstat, libc::SYS_access, libc::SYS_readlink,
    libc::SYS_mkdir, libc::SYS_rmdir, libc::SYS_unlink, libc::SYS_rename, libc::SYS_chmod,
    libc::SYS_dup2, libc::SYS_pipe, libc::SYS_poll, libc::SYS_select, libc::SYS_epoll_wait,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const ALLOWED_HERE: &[i64] = &[];

/// Calls that Linux has got since 5.1; they have the same numbers on all processors. As far as is
/// foreseeable.
const NEWER: RangeInclusive<i64> = 424..=600;
/// Of those what is made: it tells more than what it stands for, or closes in further.
const NEWER_ALLOWED: &[i64] = &[libc::SYS_close_range, libc::SYS_faccessat2];

/// The families of sockets: the resolver asks for those of the network.
const FAMILIES: [libc::c_int; 4] = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK];
/// What is asked of descriptors: whether they wait, what waits in them, whether they are terminals,
/// and which network a name of one means.
#[allow(clippy::unnecessary_cast, reason = "with musl they are of another type")]
const REQUESTS: [u64; 6] = [
    libc::FIONBIO as u64,
    libc::FIOCLEX as u64,
    libc::FIONREAD as u64,
    libc::TIOCOUTQ as u64,
    libc::TCGETS as u64,
    libc::SIOCGIFINDEX as u64,
];

/// From now on, for all threads, other calls than these fail; or they end the process, for tests.
///
/// # Errors
/// The kernel knows no seccomp, or not this processor.
pub(super) fn restrict(kills: bool) -> anyhow::Result<()> {
    let newer = NEWER.filter(|call| !NEWER_ALLOWED.contains(call));
    let newer: BTreeMap<_, _> = newer.map(|call| (call, Vec::new())).collect();
    let refused = match kills {
        true => SeccompAction::KillProcess,
        false => SeccompAction::Errno(u32::try_from(libc::EPERM)?),
    };
    let not_there = SeccompAction::Errno(u32::try_from(libc::ENOSYS)?);
    // Of two filters the stricter one holds, so the second lets pass what the first answers.
    let mut allowed = allowed()?;
    allowed.extend(newer.clone());
    for (rules, other, matching) in
        [(newer, SeccompAction::Allow, not_there), (allowed, refused, SeccompAction::Allow)]
    {
        let architecture = std::env::consts::ARCH.try_into()?;
        let filter = SeccompFilter::new(rules, other, matching, architecture)?;
        let program: BpfProgram = filter.try_into()?;
        seccompiler::apply_filter_all_threads(&program).map_err(|error| match error {
            seccompiler::Error::Seccomp(error) => {
                anyhow!("the kernel takes no filter of calls: {error}")
            }
            error => error.into(),
        })?;
    }
    Ok(())
}

/// Calls, and what their arguments must be: one of the rules, where there are any.
type Rules = BTreeMap<i64, Vec<SeccompRule>>;

fn allowed() -> anyhow::Result<Rules> {
    let whatever = ALLOWED.iter().chain(ALLOWED_HERE).chain(NEWER_ALLOWED);
    let mut rules: Rules = whatever.map(|call| (*call, Vec::new())).collect();
    let families = FAMILIES.map(|family| (SeccompCmpOp::Eq, family.unsigned_abs().into()));
    rules.insert(libc::SYS_socket, one_of(0, &families)?);
    rules.insert(libc::SYS_socketpair, one_of(0, &families)?);
    let requests = REQUESTS.map(|request| (SeccompCmpOp::Eq, request));
    rules.insert(libc::SYS_ioctl, one_of(1, &requests)?);
    // A thread, and not another process.
    let thread = u64::from(libc::CLONE_THREAD.unsigned_abs());
    rules.insert(libc::SYS_clone, one_of(0, &[(SeccompCmpOp::MaskedEq(thread), thread)])?);
    // Memory that can be written, or executed, but not both; and none that could be written once.
    let (write, execute) = (u64::from(PROT_WRITE), u64::from(PROT_EXEC));
    let both = SeccompCmpOp::MaskedEq(write | execute);
    let one = [(both.clone(), 0), (both.clone(), write), (both, execute)];
    rules.insert(libc::SYS_mmap, one_of(2, &one)?);
    rules.insert(libc::SYS_mprotect, one_of(2, &[(SeccompCmpOp::MaskedEq(execute), 0)])?);
    // The limits of this process.
    rules.insert(libc::SYS_prlimit64, one_of(0, &[(SeccompCmpOp::Eq, 0)])?);
    // The names of threads and of memory.
    let names = [libc::PR_SET_NAME, libc::PR_GET_NAME, libc::PR_SET_VMA];
    let names = names.map(|what| (SeccompCmpOp::Eq, u64::from(what.unsigned_abs())));
    rules.insert(libc::SYS_prctl, one_of(0, &names)?);
    // A signal to a thread of this process: that is how one ends itself.
    let own = [(SeccompCmpOp::Eq, std::process::id().into())];
    rules.insert(libc::SYS_tgkill, one_of(0, &own)?);
    Ok(rules)
}

const PROT_WRITE: u32 = libc::PROT_WRITE.unsigned_abs();
const PROT_EXEC: u32 = libc::PROT_EXEC.unsigned_abs();

/// An argument is one of these.
fn one_of(argument: u8, values: &[(SeccompCmpOp, u64)]) -> anyhow::Result<Vec<SeccompRule>> {
    let rule = |(operator, value): &(SeccompCmpOp, u64)| {
        let length = SeccompCmpArgLen::Dword;
        let condition = SeccompCondition::new(argument, length, operator.clone(), *value)?;
        Ok(SeccompRule::new(vec![condition])?)
    };
    values.iter().map(rule).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_starts_programs_looks_into_others_or_changes_the_machine_is_not_allowed() {
        let allowed = allowed().unwrap();
        for call in [
            libc::SYS_execve,
            libc::SYS_execveat,
            libc::SYS_kill,
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_process_vm_writev,
            libc::SYS_pidfd_getfd,
            libc::SYS_mount,
            libc::SYS_chroot,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_setuid,
            libc::SYS_capset,
            libc::SYS_bpf,
            libc::SYS_perf_event_open,
            libc::SYS_io_uring_setup,
            libc::SYS_userfaultfd,
            libc::SYS_keyctl,
            libc::SYS_finit_module,
            libc::SYS_kexec_load,
            libc::SYS_reboot,
            libc::SYS_clock_settime,
        ] {
            assert!(!allowed.contains_key(&call), "call {call}");
        }
    }

    #[test]
    fn a_call_stands_in_the_lists_once() {
        let all: Vec<_> = ALLOWED.iter().chain(ALLOWED_HERE).chain(NEWER_ALLOWED).collect();
        let mut once = all.clone();
        once.sort_unstable();
        once.dedup();
        assert_eq!(once.len(), all.len());
    }
}
