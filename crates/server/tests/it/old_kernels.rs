//! `sandbox` where the kernel has less than ours: a filter around the daemon answers in its place.
#![expect(unsafe_code, reason = "no library offers a filter whose answers another thread gives")]

use std::net::TcpListener;
use std::os::fd::{AsRawFd as _, FromRawFd as _, OwnedFd};
use std::process::{Command, Output};
use std::{fs, io, mem, thread};

use nix::sys::prctl::set_no_new_privs;
use seccompiler::SeccompCmpArgLen::Dword;
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

use crate::admin;
use crate::sandbox::command;
use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close, sum};

/// What a kernel has.
#[derive(Clone, Copy)]
enum Kernel {
    /// The call for Landlock fails with this.
    LandlockFails(i32),
    /// Landlock of this version.
    Landlock(i64),
    /// It refuses filters of calls.
    NoFilters,
}

/// `LANDLOCK_CREATE_RULESET_VERSION` of `linux/landlock.h`: asks for the version.
const VERSION: u32 = 1;
/// Where `seccomp_data` of `linux/seccomp.h` has the number of the call, and its third argument.
const CALL: u32 = 0;
const THIRD: u32 = 32;

impl Kernel {
    /// Runs this on a thread that has such a kernel; so has every process that it starts.
    fn under<T: Send>(self, run: impl FnOnce() -> T + Send) -> T {
        let on_it = || {
            match self {
                Self::LandlockFails(error) => {
                    fail(error, &[(libc::SYS_landlock_create_ruleset, Vec::new())]);
                }
                Self::NoFilters => {
                    let filter = u64::from(libc::PR_SET_SECCOMP.unsigned_abs());
                    let is_that = SeccompCondition::new(0, Dword, SeccompCmpOp::Eq, filter);
                    let rule = SeccompRule::new(vec![is_that.unwrap()]).unwrap();
                    let calls = [(libc::SYS_seccomp, Vec::new()), (libc::SYS_prctl, vec![rule])];
                    fail(libc::EINVAL, &calls);
                }
                Self::Landlock(version) => say_version(version),
            }
            run()
        };
        thread::scope(|scope| scope.spawn(on_it).join().unwrap())
    }
}

