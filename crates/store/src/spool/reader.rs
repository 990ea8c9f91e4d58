//! Reads the records of a segment, whatever stands there.

use std::fs::File;

use crc32c::crc32c;

use super::format::{MARKER, RECORD_HEAD, RECORD_TAIL, RecordHead};
use crate::disk::{Disk, read_full};

/// How much is looked through at once for the next record behind damage.
const LOOKED_AT: usize = 64 << 10;

/// A place in a segment.
#[derive(Debug)]
pub(super) struct Reader {
    pub(super) file: File,
    /// Where the next record begins.
    pub(super) offset: u64,
    /// Points of records whose head was whole, and whose payload was not.
    pub(super) damaged_points: u64,
    /// Whether anything was skipped that was no whole record.
    pub(super) is_damaged: bool,
}

/// A whole record, and where the next one begins.
#[derive(Debug)]
pub(super) struct Found {
    pub(super) head: RecordHead,
    pub(super) payload: Vec<u8>,
    pub(super) next: u64,
}

impl Reader {
    pub(super) fn new(file: File, offset: u64) -> Self {
        Self { file, offset, damaged_points: 0, is_damaged: false }
    }

    /// The next whole record before `end` whose number is among `numbers`. What is damaged is
    /// skipped, and what the system does not give counts as that. Zeros are where nothing was
    /// written.
    pub(super) fn next(
        &mut self,
        disk: &dyn Disk,
        end: u64,
        numbers: &std::ops::Range<u64>,
    ) -> Option<Found> {
        while self.offset < end {
            let Some(head) = self.head(disk, self.offset, end) else {
                self.resync(disk, end);
                continue;
            };
            let next = self.offset + head.bytes();
            if !numbers.contains(&head.number) {
                self.offset = next;
                continue;
            }
            match self.payload(disk, &head) {
                Some(payload) => return Some(Found { head, payload, next }),
                None => {
                    self.is_damaged = true;
                    self.damaged_points += u64::from(head.points);
                    self.offset = next;
                }
            }
        }
        None
    }

    /// The head of the record at an offset, where a whole one stands and its record fits.
    fn head(&self, disk: &dyn Disk, offset: u64, end: u64) -> Option<RecordHead> {
        let mut bytes = [0; RECORD_HEAD];
        let read = read_full(disk, &self.file, &mut bytes, offset).ok()?;
        let head = RecordHead::decode(&bytes).filter(|_| read == RECORD_HEAD)?;
        (offset.checked_add(head.bytes())? <= end).then_some(head)
    }

    fn payload(&self, disk: &dyn Disk, head: &RecordHead) -> Option<Vec<u8>> {
        let length = head.length as usize;
        let mut bytes = vec![0; length + RECORD_TAIL];
        let read =
            read_full(disk, &self.file, &mut bytes, self.offset + RECORD_HEAD as u64).ok()?;
        let is_whole =
            read == bytes.len() && bytes[length..] == crc32c(&bytes[..length]).to_le_bytes();
        bytes.truncate(length);
        is_whole.then_some(bytes)
    }

    /// Goes on at the next head that is whole, or at the end.
    fn resync(&mut self, disk: &dyn Disk, end: u64) {
        let mut buffer = vec![0; LOOKED_AT];
        let mut from = self.offset;
        while from < end {
            let room = usize::try_from(end - from).unwrap_or(LOOKED_AT).min(LOOKED_AT);
            let read = read_full(disk, &self.file, &mut buffer[..room], from).unwrap_or(0);
            let bytes = &buffer[..read];
            self.is_damaged |= bytes.iter().any(|byte| *byte != 0);
            let markers = bytes.windows(MARKER.len()).enumerate();
            for (at, _) in markers.filter(|(_, window)| **window == MARKER) {
                let offset = from + at as u64;
                if offset > self.offset && self.head(disk, offset, end).is_some() {
                    self.offset = offset;
                    return;
                }
            }
            if read < room || read < MARKER.len() {
                break;
            }
            // A marker may begin in the last bytes.
            from += (read - (MARKER.len() - 1)) as u64;
        }
        self.offset = end;
    }
}
