//! Closes the process in, once its sockets are open and before the first byte is read: what a hole
//! in it could be used for.
//!
//! ```text
//! user         another user, without its groups
//! privileges   no capabilities, none to be gained, no memory for others to read
//! Landlock     reads what it needs, writes where it must, connects to the ports of its peers
//! seccomp      starts no program, traces nobody, loads nothing into the kernel
//! ```
//!
//! Threads that start later are closed in alike.

use std::collections::BTreeMap;
use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow, bail};
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, NetPort, PathBeneath,
    PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, RulesetStatus, Scope,
};
use nix::unistd::{Gid, Uid, User, setgid, setgroups, setuid};
use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter,
    SeccompRule,
};

use crate::config::{Config, LogTarget, Sandbox};
use crate::sys::drop_privileges;

/// What is read beside what is configured: names of hosts, roots of certificates, libraries that
/// the resolver loads, and what the kernel tells of us.
const READ: [&str; 12] = [
    "/etc",
    "/lib",
    "/lib64",
    "/usr/lib",
    "/usr/share",
    "/run/systemd/resolve",
    "/run/resolvconf",
    "/proc/self",
    "/proc/meminfo",
    "/proc/sys/net",
    "/sys/fs/cgroup",
    "/dev/urandom",
];
/// What is written beside what is configured.
const WRITE: [&str; 1] = ["/dev/null"];
/// Names are asked for over TCP too, where the answer is long.
const DNS: u16 = 53;

/// How many of the layers are there: privileges, Landlock and seccomp are 3.
///
/// # Errors
/// With `sandbox = "require"`, that one of them is not to be had; and always, that the user is not.
pub(crate) fn close_in(config: &Config, config_file: Option<&Path>) -> anyhow::Result<u64> {
    if let Some(name) = &config.user {
        become_user(name, config).with_context(|| format!("user: cannot become {name}"))?;
    }
    let is_required = match config.sandbox {
        Sandbox::Off => return Ok(0),
        Sandbox::Auto => false,
        Sandbox::Require => true,
    };
    let (read, write) = paths(config, config_file);
    let layers = [
        ("privileges", drop_privileges().map_err(anyhow::Error::from)),
        ("Landlock", restrict_files(&read, &write, config.tcp_ports().as_deref())),
        ("seccomp", refuse_calls()),
    ];
    let mut level = 0;
    for (layer, result) in layers {
        match result {
            Ok(()) => level += 1,
            Err(error) if is_required => {
                bail!("sandbox: {layer} is required, and not to be had: {error:#}");
            }
            Err(error) => log::warn!("sandbox: goes without {layer}: {error:#}"),
        }
    }
    log::info!("sandbox: {level} of 3 layers");
    Ok(level)
}

/// Becomes another user, who can open the log again.
fn become_user(name: &str, config: &Config) -> anyhow::Result<()> {
    let user = User::from_name(name)?.ok_or_else(|| anyhow!("there is no such user"))?;
    let User { uid, gid, .. } = user;
    if (Uid::effective(), Gid::effective()) == (uid, gid) {
        return Ok(());
    }
    if let LogTarget::File(path) = &config.log.target {
        chown(path, Some(uid.as_raw()), Some(gid.as_raw()))?;
    }
    setgroups(&[gid])?;
    setgid(gid)?;
    setuid(uid)?;
    // Nobody can go back from there.
    if setuid(Uid::from_raw(0)).is_ok() && !uid.is_root() {
        bail!("root can be had again");
    }
    Ok(())
}

