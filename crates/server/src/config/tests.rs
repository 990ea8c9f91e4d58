//! Tests of the whole way from a file and flags to a configuration.

use std::{num::NonZeroUsize, path::PathBuf, time::Duration};

use gstatsd_aggregate::Glob;
use gstatsd_sinks::GraphiteForm;
use log::LevelFilter;
use proptest::prelude::*;

mod admin;
mod dialect;
mod errors;
mod limits;
mod listeners;
mod management;
mod rules;
mod sinks;
mod tags;

pub(super) use dialect::{dogstatsd_file, statsd_file};

use gstatsd_aggregate::{CounterValue, Namespace};

use super::{
    Address, Admin, Config, Delivery, Dialect, Environment, File, FrequentKeys, GraphitePeer, Idle,
    IdleSeries, Log, LogTarget, Node, Peer, Relay, Repeater, Sandbox, Sink, SinkKind, Spool,
    Statistics, Transport,
    file::{
        FileFrequentKeys, FileIdle, FileListener, FileLog, FileNode, FileRelay, FileRepeater,
        FileSpool, Numbers, Origin,
    },
    key::Key,
    keys,
};
use crate::cli::Flags;

pub(super) fn environment() -> Environment {
    Environment {
        variable: |name| (name == "HOSTNAME").then(|| "web1".to_owned()),
        parallelism: NonZeroUsize::new(3).unwrap(),
        memory: super::machine::MachineMemory::Cgroup(512 << 20),
        directory: PathBuf::from("/srv"),
        passed: Vec::new(),
    }
}

fn config(text: &str, flags: &Flags) -> Result<Config, Vec<String>> {
    let file = File::parse(text, "a.toml").unwrap();
    Config::new(&file, flags, &environment()).map_err(|errors| errors.lines().to_vec())
}

pub(super) fn of_file(text: &str) -> Config {
    config(text, &Flags::default()).unwrap()
}

fn errors_of_file(text: &str) -> Vec<String> {
    config(text, &Flags::default()).unwrap_err()
}

fn text(text: &str) -> Option<String> {
    Some(text.to_owned())
}

fn graphite(name: &str, address: &str, connect: u64, write: u64, queue_bytes: usize) -> Sink {
    let kind = SinkKind::Graphite(GraphitePeer {
        address: Address::parse(address, 1).unwrap(),
        form: GraphiteForm::Text,
        tls: None,
        connect_timeout: Duration::from_secs(connect),
        write_timeout: Duration::from_secs(write),
    });
    let delivery = Delivery { queue_bytes, ..sinks::usual_delivery() };
    Sink { name: name.to_owned(), kind, delivery }
}

fn peer(name: &str, transport: Transport, address: &str) -> Peer {
    Peer { name: name.to_owned(), transport, address: Address::parse(address, 1).unwrap() }
}

fn gstatsd_statistics(percent: f64) -> Statistics {
    let words = ["mean", "upper", "upper_percent", "lower", "count", "histogram"];
    Statistics {
        percents: vec![percent],
        distribution_percents: vec![50.0, 75.0, 90.0, 95.0, 99.0],
        words: words.map(str::to_owned).to_vec(),
    }
}

#[test]
fn nothing_typed_is_the_default() {
    let expected = Config {
        dialect: Dialect::Gstatsd,
        workers: NonZeroUsize::new(3).unwrap(),
        flush_interval: Duration::from_secs(10),
        align: false,
        statistics: gstatsd_statistics(90.0),
        counts: CounterValue::Sum,
        namespace: Namespace::default(),
        sanitize_names: true,
        prefix: String::new(),
        own_metrics: "gstatsd".to_owned(),
        shutdown_timeout: Duration::from_secs(5),
        pin_workers: false,
        receive_buffer_bytes: 8 << 20,
        memory_max: 128 << 20,
        series_max: 1_000_000,
        samples_max: 10_000_000,
        timer_values_max: 100_000,
        set_members_max: 10_000,
        name_bytes_max: 1024,
        member_bytes_max: 256,
        connections_max: 1024,
        connections_per_address_max: 256,
        listeners: vec![listeners::udp(":8125")],
        sinks: vec![Sink {
            name: "console".to_owned(),
            kind: SinkKind::Console,
            delivery: sinks::usual_delivery(),
        }],
        repeaters: Vec::new(),
        relay: None,
        management: management::default(),
        admin: Admin::default(),
        rules: Vec::new(),
        tags: tags::usual(),
        idle: Idle {
            counters: IdleSeries::Deleted,
            timers: IdleSeries::Deleted,
            sets: IdleSeries::Deleted,
            gauges: IdleSeries::Deleted,
            counter_ttl: 0.0,
            timer_ttl: 0.0,
            set_ttl: 0.0,
            gauge_ttl: 0.0,
        },
        frequent_keys: FrequentKeys { interval: 0.0, percent: 100.0, log: None },
        log: Log { target: LogTarget::Stderr, level: LevelFilter::Info },
        state_directory: None,
        spool: Spool {
            directory: None,
            bytes: 1 << 30,
            age: Duration::from_hours(168),
            free_percent: 10.0,
            sync: true,
        },
        pid_file: None,
        user: None,
        sandbox: Sandbox::Off,
        daemonize: false,
    };
    assert_eq!(of_file(""), expected);
    let graphite_alone = of_file("[[sink]]\nurl = \"foo:1\"").sinks;
    assert_eq!(graphite_alone, [graphite("graphite_foo_1", "foo:1", 5, 10, 64 << 20)]);
}

