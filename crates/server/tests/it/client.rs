//! Our client and our daemon: whatever is asked for is one sample with that meaning.

use std::env;
use std::io::{BufRead as _, BufReader};
use std::net::{TcpListener, UdpSocket};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use gstatsd_client::escape::unescape;
use gstatsd_client::{IntoNumber as _, Kind, Metric, StatsClient, Value};
use gstatsd_wire::{Grammar, Line, Receiver, Rejection, Sample, Value as Read, parse};

use crate::support::{Daemon, Folder, PATIENCE, accounting, assert_books_close};

/// How many metrics are sent, where the environment does not say.
const METRICS: usize = 20_000;
/// Says how many metrics are sent.
const METRICS_VARIABLE: &str = "GSTATSD_ROUND_TRIPS";
const UDP: &str = "udp://127.0.0.1:0";
/// So many are on their way at once.
const CHUNK: usize = 1_000;

/// What is asked for, and what is read: tags as they stand between commas.
#[derive(Clone, Debug, PartialEq)]
struct Asked {
    kind: Kind,
    name: String,
    number: f64,
    member: String,
    tags: Vec<(String, String)>,
}

impl Asked {
    /// Random ones: names, tags and members of any text, more often of what means something.
    /// Each name comes several times, as the server remembers names for a while: ten million
    /// metrics have half a million names.
    fn some(random: &mut fastrand::Rng) -> Vec<Self> {
        let named = |random: &mut fastrand::Rng| {
            let kind = Kind::ALL[random.usize(..Kind::ALL.len())];
            let folder = if is_counter(kind) { "c" } else { "o" };
            (kind, format!("{folder}.{}", text(random)))
        };
        let names: Vec<_> = (0..CHUNK / 20).map(|_| named(random)).collect();
        (0..CHUNK).map(|_| Self::random(&names[random.usize(..names.len())], random)).collect()
    }

    fn random((kind, name): &(Kind, String), random: &mut fastrand::Rng) -> Self {
        let number = match kind {
            Kind::Set => 0.0,
            // Their sums are compared, and exact.
            _ if is_counter(*kind) => f64::from(random.i32(-1_000_000..1_000_000)),
            // Below zero a time is refused by one dialect, and a gauge is a change.
            _ => random.f64() * 10_f64.powi(random.i32(-300..300)),
        };
        let member = if *kind == Kind::Set { text(random) } else { String::new() };
        let tags = (0..random.usize(..4)).map(|_| (text(random), text(random))).collect();
        Self { kind: *kind, name: name.clone(), number, member, tags }
    }

    fn send(&self, client: &StatsClient) {
        let tags: Vec<_> = self.tags.iter().map(|(key, value)| (&key[..], &value[..])).collect();
        let value = match self.kind {
            Kind::Set => Value::Member(&self.member),
            _ => Value::Number(self.number.into_number()),
        };
        client.send(&Metric { tags: &tags, ..Metric::new(self.kind, &self.name, value) });
    }

    fn of(sample: &Sample<'_>) -> Self {
        let text = |bytes| String::from_utf8(unescape(bytes).into_owned()).unwrap();
        let tags = sample.tags.split(|byte| *byte == b',').filter(|tag| !tag.is_empty());
        let tags = tags.map(|tag| {
            let colon = tag.iter().position(|byte| *byte == b':').unwrap();
            (text(&tag[..colon]), text(&tag[colon + 1..]))
        });
        let (number, member) = match sample.value {
            Read::Member(member) => (0.0, text(member)),
            Read::Number(number) | Read::Delta(number) => (number, String::new()),
        };
        Self { kind: sample.kind, name: text(sample.name), number, member, tags: tags.collect() }
    }
}

fn is_counter(kind: Kind) -> bool {
    matches!(kind, Kind::Counter | Kind::Meter)
}

/// Any text that is not empty.
fn text(random: &mut fastrand::Rng) -> String {
    const ODD: &str = ":|@#,;%\n\r\\\0 \t_es{}[]19Af=.-+\u{7f}\u{85}\u{e9}\u{fffd}c\u{1f4c8}";
    let odd: Vec<char> = ODD.chars().collect();
    let length = random.usize(1..16);
    (0..length)
        .map(|_| match random.u8(..8) {
            0 => random.char(..),
            1..4 => random.lowercase(),
            _ => odd[random.usize(..odd.len())],
        })
        .collect()
}

/// What packets say.
#[derive(Default)]
struct Copies(Vec<Asked>);

