//! Landlock: which files are read and written, and which ports are used over TCP.

use std::path::{Path, PathBuf};
use std::{env, fs};

use anyhow::bail;
use landlock::{
    ABI, Access as _, AccessFs, AccessNet, CompatLevel, Compatible as _, LandlockStatus, NetPort,
    PathBeneath, PathFd, Ruleset, RulesetAttr as _, RulesetCreatedAttr as _, Scope,
};

use crate::config::Config;

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
/// The file with the servers of names, which may be a link.
const RESOLVER: &str = "/etc/resolv.conf";
/// Variables that name the roots of certificates: a file or a folder.
const ROOTS: [&str; 2] = ["SSL_CERT_FILE", "SSL_CERT_DIR"];
/// What is written beside what is configured.
const WRITE: [&str; 1] = ["/dev/null"];
/// Names are asked for over TCP too, where the answer is long.
const DNS: u16 = 53;
/// The first version of Landlock that does what we promise; those before know no ports.
const WHOLE: ABI = ABI::V4;

/// What a configuration needs of the machine.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Where it may read.
    read: Vec<PathBuf>,
    /// Where it may write too.
    write: Vec<PathBuf>,
    /// The ports that it may connect to over TCP; `None` is any.
    connect: Option<Vec<u16>>,
    /// The ports that it may listen on over TCP; 0 is one that the kernel chooses.
    listen: Vec<u16>,
}

impl Reach {
    /// What this configuration needs, which is read from that file.
    pub(crate) fn of(config: &Config, config_file: Option<&Path>) -> Self {
        // Files are replaced by others of their name, so the folder is what counts.
        let folder = |file: &Path| file.parent().map(Path::to_path_buf);
        let mut read: Vec<_> = config_file.and_then(folder).into_iter().collect();
        // Where the system keeps the addresses of its servers of names is often elsewhere.
        read.extend(fs::canonicalize(RESOLVER).ok().as_deref().and_then(folder));
        let roots = ROOTS.iter().filter_map(|name| Some(PathBuf::from(env::var_os(name)?)));
        read.extend(roots.flat_map(|path| if path.is_file() { folder(&path) } else { Some(path) }));
        read.extend(config.files_read().into_iter().filter_map(folder));
        let mut write: Vec<_> = config.files_written().into_iter().filter_map(folder).collect();
        write.extend(config.state_directory.clone());
        write.extend(config.spool_directory().cloned());
        Self { read, write, connect: config.tcp_ports(), listen: config.tcp_ports_listened() }
    }

    /// What this one needs beyond another, in words.
    pub(crate) fn beyond(&self, other: &Self) -> Vec<String> {
        let is_below = |path: &Path, paths: &[PathBuf]| paths.iter().any(|at| path.starts_with(at));
        let usual: Vec<_> = READ.map(PathBuf::from).into();
        let read = self.read.iter().filter(|path| {
            ![&other.read, &other.write, &usual].iter().any(|paths| is_below(path, paths))
        });
        let write = self.write.iter().filter(|path| !is_below(path, &other.write));
        let mut words: Vec<_> = read.map(|path| format!("to read {}", path.display())).collect();
        words.extend(write.map(|path| format!("to write {}", path.display())));
        words.extend(match (&self.connect, &other.connect) {
            (_, None) => Vec::new(),
            (None, Some(_)) => vec!["to connect to any port".to_owned()],
            (Some(ports), Some(open)) => {
                let closed = ports.iter().filter(|port| !open.contains(port));
                closed.map(|port| format!("to connect to port {port}")).collect()
            }
        });
        let closed = self.listen.iter().filter(|port| !other.listen.contains(port));
        words.extend(closed.map(|port| format!("to listen on TCP port {port}")));
        words.sort();
        words.dedup();
        words
    }

    /// From now on, for this thread and those that it starts, nothing else can be reached.
    ///
    /// # Errors
    /// The kernel has no Landlock, or one that leaves ports open; files are closed then.
    pub(super) fn restrict(&self) -> anyhow::Result<()> {
        let abi = ABI::V6;
        let mut ruleset = Ruleset::default()
            .set_compatibility(CompatLevel::BestEffort)
            .handle_access(AccessFs::from_all(abi))?
            .handle_access(AccessNet::BindTcp)?
            .scope(Scope::from_all(abi))?;
        if self.connect.is_some() {
            ruleset = ruleset.handle_access(AccessNet::ConnectTcp)?;
        }
        let mut rules = ruleset.create()?;
        let reads = AccessFs::ReadFile | AccessFs::ReadDir;
        let writes = AccessFs::from_all(abi) & !AccessFs::Execute;
        let read = READ.iter().map(Path::new).chain(self.read.iter().map(PathBuf::as_path));
        let write = WRITE.iter().map(Path::new).chain(self.write.iter().map(PathBuf::as_path));
        let paths = read.map(|path| (path, reads)).chain(write.map(|path| (path, writes)));
        for (path, access) in paths {
            // What is not there cannot be opened.
            if let Ok(path) = PathFd::new(path) {
                rules = rules.add_rule(PathBeneath::new(path, access))?;
            }
        }
        if let Some(ports) = &self.connect {
            for port in ports.iter().chain([&DNS]) {
                rules = rules.add_rule(NetPort::new(*port, AccessNet::ConnectTcp))?;
            }
        }
        for port in &self.listen {
            rules = rules.add_rule(NetPort::new(*port, AccessNet::BindTcp))?;
        }
        match rules.restrict_self()?.landlock {
            LandlockStatus::NotImplemented => bail!("the kernel has none"),
            LandlockStatus::NotEnabled => {
                bail!("the kernel has it, but it is not enabled: `lsm=` of its command line")
            }
            LandlockStatus::Available { effective_abi, .. } if effective_abi < WHOLE => bail!(
                "the kernel has version {} of it, which leaves TCP ports open; version {} does not",
                effective_abi as i32,
                WHOLE as i32,
            ),
            LandlockStatus::Available { .. } => Ok(()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_reload_needs_beyond_what_is_open_is_told() {
        let paths = |paths: &[&str]| paths.iter().map(PathBuf::from).collect::<Vec<_>>();
        let open = Reach {
            read: paths(&["/a"]),
            write: paths(&["/b"]),
            connect: Some(vec![1]),
            listen: vec![2],
        };
        assert_eq!(open.beyond(&open), [""; 0]);
        let next = Reach {
            read: paths(&["/a/x", "/b", "/etc/x", "/c"]),
            write: paths(&["/b/y", "/a"]),
            connect: Some(vec![1, 3]),
            listen: vec![2, 4],
        };
        let beyond =
            ["to connect to port 3", "to listen on TCP port 4", "to read /c", "to write /a"];
        assert_eq!(next.beyond(&open), beyond);
        let any = Reach { connect: None, ..open.clone() };
        assert_eq!(any.beyond(&open), ["to connect to any port"]);
        assert_eq!(open.beyond(&any), [""; 0]);
    }
}