/// Where it may read, and where it may write too.
fn paths(config: &Config, config_file: Option<&Path>) -> (Vec<PathBuf>, Vec<PathBuf>) {
    let (mut read, mut write): (Vec<PathBuf>, Vec<PathBuf>) =
        (READ.map(PathBuf::from).to_vec(), WRITE.map(PathBuf::from).to_vec());
    // Files are replaced by others of their name, so the folder is what counts.
    let folder = |file: &Path| file.parent().map(Path::to_path_buf);
    read.extend(config_file.and_then(folder));
    read.extend(config.files_read().into_iter().filter_map(folder));
    write.extend(config.files_written().into_iter().filter_map(folder));
    write.extend(config.state_directory.clone());
    write.extend(config.spool.directory().cloned());
    (read, write)
}

fn restrict_files(
    read: &[PathBuf],
    write: &[PathBuf],
    ports: Option<&[u16]>,
) -> anyhow::Result<()> {
    let abi = ABI::V6;
    let mut ruleset = Ruleset::default()
        .set_compatibility(CompatLevel::BestEffort)
        .handle_access(AccessFs::from_all(abi))?
        .scope(Scope::from_all(abi))?;
    if ports.is_some() {
        ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?;
    }
    let mut rules = ruleset.create()?;
    let reads = AccessFs::ReadFile | AccessFs::ReadDir;
    let writes = AccessFs::from_all(abi) & !AccessFs::Execute;
    for (paths, access) in [(read, reads), (write, writes)] {
        // What is not there cannot be opened.
        for path in paths.iter().filter_map(|path| PathFd::new(path).ok()) {
            rules = rules.add_rule(PathBeneath::new(path, access))?;
        }
    }
    for port in ports.into_iter().flatten().chain(ports.map(|_| &DNS)) {
        rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
    }
    match rules.restrict_self()?.ruleset {
        RulesetStatus::NotEnforced => bail!("the kernel has none"),
        RulesetStatus::PartiallyEnforced | RulesetStatus::FullyEnforced => Ok(()),
    }
}

/// Calls that are refused whatever their arguments are.
const REFUSED: [i64; 39] = [
    libc::SYS_execve,
    libc::SYS_execveat,
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsmount,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_io_uring_setup,
    libc::SYS_userfaultfd,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_kexec_load,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_open_by_handle_at,
    libc::SYS_quotactl,
    libc::SYS_acct,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_personality,
];
/// The families of sockets that are needed: the resolver asks for those of the network.
const FAMILIES: [libc::c_int; 4] = [libc::AF_INET, libc::AF_INET6, libc::AF_UNIX, libc::AF_NETLINK];

fn refuse_calls() -> anyhow::Result<()> {
    let refuse = |call: &i64| (*call, Vec::new());
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> = REFUSED.iter().map(refuse).collect();
    let other = |family: &libc::c_int| {
        let family = u64::try_from(*family).unwrap_or(u64::MAX);
        SeccompCondition::new(0, SeccompCmpArgLen::Dword, SeccompCmpOp::Ne, family)
    };
    let others = FAMILIES.iter().map(other).collect::<Result<_, _>>()?;
    rules.insert(libc::SYS_socket, vec![SeccompRule::new(others)?]);
    // A thread is no other process.
    let thread = u64::try_from(libc::CLONE_THREAD)?;
    let is_process =
        SeccompCondition::new(0, SeccompCmpArgLen::Qword, SeccompCmpOp::MaskedEq(thread), 0)?;
    rules.insert(libc::SYS_clone, vec![SeccompRule::new(vec![is_process])?]);
    // Its arguments stand where they cannot be seen; who hears that it is not there takes the
    // older one.
    let newer = BTreeMap::from([(libc::SYS_clone3, Vec::new())]);
    for (rules, errno) in [(newer, libc::ENOSYS), (rules, libc::EPERM)] {
        let errno = SeccompAction::Errno(u32::try_from(errno)?);
        let architecture = std::env::consts::ARCH.try_into()?;
        let filter = SeccompFilter::new(rules, SeccompAction::Allow, errno, architecture)?;
        let program: BpfProgram = filter.try_into()?;
        seccompiler::apply_filter_all_threads(&program)?;
    }
    Ok(())
}
