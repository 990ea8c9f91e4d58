//! The CPU time of a process, thread by thread and to the nanosecond, as Linux tells it.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::clock::Clock;

/// How long a process must hardly run to count as settled, and how long that is waited for.
const QUIET: Duration = Duration::from_millis(150);
const QUIET_MAX: Duration = Duration::from_secs(60);
/// How much CPU time a settled process may take meanwhile, in nanoseconds.
const QUIET_CPU_NS: u64 = 500_000;

/// The CPU time of each thread in nanoseconds, in user space and in the kernel. Exact for a
/// thread that sleeps; that of a running one is as old as the last tick.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct CpuTimes {
    /// By thread id, with the name.
    threads: BTreeMap<u32, (String, u64)>,
}

impl CpuTimes {
    /// Of a running process.
    ///
    /// # Errors
    ///
    /// The process is gone, or the kernel does not count (`CONFIG_SCHED_INFO`).
    pub(crate) fn read(pid: u32) -> anyhow::Result<Self> {
        let tasks = format!("/proc/{pid}/task");
        let mut threads = BTreeMap::new();
        for entry in fs::read_dir(&tasks).with_context(|| format!("cannot read {tasks}"))? {
            let entry = entry?;
            let Ok(id) = entry.file_name().to_string_lossy().parse() else { continue };
            // A thread may end while we look.
            let Ok((name, schedstat)) = read_thread(&entry.path()) else { continue };
            threads.insert(id, (name.trim_end().to_owned(), running_ns(&schedstat)?));
        }
        Ok(Self { threads })
    }

    /// What was used after `before` was read.
    pub(crate) fn since(&self, before: &Self) -> Self {
        let used = |(id, (name, now)): (&u32, &(String, u64))| {
            let earlier = before.threads.get(id).map_or(0, |(_, earlier)| *earlier);
            (*id, (name.clone(), now.saturating_sub(earlier)))
        };
        Self { threads: self.threads.iter().map(used).collect() }
    }

    /// Of all threads together, in nanoseconds.
    pub(crate) fn total(&self) -> u64 {
        self.threads.values().map(|(_, used)| used).sum()
    }

    /// Of the threads whose names begin so, in nanoseconds.
    pub(crate) fn of(&self, name: &str) -> u64 {
        let threads = self.threads.values().filter(|(thread, _)| thread.starts_with(name));
        threads.map(|(_, used)| used).sum()
    }
}

/// Waits until a process has done what it had to do.
///
/// # Errors
///
/// It goes on for a minute, or it is gone.
pub(crate) fn settle(pid: u32) -> anyhow::Result<()> {
    let clock = Clock::start();
    let mut before = CpuTimes::read(pid)?;
    while clock.elapsed() < QUIET_MAX {
        thread::sleep(QUIET);
        let now = CpuTimes::read(pid)?;
        if now.since(&before).total() < QUIET_CPU_NS {
            return Ok(());
        }
        before = now;
    }
    bail!("process {pid} does not come to rest");
}

/// The resident memory of a process in bytes.
///
/// # Errors
///
/// The process is gone.
pub(crate) fn resident_bytes(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmRSS:")
}

/// The most that was ever resident of a process, in bytes.
///
/// # Errors
///
/// The process is gone.
pub(crate) fn peak_bytes(pid: u32) -> anyhow::Result<u64> {
    status_bytes(pid, "VmHWM:")
}

fn status_bytes(pid: u32, name: &str) -> anyhow::Result<u64> {
    let path = format!("/proc/{pid}/status");
    let status = fs::read_to_string(&path).with_context(|| format!("cannot read {path}"))?;
    memory(&status, name).with_context(|| format!("{path} has no {name}"))
}

fn read_thread(task: &Path) -> io::Result<(String, String)> {
    let read = |file| fs::read_to_string(task.join(file));
    Ok((read("comm")?, read("schedstat")?))
}

/// The first number of a `schedstat`: the time on a core.
fn running_ns(schedstat: &str) -> anyhow::Result<u64> {
    let first = schedstat.split_whitespace().next().context("an empty schedstat")?;
    first.parse().with_context(|| format!("`{first}` in schedstat"))
}

/// The line `NAME  123 kB` of a `status`, in bytes.
fn memory(status: &str, name: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix(name))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(threads: &[(u32, &str, u64)]) -> CpuTimes {
        let threads = threads.iter().map(|(id, name, used)| (*id, ((*name).to_owned(), *used)));
        CpuTimes { threads: threads.collect() }
    }

    #[test]
    fn the_first_number_of_schedstat_is_the_time_on_a_core() {
        assert_eq!(running_ns("634450 78638 3\n").unwrap(), 634_450);
        assert!(running_ns("\n").is_err());
        assert!(running_ns("x 1 2").is_err());
    }

    #[test]
    fn what_was_used_is_told_by_thread_also_of_one_that_is_new() {
        let before = times(&[(1, "main", 100), (2, "worker 0", 1_000)]);
        let after = times(&[(1, "main", 100), (2, "worker 0", 4_000), (3, "worker 1", 20)]);
        let used = after.since(&before);
        assert_eq!(used, times(&[(1, "main", 0), (2, "worker 0", 3_000), (3, "worker 1", 20)]));
        assert_eq!((used.total(), used.of("worker"), used.of("flush")), (3_020, 3_020, 0));
    }

    #[test]
    fn our_own_time_and_memory_can_be_read() {
        let pid = std::process::id();
        let times = CpuTimes::read(pid).unwrap();
        assert!(times.total() > 0);
        assert!(resident_bytes(pid).unwrap() > 100_000);
        let status = "VmPeak:\t 9 kB\nVmRSS:\t  12 kB\n";
        assert_eq!(memory(status, "VmRSS:"), Some(12 * 1_024));
        assert_eq!(memory(status, "VmHWM:"), None);
    }
}