impl<'a> Receiver<'a> for Copies {
    fn line(&mut self, line: Line<'a>) {
        assert!(matches!(line, Line::Metric(_)), "{line:?}");
    }

    fn sample(&mut self, sample: Sample<'a>) {
        self.0.push(Asked::of(&sample));
    }

    fn reject(&mut self, rejection: Rejection<'a>) {
        panic!("{rejection:?}");
    }
}

/// A Graphite that adds up what comes under names that begin so; its address.
fn adding_graphite(begin: &'static str) -> (String, Arc<Mutex<f64>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let sum = Arc::new(Mutex::new(0.0));
    let added = Arc::clone(&sum);
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            for line in BufReader::new(stream).lines().map_while(Result::ok) {
                let mut fields = line.split(' ');
                if fields.next().is_some_and(|name| name.starts_with(begin)) {
                    *added.lock().unwrap() += fields.next().unwrap().parse::<f64>().unwrap();
                }
            }
        }
    });
    (address, sum)
}

#[test]
fn any_metric_of_our_client_is_one_sample_with_its_meaning_over_each_transport() {
    let metrics = env::var(METRICS_VARIABLE).map_or(METRICS, |count| count.parse().unwrap());
    let folder = Folder::new();
    let unix = |scheme: &str| format!("{scheme}://{}", folder.file(scheme));
    let ways = [UDP, "tcp://127.0.0.1:0", &unix("unix"), &unix("unixgram")];
    for address in ways {
        round_trips(address, "gstatsd", "stats_counts.c.", metrics / ways.len());
    }
}

#[test]
fn so_it_is_in_the_dialects_that_keep_tags() {
    round_trips(UDP, "statsd", "stats_counts.c.", METRICS / 2);
    // Graphite has no empty parts of names: "c.." becomes "c".
    round_trips(UDP, "dogstatsd", "c", METRICS / 2);
}

/// Sends metrics to a daemon that listens there and copies them back, and adds up counters under
/// names that begin so.
#[expect(clippy::print_stdout, reason = "a failure is seen again by its seed")]
fn round_trips(address: &str, dialect: &str, counters: &'static str, metrics: usize) {
    let seed = fastrand::u64(..);
    let mut random = fastrand::Rng::with_seed(seed);
    println!("{address}, {dialect}, seed {seed}");
    // What the daemon has received comes back to us, line by line.
    let copy = UdpSocket::bind("127.0.0.1:0").unwrap();
    copy.set_read_timeout(Some(PATIENCE)).unwrap();
    let to = copy.local_addr().unwrap();
    let config = format!("dialect = \"{dialect}\"\n[[repeater]]\nurl = \"udp://{to}\"\n");
    let (graphite, sum) = adding_graphite(counters);
    let arguments = ["-b", address, "-s", &graphite, "-f", "1", "--workers", "1"];
    let daemon = Daemon::configured(&config, &arguments);
    let to = match daemon.addresses.first() {
        // The port is one that was free.
        Some(bound) => address.replace("127.0.0.1:0", &bound.to_string()),
        None => address.to_owned(),
    };
    let client = StatsClient::new(&to).unwrap();
    let (mut buffer, mut sent, mut expected_sum) = (vec![0; 65_536], 0, 0.0);
    while sent < metrics {
        let asked = Asked::some(&mut random);
        asked.iter().for_each(|asked| asked.send(&client));
        assert!(client.flush(PATIENCE));
        let mut copies = Copies::default();
        while copies.0.len() < CHUNK {
            let bytes = copy.recv(&mut buffer).unwrap();
            parse(&buffer[..bytes], &Grammar::DOGSTATSD, &mut copies);
        }
        assert_eq!(copies.0, asked);
        sent += CHUNK;
        expected_sum += asked
            .iter()
            .filter(|asked| asked.name.starts_with("c."))
            .map(|asked| asked.number)
            .sum::<f64>();
    }
    assert_eq!(client.counts().dropped_in_all(), 0);
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!(books["samples.aggregated"], sent as i128, "{books:?}");
    assert_eq!(books["lines.metric"], sent as i128);
    assert_eq!(books["lines.received"], sent as i128);
    let end = Instant::now() + PATIENCE;
    while *sum.lock().unwrap() != expected_sum {
        assert!(Instant::now() < end, "{} and not {expected_sum}", sum.lock().unwrap());
        thread::sleep(Duration::from_millis(10));
    }
}
