//! One state in two files, of which one is always whole.
//!
//! ```text
//! stem.a, stem.b   magic 8 | version u16 | reserved u16 | length u32 | generation u64
//!                  | payload crc32c u32 | crc32c of the above u32 | payload
//! ```
//!
//! The older one is written over and brought to the disk; from then on it is the newer one.
//! Numbers are little-endian.

mod any_bytes;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crc32c::crc32c;

use crate::disk::{Disk, read_full, write_full};

pub use any_bytes::fuzz_slots;

const MAGIC: [u8; 8] = *b"gstslot\n";
const VERSION: u16 = 1;
const HEADER: usize = 32;

/// A state in two files.
#[derive(Debug)]
pub struct Slots {
    paths: [PathBuf; 2],
    bytes_max: usize,
    generation: u64,
    /// The one to write next: that which is not the best.
    next: usize,
    /// Whether the name of each was brought to the disk.
    named: [bool; 2],
}

/// What was found in the slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Restored {
    /// Nothing was ever written.
    Missing,
    /// The state that was written last.
    Newest,
    /// One file is damaged: it may be the state before the last one.
    Older,
    /// Both files are damaged, or one where the other never was. There is no state.
    Damaged,
    /// What was there was written by a later version; it is in `quarantine` beside the state.
    Newer,
}

impl Restored {
    /// One word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Missing => "missing",
            Self::Newest => "newest",
            Self::Older => "older",
            Self::Damaged => "damaged",
            Self::Newer => "newer_version",
        }
    }
}

/// What one file holds.
enum Slot {
    Missing,
    Whole(u64, Vec<u8>),
    Damaged,
    Newer,
}

impl Slots {
    /// Reads the state of `stem.a` and `stem.b` in a directory: the newest that is whole, and
    /// how it was found. A file that cannot be read counts as damaged. States of more than
    /// `bytes_max` bytes are neither read nor written.
    #[must_use]
    pub fn open(
        disk: &dyn Disk,
        dir: &Path,
        stem: &str,
        bytes_max: usize,
    ) -> (Self, Restored, Option<Vec<u8>>) {
        let paths = ["a", "b"].map(|slot| dir.join(format!("{stem}.{slot}")));
        let [a, b] = [&paths[0], &paths[1]].map(|path| {
            let slot = read(disk, path, bytes_max);
            if matches!(slot, Slot::Newer) {
                // Whoever goes back to the later version finds it there.
                put_aside(disk, path).ok();
            }
            slot
        });
        let named = [false; 2];
        let slots =
            |generation, next| Self { paths: paths.clone(), bytes_max, generation, next, named };
        match (a, b) {
            (Slot::Whole(a, payload), Slot::Whole(b, _)) if is_later(a, b) => {
                (slots(a, 1), Restored::Newest, Some(payload))
            }
            (Slot::Whole(..), Slot::Whole(b, payload)) => {
                (slots(b, 0), Restored::Newest, Some(payload))
            }
            (Slot::Whole(a, payload), other) => (slots(a, 1), beside(&other), Some(payload)),
            (other, Slot::Whole(b, payload)) => (slots(b, 0), beside(&other), Some(payload)),
            (Slot::Missing, Slot::Missing) => (slots(0, 0), Restored::Missing, None),
            (Slot::Newer, _) | (_, Slot::Newer) => (slots(0, 0), Restored::Newer, None),
            _ => (slots(0, 0), Restored::Damaged, None),
        }
    }

