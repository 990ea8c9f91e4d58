//! The state that is read is the last one, or the one before it, or none; and never another.

use std::fs;

use proptest::prelude::*;

use super::*;
use crate::SystemDisk;
use crate::disk::faults::FaultyDisk;
use crate::disk::power::VolatileDisk;
use crate::spool::scratch;

const MAX: usize = 1_000;

fn open(dir: &scratch::Dir) -> (Slots, Restored, Option<Vec<u8>>) {
    Slots::open(&SystemDisk, dir.path(), "state", MAX)
}

fn write(slots: &mut Slots, payload: &[u8]) {
    slots.write(&SystemDisk, payload, true).unwrap();
}

#[test]
fn the_state_that_was_written_last_is_read() {
    let dir = scratch::Dir::new("slots-last");
    assert!(matches!(open(&dir), (_, Restored::Missing, None)));
    for round in 0..5_u8 {
        let (mut slots, ..) = open(&dir);
        write(&mut slots, &[round, 1]);
        write(&mut slots, &[round; 30][..usize::from(round) * 5]);
        let (_, how, payload) = open(&dir);
        assert_eq!(how, Restored::Newest);
        assert_eq!(payload.unwrap(), [round; 30][..usize::from(round) * 5]);
    }
    let (mut slots, ..) = open(&dir);
    slots.clear(&SystemDisk).unwrap();
    assert!(matches!(open(&dir), (_, Restored::Missing, None)));
}

#[test]
fn a_bit_or_a_cut_in_one_file_gives_the_state_of_the_other() {
    let dir = scratch::Dir::new("slots-damage");
    let (mut slots, ..) = open(&dir);
    write(&mut slots, b"first");
    write(&mut slots, b"second");
    for (name, other) in [("state.a", &b"second"[..]), ("state.b", b"first")] {
        let path = dir.path().join(name);
        let whole = fs::read(&path).unwrap();
        for byte in 0..whole.len() {
            let mut flipped = whole.clone();
            flipped[byte] ^= 0x40;
            for damaged in [&flipped, &whole[..byte]] {
                fs::write(&path, damaged).unwrap();
                let (_, how, payload) = open(&dir);
                assert_eq!((how, payload.as_deref()), (Restored::Older, Some(other)));
            }
        }
        fs::write(&path, &whole).unwrap();
    }
    fs::write(dir.path().join("state.a"), b"x").unwrap();
    fs::write(dir.path().join("state.b"), vec![0; 4_096]).unwrap();
    let (mut slots, how, payload) = open(&dir);
    assert_eq!((how, payload), (Restored::Damaged, None));
    write(&mut slots, b"third");
    assert_eq!(open(&dir).2.unwrap(), b"third");
}

/// Makes a file one of a later version.
fn make_newer(path: &Path) -> Vec<u8> {
    let mut bytes = fs::read(path).unwrap();
    bytes[8] = 2;
    let crc = crc32c(&bytes[..HEADER - 4]).to_le_bytes();
    bytes[HEADER - 4..HEADER].copy_from_slice(&crc);
    fs::write(path, &bytes).unwrap();
    bytes
}

#[test]
fn f79_a_state_of_a_later_version_is_told_and_put_aside() {
    let dir = scratch::Dir::new("slots-newer");
    let (mut slots, ..) = open(&dir);
    write(&mut slots, b"first");
    let newer = make_newer(&dir.path().join("state.a"));
    let (mut slots, how, payload) = open(&dir);
    assert_eq!((how, payload), (Restored::Newer, None));
    let kept = dir.path().join("quarantine/state.a");
    assert_eq!(fs::read(&kept).unwrap(), newer);
    write(&mut slots, b"ours");
    write(&mut slots, b"later");
    assert_eq!(fs::read(&kept).unwrap(), newer);
    // Beside one of ours it is put aside too, before it is written over.
    let newer = make_newer(&dir.path().join("state.b"));
    let (mut slots, how, payload) = open(&dir);
    assert_eq!((how, payload.as_deref()), (Restored::Older, Some(&b"ours"[..])));
    write(&mut slots, b"again");
    assert_eq!(fs::read(dir.path().join("quarantine/state.b")).unwrap(), newer);
    slots.quarantine(&SystemDisk).unwrap();
    assert!(matches!(open(&dir), (_, Restored::Missing, None)));
}

#[test]
fn after_the_last_generation_comes_the_first() {
    let dir = scratch::Dir::new("slots-generation");
    let (mut slots, ..) = open(&dir);
    slots.generation = u64::MAX - 1;
    for state in [&b"last"[..], b"first", b"second"] {
        write(&mut slots, state);
        let (again, how, payload) = open(&dir);
        assert_eq!((how, payload.as_deref()), (Restored::Newest, Some(state)));
        slots = again;
    }
}

proptest! {
    #[test]
    fn property_test_any_bytes_are_read_as_a_state_or_refused(
        how in 0..4_u8,
        cut in any::<u16>(),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        let [low, high] = cut.to_le_bytes();
        drop(fuzz_slots(&[&[how, low, high], &bytes[..]].concat()));
    }
}

#[test]
fn a_state_beyond_the_limit_is_neither_written_nor_read() {
    let dir = scratch::Dir::new("slots-limit");
    let (mut slots, ..) = open(&dir);
    assert!(slots.write(&SystemDisk, &[0; MAX + 1], true).is_err());
    write(&mut slots, &[0; MAX]);
    let small = Slots::open(&SystemDisk, dir.path(), "state", MAX - 1);
    assert_eq!(small.1, Restored::Damaged);
    assert_eq!(open(&dir).1, Restored::Newest);
}

#[test]
fn whatever_call_fails_the_state_is_one_that_was_written() {
    for call in 0.. {
        let dir = scratch::Dir::new("slots-faults");
        let (mut slots, ..) = open(&dir);
        write(&mut slots, b"first");
        let disk = FaultyDisk::new();
        disk.fail(call, 1);
        let failed = slots.write(&disk, b"second", true).is_err();
        let (_, _, payload) = open(&dir);
        let expected: &[u8] = if failed { b"first" } else { b"second" };
        assert_eq!(payload.as_deref(), Some(expected), "call {call}");
        write(&mut slots, b"third");
        assert_eq!(open(&dir).2.unwrap(), b"third", "call {call}");
        if !failed {
            assert!(call >= 3, "opening, writing and syncing can fail");
            return;
        }
    }
}

#[test]
fn f75_after_a_power_cut_the_state_is_the_last_that_was_synced_or_a_newer_one() {
    for chances in 0..64_u32 {
        for synced in [1, 2, 3] {
            let dir = scratch::Dir::new("slots-power");
            let disk = VolatileDisk::default();
            let (mut slots, ..) = Slots::open(&disk, dir.path(), "state", 1 << 20);
            // Of several pages, so that some of one state may be there.
            let state = |round: u8| vec![round; 5_000 + usize::from(round) * 4_000];
            for round in 1..=synced {
                slots.write(&disk, &state(round), true).unwrap();
            }
            slots.write(&disk, &state(synced + 1), false).unwrap();
            let mut chance = chances;
            disk.cut(|| {
                chance = chance.rotate_right(1);
                chance & 1 << 31 != 0
            });
            let (_, _, payload) = Slots::open(&SystemDisk, dir.path(), "state", 1 << 20);
            let payload = payload.unwrap();
            assert!([state(synced), state(synced + 1)].contains(&payload), "{chances} {synced}");
        }
    }
}
