//! A sink that is a file.

use std::path::Path;

use gstatsd_sinks::FileSettings;

use super::{Draft, Typed};
use crate::config::keys::sinks;

/// The keys of its own.
pub(super) const KEYS: &[&str] = &["file_bytes_max", "files_max"];

impl Draft<'_> {
    pub(super) fn file_sink(&mut self, typed: &Typed, path: &Path) -> Option<FileSettings> {
        let given = &typed.keys;
        let [bytes_max, files_max] =
            [(&sinks::FILE_BYTES_MAX, given.file_bytes_max), (&sinks::FILES_MAX, given.files_max)]
                .map(|(key, given)| self.whole_in_file(key, &typed.path(&key.about), given));
        Some(FileSettings {
            path: self.path(&typed.place, path)?,
            bytes_max: bytes_max as u64,
            files_max: u32::try_from(files_max).unwrap_or(u32::MAX),
        })
    }
}
