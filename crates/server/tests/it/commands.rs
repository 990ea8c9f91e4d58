//! `explain`, `replay` and `send`, as a shell meets them.

use std::collections::BTreeSet;
use std::net::{TcpListener, UdpSocket};
use std::os::unix::net::UnixDatagram;
use std::process::{Command, Output};
use std::{fs, io};

use crate::support::{Folder, binary};

fn run(arguments: &[&str]) -> Output {
    Command::new(binary()).args(arguments).output().unwrap()
}

/// What a command prints, when all is well.
fn printed(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert!(output.status.success(), "{arguments:?}: {output:?}");
    assert!(output.stderr.is_empty(), "{arguments:?}: {output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The one line of a command that fails.
fn failure(arguments: &[&str]) -> String {
    let output = run(arguments);
    assert_eq!(output.status.code(), Some(1), "{arguments:?}: {output:?}");
    assert!(output.stdout.is_empty(), "{arguments:?}: {output:?}");
    let error = String::from_utf8(output.stderr).unwrap();
    assert_eq!(error.lines().count(), 1, "{error}");
    error
}

fn replay(arguments: &[&str], recording: &[u8]) -> String {
    let folder = Folder::new();
    let file = folder.file("recording");
    fs::write(&file, recording).unwrap();
    printed(&[&["replay"], arguments, &[&file]].concat())
}

#[test]
fn explain_says_how_a_line_is_read_and_what_it_becomes() {
    let cases: [(&[&str], &str); 6] = [
        (
            &["a:1|c|@0.1|#b:c"],
            "a metric line, name 'a', tags 'b=c': dropped\n  \
               a sample: counter 1, rate 0.1: counts 10 times\n\
             becomes, when an interval of 10 s brings nothing else:\n  \
               stats.a 1.000000\n  \
               stats_counts.a 10.000000\n",
        ),
        (
            &["-x", "web", "-p", "95", "-f", "5", "a b:5:x|h|@0.5"],
            "a metric line, name 'a b', written as 'ab'\n  \
               a sample: histogram 5, taken as a timer, rate 0.5: makes no difference to this \
               type\n  \
               value 'x' is rejected: bad_value, the value is not a decimal number\n\
             becomes, when an interval of 5 s brings nothing else:\n  \
               stats.timers.web.ab.mean 5.000000\n  \
               stats.timers.web.ab.upper 5.000000\n  \
               stats.timers.web.ab.upper_95 5.000000\n  \
               stats.timers.web.ab.lower 5.000000\n  \
               stats.timers.web.ab.count 1\n",
        ),
        (
            &["a"],
            "line 'a' is rejected: no_value, there is no value, as the 1 in name:1|c\n\
             becomes nothing\n",
        ),
        (
            &["_e{1,1}:a|b"],
            "an event 'a': counted, not aggregated, and shown by sinks that can\n\
             becomes nothing\n",
        ),
        (
            &["u:x\x1b y|s"],
            "a metric line, name 'u'\n  \
               a sample: set member 'x\\x1b y'\n\
             becomes, when an interval of 10 s brings nothing else:\n  \
               stats.sets.u.count 1\n",
        ),
        (&["\n"], "no line: there is nothing between the newlines\nbecomes nothing\n"),
    ];
    for (arguments, expected) in cases {
        assert_eq!(printed(&[&["explain"], arguments].concat()), expected);
    }
}

#[test]
fn explain_shows_what_each_sink_would_send() {
    let folder = Folder::new();
    let config = folder.file("gstatsd.toml");
    let file = folder.file("lines.json");
    let sinks = format!(
        "[[sink]]\nname = \"carbon\"\nurl = \"graphite://127.0.0.1:1\"\n\
         [[sink]]\nname = \"page\"\nurl = \"prometheus://127.0.0.1:1\"\nexclude = [\"b.*\"]\n\
         [[sink]]\nname = \"some\"\nurl = \"file:{file}\"\ninclude = [\"c.*\"]\n\
         [[sink]]\nname = \"all\"\nurl = \"file:{file}.all\"\n"
    );
    fs::write(&config, sinks).unwrap();
    let text = printed(&["explain", "-c", &config, "b.x:20|c"]);
    let sections: Vec<&str> = text.split("at sink ").skip(1).collect();
    assert_eq!(sections.len(), 4, "{text}");
    assert!(sections[0].starts_with("carbon (Graphite at 127.0.0.1:1):\n"), "{text}");
    assert!(sections[0].contains("  stats.b.x 2.000000 0\n"), "{text}");
    assert!(sections[0].contains("  stats_counts.b.x 20.000000 0\n"), "{text}");
    assert!(sections[1].ends_with(":\n  not sent: excluded by `exclude`\n"), "{text}");
    assert!(sections[2].ends_with(":\n  not sent: no pattern of `include` matches\n"), "{text}");
    assert!(sections[3].contains("b.x"), "{text}");
    let text = printed(&["explain", "-c", &config, "hits:20|c"]);
    assert!(text.contains("\n  hits_total 20\n"), "{text}");
    // Nothing was opened for that.
    assert!(!fs::exists(&file).unwrap() && !fs::exists(format!("{file}.all")).unwrap());
}

#[test]
fn explain_knows_reserved_names() {
    let folder = Folder::new();
    let config = folder.file("gstatsd.toml");
    fs::write(&config, "own_metrics = 'stats.own'").unwrap();
    let text = printed(&["explain", "-c", &config, "own.x:1|c"]);
    assert!(text.contains("becomes nothing: reserved_name"), "{text}");
}

#[test]
fn replay_prints_each_interval_sorted_and_an_empty_line() {
    let recording = br"b:2|g\na:1|c
t:3|ms

\
a:5|c";
    assert_eq!(
        replay(&["-f", "10", "-p", "50", "-x", "p"], recording),
        "stats.p.a 0.100000\n\
         stats.p.b 2.000000\n\
         stats.timers.p.t.count 1\n\
         stats.timers.p.t.lower 3.000000\n\
         stats.timers.p.t.mean 3.000000\n\
         stats.timers.p.t.upper 3.000000\n\
         stats.timers.p.t.upper_50 3.000000\n\
         stats_counts.p.a 1.000000\n\
         stats_counts.p.b 2.000000\n\
         statsd.numStats 3\n\
         \n\
         stats.p.a 0.500000\n\
         stats_counts.p.a 5.000000\n\
         statsd.numStats 1\n\
         \n"
    );
    assert_eq!(replay(&[], b""), "");
    assert_eq!(replay(&[], b"\n"), "statsd.numStats 0\n\n");
}

#[test]
fn replay_adds_the_time_of_a_virtual_clock() {
    let text = replay(&["--timestamps", "-f", "10"], b"a:1|c\n\n\na:1|g");
    assert_eq!(
        text,
        "stats.a 0.100000 10\n\
         stats_counts.a 1.000000 10\n\
         statsd.numStats 1 10\n\
         \n\
         statsd.numStats 0 20\n\
         \n\
         stats.a 1.000000 30\n\
         stats_counts.a 1.000000 30\n\
         statsd.numStats 1 30\n\
         \n"
    );
}

#[test]
fn replay_names_what_it_cannot_read() {
    let folder = Folder::new();
    let file = folder.file("recording");
    fs::write(&file, "a:1|c\n\na\\q:1|c\n").unwrap();
    let error = failure(&["replay", &file]);
    assert!(error.contains(&file) && error.contains("line 3:"), "{error}");
    assert!(failure(&["replay", "/nowhere/at/all"]).contains("/nowhere/at/all"));
    assert!(failure(&["replay", "-p", "0", &file]).contains("-p"));
}

#[test]
fn send_sends_each_line_as_a_packet() {
    for (bind, host) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "[::1]")] {
        let socket = UdpSocket::bind(bind).unwrap();
        let to = format!("{host}:{}", socket.local_addr().unwrap().port());
        assert_eq!(printed(&["send", "--to", &to, "a:1|c", "b:2|g\nc:3|ms"]), "");
        let mut buffer = [0; 64];
        for expected in [&b"a:1|c"[..], b"b:2|g\nc:3|ms"] {
            let bytes = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..bytes], expected);
        }
    }
}

