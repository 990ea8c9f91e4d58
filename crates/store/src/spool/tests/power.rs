//! F75: a power cut loses what was not synced, any pages of it, and nothing else; and what is left
//! is opened.

use super::*;
use crate::disk::power::VolatileDisk;

/// A number from a seed, and the next seed.
fn chance(seed: &mut u64) -> u64 {
    *seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
    *seed >> 33
}

/// A spool that takes records in and gives some out until the power goes. Gives the seconds of
/// those that were kept and not taken, and of those that were taken.
fn run(dir: &Dir, seed: &mut u64, sync: bool) -> (Vec<i64>, Vec<i64>) {
    let disk = VolatileDisk::default();
    let settings = SpoolSettings { sync, ..settings(MANY) };
    let at = dir.path().join("spool");
    let (mut spool, _) = Spool::open(Box::new(disk.clone()), &at, settings).unwrap();
    let (mut kept, mut taken) = (Vec::new(), Vec::new());
    let count = 20 + chance(seed) % 60;
    for second in 0..count as i64 {
        let fill = chance(seed) % 30_000;
        append(&mut spool, &record(second, 1, fill as usize));
        kept.push(second);
        if chance(seed).is_multiple_of(4) {
            let lent = spool.lend().unwrap();
            spool.confirm();
            assert_eq!(lent.timestamp, kept.remove(0));
            taken.push(lent.timestamp);
        }
    }
    disk.cut(|| chance(seed).is_multiple_of(2));
    (kept, taken)
}

#[test]
fn f75_after_a_power_cut_what_was_synced_is_there() {
    for seed in 0..60 {
        let (dir, mut seed) = (Dir::new("power"), seed);
        let (kept, taken) = run(&dir, &mut seed, true);
        let (mut spool, opened) = open(&dir, MANY);
        let found: Vec<_> = drain(&mut spool).iter().map(|record| record.timestamp).collect();
        assert!(opened.quarantined.is_empty(), "{opened:?}");
        // What was taken last may come again.
        let (again, rest): (Vec<_>, Vec<_>) =
            found.into_iter().partition(|second| taken.contains(second));
        assert_eq!(rest, kept, "{opened:?}");
        assert!(again.is_sorted());
        append(&mut spool, &record(1_000, 1, 10));
    }
}

#[test]
fn f75_without_syncs_a_power_cut_costs_records_and_no_start() {
    for seed in 0..60 {
        let (dir, mut seed) = (Dir::new("power-none"), seed);
        let (kept, taken) = run(&dir, &mut seed, false);
        let (mut spool, _) = open(&dir, MANY);
        let found = drain(&mut spool);
        let seconds: Vec<_> = found.iter().map(|record| record.timestamp).collect();
        assert!(seconds.is_sorted(), "{seconds:?}");
        for record in &found {
            let second = &record.timestamp;
            assert!(kept.contains(second) || taken.contains(second), "{second}");
            // Whole, or not there.
            let fill = record.payload.len() - 8;
            assert_eq!(*record, super::record(*second, 1, fill));
        }
        append(&mut spool, &record(1_000, 1, 10));
        assert_eq!(drain(&mut spool).len(), 1);
    }
}
