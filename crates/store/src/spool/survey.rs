//! What stands in the directory of a spool. Nothing is changed.

use std::io;
use std::path::Path;

use super::format::{FOOTER, Footer, Head, SEGMENT_HEAD, u32_at, u64_at};
use super::reader::Reader;
use super::{MERGED_BYTES_MAX, Record, STATE_WORDS};
use crate::disk::{Disk, read_full};
use crate::slots::{Restored, Slots};

/// A segment, as far as its records are not taken yet.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    pub(super) name: String,
    /// The number of its first record, or of the first that could have been.
    pub(super) first: u64,
    /// The number behind its last record.
    pub(super) behind: u64,
    pub(super) records: u64,
    pub(super) points: u64,
    /// Where the records end.
    pub(super) end: u64,
    /// The room that it takes on the disk.
    pub(super) bytes: u64,
    /// Whether anything was skipped that was no whole record.
    pub(super) is_damaged: bool,
}

/// What the state says.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct State {
    /// The number of the next record to read.
    pub(super) read: u64,
    /// The number of the next record to be written.
    pub(super) next: u64,
    /// The points of all that is there.
    pub(super) points: u64,
    /// Up to where the merged record was taken that was taken last.
    pub(super) merged_taken: u64,
}

/// The record of all that were merged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Merged {
    /// The number behind the last record that went into it.
    pub(super) behind: u64,
    pub(super) points: u32,
    pub(super) bytes: u64,
}

/// All of it.
#[derive(Debug)]
pub(super) struct Survey {
    /// By their numbers.
    pub(super) segments: Vec<Segment>,
    pub(super) state: Option<State>,
    pub(super) restored: Restored,
    pub(super) state_slots: Slots,
    pub(super) merged: Option<Merged>,
    pub(super) merged_slots: Slots,
    /// The names of files that are no segments of this spool, and why.
    pub(super) foreign: Vec<(String, &'static str)>,
    /// Those of which nothing is needed any more.
    pub(super) done: Vec<String>,
    /// Points that were there and are not.
    pub(super) lost_points: u64,
    /// Whether anything was skipped that was no whole record.
    pub(super) is_damaged: bool,
}

impl State {
    pub(super) fn encode(&self) -> Vec<u8> {
        let words = [self.read, self.next, self.points, self.merged_taken];
        words.map(u64::to_le_bytes).concat()
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        (bytes.len() == STATE_WORDS * size_of::<u64>()).then(|| Self {
            read: u64_at(bytes, 0),
            next: u64_at(bytes, 8),
            points: u64_at(bytes, 16),
            merged_taken: u64_at(bytes, 24),
        })
    }
}

/// The merged record with the number behind what went into it, as bytes.
pub(super) fn encode_merged(behind: u64, record: &Record) -> Vec<u8> {
    let mut bytes = behind.to_le_bytes().to_vec();
    bytes.extend_from_slice(&record.timestamp.to_le_bytes());
    bytes.extend_from_slice(&record.points.to_le_bytes());
    bytes.push(record.codec);
    bytes.extend_from_slice(&record.payload);
    bytes
}

/// And back.
pub(super) fn decode_merged(bytes: &[u8]) -> Option<(u64, Record)> {
    let payload = bytes.get(21..)?.to_vec();
    let record = Record {
        timestamp: u64_at(bytes, 8).cast_signed(),
        points: u32_at(bytes, 16),
        codec: bytes[20],
        payload,
    };
    Some((u64_at(bytes, 0), record))
}

/// Looks at everything in a directory.
pub(super) fn survey(disk: &dyn Disk, dir: &Path, spool: u32) -> io::Result<Survey> {
    let state_max = STATE_WORDS * size_of::<u64>();
    let (state_slots, restored, state) = Slots::open(disk, dir, "state", state_max);
    let (merged_slots, _, merged) = Slots::open(disk, dir, "merged", MERGED_BYTES_MAX);
    let state = state.as_deref().and_then(State::decode);
    let merged_taken = state.map_or(0, |state| state.merged_taken);
    let merged = merged.as_deref().and_then(decode_merged);
    let merged = merged.filter(|(behind, _)| *behind > merged_taken);
    let merged = merged.map(|(behind, record)| Merged {
        behind,
        points: record.points,
        bytes: record.payload.len() as u64,
    });
    let mut survey = Survey {
        segments: Vec::new(),
        state,
        restored,
        state_slots,
        merged,
        merged_slots,
        foreign: Vec::new(),
        done: Vec::new(),
        lost_points: 0,
        is_damaged: false,
    };
    let mut names = disk.list(dir)?;
    names.sort_unstable();
    let mut first_look = Vec::new();
    for name in names.into_iter().filter(|name| name.ends_with(".seg")) {
        match look(disk, dir, &name, spool) {
            Ok(looked) => first_look.push((name, looked)),
            Err(why) => survey.foreign.push((name, why)),
        }
    }
    first_look.sort_by_key(|(_, looked)| looked.first);
    survey.take_in(disk, dir, first_look);
    Ok(survey)
}

/// What the begin and the end of a segment say.
struct Looked {
    first: u64,
    footer: Option<Footer>,
    bytes: u64,
}

fn look(disk: &dyn Disk, dir: &Path, name: &str, spool: u32) -> Result<Looked, &'static str> {
    // Its name says the number of the first record; the head says so too, with a checksum.
    let named = name.strip_suffix(".seg").and_then(|stem| u64::from_str_radix(stem, 16).ok());
    let named = named.ok_or("its name is none of ours")?;
    let file = disk.open_to_read(&dir.join(name)).map_err(|_| "it cannot be opened")?;
    let bytes = disk.length(&file).map_err(|_| "its length is not known")?;
    let mut head = [0; SEGMENT_HEAD];
    read_full(disk, &file, &mut head, 0).map_err(|_| "it cannot be read")?;
    let first = match Head::decode(&head) {
        Head::Newer => return Err("a later version wrote it"),
        Head::Good(head) if head.spool != spool => return Err("it belongs to another spool"),
        Head::Good(head) => head.first,
        Head::Damaged => named,
    };
    let mut footer = [0; FOOTER];
    let footer = match bytes.checked_sub(FOOTER as u64) {
        Some(at) if at >= SEGMENT_HEAD as u64 => {
            read_full(disk, &file, &mut footer, at).map_err(|_| "it cannot be read")?;
            Footer::decode(&footer, bytes)
        }
        _ => None,
    };
    Ok(Looked { first, footer, bytes })
}

