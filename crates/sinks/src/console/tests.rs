//! The tables as they stand, and what must not reach a terminal.

use std::sync::{Arc, Mutex};

use gstatsd_aggregate::{Dialect, Limits, Merger, Order, OwnPoint, SeriesKind, Table};
use gstatsd_sketch::{Histogram, HyperLogLog};

use super::*;

/// A console that can be looked at, takes a number of bytes and then fails in this way.
#[derive(Clone)]
struct Screen {
    text: Arc<Mutex<Vec<u8>>>,
    room: Arc<Mutex<usize>>,
    fails: ErrorKind,
}

impl Screen {
    fn with_room(room: usize, fails: ErrorKind) -> Self {
        Self { text: Arc::default(), room: Arc::new(Mutex::new(room)), fails }
    }

    fn text(&self) -> String {
        String::from_utf8(self.text.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut room = self.room.lock().unwrap();
        let taken = bytes.len().min(*room);
        if taken == 0 {
            return Err(self.fails.into());
        }
        *room -= taken;
        self.text.lock().unwrap().extend_from_slice(&bytes[..taken]);
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn naming() -> Naming {
    Naming::gstatsd("app", 90.0, "gstatsd")
}

/// A snapshot of counters that are 1, and of what we say about ourselves.
fn snapshot(counters: &[&str], own: &[(&str, u64)]) -> Snapshot {
    let mut snapshot = Snapshot::new(Window { timestamp: 1_700_000_000, seconds: 10.0 });
    for name in counters {
        snapshot.push_counter(name.as_bytes(), 1.0);
    }
    let point = |&(name, value): &(&str, u64)| OwnPoint { name: name.into(), value };
    snapshot.own = own.iter().map(point).collect();
    snapshot
}

/// What the console shows of snapshots, one after the other.
fn shown(snapshots: &[Snapshot]) -> String {
    let screen = Screen::with_room(usize::MAX, ErrorKind::Other);
    let mut console = Console::new(io::BufWriter::new(screen.clone()));
    for snapshot in snapshots {
        console.send(snapshot, &naming()).unwrap();
    }
    screen.text()
}

#[test]
fn a_sketch_is_marked() {
    let mut snapshot = snapshot(&[], &[]);
    let (mut values, mut members) = (Histogram::default(), HyperLogLog::default());
    for number in 1..=1_000_u16 {
        values.insert(f64::from(number), 1);
        members.insert(&number.to_le_bytes());
    }
    snapshot.push_sketch(SeriesKind::Timer, b"t", values, 1_000.0);
    snapshot.push_set_sketch(b"s", members);
    let text = shown(&[snapshot]);
    let rows: Vec<_> = text.lines().skip(1).collect();
    assert!(
        rows[0].starts_with("  set      s  about ") && rows[0].ends_with(" distinct"),
        "{text}"
    );
    assert!(rows[1].contains("n 1000  lower 1  mean "), "{text}");
    assert!(rows[1].ends_with("upper 1000  (sketch, within 4.33 %)"), "{text}");
}

#[test]
fn every_kind_has_its_row_sorted_by_kind_and_name() {
    let mut snapshot = snapshot(&[], &[]);
    snapshot.push_timer(b"request.time", &[1.0, 2.0, 3.0, 4.0, 5.0]);
    let members: Vec<_> = (0..17_u8).map(|member| [member]).collect();
    snapshot.push_set(b"users", members.iter().map(|member| &member[..]));
    snapshot.push_gauge(b"workers", 4.0);
    snapshot.push_counter(b"requests", 12.0);
    snapshot.push_counter(b"bytes", 1_234_567.5);
    let text = "22:13:20 UTC  10 s  5 series\n\
                \x20 counter  bytes         1234567.5  123456.75/s\n\
                \x20 counter  requests      12         1.2/s\n\
                \x20 gauge    workers       4\n\
                \x20 set      users         17 distinct\n\
                \x20 timer    request.time  n 5  lower 1  mean 3  upper_90 5  upper 5\n";
    assert_eq!(shown(&[snapshot]), text);
}

#[test]
fn an_idle_interval_is_one_short_line() {
    let mut idle = snapshot(&[], &[]);
    assert_eq!(shown(&[idle]), "22:13:20 UTC  10 s  nothing\n");
    idle = snapshot(&[], &[]);
    idle.window = Window { timestamp: -1, seconds: 0.25 };
    assert_eq!(shown(&[idle]), "23:59:59 UTC  0.25 s  nothing\n");
}

#[test]
fn losses_are_one_line_which_idle_intervals_do_not_repeat() {
    let own = [
        ("gstatsd.lines.received", 9),
        ("gstatsd.lines.rejected.no_value", 3),
        ("gstatsd.samples.shed.memory", 0),
        ("gstatsd.datagrams.dropped.kernel", 2),
    ];
    let busy = || snapshot(&["a"], &own);
    let idle = || snapshot(&[], &own);
    let head = "22:13:20 UTC  10 s";
    let row = "  counter  a  1  0.1/s\n";
    let lost = "  lost since start: lines.rejected.no_value 3, datagrams.dropped.kernel 2\n";
    let text = format!(
        "{head}  nothing\n{lost}{head}  nothing\n{head}  1 series\n{row}{lost}{head}  nothing\n"
    );
    assert_eq!(shown(&[idle(), idle(), busy(), idle()]), text);
}

#[test]
fn only_the_first_rows_are_shown_and_the_rest_is_counted() {
    let counters = |names: &[String]| {
        let names: Vec<_> = names.iter().map(String::as_str).collect();
        shown(&[snapshot(&names, &[])])
    };
    let names: Vec<_> = (0..ROWS_MAX + 3).rev().map(|index| format!("n{index:03}")).collect();
    let text = counters(&names);
    let lines: Vec<_> = text.lines().collect();
    assert_eq!(lines.len(), ROWS_MAX + 2);
    assert_eq!(lines[1], "  counter  n000  1  0.1/s");
    assert_eq!(lines[ROWS_MAX], format!("  counter  n{:03}  1  0.1/s", ROWS_MAX - 1));
    assert_eq!(lines[ROWS_MAX + 1], "  ... and 3 more");

    let text = counters(&names[..ROWS_MAX]);
    assert_eq!(text.lines().count(), ROWS_MAX + 1);
}

#[test]
fn a_long_name_pushes_only_its_own_row_aside() {
    let long = "x".repeat(1_000);
    let text = shown(&[snapshot(&["a", &long], &[])]);
    let gap = " ".repeat(WIDTH_MAX - 1);
    let rows = format!("  counter  a{gap}  1  0.1/s\n  counter  {long}  1  0.1/s\n");
    assert!(text.ends_with(&rows), "{text}");
}

#[test]
fn a_terminal_is_not_attacked() {
    let cases: [(&[u8], &str); 7] = [
        (b"plain.name-1_2", "plain.name-1_2"),
        (b"it's \"so\"", "it's \"so\""),
        (b"\x1b[2J\x07\r\n\0", r"\u{1b}[2J\u{7}\r\n\0"),
        (b"a\\n", r"a\\n"),
        (b"caf\xc3\xa9 \xff\xfe", r"café \xff\xfe"),
        ("\u{9b}2J\u{202e}\u{200b}".as_bytes(), r"\u{9b}2J\u{202e}\u{200b}"),
        (b"\x7f", r"\u{7f}"),
    ];
    for (name, text) in cases {
        assert_eq!(printable(name), text);
    }
    let text = shown(&[snapshot(&["\x1b[2J"], &[("gstatsd.\x1b.shed.a", 1)])]);
    assert!(!text.contains('\x1b'), "{text:?}");
}

#[test]
fn numbers_are_short() {
    let cases = [
        (0.0, "0"),
        (-0.0, "0"),
        (100.0, "100"),
        (-1.5, "-1.5"),
        (1.0 / 3.0, "0.333333"),
        (0.000_000_1, "0"),
        (-0.000_000_1, "0"),
        (999_999_999_999_999.0, "999999999999999"),
        (1e15, "1e15"),
        (-f64::MAX, "-1.7976931348623157e308"),
    ];
    for (value, text) in cases {
        assert_eq!(short(value), text);
    }
}

#[test]
fn a_rate_beyond_all_numbers_is_the_largest_number() {
    let mut snapshot = snapshot(&[], &[]);
    snapshot.push_counter(b"a", f64::MAX);
    snapshot.window.seconds = 0.1;
    assert!(shown(&[snapshot]).ends_with("  1.7976931348623157e308/s\n"));
}

#[test]
fn a_closed_console_is_final_and_a_full_one_is_not() {
    let snapshot = snapshot(&[], &[]);
    let mut closed = Console::new(Screen::with_room(0, ErrorKind::BrokenPipe));
    let error = closed.send(&snapshot, &naming()).unwrap_err();
    assert!(error.is_final());
    assert_eq!(error.to_string(), "the console is closed");

    let mut full = Console::new(Screen::with_room(0, ErrorKind::StorageFull));
    let error = full.send(&snapshot, &naming()).unwrap_err();
    assert!(!error.is_final());
    assert_eq!(error.to_string(), "cannot write to the console");
}

#[test]
fn what_is_shown_again_after_an_error_begins_on_a_line_start_and_is_complete() {
    let own = [("gstatsd.lines.rejected.no_value", 3)];
    let screen = Screen::with_room(5, ErrorKind::StorageFull);
    let mut console = Console::new(screen.clone());
    console.send(&snapshot(&[], &own), &naming()).unwrap_err();
    *screen.room.lock().unwrap() = usize::MAX;
    console.send(&snapshot(&[], &own), &naming()).unwrap();
    console.send(&snapshot(&[], &own), &naming()).unwrap();
    let idle = "22:13:20 UTC  10 s  nothing\n";
    let lost = "  lost since start: lines.rejected.no_value 3\n";
    assert_eq!(screen.text(), format!("22:13\n{idle}{lost}{idle}"));
}

#[test]
fn points_are_counted_as_another_sink_would_make_them() {
    let snapshot = snapshot(&["a"], &[("gstatsd.lines.received", 1)]);
    let console = Console::new(io::sink());
    assert_eq!(console.point_counter()(&snapshot, &naming()), 4);
}

#[test]
fn samples_with_a_time_events_and_service_checks_stand_below_the_table() {
    let naming = naming();
    let limits = Limits::new(10, 10);
    let mut table = Table::new(Dialect::DOGSTATSD, naming, limits);
    let packet = "a:1|c|#k:v\nb:7|g|T17|#k:v\n\
                  _e{8,12}:deployed|line1\\nline2|t:info|h:web1|#env:prod,x\n_e{1,0}:q|\n\
                  _sc|redis|2|m:no \x1b[31m|#env:prod\n_sc|web|0";
    table.packet(packet.as_bytes(), Order::default());
    let mut merger = Merger::new();
    merger.add(0, &mut table.rotate(Box::default()));
    let snapshot = merger.finish(Window { timestamp: 0, seconds: 10.0 }, Vec::new());
    assert_eq!(
        shown(&[snapshot]),
        "00:00:00 UTC  10 s  1 series\n  \
           counter  a;k=v  1  0.1/s\n  \
           at 17  gauge  b;k=v  7\n  \
           event  info  deployed: line1 line2  host web1  #env:prod,x\n  \
           event  q\n  \
           check  critical  redis: no \\u{1b}[31m  #env:prod\n  \
           check  ok  web\n"
    );
}

#[test]
fn a_flood_of_events_is_cut_short() {
    let limits = Limits::new(10, 1_000);
    let mut table = Table::new(Dialect::DOGSTATSD, naming(), limits);
    let long = "x".repeat(300);
    let packet = format!("_e{{1,300}}:a|{long}\nb:1|c|T7\n").repeat(201).replace("T7", "T8");
    let dated: String = (1..=201).map(|second| format!("b:1|c|T{second}\n")).collect();
    table.packet(packet.as_bytes(), Order::default());
    table.packet(dated.as_bytes(), Order::default());
    let mut merger = Merger::new();
    merger.add(0, &mut table.rotate(Box::default()));
    let text = shown(&[merger.finish(Window { timestamp: 0, seconds: 10.0 }, Vec::new())]);
    assert!(text.contains("  ... and 1 more samples with a time of their own\n"), "{text}");
    assert!(text.contains("  ... and 1 more events and service checks\n"), "{text}");
    assert!(text.contains(&format!(": {}...\n", "x".repeat(200))), "{text}");
    assert_eq!(text.lines().count(), 403);
}
