//! A disk that loses what was not synced when the power goes: any pages of files, and files whose
//! names were not brought to the disk.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use super::{Disk, FileId, Space, SystemDisk, read_full};

/// What is written as one, or not at all.
const PAGE: usize = 4_096;

/// A disk whose writes are held back until they are synced.
#[derive(Clone, Debug, Default)]
pub(crate) struct VolatileDisk(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    /// What pages held when they were last synced, by file and number.
    pages: BTreeMap<(u64, u64), (File, Vec<u8>)>,
    /// Files that nobody finds after a cut.
    unnamed: Vec<PathBuf>,
    /// Whether the power is gone.
    is_off: bool,
}

impl VolatileDisk {
    /// Cuts the power: of what was not synced `survives` says what reached the disk all the same.
    pub(crate) fn cut(&self, mut survives: impl FnMut() -> bool) {
        let mut held = self.held();
        held.is_off = true;
        for ((_, page), (file, old)) in std::mem::take(&mut held.pages) {
            if !survives() {
                let length = SystemDisk.length(&file).unwrap();
                let offset = page * PAGE as u64;
                let room = usize::try_from(length.saturating_sub(offset)).unwrap().min(PAGE);
                let mut old = old;
                old.resize(room, 0);
                SystemDisk.write_at(&file, &old, offset).unwrap();
            }
        }
        for path in std::mem::take(&mut held.unnamed) {
            if !survives() {
                fs::remove_file(path).ok();
            }
        }
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap()
    }

    /// The disk, while there is power.
    fn on(&self) -> io::Result<SystemDisk> {
        match self.held().is_off {
            true => Err(io::Error::from_raw_os_error(nix::libc::EIO)),
            false => Ok(SystemDisk),
        }
    }
}

fn number(file: &File) -> u64 {
    file.metadata().unwrap().ino()
}

impl Disk for VolatileDisk {
    fn create_dir(&self, path: &Path) -> io::Result<()> {
        self.on()?.create_dir(path)
    }

    fn list(&self, dir: &Path) -> io::Result<Vec<String>> {
        self.on()?.list(dir)
    }

    fn open(&self, path: &Path) -> io::Result<File> {
        let disk = self.on()?;
        if !path.exists() {
            self.held().unnamed.push(path.to_owned());
        }
        disk.open(path)
    }

    fn open_to_read(&self, path: &Path) -> io::Result<File> {
        self.on()?.open_to_read(path)
    }

    fn lock(&self, file: &File) -> io::Result<bool> {
        self.on()?.lock(file)
    }

    fn allocate(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.on()?.allocate(file, bytes)
    }

    fn length(&self, file: &File) -> io::Result<u64> {
        self.on()?.length(file)
    }

    fn read_at(&self, file: &File, buffer: &mut [u8], offset: u64) -> io::Result<usize> {
        self.on()?.read_at(file, buffer, offset)
    }

    fn write_at(&self, file: &File, bytes: &[u8], offset: u64) -> io::Result<usize> {
        let disk = self.on()?;
        let pages = offset / PAGE as u64..(offset + bytes.len() as u64).div_ceil(PAGE as u64);
        for page in pages {
            let mut held = self.held();
            let key = (number(file), page);
            if let Entry::Vacant(vacant) = held.pages.entry(key) {
                let mut old = vec![0; PAGE];
                let length = read_full(&disk, file, &mut old, page * PAGE as u64)?;
                old.truncate(length);
                vacant.insert((file.try_clone()?, old));
            }
        }
        disk.write_at(file, bytes, offset)
    }

    fn truncate(&self, file: &File, bytes: u64) -> io::Result<()> {
        self.on()?.truncate(file, bytes)
    }

    fn sync(&self, file: &File) -> io::Result<()> {
        let file = number(file);
        self.on()?;
        self.held().pages.retain(|(of, _), _| *of != file);
        Ok(())
    }

    fn sync_dir(&self, dir: &Path) -> io::Result<()> {
        self.on()?;
        self.held().unnamed.retain(|path| path.parent() != Some(dir));
        Ok(())
    }

    fn rename(&self, from: &Path, to: &Path) -> io::Result<()> {
        self.on()?.rename(from, to)?;
        for path in &mut self.held().unnamed {
            if path == from {
                to.clone_into(path);
            }
        }
        Ok(())
    }

    fn remove(&self, path: &Path) -> io::Result<()> {
        self.on()?.remove(path)
    }

    fn space(&self, dir: &Path) -> io::Result<Space> {
        self.on()?.space(dir)
    }

    fn id(&self, path: &Path) -> io::Result<FileId> {
        self.on()?.id(path)
    }
}
