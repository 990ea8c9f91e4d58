//! What the next process reads of the counters of one before.

use std::fs;
use std::path::PathBuf;

use proptest::prelude::*;

use super::*;
use crate::SystemDisk;
use crate::spool::scratch;

const COUNTING: Counting<'static> =
    Counting { boot_id: [7; 16], run: 1, layout: "received flushed", counters: 3, first: 0 };

fn page(path: &Path, counting: &Counting<'_>) -> (Page, Previous) {
    Page::open(&SystemDisk, path, counting).unwrap()
}

/// A page with counts, whose process was killed.
fn left(name: &str) -> (scratch::Dir, PathBuf) {
    let dir = scratch::Dir::new(name);
    let path = dir.path().join("accounting");
    let (page, previous) = page(&path, &COUNTING);
    assert_eq!(previous, Previous::None);
    for number in 0..3 {
        page.counter(number).fetch_add(number as u64 * 10, Ordering::Relaxed);
    }
    (dir, path)
}

#[test]
fn what_a_killed_process_counted_is_there_and_the_next_one_begins_at_zero() {
    let (_dir, path) = left("page-killed");
    let (second, previous) = page(&path, &Counting { run: 2, ..COUNTING });
    assert_eq!(previous, Previous::Killed { run: 1, counters: vec![0, 10, 20] });
    assert_eq!(second.counter(2).load(Ordering::Relaxed), 0);
    drop(second);
    let (_, previous) = page(&path, &Counting { counters: 5, ..COUNTING });
    assert_eq!(previous, Previous::Killed { run: 2, counters: vec![0; 3] });
}

#[test]
fn counters_begin_where_they_are_told_to() {
    let (_dir, path) = left("page-first");
    let (fresh, _) = page(&path, &Counting { first: 7, ..COUNTING });
    fresh.counter(1).store(5, Ordering::Relaxed);
    fresh.sync(&SystemDisk).unwrap();
    drop(fresh);
    let (_, previous) = page(&path, &COUNTING);
    assert_eq!(previous, Previous::Killed { run: 1, counters: vec![7, 5, 7] });
}

#[test]
fn a_process_that_ended_in_order_lost_nothing() {
    let (_dir, path) = left("page-ended");
    page(&path, &COUNTING).0.end();
    assert_eq!(page(&path, &COUNTING).1, Previous::None);
}

#[test]
fn another_boot_is_told_apart_from_a_kill() {
    let (_dir, path) = left("page-boot");
    let counting = Counting { boot_id: [8; 16], ..COUNTING };
    assert_eq!(page(&path, &counting).1, Previous::PowerLost);
}

#[test]
fn a_page_of_other_counters_or_with_damage_is_unknown() {
    let (_dir, path) = left("page-layout");
    assert_eq!(page(&path, &Counting { layout: "x", ..COUNTING }).1, Previous::Unknown);
    drop(page(&path, &COUNTING));
    let whole = fs::read(&path).unwrap();
    // The words before `ended`: a bit there is damage; and so is another length.
    for byte in 0..CRC * WORD + 4 {
        let mut damaged = whole.clone();
        damaged[byte] ^= 0x10;
        fs::write(&path, &damaged).unwrap();
        assert_eq!(page(&path, &COUNTING).1, Previous::Unknown, "byte {byte}");
    }
    let longer = [&whole[..], &[0; 7]].concat();
    for length in (1..whole.len()).chain(whole.len() + 1..longer.len() + 1) {
        fs::write(&path, &longer[..length]).unwrap();
        assert_eq!(page(&path, &COUNTING).1, Previous::Unknown, "{length} bytes");
    }
}

#[test]
fn two_processes_do_not_count_in_one_page() {
    let (_dir, path) = left("page-locked");
    let (_page, _) = page(&path, &COUNTING);
    let second = Page::open(&SystemDisk, &path, &COUNTING);
    assert!(matches!(second, Err(PageError::Locked(_))), "{second:?}");
}

proptest! {
    #[test]
    fn property_test_any_bytes_are_read_as_a_page_or_refused(
        repair in any::<bool>(),
        bytes in prop::collection::vec(any::<u8>(), 0..200),
    ) {
        drop(fuzz_page(&[&[u8::from(repair)], &bytes[..]].concat(), &COUNTING));
    }
}
