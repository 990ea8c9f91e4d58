//! F76: damage costs the records it lies in, and they are counted.

use proptest::prelude::*;

use super::*;

const RECORDS: i64 = 12;
const POINTS: u32 = 7;

/// A spool of three segments, ended in order or killed.
fn filled(name: &str, in_order: bool) -> Dir {
    let dir = Dir::new(name);
    // Segments of 16 KiB take four of them each.
    let (mut spool, _) = open(&dir, 128 << 10);
    for at in 0..RECORDS {
        append(&mut spool, &record(at, POINTS, 3_500));
    }
    assert_eq!(spool.segments.len(), 3);
    match in_order {
        true => spool.close(),
        false => drop(spool),
    }
    dir
}

fn segments(dir: &Dir) -> Vec<PathBuf> {
    let names = names(dir).into_iter().filter(|name| name.ends_with(".seg"));
    names.map(|name| dir.path().join("spool").join(name)).collect()
}

/// Opens it, takes all there is and gives the seconds; every point is there or counted.
fn survivors(dir: &Dir) -> Vec<i64> {
    let (mut spool, opened) = open(dir, 128 << 10);
    let taken = drain(&mut spool);
    let Losses { merged, full, corrupt } = spool.take_losses();
    assert_eq!((merged, full), (0, 0));
    assert!(corrupt >= opened.lost_points);
    for kept in &taken {
        assert_eq!(*kept, record(kept.timestamp, POINTS, 3_500), "no other record came");
    }
    let points = taken.len() as u64 * u64::from(POINTS) + corrupt;
    assert_eq!(points, RECORDS as u64 * u64::from(POINTS), "{taken:?} and {corrupt}");
    taken.iter().map(|record| record.timestamp).collect()
}

#[test]
fn a_bit_costs_one_record_wherever_it_is() {
    for in_order in [true, false] {
        let whole = filled("bit", in_order);
        for (at, path) in segments(&whole).iter().enumerate() {
            let bytes = fs::read(path).unwrap();
            // Each byte of heads, tails and footers; payloads by the step.
            let ends = [64, 108, 3_616, 3_660, 7_168, bytes.len()];
            let near = |byte: usize| ends.iter().any(|end| byte.abs_diff(*end) < 48);
            for byte in (0..bytes.len()).filter(|byte| near(*byte) || byte % 997 == 0) {
                let dir = copy(&whole);
                let mut damaged = bytes.clone();
                damaged[byte] ^= 1 << (byte % 8);
                fs::write(&segments(&dir)[at], &damaged).unwrap();
                let left = survivors(&dir);
                assert!(left.len() >= RECORDS as usize - 1, "byte {byte} of {at}: {left:?}");
            }
        }
    }
}

#[test]
fn a_cut_or_a_tail_of_zeros_costs_what_is_behind_it() {
    for in_order in [true, false] {
        let whole = filled("cut", in_order);
        for (at, path) in segments(&whole).iter().enumerate() {
            let bytes = fs::read(path).unwrap();
            for cut in (0..bytes.len()).step_by(409).chain([64, 65, bytes.len() - 1]) {
                let mut zeros = bytes.clone();
                zeros[cut..].fill(0);
                for damaged in [&bytes[..cut], &zeros[..]] {
                    let dir = copy(&whole);
                    fs::write(&segments(&dir)[at], damaged).unwrap();
                    let left = survivors(&dir);
                    let whole_ones = cut.saturating_sub(64) / (3_500 + 8 + 44);
                    assert!(left.len() >= 8 + whole_ones.min(4), "{cut} of {at}: {left:?}");
                }
            }
        }
    }
}

#[test]
fn segments_that_go_come_twice_or_change_places_cost_no_others() {
    let whole = filled("places", true);
    for at in 0..3 {
        let dir = copy(&whole);
        fs::remove_file(&segments(&dir)[at]).unwrap();
        assert_eq!(survivors(&dir).len(), 8);
        let dir = copy(&whole);
        let twice = dir.path().join("spool").join(segment_name(4_711));
        fs::copy(&segments(&dir)[at], twice).unwrap();
        assert_eq!(survivors(&dir), Vec::from_iter(0..RECORDS));
        let dir = copy(&whole);
        let paths = segments(&dir);
        let (one, other) = (&paths[at], &paths[(at + 1) % 3]);
        let between = dir.path().join("between");
        fs::rename(one, &between).unwrap();
        fs::rename(other, one).unwrap();
        fs::rename(&between, other).unwrap();
        assert_eq!(survivors(&dir), Vec::from_iter(0..RECORDS));
    }
}

#[test]
fn without_a_state_everything_comes_again_and_damage_is_counted_as_far_as_it_is_known() {
    let dir = filled("stateless", true);
    for name in ["state.a", "state.b"] {
        fs::write(dir.path().join("spool").join(name), b"nonsense").unwrap();
    }
    let path = &segments(&dir)[1];
    let mut bytes = fs::read(path).unwrap();
    bytes[2_000] ^= 1;
    fs::write(path, bytes).unwrap();
    let (mut spool, opened) = open(&dir, 128 << 10);
    assert_eq!(opened.state, Restored::Damaged);
    assert_eq!(drain(&mut spool).len(), 11);
    assert_eq!(spool.take_losses().corrupt, u64::from(POINTS));
    // The damaged segment is kept for whoever wants to look at it.
    assert!(dir.path().join("spool/quarantine/damaged.seg").exists());
}

#[test]
fn an_append_after_damage_is_read_too() {
    let dir = filled("append", false);
    let path = &segments(&dir)[2];
    let mut bytes = fs::read(path).unwrap();
    bytes[4_000] ^= 1;
    fs::write(path, bytes).unwrap();
    let (mut spool, _) = open(&dir, 128 << 10);
    append(&mut spool, &record(99, 1, 10));
    assert_eq!(drain(&mut spool).last().unwrap().timestamp, 99);
}

fn copy(of: &Dir) -> Dir {
    let dir = Dir::new("copy");
    fs::create_dir(dir.path().join("spool")).unwrap();
    for name in names(of).iter().filter(|name| *name != "lock") {
        let [from, to] = [of, &dir].map(|dir| dir.path().join("spool").join(name));
        fs::copy(from, to).unwrap();
    }
    dir
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(100))]

    #[test]
    fn property_test_any_bytes_in_any_file_make_nothing_panic(
        file in 0..7_usize,
        at in 0.0..1.0_f64,
        bytes in prop::collection::vec(any::<u8>(), 0..400),
    ) {
        let dir = filled("any", file % 2 == 0);
        let names: Vec<_> = names(&dir).into_iter().filter(|name| name != "spare").collect();
        let path = dir.path().join("spool").join(&names[file % names.len()]);
        let mut damaged = fs::read(&path).unwrap();
        let from = (damaged.len() as f64 * at) as usize;
        for (place, byte) in damaged[from..].iter_mut().zip(&bytes) {
            *place = *byte;
        }
        fs::write(&path, damaged).unwrap();
        survivors(&dir);
    }

    #[test]
    fn property_test_any_bytes_are_read_as_a_segment(
        bytes in prop::collection::vec(any::<u8>(), 0..2_000),
        whole in any::<bool>(),
    ) {
        let head = RecordHead { length: 300, number: 1, timestamp: 2, points: 3, codec: 4 };
        let begin = if whole { head.encode().to_vec() } else { Vec::new() };
        fuzz_segment(&[&begin[..], &bytes].concat());
    }
}
