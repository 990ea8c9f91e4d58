//! The recorded answers of gstatsd 0.6 and of the Node.js StatsD, held against a process.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::process::{Command, Output};
use std::thread;

use serde_json::Value;

use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close, binary};

/// The cases that a daemon with sockets is held to; each takes a second for each of its flushes.
const THROUGH_SOCKETS: [&str; 19] = [
    "counter_0.1x3",
    "counter_sample_.5",
    "multi_value",
    "gauge_persist",
    "gauge_delete",
    "gauge_ttl3",
    "set_delete",
    "timer_idle",
    "timer_delete",
    "hist_idle",
    "counter_idle",
    "deleteIdle",
    "deleteCounters",
    "timer_frac",
    "calc_top",
    "ns_prefixes",
    "ns_suffix",
    "tag_dd",
    "key_nosanitize",
];

/// What one case comes to.
enum Answer {
    /// The lines of each flush.
    Flushes(Vec<BTreeSet<String>>),
    /// The import exits with 1 and this text.
    Refused(String),
}

pub(crate) fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().unwrap()
}

pub(crate) fn cases(file: &str, key: &str) -> Vec<Value> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/../../testdata");
    let text = fs::read_to_string(format!("{folder}/{file}")).unwrap();
    serde_json::from_str::<Value>(&text).unwrap()[key].as_array().unwrap().clone()
}

pub(crate) fn name(case: &Value) -> &str {
    case["name"].as_str().unwrap()
}

pub(crate) fn texts(list: &Value) -> impl Iterator<Item = &str> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap())
}

/// The lines of each flush, as a case tells them. No line stands in a flush twice.
pub(crate) fn flushes(case: &Value) -> Vec<BTreeSet<String>> {
    let flushes = case["flushes"].as_array().unwrap().iter();
    let lines = |flush| texts(flush).map(str::to_owned).collect();
    flushes.map(lines).collect()
}

/// The packets of a case as a recording.
pub(crate) fn recording(intervals: &Value, bytes: impl Fn(&str) -> Vec<u8>) -> Vec<u8> {
    let mut recording = Vec::new();
    for interval in intervals.as_array().unwrap() {
        for packet in texts(interval) {
            recording.extend(escape(&bytes(packet)));
        }
        recording.push(b'\n');
    }
    recording
}

/// A packet as a line of a recording.
pub(crate) fn escape(packet: &[u8]) -> Vec<u8> {
    if packet.is_empty() {
        return b"\\\n".to_vec();
    }
    let bytes = packet.iter();
    let mut line: Vec<u8> = bytes
        .flat_map(|&byte| match byte {
            b'\n' => br"\n".to_vec(),
            b'\\' => br"\\".to_vec(),
            byte if byte.is_ascii_graphic() || byte == b' ' => vec![byte],
            byte => format!("\\x{byte:02X}").into_bytes(),
        })
        .collect();
    line.push(b'\n');
    line
}