    /// Writes a state over the older one. With `durable` it is on the disk when this returns.
    ///
    /// # Errors
    /// It is too large, or the system says so. The state before it stands then.
    pub fn write(&mut self, disk: &dyn Disk, payload: &[u8], durable: bool) -> io::Result<()> {
        let length = u32::try_from(payload.len()).ok().filter(|_| payload.len() <= self.bytes_max);
        let Some(length) = length else {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "the state is too large"));
        };
        let path = &self.paths[self.next];
        let mut header = Vec::with_capacity(HEADER);
        header.extend_from_slice(&MAGIC);
        header.extend_from_slice(&VERSION.to_le_bytes());
        header.extend_from_slice(&[0; 2]);
        header.extend_from_slice(&length.to_le_bytes());
        header.extend_from_slice(&self.generation.wrapping_add(1).to_le_bytes());
        header.extend_from_slice(&crc32c(payload).to_le_bytes());
        header.extend_from_slice(&crc32c(&header).to_le_bytes());
        let file = disk.open(path)?;
        // Not as one: the payload may be large, and is whole only with its checksum anyway.
        let written = write_full(disk, &file, &header, 0)
            .and_then(|()| write_full(disk, &file, payload, HEADER as u64))
            .and_then(|()| match durable {
                true => self.bring_to_disk(disk, &file, path),
                false => Ok(()),
            });
        if let Err(error) = written {
            self.named[self.next] = false;
            // What stands there now nobody knows; another sync of it would prove nothing.
            disk.remove(path).ok();
            return Err(error);
        }
        self.named[self.next] |= durable;
        self.generation = self.generation.wrapping_add(1);
        self.next = 1 - self.next;
        Ok(())
    }

    /// A file that nobody finds is no better than none.
    fn bring_to_disk(&self, disk: &dyn Disk, file: &File, path: &Path) -> io::Result<()> {
        disk.sync(file)?;
        match path.parent().filter(|_| !self.named[self.next]) {
            Some(dir) => disk.sync_dir(dir),
            None => Ok(()),
        }
    }

    /// Puts both files aside, into `quarantine` beside them: for who finds that another version
    /// wrote the payload.
    ///
    /// # Errors
    /// As the system says.
    pub fn quarantine(&mut self, disk: &dyn Disk) -> io::Result<()> {
        self.named = [false; 2];
        for path in &self.paths {
            match put_aside(disk, path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }

    /// Removes both files, so that there is no state. Those that stay are harmless to nobody: a
    /// caller that cannot have them must say so in a state of its own.
    ///
    /// # Errors
    /// As the system says.
    pub fn clear(&mut self, disk: &dyn Disk) -> io::Result<()> {
        self.named = [false; 2];
        for path in &self.paths {
            match disk.remove(path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Whether a generation is later than another one. They go round, as a file that says the last one
/// of all may be anybody's.
fn is_later(generation: u64, other: u64) -> bool {
    generation.wrapping_sub(other).cast_signed() > 0
}

/// How a state was found that is whole, beside the other slot.
fn beside(other: &Slot) -> Restored {
    match other {
        Slot::Missing | Slot::Whole(..) => Restored::Newest,
        Slot::Damaged | Slot::Newer => Restored::Older,
    }
}

/// Moves a file into `quarantine` beside it, in place of what that has of this name.
fn put_aside(disk: &dyn Disk, path: &Path) -> io::Result<()> {
    let (Some(dir), Some(name)) = (path.parent(), path.file_name()) else {
        return Err(io::ErrorKind::InvalidInput.into());
    };
    // Only a file that is there makes a directory.
    disk.open_to_read(path)?;
    let dir = dir.join("quarantine");
    disk.create_dir(&dir)?;
    disk.rename(path, &dir.join(name))
}

fn read(disk: &dyn Disk, path: &Path, bytes_max: usize) -> Slot {
    let file = match disk.open_to_read(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Slot::Missing,
        Err(_) => return Slot::Damaged,
    };
    let mut header = [0; HEADER];
    if !matches!(read_full(disk, &file, &mut header, 0), Ok(HEADER)) {
        return Slot::Damaged;
    }
    let (told, crc) = header.split_at(HEADER - 4);
    if told[..8] != MAGIC || crc != crc32c(told).to_le_bytes() {
        return Slot::Damaged;
    }
    if u16::from_le_bytes([told[8], told[9]]) > VERSION {
        return Slot::Newer;
    }
    let number =
        |at: usize| u32::from_le_bytes([told[at], told[at + 1], told[at + 2], told[at + 3]]);
    let (length, payload_crc) = (number(12) as usize, number(24));
    let generation = u64::from(number(16)) | u64::from(number(20)) << 32;
    // No more than the file can have.
    let there = disk.length(&file).unwrap_or(0).saturating_sub(HEADER as u64);
    if length > bytes_max || length as u64 > there {
        return Slot::Damaged;
    }
    let mut payload = vec![0; length];
    match read_full(disk, &file, &mut payload, HEADER as u64) {
        Ok(read) if read == length && crc32c(&payload) == payload_crc => {
            Slot::Whole(generation, payload)
        }
        _ => Slot::Damaged,
    }
}

#[cfg(test)]
mod tests;