/// From now on these calls of this thread fail.
fn fail(error: i32, calls: &[(i64, Vec<SeccompRule>)]) {
    let errno = SeccompAction::Errno(error.unsigned_abs());
    let here = std::env::consts::ARCH.try_into().unwrap();
    let calls = calls.iter().cloned().collect();
    let filter = SeccompFilter::new(calls, SeccompAction::Allow, errno, here).unwrap();
    let program: BpfProgram = filter.try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// From now on who asks on this thread hears of this version of Landlock, once; it does what ours
/// does.
fn say_version(version: i64) {
    let word =
        |code: u32, k, jt, jf| libc::sock_filter { code: code.try_into().unwrap(), jt, jf, k };
    let load = libc::BPF_LD | libc::BPF_W | libc::BPF_ABS;
    let is = libc::BPF_JMP | libc::BPF_JEQ | libc::BPF_K;
    let landlock = libc::SYS_landlock_create_ruleset.try_into().unwrap();
    let mut filter = [
        word(load, CALL, 0, 0),
        word(is, landlock, 0, 3),
        word(load, THIRD, 0, 0),
        word(is, VERSION, 0, 1),
        word(libc::BPF_RET, libc::SECCOMP_RET_USER_NOTIF, 0, 0),
        word(libc::BPF_RET, libc::SECCOMP_RET_ALLOW, 0, 0),
    ];
    let program = libc::sock_fprog { len: 6, filter: filter.as_mut_ptr() };
    set_no_new_privs().unwrap();
    let (mode, flag) = (libc::SECCOMP_SET_MODE_FILTER, libc::SECCOMP_FILTER_FLAG_NEW_LISTENER);
    // SAFETY: the program and its words live through the call, which copies them.
    let questions = unsafe { libc::syscall(libc::SYS_seccomp, mode, flag, &raw const program) };
    assert!(questions >= 0, "{}", io::Error::last_os_error());
    // SAFETY: the kernel has just made it for us, and nobody else knows of it.
    let questions = unsafe { OwnedFd::from_raw_fd(questions.try_into().unwrap()) };
    thread::spawn(move || {
        // SAFETY: all of it is numbers, for which zero is a value; the kernel asks for zeroes.
        let mut question: libc::seccomp_notif = unsafe { mem::zeroed() };
        // SAFETY: it writes a question into what has room for one.
        let result = unsafe {
            libc::ioctl(questions.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_RECV, &raw mut question)
        };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
        let id = question.id;
        let mut answer = libc::seccomp_notif_resp { id, val: version, error: 0, flags: 0 };
        // SAFETY: it reads an answer.
        let result = unsafe {
            libc::ioctl(questions.as_raw_fd(), libc::SECCOMP_IOCTL_NOTIF_SEND, &raw mut answer)
        };
        assert_eq!(result, 0, "{}", io::Error::last_os_error());
    });
}

/// A daemon with `sandbox = "auto"` does its work, has so many layers, and says what falls short.
fn assert_works(kernel: Kernel, level: u64, said: Option<&str>) {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let mut command = command("auto", &spy, &folder, "");
    let mut daemon = kernel.under(|| Daemon::start_as_is(&mut command));
    let line = daemon.wait_for_log("admin: http://");
    let address = line.split("://").nth(1).unwrap().trim_end_matches('/').parse().unwrap();
    daemon.send(&["a:2|c"]);
    spy.wait_until("the counter and the level", |lines| {
        let levels: Vec<_> =
            lines.iter().filter(|line| line.name == "gstatsd.sandbox.level").collect();
        assert!(levels.iter().all(|line| line.value.parse() == Ok(level as f64)), "{levels:?}");
        (sum(lines, "stats_counts.a") >= 2.0 && !levels.is_empty()).then_some(())
    });
    admin::accounting_with(address, |shown| shown["metrics"]["sandbox.level"] == level);
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    assert_books_close(&accounting(&log));
    let short = log.lines().filter_map(|line| line.split_once("WARN  sandbox: "));
    assert_eq!(short.map(|(_, line)| line).collect::<Vec<_>>(), Vec::from_iter(said), "{log}");
    assert!(log.contains(&format!("sandbox: {level} of 3 layers")), "{log}");
}

/// With `sandbox = "require"` it does not start, and says this.
fn assert_refuses(kernel: Kernel, said: &str) {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let daemon = command("require", &spy, &folder, "");
    let mut bounded = Command::new("timeout");
    bounded.arg("20").arg(daemon.get_program()).args(daemon.get_args());
    let Output { status, stderr, .. } = kernel.under(|| bounded.output().unwrap());
    let stderr = String::from_utf8(stderr).unwrap();
    assert_eq!(status.code(), Some(1), "{stderr}");
    let last = stderr.lines().last().unwrap();
    assert_eq!(last, format!("gstatsd: sandbox: {said}"), "{stderr}");
}

#[test]
fn without_landlock_it_has_the_other_layers_or_does_not_start() {
    let none = "the kernel has none";
    let kernel = Kernel::LandlockFails(libc::ENOSYS);
    assert_works(kernel, 2, Some(&format!("Landlock falls short: {none}")));
    assert_refuses(kernel, &format!("Landlock is required, and falls short: {none}"));
    let disabled = "the kernel has it, but it is not enabled: `lsm=` of its command line";
    let kernel = Kernel::LandlockFails(libc::EOPNOTSUPP);
    assert_works(kernel, 2, Some(&format!("Landlock falls short: {disabled}")));
}

#[test]
fn without_filters_of_calls_it_has_the_other_layers_or_does_not_start() {
    let none = "the kernel takes no filter of calls: Invalid argument (os error 22)";
    assert_works(Kernel::NoFilters, 2, Some(&format!("seccomp falls short: {none}")));
    assert_refuses(Kernel::NoFilters, &format!("seccomp is required, and falls short: {none}"));
}

#[test]
fn a_landlock_that_knows_no_ports_counts_for_nothing_and_closes_files() {
    let (third, fourth) = (Kernel::Landlock(3), Kernel::Landlock(4));
    let open = "the kernel has version 3 of it, which leaves TCP ports open; version 4 does not";
    assert_works(third, 2, Some(&format!("Landlock falls short: {open}")));
    assert_refuses(third, &format!("Landlock is required, and falls short: {open}"));
    assert_works(fourth, 3, None);
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let foreign = folder.file("foreign");
    fs::write(&foreign, "not for us").unwrap();
    let elsewhere = TcpListener::bind("127.0.0.1:0").unwrap();
    let probe = format!("{foreign} {}", elsewhere.local_addr().unwrap());
    let mut command = command("auto", &spy, &folder, &probe);
    let mut daemon = third.under(|| Daemon::start_as_is(&mut command));
    for (what, came) in [("open", "permission denied"), ("connect", "done")] {
        let line = daemon.wait_for_log(&format!("probe: {what}: "));
        assert!(line.ends_with(came), "{line}");
    }
}
