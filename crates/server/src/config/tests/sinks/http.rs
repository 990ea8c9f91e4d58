//! `[[sink]]` of protocols over HTTP: their keys, and what the environment says.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use gstatsd_sinks::{OtlpTransport, Secret, Temporality, TlsSettings};

use super::super::{environment, errors_of_file, of_file, shown, text};
use super::usual_delivery;
use crate::cli::Flags;
use crate::config::{
    Address, Config, Delivery, Header, HttpPeer, InfluxPeer, InfluxTarget, OtlpPeer,
    RemoteWritePeer, Sink, SinkKind, file::File, file::FileSink,
};

const TOKEN: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/src/config/tests/token.txt");

fn table(pairs: &[(&str, &str)]) -> Option<BTreeMap<String, String>> {
    Some(pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect())
}

/// A value for every key of a collector, none of them the default.
pub(super) fn full_otlp_file() -> FileSink {
    FileSink {
        url: text("otlp+https://foo:3/x"),
        name: text("fifth"),
        idle_timeout: Some(61.0),
        timeout: Some(7.0),
        compression: text("gzip"),
        headers: table(&[("api-key", "a ${HOSTNAME}")]),
        token_file: text(TOKEN),
        ca_file: text("/ca"),
        cert_file: text("/${HOSTNAME}"),
        key_file: text("/key"),
        server_name: text("foo.example"),
        temporality: text("delta"),
        resource: table(&[("service.name", "shop"), ("zone", "${HOSTNAME}")]),
        ..FileSink::default()
    }
}

/// The collector of that.
pub(super) fn full_otlp() -> Sink {
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    let http = HttpPeer {
        address: Address { host: "foo".to_owned(), port: 3 },
        is_secure: true,
        timeout: Duration::from_secs(7),
        gzip: true,
        headers: vec![Header {
            name: "api-key".to_owned(),
            typed: text("a ${HOSTNAME}"),
            value: Secret::new("a web1"),
        }],
        token: Some((TOKEN.into(), Secret::new("s3cret"))),
        tls: TlsSettings {
            ca_file: Some("/ca".into()),
            cert_file: Some("/web1".into()),
            key_file: Some("/key".into()),
            server_name: text("foo.example"),
        },
    };
    let kind = SinkKind::Otlp(OtlpPeer {
        http,
        transport: OtlpTransport::Http,
        path: "/x".to_owned(),
        temporality: Temporality::Delta,
        resource: vec![
            pair("host.name", "web1"),
            pair("service.name", "shop"),
            pair("zone", "web1"),
        ],
        idle_timeout: Duration::from_secs(61),
    });
    Sink { name: "fifth".to_owned(), kind, delivery: usual_delivery() }
}

/// A value for every key of an InfluxDB that others have not.
pub(super) fn full_influx_file() -> FileSink {
    FileSink {
        url: text("influxdb://foo:4"),
        name: text("sixth"),
        queue_bytes: Some(5_000),
        org: text("my ${HOSTNAME}"),
        bucket: text("b"),
        ..FileSink::default()
    }
}

/// The InfluxDB of that.
pub(super) fn full_influx() -> Sink {
    let http = HttpPeer {
        address: Address { host: "foo".to_owned(), port: 4 },
        is_secure: false,
        timeout: Duration::from_secs(30),
        gzip: false,
        headers: Vec::new(),
        token: None,
        tls: TlsSettings::default(),
    };
    let target = InfluxTarget::Bucket { org: "my web1".to_owned(), bucket: "b".to_owned() };
    let kind = SinkKind::Influx(InfluxPeer { http, target });
    let delivery = Delivery { queue_bytes: 5_000, ..usual_delivery() };
    Sink { name: "sixth".to_owned(), kind, delivery }
}

/// A value for the keys of remote write that others have not.
pub(super) fn full_remote_write_file() -> FileSink {
    FileSink {
        url: text("remote-write://foo:5/x"),
        name: text("seventh"),
        labels: table(&[("replica", "${HOSTNAME}")]),
        ..FileSink::default()
    }
}

/// The Prometheus of that.
pub(super) fn full_remote_write() -> Sink {
    let SinkKind::Influx(InfluxPeer { http, .. }) = full_influx().kind else { panic!("no Influx") };
    let kind = SinkKind::RemoteWrite(RemoteWritePeer {
        http: HttpPeer { address: Address { host: "foo".to_owned(), port: 5 }, ..http },
        path: "/x".to_owned(),
        labels: vec![("replica".to_owned(), "web1".to_owned())],
        quantiles: vec![0.5, 0.9, 0.99],
        seconds: false,
        idle_timeout: Duration::from_secs(3_600),
    });
    Sink { name: "seventh".to_owned(), kind, delivery: usual_delivery() }
}

fn errors(keys: &str) -> Vec<String> {
    errors_of_file(&format!("[[sink]]\n{keys}"))
        .iter()
        .map(|error| error.split_once("sink.").map_or(error.as_str(), |(_, rest)| rest).to_owned())
        .collect()
}

