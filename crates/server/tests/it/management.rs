//! The management port: the recorded conversations of the Node.js StatsD, and who misuses it.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use serde_json::{Value, json};

use crate::support::{
    Daemon, Folder, PATIENCE, SpyGraphite, accounting, assert_books_close, binary, sum,
};

/// Where a daemon takes commands.
pub(crate) fn management(daemon: &Daemon) -> SocketAddr {
    let mut urls =
        daemon.seen.iter().filter_map(|line| line.split_once("taking commands on tcp://"));
    urls.next().unwrap().1.parse().unwrap()
}

/// Gives one command over a connection of its own, and reads to the end.
pub(crate) fn ask(address: SocketAddr, command: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(format!("{command}\n").as_bytes()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

/// The series of a dump.
pub(crate) fn dump(address: SocketAddr, command: &str) -> Value {
    let answer = ask(address, command);
    let object = answer.strip_suffix("\nEND\n\n").unwrap_or_else(|| panic!("no end: {answer}"));
    serde_json::from_str(object).unwrap_or_else(|error| panic!("{error}: {answer}"))
}

fn start(config: &str, spy: &SpyGraphite) -> Daemon {
    let config = format!("{config}\n[management]\naddress = \"127.0.0.1:0\"\n");
    start_with(&config, spy)
}

fn start_with(config: &str, spy: &SpyGraphite) -> Daemon {
    let arguments = ["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600", "--workers", "2"];
    Daemon::configured(config, &arguments)
}

fn stop(daemon: Daemon) -> (BTreeMap<String, i128>, String) {
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    let books = accounting(&log);
    assert_books_close(&books);
    (books, log)
}

/// A text of `util.inspect` as JSON: keys in quotes.
fn from_inspect(text: &str) -> Value {
    let mut json = String::new();
    for word in text.replace('\'', "\"").split_inclusive([' ', '\n']) {
        match word.strip_suffix(": ").filter(|key| !key.starts_with('"')) {
            Some(key) => json.push_str(&format!("\"{key}\": ")),
            None => json.push_str(word),
        }
    }
    serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"))
}

/// The keys of `stats`, in order.
fn keys(stats: &str) -> Vec<&str> {
    stats.lines().map(|line| line.split(": ").next().unwrap()).collect()
}

#[test]
fn the_recorded_conversations_get_their_answers() {
    let vectors: Value =
        serde_json::from_str(include_str!("../../../../testdata/statsd.json")).unwrap();
    let recorded = vectors["vectors"].as_array().unwrap().iter();
    let recorded: Vec<_> = recorded.filter(|vector| vector.get("mgmt").is_some()).collect();
    let names: Vec<_> = recorded.iter().map(|vector| vector["name"].as_str().unwrap()).collect();
    assert_eq!(names, ["mgmt_del", "mgmt_cmds", "mgmt_dump", "mgmt_stats_health_config"]);
    recorded.into_iter().for_each(check_recorded);
}

fn check_recorded(vector: &Value) {
    let (name, spy) = (vector["name"].as_str().unwrap(), SpyGraphite::start());
    let health = vector["config"]["healthStatus"].as_str().unwrap_or("up");
    let config = format!(
        "dialect = \"statsd\"\n[management]\naddress = \"127.0.0.1:0\"\nallow_deletions = true\n\
         health = \"{health}\"\n"
    );
    let daemon = start_with(&config, &spy);
    let address = management(&daemon);
    let mut answers = vector["mgmt"].as_array().unwrap().iter();
    for step in vector["packets"][0].as_array().unwrap() {
        let Some(command) = step["mgmt"].as_str() else {
            daemon.send(&[step.as_str().unwrap()]);
            continue;
        };
        let answer = ask(address, command);
        let expected = answers.next().unwrap()["out"].as_str().unwrap();
        match (name, command) {
            ("mgmt_dump", "counters" | "timers" | "gauges") => {
                let expected = from_inspect(expected.strip_suffix("END\n\n").unwrap());
                assert_eq!(dump(address, command), expected, "{command}");
            }
            ("mgmt_dump", "stats") => assert_eq!(keys(&answer), keys(expected)),
            ("mgmt_cmds", "config") => {
                assert!(answer.starts_with('\n') && answer.contains("\nflush_interval: 600\n"));
                assert!(answer.contains("\nmanagement > allow_deletions: true\n"), "{answer}");
            }
            // What is documented there works here.
            ("mgmt_stats_health_config", "health") => assert_eq!(answer, "health: down\n"),
            (_, "quit") => assert_eq!((&*answer, expected), ("", "<EOF>")),
            _ => assert_eq!(answer, expected, "{name}: {command}"),
        }
    }
    let (_, log) = stop(daemon);
    // What the conversation left of the interval.
    let ours: BTreeMap<_, _> =
        spy.all_lines(&log).into_iter().map(|line| (line.name, line.value)).collect();
    let of_series = |name: &str| name.starts_with("stats") && !name.starts_with("stats.statsd.");
    let mut expected = BTreeSet::new();
    for line in vector["flushes"][0].as_array().unwrap() {
        let (name, value) = line.as_str().unwrap().split_once(' ').unwrap();
        if of_series(name) {
            expected.insert(name);
            // Rates are of the shorter interval.
            let is_rate = name.ends_with(".count_ps") || !name.starts_with("stats_counts.");
            assert!(is_rate || ours[name] == value, "{name}: {} {value}", ours[name]);
        }
    }
    let ours: BTreeSet<_> =
        ours.keys().map(String::as_str).filter(|name| of_series(name)).collect();
    let graphite_alone = |name: &&&str| !name.contains("numStats");
    assert_eq!(
        ours.iter().filter(graphite_alone).collect::<Vec<_>>(),
        expected.iter().filter(graphite_alone).collect::<Vec<_>>(),
        "{name}"
    );
}

#[test]
fn a_look_at_the_interval_changes_nothing_in_it() {
    let spy = SpyGraphite::start();
    let daemon = start("", &spy);
    let address = management(&daemon);
    let packets: Vec<_> = (0..4_000)
        .map(|number| format!("a:1|c\nb{}:2|c\nt:{number}|ms\ng:{number}|g", number % 100))
        .collect();
    thread::scope(|scope| {
        scope.spawn(|| {
            for command in ["counters", "timers", "gauges", "stats"].repeat(5) {
                assert!(ask(address, command).ends_with("END\n\n"));
            }
        });
        // From several sockets, so that both workers have some.
        packets.chunks(500).for_each(|some| daemon.send(some));
    });
    let all = dump(address, "counters");
    assert_eq!((&all["a"], &all["b7"]), (&json!(4_000), &json!(80)));
    assert_eq!(dump(address, "timers")["t"].as_array().unwrap().len(), 4_000);
    let (books, log) = stop(daemon);
    assert_eq!(books["samples.aggregated"], 16_000);
    assert_eq!(books["management.commands"], 22);
    let lines = spy.all_lines(&log);
    assert_eq!(sum(&lines, "stats_counts.a"), 4_000.0);
    assert_eq!(sum(&lines, "stats.timers.t.count"), 4_000.0);
    assert_eq!(sum(&lines, "gstatsd.flushes"), 1.0);
}

#[test]
fn whoever_looks_while_flush_follows_flush_gets_an_answer_and_takes_nothing_away() {
    let spy = SpyGraphite::start();
    let config = "[management]\naddress = \"127.0.0.1:0\"\n";
    let arguments = ["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "0.02", "--workers", "2"];
    let daemon = Daemon::configured(config, &arguments);
    let address = management(&daemon);
    let packets = vec!["a:1|c\nt:1|ms\nt:2|ms"; 200];
    thread::scope(|scope| {
        scope.spawn(|| {
            for command in ["counters", "timers", "stats"].repeat(8) {
                assert!(ask(address, command).ends_with("END\n\n"), "{command}");
            }
        });
        for _ in 0..20 {
            daemon.send(&packets);
            thread::sleep(Duration::from_millis(50));
        }
    });
    let (books, log) = stop(daemon);
    assert_eq!(books["samples.aggregated"], 12_000);
    let lines = spy.all_lines(&log);
    assert_eq!(sum(&lines, "stats_counts.a"), 4_000.0);
    assert_eq!(sum(&lines, "stats.timers.t.count"), 8_000.0);
}

#[test]
fn deletions_and_health_follow_the_configuration_and_a_reload() {
    let spy = SpyGraphite::start();
    let mut daemon = start("dialect = \"statsd\"", &spy);
    let address = management(&daemon);
    daemon.send(&["a:1|c\nb.c:1|ms"]);
    let refused = "ERROR: management.allow_deletions is false\n";
    assert_eq!(ask(address, "delcounters a"), refused);
    assert_eq!(dump(address, "counters")["a"], json!(1));
    assert_eq!(ask(address, "health down"), "health: down\n");
    let config = "dialect = \"statsd\"\n[management]\naddress = \"127.0.0.1:0\"\n";
    daemon.reload(&format!("{config}allow_deletions = true\n"));
    daemon.wait_for_log("applied: management.allow_deletions");
    // What was said stays said, until the file says something else.
    assert_eq!(ask(address, "health"), "health: down\n");
    assert_eq!(ask(address, "delcounters a"), "deleted: a\nEND\n\n");
    assert_eq!(ask(address, "deltimers b.*"), "deleted: b.c\nEND\n\n");
    assert_eq!(ask(address, "delgauges b.*"), "metric b.* not found\nEND\n\n");
    assert_eq!(dump(address, "timers"), json!({}));
    daemon.send(&["a:5|c"]);
    assert_eq!(dump(address, "counters")["a"], json!(5));
    daemon.reload(&format!("{config}health = \"down\"\n"));
    daemon.wait_for_log("applied: management.allow_deletions, management.health");
    assert_eq!(ask(address, "health up"), "health: up\n");
    daemon.reload(config);
    daemon.wait_for_log("applied: management.health");
    assert_eq!(ask(address, "health"), "health: up\n");
    let (_, log) = stop(daemon);
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 5.0);
}

#[test]
fn a_unix_socket_takes_commands_from_who_may_write_to_it() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let path = folder.file("commands");
    // Left behind by another.
    drop(UnixListener::bind(&path).unwrap());
    let daemon = start_with(&format!("[management]\naddress = \"unix://{path}\"\n"), &spy);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    let mut stream = UnixStream::connect(&path).unwrap();
    let mut answers = BufReader::new(stream.try_clone().unwrap()).lines();
    // Line after line over one connection, the last one without an end.
    for (command, answer) in [("health\n", "health: up"), ("x\r\n", "ERROR"), ("HELP", "ERROR")] {
        stream.write_all(command.as_bytes()).unwrap();
        assert_eq!(answers.next().unwrap().unwrap(), answer, "{command}");
    }
    let other = Command::new(binary())
        .args(["-b", "127.0.0.1:0", "-c", &daemon.config()])
        .output()
        .unwrap();
    let error = String::from_utf8(other.stderr).unwrap();
    assert!(error.contains("another process listens there"), "{error}");
    stop(daemon);
    assert!(!fs::exists(&path).unwrap());
}

#[test]
fn f50_who_misuses_the_management_port_harms_nobody_else() {
    let spy = SpyGraphite::start();
    let config = "[management]\naddress = \"127.0.0.1:0\"\nconnections_max = 3\n";
    let daemon = start_with(config, &spy);
    let address = management(&daemon);
    for (sent, answer) in [
        (vec![b'x'; 10 << 20], "ERROR: the line is too long\n"),
        (b"health\n".repeat(10 << 17), "ERROR: too many commands at once\n"),
        (b"\xff\xfe\xc3\x28 \x00\n".to_vec(), "ERROR\n"),
        (b"POST / HTTP/1.1\r\n\r\ndelcounters a\r\n".to_vec(), "ERROR: this is no command\n"),
    ] {
        let mut stream = TcpStream::connect(address).unwrap();
        let (mut reader, sent_bytes) = (stream.try_clone().unwrap(), sent.len());
        let writer = thread::spawn(move || {
            // It is closed while we write.
            stream.write_all(&sent).ok();
            stream.shutdown(Shutdown::Write).ok();
        });
        let mut read = Vec::new();
        let (mut piece, mut last) = ([0; 4_096], Ok(1));
        while matches!(last, Ok(bytes) if bytes > 0) {
            last = reader.read(&mut piece);
            read.extend_from_slice(&piece[..*last.as_ref().unwrap_or(&0)]);
        }
        writer.join().unwrap();
        let read = String::from_utf8(read).unwrap();
        // Who is cut off while he writes may lose what was said last.
        let is_whole = sent_bytes < 1_000;
        assert!(read.ends_with(answer) || !is_whole, "{answer}{read}");
        assert!(read.lines().count() <= 1_001 && !read.contains("END"), "{read}");
    }
    // As many as there may be, none of which says anything.
    let idle: Vec<_> = (0..3).map(|_| TcpStream::connect(address).unwrap()).collect();
    thread::sleep(Duration::from_millis(100));
    let mut refused = TcpStream::connect(address).unwrap();
    assert_eq!(refused.read(&mut [0; 10]).unwrap_or(0), 0);
    drop(idle);
    daemon.send(&["a:1|c"]);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(dump(address, "counters")["a"], json!(1));
    let (books, _) = stop(daemon);
    assert_eq!(books["management.refused"], 1);
    assert_eq!(books["samples.aggregated"], 1);
}

#[test]
fn who_does_not_read_a_dump_delays_nobody() {
    let spy = SpyGraphite::start();
    let daemon = start("series_max = 100000", &spy);
    let address = management(&daemon);
    // More than the buffers of a connection hold.
    let name = "x".repeat(900);
    let packets: Vec<_> = (0..20_000).map(|number| format!("{name}{number}:1|c")).collect();
    daemon.send(&packets);
    let stuck: Vec<_> = (0..4)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"counters\n").unwrap();
            // It has begun, and is not read to its end.
            stream.read_exact(&mut [0; 10]).unwrap();
            stream
        })
        .collect();
    assert_eq!(ask(address, "counters"), "ERROR: too many dumps are under way\n");
    assert_eq!(ask(address, "health"), "health: up\n");
    assert!(ask(address, "stats").ends_with("END\n\n"));
    daemon.send(&["a:1|c"]);
    let (books, _) = stop(daemon);
    assert_eq!(books["samples.aggregated"], 20_001);
    drop(stuck);
}
