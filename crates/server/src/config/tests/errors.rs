//! Tests of what is told about a configuration that is wrong.

use super::*;

#[test]
fn every_error_of_a_file_is_told_with_its_line_and_its_key() {
    let errors = errors_of_file(
        "dialect = \"node\"\nworkers = -1\nflush_interval = nan\npercent = 0\n\
         prefix = \"a\\nb\"\nown_metrics = \"a.\"\nshutdown_timeout = 0\n\
         receive_buffer_bytes = 1\nseries_max = 0\nsamples_max = 0\nname_bytes_max = 65508\n\
         member_bytes_max = 0\nlog.target = \"\"\nlog.level = \"loud\"\n",
    );
    let level = "not \"off\", \"error\", \"warn\", \"info\", \"debug\" or \"trace\"";
    let expected = [
        "line 1: dialect: 'node' is not \"gstatsd\", \"statsd\" or \"dogstatsd\"",
        "line 2: workers: -1 is not between 0 and 1024 threads",
        "line 3: flush_interval: NaN is not between 0.01 and 86400 seconds",
        "line 4: percent: 0 is not in (0, 100]",
        "line 5: prefix: \"a\\nb\" has a control character",
        "line 6: own_metrics: \"a.\" is not made of letters, digits, _, - and dots between them",
        "line 7: shutdown_timeout: 0 is not between 0.01 and 3600 seconds",
        "line 8: receive_buffer_bytes: 1 is not between 4096 and 1073741824 bytes",
        "line 9: series_max: 0 is not between 1 and 1000000000 keys",
        "line 10: samples_max: 0 is not between 1 and 1000000000 samples",
        "line 11: name_bytes_max: 65508 is not between 1 and 65507 bytes",
        "line 12: member_bytes_max: 0 is not between 1 and 65507 bytes",
        "line 13: log.target: '' is not \"stderr\", \"syslog\" or a path",
        &format!("line 14: log.level: 'loud' is {level}"),
    ];
    assert_eq!(errors, expected.map(|line| format!("a.toml: {line}")));
}

#[test]
fn names_are_held_to_what_is_allowed() {
    for name in [".a", "a.", "a b", "a/b", "ü"] {
        let errors = errors_of_file(&format!("own_metrics = \"{name}\""));
        assert!(errors[0].starts_with("a.toml: line 1: own_metrics: "), "{errors:?}");
    }
    let long = "x".repeat(65);
    for name in ["", "a.b", "a b", &long] {
        let errors = errors_of_file(&format!("[[sink]]\nurl = \"console:\"\nname = \"{name}\""));
        assert!(errors[0].starts_with("a.toml: line 3: sink.name: "), "{errors:?}");
    }
    let longest = &long[..64];
    let sinks = of_file(&format!("[[sink]]\nurl = \"console:\"\nname = \"{longest}\"")).sinks;
    assert_eq!(sinks[0].name, longest);
}

#[test]
fn every_error_of_the_listeners_and_sinks_is_told() {
    let errors = errors_of_file(
        "[[listen]]\n[[listen]]\naddress = \":1\"\n[[listen]]\naddress = \"1\"\n\
         [[listen]]\naddress = \"x\"\n\
         [[sink]]\nname = \"a b\"\nqueue_bytes = 1\n\
         [[sink]]\nurl = \"foo\"\nname = \"x\"\nconnect_timeout = 0\n\
         [[sink]]\nurl = \"console:\"\nname = \"x\"\nwrite_timeout = 1\n\
         [[sink]]\nurl = \"1\"\nname = \"y\"\nwrite_timeout = 0\ninterval = 15\n\
         include = [\"a\", \"\"]\nexclude = [\"***\"]",
    );
    let expected = [
        "line 1: listen.address: is missing",
        "line 5: listen.address: '1' is listed twice",
        "line 7: listen.address: 'x' is no address: 'x' is not a port from 0 to 65535; \
         give [HOST]:PORT, udp://[HOST]:PORT, tcp://[HOST]:PORT, unix://PATH, unixgram://PATH or \
         systemd://NAME",
        "line 9: sink.name: 'a b' is not 1 to 64 letters, digits, _ and -",
        "line 17: sink.name: 'x' is the name of another sink",
        "line 10: sink.queue_bytes: 1 is not between 1024 and 1099511627776 bytes",
        "line 8: sink.url: is missing",
        "line 22: sink.write_timeout: 0 is not between 0.01 and 3600 seconds",
        "line 23: sink.interval: 15 is no multiple of the flush interval, 10 seconds",
        "line 24: sink.include: '': an empty pattern matches nothing",
        "line 25: sink.exclude: '***': '***' is no wildcard; '*' and '**' are",
        "line 12: sink.url: 'foo' is no sink: 'foo' is not a port from 1 to 65535; \
         give [HOST]:PORT (Graphite over TCP), graphite://HOST:PORT, graphite+pickle://, \
         graphite+tls:// or graphite+udp://HOST:PORT, statsd:// or statsd+tcp://HOST:PORT, \
         influxdb+udp://HOST:PORT, influxdb://HOST:PORT/DATABASE, otlp:// or \
         otlp+http://HOST:PORT, remote-write://HOST:PORT/PATH, file:PATH, \
         prometheus://[HOST]:PORT or console:",
        "line 18: sink.write_timeout: means nothing for this kind of sink",
    ];
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
    for line in expected {
        assert!(errors.contains(&format!("a.toml: {line}")), "{line} is not in {errors:#?}");
    }
}

#[test]
fn every_error_of_the_flags_is_told_with_the_flag() {
    let flags = Flags {
        bind: vec![String::new()],
        sink: vec!["a:b:c".to_owned(), "1:x".to_owned()],
        flush: text("abc"),
        percent: text("x"),
        prefix: text("${NONE}"),
        workers: text("2.5"),
        log: text(""),
        ..Flags::default()
    };
    let errors = config("", &flags).unwrap_err();
    for start in [
        "-b: '' is no address",
        "-s: 'a:b:c' is no sink",
        "-s: '1:x' is no sink",
        "-f: 'abc' is not a number of seconds",
        "-p: 'x' is not a number",
        "-x: variable NONE is not set",
        "--workers: '2.5' is not a whole number of threads",
        "--log: '' is not",
    ] {
        assert!(errors.iter().any(|line| line.starts_with(start)), "{start}: {errors:#?}");
    }
    assert_eq!(errors.len(), 8);
    for (flush, wrong) in [("-1", "-1"), ("nan", "nan"), ("inf", "inf"), (" 1e9", "1e9")] {
        let errors = config("", &Flags { flush: text(flush), ..Flags::default() }).unwrap_err();
        assert_eq!(errors, [format!("-f: {wrong} is not between 0.01 and 86400 seconds")]);
    }
    let errors = config("", &Flags { percent: text("101"), ..Flags::default() }).unwrap_err();
    assert_eq!(errors, ["-p: 101 is not in (0, 100]"]);
    let errors = config("", &Flags { workers: text("1025"), ..Flags::default() }).unwrap_err();
    assert_eq!(errors, ["--workers: 1025 is not between 0 and 1024 threads"]);
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_text_is_refused() {
    use std::os::unix::ffi::OsStringExt;
    let path = std::ffi::OsString::from_vec(vec![0xff]);
    let flags = Flags { pid_file: Some(path.into()), ..Flags::default() };
    let errors = config("", &flags).unwrap_err();
    assert_eq!(errors, ["--pid-file: /srv/\u{fffd} is not UTF-8"]);
}