fn full_spool() -> FileSpool {
    FileSpool {
        directory: text("spools"),
        bytes: Some(4711),
        age: Some(3600.5),
        free_percent: Some(12.5),
        sync: Some(false),
    }
}

fn full_idle() -> FileIdle {
    FileIdle {
        counters: text("zero"),
        timers: text("zero"),
        sets: text("zero"),
        gauges: text("repeat"),
        counter_ttl: Some(70.0),
        timer_ttl: Some(80.0),
        set_ttl: Some(90.0),
        gauge_ttl: Some(60.0),
    }
}

/// A file with a value for every key, none of them the default.
pub(super) fn full_file() -> File {
    File {
        dialect: text("gstatsd"),
        workers: Some(7),
        flush_interval: Some(0.25),
        align: Some(true),
        percent: Some(Numbers(vec![99.9])),
        timer_statistics: Some(vec!["upper_99".to_owned()]),
        distribution_percent: None,
        counts: None,
        flush_counts: None,
        sanitize_names: None,
        prefix: text("a ${HOSTNAME}.$${b}"),
        own_metrics: text("own.${HOSTNAME}"),
        shutdown_timeout: Some(1.5),
        pin_workers: Some(true),
        receive_buffer_bytes: Some(65_536),
        memory_max: Some(17_000_000),
        series_max: Some(11),
        samples_max: Some(12),
        timer_values_max: Some(17),
        set_members_max: Some(18),
        name_bytes_max: Some(13),
        member_bytes_max: Some(14),
        connections_max: Some(15),
        connections_per_address_max: Some(16),
        state_directory: text("state"),
        spool: full_spool(),
        pid_file: text("run/pid"),
        user: text("nobody"),
        sandbox: text("require"),
        daemonize: Some(true),
        log: FileLog { target: text("log/file"), level: text("warn") },
        namespace: None,
        idle: full_idle(),
        frequent_keys: FileFrequentKeys {
            interval: Some(30.0),
            percent: Some(1.5),
            log: text("keys"),
        },
        tags: tags::full_file(),
        rule: rules::full_file(),
        listen: vec![
            listeners::full_file()[0].clone(),
            listeners::full_file()[1].clone(),
            FileListener { address: text("0"), ..FileListener::default() },
            FileListener { address: text("udp://:0"), ..FileListener::default() },
        ],
        sink: sinks::full_file(),
        repeater: vec![FileRepeater {
            url: text("tcp://foo:2"),
            names: Some(vec!["a.*".to_owned()]),
            queue_bytes: Some(4097),
        }],
        relay: Some(FileRelay {
            check_interval: Some(0.5),
            packet_bytes: Some(1),
            queue_bytes: Some(4098),
            node: vec![FileNode { url: text("udp://[::2]:3"), health: text("foo:4") }],
        }),
        management: management::full_file(),
        admin: admin::full_file(),
        origin: Origin::default(),
    }
}

