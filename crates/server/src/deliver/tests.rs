//! What comes out of a queue, and that the books of each sink close.

mod spool;

use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering};

use gstatsd_aggregate::{Glob, State, Window};
use gstatsd_sinks::{PointCounter, Receipt, SendError};

use super::*;
use crate::beats::Beats;
use crate::clock;
use crate::config::SpoolOfSink;

/// The window of a snapshot, and its counters.
type Taken = (Window, Vec<(String, f64)>);

/// A sink that takes nothing before its gate is open, and keeps what it took.
#[derive(Clone, Default)]
struct Gated {
    is_open: Arc<AtomicBool>,
    taken: Arc<Mutex<Vec<Taken>>>,
    receipt: Receipt,
    any_order: bool,
}

impl Sink for Gated {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, _| snapshot.series_count() as u64)
    }

    fn send(&mut self, snapshot: &Snapshot, _: &Naming) -> Result<Receipt, SendError> {
        if !self.is_open.load(Ordering::Relaxed) {
            let what = "the gate is closed".to_owned();
            return Err(SendError::NoAnswer { peer: "gate".to_owned(), what });
        }
        let counters = snapshot.series().filter_map(|series| match series.state {
            State::Counter(value) => Some((String::from_utf8_lossy(series.name).into(), value)),
            _ => None,
        });
        self.taken.lock().unwrap().push((snapshot.window, counters.collect()));
        Ok(self.receipt)
    }

    fn takes_any_order(&self) -> bool {
        self.any_order
    }

    fn preview(&self, _: &Snapshot, _: &Naming, _: &mut dyn FnMut(&str)) {}
}

impl Gated {
    fn open() -> Self {
        let gated = Self::default();
        gated.is_open.store(true, Ordering::Relaxed);
        gated
    }

    fn taken(&self) -> Vec<Taken> {
        self.taken.lock().unwrap().clone()
    }
}

fn delivery() -> Delivery {
    let (include, exclude) = (Vec::new(), Vec::new());
    let (interval, spool) = (Duration::ZERO, SpoolOfSink::default());
    Delivery { queue_bytes: 1 << 20, interval, include, exclude, replay: 2, spool }
}

fn outlets(sink: &Gated, delivery: &Delivery) -> Outlets {
    let mut outlets = Outlets::new(Beats::new().stage("", Duration::MAX)).unwrap();
    let flush = Duration::from_secs(10);
    outlets.add(Outlet::open("gated", sink.clone(), delivery, flush, None).unwrap());
    outlets
}

/// The snapshot of the interval of this number: counters `a.0`, `a.1`, ... of 1.
fn snapshot(interval: i64, counters: usize) -> Arc<Snapshot> {
    let mut snapshot = Snapshot::new(Window { timestamp: 10 * interval, seconds: 10.0 });
    for index in 0..counters {
        snapshot.push_counter(format!("a.{index}").as_bytes(), 1.0);
    }
    Arc::new(snapshot)
}

fn naming() -> Arc<Naming> {
    Arc::new(Naming::gstatsd("", 90.0, ""))
}

/// Closes the outlets; gives the books of the one sink, which close.
fn close(outlets: Outlets) -> Books {
    let books = outlets.close(clock::now() + Duration::from_secs(20))["gated"];
    assert_eq!(books.residual(), 0, "{books:?}");
    books
}

#[test]
fn while_no_sink_takes_anything_totals_outlive_their_resolution() {
    let (sink, naming) = (Gated::default(), naming());
    let delivery = Delivery { queue_bytes: 256 << 10, ..delivery() };
    let outlets = outlets(&sink, &delivery);
    for interval in 0..200 {
        outlets.push(&snapshot(interval, 1_000), &naming);
        // The flush has time in between.
        while outlets.outlets[0].0.queue.is_nearly_full() {
            thread::yield_now();
        }
        let books = outlets.books()["gated"];
        assert_eq!(books.residual(), 0, "{books:?}");
    }
    sink.is_open.store(true, Ordering::Relaxed);
    let books = close(outlets);
    assert_eq!((books.emitted, books.dropped_queue_full), (200_000, 0));
    assert!(books.coalesced > 100_000, "{books:?}");
    let taken = sink.taken();
    let seconds: f64 = taken.iter().map(|(window, _)| window.seconds).sum();
    let total: f64 = taken.iter().flat_map(|(_, counters)| counters).map(|(_, value)| value).sum();
    assert_eq!((seconds, total), (2_000.0, 200_000.0));
    assert!(taken.iter().is_sorted_by_key(|(window, _)| window.timestamp));
}

