//! Lines of StatsD against fixed bytes, and what is sent again after an error.

use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};

use gstatsd_aggregate::{DatedReading, OwnPoint, SeriesKind, Values, Window, write_series};
use gstatsd_sketch::{Histogram, HyperLogLog};
use gstatsd_wire::{Grammar, Line, Receiver, Rejection, Sample, Tag, TagStyles, Tags, Value};

use super::*;

#[expect(clippy::disallowed_methods, reason = "a test has clocks of its own")]
const CLOCK: Clock = Clock { now: std::time::Instant::now, wall: std::time::SystemTime::now };

const PATIENCE: Duration = Duration::from_mins(1);

fn settings(style: TagStyle) -> StatsdSettings {
    StatsdSettings { style, packed: false, packet_bytes: 1_432 }
}

fn naming() -> Naming {
    Naming::gstatsd("app", 90.0, "gstatsd")
}

fn snapshot() -> Snapshot {
    Snapshot::new(Window { timestamp: 1_700_000_000, seconds: 10.0 })
}

fn text(name: &[u8], tags: &[(&'static [u8], Option<&'static [u8]>)]) -> Vec<u8> {
    let mut out = Vec::new();
    let tag = |&(key, value): &(&'static [u8], Option<&'static [u8]>)| Tag { key, value };
    write_series(name, &mut tags.iter().map(tag).collect(), &mut out);
    out
}

/// The lines, and how many points have no form.
fn lines(snapshot: &Snapshot, settings: StatsdSettings) -> (String, u64) {
    let mut out = Vec::new();
    let (mut points, naming) = (0, naming());
    let without_form = each(&settings, snapshot, &naming, &mut |lines, more| {
        out.extend_from_slice(lines);
        points += more;
        Ok(())
    });
    let without_form = without_form.unwrap();
    assert_eq!(points + without_form, entry::count(snapshot));
    (String::from_utf8(out).unwrap(), without_form)
}

#[test]
fn a_snapshot_becomes_these_lines() {
    let mut snapshot = snapshot();
    snapshot.push_counter(&text(b"hits", &[(b"env", Some(b"prod")), (b"up", None)]), 12.5);
    snapshot.push_gauge(b"level", 4.0);
    snapshot.push_gauge(b"depth", -7.25);
    snapshot.push_set(b"users", [b"ann", b"bob"].map(|member| &member[..]));
    snapshot.push_timer(b"time", &[1.0, 2.5]);
    snapshot.push_values(SeriesKind::Histogram, b"size", &[7.0]);
    snapshot.push_values(SeriesKind::Distribution, b"load", &[8.0]);
    snapshot.own.push(OwnPoint { name: "gstatsd.flushes".into(), value: 3 });
    let (kind, name, second) = (SeriesKind::Gauge, (*b"late").into(), 1_600_000_000);
    snapshot.dated.push(DatedReading { kind, name, second, value: -1.0 });
    let expected = "app.time:1|ms\napp.time:2.5|ms\napp.size:7|h\napp.load:8|d\n\
                    app.hits:12.5|c|#env:prod,up\napp.level:4|g\napp.depth:0|g\napp.depth:-7.25|g\n\
                    app.users:ann|s\napp.users:bob|s\napp.late:-1|g|T1600000000\n\
                    gstatsd.flushes:3|g\n";
    let (all, without_form) = lines(&snapshot, settings(TagStyle::DogStatsd));
    assert_eq!((all.as_str(), without_form), (expected, 0));
    let (all, without_form) = lines(&snapshot, settings(TagStyle::Graphite));
    let expected = expected.replace("app.late:-1|g|T1600000000\n", "");
    let expected = expected.replace("hits:12.5|c|#env:prod,up", "hits;env=prod;up=true:12.5|c");
    assert_eq!((all, without_form), (expected, 1));
}

#[test]
fn values_that_stand_for_several_have_a_rate_and_may_share_lines() {
    let naming = naming();
    let series = gstatsd_aggregate::Series {
        kind: SeriesKind::Timer,
        name: b"t",
        settings: 0,
        state: gstatsd_aggregate::State::Timer {
            values: Values::Exact(&[1.0, 2.0, 3.0]),
            count: 12.0,
        },
    };
    let all = |packed, packet_bytes| {
        let settings = StatsdSettings { style: TagStyle::DogStatsd, packed, packet_bytes };
        let mut out = Vec::new();
        let mut put = |lines: &[u8], _: u64| {
            out.extend_from_slice(lines);
            Ok(())
        };
        Lines::new(settings, &naming).write(&entry::Entry::Series(series), &mut put).unwrap();
        String::from_utf8(out).unwrap()
    };
    assert_eq!(all(false, 1_432), "app.t:1|ms|@0.25\napp.t:2|ms|@0.25\napp.t:3|ms|@0.25\n");
    assert_eq!(all(true, 1_432), "app.t:1:2:3|ms|@0.25\n");
    // With its newline a line is no longer than that.
    assert_eq!(all(true, 19), "app.t:1:2|ms|@0.25\napp.t:3|ms|@0.25\n");
    assert_eq!(all(true, 1), all(false, 1_432));
}