#[test]
fn every_key_of_a_file_takes_effect() {
    let config = Config::new(&full_file(), &Flags::default(), &environment()).unwrap();
    let expected = Config {
        dialect: Dialect::Gstatsd,
        workers: NonZeroUsize::new(7).unwrap(),
        flush_interval: Duration::from_millis(250),
        align: true,
        statistics: Statistics { words: vec!["upper_99".to_owned()], ..gstatsd_statistics(99.9) },
        counts: CounterValue::Sum,
        namespace: Namespace::default(),
        sanitize_names: true,
        prefix: "a web1.${b}".to_owned(),
        own_metrics: "own.web1".to_owned(),
        shutdown_timeout: Duration::from_millis(1500),
        pin_workers: true,
        receive_buffer_bytes: 65_536,
        memory_max: 17_000_000,
        series_max: 11,
        samples_max: 12,
        timer_values_max: 17,
        set_members_max: 18,
        name_bytes_max: 13,
        member_bytes_max: 14,
        connections_max: 15,
        connections_per_address_max: 16,
        listeners: [&listeners::full()[..], &[listeners::udp("0"), listeners::udp(":0")]].concat(),
        sinks: sinks::all_full(),
        repeaters: vec![Repeater {
            peer: peer("foo_2", Transport::Tcp, "foo:2"),
            names: vec![Glob::parse("a.*").unwrap()],
            queue_bytes: 4097,
        }],
        relay: Some(Relay {
            nodes: vec![Node {
                peer: peer("___2__3", Transport::Udp, "[::2]:3"),
                health: Some(Address::parse("foo:4", 1).unwrap()),
            }],
            check_interval: Duration::from_millis(500),
            packet_bytes: 1,
            queue_bytes: 4098,
        }),
        tags: tags::full(),
        management: management::full(),
        admin: admin::full(),
        rules: rules::full(),
        idle: Idle {
            counters: IdleSeries::Kept,
            timers: IdleSeries::Kept,
            sets: IdleSeries::Kept,
            gauges: IdleSeries::Kept,
            counter_ttl: 70.0,
            timer_ttl: 80.0,
            set_ttl: 90.0,
            gauge_ttl: 60.0,
        },
        frequent_keys: FrequentKeys { interval: 30.0, percent: 1.5, log: Some("/srv/keys".into()) },
        log: Log { target: LogTarget::File("/srv/log/file".into()), level: LevelFilter::Warn },
        state_directory: Some("/srv/state".into()),
        spool: Spool {
            directory: Some("/srv/spools".into()),
            bytes: 4711,
            age: Duration::from_millis(3_600_500),
            free_percent: 12.5,
            sync: false,
        },
        pid_file: Some("/srv/run/pid".into()),
        user: text("nobody"),
        sandbox: Sandbox::Require,
        daemonize: true,
    };
    assert_eq!(config, expected);
}

#[test]
fn flags_override_the_file() {
    let flags = Flags {
        bind: vec!["1".to_owned()],
        sink: vec!["2".to_owned(), "console:".to_owned()],
        flush: text(" 3 "),
        percent: text("4e1"),
        prefix: text("${HOSTNAME}"),
        workers: text(" 6 "),
        pid_file: Some("/pid".into()),
        log: text("syslog"),
        sandbox: text("auto"),
        verbose: 1,
        ..Flags::default()
    };
    let config = Config::new(&full_file(), &flags, &environment()).unwrap();
    assert_eq!(config.listeners, [listeners::udp(":1")]);
    let delivery = sinks::usual_delivery();
    let console = Sink { name: "console".to_owned(), kind: SinkKind::Console, delivery };
    let graphite = graphite("graphite_localhost_2", "localhost:2", 5, 10, 64 << 20);
    assert_eq!(config.sinks, [graphite, console]);
    assert_eq!(config.flush_interval, Duration::from_secs(3));
    assert_eq!(config.statistics.percents, [40.0]);
    assert_eq!(config.prefix, "web1");
    assert_eq!(config.workers.get(), 6);
    assert_eq!(config.sandbox, Sandbox::Auto);
    assert_eq!(config.pid_file, Some("/pid".into()));
    assert_eq!(config.log, Log { target: LogTarget::Syslog, level: LevelFilter::Debug });

    let flags = Flags { verbose: 3, daemonize: true, ..Flags::default() };
    let config = Config::new(&File::default(), &flags, &environment()).unwrap();
    assert_eq!(config.log.level, LevelFilter::Trace);
    assert!(config.daemonize);
}