impl Survey {
    /// The number of the first record that was not taken.
    pub(super) fn read(&self) -> u64 {
        let merged = self.merged.as_ref().map_or(0, |merged| merged.behind);
        let state = self.state.map_or(0, |state| state.read.max(state.merged_taken));
        state.max(merged)
    }

    /// Counts what each segment holds: where the end of it can be believed, that says so.
    fn take_in(&mut self, disk: &dyn Disk, dir: &Path, looked: Vec<(String, Looked)>) {
        let read = self.read();
        // A state that may be old says nothing of what was lost since.
        let state = self.state.filter(|_| self.restored == Restored::Newest);
        let known = state.map_or(0, |state| state.next);
        let firsts: Vec<u64> = looked.iter().map(|(_, looked)| looked.first).collect();
        let mut found_points = self.merged.as_ref().map_or(0, |merged| u64::from(merged.points));
        let mut damaged_points = 0;
        for (index, (name, Looked { first, footer, bytes })) in looked.into_iter().enumerate() {
            // What a later segment has again is that one's.
            let limit = firsts.get(index + 1).copied().unwrap_or(u64::MAX);
            if limit == first {
                self.foreign.push((name, "there is another one with the same records"));
                continue;
            }
            let mut segment = Segment {
                name,
                first,
                behind: first,
                records: 0,
                points: 0,
                end: bytes,
                bytes,
                is_damaged: false,
            };
            let whole =
                footer.filter(|footer| first >= read && footer.last < limit && footer.last < known);
            if let Some(footer) = whole {
                segment.behind = footer.last + 1;
                (segment.records, segment.points) = (footer.records, footer.points);
                segment.end = footer.end;
                found_points += footer.points;
            } else {
                let end = footer.map_or(bytes, |footer| footer.end);
                let Ok(file) = disk.open_to_read(&dir.join(&segment.name)) else {
                    self.foreign.push((segment.name, "it cannot be opened"));
                    continue;
                };
                let mut reader = Reader::new(file, SEGMENT_HEAD as u64);
                segment.end = SEGMENT_HEAD as u64;
                // A damaged record before what was read is no loss any more.
                while let Some(found) = reader.next(disk, end, &(read..limit)) {
                    segment.behind = found.head.number + 1;
                    segment.records += 1;
                    segment.points += u64::from(found.head.points);
                    if found.head.number < known {
                        found_points += u64::from(found.head.points);
                    }
                    segment.end = found.next;
                    reader.offset = found.next;
                }
                damaged_points += reader.damaged_points;
                segment.is_damaged = reader.is_damaged;
                self.is_damaged |= reader.is_damaged;
            }
            match segment.records {
                0 => self.done.push(segment.name),
                _ => self.segments.push(segment),
            }
        }
        self.lost_points = match state {
            // Where records were merged since, fewer points are the same records.
            Some(state)
                if self.merged.as_ref().is_none_or(|merged| merged.behind <= state.read) =>
            {
                state.points.saturating_sub(found_points)
            }
            _ => damaged_points,
        };
    }
}