#[test]
fn send_tries_each_address_of_a_name_and_tells_when_nobody_listens() {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let port = socket.local_addr().unwrap().port().to_string();
    // An empty host is localhost, which may be ::1 first.
    assert_eq!(printed(&["send", "--to", &port, "a:1|c"]), "");
    let mut buffer = [0; 64];
    assert_eq!(socket.recv(&mut buffer).unwrap(), 5);
    drop(socket);
    let error = failure(&["send", "--to", &port, "a:1|c"]);
    assert!(error.contains(&port) && error.contains("refused"), "{error}");
    assert!(failure(&["send", "--to", "x:y", "a:1|c"]).contains("--to"));
}

#[test]
fn send_knows_unix_sockets_and_connections() {
    let folder = Folder::new();
    let path = folder.file("socket");
    let socket = UnixDatagram::bind(&path).unwrap();
    for scheme in ["unix", "unixgram"] {
        assert_eq!(printed(&["send", "--to", &format!("{scheme}://{path}"), "a:1|c", "b:2|g"]), "");
        let mut buffer = [0; 64];
        for expected in ["a:1|c", "b:2|g"] {
            let bytes = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..bytes], expected.as_bytes());
        }
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let to = format!("tcp://{}", listener.local_addr().unwrap());
    assert_eq!(printed(&["send", "--to", &to, "a:1|c", "b:2|g"]), "");
    let text = io::read_to_string(listener.accept().unwrap().0).unwrap();
    assert_eq!(text, "a:1|c\nb:2|g\n");
}

