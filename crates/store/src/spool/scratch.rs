//! Directories for tests, which go when the test ends.

use std::fs;
use std::path::{Path, PathBuf};

/// A directory of a test.
#[derive(Debug)]
pub(crate) struct Dir(PathBuf);

impl Dir {
    /// A new one.
    pub(crate) fn new(name: &str) -> Self {
        let unique = format!("gstatsd-store-{name}-{}-{}", std::process::id(), fastrand::u64(..));
        let path = base().join(unique);
        fs::create_dir(&path).unwrap();
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

/// Where nothing has to reach a disk, where there is such a place.
fn base() -> PathBuf {
    let memory = Path::new("/dev/shm");
    match memory.is_dir() {
        true => memory.to_owned(),
        false => std::env::temp_dir(),
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}
