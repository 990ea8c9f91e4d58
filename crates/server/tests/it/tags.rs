//! Tags and the dialects of listeners, as a configuration file has them.

use std::fs;
use std::io::Write as _;
use std::net::TcpStream;
use std::process::Command;

use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close, binary, sum};

/// What `explain` prints with a configuration of this text.
fn explained(config: &str, line: &str) -> String {
    let folder = Folder::new();
    let path = folder.file("gstatsd.toml");
    fs::write(&path, config).unwrap();
    let output = Command::new(binary()).args(["explain", "-c", &path, line]).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn explain_shows_tags_and_what_becomes_of_them() {
    let becomes = "becomes, when an interval of 10 s brings nothing else:\n";
    let limits = "there are more tags, or more bytes of them, than the limits";
    for (config, line, expected) in [
        (
            "",
            "a:1|c|#k:v,b",
            format!(
                "a metric line, name 'a', tags 'k=v' 'b': dropped\n  a sample: counter 1\n\
                 {becomes}  stats.a 0.100000\n  stats_counts.a 1.000000\n"
            ),
        ),
        (
            "tags.mode = \"keep\"\ntags.styles = [\"all\"]\ntags.constant = [\"h:${HOSTNAME}.x\"]",
            "a,k=v,h=1:1|c|#b",
            format!(
                "a metric line, name 'a', tags 'k=v' 'h=1' 'b'\n  a sample: counter 1\n\
                 {becomes}  stats.a;b=true;h=1;k=v 0.100000\n  stats_counts.a;b=true;h=1;k=v \
                 1.000000\n"
            ),
        ),
        (
            "dialect = \"dogstatsd\"\ntags.output = \"name\"\ntags.template = \"{k}.{name}\"",
            "a b:1|g|#k:v.w",
            format!(
                "a metric line, name 'a b', tags 'k=v.w'\n  a sample: gauge 1\n\
                 {becomes}  v_w.a_b 1\n"
            ),
        ),
        (
            "dialect = \"statsd\"\ntags.count_max = 1",
            "a;b=c:1|c|#d:e",
            format!(
                "a metric line, name 'a', tags 'b=c' 'd=e'\n  \
                 value '1' is rejected: too_many_tags, {limits}\nbecomes nothing\n"
            ),
        ),
        (
            "dialect = \"dogstatsd\"\ntags.bytes_max = 2",
            "a:1|c|#b:c",
            format!(
                "a metric line, name 'a', tags 'b=c'\n  \
                 value '1' is rejected: too_many_tags, {limits}\nbecomes nothing\n"
            ),
        ),
    ] {
        assert_eq!(explained(config, line), expected, "{config} {line}");
    }
}

/// A configuration with two listeners, of which the first has this line.
fn listeners(first: &str) -> String {
    format!(
        "[[listen]]\naddress = \"udp://127.0.0.1:0\"\n{first}\n\
         [[listen]]\naddress = \"tcp://127.0.0.1:0\"\ndialect = \"dogstatsd\"\n\
         [idle]\ntimers = \"delete\"\n"
    )
}

#[test]
fn each_listener_reads_in_its_own_dialect_and_a_reload_changes_it() {
    let spy = SpyGraphite::start();
    let mut daemon = Daemon::configured(&listeners(""), &["-s", &spy.sink(), "-f", "0.2"]);
    let mut connection = TcpStream::connect(daemon.addresses[1]).unwrap();
    let line = "web/a:1|c|#k:v\nt:-1|ms\nh:1|h\n";
    daemon.send(&[line, "end.udp:1|c"]);
    connection.write_all([line, "end.tcp:1|c\n"].concat().as_bytes()).unwrap();
    spy.wait_for("stats_counts.end.udp");
    spy.wait_for("stats_counts.end.tcp");
    daemon.reload(&listeners("dialect = \"statsd\""));
    daemon.wait_for_log("applied: [[listen]]");
    daemon.send(&[line]);
    // The connection was there before.
    connection.write_all(line.as_bytes()).unwrap();
    drop(connection);
    spy.wait_until("all of it", |lines| (sum(lines, "stats.timers.h.count") >= 4.0).then_some(()));
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!(
        books["samples.rejected.out_of_range"], 1,
        "the negative time in the statsd dialect"
    );
    let lines = spy.all_lines(&log);
    for (name, value) in [
        ("stats_counts.web_a", 1.0),
        ("stats_counts.web/a;k=v", 2.0),
        ("stats_counts.web-a;k=v", 1.0),
        // Histograms are timers here, in whichever dialect they were read.
        ("stats.timers.h.count", 4.0),
        ("stats.timers.t.count", 3.0),
    ] {
        assert_eq!(sum(&lines, name), value, "{name}");
    }
}
