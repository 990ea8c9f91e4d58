//! The file that holds the process id, and keeps a second daemon from using it.

use std::fs::File;
use std::io::{Seek as _, Write as _};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use anyhow::Context as _;
use nix::fcntl::{Flock, FlockArg};

/// A locked process id file; it is removed when the daemon ends well.
#[derive(Debug)]
pub(crate) struct PidFile {
    path: PathBuf,
    file: Flock<File>,
}

impl PidFile {
    /// Creates and locks the file, without a process id: the daemon may still fork.
    ///
    /// # Errors
    /// The file cannot be written, or a running daemon holds it.
    pub(crate) fn lock(path: &Path) -> anyhow::Result<Self> {
        let text = || format!("cannot use the pid file {}", path.display());
        // Not emptied before the lock is ours: the number in it may be another daemon's.
        let options = File::options().create(true).truncate(false).write(true).open(path);
        let file = Flock::lock(options.with_context(text)?, FlockArg::LockExclusiveNonblock)
            .map_err(|(_, errno)| match errno {
                nix::errno::Errno::EWOULDBLOCK => anyhow::anyhow!("another daemon holds it"),
                errno => errno.into(),
            })
            .with_context(text)?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// The file that the process before this one has locked for both.
    pub(crate) fn inherit(path: &Path, file: OwnedFd) -> anyhow::Result<Self> {
        // The lock belongs to what both have open.
        let file = Flock::lock(File::from(file), FlockArg::LockExclusiveNonblock);
        let file = file.map_err(|(_, errno)| errno);
        let file = file.with_context(|| format!("cannot use the pid file {}", path.display()))?;
        Ok(Self { path: path.to_owned(), file })
    }

    /// What keeps it locked.
    pub(crate) fn lock_of(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// Writes the id of this process.
    ///
    /// # Errors
    /// The disk is full.
    pub(crate) fn write(&mut self) -> anyhow::Result<()> {
        let text = || format!("cannot write the pid file {}", self.path.display());
        self.file.set_len(0).with_context(text)?;
        // Who wrote before us shares the place with us.
        self.file.rewind().with_context(text)?;
        writeln!(self.file, "{}", std::process::id()).with_context(text)
    }
}

impl Drop for PidFile {
    fn drop(&mut self) {
        // Left behind it does no harm: it is the lock that counts.
        std::fs::remove_file(&self.path).ok();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_second_daemon_cannot_take_the_file_and_leaves_its_number_alone() {
        let path = std::env::temp_dir().join(format!("gstatsd-pid-{}", std::process::id()));
        let mut first = PidFile::lock(&path).unwrap();
        first.write().unwrap();
        let error = format!("{:#}", PidFile::lock(&path).unwrap_err());
        assert!(error.ends_with("another daemon holds it"), "{error}");
        let number = std::fs::read_to_string(&path).unwrap();
        assert_eq!(number, format!("{}\n", std::process::id()));
        drop(first);
        assert!(!path.exists());
        drop(PidFile::lock(&path).unwrap());
    }
}
