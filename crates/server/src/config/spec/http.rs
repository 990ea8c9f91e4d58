//! What is typed for a sink that speaks HTTP.

use gstatsd_sinks::OtlpTransport;

use super::{OtlpSpec, SinkSpec};
use crate::config::Address;

/// The ports where nothing else is typed.
const GRPC_PORT: u16 = 4_317;
const OTLP_PORT: u16 = 4_318;
const INFLUX_PORT: u16 = 8_086;
const PROMETHEUS_PORT: u16 = 9_090;

/// Reads what follows the scheme; `None` where it is of no such sink.
pub(super) fn sink(scheme: &str, rest: &str) -> Option<Result<SinkSpec, String>> {
    Some(match scheme {
        "influxdb" => influx(rest, false),
        "influxdb+https" => influx(rest, true),
        "remote-write" | "remote-write+http" => remote_write(rest, false),
        "remote-write+https" => remote_write(rest, true),
        "otlp" | "otlp+grpc" => otlp(rest, OtlpTransport::Grpc, false).map(some),
        "otlp+tls" | "otlp+grpcs" => otlp(rest, OtlpTransport::Grpc, true).map(some),
        "otlp+http" => otlp(rest, OtlpTransport::Http, false).map(some),
        "otlp+https" => otlp(rest, OtlpTransport::Http, true).map(some),
        _ => return None,
    })
}

fn some(spec: OtlpSpec) -> SinkSpec {
    SinkSpec::Otlp(Some(spec))
}

/// Reads `host:port/path` of a collector.
pub(crate) fn otlp(
    rest: &str,
    transport: OtlpTransport,
    is_secure: bool,
) -> Result<OtlpSpec, String> {
    let (address, path) = split(rest)?;
    let (port, path) = match transport {
        OtlpTransport::Grpc if path.len() > 1 => {
            return Err(format!("'{path}': gRPC has no paths"));
        }
        OtlpTransport::Grpc => (GRPC_PORT, ""),
        OtlpTransport::Http if path.len() > 1 => (OTLP_PORT, path),
        OtlpTransport::Http => (OTLP_PORT, "/v1/metrics"),
    };
    let address = host_and_port(address, port)?;
    Ok(OtlpSpec { address, is_secure, transport, path: path.to_owned() })
}

/// Reads `host:port/database`.
fn influx(rest: &str, is_secure: bool) -> Result<SinkSpec, String> {
    let (address, path) = split(rest)?;
    let database = path.strip_prefix('/').unwrap_or_default().to_owned();
    if database.contains('/') {
        return Err(format!("'{path}' is not the name of a database"));
    }
    Ok(SinkSpec::Influx(host_and_port(address, INFLUX_PORT)?, is_secure, database))
}

/// Reads `host:port/path`; without a path it is that of a Prometheus.
fn remote_write(rest: &str, is_secure: bool) -> Result<SinkSpec, String> {
    let (address, path) = split(rest)?;
    let path = if path.len() > 1 { path } else { "/api/v1/write" };
    let port = if is_secure { 443 } else { PROMETHEUS_PORT };
    Ok(SinkSpec::RemoteWrite(host_and_port(address, port)?, is_secure, path.to_owned()))
}

/// The address, and the path with its `/`, which may be empty.
fn split(rest: &str) -> Result<(&str, &str), String> {
    let at = rest.find('/').unwrap_or(rest.len());
    let (address, path) = rest.split_at(at);
    if address.contains('@') {
        return Err("a password is not for a url: give a token_file or headers".to_owned());
    }
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"/-_.~%".contains(&byte);
    match path.bytes().all(is_plain) {
        true => Ok((address, path)),
        false => Err(format!("'{path}' is no plain path")),
    }
}

/// Reads `host:port`, where the port may be missing.
fn host_and_port(text: &str, usual: u16) -> Result<Address, String> {
    let has_port = match text.strip_prefix('[') {
        Some(rest) => rest.split_once(']').is_none_or(|(_, after)| !after.is_empty()),
        None => text.contains(':'),
    };
    let address = match has_port || text.is_empty() && usual == 0 {
        true => Address::parse(text, 1),
        false => Address::parse(&format!("{text}:{usual}"), 1),
    };
    address.map(Address::or_localhost)
}

#[cfg(test)]
mod tests {
    use super::super::sink as read;
    use super::*;

    fn shown(text: &str) -> String {
        match read(text).unwrap() {
            SinkSpec::Otlp(Some(OtlpSpec { address, is_secure, transport, path })) => {
                format!("{transport:?} {is_secure} {address} {path}")
            }
            SinkSpec::Influx(address, is_secure, database) => {
                format!("Influx {is_secure} {address} {database}")
            }
            SinkSpec::RemoteWrite(address, is_secure, path) => {
                format!("RemoteWrite {is_secure} {address} {path}")
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_url_says_the_transport_and_the_way_and_need_not_say_the_port() {
        for (url, expected) in [
            ("otlp://collector", "Grpc false collector:4317 "),
            ("otlp://:5/", "Grpc false localhost:5 "),
            ("otlp+tls://[::1]", "Grpc true [::1]:4317 "),
            ("otlp+grpcs://a:1", "Grpc true a:1 "),
            ("otlp+http://[::1]:9", "Http false [::1]:9 /v1/metrics"),
            ("otlp+https://a/", "Http true a:4318 /v1/metrics"),
            ("otlp+http://a:1/api/v2/otlp", "Http false a:1 /api/v2/otlp"),
            ("remote-write://a", "RemoteWrite false a:9090 /api/v1/write"),
            ("remote-write+https://a/x", "RemoteWrite true a:443 /x"),
            ("influxdb://a/stats", "Influx false a:8086 stats"),
            ("influxdb+https://a:1", "Influx true a:1 "),
        ] {
            assert_eq!(shown(url), expected, "{url}");
        }
    }

    #[test]
    fn what_makes_no_sense_in_a_url_is_told() {
        for (url, why) in [
            ("otlp://a/v1/metrics", "'/v1/metrics': gRPC has no paths"),
            ("otlp+http://a:0", "port"),
            ("otlp+http://me:secret@a/", "a password is not for a url"),
            ("influxdb://a/b/c", "'/b/c' is not the name of a database"),
            ("influxdb://a/b?c", "'/b?c' is no plain path"),
            ("http://a", "there is no sink 'http'"),
        ] {
            let error = read(url).unwrap_err();
            assert!(error.contains(why), "{url}: {error}");
        }
    }
}
