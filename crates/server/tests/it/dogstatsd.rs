//! The dogstatsd dialect, held to `testdata/dogstatsd.json`.

use std::collections::BTreeSet;
use std::fs;

use serde_json::Value;

use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close};
use crate::vectors::{cases, difference, flushes, name, recording, replay, run, texts};

/// The configuration of a case.
fn config(case: &Value) -> String {
    format!("dialect = \"dogstatsd\"\n{}\n", case["config"].as_str().unwrap_or_default())
}

/// The reasons that `explain` gives for what is rejected of a packet.
fn rejections(config: &str, packet: &str) -> BTreeSet<String> {
    let output = run(&["explain", "-c", config, packet]);
    assert!(output.status.success(), "{output:?}");
    let text = String::from_utf8(output.stdout).unwrap();
    let reasons = text.lines().filter_map(|line| line.split_once("is rejected: "));
    let reason = |(_, reason): (&str, &str)| reason.split(',').next().unwrap().to_owned();
    reasons.map(reason).collect()
}

#[test]
fn replay_gives_the_expected_lines_of_every_case_and_explain_the_reasons() {
    let mut wrong = Vec::new();
    let cases = cases("dogstatsd.json", "cases");
    for case in &cases {
        let (folder, name) = (Folder::new(), name(case));
        let path = folder.file("gstatsd.toml");
        fs::write(&path, config(case)).unwrap();
        let recording = recording(&case["packets"], |packet| packet.as_bytes().to_vec());
        let difference = difference(&flushes(case), &replay(&["-c", &path], &recording));
        wrong.extend(difference.map(|difference| format!("{name}: {difference}")));
        if case["rejected"].is_null() {
            continue;
        }
        let expected: BTreeSet<_> = texts(&case["rejected"]).map(str::to_owned).collect();
        let packets = case["packets"].as_array().unwrap().iter().flat_map(texts);
        let given: BTreeSet<_> = packets.flat_map(|packet| rejections(&path, packet)).collect();
        if given != expected {
            wrong.push(format!("{name}: rejected for {given:?}"));
        }
    }
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), cases.len(), wrong.join("\n"));
}

/// Sends all packets of cases of one interval and without a configuration to one daemon, each case
/// under names of its own.
#[test]
fn a_daemon_gives_the_expected_lines_through_sockets() {
    let spy = SpyGraphite::start();
    // Long enough for all of it.
    let arguments = ["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"];
    let daemon = Daemon::configured("dialect = \"dogstatsd\"", &arguments);
    let (mut expected, mut sent) = (BTreeSet::new(), 0);
    for (index, case) in cases("dogstatsd.json", "cases").iter().enumerate() {
        let [flush] = &flushes(case)[..] else { continue };
        // A name stands at the begin of a line, and these have nothing else before it.
        let is_plain = |text: &str| text.starts_with(|first: char| first.is_ascii_alphabetic());
        let packets: Vec<_> = texts(&case["packets"][0]).collect();
        let all_plain = packets.iter().flat_map(|packet| packet.lines()).all(is_plain);
        if !all_plain || !case["config"].is_null() || !case["rejected"].is_null() {
            continue;
        }
        let named = |line: &str| format!("case{index}.{line}");
        let lines = |packet: &str| packet.lines().map(named).collect::<Vec<_>>().join("\n");
        daemon.send(&packets.into_iter().map(lines).collect::<Vec<_>>());
        expected.extend(flush.iter().map(|line| named(line)));
        sent += 1;
    }
    assert!(sent > 30, "{sent}");
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert!(books["samples.passed_on"] > 5, "{log}");
    let lines = spy.all_lines(&log);
    let end = lines.iter().map(|line| line.timestamp).max().unwrap();
    let actual = lines.iter().filter(|line| line.name.starts_with("case")).map(|line| {
        match line.timestamp == end {
            true => format!("{} {}", line.name, line.value),
            false => format!("{} {} {}", line.name, line.value, line.timestamp),
        }
    });
    assert_eq!(difference(&[expected], &[actual.collect()]), None);
}
