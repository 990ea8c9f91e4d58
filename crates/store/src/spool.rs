//! A queue of records on disk, for what a peer does not take now.
//!
//! ```text
//! DIR/lock                  held as long as the spool is open
//! DIR/%016x.seg             segments, by the number of their first record
//! DIR/spare                 room for the next segment
//! DIR/state.a, state.b      how far was read, and how many points are there
//! DIR/merged.a, merged.b    one record of all that were merged to save room
//! DIR/quarantine/           files that are not ours to read
//! ```
//!
//! Records have checksums of their own, so that damage costs the records it lies in and no others.
//! What is taken is forgotten in this order: the state is brought to the disk, the segment is
//! removed, its directory is brought to the disk. So a crash gives a record twice rather than
//! never.

mod format;
mod front;
mod inspect;
mod reader;
mod room;
#[cfg(test)]
pub(crate) mod scratch;
mod survey;

use std::collections::VecDeque;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

use crc32c::crc32c;

use crate::disk::{Disk, FileId, write_full};
use crate::slots::{Restored, Slots};
use format::{FOOTER, Footer, RECORD_HEAD, RECORD_TAIL, RecordHead, SEGMENT_HEAD, SegmentHead};
pub use inspect::{Inspection, fuzz_segment, inspect};
pub use room::Shortage;
use survey::{Merged, Segment, State, Survey, survey};

/// The words of the state.
const STATE_WORDS: usize = 4;
/// The largest record of merged ones, in bytes.
const MERGED_BYTES_MAX: usize = 64 << 20;
/// The largest payload of a record, in bytes.
pub const RECORD_BYTES_MAX: usize = 256 << 20;

/// How a spool behaves.
#[derive(Clone, Debug, PartialEq)]
pub struct SpoolSettings {
    /// Whose it is: a spool of another name is not read.
    pub name: String,
    /// How many bytes it may take on the disk.
    pub bytes_max: u64,
    /// The share of the file system that it leaves free, from 0 to 1.
    pub free_min: f64,
    /// Whether each record is brought to the disk when it is appended. Without, a power cut may
    /// cost some; a crash of the process does not.
    pub sync: bool,
}

/// What is kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Record {
    /// In seconds since the epoch.
    pub timestamp: i64,
    /// What it is worth: what is lost with it is counted in them.
    pub points: u32,
    /// How the payload is encoded, in the caller's words.
    pub codec: u8,
    /// What it says, in the caller's words.
    pub payload: Vec<u8>,
}

/// What is there and was not taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pending {
    /// How many records.
    pub records: u64,
    /// Their points.
    pub points: u64,
    /// The room on the disk, in bytes.
    pub bytes: u64,
}

/// What became of points that were there, other than being taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Losses {
    /// There are fewer since records were merged.
    pub merged: u64,
    /// Dropped, as there was no room.
    pub full: u64,
    /// Damaged, or removed by somebody.
    pub corrupt: u64,
}

/// How a spool was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opened {
    /// What was there.
    pub pending: Pending,
    /// How its state was found.
    pub state: Restored,
    /// Points that were there and are not.
    pub lost_points: u64,
    /// Whether anything was skipped that is no whole record.
    pub is_damaged: bool,
    /// What was put into quarantine, and why.
    pub quarantined: Vec<(String, &'static str)>,
}

/// Makes one record of several, from the oldest to the newest.
pub trait Fold {
    /// Takes one in. Says no where it cannot be put together with those before; it is dropped
    /// then.
    fn add(&mut self, record: &Record) -> bool;

    /// The record of all that were taken in.
    fn finish(&mut self) -> Option<Record>;
}

/// Why a spool does not do what it should. None of it is a reason to stop.
#[derive(Debug, thiserror::Error)]
pub enum SpoolError {
    /// Another process has it.
    #[error("{} is in use by another process", .0.display())]
    Locked(PathBuf),
    /// The directory was removed, moved or replaced.
    #[error("{} is not the directory that it was", .0.display())]
    Gone(PathBuf),
    /// There is no room for a record, and nothing left that could make way for it.
    #[error("no room for {0} bytes: the quota is used up, or what is left of the disk stays free")]
    Full(u64),
    /// A record that would have to make way is just being taken.
    #[error("the oldest records are just being taken")]
    Busy,
    /// The system says so.
    #[error("{}: {what}", path.display())]
    Io {
        /// Of which file or directory.
        path: PathBuf,
        /// What could not be done.
        what: &'static str,
        /// What the system says.
        #[source]
        source: io::Error,
    },
}

