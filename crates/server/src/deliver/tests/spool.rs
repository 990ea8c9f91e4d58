//! What does not fit into memory comes back from the disk, whatever happens to the disk.

use std::fs;
use std::path::{Path, PathBuf};

use super::*;

/// A directory of a test, which goes when it ends.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let unique = format!("gstatsd-spool-{name}-{}-{}", std::process::id(), fastrand::u64(..));
        Self(std::env::temp_dir().join(unique))
    }

    fn spool(&self) -> Spool {
        Spool {
            directory: Some(self.0.clone()),
            bytes: 64 << 20,
            age: Duration::from_hours(1_000_000),
            free_percent: 0.0,
            sync: false,
        }
    }

    /// The directory of the one sink.
    fn of_sink(&self) -> PathBuf {
        self.0.join("gated")
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

fn spooled(sink: &Gated, spool: &Spool) -> Outlets {
    let mut outlets = Outlets::new(Beats::new().stage("", Duration::MAX)).unwrap();
    let delivery = Delivery { queue_bytes: 8 << 10, ..delivery() };
    let flush = Duration::from_secs(10);
    outlets.add(Outlet::open("gated", sink.clone(), &delivery, flush, Some(spool)).unwrap());
    outlets
}

/// The books, when they are as they should be; they close at any time.
fn wait_for(outlets: &Outlets, what: impl Fn(&Books) -> bool) -> Books {
    let end = clock::now() + Duration::from_secs(20);
    loop {
        let books = outlets.books()["gated"];
        assert_eq!(books.residual(), 0, "{books:?}");
        if what(&books) {
            return books;
        }
        assert!(clock::now() < end, "{books:?}");
        thread::sleep(Duration::from_millis(5));
    }
}

/// Pushes snapshots of these intervals, each with 100 counters, and lets the spool follow.
fn push(outlets: &Outlets, intervals: std::ops::Range<i64>) {
    let naming = naming();
    for interval in intervals {
        outlets.push(&snapshot(interval, 100), &naming);
        let queue = &outlets.outlets[0].0.queue;
        wait_for(outlets, |_| queue.lock().bytes <= queue.bytes_max || interval < 2);
    }
}

/// The intervals that were taken, each with all of its counters.
fn intervals(sink: &Gated) -> Vec<i64> {
    let taken = sink.taken();
    for (window, counters) in &taken {
        assert_eq!((window.seconds, counters.len()), (10.0, 100), "{window:?}");
        assert!(counters.iter().all(|(_, value)| *value == 1.0));
    }
    taken.iter().map(|(window, _)| window.timestamp / 10).collect()
}

#[test]
fn f51_what_was_pushed_while_the_sink_was_down_arrives_with_its_own_time() {
    for any_order in [false, true] {
        let dir = Dir::new("f51");
        let sink = Gated { any_order, ..Gated::default() };
        let outlets = spooled(&sink, &dir.spool());
        push(&outlets, 0..200);
        let books = wait_for(&outlets, |books| books.spooled > 15_000);
        assert_eq!((books.emitted, books.coalesced, books.dropped_queue_full), (20_000, 0, 0));
        sink.is_open.store(true, Ordering::Relaxed);
        wait_for(&outlets, |books| books.delivered > 1_000);
        push(&outlets, 200..201);
        let books = wait_for(&outlets, |books| books.delivered == 20_100);
        assert_eq!((books.spooled, books.spool_failures), (0, 0));
        let mut arrived = intervals(&sink);
        if any_order {
            let live = arrived.iter().position(|interval| *interval == 200).unwrap();
            assert!(live < 150, "the live one does not wait for the backlog");
            // Of the first ones some were being tried when the sink was down.
            let backlog = arrived.iter().filter(|interval| (3..150).contains(*interval));
            let backlog: Vec<_> = backlog.collect();
            assert!(backlog.is_sorted(), "the backlog comes in order: {arrived:?}");
            arrived.sort_unstable();
        }
        assert_eq!(arrived, Vec::from_iter(0..=200));
        close(outlets);
        // Nothing stays on the disk but small files.
        let names = fs::read_dir(dir.of_sink()).unwrap();
        let names = names.map(|name| name.unwrap().file_name().into_string().unwrap());
        assert!(names.into_iter().all(|name| !name.ends_with(".seg") && name != "spare"));
    }
}

#[test]
fn while_the_sink_takes_what_it_gets_nothing_is_written() {
    let dir = Dir::new("healthy");
    let sink = Gated::open();
    let outlets = spooled(&sink, &dir.spool());
    for interval in 0..50 {
        outlets.push(&snapshot(interval, 100), &naming());
        wait_for(&outlets, |books| books.queued + books.in_flight == 0);
    }
    assert_eq!(close(outlets).restored, 0);
    let names = fs::read_dir(dir.of_sink()).unwrap();
    let names = names.map(|name| name.unwrap().file_name().into_string().unwrap());
    assert!(names.into_iter().all(|name| name == "lock" || name.starts_with("state.")));
}

#[test]
fn f51_snapshots_larger_than_the_queue_go_to_the_disk_too() {
    let (dir, sink, naming) = (Dir::new("f51-large"), Gated::default(), naming());
    let outlets = spooled(&sink, &dir.spool());
    push(&outlets, 0..5);
    for interval in 5..15 {
        let large = snapshot(interval, 5_000);
        assert!(large.bytes() > 2 * outlets.outlets[0].0.queue.bytes_max);
        outlets.push(&large, &naming);
        let emitted = 500 + u64::try_from(interval - 4).unwrap() * 5_000;
        let queue = &outlets.outlets[0].0.queue;
        wait_for(&outlets, |books| books.emitted == emitted && queue.lock().waiting.len() <= 1);
    }
    let books = wait_for(&outlets, |books| books.spooled >= 40_000);
    assert_eq!((books.coalesced, books.dropped_queue_full), (0, 0));
    sink.is_open.store(true, Ordering::Relaxed);
    wait_for(&outlets, |books| books.delivered == 50_500);
    close(outlets);
}

#[test]
fn f52_of_an_outage_beyond_the_quota_the_totals_and_the_newest_are_left() {
    let dir = Dir::new("f52");
    let sink = Gated::default();
    let outlets = spooled(&sink, &Spool { bytes: 128 << 10, ..dir.spool() });
    push(&outlets, 0..600);
    let books = wait_for(&outlets, |books| books.coalesced > 0);
    assert_eq!((books.emitted, books.dropped_spool_full), (60_000, 0));
    sink.is_open.store(true, Ordering::Relaxed);
    let books = wait_for(&outlets, |books| books.queued + books.spooled + books.in_flight == 0);
    assert_eq!(books.delivered + books.coalesced, 60_000);
    let taken = sink.taken();
    let seconds: f64 = taken.iter().map(|(window, _)| window.seconds).sum();
    let total: f64 = taken.iter().flat_map(|(_, counters)| counters).map(|(_, value)| value).sum();
    assert_eq!((seconds, total), (6_000.0, 60_000.0));
    let whole = taken.iter().filter(|(window, _)| window.seconds == 10.0);
    let whole: Vec<_> = whole.map(|(window, _)| window.timestamp / 10).collect();
    assert!(whole.len() > 30, "{whole:?}");
    assert!((600 - 30..600).all(|newest| whole.contains(&newest)), "{whole:?}");
    close(outlets);
}

#[test]
fn f83_what_waits_at_the_end_goes_to_the_spool_and_the_next_process_delivers_it() {
    let dir = Dir::new("f83");
    let sink = Gated::default();
    let mut left = 0;
    // Twice: what came back and did not arrive stays too.
    for round in 0..2 {
        let outlets = spooled(&sink, &dir.spool());
        wait_for(&outlets, |books| books.restored == left);
        push(&outlets, round * 50..round * 50 + 50);
        let start = clock::now();
        let books = outlets.close(start + Duration::from_secs(30))["gated"];
        assert!(clock::now() < start + Duration::from_secs(20), "nothing waits for a dead sink");
        assert_eq!(books.residual(), 0, "{books:?}");
        left += 5_000;
        assert_eq!((books.spooled, books.dropped_shutdown), (left, 0));
    }
    sink.is_open.store(true, Ordering::Relaxed);
    let outlets = spooled(&sink, &dir.spool());
    push(&outlets, 100..101);
    let books = wait_for(&outlets, |books| books.delivered == 10_100);
    assert_eq!((books.restored, books.emitted), (10_000, 100));
    assert_eq!(intervals(&sink), Vec::from_iter(0..=100));
    close(outlets);
}

#[test]
fn f77_without_the_directory_what_waits_stays_in_memory() {
    let dir = Dir::new("f77");
    // A file stands in its way.
    fs::write(&dir.0, "in the way").unwrap();
    let sink = Gated::default();
    let outlets = spooled(&sink, &dir.spool());
    wait_for(&outlets, |books| books.spool_failures > 0);
    for interval in 0..100 {
        outlets.push(&snapshot(interval, 100), &naming());
    }
    let books = wait_for(&outlets, |_| true);
    assert_eq!((books.emitted, books.spooled), (10_000, 0));
    fs::remove_file(&dir.0).unwrap();
    // Once it can be made it is used.
    let books = wait_for(&outlets, |books| books.spooled > 0);
    fs::remove_dir_all(&dir.0).unwrap();
    outlets.push(&snapshot(100, 100), &naming());
    outlets.push(&snapshot(101, 100), &naming());
    outlets.push(&snapshot(102, 100), &naming());
    wait_for(&outlets, |now| now.dropped_spool_corrupt >= books.spooled.min(1));
    sink.is_open.store(true, Ordering::Relaxed);
    wait_for(&outlets, |books| books.queued + books.spooled + books.in_flight == 0);
    assert_eq!(sink.taken().last().unwrap().0.timestamp, 1_020);
    close(outlets);
}

#[test]
fn f77_a_disk_with_too_little_room_is_told_before_it_is_needed() {
    let dir = Dir::new("room");
    let sink = Gated::default();
    // No file system is wholly free; as one that is nearly full has less than is asked.
    let spool = Spool { free_percent: 100.0, ..dir.spool() };
    let outlets = spooled(&sink, &spool);
    let books = wait_for(&outlets, |books| books.spool_no_room == 1);
    assert_eq!((books.emitted, books.spool_failures), (0, 0));
    let mut named = Vec::new();
    books.named(|name, _, count| named.push((name.to_owned(), count)));
    assert!(named.contains(&("spool.no_room".to_owned(), 1)), "{named:?}");
    close(outlets);
    let outlets = spooled(&sink, &dir.spool());
    let queue = Arc::clone(&outlets.outlets[0].0.queue);
    wait_for(&outlets, |_| !queue.lock().is_spool_awaited);
    assert_eq!(wait_for(&outlets, |_| true).spool_no_room, 0);
    close(outlets);
}

#[test]
fn f76_a_damaged_record_costs_itself_and_is_counted() {
    let dir = Dir::new("f76");
    let sink = Gated::default();
    let outlets = spooled(&sink, &dir.spool());
    push(&outlets, 0..50);
    outlets.close(clock::now());
    let segment = segments(&dir.of_sink()).remove(0);
    let mut bytes = fs::read(&segment).unwrap();
    bytes[2_000] ^= 1;
    fs::write(&segment, bytes).unwrap();
    sink.is_open.store(true, Ordering::Relaxed);
    let outlets = spooled(&sink, &dir.spool());
    push(&outlets, 50..51);
    let books = wait_for(&outlets, |books| books.delivered == 5_000);
    assert_eq!((books.dropped_spool_corrupt, books.spooled), (100, 0));
    assert_eq!(intervals(&sink).len(), 50);
    close(outlets);
}

#[test]
fn what_is_too_old_is_dropped_when_its_turn_comes() {
    let dir = Dir::new("old");
    let sink = Gated::default();
    let outlets = spooled(&sink, &dir.spool());
    push(&outlets, 0..20);
    outlets.close(clock::now());
    let outlets = spooled(&sink, &Spool { age: Duration::from_hours(1), ..dir.spool() });
    sink.is_open.store(true, Ordering::Relaxed);
    push(&outlets, 20..21);
    let books = wait_for(&outlets, |books| books.dropped_too_old == 2_000);
    assert_eq!(books.spooled, 0);
    wait_for(&outlets, |books| books.delivered == 100);
    assert_eq!(intervals(&sink), [20]);
    close(outlets);
}

#[test]
fn f62_a_sink_that_is_removed_leaves_its_spool() {
    let dir = Dir::new("f62");
    let sink = Gated::default();
    let mut outlets = spooled(&sink, &dir.spool());
    push(&outlets, 0..20);
    outlets.retire("gated", clock::now());
    outlets.close_retired(clock::now());
    let books = outlets.books()["gated"];
    assert_eq!((books.spooled, books.dropped_config_removed), (2_000, 0));
    assert_eq!(books.residual(), 0);
    sink.is_open.store(true, Ordering::Relaxed);
    let again = spooled(&sink, &dir.spool());
    push(&again, 20..21);
    wait_for(&again, |books| books.delivered == 2_100);
    assert_eq!(intervals(&sink), Vec::from_iter(0..=20));
    close(again);
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let files = fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    let mut files: Vec<_> = files.filter(|file| file.extension() == Some("seg".as_ref())).collect();
    files.sort_unstable();
    files
}
