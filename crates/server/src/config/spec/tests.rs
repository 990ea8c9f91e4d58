//! Tests against what gstatsd 0.6 takes for a listener and for a sink.

use serde_json::Value;

use super::{GraphiteWay, SinkSpec, listener, sink};
use crate::config::{Address, Endpoint};

/// The recorded answers of gstatsd 0.6 in this section.
fn vectors(section: &str) -> Vec<Value> {
    let text = include_str!("../../../../../testdata/gstatsd.json");
    let all: Value = serde_json::from_str(text).unwrap();
    all[section].as_array().unwrap().clone()
}

fn address(host: &str, port: u16) -> Address {
    Address { host: host.to_owned(), port }
}

/// What we do where we differ on purpose: the address, or a part of the error.
type Expected = (&'static str, Result<(&'static str, u16), &'static str>);

const LISTENER_DIFFERS: &[Expected] = &[
    ("udp:foo:8125", Ok(("foo", 8125))),
    ("::1", Err("it needs brackets and a port, as in '[::1]:8125'")),
    ("[::1]:8125", Ok(("::1", 8125))),
    ("::", Err("'::' is no address")),
    ("", Err("'' is no address")),
    ("abc", Err("'abc' is no address")),
    ("foo:abc", Err("'foo:abc' is no address")),
    (":", Err("':' is no address")),
    ("foo:", Err("'foo:' is no address")),
    ("-1", Err("'-1' is not a port")),
    ("99999", Err("'99999' is not a port")),
    ("1:2:3:4", Err("'1:2:3:4' is no address")),
    ("foo:0x10", Err("'foo:0x10' is no address")),
];

const SINK_DIFFERS: &[Expected] = &[
    ("foo:", Err("'foo:' is no sink")),
    ("foo", Err("'foo' is no sink")),
    ("a:b:2003", Err("'a:b:2003' is no sink")),
    ("", Err("'' is no sink")),
    ("[::1]:2003", Ok(("::1", 2003))),
    ("::1", Err("it needs brackets and a port, as in '[::1]:8125'")),
    ("foo:-5", Err("'-5' is not a port")),
    ("foo:99999", Err("'99999' is not a port")),
];

/// Holds a parser to the recorded answers, and to the table where they are marked as different.
fn hold(
    section: &str,
    differs: &[Expected],
    recorded: fn(&Value) -> Address,
    parse: fn(&str) -> Result<Address, String>,
) {
    let vectors = vectors(section);
    for vector in &vectors {
        let text = vector["input"].as_str().unwrap();
        let ours = parse(text);
        let expected = differs.iter().find(|(differs, _)| *differs == text);
        match (vector["differs"].as_str(), expected) {
            (None, None) => assert_eq!(ours, Ok(recorded(vector)), "{text:?}"),
            (Some(_), Some((_, Ok((host, port))))) => {
                assert_eq!(ours, Ok(address(host, *port)), "{text:?}");
            }
            (Some(_), Some((_, Err(part)))) => {
                let error = ours.unwrap_err();
                assert!(error.contains(part) && !error.contains('\n'), "{text:?}: {error}");
            }
            (differs, _) => panic!("{text:?}: the vector says {differs:?}, the table does not"),
        }
    }
    assert_eq!(vectors.iter().filter(|vector| !vector["differs"].is_null()).count(), differs.len());
}

/// The original knew UDP alone.
fn udp_listener(text: &str) -> Result<Address, String> {
    match listener(text)? {
        Endpoint::Udp(address) => Ok(address),
        other => Err(format!("not over UDP: {other}")),
    }
}

#[test]
fn listeners_are_taken_as_recorded() {
    let recorded = |vector: &Value| {
        let result = &vector["result"];
        let port = u16::try_from(result[2].as_u64().unwrap()).unwrap();
        address(result[1].as_str().unwrap(), port)
    };
    hold("bind", LISTENER_DIFFERS, recorded, udp_listener);
}

#[test]
fn sinks_are_taken_as_recorded_and_an_empty_host_is_localhost() {
    let recorded = |vector: &Value| {
        let result = &vector["result"];
        let port = u16::try_from(result[1].as_u64().unwrap()).unwrap();
        address(result[0].as_str().unwrap(), port).or_localhost()
    };
    let graphite = |text: &str| match sink(text)? {
        SinkSpec::Graphite(GraphiteWay::Text, address) => Ok(address),
        other => Err(format!("{other:?}")),
    };
    hold("sink_spec", SINK_DIFFERS, recorded, graphite);
}

#[test]
fn urls_are_taken_too() {
    assert_eq!(udp_listener("udp://:8125"), Ok(address("", 8125)));
    assert_eq!(udp_listener("udp://[::1]:0"), Ok(address("::1", 0)));
    assert_eq!(udp_listener("udp:[::1]:8125"), Ok(address("::1", 8125)));
    assert_eq!(udp_listener("udp::8125"), Ok(address("", 8125)));
    assert_eq!(
        udp_listener("udp:8125"),
        Ok(address("udp", 8125)),
        "a host of this name, as in 0.6"
    );
    assert_eq!(
        sink("graphite://[::1]:1"),
        Ok(SinkSpec::Graphite(GraphiteWay::Text, address("::1", 1)))
    );
    assert_eq!(
        sink(" graphite://:2003 "),
        Ok(SinkSpec::Graphite(GraphiteWay::Text, address("localhost", 2003)))
    );
    assert_eq!(sink(" console: "), Ok(SinkSpec::Console));
}

#[test]
fn what_we_do_not_have_is_told_with_what_we_have() {
    let error = listener("quic://:1").unwrap_err();
    assert!(error.starts_with("'quic://:1': 'quic' is no transport; give "), "{error}");
    assert!(error.contains(" [HOST]:PORT, udp://[HOST]:PORT, tcp://"), "{error}");
    for (text, part) in [
        ("kafka://broker:9092", "there is no sink 'kafka'"),
        ("graphite://", "'' is not a port"),
        ("graphite://carbon:2003/x", "'2003/x' is not a port"),
        ("carbon:0", "'0' is not a port"),
        ("console", "'console' is not a port"),
    ] {
        let error = sink(text).unwrap_err();
        assert!(error.contains(text) && error.contains(part), "{error}");
        assert!(error.ends_with("file:PATH, prometheus://[HOST]:PORT or console:"), "{error}");
    }
}

#[test]
fn the_name_of_a_sink_is_made_of_safe_characters() {
    for (text, name) in [
        ("console:", "console"),
        ("2003", "graphite_localhost_2003"),
        ("carbon-1.example.com:1", "graphite_carbon-1_example_com_1"),
        ("[::1]:2003", "graphite___1_2003"),
    ] {
        assert_eq!(sink(text).unwrap().default_name(), name);
    }
}
