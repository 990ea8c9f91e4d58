//! Real emitters from PyPI and npm between the daemon and a sink that counts. `cargo xtask setup`
//! makes the environment that they run in.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::support::{
    Daemon, Folder, GraphiteLine, SpyGraphite, accounting, assert_books_close, sum,
};

/// How a script for Python waits for the daemon.
const PACE_PYTHON: &str = include_str!("emitters/pace.py");
/// How a script for Node.js does.
const PACE_NODE: &str = include_str!("emitters/pace.js");
/// Sends with the package `statsd`.
pub(crate) const PYSTATSD: &str = include_str!("emitters/pystatsd.py");
/// Sends with it over a connection.
const PYSTATSD_STREAM: &str = include_str!("emitters/pystatsd_stream.py");
const DATADOG_UNIX: &str = include_str!("emitters/datadog_unix.py");
const DATADOG: &str = include_str!("emitters/datadog.py");
const HOT_SHOTS: &str = include_str!("emitters/hot-shots.js");
const NODE_STATSD: &str = include_str!("emitters/node-statsd.js");

/// Runs a script for Python that sends to a port; gives what it printed.
pub(crate) fn run_python(script: &str, port: u16) -> String {
    let mut command = python();
    command.args(["-c", &[PACE_PYTHON, script].concat()]);
    run(command.arg(port.to_string()))
}

/// Runs a script for Python that sends to a URL.
fn run_python_to(script: &str, url: &str) -> String {
    run(python().args(["-c", script, url]))
}

/// The Python of the environment.
pub(crate) fn python() -> Command {
    program("python")
}

fn run_node(script: &str, port: u16) -> String {
    let mut command = program("node");
    // Old packages use what Node.js would rather forget, and it says so.
    command.args(["--no-deprecation", "-e", &[PACE_NODE, script].concat()]);
    run(command.arg(port.to_string()).current_dir(environment().join("emitters")))
}

fn run(command: &mut Command) -> String {
    let output = command.stderr(Stdio::inherit()).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A program of the environment.
fn program(name: &str) -> Command {
    let program = environment().join("bin").join(name);
    assert!(
        program.exists(),
        "no {}: `cargo xtask setup` makes the environment of the tests, and GSTATSD_VENV says \
         where it is if not below the target directory",
        program.display()
    );
    Command::new(program)
}

/// Where the environment is: `venv` in the target directory, where the setup makes it, unless a
/// variable says otherwise. The binary of this build is at `debug/gstatsd` there.
fn environment() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_gstatsd"));
    let default = || binary.ancestors().nth(2).unwrap().join("venv");
    std::env::var_os("GSTATSD_VENV").map_or_else(default, PathBuf::from)
}

/// What came of a script: what it printed, all lines that Graphite got, and the books.
struct Outcome {
    said: String,
    lines: Vec<GraphiteLine>,
    log: String,
}

/// Lets a script send to a daemon that loses nothing of it.
fn outcome(config: &str, script: impl Fn(u16) -> String) -> Outcome {
    let graphite = SpyGraphite::start();
    let flags = ["-b", "127.0.0.1:0", "-s", &graphite.sink(), "-f", "1"];
    let daemon = Daemon::configured(config, &flags);
    let said = script(daemon.address().port());
    let (status, log) = daemon.stop();
    assert!(status.success(), "{status}:\n{log}");
    assert_books_close(&accounting(&log));
    Outcome { said, lines: graphite.all_lines(&log), log }
}

impl Outcome {
    /// The sum of what came of a name.
    fn sum(&self, name: &str) -> f64 {
        sum(&self.lines, name)
    }

    /// What came of a name, interval by interval.
    fn values(&self, name: &str) -> Vec<f64> {
        let of_name = self.lines.iter().filter(|line| line.name == name);
        of_name.map(|line| line.value.parse().unwrap()).collect()
    }

    /// Asserts how many members a set has, whose samples may fall into two intervals.
    fn assert_members(&self, name: &str, members: f64) {
        let values = self.values(name);
        let is_within = values.iter().all(|value| *value <= members);
        assert!(is_within && self.sum(name) >= members, "{name}: {values:?}");
    }

    /// Asserts how much came in, and that nothing of it was lost or refused.
    fn assert_counts(&self, samples: i128, events: i128, service_checks: i128) {
        let books = accounting(&self.log);
        assert_eq!(books["samples.received"], samples, "{}", self.log);
        assert_eq!(books["samples.aggregated"], samples, "{}", self.log);
        assert_eq!(books["lines.events"], events, "{}", self.log);
        assert_eq!(books["lines.service_checks"], service_checks, "{}", self.log);
        assert_eq!(books["datagrams.dropped.kernel"], 0, "{}", self.log);
    }
}

