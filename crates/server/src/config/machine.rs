//! How much memory the machine gives this process: its cgroup, or else the host.

use std::path::Path;
use std::{fmt, fs};

/// The most that is taken where nothing is configured, in bytes.
const DEFAULT_MAX: u64 = 1 << 30;
/// Which part of what there is.
const SHARE: u64 = 4;

/// How much memory there is for this process, and who says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum MachineMemory {
    /// The limit of the cgroup, or of one above it, in bytes.
    Cgroup(u64),
    /// What the host has, in bytes.
    Host(u64),
    /// Nobody says.
    Unknown,
}

impl MachineMemory {
    /// That of this process.
    pub(crate) fn of_process() -> Self {
        Self::below(Path::new("/"))
    }

    /// The same on a machine whose files stand below a folder.
    fn below(root: &Path) -> Self {
        let read = |path: &str| fs::read_to_string(root.join(path)).unwrap_or_default();
        let host = host_bytes(&read("proc/meminfo"));
        let groups = read("proc/self/cgroup");
        let limits = groups.lines().flat_map(limit_files).filter_map(|file| {
            let text = fs::read_to_string(root.join(file)).ok()?;
            text.trim().parse::<u64>().ok()
        });
        // One that is more than the host has bounds nothing.
        match limits.filter(|limit| host.is_none_or(|host| *limit < host)).min() {
            Some(limit) => Self::Cgroup(limit),
            None => host.map_or(Self::Unknown, Self::Host),
        }
    }

    /// The budget where none is configured: a quarter of it, and not more than a gibibyte.
    pub(crate) fn default_budget(self) -> usize {
        let budget = match self {
            Self::Cgroup(bytes) | Self::Host(bytes) => (bytes / SHARE).min(DEFAULT_MAX),
            Self::Unknown => DEFAULT_MAX,
        };
        usize::try_from(budget).unwrap_or(usize::MAX).max(super::keys::memory::LEAST)
    }
}

impl fmt::Display for MachineMemory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cgroup(bytes) => write!(f, "the cgroup gives {bytes} bytes"),
            Self::Host(bytes) => write!(f, "the host has {bytes} bytes"),
            Self::Unknown => f.write_str("nobody says how much memory there is"),
        }
    }
}

/// `MemTotal:  24684640 kB`
fn host_bytes(meminfo: &str) -> Option<u64> {
    let line = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
    line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?.checked_mul(1024)
}

/// The files with the limits of a group and of all above it, of a line of `/proc/self/cgroup`:
/// `0::/a/b`, or `4:memory:/a/b` of the first version. A container sees its own group as the root.
fn limit_files(line: &str) -> Vec<String> {
    let mut fields = line.splitn(3, ':').skip(1);
    let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else { return Vec::new() };
    let (folder, file) = match controllers {
        "" => ("sys/fs/cgroup", "memory.max"),
        _ if controllers.split(',').any(|one| one == "memory") => {
            ("sys/fs/cgroup/memory", "memory.limit_in_bytes")
        }
        _ => return Vec::new(),
    };
    let above = Path::new(path).ancestors().filter_map(Path::to_str);
    above.map(|group| format!("{folder}/{}/{file}", group.trim_start_matches('/'))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1 << 30;

    /// A machine with these files.
    fn machine(files: &[(&str, &str)]) -> MachineMemory {
        let name = format!("gstatsd-machine-{}-{}", std::process::id(), fastrand::u64(..));
        let root = std::env::temp_dir().join(name);
        for (path, text) in files {
            let path = root.join(path);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, text).unwrap();
        }
        let machine = MachineMemory::below(&root);
        fs::remove_dir_all(&root).ok();
        machine
    }

    #[test]
    fn the_nearest_limit_of_any_group_counts_and_else_the_host() {
        let meminfo = ("proc/meminfo", "MemFree: 1 kB\nMemTotal:       8388608 kB\n");
        assert_eq!(machine(&[]), MachineMemory::Unknown);
        assert_eq!(machine(&[meminfo]), MachineMemory::Host(8 * GIB));
        let unified = ("proc/self/cgroup", "0::/pod/app\n");
        let own = ("sys/fs/cgroup/pod/app/memory.max", "max\n");
        let above = ("sys/fs/cgroup/pod/memory.max", "2147483648\n");
        assert_eq!(machine(&[meminfo, unified, own, above]), MachineMemory::Cgroup(2 * GIB));
        let own = ("sys/fs/cgroup/pod/app/memory.max", "1073741824\n");
        assert_eq!(machine(&[meminfo, unified, own, above]), MachineMemory::Cgroup(GIB));
        // In a container of the first version the group that is named is not to be seen.
        let first = ("proc/self/cgroup", "9:cpu,cpuacct:/a\n4:memory:/docker/123\n0::/\n");
        let limit = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "536870912\n");
        assert_eq!(machine(&[meminfo, first, limit]), MachineMemory::Cgroup(GIB / 2));
        let none = ("sys/fs/cgroup/memory/memory.limit_in_bytes", "9223372036854771712\n");
        assert_eq!(machine(&[meminfo, first, none]), MachineMemory::Host(8 * GIB));
    }

    #[test]
    fn the_default_is_a_quarter_and_no_more_than_a_gibibyte() {
        let budget = |machine: MachineMemory| machine.default_budget();
        assert_eq!(budget(MachineMemory::Cgroup(GIB)), 256 << 20);
        assert_eq!(budget(MachineMemory::Host(64 * GIB)), 1 << 30);
        assert_eq!(budget(MachineMemory::Unknown), 1 << 30);
        assert_eq!(budget(MachineMemory::Cgroup(1)), 16 << 20);
    }
}
