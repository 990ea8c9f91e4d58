//! Rules, as a configuration file has them.

use std::fs;
use std::process::Command;

use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close, binary, sum};

/// What the program prints with a configuration of this text.
fn printed(config: &str, arguments: &[&str]) -> String {
    let folder = Folder::new();
    let path = folder.file("gstatsd.toml");
    fs::write(&path, config).unwrap();
    let (command, rest) = arguments.split_first().unwrap();
    let output = Command::new(binary()).args([command, "-c", &path]).args(rest).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

const RULES: &str = "
    [[rule]]
    match = \"noise.**\"
    drop = true
    [[rule]]
    match = \"*.requests\"
    kinds = [\"counter\"]
    rename = \"requests.$1\"
    absolute = true
    [[rule]]
    contains = \"slow\"
    kinds = [\"timer\"]
    percent = 50
";

#[test]
fn explain_shows_which_rule_matched_and_what_became_of_the_line() {
    for (line, expected) in [
        (
            "noise.a:1|c",
            "a metric line, name 'noise.a'\n  a sample: counter 1\n    \
             rule 1 (match = 'noise.**'): dropped\nbecomes nothing: dropped by a rule\n",
        ),
        (
            "web.requests:7|c",
            "a metric line, name 'web.requests'\n  a sample: counter 7\n    \
             rule 2 (match = '*.requests'): named 'requests.web', a total, of which the growth \
             counts\nbecomes, when an interval of 10 s brings nothing else:\n  \
             stats.requests.web 0.000000\n  stats_counts.requests.web 0.000000\n",
        ),
        (
            "web.requests:7|g",
            "a metric line, name 'web.requests'\n  a sample: gauge 7\n    no rule matches\n\
             becomes, when an interval of 10 s brings nothing else:\n  \
             stats.web.requests 7.000000\n  stats_counts.web.requests 7.000000\n",
        ),
        (
            "so!slow:3:5|h",
            "a metric line, name 'so!slow', written as 'soslow'\n  \
             a sample: histogram 3, taken as a timer\n    \
             rule 3 (contains = 'slow'): settings of its own: percent\n  \
             a sample: histogram 5, taken as a timer\n    \
             rule 3 (contains = 'slow'): settings of its own: percent\n\
             becomes, when an interval of 10 s brings nothing else:\n  \
             stats.timers.soslow.mean 3.000000\n  stats.timers.soslow.upper 5.000000\n  \
             stats.timers.soslow.upper_50 3.000000\n  stats.timers.soslow.lower 3.000000\n  \
             stats.timers.soslow.count 2\n",
        ),
    ] {
        assert_eq!(printed(RULES, &["explain", line]), expected, "{line}");
    }
}

#[test]
fn timers_and_histograms_are_the_same_to_a_rule_in_every_dialect() {
    for dialect in ["gstatsd", "statsd", "dogstatsd"] {
        for (kinds, line, matches) in [
            ("timer", "a:1|h", true),
            ("histogram", "a:1|ms", true),
            ("distribution", "a:1|ms", false),
            ("distribution", "a:1|d", dialect == "dogstatsd"),
            ("timer", "a:1|d", dialect != "dogstatsd"),
            ("timer", "a:1|c", false),
        ] {
            let rule = format!("[[rule]]\nmatch = \"a\"\nkinds = [\"{kinds}\"]\ndrop = true");
            let config = format!("dialect = \"{dialect}\"\n{rule}");
            let text = printed(&config, &["explain", line]);
            assert_eq!(text.contains("rule 1"), matches, "{dialect} {kinds} {line}: {text}");
            assert_eq!(text.contains("no rule matches"), !matches, "{dialect} {kinds} {line}");
        }
    }
}

#[test]
fn tags_of_a_rule_come_out_beside_those_of_the_line() {
    let rule = "[[rule]]
         match = \"web.*.requests.*\"
         rename = \"requests\"
         tags = { host = \"$1\", code = \"$2\", old = \"\" }";
    for (config, line) in [
        ("tags.mode = \"keep\"", "stats_counts.requests;code=200;env=prod;host=h1 3.000000\n"),
        ("dialect = \"statsd\"", "stats_counts.requests;code=200;env=prod;host=h1 3\n"),
        ("dialect = \"dogstatsd\"", "  requests;code=200;env=prod;host=h1 3\n"),
    ] {
        let config = format!("{config}\n{rule}");
        let text = printed(&config, &["explain", "web.h1.requests.200:3|c|#old:1,env:prod,host:x"]);
        assert!(text.contains(line), "{config}: {text}");
    }
}

#[test]
fn what_rules_do_is_seen_at_a_sink_and_changes_with_a_reload() {
    let spy = SpyGraphite::start();
    let sink = spy.sink();
    let mut daemon = Daemon::configured(RULES, &["-b", "127.0.0.1:0", "-s", &sink, "-f", "0.2"]);
    daemon.send(&[
        "web.requests:100|c\nnoise.x:1|c\na.slow:1:2:3|ms\nb:1:2:3|ms",
        "web.requests:103|c\nnoise.x:1|c\nend:1|c",
    ]);
    spy.wait_for("stats.end");
    // A name of before, and the total that it had, under another rule.
    daemon.reload(
        "[[rule]]
         match = \"web.requests\"
         rename = \"all\"
         absolute = true
         [[rule]]
         match = \"a.*\"
         percent = 100",
    );
    daemon.wait_for_log("applied: [[rule]]");
    daemon.send(&["web.requests:110|c", "noise.x:1|c", "a.slow:4|ms"]);
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!(books["samples.dropped.rule"], 2);
    assert_eq!(books["samples.aggregated"], 12);
    let lines = spy.all_lines(&log);
    for (name, value) in [
        ("stats_counts.requests.web", 3.0),
        ("stats_counts.all", 7.0),
        ("stats_counts.noise.x", 1.0),
        ("stats.timers.a.slow.upper_50", 2.0),
        ("stats.timers.a.slow.upper_100", 4.0),
        ("stats.timers.a.slow.count", 4.0),
        ("stats.timers.b.upper_90", 3.0),
    ] {
        assert_eq!(sum(&lines, name), value, "{name}");
    }
}