#[test]
fn keys_of_http_that_do_not_fit_are_errors_that_name_them() {
    let url = "url = \"otlp+http://a\"\n";
    for (keys, expected) in [
        ("ca_file = \"x\"", "ca_file: the url of the sink is one without TLS"),
        ("compression = \"zip\"", "compression: 'zip' is not gzip or none"),
        ("temporality = \"x\"", "temporality: 'x' is not cumulative or delta"),
        ("headers = { \"a b\" = \"x\" }", "headers.a b: 'a b' is not the name of a header"),
        ("headers = { a = \"${NEVER}\" }", "headers.a: variable NEVER is not set"),
        ("token_file = \"/no/such\"", "token_file: /no/such: No such file"),
        ("token_file = \"/dev/null\"", "token_file: /dev/null: is empty"),
        ("timeout = 0", "timeout: 0 is not between"),
        ("org = \"x\"", "org: means nothing for this kind of sink"),
    ] {
        let found = errors(&format!("{url}{keys}"));
        assert!(found.len() == 1 && found[0].starts_with(expected), "{keys}: {found:?}");
    }
    let label = "url = \"remote-write://a\"\nlabels = { __name__ = \"x\" }";
    assert!(errors(label)[0].starts_with("labels.__name__: is no name of a label"));
    let found = errors("url = \"otlp+tls://a\"\ncert_file = \"/x\"");
    assert_eq!(found, ["cert_file: goes with key_file"]);
}

#[test]
fn influxdb_is_told_where_to_write_in_one_way() {
    let needed = "url: it needs a database";
    assert!(errors("url = \"influxdb://a\"")[0].starts_with(needed));
    let both = "url = \"influxdb://a/b\"\norg = \"x\"\nbucket = \"y\"";
    assert_eq!(errors(both), ["org: the url has a database already"]);
    let half = "url = \"influxdb://a\"\nbucket = \"y\"";
    assert_eq!(errors(half), ["org: is missing: the two go together"]);
}

#[test]
fn what_may_be_a_secret_is_not_shown() {
    let config = of_file(
        "[[sink]]\nurl = \"otlp://a\"\n\
         headers = { Authorization = \"Bearer s3cret\", b = \"${HOSTNAME}\" }",
    );
    let shown = shown(&config);
    assert!(shown.contains("Authorization = \"***\"") && shown.contains("b = \"${HOSTNAME}\""));
    assert!(!format!("{shown}{config:?}").contains("s3cret"), "{shown}");
}

/// The collector of a url where these variables are set.
fn with_environment(url: &str, variable: fn(&str) -> Option<String>) -> Result<OtlpPeer, String> {
    let sink = FileSink { url: text(url), ..FileSink::default() };
    let file = File { sink: vec![sink], ..File::default() };
    let environment = crate::config::Environment { variable, ..environment() };
    let config =
        Config::new(&file, &Flags::default(), &environment).map_err(|errors| errors.to_string())?;
    match config.sinks.into_iter().next().map(|sink| sink.kind) {
        Some(SinkKind::Otlp(peer)) => Ok(peer),
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_variables_of_opentelemetry_say_what_is_not_typed() {
    let peer = with_environment("otlp:", |name| {
        let value = match name {
            "OTEL_EXPORTER_OTLP_ENDPOINT" => "https://collector:9/base/",
            "OTEL_EXPORTER_OTLP_PROTOCOL" => "http/protobuf",
            "OTEL_EXPORTER_OTLP_HEADERS" => "api-key=a%20b",
            "OTEL_EXPORTER_OTLP_TIMEOUT" => "1",
            "OTEL_EXPORTER_OTLP_METRICS_TIMEOUT" => "2500",
            "OTEL_EXPORTER_OTLP_COMPRESSION" => "gzip",
            "OTEL_EXPORTER_OTLP_CERTIFICATE" => "/ca",
            "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE" => "Delta",
            "OTEL_RESOURCE_ATTRIBUTES" => "service.name=x,zone=1",
            "OTEL_SERVICE_NAME" => "shop",
            _ => return None,
        };
        Some(value.to_owned())
    })
    .unwrap();
    let OtlpPeer { http, transport, path, temporality, resource, .. } = peer;
    assert_eq!((transport, path.as_str()), (OtlpTransport::Http, "/base/v1/metrics"));
    assert_eq!((http.address.to_string(), http.is_secure), ("collector:9".to_owned(), true));
    assert_eq!((http.timeout, http.gzip), (Duration::from_millis(2_500), true));
    assert_eq!(http.tls.ca_file, Some(PathBuf::from("/ca")));
    let value = Secret::new("a b");
    assert_eq!(http.headers, [Header { name: "api-key".to_owned(), typed: None, value }]);
    assert_eq!(temporality, Temporality::Delta);
    let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
    assert_eq!(resource, [pair("service.name", "shop"), pair("zone", "1")]);
}

#[test]
fn an_endpoint_of_metrics_is_whole_and_grpc_is_usual() {
    let peer = with_environment("otlp:", |_| None).unwrap();
    assert_eq!((peer.transport, peer.http.address.port), (OtlpTransport::Grpc, 4_317));
    let peer = with_environment("otlp:", |name| match name {
        "OTEL_EXPORTER_OTLP_METRICS_ENDPOINT" => Some("http://a:1/own/way".to_owned()),
        "OTEL_EXPORTER_OTLP_METRICS_PROTOCOL" => Some("http/protobuf".to_owned()),
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("http://b:2".to_owned()),
        _ => None,
    })
    .unwrap();
    assert_eq!((peer.path.as_str(), peer.http.address.port), ("/own/way", 1));
    let typed = with_environment("otlp+http://c:3", |name| match name {
        "OTEL_EXPORTER_OTLP_ENDPOINT" => Some("nonsense".to_owned()),
        _ => None,
    });
    assert_eq!(typed.unwrap().http.address.port, 3);
    let wrong = with_environment("otlp:", |name| match name {
        "OTEL_EXPORTER_OTLP_PROTOCOL" => Some("http/json".to_owned()),
        _ => None,
    });
    assert!(wrong.unwrap_err().contains("OTEL_EXPORTER_OTLP_PROTOCOL is 'http/json'"));
}
