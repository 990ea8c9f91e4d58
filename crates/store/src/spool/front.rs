//! Taking records out of a spool, the oldest first.

use std::io;

use super::format::SEGMENT_HEAD;
use super::reader::{Found, Reader};
use super::survey::decode_merged;
use super::{MERGED_BYTES_MAX, Record, Spool};
use crate::disk::Disk;
use crate::slots::Slots;

/// The oldest segment, as far as it was read.
#[derive(Debug)]
pub(super) struct Front {
    /// The number of the next record.
    read: u64,
    reader: Option<Reader>,
    /// Of the oldest segment, what was taken.
    records: u64,
    points: u64,
}

/// A record that is being taken.
#[derive(Debug)]
pub(super) enum Lent {
    /// That of those that were merged.
    Merged,
    /// One of the oldest segment.
    OfSegment { number: u64, points: u32, next: u64 },
}

impl Front {
    pub(super) fn new(read: u64) -> Self {
        Self { read, reader: None, records: 0, points: 0 }
    }

    /// The number of the next record.
    pub(super) fn read(&self) -> u64 {
        self.read
    }

    /// How many records of the oldest segment were taken, and their points.
    pub(super) fn taken(&self) -> (u64, u64) {
        (self.records, self.points)
    }

    /// Reads the oldest segment from its begin, where that is another one now.
    pub(super) fn forget_reader_if(&mut self, is_another: bool) {
        if is_another {
            self.reader = None;
        }
    }

    /// A record of the oldest segment is taken.
    pub(super) fn take(&mut self, number: u64, points: u32, next: u64) {
        self.read = number + 1;
        self.records += 1;
        self.points += u64::from(points);
        if let Some(reader) = &mut self.reader {
            reader.offset = next;
        }
    }
}

impl Spool {
    /// The oldest record, which stays until [`confirm`](Self::confirm); `None` where there is
    /// none, or one is lent already.
    pub fn lend(&mut self) -> Option<Record> {
        if self.lent.is_some() {
            return None;
        }
        if let Some(record) = self.lend_merged() {
            return Some(record);
        }
        while !self.segments.is_empty() {
            if let Some(Found { head, payload, next }) = self.next_of_front() {
                let (number, points) = (head.number, head.points);
                self.lent = Some(Lent::OfSegment { number, points, next });
                let (timestamp, codec) = (head.timestamp, head.codec);
                return Some(Record { timestamp, points, codec, payload });
            }
            self.finish_front();
        }
        self.remove_spare();
        None
    }

    /// The record that was lent is taken.
    pub fn confirm(&mut self) {
        match self.lent.take() {
            None => return,
            Some(Lent::Merged) => {
                self.merged_taken = self.merged.take().map_or(0, |merged| merged.behind);
                self.write_state(self.settings.sync).ok();
                self.merged_slots.clear(&*self.disk).ok();
            }
            Some(Lent::OfSegment { number, points, next }) => {
                self.front.take(number, points, next);
                self.write_state(false).ok();
            }
        }
        if self.pending().records == 0 {
            // Removes what is empty; there is nothing that it could lend.
            self.lend();
        }
    }

    /// The record that was lent is not taken, and stays.
    pub fn release(&mut self) {
        self.lent = None;
    }

    fn lend_merged(&mut self) -> Option<Record> {
        self.merged.as_ref()?;
        let record = self.read_merged();
        match record {
            Some(_) => self.lent = Some(Lent::Merged),
            None => self.drop_merged(),
        }
        record
    }

    /// Reads the record of merged ones.
    pub(super) fn read_merged(&self) -> Option<Record> {
        let merged = self.merged.as_ref()?;
        let (_, _, bytes) = Slots::open(&*self.disk, &self.dir, "merged", MERGED_BYTES_MAX);
        let (behind, record) = bytes.as_deref().and_then(decode_merged)?;
        (behind == merged.behind).then_some(record)
    }

    /// Gives up the record of merged ones, which is damaged.
    pub(super) fn drop_merged(&mut self) {
        if let Some(merged) = self.merged.take() {
            self.losses.corrupt += u64::from(merged.points);
            self.merged_taken = merged.behind;
        }
    }

    /// The next record of the oldest segment.
    pub(super) fn next_of_front(&mut self) -> Option<Found> {
        let segment = self.segments.front()?;
        if self.front.reader.is_none() {
            let file = self.disk.open_to_read(&self.dir.join(&segment.name)).ok()?;
            self.front.reader = Some(Reader::new(file, SEGMENT_HEAD as u64));
        }
        // What a later segment has again is that one's.
        let numbers = self.front.read..segment.behind;
        let reader = self.front.reader.as_mut()?;
        reader.next(&*self.disk, segment.end, &numbers)
    }

    /// Forgets the oldest segment: what it should have had and was not found is lost.
    pub(super) fn finish_front(&mut self) {
        let Some(segment) = self.segments.pop_front() else { return };
        let lost = segment.points.saturating_sub(self.front.points);
        self.losses.corrupt += lost;
        if self.segments.is_empty() {
            self.tail = None;
        }
        self.front = Front::new(segment.behind.max(self.front.read));
        self.write_state(self.settings.sync).ok();
        let path = self.path(&segment.name);
        let quarantined =
            (lost > 0 || segment.is_damaged) && self.quarantine(&segment.name).is_ok();
        if !quarantined {
            remove(&*self.disk, &path).ok();
        }
        if self.settings.sync {
            self.disk.sync_dir(&self.dir).ok();
        }
    }
}

/// Removes a file that may be gone already.
pub(super) fn remove(disk: &dyn Disk, path: &std::path::Path) -> io::Result<()> {
    match disk.remove(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}
