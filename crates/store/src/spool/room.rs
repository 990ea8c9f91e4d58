//! Room for records: new segments, and what makes way for them.

use std::io;

use super::format::{FOOTER, Footer};
use super::front::{Lent, remove};
use super::survey::{Merged, Segment, encode_merged};
use super::{
    Fold, MERGED_BYTES_MAX, Record, SEGMENT_HEAD, SegmentHead, Spool, SpoolError, segment_name,
    write_full,
};
use crate::disk::Space;

/// The usual size of a segment, in bytes, and the least; and how many the quota is for.
const SEGMENT_BYTES: u64 = 16 << 20;
const SEGMENT_BYTES_MIN: u64 = 16 << 10;
const SEGMENTS: u64 = 8;
/// What is made ready for the next segment.
const SPARE: &str = "spare";
/// Where files go that are not ours to read.
const QUARANTINE: &str = "quarantine";
/// The file there that holds the last segment with damage.
const DAMAGED: &str = "damaged.seg";

/// Why a spool takes nothing now: its file system has less free than it is to leave there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Shortage {
    /// What is free, in bytes.
    pub free: u64,
    /// What is to stay free, in bytes.
    pub kept: u64,
}

impl Spool {
    /// Whether its file system has no room for another segment, where the last one is full or was
    /// never begun. `None` too where the system does not tell.
    #[must_use]
    pub fn shortage(&self) -> Option<Shortage> {
        let tail = self.segments.back().filter(|_| self.tail.is_some());
        let is_room_in = |segment: &Segment| segment.end + SEGMENT_BYTES_MIN <= segment.bytes;
        if self.spare.is_some() || tail.is_some_and(is_room_in) {
            return None;
        }
        let space = self.disk.space(&self.dir).ok()?;
        let kept = self.kept(space);
        let is_short = space.free < kept.saturating_add(SEGMENT_BYTES_MIN);
        is_short.then_some(Shortage { free: space.free, kept })
    }