#[test]
fn of_a_sketch_there_is_a_value_for_each_bucket_and_the_number_of_members() {
    let mut snapshot = snapshot();
    let (mut values, mut members) = (Histogram::default(), HyperLogLog::default());
    for number in 1..=1_000_u16 {
        values.insert(f64::from(number), 1);
        members.insert(&number.to_le_bytes());
    }
    let (buckets, estimate) = (values.bins().count(), members.estimate().round());
    snapshot.push_sketch(SeriesKind::Timer, b"t", values, 2_000.0);
    snapshot.push_set_sketch(b"s", members);
    let (all, _) = lines(&snapshot, settings(TagStyle::DogStatsd));
    assert_eq!(all.lines().count(), buckets + 1);
    assert!(all.ends_with(&format!("\napp.s:{estimate}|g\n")), "{all}");
    let rates = all.lines().filter_map(|line| line.split_once("|ms|@"));
    let count: f64 = rates.map(|(_, rate)| 1.0 / rate.parse::<f64>().unwrap()).sum();
    assert!((count - 2_000.0).abs() < 1e-6, "{count}");
}

/// Reads lines back: names, tags and values.
#[derive(Default)]
struct Reader {
    found: Vec<String>,
    style: Option<TagStyle>,
}

impl<'a> Receiver<'a> for Reader {
    fn line(&mut self, line: Line<'a>) {
        assert!(matches!(line, Line::Metric(_)), "{line:?}");
    }

    fn sample(&mut self, sample: Sample<'a>) {
        let grammar = grammar(self.style.unwrap());
        let tagged = grammar.tagged(&sample);
        let name = String::from_utf8(tagged.name.concat()).unwrap();
        let tags = tagged.tags().map(|Tag { key, value }| {
            let value = value.map(|value| format!("={}", value.escape_ascii()));
            format!("{}{}", key.escape_ascii(), value.unwrap_or_default())
        });
        let tags: Vec<_> = tags.collect();
        let Value::Number(value) = sample.value else { panic!("{sample:?}") };
        self.found.push(format!("{name} {} {value}", tags.join(" ")));
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        panic!("{rejection:?}");
    }
}

fn grammar(style: TagStyle) -> Grammar {
    Grammar {
        tags: Tags::Check { count_max: 100, bytes_max: 10_000 },
        tag_styles: TagStyles::of(&[style]),
        ..Grammar::STATSD
    }
}

#[test]
fn in_every_style_what_is_hostile_comes_back_as_one_line_with_as_many_tags() {
    for style in TagStyle::ALL {
        let mut snapshot = snapshot();
        let name = b"_e{1,2}:a|b#c;d,e[f]g.__h=i\r";
        let tags: [(&[u8], Option<&[u8]>); 3] = [
            (b"k:=,;|#[].__!^", Some(b"v:=,;|#[].__~")),
            (b"m", Some(b"~x")),
            (b"z", Some(b"plain")),
        ];
        snapshot.push_counter(&text(name, &tags), 1.0);
        snapshot.push_gauge(b"next", 2.0);
        let (all, without_form) = lines(&snapshot, settings(style));
        assert_eq!((all.lines().count(), without_form), (2, 0), "{all}");
        let mut reader = Reader { style: Some(style), ..Reader::default() };
        gstatsd_wire::parse(all.as_bytes(), &grammar(style), &mut reader);
        let [hostile, next] = &reader.found[..] else { panic!("{style:?} {all}") };
        assert_eq!(hostile.split(' ').count(), 5, "{style:?} {all} {hostile}");
        assert!(hostile.ends_with(" z=plain 1"), "{style:?} {all} {hostile}");
        assert_eq!(next, "app.next  2");
    }
}

#[test]
fn events_and_service_checks_go_only_where_there_are_words_for_them() {
    let sink = |style| Statsd::udp("127.0.0.1", 1, settings(style), CLOCK);
    assert!(sink(TagStyle::DogStatsd).carries_notices());
    assert!(!sink(TagStyle::Influx).carries_notices());
}

