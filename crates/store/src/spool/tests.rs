//! What goes into a spool comes out of it, in order and once; or it is counted.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_precision_loss,
    clippy::cast_sign_loss,
    reason = "small numbers"
)]

mod damage;
mod faults;
mod model;
mod power;

use std::collections::VecDeque;
use std::fs;

use super::*;
use crate::disk::SystemDisk;
use scratch::Dir;

/// Room for many small segments.
const MANY: u64 = 64 << 20;

fn settings(bytes_max: u64) -> SpoolSettings {
    SpoolSettings { name: "graphite".to_owned(), bytes_max, free_min: 0.0, sync: false }
}

fn open_with(disk: impl Disk + 'static, dir: &Dir, bytes_max: u64) -> (Spool, Opened) {
    Spool::open(Box::new(disk), &dir.path().join("spool"), settings(bytes_max)).unwrap()
}

fn open(dir: &Dir, bytes_max: u64) -> (Spool, Opened) {
    open_with(SystemDisk, dir, bytes_max)
}

/// A record of so many points, whose payload is their sum and then fill.
fn record(timestamp: i64, points: u32, fill: usize) -> Record {
    let mut payload = u64::from(points).to_le_bytes().to_vec();
    payload.extend((0..fill).map(|at| (at as i64 * 7 + timestamp) as u8));
    Record { timestamp, points, codec: 3, payload }
}

/// The sum that a record says.
fn sum(record: &Record) -> u64 {
    format::u64_at(&record.payload, 0)
}

/// Adds up sums; what comes out has the points of the last one alone.
#[derive(Default)]
struct Sums(Option<Record>);

impl Fold for Sums {
    fn add(&mut self, record: &Record) -> bool {
        let before = self.0.replace(record.clone()).map_or(0, |before| sum(&before));
        let now = self.0.as_mut().unwrap();
        now.payload = (before + sum(record)).to_le_bytes().to_vec();
        true
    }

    fn finish(&mut self) -> Option<Record> {
        self.0.take()
    }
}

/// Puts nothing together.
struct Never;

impl Fold for Never {
    fn add(&mut self, _: &Record) -> bool {
        false
    }

    fn finish(&mut self) -> Option<Record> {
        None
    }
}

fn append(spool: &mut Spool, record: &Record) {
    spool.append(record, &mut Never).unwrap();
}

/// Takes all there is.
fn drain(spool: &mut Spool) -> Vec<Record> {
    let mut taken = Vec::new();
    while let Some(record) = spool.lend() {
        spool.confirm();
        taken.push(record);
    }
    assert_eq!((spool.pending().records, spool.pending().points), (0, 0));
    taken
}

fn names(dir: &Dir) -> Vec<String> {
    let mut names = SystemDisk.list(&dir.path().join("spool")).unwrap();
    names.sort_unstable();
    names
}

#[test]
fn records_come_out_in_order_and_across_openings() {
    let dir = Dir::new("order");
    let (mut spool, opened) = open(&dir, 400 << 10);
    assert_eq!((opened.pending, opened.state), (Pending::default(), Restored::Missing));
    let records: Vec<_> = (0..100).map(|at| record(at, at as u32, 2_000)).collect();
    records[..60].iter().for_each(|record| append(&mut spool, record));
    assert!(spool.segments.len() > 1, "they take more than one segment");
    for expected in &records[..10] {
        assert_eq!(spool.lend().as_ref(), Some(expected));
        assert!(spool.lend().is_none(), "one at a time");
        spool.release();
        assert_eq!(spool.lend().as_ref(), Some(expected));
        spool.confirm();
    }
    spool.close();
    let (mut spool, opened) = open(&dir, 400 << 10);
    assert_eq!((opened.state, opened.lost_points), (Restored::Newest, 0));
    assert_eq!((opened.pending.records, opened.pending.points), (50, (10..60).sum()));
    records[60..].iter().for_each(|record| append(&mut spool, record));
    assert_eq!(drain(&mut spool), records[10..]);
    assert_eq!(spool.take_losses(), Losses::default());
    // Nothing but small files stays.
    assert_eq!(names(&dir), ["lock", "state.a", "state.b"]);
}

#[test]
fn a_process_that_is_killed_leaves_everything_to_the_next() {
    let dir = Dir::new("killed");
    let (mut spool, _) = open(&dir, 400 << 10);
    (0..30).for_each(|at| append(&mut spool, &record(at, 1, 1_000)));
    spool.lend();
    spool.confirm();
    spool.lend();
    // Dropped, not closed.
    drop(spool);
    let (mut spool, opened) = open(&dir, 400 << 10);
    assert_eq!((opened.pending.points, opened.lost_points, opened.is_damaged), (29, 0, false));
    let seconds: Vec<_> = drain(&mut spool).iter().map(|record| record.timestamp).collect();
    assert_eq!(seconds, Vec::from_iter(1..30));
}