/// A queue of records on disk.
#[derive(Debug)]
pub struct Spool {
    disk: Box<dyn Disk>,
    dir: PathBuf,
    dir_id: FileId,
    /// Keeps the lock.
    _lock: File,
    settings: SpoolSettings,
    id: u32,
    segments: VecDeque<Segment>,
    /// The file of the last segment, while it is written.
    tail: Option<File>,
    /// The bytes of the segment that is made ready.
    spare: Option<u64>,
    front: front::Front,
    /// The number of the next record.
    next: u64,
    state: Slots,
    merged: Option<Merged>,
    merged_slots: Slots,
    merged_taken: u64,
    lent: Option<front::Lent>,
    losses: Losses,
}

impl Spool {
    /// Opens the spool in a directory, which is made where it is missing, and reads what is there.
    ///
    /// # Errors
    /// Another process has it, or the system does not give the directory.
    pub fn open(
        disk: Box<dyn Disk>,
        dir: &Path,
        settings: SpoolSettings,
    ) -> Result<(Self, Opened), SpoolError> {
        let failed = |what| move |source| SpoolError::Io { path: dir.to_owned(), what, source };
        disk.create_dir(dir).map_err(failed("cannot make the directory"))?;
        let dir_id = disk.id(dir).map_err(failed("cannot find the directory"))?;
        let lock = disk.open(&dir.join("lock")).map_err(failed("cannot open the lock"))?;
        if !disk.lock(&lock).map_err(failed("cannot lock it"))? {
            return Err(SpoolError::Locked(dir.to_owned()));
        }
        let id = crc32c(settings.name.as_bytes());
        let survey = survey(&*disk, dir, id).map_err(failed("cannot read the directory"))?;
        let read = survey.read();
        let Survey { segments, state, restored, state_slots, merged, merged_slots, .. } = survey;
        let behind = segments.last().map_or(0, |segment| segment.behind);
        let next = state.map_or(0, |state| state.next).max(behind).max(read).max(1);
        let mut spool = Self {
            disk,
            dir: dir.to_owned(),
            dir_id,
            _lock: lock,
            settings,
            id,
            segments: segments.into(),
            tail: None,
            spare: None,
            front: front::Front::new(read),
            next,
            state: state_slots,
            merged,
            merged_slots,
            merged_taken: state.map_or(0, |state| state.merged_taken),
            lent: None,
            losses: Losses { corrupt: survey.lost_points, ..Losses::default() },
        };
        spool.tidy(&survey.foreign, &survey.done);
        spool.write_state(false).ok();
        let opened = Opened {
            pending: spool.pending(),
            state: restored,
            lost_points: survey.lost_points,
            is_damaged: survey.is_damaged,
            quarantined: survey.foreign,
        };
        Ok((spool, opened))
    }

    /// Appends a record. Where there is no room, `fold` makes one of the oldest records, or they
    /// are dropped.
    ///
    /// # Errors
    /// It cannot be kept. What was there before is there all the same.
    pub fn append(&mut self, record: &Record, fold: &mut dyn Fold) -> Result<(), SpoolError> {
        self.check_dir()?;
        let length = u32::try_from(record.payload.len()).ok();
        let length = length.filter(|_| record.payload.len() <= RECORD_BYTES_MAX);
        let length = length.ok_or(SpoolError::Full(record.payload.len() as u64))?;
        let Record { timestamp, points, codec, ref payload } = *record;
        let head = RecordHead { length, number: self.next, timestamp, points, codec };
        let mut bytes = Vec::with_capacity(RECORD_HEAD + payload.len() + RECORD_TAIL);
        bytes.extend_from_slice(&head.encode());
        bytes.extend_from_slice(payload);
        bytes.extend_from_slice(&crc32c(payload).to_le_bytes());
        let needed = (SEGMENT_HEAD + FOOTER + bytes.len()) as u64;
        let has_room = self.tail.is_some()
            && self.segments.back().is_some_and(|segment| {
                segment.end + (bytes.len() + FOOTER) as u64 <= segment.bytes
            });
        if !has_room {
            self.seal();
            self.begin_segment(needed, timestamp, fold)?;
        }
        if self.write_record(&bytes).is_err() {
            // What stands in that segment nobody knows now. Asking to bring it to the disk once
            // more would prove nothing, so the record goes to a new one.
            self.abandon();
            self.begin_segment(needed, timestamp, fold)?;
            if let Err(source) = self.write_record(&bytes) {
                self.abandon();
                let path = self.dir.clone();
                return Err(SpoolError::Io { path, what: "cannot write a record", source });
            }
        }
        let segment = self.segments.back_mut().expect("a segment was begun");
        segment.end += bytes.len() as u64;
        segment.records += 1;
        segment.points += u64::from(points);
        self.next += 1;
        segment.behind = self.next;
        self.write_state(false).ok();
        Ok(())
    }