    /// What is to stay free of its file system, in bytes.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a disk is no exact thing"
    )]
    fn kept(&self, space: Space) -> u64 {
        (space.total as f64 * self.settings.free_min) as u64
    }

    /// The room that is taken on the disk.
    pub(super) fn bytes(&self) -> u64 {
        let segments: u64 = self.segments.iter().map(|segment| segment.bytes).sum();
        segments + self.spare.unwrap_or(0) + self.merged.as_ref().map_or(0, |merged| merged.bytes)
    }

    /// Begins a segment with room for so many bytes.
    pub(super) fn begin_segment(
        &mut self,
        needed: u64,
        created: i64,
        fold: &mut dyn Fold,
    ) -> Result<(), SpoolError> {
        let usual = (self.settings.bytes_max / SEGMENTS).clamp(SEGMENT_BYTES_MIN, SEGMENT_BYTES);
        let least = needed.max(SEGMENT_BYTES_MIN);
        let mut bytes = needed.max(usual);
        if self.spare.is_some_and(|spare| spare < needed) {
            self.remove_spare();
        }
        while self.spare.is_none() {
            let error = match self.make_spare(bytes) {
                Ok(()) => break,
                Err(error) => error,
            };
            let is_in_quota = self.bytes() + bytes <= self.settings.bytes_max;
            if is_in_quota && bytes > least {
                // The disk is nearly full: there may be room for a smaller one.
                bytes = (bytes / 4).max(least);
            } else if !self.make_room(fold)? {
                return Err(error);
            }
        }
        let bytes = self.spare.take().unwrap_or(bytes);
        // Somebody may have given a segment another name. Numbers may have gaps.
        while self.segments.iter().any(|segment| segment.name == segment_name(self.next)) {
            self.next += 1;
        }
        let name = segment_name(self.next);
        let head = SegmentHead { spool: self.id, first: self.next, created }.encode();
        let (spare, path) = (self.path(SPARE), self.path(&name));
        let disk = &*self.disk;
        let begun = disk.open(&spare).and_then(|file| {
            write_full(disk, &file, &head, 0)?;
            disk.rename(&spare, &path)?;
            if self.settings.sync {
                disk.sync_dir(&self.dir)?;
            }
            Ok(file)
        });
        let file = begun.map_err(|source| SpoolError::Io {
            path,
            what: "cannot begin a segment",
            source,
        })?;
        let end = SEGMENT_HEAD as u64;
        let (first, behind) = (self.next, self.next);
        self.segments.push_back(Segment {
            name,
            first,
            behind,
            records: 0,
            points: 0,
            end,
            bytes,
            is_damaged: false,
        });
        self.tail = Some(file);
        // For the next one; where there is no room for it now there may be then.
        self.make_spare(usual).ok();
        Ok(())
    }

    /// Takes the room for a segment.
    fn make_spare(&mut self, bytes: u64) -> Result<(), SpoolError> {
        if self.bytes() + bytes > self.settings.bytes_max {
            return Err(SpoolError::Full(bytes));
        }
        let path = self.path(SPARE);
        let failed = |what| {
            let path = path.clone();
            move |source| SpoolError::Io { path, what, source }
        };
        let space = self.disk.space(&self.dir).map_err(failed("cannot tell the room"))?;
        if space.free < self.kept(space).saturating_add(bytes) {
            return Err(SpoolError::Full(bytes));
        }
        let made = self.disk.open(&path).and_then(|file| {
            // Of what stood there before nothing may look like a record.
            self.disk.truncate(&file, 0)?;
            self.disk.allocate(&file, bytes)
        });
        match made {
            Ok(()) => self.spare = Some(bytes),
            Err(error) => {
                remove(&*self.disk, &path).ok();
                return Err(failed("no room for a segment")(error));
            }
        }
        Ok(())
    }

    /// Removes what was made ready.
    pub(super) fn remove_spare(&mut self) {
        if self.spare.take().is_some() {
            remove(&*self.disk, &self.path(SPARE)).ok();
        }
    }

    /// Puts the records of the oldest segment together with those that were merged before, and
    /// removes it. Says whether there was one.
    fn make_room(&mut self, fold: &mut dyn Fold) -> Result<bool, SpoolError> {
        if self.segments.is_empty() {
            return Ok(false);
        }
        if matches!(self.lent, Some(Lent::OfSegment { .. } | Lent::Merged)) {
            return Err(SpoolError::Busy);
        }
        if self.segments.len() == 1 {
            self.seal();
        }
        // Points of the merged record, and of the segment: those that went in, and those that
        // did not.
        let mut old = 0;
        if let Some(record) = self.read_merged() {
            old = u64::from(record.points);
            if !fold.add(&record) {
                self.losses.full += old;
                old = 0;
            }
        } else {
            self.drop_merged();
        }
        let (mut new, mut refused, mut taken) = (0, 0, 0);
        while let Some(found) = self.next_of_front() {
            let (number, points) = (found.head.number, found.head.points);
            let (timestamp, codec) = (found.head.timestamp, found.head.codec);
            let record = Record { timestamp, points, codec, payload: found.payload };
            match fold.add(&record) {
                true => new += u64::from(points),
                false => refused += u64::from(points),
            }
            self.front.take(number, points, found.next);
            taken += 1;
        }
        self.losses.full += refused;
        let folded = fold.finish();
        if taken > 0 {
            self.keep_folded(folded, old, new);
        }
        self.finish_front();
        Ok(true)
    }

    /// Keeps the record that was made of the one before, worth `old` points, and of others, worth
    /// `new`; or drops them.
    fn keep_folded(&mut self, folded: Option<Record>, old: u64, new: u64) {
        let behind = self.front.read();
        let kept = folded.filter(|record| record.payload.len() < MERGED_BYTES_MAX);
        let Some(record) = kept else {
            // Nothing of it can be kept, and so the room of the one before is of no use.
            self.losses.full += old + new;
            self.merged_taken = self.merged.take().map_or(self.merged_taken, |it| it.behind);
            return;
        };
        let bytes = encode_merged(behind, &record);
        match self.merged_slots.write(&*self.disk, &bytes, self.settings.sync) {
            Ok(()) => {
                self.losses.merged += (old + new).saturating_sub(u64::from(record.points));
                let bytes = record.payload.len() as u64;
                self.merged = Some(Merged { behind, points: record.points, bytes });
            }
            // The one before stands as it was.
            Err(_) => self.losses.full += new,
        }
    }

    /// Puts a record before all others: in the place of merged ones, where nothing stands there and
    /// nothing is lent. Says whether that could be.
    ///
    /// # Errors
    /// It cannot be kept.
    pub fn put_first(&mut self, record: &Record) -> Result<bool, SpoolError> {
        self.check_dir()?;
        // The first number is 1.
        let behind = self.front.read().max(1);
        let is_free = self.merged.is_none() && self.lent.is_none() && behind > self.merged_taken;
        if !is_free || record.payload.len() >= MERGED_BYTES_MAX {
            return Ok(false);
        }
        let bytes = encode_merged(behind, record);
        if self.merged_slots.write(&*self.disk, &bytes, self.settings.sync).is_err() {
            return Ok(false);
        }
        let bytes = record.payload.len() as u64;
        self.merged = Some(Merged { behind, points: record.points, bytes });
        self.write_state(self.settings.sync).ok();
        Ok(true)
    }

    /// Puts files into quarantine that are not ours to read, removes those that are done with,
    /// and gives back room that an earlier process took.
    pub(super) fn tidy(&mut self, foreign: &[(String, &'static str)], done: &[String]) {
        for (name, _) in foreign {
            let to = self.path(QUARANTINE).join(name);
            self.disk.create_dir(&self.path(QUARANTINE)).ok();
            self.disk.rename(&self.path(name), &to).ok();
        }
        for name in done {
            remove(&*self.disk, &self.path(name)).ok();
        }
        remove(&*self.disk, &self.path(SPARE)).ok();
        let unsealed =
            self.segments.iter_mut().filter(|segment| segment.bytes > segment.end + FOOTER as u64);
        for segment in unsealed {
            let &mut Segment { records, points, end, behind, .. } = segment;
            let footer = Footer { records, points, end, last: behind - 1 };
            let disk = &*self.disk;
            let sealed = disk.open(&self.dir.join(&segment.name)).and_then(|file| {
                write_full(disk, &file, &footer.encode(), end)?;
                disk.truncate(&file, end + FOOTER as u64)
            });
            if sealed.is_ok() {
                segment.bytes = end + FOOTER as u64;
            }
        }
    }

    /// Keeps a segment with damage for whoever wants to look at it, in place of the one before.
    pub(super) fn quarantine(&self, name: &str) -> io::Result<()> {
        self.disk.create_dir(&self.path(QUARANTINE))?;
        self.disk.rename(&self.path(name), &self.path(QUARANTINE).join(DAMAGED))
    }
}