/// What `replay` prints: the lines of each flush.
pub(crate) fn replay_lines(arguments: &[&str], recording: &[u8]) -> Vec<Vec<String>> {
    let folder = Folder::new();
    let file = folder.file("recording");
    fs::write(&file, recording).unwrap();
    let output = run(&[&["replay"], arguments, &[&file]].concat());
    assert!(output.status.success() && output.stderr.is_empty(), "{arguments:?}: {output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let (mut flushes, mut flush) = (Vec::new(), Vec::new());
    for line in text.lines() {
        match line {
            "" => flushes.push(std::mem::take(&mut flush)),
            line => flush.push(line.to_owned()),
        }
    }
    flushes
}

/// The same, where no line stands in a flush twice.
pub(crate) fn replay(arguments: &[&str], recording: &[u8]) -> Vec<BTreeSet<String>> {
    let flush = |lines: Vec<String>| {
        let count = lines.len();
        let lines: BTreeSet<_> = lines.into_iter().collect();
        assert_eq!(lines.len(), count, "a line stands there twice: {lines:?}");
        lines
    };
    replay_lines(arguments, recording).into_iter().map(flush).collect()
}

/// Imports the configuration of a case of the Node.js StatsD to a file of ours.
fn import(case: &Value, folder: &Folder) -> Result<String, String> {
    let mut config = case["config"].clone();
    config["graphiteHost"] = Value::from("127.0.0.1");
    let (foreign, ours) = (folder.file("config.js"), folder.file("gstatsd.toml"));
    fs::write(&foreign, config.to_string()).unwrap();
    let output = run(&["import", &foreign]);
    if output.status.success() {
        fs::write(&ours, output.stdout).unwrap();
        return Ok(ours);
    }
    assert_eq!(output.status.code(), Some(1), "{output:?}");
    Err(String::from_utf8(output.stderr).unwrap())
}

fn answer(case: &Value) -> Answer {
    let folder = Folder::new();
    match import(case, &folder) {
        Ok(ours) => {
            let recording = recording(&case["packets"], |packet| packet.as_bytes().to_vec());
            Answer::Flushes(replay(&["-c", &ours], &recording))
        }
        Err(errors) => Answer::Refused(errors),
    }
}

/// Where the flushes are not as expected: what is missing and what is too much.
pub(crate) fn difference(
    expected: &[BTreeSet<String>],
    actual: &[BTreeSet<String>],
) -> Option<String> {
    if expected == actual {
        return None;
    }
    let mut text = format!("{} flushes of {}", actual.len(), expected.len());
    for (index, (expected, actual)) in expected.iter().zip(actual).enumerate() {
        let missing: Vec<_> = expected.difference(actual).collect();
        let new: Vec<_> = actual.difference(expected).collect();
        text += &format!("; flush {index}: missing {missing:?}, instead {new:?}");
    }
    Some(text)
}

#[test]
fn replay_gives_the_recorded_answers_of_gstatsd() {
    let (mut equal, mut refused) = (0, 0);
    for case in cases("gstatsd.json", "server") {
        let (interval, percent) = (case["interval"].to_string(), case["percent"].to_string());
        let flags = ["-f", &interval, "-p", &percent, "-x", case["prefix"].as_str().unwrap()];
        let flushes = case["flushes"].as_array().unwrap();
        match case["differs"].as_str() {
            None => {
                let packets = flushes.iter().map(|flush| flush["packets"].clone()).collect();
                // Texts stand for their bytes in Latin-1.
                let recording = recording(&packets, |packet| {
                    packet.chars().map(|c| u8::try_from(u32::from(c)).unwrap()).collect()
                });
                let lines = |flush: &Value| texts(&flush["expected"]).map(str::to_owned).collect();
                let expected: Vec<_> = flushes.iter().map(lines).collect();
                let difference = difference(&expected, &replay(&flags, &recording));
                assert_eq!(difference, None, "{}", case["name"]);
                equal += 1;
            }
            Some(differs) if differs.contains("configuration error") => {
                let output = run(&[&["replay"], &flags[..], &["/dev/null"]].concat());
                assert_eq!(output.status.code(), Some(1), "{}: {output:?}", case["name"]);
                refused += 1;
            }
            // What ours answers otherwise is held beside the aggregation.
            Some(_) => {}
        }
    }
    assert_eq!((equal, refused), (59, 6));
}

#[test]
fn import_and_replay_give_the_recorded_answers_of_the_node_statsd() {
    let ours = cases("statsd-ours.json", "cases");
    let mut ours: BTreeMap<_, _> = ours.iter().map(|case| (name(case), case)).collect();
    let (mut equal, mut different, mut same, mut refused, mut elsewhere) = (0, 0, 0, 0, 0);
    let mut wrong = Vec::new();
    for case in cases("statsd.json", "vectors") {
        let name = name(&case);
        if name.starts_with("mgmt_") {
            elsewhere += 1;
            continue;
        }
        let expected = match case["differs"].as_str() {
            None => &case,
            Some(differs) => {
                let ours = ours.remove(name).unwrap();
                assert_eq!(ours["differs"].as_str(), Some(differs), "{name}");
                ours
            }
        };
        match (answer(&case), expected["refused"].as_str()) {
            (Answer::Refused(errors), Some(key)) => {
                let start = format!(": line 1: {key}: ");
                if errors.lines().count() != 1 || !errors.contains(&start) {
                    wrong.push(format!("{name}: {errors}"));
                }
                refused += 1;
            }
            (Answer::Flushes(actual), None) => {
                let difference = difference(&flushes(expected), &actual);
                wrong.extend(difference.map(|difference| format!("{name}: {difference}")));
                if case["differs"].is_null() {
                    equal += 1;
                } else if case["flushes"].is_null() || flushes(&case) != actual {
                    different += 1;
                } else {
                    same += 1;
                }
            }
            (Answer::Refused(errors), None) => wrong.push(format!("{name} is refused: {errors}")),
            (Answer::Flushes(_), Some(_)) => wrong.push(format!("{name} is not refused")),
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
    assert!(ours.is_empty(), "these are not among the recorded ones: {ours:?}");
    // Of those that differ some differ in what a flush does not show.
    assert_eq!((equal, different, same, refused, elsewhere), (93, 50, 3, 6, 4));
}

#[test]
fn a_daemon_gives_the_recorded_answers_of_the_node_statsd() {
    let cases = cases("statsd.json", "vectors");
    let chosen = THROUGH_SOCKETS.map(|name| {
        let case = cases.iter().find(|case| case["name"] == name);
        case.unwrap_or_else(|| panic!("there is no case {name}"))
    });
    // A few at a time, as each waits most of its time.
    for some in chosen.chunks(7) {
        thread::scope(|scope| {
            let threads = some.iter().map(|case| scope.spawn(|| hold_daemon_to(case)));
            let threads: Vec<_> = threads.collect();
            for (thread, case) in threads.into_iter().zip(some) {
                assert!(thread.join().is_ok(), "{}", case["name"]);
            }
        });
    }
}

/// Sends the packets of each interval right after a flush, and compares what comes with what
/// `replay` makes of them; only rates are other than the recorded ones, by the interval.
fn hold_daemon_to(case: &Value) {
    assert!(case["differs"].is_null());
    let folder = Folder::new();
    let config = import(case, &folder).unwrap();
    let spy = SpyGraphite::start();
    let sink = spy.sink();
    let common = ["-c", &config, "-f", "1"];
    let flags = ["-b", "127.0.0.1:0", "-s", &sink, "--workers", "1"];
    let daemon = Daemon::start(&[&common[..], &flags].concat());
    let intervals = case["packets"].as_array().unwrap();
    for (index, interval) in intervals.iter().enumerate() {
        daemon.send(&texts(interval).collect::<Vec<_>>());
        spy.wait_until("a flush", |lines| {
            let flushes = lines.iter().filter(|line| line.name.contains(".numStats"));
            (flushes.count() > index).then_some(())
        });
    }
    let (_, log) = daemon.stop();
    assert_books_close(&accounting(&log));
    let mut actual = BTreeMap::<_, BTreeSet<_>>::new();
    for line in spy.all_lines(&log) {
        let of_the_time = ["processing_time", "graphiteStats.", "timestamp_lag"];
        let is_left_out = of_the_time.iter().any(|part| line.name.contains(part));
        if !is_left_out && !line.name.starts_with("gstatsd.") {
            let line_of_flush = format!("{} {}", line.name, line.value);
            actual.entry(line.timestamp).or_default().insert(line_of_flush);
        }
    }
    let actual: Vec<_> = actual.into_values().take(intervals.len()).collect();
    let recording = recording(&case["packets"], |packet| packet.as_bytes().to_vec());
    let replayed = replay(&common, &recording);
    assert_eq!(difference(&replayed, &actual), None);
    let recorded = flushes(case).into_iter().flatten();
    let unscaled = recorded.filter(|line| actual.iter().any(|flush| flush.contains(line)));
    assert!(unscaled.count() > 0, "{actual:?}");
}
