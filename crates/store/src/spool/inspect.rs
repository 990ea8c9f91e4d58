//! Looking at a spool from outside: nothing is changed, and no lock is taken.

use std::io;
use std::path::Path;

use crc32c::crc32c;

use super::format::SEGMENT_HEAD;
use super::front::Front;
use super::reader::Reader;
use super::survey::{decode_merged, survey};
use super::{MERGED_BYTES_MAX, Record};
use crate::disk::{Disk, SystemDisk};
use crate::slots::{Restored, Slots};

/// What was found in a spool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Inspection {
    /// How many segments have records that were not taken.
    pub segments: usize,
    /// How many such records are whole; those that were merged are one.
    pub records: u64,
    /// Their points.
    pub points: u64,
    /// How its state was found.
    pub state: Restored,
    /// Points that were there and are not, as far as that is known.
    pub lost_points: u64,
    /// Whether anything was skipped that is no whole record.
    pub is_damaged: bool,
    /// Files that are no segments of this spool, and why.
    pub foreign: Vec<(String, &'static str)>,
}

/// Reads every record of the spool of this name that was not taken, from the oldest on. The
/// process that has it may go on meanwhile; then some may come that it has taken.
///
/// # Errors
/// The directory cannot be read, or `visit` says so.
pub fn inspect(
    dir: &Path,
    name: &str,
    visit: &mut dyn FnMut(Record) -> io::Result<()>,
) -> io::Result<Inspection> {
    let disk = SystemDisk;
    let survey = survey(&disk, dir, crc32c(name.as_bytes()))?;
    let mut found = Inspection {
        segments: survey.segments.len(),
        records: 0,
        points: 0,
        state: survey.restored,
        lost_points: survey.lost_points,
        is_damaged: survey.is_damaged,
        foreign: survey.foreign.clone(),
    };
    let mut tell = |found: &mut Inspection, record: Record| {
        found.records += 1;
        found.points += u64::from(record.points);
        visit(record)
    };
    if survey.merged.is_some() {
        let (_, _, bytes) = Slots::open(&disk, dir, "merged", MERGED_BYTES_MAX);
        if let Some((_, record)) = bytes.as_deref().and_then(decode_merged) {
            tell(&mut found, record)?;
        }
    }
    let mut front = Front::new(survey.read());
    for segment in &survey.segments {
        let file = disk.open_to_read(&dir.join(&segment.name))?;
        let mut reader = Reader::new(file, SEGMENT_HEAD as u64);
        let mut points = 0;
        while let Some(record) = reader.next(&disk, segment.end, &(front.read()..segment.behind)) {
            let head = record.head;
            front.take(head.number, head.points, record.next);
            reader.offset = record.next;
            points += u64::from(head.points);
            let (timestamp, points, codec) = (head.timestamp, head.points, head.codec);
            tell(&mut found, Record { timestamp, points, codec, payload: record.payload })?;
        }
        found.is_damaged |= reader.is_damaged;
        found.lost_points += segment.points.saturating_sub(points);
    }
    Ok(found)
}

/// Reads any bytes as a segment, for the fuzzer: neither the bytes nor what they say may make it
/// panic, loop or take more memory than they do.
///
/// # Panics
/// It does what it should not.
pub fn fuzz_segment(bytes: &[u8]) {
    use std::io::Write as _;

    let path = std::env::temp_dir().join(format!("gstatsd-fuzz-{}", std::process::id()));
    let Ok(mut file) = SystemDisk.open(&path) else { return };
    if file.write_all(bytes).is_err() {
        return;
    }
    std::fs::remove_file(&path).ok();
    let mut reader = Reader::new(file, 0);
    let mut taken = 0;
    while let Some(found) = reader.next(&SystemDisk, bytes.len() as u64, &(0..u64::MAX)) {
        taken += found.payload.len();
        reader.offset = found.next;
    }
    assert!(taken <= bytes.len(), "records hold more than the file");
}
