//! The main job: a daemon between real emitters and a real carbon. What stands in the Whisper
//! files is compared with what was sent, to the last digit.
//!
//! Every test counts: the files hold exactly as many points as the daemon says it delivered.

mod forms;
mod gunicorn;
mod program;
mod whisper;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::process::Command;

use gstatsd_load::recording::{self, Form};

use crate::emitters::{PYSTATSD, run_python};
use crate::support::{Daemon, Folder, accounting, assert_books_close, binary};
use gunicorn::Gunicorn;
use whisper::{Carbon, Point};

/// Datagrams of real emitters, one Python bytes literal a line.
const CAPTURES: &str = "testdata/captures";
/// What they become in one interval of 3 s: lines `name value` as Graphite gets them. Written by
/// `gstatsd replay`, and compared with an independent model of gstatsd 0.6 in Python.
const EXPECTED: &str = "testdata/captures-expected.txt";

#[test]
fn the_recorded_datagrams_reach_whisper_to_the_last_digit() {
    let datagrams = recorded_datagrams();
    // Most of an interval is there to send within. Where the machine stalls for so long that the
    // interval ends in the middle, the numbers are others, and rightly so.
    let flush = || flush_in_one_interval(&datagrams);
    let flushed = flush().or_else(|_| flush()).or_else(|_| flush());
    let (timestamp, points) = flushed.expect("the interval ended within the datagrams, 3 times");

    let (of_flush, others): (Vec<_>, Vec<_>) =
        points.into_iter().filter(Point::is_users).partition(|point| point.timestamp == timestamp);
    let stored: BTreeMap<_, _> =
        of_flush.iter().map(|point| (point.name.as_str(), point.value)).collect();
    assert_eq!(stored.len(), of_flush.len());
    let text = expected();
    let expected = expected_values(&text);
    for (name, value) in &expected {
        let found = stored.get(name);
        // By their bits: -0.0 is not 0.0.
        let is_equal = found.is_some_and(|found| found.to_bits() == value.to_bits());
        assert!(is_equal, "{name} is {found:?} instead of {value}");
    }
    let unexpected: Vec<_> = stored.keys().filter(|name| !expected.contains_key(*name)).collect();
    assert!(unexpected.is_empty(), "{unexpected:?}");
    // The intervals before and after were idle.
    assert!(others.iter().all(|point| point.name == "statsd.numStats" && point.value == 0.0));
}

#[test]
fn replay_tells_what_the_recorded_datagrams_become() {
    let folder = Folder::new();
    let file = folder.file("recorded.txt");
    fs::write(&file, escaped(&recorded_datagrams())).unwrap();
    let replayed =
        Command::new(binary()).args(["replay", "-f", "3", "-p", "90", &file]).output().unwrap();
    assert!(replayed.status.success(), "{replayed:?}");
    let replayed = String::from_utf8(replayed.stdout).unwrap();
    // An empty line ends the interval.
    let expected = format!("{}\n", expected());
    for (replayed, expected) in replayed.lines().zip(expected.lines()) {
        assert_eq!(replayed, expected);
    }
    assert_eq!(replayed.len(), expected.len());
}

#[test]
fn a_live_gunicorn_is_counted_exactly() {
    let carbon = Carbon::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &carbon.sink(), "-f", "1"]);
    let statsd = daemon.address().to_string();
    assert_gunicorn_is_counted(&statsd, daemon, &carbon);
}

#[test]
fn a_live_gunicorn_is_counted_exactly_over_a_unix_socket() {
    let (carbon, folder) = (Carbon::start(), Folder::new());
    let path = folder.file("socket");
    let url = format!("unixgram://{path}");
    let daemon = Daemon::start(&["-b", &url, "-s", &carbon.sink(), "-f", "1"]);
    assert_gunicorn_is_counted(&format!("unix://{path}"), daemon, &carbon);
}

/// Lets a gunicorn serve 200 requests, and holds what it counts to that.
fn assert_gunicorn_is_counted(statsd: &str, daemon: Daemon, carbon: &Carbon) {
    let gunicorn = Gunicorn::start(statsd);
    let clients: Vec<_> = (0..4)
        .map(|_| {
            let address = gunicorn.address();
            std::thread::spawn(move || {
                for request in 0..50 {
                    let (path, status) =
                        if request % 5 == 4 { ("/missing", 404) } else { ("/", 200) };
                    assert_eq!(gunicorn::request(address, path), status);
                }
            })
        })
        .collect();
    for client in clients {
        client.join().unwrap();
    }
    // It counts a request after its answer. When it has ended, all counts are on their way, and
    // on loopback that is in the daemon's socket.
    gunicorn.stop();

    let points = stop_and_read(daemon, carbon);
    let sum = |name: &str| points.iter().filter(|p| p.name == name).map(|p| p.value).sum::<f64>();
    assert_eq!(sum("stats_counts.svc.gunicorn.requests"), 200.0);
    assert_eq!(sum("stats_counts.svc.gunicorn.request.status.200"), 160.0);
    assert_eq!(sum("stats_counts.svc.gunicorn.request.status.404"), 40.0);
    assert_eq!(sum("stats.timers.svc.gunicorn.request.duration.count"), 200.0);
    let workers = values(&points, "stats.svc.gunicorn.workers");
    assert!(workers.contains(&2.0), "{workers:?}");
}

