//! `[management]`: its keys, and what does not fit together.

use std::time::Duration;

use super::{errors_of_file, of_file, text};
use crate::config::{Address, Endpoint, Management, file::FileManagement};

pub(super) fn default() -> Management {
    Management {
        endpoint: None,
        mode: 0o600,
        allow: Vec::new(),
        allow_deletions: false,
        healthy: true,
        connections_max: 16,
        line_bytes_max: 8_192,
        idle_timeout: Duration::from_secs(300),
    }
}

/// A value for every key, none of them the default.
pub(super) fn full_file() -> FileManagement {
    FileManagement {
        address: text("unix:///run/${HOSTNAME}"),
        mode: text("0660"),
        allow: Some(vec!["10.0.0.0/8".to_owned()]),
        allow_deletions: Some(true),
        health: text("down"),
        connections_max: Some(17),
        line_bytes_max: Some(64),
        idle_timeout: Some(1.5),
    }
}

pub(super) fn full() -> Management {
    Management {
        endpoint: Some(Endpoint::Unix("/run/web1".into())),
        mode: 0o660,
        allow: vec!["10.0.0.0/8".parse().unwrap()],
        allow_deletions: true,
        healthy: false,
        connections_max: 17,
        line_bytes_max: 64,
        idle_timeout: Duration::from_millis(1_500),
    }
}

#[test]
fn commands_are_taken_from_this_machine_unless_others_are_named() {
    let endpoint = |address: &str| {
        of_file(&format!("[management]\naddress = \"{address}\"")).management.endpoint
    };
    let tcp = |host: &str| Some(Endpoint::Tcp(Address { host: host.to_owned(), port: 8126 }));
    for address in ["8126", ":8126", "tcp://:8126", "localhost:8126"] {
        assert_eq!(endpoint(address), tcp("localhost"), "{address}");
    }
    assert_eq!(endpoint("[::1]:8126"), tcp("::1"));
    assert_eq!(endpoint(""), None);
    for address in ["0.0.0.0:8126", "[::]:8126", "stats.example.org:8126", "192.0.2.1:8126"] {
        let text = format!("[management]\naddress = \"{address}\"");
        let error = format!(
            "a.toml: line 2: management.address: others than this machine may reach {address}: \
             name them in management.allow"
        );
        assert_eq!(errors_of_file(&text), [error]);
        of_file(&format!("{text}\nallow = [\"192.0.2.0/24\"]"));
    }
}

#[test]
fn who_may_connect_is_this_machine_and_who_is_named() {
    let admits =
        |management: &Management, address: &str| management.admits(address.parse().unwrap());
    for address in ["127.0.0.1", "127.8.9.10", "::1", "::ffff:127.0.0.1"] {
        assert!(admits(&default(), address), "{address}");
    }
    for address in ["10.0.0.1", "::ffff:10.0.0.1"] {
        assert!(!admits(&default(), address) && admits(&full(), address), "{address}");
    }
    assert!(!admits(&full(), "192.0.2.1"));
}

#[test]
fn what_is_wrong_is_told_with_its_place() {
    for (line, error) in [
        ("address = \"udp://:1\"", "address: 'udp://:1': no commands are taken there"),
        ("address = \"unix://\"", "address: 'unix://': no commands are taken there"),
        ("address = \"x\"", "address: 'x' is no address"),
        ("health = \"UP\"", "health: 'UP' is not \"up\" or \"down\""),
        ("mode = \"8\"", "mode: '8' is not octal permissions"),
        ("allow = [\"a\"]", "allow: 'a' is not a network"),
        ("line_bytes_max = 1", "line_bytes_max: 1 is not between 64"),
        ("connections_max = 0", "connections_max: 0 is not between 1"),
        ("idle_timeout = 0", "idle_timeout: 0 is not between 0.1"),
    ] {
        let errors = errors_of_file(&format!("[management]\n{line}"));
        assert_eq!(errors.len(), 1, "{errors:?}");
        let expected = format!("a.toml: line 2: management.{error}");
        assert!(errors[0].starts_with(&expected), "{} {expected}", errors[0]);
    }
}

#[test]
fn a_configuration_is_told_as_the_node_js_statsd_tells_its_own() {
    let told = of_file("[[sink]]\nurl = \"a:1\"\n[[sink]]\nurl = \"b:1\"").told();
    for line in ["flush_interval: 10", "log > level: info", "sink > 1 > url: graphite://b:1"] {
        assert!(told.lines().any(|told| told == line), "{line}\n{told}");
    }
}
