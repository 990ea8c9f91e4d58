//! What is written is read as the same; and any other bytes are refused, with their place.

use proptest::prelude::*;

use super::*;
use crate::Series;

/// One of everything.
fn full() -> Snapshot {
    let mut snapshot = Snapshot::new(Window { timestamp: 1_700_000_000, seconds: 10.0 });
    snapshot.number = 300;
    snapshot.times =
        Some(FlushTimes { lag: Some(-0.25), processing: Duration::from_nanos(1_234_567) });
    snapshot.counts.lines = 7;
    snapshot.counts.overflows = 1;
    let own = |name: &str, value| OwnPoint { name: name.into(), value };
    snapshot.own = vec![own("gstatsd.flushes", 301), own("gstatsd.series", u64::MAX)];
    snapshot.push_counter(b"requests.api", 12.0);
    snapshot.push_counter(b"requests.web\x1fenv\x1eprod", -0.5);
    snapshot.push_gauge(b"", -0.0);
    snapshot.push_gauge(b"load", 1e300);
    snapshot.push_timer(b"latency", &[-1.0, 2.5, 1e15, 1e16]);
    snapshot.push_values(SeriesKind::Distribution, b"size", &[]);
    let mut sketch = Histogram::default();
    (1..500).for_each(|value| sketch.insert(f64::from(value), 2));
    snapshot.push_sketch(SeriesKind::Histogram, b"many", sketch, 1_000.5);
    snapshot.timers[0].settings = 3;
    snapshot.timers[0].count = 40.0;
    snapshot.push_set(b"users", [&b"a"[..], b"ab", b"b\n"]);
    let mut sketch = HyperLogLog::default();
    // One: of several the order in bytes is a matter of how the sketch grew.
    sketch.insert(b"somebody");
    snapshot.push_set_sketch(b"visitors", sketch);
    snapshot.sets[1].settings = u16::MAX;
    let (kind, name) = (SeriesKind::Gauge, Box::from(&b"then"[..]));
    snapshot.dated.push(DatedReading { kind, name, second: -3, value: 0.1 });
    snapshot.notices.append(b"_e{1,1}:a|b");
    snapshot.notices.append(b"");
    snapshot
}

fn encoded(snapshot: &Snapshot) -> Vec<u8> {
    let mut bytes = Vec::new();
    snapshot.encode(&mut bytes);
    bytes
}

/// All that a snapshot says, as text.
fn told(snapshot: &Snapshot) -> String {
    let series: Vec<_> = snapshot
        .series()
        .map(|series| match series.state {
            State::Set(members) => {
                let (all, sketch) = (members.iter().collect::<Vec<_>>(), members.sketch());
                format!(
                    "{:?} {} {:?} {all:?} {sketch:?}",
                    series.kind, series.settings, series.name
                )
            }
            _ => format!("{series:?}"),
        })
        .collect();
    let Snapshot { window, number, counts, times, own, dated, .. } = snapshot;
    let notices: Vec<_> = snapshot.notices().collect();
    format!("{window:?} {number} {counts:?} {times:?} {own:?} {series:?} {dated:?} {notices:?}")
}

#[test]
fn everything_in_a_snapshot_comes_back() {
    let snapshot = full();
    let bytes = encoded(&snapshot);
    let decoded = Snapshot::decode(&bytes).unwrap();
    assert_eq!(told(&decoded), told(&snapshot));
    assert_eq!(encoded(&decoded), bytes);
    let empty = Snapshot::new(Window { timestamp: -1, seconds: 0.001 });
    assert_eq!(told(&Snapshot::decode(&encoded(&empty)).unwrap()), told(&empty));
}

#[test]
fn a_sketch_of_many_members_comes_back() {
    let mut snapshot = full();
    let mut sketch = HyperLogLog::default();
    (0..5_000_u32).for_each(|thing| sketch.insert(&thing.to_le_bytes()));
    snapshot.push_set_sketch(b"visitors.of.all", sketch);
    let bytes = encoded(&snapshot);
    let count = |snapshot: &Snapshot| match snapshot.series().last().unwrap() {
        Series { state: State::Set(members), name: b"visitors.of.all", .. } => members.count(),
        other => panic!("{other:?}"),
    };
    assert_eq!(count(&Snapshot::decode(&bytes).unwrap()), count(&snapshot));
}

#[test]
fn names_and_small_numbers_take_few_bytes() {
    let mut snapshot = Snapshot::new(Window { timestamp: 1_700_000_000, seconds: 10.0 });
    let before = encoded(&snapshot).len();
    for number in 0..1_000 {
        let name = format!("production.web.requests.by_country.{number:04}");
        snapshot.push_counter(name.as_bytes(), f64::from(number % 50));
    }
    let bytes = encoded(&snapshot).len() - before;
    assert!(bytes < 1_000 * 6, "{bytes} bytes");
}

