//! Counters in a file that is mapped into memory. They outlive the process: what the system has
//! taken into its page cache is there after a kill, though not after a power cut.
//!
//! ```text
//! words of 64 bits: magic | version | layout | boot id, 2 words | run | crc32c | ended | counters
//! ```

mod any_bytes;
mod mapping;

use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crc32c::crc32c;

use crate::disk::{Disk, read_full};
use mapping::Mapping;

pub use any_bytes::fuzz_page;

/// How many counters a page can hold.
pub const COUNTERS_MAX: usize = 65_536;

const MAGIC: u64 = u64::from_le_bytes(*b"gstpage\n");
const VERSION: u64 = 1;
/// The words before the counters, and what stands in some of them.
const HEADER_WORDS: usize = 8;
const CRC: usize = 6;
const ENDED: usize = 7;
const WORD: usize = size_of::<u64>();

/// Counters that outlive the process.
#[derive(Debug)]
pub struct Page {
    mapping: Mapping,
    /// Keeps the lock.
    file: File,
}

/// The counters as the process before left them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Previous {
    /// There was none, or it ended in order.
    None,
    /// It was killed, and this is what it had counted.
    Killed {
        /// The number that it gave itself.
        run: u64,
        /// What it had counted.
        counters: Vec<u64>,
    },
    /// The system went down with it, so what stands there may be old.
    PowerLost,
    /// The file is damaged, or of a version that counts other things.
    Unknown,
}

/// Who counts, and what.
#[derive(Clone, Copy, Debug)]
pub struct Counting<'a> {
    /// Tells boots of the system apart.
    pub boot_id: [u8; 16],
    /// Tells processes apart.
    pub run: u64,
    /// What the counters mean, in any words: others mean other counters.
    pub layout: &'a str,
    /// How many there are, at most [`COUNTERS_MAX`].
    pub counters: usize,
    /// What each is at first.
    pub first: u64,
}

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum PageError {
    /// Another process has it.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The system says so.
    #[error("{}: {what}", path.display())]
    Io {
        /// Of which file.
        path: PathBuf,
        /// What could not be done.
        what: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

impl Page {
    /// Reads what the process before left, and begins anew with every counter at its first value.
    ///
    /// # Errors
    /// Another process counts there, or the system refuses the file.
    ///
    /// # Panics
    /// More than [`COUNTERS_MAX`] counters are asked for.
    pub fn open(
        disk: &dyn Disk,
        path: &Path,
        counting: &Counting<'_>,
    ) -> Result<(Self, Previous), PageError> {
        assert!(counting.counters <= COUNTERS_MAX, "a page has {COUNTERS_MAX} counters at most");
        let failed = |what| move |source| PageError::Io { path: path.to_owned(), what, source };
        let file = disk.open(path).map_err(failed("cannot open it"))?;
        if !disk.lock(&file).map_err(failed("cannot lock it"))? {
            return Err(PageError::Locked(path.to_owned()));
        }
        let previous = read(disk, &file, counting).map_err(failed("cannot read it"))?;
        let bytes = (HEADER_WORDS + counting.counters) * WORD;
        // Cut first, so that nothing old stands behind a header that says otherwise; and with
        // its room taken, as a write to a mapping without room ends the process.
        disk.truncate(&file, 0).map_err(failed("cannot cut it off"))?;
        disk.allocate(&file, bytes as u64).map_err(failed("has no room"))?;
        let mapping = Mapping::new(&file, bytes).map_err(failed("cannot map it"))?;
        let header = header(counting);
        for (index, word) in header.iter().enumerate() {
            mapping.word(index).store(*word, Ordering::Relaxed);
        }
        // Nobody believes them before the checksum of the header stands there.
        for counter in 0..counting.counters {
            mapping.word(HEADER_WORDS + counter).store(counting.first, Ordering::Relaxed);
        }
        mapping.word(CRC).store(u64::from(header_crc(&header)), Ordering::Release);
        Ok((Self { mapping, file }, previous))
    }

    /// A counter, by its number from 0. Relaxed order is enough for one that only grows.
    ///
    /// # Panics
    /// There are not so many.
    #[must_use]
    pub fn counter(&self, number: usize) -> &AtomicU64 {
        self.mapping.word(HEADER_WORDS + number)
    }

    /// Brings it to the disk, so that it outlives the machine too as it stands now.
    ///
    /// # Errors
    /// As the system says.
    pub fn sync(&self, disk: &dyn Disk) -> io::Result<()> {
        disk.sync(&self.file)
    }

    /// Says that the process ends in order, so that the next one finds nothing lost.
    pub fn end(&self) {
        self.mapping.word(ENDED).store(1, Ordering::Release);
    }
}

/// The words before the checksum.
fn header(counting: &Counting<'_>) -> [u64; CRC] {
    let id = counting.boot_id;
    let half = |at: usize| u64::from_le_bytes(std::array::from_fn(|index| id[at + index]));
    let layout = u64::from(crc32c(counting.layout.as_bytes())) << 32 | counting.counters as u64;
    [MAGIC, VERSION, layout, half(0), half(8), counting.run]
}

fn header_crc(header: &[u64; CRC]) -> u32 {
    crc32c(&header.map(u64::to_le_bytes).concat())
}

fn read(disk: &dyn Disk, file: &File, counting: &Counting<'_>) -> io::Result<Previous> {
    let bytes = usize::try_from(disk.length(file)?).unwrap_or(usize::MAX);
    if bytes == 0 {
        return Ok(Previous::None);
    }
    if !(HEADER_WORDS * WORD..=(HEADER_WORDS + COUNTERS_MAX) * WORD).contains(&bytes) {
        return Ok(Previous::Unknown);
    }
    let mut raw = vec![0; bytes];
    if read_full(disk, file, &mut raw, 0)? != bytes {
        return Ok(Previous::Unknown);
    }
    let words: Vec<u64> = raw
        .chunks_exact(WORD)
        .map(|word| u64::from_le_bytes(std::array::from_fn(|index| word[index])))
        .collect();
    let mut found = [0; CRC];
    found.copy_from_slice(&words[..CRC]);
    let expected = header(counting);
    // The number of counters may differ; what they mean may not.
    let counters = usize::try_from(found[2] & u64::from(u32::MAX)).unwrap_or(usize::MAX);
    let is_ours = found[..2] == expected[..2]
        && found[2] >> 32 == expected[2] >> 32
        && words[CRC] == u64::from(header_crc(&found))
        && bytes.is_multiple_of(WORD)
        && words.len() == HEADER_WORDS.saturating_add(counters);
    Ok(match () {
        () if !is_ours => Previous::Unknown,
        () if words[ENDED] != 0 => Previous::None,
        () if found[3..5] != expected[3..5] => Previous::PowerLost,
        () => Previous::Killed { run: found[5], counters: words[HEADER_WORDS..].to_vec() },
    })
}

#[cfg(test)]
mod tests;
