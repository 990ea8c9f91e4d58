//! `state_directory` and the table `[spool]`.

use std::path::PathBuf;

use super::Draft;
use crate::config::Spool;
use crate::config::key::About;
use crate::config::keys::spool as keys;

impl Draft<'_> {
    pub(super) fn state_directory(&mut self) -> Option<PathBuf> {
        self.directory(&keys::STATE_DIRECTORY.about, self.file.state_directory.as_deref())
    }

    pub(super) fn spool(&mut self) -> Spool {
        let file = &self.file.spool;
        let directory = self.directory(&keys::DIRECTORY.about, file.directory.as_deref());
        let directory = directory.or_else(|| Some(self.state_directory()?.join("spool")));
        let bytes = self.whole_in_file(&keys::BYTES, keys::BYTES.about.path, file.bytes);
        let age = self.seconds(&keys::AGE, None, file.age);
        let free_percent = self.number(&keys::FREE_PERCENT, None, file.free_percent);
        let sync = file.sync.unwrap_or(keys::SYNC.default);
        Spool { directory, bytes: bytes as u64, age, free_percent, sync }
    }

    fn directory(&mut self, about: &About, typed: Option<&str>) -> Option<PathBuf> {
        let typed = typed.filter(|typed| !typed.is_empty())?;
        let place = self.file.origin.place(about.path);
        match self.expanded(typed) {
            Ok(path) => self.path(&place, path.as_ref()),
            Err(why) => {
                self.wrong(&place, &why);
                None
            }
        }
    }
}
