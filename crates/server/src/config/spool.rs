//! What waits on the disk.

use std::path::PathBuf;
use std::time::Duration;

use super::Config;

/// The spools of all sinks.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Spool {
    /// An absolute path; without one there is no spool.
    pub(crate) directory: Option<PathBuf>,
    /// How much each may take on the disk, in bytes; 0 is no spool.
    pub(crate) bytes: u64,
    /// How old a snapshot may become.
    pub(crate) age: Duration,
    /// The percentage of the file system that is left free.
    pub(crate) free_percent: f64,
    /// Whether each snapshot is brought to the disk itself.
    pub(crate) sync: bool,
}

impl Spool {
    /// Where the spools are, where there are any.
    pub(crate) fn directory(&self) -> Option<&PathBuf> {
        self.directory.as_ref().filter(|_| self.bytes > 0)
    }
}

impl Config {
    /// Where the spools are, where any sink has one.
    pub(crate) fn spool_directory(&self) -> Option<&PathBuf> {
        let mut sinks = self.sinks.iter();
        let has_own = |bytes: Option<u64>| bytes.is_some_and(|bytes| bytes > 0);
        let any = self.spool.bytes > 0 || sinks.any(|sink| has_own(sink.delivery.spool.bytes));
        self.spool.directory.as_ref().filter(|_| any)
    }
}