#[test]
fn f78_a_second_process_is_refused() {
    let dir = Dir::new("locked");
    let (_spool, _) = open(&dir, MANY);
    let second = Spool::open(Box::new(SystemDisk), &dir.path().join("spool"), settings(MANY));
    let error = second.unwrap_err();
    assert!(matches!(error, SpoolError::Locked(_)));
    assert!(error.to_string().ends_with("spool is in use by another process"), "{error}");
}

#[test]
fn without_room_the_oldest_are_merged_and_counted() {
    let dir = Dir::new("merged");
    let (mut spool, _) = open(&dir, 200 << 10);
    let mut losses = Losses::default();
    for at in 0..1_000 {
        spool.append(&record(at, 10, 1_000), &mut Sums::default()).unwrap();
        assert!(spool.pending().bytes <= 200 << 10);
        let more = spool.take_losses();
        losses.merged += more.merged;
        assert_eq!((more.full, more.corrupt), (0, 0));
        assert_eq!(spool.pending().points + losses.merged, (at as u64 + 1) * 10);
        // However often it begins anew.
        if at % 130 == 0 {
            let pending = spool.pending();
            drop(spool);
            let opened;
            (spool, opened) = open(&dir, 200 << 10);
            assert_eq!(
                (opened.pending.records, opened.pending.points, opened.lost_points),
                (pending.records, pending.points, 0)
            );
        }
    }
    let taken = drain(&mut spool);
    assert_eq!(taken.iter().map(sum).sum::<u64>(), 10_000, "the total is whole");
    assert!(sum(&taken[0]) > 1_000, "the first is what was merged");
    let newest: Vec<_> = taken[1..].iter().map(|record| record.timestamp).collect();
    assert_eq!(newest, Vec::from_iter(1_000 - newest.len() as i64..1_000));
    assert!(newest.len() > 50, "half the room and more is left to what was not merged");
}

#[test]
fn what_cannot_be_merged_is_dropped_and_counted() {
    let dir = Dir::new("dropped");
    let (mut spool, _) = open(&dir, 200 << 10);
    (0..500).for_each(|at| append(&mut spool, &record(at, 10, 1_000)));
    let losses = spool.take_losses();
    assert_eq!((losses.merged, losses.corrupt), (0, 0));
    let taken = drain(&mut spool);
    assert_eq!(losses.full + taken.len() as u64 * 10, 5_000);
    assert_eq!(taken.last().unwrap().timestamp, 499);
    let large = spool.append(&record(1, 1, 300 << 10), &mut Never);
    assert!(matches!(large, Err(SpoolError::Full(_))), "{large:?}");
}

#[test]
fn a_record_that_is_being_taken_does_not_make_way() {
    let dir = Dir::new("busy");
    let (mut spool, _) = open(&dir, 200 << 10);
    append(&mut spool, &record(0, 10, 1_000));
    assert_eq!(spool.lend().unwrap().timestamp, 0);
    let busy = (1..500).find_map(|at| spool.append(&record(at, 10, 1_000), &mut Never).err());
    assert!(matches!(busy, Some(SpoolError::Busy)));
    spool.confirm();
    append(&mut spool, &record(500, 10, 1_000));
    let taken = drain(&mut spool);
    assert_eq!(taken.last().unwrap().timestamp, 500);
}

#[test]
fn the_merged_record_is_taken_once() {
    let dir = Dir::new("merged-once");
    let (mut spool, _) = open(&dir, 200 << 10);
    for at in 0..400 {
        spool.append(&record(at, 10, 1_000), &mut Sums::default()).unwrap();
    }
    let before = spool.pending().records;
    spool.lend();
    spool.confirm();
    drop(spool);
    let (mut spool, opened) = open(&dir, 200 << 10);
    assert_eq!((opened.pending.records, opened.lost_points), (before - 1, 0));
    let next = spool.lend().unwrap().timestamp;
    assert_eq!(next, 400 - (before as i64 - 1));
}

#[test]
fn a_share_of_the_file_system_stays_free() {
    let dir = Dir::new("free");
    let settings = SpoolSettings { free_min: 1.0, ..settings(MANY) };
    let dir = dir.path().join("spool");
    let (mut spool, _) = Spool::open(Box::new(SystemDisk), &dir, settings).unwrap();
    let refused = spool.append(&record(0, 1, 10), &mut Never);
    assert!(matches!(refused, Err(SpoolError::Full(_))), "{refused:?}");
}

