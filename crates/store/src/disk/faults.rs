//! A disk that fails where a test says so.

use std::fs::File;
use std::io;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::{Disk, FileId, Space, SystemDisk};

/// A disk whose calls are counted, of which some fail.
#[derive(Clone, Debug)]
pub(crate) struct FaultyDisk {
    faults: Arc<Faults>,
}

/// Which calls fail.
#[derive(Debug, Default)]
struct Faults {
    calls: AtomicU64,
    /// The first call that fails, and how many do.
    first: AtomicU64,
    count: AtomicU64,
    /// How much room there is; `u64::MAX` for what the system has.
    room: AtomicU64,
    /// At most so many bytes are written at once.
    write_max: AtomicU64,
}

impl FaultyDisk {
    /// One without faults.
    pub(crate) fn new() -> Self {
        let faults = Arc::new(Faults::default());
        faults.room.store(u64::MAX, Ordering::Relaxed);
        faults.write_max.store(u64::MAX, Ordering::Relaxed);
        faults.first.store(u64::MAX, Ordering::Relaxed);
        Self { faults }
    }

    /// How many calls there were.
    pub(crate) fn calls(&self) -> u64 {
        self.faults.calls.load(Ordering::Relaxed)
    }

    /// From call `first` on, counted from 0, so many fail.
    pub(crate) fn fail(&self, first: u64, count: u64) {
        self.faults.first.store(first, Ordering::Relaxed);
        self.faults.count.store(count, Ordering::Relaxed);
    }

    /// Lets so many bytes be allocated from now on.
    pub(crate) fn set_room(&self, bytes: u64) {
        self.faults.room.store(bytes, Ordering::Relaxed);
    }

    /// Lets at most so many bytes be written at once.
    pub(crate) fn set_write_max(&self, bytes: u64) {
        self.faults.write_max.store(bytes, Ordering::Relaxed);
    }

    fn call(&self) -> io::Result<SystemDisk> {
        let call = self.faults.calls.fetch_add(1, Ordering::Relaxed);
        let first = self.faults.first.load(Ordering::Relaxed);
        let count = self.faults.count.load(Ordering::Relaxed);
        match call >= first && call - first < count {
            true => Err(io::Error::from_raw_os_error(nix::libc::EIO)),
            false => Ok(SystemDisk),
        }
    }
}

impl Disk for FaultyDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.call()?.create_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.call()?.list(dir)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        self.call()?.open(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<File> {
        self.call()?.open_to_read(path)
    }

    fn lock(&self, file: &File) -> io::Result<bool> {
        self.call()?.lock(file)
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        let disk = self.call()?;
        let room = self.faults.room.load(Ordering::Relaxed);
        if bytes > room {
            return Err(io::Error::from_raw_os_error(nix::libc::ENOSPC));
        }
        disk.allocate(file, bytes)?;
        if room != u64::MAX {
            self.faults.room.store(room - bytes, Ordering::Relaxed);
        }
        Ok(())
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        self.call()?.length(file)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.call()?.read_at(file, buffer, offset)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let disk = self.call();
        if disk.is_err() {
            // A write that fails may have written some of it.
            SystemDisk.write_at(file, &bytes[..bytes.len() / 2], offset)?;
        }
        let most = self.faults.write_max.load(Ordering::Relaxed);
        let most = usize::try_from(most).unwrap_or(usize::MAX).min(bytes.len());
        disk?.write_at(file, &bytes[..most], offset)
    }

    fn truncate(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.call()?.truncate(file, bytes)
    }

    fn sync(&self, _: &File) -> io::Result<()> {
        // The page cache holds it; a test pulls no plug.
        self.call().map(drop)
    }

    fn sync_dir(&self, _: &Path) -> io::Result<()> {
        self.call().map(drop)
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.call()?.rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.call()?.remove(path)
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        self.call()?.space(dir)
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        self.call()?.id(path)
    }
}
