//! The listeners: their keys, and what does not fit together.

use std::time::Duration;

use super::{config, environment, errors_of_file, of_file, text};
use crate::cli::Flags;
use crate::config::{
    Address, Config, Dialect, Endpoint, Environment, File, Framing, Listener, Sources, Stream,
    TlsFiles, file::FileListener, spec,
};

const STREAM: Stream = Stream {
    framing: Framing::Lines,
    frame_bytes_max: 8192,
    idle_timeout: Some(Duration::from_secs(600)),
    frame_timeout: Some(Duration::from_secs(60)),
};

fn plain(endpoint: Endpoint) -> Listener {
    Listener {
        endpoint,
        dialect: Dialect::Gstatsd,
        sources: Sources::default(),
        stream: STREAM,
        mode: 0o666,
        tls: None,
    }
}

/// A UDP listener of which only the address was typed.
pub(super) fn udp(address: &str) -> Listener {
    plain(Endpoint::Udp(Address::parse(address, 0).unwrap()))
}

/// Listeners with a value for every key, none of them the default.
pub(super) fn full_file() -> [FileListener; 2] {
    let tcp = FileListener {
        address: text("tcp://[::1]:1"),
        dialect: text("statsd"),
        allow: Some(vec!["10.0.0.0/8".to_owned(), "::1/128".to_owned()]),
        deny: Some(vec!["10.1.0.0/16".to_owned()]),
        framing: text("length_prefixed"),
        frame_bytes_max: Some(100),
        idle_timeout: Some(1.5),
        frame_timeout: Some(0.0),
        tls_certificate: text("tls/cert.pem"),
        tls_key: text("/${HOSTNAME}/key.pem"),
        tls_client_ca: text("ca.pem"),
        ..FileListener::default()
    };
    let unix = FileListener {
        address: text("unixgram://run/socket"),
        mode: text("0620"),
        ..FileListener::default()
    };
    [tcp, unix]
}

/// What [`full_file`] comes to.
pub(super) fn full() -> [Listener; 2] {
    let network = |text: &str| text.parse().unwrap();
    let sources = Sources {
        allow: vec![network("10.0.0.0/8"), network("::1")],
        deny: vec![network("10.1.0.0/16")],
    };
    let stream = Stream {
        framing: Framing::LengthPrefixed,
        frame_bytes_max: 100,
        idle_timeout: Some(Duration::from_millis(1500)),
        frame_timeout: None,
    };
    let tcp = Endpoint::Tcp(Address { host: "::1".to_owned(), port: 1 });
    let unix = Endpoint::Unixgram("/srv/run/socket".into());
    let tls = Some(TlsFiles {
        certificate: "/srv/tls/cert.pem".into(),
        key: "/web1/key.pem".into(),
        client_ca: Some("/srv/ca.pem".into()),
    });
    [
        Listener { dialect: Dialect::Statsd, sources, stream, tls, ..plain(tcp) },
        Listener { mode: 0o620, ..plain(unix) },
    ]
}

#[test]
fn each_transport_is_typed_as_a_url() {
    for (typed, endpoint) in [
        ("tcp://:8125", Endpoint::Tcp(Address { host: String::new(), port: 8125 })),
        ("tcp:foo:8125", Endpoint::Tcp(Address { host: "foo".to_owned(), port: 8125 })),
        ("unix:///run/a b", Endpoint::Unix("/run/a b".into())),
        ("unix:/run/a", Endpoint::Unix("/run/a".into())),
        ("unix://a", Endpoint::Unix("a".into())),
        ("unixstream:///run/a", Endpoint::Unix("/run/a".into())),
        ("unixgram:///run/a", Endpoint::Unixgram("/run/a".into())),
        ("unixgram:/run/a", Endpoint::Unixgram("/run/a".into())),
        ("unix:8125", Endpoint::Udp(Address { host: "unix".to_owned(), port: 8125 })),
    ] {
        assert_eq!(spec::listener(typed), Ok(endpoint), "{typed}");
    }
    let error = spec::listener("unix://").unwrap_err();
    assert!(error.starts_with("'unix://' has no path; give "), "{error}");
}

#[test]
fn flags_take_every_transport() {
    let bind = ["tcp://:1", "unix:///a", "unixgram:///b", ":1"].map(str::to_owned).to_vec();
    let flags = Flags { bind, ..Flags::default() };
    let listeners = config("", &flags).unwrap().listeners;
    let shown: Vec<_> = listeners.iter().map(|one| one.endpoint.to_string()).collect();
    assert_eq!(shown, ["tcp://:1", "unix:///a", "unixgram:///b", "udp://:1"]);
    assert!(listeners.iter().all(|listener| listener.stream == STREAM));
}