#[test]
fn a_live_datadog_is_counted_exactly() {
    let outcome = outcome("", |port| run_python(DATADOG, port));
    let sampled: u16 = outcome.said.trim().strip_prefix("sampled ").unwrap().parse().unwrap();
    assert!((100..400).contains(&sampled), "{sampled}");
    assert_eq!(outcome.sum("stats_counts.dd.hits"), 5_000.0);
    assert_eq!(outcome.sum("stats_counts.dd.balance"), -50.0);
    assert_eq!(outcome.sum("stats_counts.dd.sampled"), 4.0 * f64::from(sampled));
    assert_eq!(outcome.sum("stats_counts.dd.buffered"), 40_000.0);
    assert_eq!(outcome.sum("stats.timers.dd.load.count"), 250.0);
    assert_eq!(outcome.sum("stats.timers.dd.size.count"), 10.0);
    assert_eq!(outcome.sum("stats.timers.dd.delay.count"), 10.0);
    outcome.assert_members("stats.sets.dd.users.count", 4.0);
    assert_eq!(outcome.values("stats.dd.level").last(), Some(&-10.0));
    let samples = 5_000 + 100 + i128::from(sampled) + 250 + 40 + 2 + 20_000;
    outcome.assert_counts(samples, 1, 1);
}

#[test]
fn a_live_hot_shots_is_counted_exactly() {
    let outcome = outcome("", |port| run_node(HOT_SHOTS, port));
    assert_eq!(outcome.sum("stats_counts.hs.hits"), 5_000.0);
    assert_eq!(outcome.sum("stats_counts.hs.sampled"), 1_000.0);
    assert_eq!(outcome.sum("stats_counts.hs.balance"), -55.0);
    assert_eq!(outcome.sum("stats_counts.hs.debt"), -55.0);
    assert_eq!(outcome.sum("stats_counts.hs.buffered"), 40_000.0);
    assert_eq!(outcome.sum("stats.timers.hs.load.count"), 250.0);
    assert_eq!(outcome.sum("stats.timers.hs.size.count"), 10.0);
    assert_eq!(outcome.sum("stats.timers.hs.delay.count"), 10.0);
    outcome.assert_members("stats.sets.hs.users.count", 4.0);
    assert_eq!(outcome.values("stats.hs.level").last(), Some(&-10.0));
    outcome.assert_counts(5_000 + 500 + 250 + 20 + 40 + 20_000 + 50, 1, 1);
}

#[test]
fn a_live_node_statsd_is_counted_exactly() {
    let outcome = outcome("", |port| run_node(NODE_STATSD, port));
    assert_eq!(outcome.sum("stats_counts.ns.hits.end"), 5_000.0);
    assert_eq!(outcome.sum("stats_counts.ns.sampled.end"), 1_000.0);
    assert_eq!(outcome.sum("stats_counts.ns.balance.end"), -55.0);
    assert_eq!(outcome.sum("stats_counts.ns.debt.end"), -55.0);
    assert_eq!(outcome.sum("stats_counts.ns.tagged.end"), 3.0);
    assert_eq!(outcome.sum("stats.timers.ns.load.end.count"), 250.0);
    assert_eq!(outcome.sum("stats.timers.ns.size.end.count"), 10.0);
    outcome.assert_members("stats.sets.ns.users.end.count", 4.0);
    assert_eq!(outcome.values("stats.ns.level.end").last(), Some(&10.0));
    outcome.assert_counts(5_000 + 500 + 250 + 20 + 30 + 1, 0, 0);
}