#[test]
fn what_is_no_smaller_when_it_is_merged_is_dropped_oldest_first() {
    let (sink, naming) = (Gated::default(), naming());
    let outlets = outlets(&sink, &Delivery { queue_bytes: 64 << 10, ..delivery() });
    for interval in 0..20 {
        let mut snapshot = Snapshot::new(Window { timestamp: interval, seconds: 10.0 });
        snapshot.push_timer(b"t", &[1.0; 1_000]);
        snapshot.push_counter(b"c", 1.0);
        outlets.push(&Arc::new(snapshot), &naming);
    }
    sink.is_open.store(true, Ordering::Relaxed);
    let books = close(outlets);
    assert!(books.dropped_queue_full > 0 && books.delivered > 0, "{books:?}");
    assert_eq!(sink.taken().last().unwrap().0.timestamp, 19);
}

#[test]
fn a_sink_with_an_interval_gets_several_flushes_as_one() {
    let (sink, naming) = (Gated::open(), naming());
    let interval = Duration::from_secs(30);
    let outlets = outlets(&sink, &Delivery { interval, ..delivery() });
    for interval in 1..=7 {
        outlets.push(&snapshot(interval, 2), &naming);
    }
    assert_eq!(close(outlets).delivered, 6);
    let counters = |value| vec![("a.0".to_owned(), value), ("a.1".to_owned(), value)];
    let window = |timestamp, seconds| Window { timestamp, seconds };
    let expected = [
        (window(30, 30.0), counters(3.0)),
        (window(60, 30.0), counters(3.0)),
        // The last one is shorter.
        (window(70, 10.0), counters(1.0)),
    ];
    assert_eq!(sink.taken(), expected);
}

#[test]
fn a_sink_gets_the_series_that_are_for_it() {
    let (sink, naming) = (Gated::open(), naming());
    let globs = |texts: &[&str]| texts.iter().map(|text| Glob::parse(text).unwrap()).collect();
    let (include, exclude) = (globs(&["a.1*", "a.3", "b"]), globs(&["a.1*2"]));
    let outlets = outlets(&sink, &Delivery { include, exclude, ..delivery() });
    outlets.push(&snapshot(1, 15), &naming);
    let books = close(outlets);
    let taken = sink.taken();
    let names: Vec<_> = taken[0].1.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["a.1", "a.3", "a.10", "a.11", "a.13", "a.14"]);
    assert_eq!((books.emitted, books.delivered), (6, 6));
}

#[test]
fn what_a_peer_refuses_is_counted_by_reason() {
    let receipt = Receipt { rejected: 3, unencodable: 2 };
    let sink = Gated { receipt, ..Gated::open() };
    let outlets = outlets(&sink, &delivery());
    outlets.push(&snapshot(1, 10), &naming());
    let books = close(outlets);
    let dropped = (books.dropped_rejected_by_sink, books.dropped_unencodable);
    assert_eq!((books.delivered, dropped), (5, (3, 2)));
}

#[test]
fn a_sink_that_is_taken_away_sends_what_it_gathered() {
    let (sink, naming) = (Gated::open(), naming());
    let interval = Duration::from_secs(30);
    let mut outlets = outlets(&sink, &Delivery { interval, ..delivery() });
    outlets.push(&snapshot(1, 1), &naming);
    outlets.retire("gated", clock::now() + Duration::from_secs(20));
    while !outlets.retired.is_empty() {
        outlets.close_retired(clock::now());
        thread::yield_now();
    }
    assert_eq!(close(outlets).delivered, 1);
    assert_eq!(sink.taken().len(), 1);
}

#[test]
fn what_becomes_more_points_when_it_is_merged_is_in_the_books() {
    let (sink, naming) = (Gated::default(), naming());
    let outlets = outlets(&sink, &Delivery { queue_bytes: 1 << 10, ..delivery() });
    let queue = &outlets.outlets[0].0.queue;
    let item = |points| queue::Item::of(snapshot(1, 1_000), Arc::clone(&naming), points);
    queue.push(item(3), false, 0);
    // The courier has the first.
    while queue.lock().books.in_flight == 0 {
        thread::yield_now();
    }
    queue.push(item(3), false, 0);
    // One more than there is room for, so that it is time to merge.
    let mut state = queue.lock();
    state.waiting.push_back(item(3));
    state.bytes += item(3).bytes;
    state.books.queued += 3;
    state.books.emitted += 3;
    drop(state);
    let (older, newer) = queue.take_oldest_pair().unwrap();
    queue.give_back(older, newer, item(8));
    let books = queue.lock().books;
    assert_eq!((books.residual(), books.coalesced), (0, 0), "{books:?}");
    sink.is_open.store(true, Ordering::Relaxed);
    close(outlets);
}