#[test]
fn every_cut_and_every_addition_is_an_error_with_its_place() {
    let bytes = encoded(&full());
    for cut in 0..bytes.len() {
        let error = Snapshot::decode(&bytes[..cut]).unwrap_err();
        match error {
            DecodeError::Short(at) => assert_eq!(at, cut),
            DecodeError::Value(at) => assert!(at < cut, "{at} of {cut}"),
            DecodeError::Version(_) => panic!("{error}"),
        }
    }
    let more = [&bytes[..], b"x"].concat();
    assert_eq!(Snapshot::decode(&more).unwrap_err(), DecodeError::Value(bytes.len()));
    let other = [&[9], &bytes[1..]].concat();
    let error = Snapshot::decode(&other).unwrap_err();
    assert_eq!(error.to_string(), "version 9 of a snapshot is not known");
}

#[test]
fn counts_of_another_program_are_left_out() {
    let mut bytes = vec![VERSION, 2];
    bytes.extend(10.0_f64.to_le_bytes());
    // Number, no times, three counts; nothing else.
    bytes.extend([5, 0, 3, 1, 1, 1, 0, 0, 0, 0, 0, 0, 0]);
    let snapshot = Snapshot::decode(&bytes).unwrap();
    assert_eq!((snapshot.window.timestamp, snapshot.number), (1, 5));
    assert_eq!(snapshot.counts, Counts::default());
}

#[test]
fn what_no_flush_makes_is_refused() {
    let head = |seconds: f64| {
        let mut bytes = vec![VERSION, 2];
        bytes.extend(seconds.to_le_bytes());
        bytes.extend([5, 0, 0, 0]);
        bytes
    };
    let with = |rest: &[u8]| Snapshot::decode(&[&head(10.0), rest].concat());
    assert!(with(&[0, 0, 0, 0, 0, 0]).is_ok());
    assert!(Snapshot::decode(&[&head(0.0)[..], &[0; 6]].concat()).is_err(), "no time");
    assert!(with(&[1, 0, 1, b'\n', 0, 0, 0, 0, 0, 0]).is_err(), "a newline in a name");
    assert!(with(&[1, 1, 1, b'a', 0, 0, 0, 0, 0, 0]).is_err(), "shares with nothing");
    let nan = [&[1, 0, 1, b'a', 1][..], &f64::NAN.to_le_bytes(), &[0; 5]].concat();
    assert!(with(&nan).is_err(), "not finite");
    assert!(with(&[0, 0, 1, 5, 0, 0, 1, b't', 2, 0, 2, 8, 4, 0, 0, 0]).is_err(), "not in order");
    assert!(with(&[0, 0, 1, 0, 0, 0, 1, b't', 2, 0, 0, 0, 0, 0]).is_err(), "a counter");
    assert!(with(&[0, 0, 0, 1, 0, 0, 1, b's', 0, 2, 1, b'a', 1, b'a', 0, 0]).is_err(), "twice");
    assert!(with(&[0xff, 0xff, 0xff, 0xff, 0x0f, 0]).is_err(), "more than there is room for");
}

proptest! {
    #[test]
    fn property_test_what_is_written_is_read(
        counters in prop::collection::vec(("[a-z.]{0,20}", -1e18..1e18_f64), 0..20),
        whole in prop::collection::vec(any::<i32>(), 0..20),
        mut values in prop::collection::vec(-1e9..1e9_f64, 0..50),
        members in prop::collection::btree_set(prop::collection::vec(any::<u8>(), 0..8), 0..20),
        timestamp in any::<i64>(),
    ) {
        let mut snapshot = full();
        snapshot.window.timestamp = timestamp;
        counters.iter().for_each(|(name, sum)| snapshot.push_counter(name.as_bytes(), *sum));
        whole.iter().for_each(|value| snapshot.push_gauge(b"whole", f64::from(*value)));
        values.sort_unstable_by(f64::total_cmp);
        snapshot.push_timer(b"values", &values);
        snapshot.push_set(b"members", members.iter().map(Vec::as_slice));
        let bytes = encoded(&snapshot);
        let decoded = Snapshot::decode(&bytes).unwrap();
        prop_assert_eq!(told(&decoded), told(&snapshot));
        prop_assert_eq!(encoded(&decoded), bytes);
    }

    #[test]
    fn property_test_any_change_of_bytes_is_read_or_refused(
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)
    ) {
        let mut bytes = encoded(&full());
        for (at, byte) in changes {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        crate::fuzz_snapshot(&bytes);
    }
}