#[test]
fn one_address_may_have_one_listener_of_each_transport() {
    let listen = |typed: &str| format!("[[listen]]\naddress = \"{typed}\"\n");
    let good = ["tcp://:1", ":1", "unix:///a", "unixgram:///b", "tcp://:0", "tcp://:0"];
    assert_eq!(of_file(&good.map(listen).concat()).listeners.len(), 6);
    let bad = ["tcp://:1", "tcp:::1", "tcp://:1", "unix:///a", "unixgram:///a", "unix:/a"];
    let errors = errors_of_file(&bad.map(listen).concat());
    let twice = |at, text| format!("a.toml: line {at}: listen.address: '{text}' is listed twice");
    assert!(errors.contains(&twice(6, "tcp://:1")), "{errors:#?}");
    assert!(errors.contains(&twice(10, "unixgram:///a")), "{errors:#?}");
    assert!(errors.contains(&twice(12, "unix:/a")), "{errors:#?}");
}

#[test]
fn every_error_of_a_listener_is_told() {
    let long = "a".repeat(120);
    let typed = format!(
        "[[listen]]\naddress = \"udp://:1\"\nmode = \"0666\"\nframing = \"lines\"\n\
         frame_bytes_max = 8192\nidle_timeout = 1\nframe_timeout = 1\n\
         [[listen]]\naddress = \"unix:///a\"\nallow = []\ndeny = []\nmode = \"0888\"\n\
         [[listen]]\naddress = \"tcp://:1\"\nmode = \"0666\"\nframing = \"words\"\n\
         frame_bytes_max = 1\nallow = [\"::1\", \"x\"]\nidle_timeout = -1\n\
         [[listen]]\naddress = \"unixgram://{long}\"\nmode = \"01777\"\n\
         [[listen]]\naddress = \"tcp://:2\"\ntls_client_ca = \"a\"\n\
         [[listen]]\naddress = \"unix:///b\"\ntls_certificate = \"a\"\ntls_key = \"${{NO}}\"\n"
    );
    let errors = errors_of_file(&typed);
    let no_connection = "datagrams come over no connection";
    let by_mode = "who may send to a unix socket is said by its mode";
    let expected = [
        "line 3: listen.mode: only a unix socket has a mode".to_owned(),
        format!("line 4: listen.framing: {no_connection}"),
        format!("line 5: listen.frame_bytes_max: {no_connection}"),
        format!("line 6: listen.idle_timeout: {no_connection}"),
        format!("line 7: listen.frame_timeout: {no_connection}"),
        format!("line 10: listen.allow: {by_mode}"),
        format!("line 11: listen.deny: {by_mode}"),
        "line 12: listen.mode: '0888' is not octal permissions, as in \"0660\"".to_owned(),
        "line 15: listen.mode: only a unix socket has a mode".to_owned(),
        "line 16: listen.framing: 'words' is not \"lines\" or \"length_prefixed\"".to_owned(),
        "line 17: listen.frame_bytes_max: 1 is not between 16 and 1048576 bytes".to_owned(),
        "line 18: listen.allow: 'x' is not a network, as in 10.0.0.0/8 or fd00::/8".to_owned(),
        "line 19: listen.idle_timeout: -1 is not between 0 and 31536000 seconds".to_owned(),
        format!(
            "line 21: listen.address: '/srv/{long}' is longer than the 107 bytes that the path \
             of a socket may have"
        ),
        "line 22: listen.mode: '01777' is not octal permissions, as in \"0660\"".to_owned(),
        "line 23: listen.tls_certificate: is missing: TLS needs both".to_owned(),
        "line 23: listen.tls_key: is missing: TLS needs both".to_owned(),
        "line 28: listen.tls_certificate: only connections over TCP are encrypted".to_owned(),
        "line 29: listen.tls_key: variable NO is not set".to_owned(),
        "line 29: listen.tls_key: only connections over TCP are encrypted".to_owned(),
    ];
    for line in &expected {
        assert!(errors.contains(&format!("a.toml: {line}")), "{line} is not in {errors:#?}");
    }
    assert_eq!(errors.len(), expected.len(), "{errors:#?}");
}

#[test]
fn sockets_that_systemd_has_opened_are_listened_on_when_nothing_is_typed() {
    let passed = |names: &[&str], text: &str, bind: &[&str]| {
        let passed = names.iter().map(|name| (*name).to_owned()).collect();
        let environment = Environment { passed, ..environment() };
        let bind = bind.iter().map(|text| (*text).to_owned()).collect();
        let flags = Flags { bind, ..Flags::default() };
        let file = File::parse(text, "a.toml").unwrap();
        let config = Config::new(&file, &flags, &environment).unwrap();
        config.listeners.iter().map(|one| one.endpoint.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(passed(&["b", "a", "b"], "", &[]), ["systemd://a", "systemd://b"]);
    assert_eq!(passed(&["a"], "[[listen]]\naddress = \":1\"", &[]), ["udp://:1"]);
    assert_eq!(passed(&["a"], "", &[":1", "systemd://a"]), ["udp://:1", "systemd://a"]);
    assert_eq!(passed(&[], "", &[]), ["udp://:8125"]);
}