#[test]
fn f81_intervals_and_percentiles_work_or_are_an_error_that_names_the_key() {
    let folder = Folder::new();
    let path = folder.file("gstatsd.toml");
    let recording = folder.file("recording");
    fs::write(&recording, "a:1:2:3|ms\nb:4|h\n\n").unwrap();
    let dialects = ["gstatsd", "statsd", "dogstatsd"];
    let every = |key: &'static str, value: &'static str, works: bool| {
        dialects.map(|dialect| (dialect, key, value, works))
    };
    let mut cases = Vec::new();
    for (value, works) in [("0", false), ("0.1", true), ("-1", false), ("31536000", false)] {
        cases.extend(every("flush_interval", value, works));
    }
    for (value, works) in [("nan", false), ("inf", false), ("1e-300", false), ("86400", true)] {
        cases.extend(every("flush_interval", value, works));
    }
    for (value, works) in [("0", false), ("100", true), ("101", false), ("nan", false)] {
        cases.extend(every("percent", value, works));
    }
    for (value, works) in [("1e-9", true), ("[0.0]", false), ("[nan]", false)] {
        cases.extend(every("percent", value, works));
    }
    cases.extend([
        ("gstatsd", "percent", "[90, 90]", false),
        ("gstatsd", "percent", "-10", false),
        ("statsd", "percent", "[90, 90, -90]", true),
        ("statsd", "percent", "[]", true),
        ("statsd", "percent", "[50, nan]", false),
        ("statsd", "percent", "-100.1", false),
        ("dogstatsd", "percent", "[95, 95]", true),
        ("dogstatsd", "percent", "-10", false),
        ("dogstatsd", "distribution_percent", "[50, 50, 99.9]", true),
        ("dogstatsd", "distribution_percent", "[0]", false),
    ]);
    for (dialect, key, value, works) in cases {
        fs::write(&path, format!("dialect = \"{dialect}\"\n{key} = {value}")).unwrap();
        let shown = format!("{dialect} {key} = {value}");
        if works {
            printed(&["check", &path]);
            let lines = printed(&["replay", "-c", &path, &recording]);
            let names: Vec<_> = lines.lines().map(|line| line.split(' ').next()).collect();
            let once: BTreeSet<_> = names.iter().collect();
            assert_eq!(once.len(), names.len(), "{shown}: {lines}");
        } else {
            let error = failure(&["check", &path]);
            assert!(error.contains(&format!("line 2: {key}: ")), "{shown}: {error}");
        }
    }
}