#[test]
fn f79_a_segment_of_a_later_version_or_another_spool_is_kept_apart() {
    let dir = Dir::new("foreign");
    let (mut spool, _) = open(&dir, MANY);
    append(&mut spool, &record(0, 5, 10));
    spool.close();
    let path = dir.path().join("spool").join(segment_name(1));
    let whole = fs::read(&path).unwrap();
    for (at, byte, why) in
        [(8, 2, "a later version wrote it"), (12, 0, "it belongs to another spool")]
    {
        let mut head: [u8; SEGMENT_HEAD] = whole[..SEGMENT_HEAD].try_into().unwrap();
        head[at] = byte;
        let crc = crc32c(&head[..SEGMENT_HEAD - 4]).to_le_bytes();
        head[SEGMENT_HEAD - 4..].copy_from_slice(&crc);
        let foreign = [&head[..], &whole[SEGMENT_HEAD..]].concat();
        fs::write(&path, &foreign).unwrap();
        let (spool, opened) = open(&dir, MANY);
        assert_eq!(opened.quarantined, [(segment_name(1), why)]);
        assert_eq!(spool.pending().records, 0);
        let kept = dir.path().join("spool/quarantine").join(segment_name(1));
        assert_eq!(fs::read(kept).unwrap(), foreign);
    }
}

#[test]
fn f77_a_directory_that_goes_away_or_is_replaced_is_told() {
    let dir = Dir::new("gone");
    let at = dir.path().join("spool");
    let (mut spool, _) = open(&dir, MANY);
    append(&mut spool, &record(0, 5, 10));
    fs::rename(&at, dir.path().join("elsewhere")).unwrap();
    let gone = spool.append(&record(1, 5, 10), &mut Never);
    assert!(matches!(gone, Err(SpoolError::Gone(_))), "{gone:?}");
    std::os::unix::fs::symlink(dir.path().join("elsewhere"), &at).unwrap();
    let replaced = spool.append(&record(1, 5, 10), &mut Never);
    assert!(matches!(replaced, Err(SpoolError::Gone(_))), "{replaced:?}");
    drop(spool);
    let linked = Spool::open(Box::new(SystemDisk), &at, settings(MANY));
    assert!(matches!(linked, Err(SpoolError::Io { .. })), "{linked:?}");
    fs::remove_file(&at).unwrap();
    fs::rename(dir.path().join("elsewhere"), &at).unwrap();
    assert_eq!(open(&dir, MANY).1.pending.points, 5);
}

#[test]
fn a_record_can_be_put_before_all_others_and_outlives_the_process_there() {
    let dir = Dir::new("first");
    let (mut spool, _) = open(&dir, MANY);
    for second in 1..4 {
        append(&mut spool, &record(second, 2, 100));
    }
    assert_eq!(spool.lend().unwrap().timestamp, 1);
    assert!(!spool.put_first(&record(0, 3, 100)).unwrap(), "one is lent");
    spool.release();
    assert!(spool.put_first(&record(0, 3, 100)).unwrap());
    assert!(!spool.put_first(&record(9, 3, 100)).unwrap(), "its place is taken");
    assert_eq!((spool.pending().records, spool.pending().points), (4, 9));
    spool.close();
    let (mut spool, opened) = open(&dir, MANY);
    assert_eq!((opened.pending.points, opened.lost_points), (9, 0));
    let seconds: Vec<_> = drain(&mut spool).iter().map(|record| record.timestamp).collect();
    assert_eq!(seconds, [0, 1, 2, 3]);
    spool.close();
    assert_eq!(open(&dir, MANY).1.pending.records, 0);
}

#[test]
fn looking_at_a_spool_changes_nothing() {
    let dir = Dir::new("inspect");
    let (mut spool, _) = open(&dir, 200 << 10);
    for at in 0..400 {
        spool.append(&record(at, 10, 1_000), &mut Sums::default()).unwrap();
    }
    let before = names(&dir);
    let mut seen = Vec::new();
    let mut visit = |record: Record| {
        seen.push(record);
        Ok(())
    };
    let found = inspect(&dir.path().join("spool"), "graphite", &mut visit).unwrap();
    assert_eq!((found.records, found.points), {
        let Pending { records, points, .. } = spool.pending();
        (records, points)
    });
    assert_eq!((found.lost_points, found.is_damaged, found.foreign.len()), (0, false, 0));
    assert_eq!(names(&dir), before);
    assert_eq!(drain(&mut spool), seen);
}
