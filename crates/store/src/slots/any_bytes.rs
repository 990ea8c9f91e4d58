//! Any bytes as the two files of a state: what the fuzzer asks.

use super::*;
use crate::disk::SystemDisk;
use crate::disk::scratch::Scratch;

/// The largest state, in bytes.
const BYTES_MAX: usize = 1 << 20;
/// Ours what they say, and their checksums right.
const REPAIR_A: u8 = 1;
const REPAIR_B: u8 = 2;

/// Reads any bytes as the two files of a state, and gives the state where they are one. The first
/// three bytes say which of the files are made ones of ours, and where the second one begins:
/// nobody finds a checksum by trying.
///
/// # Panics
/// What is read stands in neither file, or what is written over it is not read again.
#[doc(hidden)]
#[must_use]
pub fn fuzz_slots(bytes: &[u8]) -> Option<Vec<u8>> {
    let (&[how, low, high], rest) = bytes.split_first_chunk()?;
    let cut = usize::from(u16::from_le_bytes([low, high])) % (rest.len() + 1);
    let (a, b) = rest.split_at(cut);
    let dir = Scratch::new("slots")?;
    for (slot, bytes, repair) in [("a", a, REPAIR_A), ("b", b, REPAIR_B)] {
        let mut file = bytes.to_vec();
        if how & repair != 0 {
            self::repair(&mut file);
        }
        // An empty one is not there.
        if !file.is_empty() {
            std::fs::write(dir.path().join(format!("state.{slot}")), file).ok()?;
        }
    }
    let open = || Slots::open(&SystemDisk, dir.path(), "state", BYTES_MAX);
    let (mut slots, how, found) = open();
    if let Some(found) = &found {
        let is_of = |file: &[u8]| file.get(HEADER..).is_some_and(|at| at.starts_with(found));
        assert!(is_of(a) || is_of(b), "what is read is what stands there");
    }
    let is_there = matches!(how, Restored::Newest | Restored::Older);
    assert_eq!(found.is_some(), is_there, "{how:?}");
    for state in [&b"one"[..], b"another", b""] {
        slots.write(&SystemDisk, state, false).ok()?;
        let (again, how, read) = open();
        assert_eq!(read.as_deref(), Some(state), "what was written last is read: {how:?}");
        slots = again;
    }
    found
}

/// Makes a file one of ours, with what it has behind the header.
fn repair(file: &mut [u8]) {
    let Some((header, payload)) = file.split_first_chunk_mut::<HEADER>() else { return };
    header[..8].copy_from_slice(&MAGIC);
    header[8..10].copy_from_slice(&VERSION.to_le_bytes());
    #[expect(clippy::cast_possible_truncation, reason = "a fuzzer makes no gigabytes")]
    header[12..16].copy_from_slice(&(payload.len() as u32).to_le_bytes());
    header[24..28].copy_from_slice(&crc32c(payload).to_le_bytes());
    let crc = crc32c(&header[..HEADER - 4]).to_le_bytes();
    header[HEADER - 4..].copy_from_slice(&crc);
}
