//! Any bytes as a page of counters: what the fuzzer asks.

use super::*;
use crate::disk::SystemDisk;
use crate::disk::scratch::Scratch;

/// Reads any bytes as a page of these counters, and gives what a process that was killed had
/// counted. Where the first byte is odd, the header is made one of ours: nobody finds a checksum by
/// trying.
///
/// # Panics
/// What is read does not stand there, or what is counted then is not read again.
#[doc(hidden)]
#[must_use]
pub fn fuzz_page(bytes: &[u8], counting: &Counting<'_>) -> Option<Vec<u64>> {
    let (repair, rest) = bytes.split_first()?;
    let mut file = rest.to_vec();
    if repair & 1 != 0 {
        self::repair(&mut file, counting);
    }
    let dir = Scratch::new("page")?;
    let path = dir.path().join("page");
    std::fs::write(&path, &file).ok()?;
    let (page, previous) = Page::open(&SystemDisk, &path, counting).ok()?;
    let found = match previous {
        Previous::Killed { counters, .. } => Some(counters),
        Previous::None | Previous::PowerLost | Previous::Unknown => None,
    };
    if let Some(found) = &found {
        let bytes: Vec<u8> = found.iter().flat_map(|counter| counter.to_le_bytes()).collect();
        assert!(file.ends_with(&bytes) && file.len() == HEADER_WORDS * WORD + bytes.len());
    }
    let mut counts = vec![counting.first; counting.counters];
    if let Some(first) = counts.first_mut() {
        *first = 7;
        page.counter(0).store(7, Ordering::Relaxed);
    }
    drop(page);
    let (_, previous) = Page::open(&SystemDisk, &path, counting).ok()?;
    assert_eq!(previous, Previous::Killed { run: counting.run, counters: counts });
    found
}

/// Makes the begin of a file the header of a process that was killed, with as many counters as
/// stand there.
fn repair(file: &mut [u8], counting: &Counting<'_>) {
    let Some(counters) = (file.len() / WORD).checked_sub(HEADER_WORDS) else { return };
    let header = header(&Counting { counters, ..*counting });
    let words = [&header[..], &[u64::from(header_crc(&header)), 0]].concat();
    for (place, word) in file.chunks_exact_mut(WORD).zip(words) {
        place.copy_from_slice(&word.to_le_bytes());
    }
}
