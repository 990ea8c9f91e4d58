//! How the allocator gets large pieces of memory and gives them back, and how much the process has.
#![expect(unsafe_code, reason = "the allocator of glibc is told by functions of C")]

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;

/// From this size on, in bytes.
#[cfg(target_env = "gnu")]
const LARGE: libc::c_int = 1 << 20;

/// Has large pieces mapped each on its own, now and later: so what is freed goes back to the
/// system, and what grows moves without being copied.
///
/// Otherwise glibc raises the size from which it does so with each large piece that is freed, up
/// to 32 MiB, and keeps what lies below.
pub(crate) fn map_large_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it sets a number of the allocator, which has a lock for it.
    unsafe {
        libc::mallopt(libc::M_MMAP_THRESHOLD, LARGE);
    }
}

/// Has the allocator give back to the system what it keeps of small pieces that were freed.
pub(crate) fn give_back_memory() {
    #[cfg(target_env = "gnu")]
    // SAFETY: it only touches memory that nobody has, and the allocator has locks for it.
    unsafe {
        libc::malloc_trim(0);
    }
}

/// Where the system says how much memory the process has. Opened before the process is closed in.
#[derive(Debug)]
pub(crate) struct Resident {
    file: File,
    page: usize,
}

impl Resident {
    /// That of this process.
    ///
    /// # Errors
    /// The system does not say.
    pub(crate) fn open() -> io::Result<Self> {
        let page = nix::unistd::sysconf(nix::unistd::SysconfVar::PAGE_SIZE)?;
        let page = page.and_then(|page| usize::try_from(page).ok());
        let page = page.ok_or(io::ErrorKind::Unsupported)?;
        Ok(Self { file: File::open("/proc/self/statm")?, page })
    }

    /// How many bytes are in memory, and how many of them are of no file.
    pub(crate) fn bytes(&self) -> Option<(usize, usize)> {
        let mut text = [0; 128];
        let length = self.file.read_at(&mut text, 0).ok()?;
        let text = str::from_utf8(&text[..length]).ok()?;
        let mut pages = text.split_whitespace().skip(1).map_while(|word| word.parse().ok());
        let (all, of_files): (usize, usize) = (pages.next()?, pages.next()?);
        Some((all * self.page, all.saturating_sub(of_files) * self.page))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_that_is_written_is_there_and_what_is_freed_is_given_back() {
        const MIB: usize = 1 << 20;
        let resident = Resident::open().unwrap();
        let (all, own) = resident.bytes().unwrap();
        assert!(all >= own && own > 0);
        let pieces: Vec<Vec<u8>> = (0..128 * 1_024).map(|_| vec![1; 1_024]).collect();
        let (_, with) = resident.bytes().unwrap();
        assert!(with > own + 32 * MIB, "{own} {with}");
        drop(pieces);
        give_back_memory();
        let (_, after) = resident.bytes().unwrap();
        assert!(after < with - 32 * MIB, "{with} {after}");
    }
}