    /// What is there and was not taken; what is being taken is part of it.
    #[must_use]
    pub fn pending(&self) -> Pending {
        let merged = self.merged.iter().map(|merged| (1, u64::from(merged.points)));
        let segments = self.segments.iter().map(|segment| (segment.records, segment.points));
        let (mut records, mut points) = (0, 0);
        for (of_records, of_points) in merged.chain(segments) {
            records += of_records;
            points += of_points;
        }
        let (taken_records, taken_points) = self.front.taken();
        let bytes = self.bytes();
        let (records, points) =
            (records.saturating_sub(taken_records), points.saturating_sub(taken_points));
        Pending { records, points, bytes }
    }

    /// What became of points other than being taken, since this was last asked.
    pub fn take_losses(&mut self) -> Losses {
        std::mem::take(&mut self.losses)
    }

    /// Seals what is being written and brings all of it to the disk.
    pub fn close(mut self) {
        self.seal();
        self.write_state(self.settings.sync).ok();
        self.remove_spare();
    }

    /// Whether the directory is still the one that was opened.
    fn check_dir(&self) -> Result<(), SpoolError> {
        match self.disk.id(&self.dir) {
            Ok(id) if id == self.dir_id => Ok(()),
            Ok(_) => Err(SpoolError::Gone(self.dir.clone())),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                Err(SpoolError::Gone(self.dir.clone()))
            }
            Err(source) => {
                let path = self.dir.clone();
                Err(SpoolError::Io { path, what: "cannot find the directory", source })
            }
        }
    }

    fn write_record(&self, bytes: &[u8]) -> io::Result<()> {
        let segment = self.segments.back().ok_or(io::ErrorKind::NotFound)?;
        let file = self.tail.as_ref().ok_or(io::ErrorKind::NotFound)?;
        write_full(&*self.disk, file, bytes, segment.end)?;
        match self.settings.sync {
            true => self.disk.sync(file),
            false => Ok(()),
        }
    }

    /// Writes no more to the segment that is written.
    fn abandon(&mut self) {
        self.tail = None;
        // One without records makes way for the next, which has its name.
        if self.segments.pop_back_if(|segment| segment.records == 0).is_some() {
            self.front.forget_reader_if(self.segments.is_empty());
        }
    }

    /// Ends the segment that is written, and gives back the room that it does not need.
    fn seal(&mut self) {
        let (Some(file), Some(segment)) = (self.tail.take(), self.segments.back_mut()) else {
            return;
        };
        let &mut Segment { records, points, end, behind, .. } = segment;
        // Where records of it were taken, its footer is not believed.
        let footer = Footer { records, points, end, last: behind - 1 };
        let disk = &*self.disk;
        let written = write_full(disk, &file, &footer.encode(), end)
            .and_then(|()| disk.truncate(&file, end + FOOTER as u64));
        // A segment without a footer is read record by record.
        if written.is_ok() {
            segment.bytes = end + FOOTER as u64;
            if self.settings.sync {
                disk.sync(&file).ok();
            }
        }
    }

    fn write_state(&mut self, durable: bool) -> io::Result<()> {
        let state = State {
            read: self.front.read(),
            next: self.next,
            points: self.pending().points,
            merged_taken: self.merged_taken,
        };
        self.state.write(&*self.disk, &state.encode(), durable)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }
}

/// The name of the segment whose first record has this number.
fn segment_name(first: u64) -> String {
    format!("{first:016x}.seg")
}

#[cfg(test)]
mod tests;