#[test]
fn a_live_datadog_is_understood_in_its_own_dialect() {
    let outcome = outcome("dialect = \"dogstatsd\"", |port| run_python(DATADOG, port));
    let sampled: u16 = outcome.said.trim().strip_prefix("sampled ").unwrap().parse().unwrap();
    for (name, expected) in [
        ("dd.hits;bare=true;env=test;shard=0", 2_500.0),
        ("dd.hits;bare=true;env=test;shard=1", 2_500.0),
        ("dd.balance;env=test", -50.0),
        ("dd.sampled;env=test", 4.0 * f64::from(sampled)),
        ("dd.buffered;env=test", 40_000.0),
        ("dd.load.count;env=test", 250.0),
        ("dd.size.count;env=test;path=/a:b", 10.0),
        ("dd.delay.count;env=test", 10.0),
    ] {
        assert_eq!(outcome.sum(name), expected, "{name}");
    }
    outcome.assert_members("dd.users;env=test", 4.0);
    assert_eq!(outcome.values("dd.level;env=test").last(), Some(&-10.0));
    for (name, value) in [("dd.past;env=test", "3"), ("dd.past.count;env=test", "4")] {
        let of_name: Vec<_> = outcome.lines.iter().filter(|line| line.name == name).collect();
        let [line] = of_name[..] else { panic!("{of_name:?}") };
        assert_eq!((line.value.as_str(), line.timestamp), (value, 1_700_000_000));
    }
    let books = accounting(&outcome.log);
    let samples = 5_000 + 100 + i128::from(sampled) + 250 + 40 + 20_000;
    assert_eq!((books["samples.aggregated"], books["samples.passed_on"]), (samples, 2));
    assert_eq!((books["lines.events"], books["lines.service_checks"]), (1, 1));
}

#[test]
fn a_live_hot_shots_is_understood_in_the_dialect_of_datadog() {
    let config = "dialect = \"dogstatsd\"\ntags.styles = [\"dogstatsd\", \"influx\"]";
    let outcome = outcome(config, |port| run_node(HOT_SHOTS, port));
    for (name, expected) in [
        ("hs.hits;env=test;shard=0", 2_500.0),
        ("hs.hits;env=test;shard=1", 2_500.0),
        ("hs.sampled;env=test", 1_000.0),
        ("hs.balance;env=test", -55.0),
        ("hs.buffered;env=test", 40_000.0),
        ("hs.load.count;env=test", 250.0),
        ("hs.delay.count;env=test;url=a:b/c", 10.0),
        ("tg.hits;env=test;shard=a", 50.0),
    ] {
        assert_eq!(outcome.sum(name), expected, "{name}");
    }
    // Absolute, as Datadog has it.
    assert_eq!(outcome.values("hs.level;env=test").last(), Some(&-10.0));
    outcome.assert_counts(5_000 + 500 + 250 + 20 + 40 + 20_000 + 50, 1, 1);
}

type Books = BTreeMap<String, i128>;

/// Lets a script send to a daemon with this one listener, and gives its books and all lines that
/// Graphite got.
fn streamed(listener: &str, script: impl Fn(&Daemon)) -> (Books, Vec<GraphiteLine>) {
    let graphite = SpyGraphite::start();
    let config = format!("[[listen]]\n{listener}\n");
    let daemon = Daemon::configured(&config, &["-s", &graphite.sink(), "-f", "600"]);
    script(&daemon);
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    (books, graphite.all_lines(&log))
}

#[test]
fn a_live_pystatsd_is_counted_exactly_over_tcp_and_a_unix_socket() {
    let folder = Folder::new();
    let unix = format!("unix://{}", folder.file("socket"));
    for url in ["tcp://127.0.0.1:0", &unix] {
        let (books, lines) = streamed(&format!("address = \"{url}\""), |daemon| {
            let tcp = daemon.addresses.first().map(|address| format!("tcp://{address}"));
            run_python_to(PYSTATSD_STREAM, tcp.as_ref().unwrap_or(&unix));
        });
        assert_eq!(sum(&lines, "stats_counts.py.hits"), 10_000.0);
        assert_eq!(sum(&lines, "stats_counts.py.batched"), 6_000.0);
        assert_eq!(books["samples.aggregated"], 10_000 + 2_000 + 500);
        assert_eq!(books["connections.closed.peer"], 1);
    }
}

#[test]
fn a_live_datadog_is_counted_exactly_over_unix_sockets() {
    let folder = Folder::new();
    let path = folder.file("socket");
    for (transport, framing) in [("unixgram", ""), ("unixstream", "framing = \"length_prefixed\"")]
    {
        let url = format!("{transport}://{path}");
        let (books, lines) = streamed(&format!("address = \"{url}\"\n{framing}"), |_| {
            run_python_to(DATADOG_UNIX, &url);
        });
        assert_eq!(sum(&lines, "stats_counts.dd.hits"), 1_000.0, "{transport}");
        assert_eq!(sum(&lines, "stats_counts.dd.buffered"), 40_000.0, "{transport}");
        assert_eq!(books["samples.aggregated"], 1_000 + 20_000);
        assert!(!books.contains_key("lines.rejected.truncated"));
    }
}