/// Receives lines until one of this name, and gives the first of them and how many there were.
fn receive(socket: UdpSocket, last: &'static str) -> std::thread::JoinHandle<(String, u64)> {
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    std::thread::spawn(move || {
        let (mut lines, mut packet) = (Vec::new(), [0; 2_000]);
        while lines.last().is_none_or(|line: &String| !line.contains(last)) {
            let bytes = socket.recv(&mut packet).unwrap();
            let text = str::from_utf8(&packet[..bytes]).unwrap();
            lines.extend(text.lines().map(str::to_owned));
        }
        (lines[0].clone(), lines.len() as u64)
    })
}

#[test]
fn what_nobody_had_comes_again_and_what_was_taken_does_not() {
    let mut snapshot = snapshot();
    for index in 0..1_000 {
        snapshot.push_counter(format!("{index:0100}").as_bytes(), 1.0);
    }
    let closed = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = closed.local_addr().unwrap();
    drop(closed);
    let mut sink = Statsd::udp("127.0.0.1", address.port(), settings(TagStyle::DogStatsd), CLOCK);
    for _ in 0..3 {
        assert!(sink.send(&snapshot, &naming()).is_err(), "nobody listens there");
    }
    let reading = receive(UdpSocket::bind(address).unwrap(), "999:");
    assert_eq!(sink.send(&snapshot, &naming()).unwrap(), Receipt::default());
    assert_eq!(reading.join().unwrap().1, 1_000);
    // The next one begins anew, and where it was broken off it goes on.
    assert_eq!(sink.number, None);
    let reading = receive(UdpSocket::bind(address).unwrap(), "999:");
    (sink.number, sink.done.sent) = (Some(snapshot.number), 700);
    sink.send(&snapshot, &naming()).unwrap();
    let (first, count) = reading.join().unwrap();
    assert!(first.contains("0700:1|c") && count == 300, "{first} {count}");
}

#[test]
fn over_a_connection_all_lines_come_once_in_their_order() {
    let mut snapshot = snapshot();
    for index in 0..20_000 {
        snapshot.push_counter(format!("c{index}").as_bytes(), f64::from(index));
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let reading = std::thread::spawn(move || {
        let stream = listener.accept().unwrap().0;
        BufReader::new(stream).lines().map(Result::unwrap).collect::<Vec<_>>()
    });
    let style = settings(TagStyle::DogStatsd);
    let mut sink = Statsd::tcp("127.0.0.1", port, style, [PATIENCE; 2], CLOCK);
    for number in 0..2 {
        snapshot.number = number;
        sink.send(&snapshot, &naming()).unwrap();
    }
    drop(sink);
    let found = reading.join().unwrap();
    let (all, _) = lines(&snapshot, style);
    let expected: Vec<_> = all.lines().chain(all.lines()).collect();
    assert!(found == expected);
}

#[test]
fn after_a_break_a_connection_goes_on_behind_what_was_acknowledged() {
    let mut snapshot = snapshot();
    for index in 0..100_000 {
        snapshot.push_counter(format!("c{index}").as_bytes(), 1.0);
    }
    let socket = socket2::Socket::from(TcpListener::bind("127.0.0.1:0").unwrap());
    socket.set_recv_buffer_size(4_096).unwrap();
    let listener = TcpListener::from(socket);
    let port = listener.local_addr().unwrap().port();
    let style = settings(TagStyle::DogStatsd);
    let stall = Duration::from_millis(300);
    let mut sink = Statsd::tcp("127.0.0.1", port, style, [PATIENCE, stall], CLOCK);
    // It reads no more after a while.
    let reading = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut first = vec![0; 100_000];
        std::io::Read::read_exact(&mut stream, &mut first).unwrap();
        let (again, _) = listener.accept().unwrap();
        let mut again = BufReader::new(again);
        let mut line = String::new();
        again.read_line(&mut line).unwrap();
        let rest = again.lines().count();
        (first.iter().filter(|byte| **byte == b'\n').count(), line, rest)
    });
    assert!(matches!(sink.send(&snapshot, &naming()), Err(SendError::Stalled { .. })));
    assert!(sink.done.sent >= 100_000);
    sink.send(&snapshot, &naming()).unwrap();
    drop(sink);
    let (first, line, rest) = reading.join().unwrap();
    let number: usize =
        line.strip_prefix("app.c").unwrap().split(':').next().unwrap().parse().unwrap();
    assert!(number >= first, "{number} was read in the first connection");
    assert_eq!(number + 1 + rest, 100_000, "the rest came whole");
}