#[test]
fn variables_are_expanded_in_addresses_and_urls() {
    let text = "[[listen]]\naddress = \"udp://${HOSTNAME}:1\"\n\
                [[sink]]\nurl = \"graphite://${HOSTNAME}:2\"\n\
                [[repeater]]\nurl = \"${HOSTNAME}:3\"\n\
                [[relay.node]]\nurl = \"${HOSTNAME}:4\"\nhealth = \"${HOSTNAME}:5\"\n";
    let shown = config(text, &Flags::default()).unwrap().to_file();
    let shown = toml::to_string(&shown).unwrap();
    for expanded in ["//web1:1\"", "//web1:2\"", "//web1:3\"", "//web1:4\"", "\"web1:5\""] {
        assert!(shown.contains(expanded), "{expanded}: {shown}");
    }
    let mut errors = errors_of_file(&text.replace("HOSTNAME", "NONE"));
    errors.sort_unstable();
    let expected = [
        "line 2: listen.address",
        "line 4: sink.url",
        "line 6: repeater.url",
        "line 8: relay.node.url",
        "line 9: relay.node.health",
    ];
    let expected = expected.map(|place| format!("a.toml: {place}: variable NONE is not set"));
    assert_eq!(errors, expected);
}

#[test]
fn an_extreme_value_does_what_its_key_says() {
    assert_eq!(of_file("workers = 0").workers.get(), 3);
    assert_eq!(of_file("own_metrics = \"\"").own_metrics, "");
    assert_eq!(of_file("pid_file = \"\"").pid_file, None);
    assert_eq!(of_file("percent = 100").statistics.percents, [100.0]);
    assert_eq!(of_file("log.level = \"off\"").log.level, LevelFilter::Off);
    let no_pid_file = Flags { pid_file: Some("".into()), ..Flags::default() };
    assert_eq!(config("pid_file = \"x\"", &no_pid_file).unwrap().pid_file, None);
}

#[test]
fn a_sink_without_a_name_gets_one_that_is_free() {
    let sinks = of_file(
        "[[sink]]\nurl = \"foo:1\"\n[[sink]]\nurl = \"foo:1\"\n[[sink]]\nurl = \"console:\"\n\
         [[sink]]\nurl = \"foo:2\"\nname = \"graphite_foo_1_2\"\n[[sink]]\nurl = \"console:\"\n",
    )
    .sinks;
    let names: Vec<&str> = sinks.iter().map(|sink| sink.name.as_str()).collect();
    let expected =
        ["graphite_foo_1", "graphite_foo_1_3", "console", "graphite_foo_1_2", "console_2"];
    assert_eq!(names, expected);
}

/// What `gstatsd check` prints of a configuration.
pub(super) fn shown(config: &Config) -> String {
    toml::to_string(&config.to_file()).unwrap()
}

#[test]
fn what_is_shown_of_a_configuration_is_that_configuration() {
    for file in [File::default(), full_file(), statsd_file(), dogstatsd_file()] {
        let config = Config::new(&file, &Flags::default(), &environment()).unwrap();
        assert_eq!(of_file(&shown(&config)), config);
    }
}

proptest! {
    #[test]
    fn property_test_what_is_shown_of_a_configuration_is_that_configuration(
        flush_interval in 0.01..86_400.0_f64,
        percent in 0.000_001..=100.0_f64,
        prefix in "([a${} \"\\\\']|\\$\\$\\{)*",
        target in "[a-z \"\\\\/]{1,9}",
    ) {
        let prefix = super::expand::escape(&prefix);
        let file = File {
            flush_interval: Some(flush_interval),
            percent: Some(Numbers(vec![percent])),
            prefix: Some(prefix),
            log: FileLog { target: Some(target), level: None },
            ..File::default()
        };
        let config = Config::new(&file, &Flags::default(), &environment()).unwrap();
        prop_assert_eq!(of_file(&shown(&config)), config);
    }
}

#[test]
fn the_bounds_of_a_key_belong_to_it_as_they_say() {
    for key in keys::ALL {
        match key {
            Key::Whole(key) => {
                assert!(key.allows(key.min) && key.allows(key.max) && key.allows(key.default));
                assert!(!key.allows(key.min - 1) && !key.allows(key.max + 1));
            }
            Key::Number(key) => {
                assert_eq!(key.allows(key.min), !key.above_min);
                assert!(key.allows(key.max) && key.allows(key.default));
                assert!(!key.allows(key.min - 0.001) && !key.allows(key.max + 0.001));
                assert!(!key.allows(f64::NAN) && !key.allows(f64::INFINITY));
            }
            Key::Text(_) | Key::List(_) | Key::Switch(_) => {}
        }
    }
}
