//! Which names had the most samples.

#![expect(clippy::unwrap_used, reason = "a test fails where its data is not as expected")]

use gstatsd_aggregate::{Dialect, Limits, Merger, Naming, Order, Part, Table, Window};

struct Ours {
    table: Table,
    merger: Merger,
}

impl Ours {
    fn new() -> Self {
        let limits = Limits::new(100, 100);
        let table = Table::new(Dialect::GSTATSD, Naming::gstatsd("", 90.0, ""), limits);
        let mut merger = Merger::new();
        merger.set_frequency(true);
        Self { table, merger }
    }

    fn intervals(&mut self, count: usize, packet: &str) {
        for _ in 0..count {
            self.table.packet(packet.as_bytes(), Order::default());
            self.merger.add(0, &mut self.table.rotate(Box::<Part>::default()));
            self.merger.finish(Window { timestamp: 0, seconds: 10.0 }, Vec::new());
        }
    }

    fn frequent(&mut self, percent: f64) -> Vec<(String, u64)> {
        let names = self.merger.take_frequency().most_frequent(percent).into_iter();
        names.map(|(name, count)| (String::from_utf8(name.into()).unwrap(), count)).collect()
    }
}

fn expected(names: &[(&str, u64)]) -> Vec<(String, u64)> {
    names.iter().map(|&(name, count)| (name.to_owned(), count)).collect()
}

#[test]
fn names_are_counted_by_sample_whatever_the_kind_and_told_once() {
    let mut ours = Ours::new();
    ours.intervals(2, "a:1|c\nb:1|ms:2|g\nb:x|s\nd:bad|c\nc:1|c:2|c|@0.1");
    let all = [("b", 6), ("c", 4), ("a", 2)];
    assert_eq!(ours.frequent(100.0), expected(&all));
    assert_eq!(ours.frequent(100.0), []);
    ours.intervals(1, "b:1|c\na:1|c");
    assert_eq!(ours.frequent(100.0), expected(&[("a", 1), ("b", 1)]));
}

#[test]
fn a_part_of_the_names_is_rounded_up() {
    let mut ours = Ours::new();
    let packet = "a:1|c\na:1|c\nb:1|c\nc:1|c\nd:1|c";
    for (percent, told) in [(25.0, 1), (26.0, 2), (0.1, 1), (100.0, 4)] {
        ours.intervals(1, packet);
        assert_eq!(ours.frequent(percent).len(), told, "{percent}");
    }
}

#[test]
fn names_that_are_gone_meanwhile_are_told_too() {
    let mut ours = Ours::new();
    ours.intervals(1, "a:1|c");
    ours.intervals(70, "");
    assert_eq!(ours.merger.series_count(), 0);
    ours.intervals(3, "b:1|c");
    ours.intervals(1, "a:1|c");
    assert_eq!(ours.frequent(100.0), expected(&[("b", 3), ("a", 2)]));
}

#[test]
fn nothing_is_counted_unless_it_is_asked_for() {
    let mut ours = Ours::new();
    ours.merger.set_frequency(false);
    ours.intervals(1, "a:1|c");
    assert_eq!(ours.frequent(100.0), []);
}
