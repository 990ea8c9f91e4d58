//! The calls of the system that the store makes, behind a trait so that each can fail in a test.

#[cfg(test)]
pub(crate) mod faults;
#[cfg(test)]
pub(crate) mod power;
pub(crate) mod scratch;

use std::fmt::Debug;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::Path;

use nix::errno::Errno;
use nix::fcntl::{FallocateFlags, FcntlArg, OFlag, fallocate, fcntl};
use nix::libc;
use nix::sys::statvfs::statvfs;

/// What the store asks of the system. Files are files; what is done with them can fail.
pub trait Disk: Debug + Send {
    /// Makes a directory for its owner alone, with those above it. One that is there is good; a
    /// symbolic link in its place is not.
    ///
    /// # Errors
    /// As the system says.
    fn create_dir(&self, path: &Path) -> io::Result<()>;

    /// The names in a directory, those that are no text left out.
    ///
    /// # Errors
    /// As the system says.
    fn list(&self, dir: &Path) -> io::Result<Vec<String>>;

    /// Opens a file to read and write; makes it where it is missing. Follows no symbolic link.
    ///
    /// # Errors
    /// As the system says.
    fn open(&self, path: &Path) -> io::Result<File>;

    /// Opens a file to read. Follows no symbolic link.
    ///
    /// # Errors
    /// As the system says.
    fn open_to_read(&self, path: &Path) -> io::Result<File>;

    /// Takes an exclusive lock of an open file, which ends with it; says whether nobody else
    /// has it.
    ///
    /// # Errors
    /// As the system says.
    fn lock(&self, file: &File) -> io::Result<bool>;

    /// Makes a file so many bytes long, with their room on the disk taken.
    ///
    /// # Errors
    /// As the system says; most of all that there is no room.
    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()>;

    /// How long a file is, in bytes.
    ///
    /// # Errors
    /// As the system says.
    fn length(&self, file: &File) -> io::Result<u64>;

    /// Reads at a place; gives how many bytes, 0 at the end of the file.
    ///
    /// # Errors
    /// As the system says.
    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize>;

    /// Writes at a place; gives how many bytes were written, perhaps not all.
    ///
    /// # Errors
    /// As the system says.
    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize>;

    /// Cuts a file off.
    ///
    /// # Errors
    /// As the system says.
    fn truncate(&self, file: &File, bytes: u64) -> io::Result<()>;

    /// Brings what was written to the disk (fdatasync).
    ///
    /// # Errors
    /// As the system says. What was written may be lost then, and asking again proves nothing.
    fn sync(&self, file: &File) -> io::Result<()>;

    /// Brings the names in a directory to the disk.
    ///
    /// # Errors
    /// As the system says.
    fn sync_dir(&self, dir: &Path) -> io::Result<()>;

    /// Gives a file another name, in place of what had it.
    ///
    /// # Errors
    /// As the system says.
    fn rename(&self, from: &Path, to: &Path) -> io::Result<()>;

    /// Removes a file.
    ///
    /// # Errors
    /// As the system says.
    fn remove(&self, path: &Path) -> io::Result<()>;

    /// The room of the file system of a directory.
    ///
    /// # Errors
    /// As the system says.
    fn space(&self, dir: &Path) -> io::Result<Space>;

    /// What a path leads to now, symbolic links not followed.
    ///
    /// # Errors
    /// As the system says.
    fn id(&self, path: &Path) -> io::Result<FileId>;
}

/// The room of a file system, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Space {
    /// What we could still write.
    pub free: u64,
    /// All of it.
    pub total: u64,
}

/// Which file or directory of the system.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileId {
    device: u64,
    inode: u64,
}

/// The system itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct SystemDisk;

impl Disk for SystemDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        DirBuilder::new().recursive(true).mode(0o700).create(path)?;
        match fs::symlink_metadata(path)?.is_dir() {
            true => Ok(()),
            false => Err(io::Error::new(io::ErrorKind::NotADirectory, "it is a symbolic link")),
        }
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(dir)? {
            names.extend(entry?.file_name().into_string());
        }
        Ok(names)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).write(true).create(true).truncate(false).mode(0o600);
        options.custom_flags(OFlag::O_NOFOLLOW.bits()).open(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<File> {
        OpenOptions::new().read(true).custom_flags(OFlag::O_NOFOLLOW.bits()).open(path)
    }

    fn lock(&self, file: &File) -> io::Result<bool> {
        // Of the open file, not of the process: it goes with a fork, and no close of another
        // file of the same path ends it.
        #[expect(clippy::cast_possible_truncation, reason = "small numbers of the system")]
        const LOCK: (libc::c_short, libc::c_short) =
            (libc::F_WRLCK as libc::c_short, libc::SEEK_SET as libc::c_short);
        let whole =
            libc::flock { l_type: LOCK.0, l_whence: LOCK.1, l_start: 0, l_len: 0, l_pid: 0 };
        match fcntl(file, FcntlArg::F_OFD_SETLK(&whole)) {
            Ok(_) => Ok(true),
            Err(Errno::EAGAIN | Errno::EACCES) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        let length = i64::try_from(bytes).map_err(|_| io::ErrorKind::InvalidInput)?;
        match fallocate(file, FallocateFlags::empty(), 0, length) {
            // Some file systems know no such thing; they say at a write that they are full.
            Err(Errno::EOPNOTSUPP) => file.set_len(bytes),
            done => Ok(done?),
        }
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        Ok(file.metadata()?.len())
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        file.read_at(buffer, offset)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        file.write_at(bytes, offset)
    }

    fn truncate(&self, file: &File, bytes: u64) -> io::Result<()> {
        file.set_len(bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        file.sync_data()
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        File::open(dir)?.sync_all()
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        fs::rename(from, to)
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        fs::remove_file(path)
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        let found = statvfs(dir)?;
        let bytes = |blocks: u64| blocks.saturating_mul(found.fragment_size());
        Ok(Space { free: bytes(found.blocks_available()), total: bytes(found.blocks()) })
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        let found = fs::symlink_metadata(path)?;
        Ok(FileId { device: found.dev(), inode: found.ino() })
    }
}

/// Reads until the buffer is full or the file ends; gives how many bytes came.
pub(crate) fn read_full(
    disk: &dyn Disk,
    file: &File,
    buffer: &mut [u8],
    offset: u64,
) -> io::Result<usize> {
    let mut read = 0;
    while read < buffer.len() {
        match disk.read_at(file, &mut buffer[read..], offset + read as u64) {
            Ok(0) => break,
            Ok(bytes) => read += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(read)
}

/// Writes all of it.
pub(crate) fn write_full(
    disk: &dyn Disk,
    file: &File,
    bytes: &[u8],
    offset: u64,
) -> io::Result<()> {
    let mut written = 0;
    while written < bytes.len() {
        match disk.write_at(file, &bytes[written..], offset + written as u64) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(bytes) => written += bytes,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
