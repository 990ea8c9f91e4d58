//! F72: whatever call of the system fails, the others go on and every point is accounted for.

use super::*;
use crate::disk::faults::FaultyDisk;

fn syncing() -> SpoolSettings {
    SpoolSettings { sync: true, ..settings(80 << 10) }
}

/// What became of the points of a run.
#[derive(Debug, Default, PartialEq, Eq)]
struct Outcome {
    /// The seconds of records that the spool took.
    kept: Vec<i64>,
    taken: Vec<i64>,
    losses: Losses,
}

/// Appends and takes for a while; says what became of it. `None` where it could not be opened.
fn run(disk: &FaultyDisk, dir: &Dir) -> Option<Outcome> {
    let mut outcome = Outcome::default();
    let at = dir.path().join("spool");
    let (mut spool, _) = Spool::open(Box::new(disk.clone()), &at, syncing()).ok()?;
    let mut lent_points = 0;
    for second in 0..60 {
        let new = record(second, 10, 1_500);
        if spool.append(&new, &mut Sums::default()).is_ok() {
            outcome.kept.push(second);
        }
        if second % 3 == 0
            && let Some(record) = spool.lend()
        {
            if second % 2 == 0 {
                spool.confirm();
                lent_points += u64::from(record.points);
                outcome.taken.push(record.timestamp);
            } else {
                spool.release();
            }
        }
        let Losses { merged, full, corrupt } = spool.take_losses();
        outcome.losses.merged += merged;
        outcome.losses.full += full;
        outcome.losses.corrupt += corrupt;
        let Losses { merged, full, corrupt } = outcome.losses;
        let accounted = lent_points + spool.pending().points + merged + full + corrupt;
        assert_eq!(accounted, outcome.kept.len() as u64 * 10, "second {second}: {outcome:?}");
    }
    match disk.calls() % 2 {
        0 => spool.close(),
        _ => drop(spool),
    }
    Some(outcome)
}

/// What the next process finds: the seconds.
fn found_later(dir: &Dir) -> Vec<i64> {
    let (mut spool, _) = open(dir, 80 << 10);
    drain(&mut spool).iter().map(|record| record.timestamp).collect()
}

fn sweep(count: u64) {
    let disk = FaultyDisk::new();
    let whole = run(&disk, &Dir::new("sweep")).unwrap();
    assert_eq!(whole.kept.len(), 60);
    assert!(whole.losses.merged > 0, "the run makes room too");
    let calls = disk.calls();
    assert!(calls > 300, "{calls} calls");
    for call in 0..calls {
        let (disk, dir) = (FaultyDisk::new(), Dir::new("sweep"));
        disk.fail(call, count);
        let Some(outcome) = run(&disk, &dir) else { continue };
        let least = 60_usize.saturating_sub(usize::try_from(count).unwrap());
        assert!(outcome.kept.len() >= least, "call {call}: {outcome:?}");
        // What was taken came in order, each once, the merged ones aside.
        assert!(outcome.taken.is_sorted(), "call {call}: {outcome:?}");
        let later = found_later(&dir);
        assert!(later.is_sorted(), "call {call}: {later:?}");
        // The newest record that was kept is there, unless the loss of it was told.
        let newest = outcome.kept.last().unwrap();
        assert!(later.contains(newest) || outcome.losses.corrupt > 0, "call {call}: {later:?}");
    }
}

#[test]
fn f72_every_call_fails_once() {
    sweep(1);
}

#[test]
fn f72_every_call_fails_and_the_nine_after_it() {
    sweep(10);
}

#[test]
fn f73_a_process_that_ends_at_any_call_leaves_what_it_had_kept() {
    let disk = FaultyDisk::new();
    run(&disk, &Dir::new("crash")).unwrap();
    for call in 0..disk.calls() {
        let (disk, dir) = (FaultyDisk::new(), Dir::new("crash"));
        // From there on nothing reaches the system any more, as if the process had ended.
        disk.fail(call, u64::MAX);
        let at = dir.path().join("spool");
        let opened = Spool::open(Box::new(disk.clone()), &at, syncing());
        let mut kept = Vec::new();
        if let Ok((mut spool, _)) = opened {
            for second in 0..60 {
                match spool.append(&record(second, 10, 1_500), &mut Sums::default()) {
                    Ok(()) => kept.push(second),
                    Err(_) => break,
                }
            }
        }
        let (mut spool, opened) = open(&dir, 80 << 10);
        let found = drain(&mut spool);
        let total: u64 = found.iter().map(sum).sum();
        let kept = kept.len() as u64 * 10;
        // The record that was being written when it ended may be there.
        let lost = opened.lost_points;
        assert!((kept..=kept + 10).contains(&(total + lost)), "call {call}: {total}, {kept}");
        assert_eq!(lost, 0, "call {call}");
    }
}

#[test]
fn short_writes_are_gone_on_with() {
    let (disk, dir) = (FaultyDisk::new(), Dir::new("short"));
    disk.set_write_max(100);
    let outcome = run(&disk, &dir).unwrap();
    assert_eq!(outcome.kept.len(), 60);
    assert_eq!(found_later(&dir).last(), Some(&59));
}

#[test]
fn f71_a_full_disk_costs_the_oldest_and_is_used_again_when_there_is_room() {
    let (disk, dir) = (FaultyDisk::new(), Dir::new("full"));
    let (mut spool, _) = open_with(disk.clone(), &dir, MANY);
    spool.settings.bytes_max = 8 * (16 << 10);
    disk.set_room(40 << 10);
    let mut points = 0;
    for second in 0..100 {
        if spool.append(&record(second, 10, 1_500), &mut Sums::default()).is_ok() {
            points += 10;
        }
    }
    assert!(points >= 200, "some of it found room");
    disk.set_room(u64::MAX);
    for second in 100..110 {
        spool.append(&record(second, 10, 1_500), &mut Sums::default()).unwrap();
        points += 10;
    }
    let Losses { merged, full, corrupt } = spool.take_losses();
    let taken = drain(&mut spool);
    let taken_points: u64 = taken.iter().map(|record| u64::from(record.points)).sum();
    assert_eq!(taken_points + merged + full, points);
    assert_eq!(corrupt, 0);
    assert_eq!(taken.last().unwrap().timestamp, 109);
}

#[test]
fn f71_on_a_small_disk_segments_are_small() {
    let (disk, dir) = (FaultyDisk::new(), Dir::new("small"));
    let (mut spool, _) = open_with(disk.clone(), &dir, 1 << 30);
    disk.set_room(256 << 10);
    for second in 0..20 {
        spool.append(&record(second, 10, 1_500), &mut Sums::default()).unwrap();
    }
    assert!(spool.pending().bytes <= 256 << 10);
    assert_eq!(drain(&mut spool).len(), 20);
}