#[test]
fn a_live_pystatsd_is_counted_exactly() {
    let carbon = Carbon::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &carbon.sink(), "-f", "1"]);
    let said = run_python(PYSTATSD, daemon.address().port());
    let sampled: f64 = said.trim().strip_prefix("sampled ").unwrap().parse().unwrap();

    let points = stop_and_read(daemon, &carbon);
    let sum = |name: &str| values(&points, name).iter().sum::<f64>();
    assert_eq!(sum("stats_counts.py.hits"), 10_000.0);
    assert_eq!(sum("stats_counts.py.batched"), 6_000.0);
    assert_eq!(sum("stats_counts.py.balance"), -25.0);
    // What a rate of 0.25 let through counts for four.
    assert!((100.0..400.0).contains(&sampled), "{sampled}");
    assert_eq!(sum("stats_counts.py.sampled"), 4.0 * sampled);

    assert_eq!(sum("stats.timers.py.load.count"), 500.0);
    let uppers = values(&points, "stats.timers.py.load.upper");
    assert_eq!(uppers.into_iter().reduce(f64::max), Some(500.25));
    let lowers = values(&points, "stats.timers.py.load.lower");
    assert_eq!(lowers.into_iter().reduce(f64::min), Some(1.25));

    assert_eq!(values(&points, "stats.py.level").last(), Some(&42.5));
    // A signed gauge is a number.
    assert_eq!(values(&points, "stats.py.signed").last(), Some(&-3.0));
    // For a negative gauge the emitter sends 0 before it, in the same datagram.
    let depths = values(&points, "stats.py.depth");
    assert!(!depths.is_empty() && depths.iter().all(|depth| *depth == -7.25), "{depths:?}");
    // All in one datagram, so in one interval.
    assert_eq!(values(&points, "stats.sets.py.users.count"), [12.0]);
}

/// The values of a series in the order of their times.
fn values(points: &[Point], name: &str) -> Vec<f64> {
    points.iter().filter(|point| point.name == name).map(|point| point.value).collect()
}

/// Ends the daemon, sees that it lost and rejected nothing, and reads every point that it
/// delivered.
fn stop_and_read(daemon: Daemon, carbon: &Carbon) -> Vec<Point> {
    let (status, log) = daemon.stop();
    assert!(status.success(), "{status}:\n{log}");
    let books = accounting(&log);
    assert_books_close(&books);
    for lost in ["rejected.", "shed.", "dropped."] {
        // Graphite has no events and no service checks.
        let losses = books.iter().filter(|(name, _)| !name.contains(":notices."));
        let losses = losses.filter(|(name, _)| name.contains(lost));
        for (name, count) in losses {
            assert_eq!(*count, 0, "{name}:\n{log}");
        }
    }
    let (_, delivered) =
        books.iter().find(|(name, _)| name.ends_with(":points.delivered")).unwrap();
    carbon.points(usize::try_from(*delivered).unwrap())
}

/// Sends the datagrams through a daemon into a carbon. Gives the timestamp of their flush and all
/// points of all flushes, or the line of the flush that came too early to have all datagrams.
fn flush_in_one_interval(datagrams: &[Vec<u8>]) -> Result<(i64, Vec<Point>), String> {
    let carbon = Carbon::start();
    let sink = carbon.sink();
    let mut daemon =
        Daemon::start(&["-v", "-b", "127.0.0.1:0", "-s", &sink, "-f", "3", "-p", "90"]);
    daemon.wait_for_log("flush at");
    daemon.seen.clear();
    daemon.send(datagrams);
    let line = daemon.wait_for_log("flush at");
    let (_, flush) = line.split_once("flush at ").unwrap();
    let (timestamp, counts) = flush.split_once(": ").unwrap();
    if !counts.contains(&format!(", {} datagrams, ", datagrams.len())) {
        let (_, log) = daemon.stop();
        let received = accounting(&log)["datagrams.received"];
        assert_eq!(usize::try_from(received).unwrap(), datagrams.len(), "{log}");
        return Err(line);
    }
    Ok((timestamp.parse().unwrap(), stop_and_read(daemon, &carbon)))
}

/// All recorded datagrams, in the order of the files' names.
fn recorded_datagrams() -> Vec<Vec<u8>> {
    let folder = fs::read_dir(in_repository(CAPTURES)).unwrap();
    let mut files: Vec<_> = folder.map(|entry| entry.unwrap().path()).collect();
    files.sort_unstable();
    let datagrams: Vec<_> = files
        .iter()
        .flat_map(|file| recording::read(&fs::read(file).unwrap(), Form::Python).unwrap())
        .collect();
    assert_eq!(datagrams.len(), 209);
    datagrams
}

/// The datagrams as `replay` reads them.
fn escaped(datagrams: &[Vec<u8>]) -> Vec<u8> {
    let mut text = Vec::new();
    for datagram in datagrams {
        assert!(!datagram.is_empty());
        for byte in datagram {
            match byte {
                b'\n' => text.extend(b"\\n"),
                b'\\' => text.extend(b"\\\\"),
                _ => text.push(*byte),
            }
        }
        text.push(b'\n');
    }
    text
}

fn expected() -> String {
    fs::read_to_string(in_repository(EXPECTED)).unwrap()
}

fn expected_values(text: &str) -> BTreeMap<&str, f64> {
    let values = text.lines().map(|line| {
        let (name, value) = line.split_once(' ').unwrap();
        // The path of a file does not tell `a..b` from `a.b`.
        assert!(name.split('.').all(|part| !part.is_empty()), "{name}");
        (name, value.parse().unwrap())
    });
    values.collect()
}

fn in_repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}
