//! A sink of OpenTelemetry, and the variables that all programs have for that:
//! <https://opentelemetry.io/docs/specs/otel/protocol/exporter/>.

use std::collections::BTreeMap;

use gstatsd_sinks::{OtlpTransport, Temporality, check_header};

use super::{Draft, Typed, http::milliseconds};
use crate::config::keys::sinks;
use crate::config::spec::{self, OtlpSpec};
use crate::config::{Header, OtlpPeer};

/// The keys of its own.
pub(super) const KEYS: &[&str] = &[
    "timeout",
    "compression",
    "headers",
    "token_file",
    "ca_file",
    "cert_file",
    "key_file",
    "server_name",
    "temporality",
    "resource",
    "idle_timeout",
];

impl Draft<'_> {
    /// Its settings: what is typed, else what the environment says. `None` where that is no url.
    pub(super) fn otlp(&mut self, typed: &Typed, spec: Option<OtlpSpec>) -> Option<OtlpPeer> {
        let OtlpSpec { address, is_secure, transport, path } = match spec {
            Some(spec) => spec,
            None => self.endpoint_of_environment(typed)?,
        };
        let mut http = self.http_peer(typed, address, is_secure);
        let given = &typed.keys;
        if given.timeout.is_none()
            && let Some(text) = self.otel("TIMEOUT")
        {
            match milliseconds(&text) {
                Some(timeout) => http.timeout = timeout,
                None => self.wrong(&typed.place, "OTEL_EXPORTER_OTLP_TIMEOUT is no milliseconds"),
            }
        }
        if given.compression.is_none() {
            http.gzip = self.otel("COMPRESSION").is_some_and(|text| text == "gzip");
        }
        if given.headers.is_none() {
            http.headers = self.headers_of_environment(typed);
        }
        if given.ca_file.is_none() && is_secure {
            http.tls.ca_file = self.otel("CERTIFICATE").map(Into::into);
        }
        let idle_timeout = self.sink_seconds(&sinks::IDLE_TIMEOUT, typed, given.idle_timeout);
        let temporality = self.temporality(typed);
        let resource = self.resource(typed);
        Some(OtlpPeer { http, transport, path, temporality, resource, idle_timeout })
    }

    /// What the environment says for metrics, or for all signals.
    fn otel(&self, name: &str) -> Option<String> {
        let of = |prefix: &str| (self.environment.variable)(&format!("{prefix}_{name}"));
        let is_set = |text: &String| !text.trim().is_empty();
        of("OTEL_EXPORTER_OTLP_METRICS").filter(is_set).or_else(|| {
            let of_all = of("OTEL_EXPORTER_OTLP");
            of_all.filter(is_set)
        })
    }

    fn endpoint_of_environment(&mut self, typed: &Typed) -> Option<OtlpSpec> {
        let variable =
            |name: &str| (self.environment.variable)(name).filter(|text| !text.trim().is_empty());
        let transport = match self.otel("PROTOCOL").as_deref() {
            None | Some("grpc") => OtlpTransport::Grpc,
            Some("http/protobuf") => OtlpTransport::Http,
            Some(other) => {
                let wrong = format!(
                    "OTEL_EXPORTER_OTLP_PROTOCOL is '{other}' and neither grpc nor http/protobuf"
                );
                self.wrong(&typed.place, &wrong);
                return None;
            }
        };
        let of_metrics = variable("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT");
        let is_whole = of_metrics.is_some();
        let endpoint = of_metrics.or_else(|| variable("OTEL_EXPORTER_OTLP_ENDPOINT"));
        let usual = match transport {
            OtlpTransport::Grpc => "http://localhost:4317",
            OtlpTransport::Http => "http://localhost:4318",
        };
        let endpoint = endpoint.unwrap_or_else(|| usual.to_owned());
        let endpoint = endpoint.trim();
        let (scheme, rest) = endpoint.split_once("://").unwrap_or(("http", endpoint));
        // That of all signals is a base; gRPC has no paths.
        let rest = match transport {
            OtlpTransport::Grpc => rest.split('/').next().unwrap_or_default().to_owned(),
            OtlpTransport::Http if is_whole => rest.to_owned(),
            OtlpTransport::Http => format!("{}/v1/metrics", rest.trim_end_matches('/')),
        };
        let spec = match scheme {
            "http" => spec::otlp(&rest, transport, false),
            "https" => spec::otlp(&rest, transport, true),
            _ => Err("it is neither http:// nor https://".to_owned()),
        };
        spec.map_err(|why| {
            let wrong = format!("OTEL_EXPORTER_OTLP_ENDPOINT, '{endpoint}': {why}");
            self.wrong(&typed.place, &wrong);
        })
        .ok()
    }

    /// `a=b,c=d`, as in the baggage of W3C.
    fn headers_of_environment(&mut self, typed: &Typed) -> Vec<Header> {
        let Some(text) = self.otel("HEADERS") else { return Vec::new() };
        let mut headers = Vec::new();
        for (name, value) in pairs(&text) {
            let value = gstatsd_sinks::Secret::new(value);
            match check_header(&name, &value) {
                Ok(()) => headers.push(Header { name, typed: None, value }),
                Err(why) => {
                    self.wrong(&typed.place, &format!("OTEL_EXPORTER_OTLP_HEADERS: {why}"));
                }
            }
        }
        headers
    }

    fn temporality(&mut self, typed: &Typed) -> Temporality {
        let preference =
            (self.environment.variable)("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE");
        match typed.keys.temporality.as_deref() {
            Some("cumulative") => Temporality::Cumulative,
            Some("delta") => Temporality::Delta,
            Some(other) => {
                let wrong = format!("'{other}' is not {}", sinks::TEMPORALITY.bounds());
                self.wrong_in_file(&typed.path(&sinks::TEMPORALITY.about), &wrong);
                Temporality::Cumulative
            }
            None => match preference.unwrap_or_default().to_ascii_lowercase().as_str() {
                // What needs the least memory is what needs no totals.
                "delta" | "lowmemory" => Temporality::Delta,
                _ => Temporality::Cumulative,
            },
        }
    }

    /// What describes this process, by key.
    fn resource(&mut self, typed: &Typed) -> Vec<(String, String)> {
        let variable = |name: &str| (self.environment.variable)(name).unwrap_or_default();
        let mut resource = BTreeMap::from([("service.name".to_owned(), "gstatsd".to_owned())]);
        let host = variable("HOSTNAME");
        if !host.is_empty() {
            resource.insert("host.name".to_owned(), host);
        }
        resource.extend(pairs(&variable("OTEL_RESOURCE_ATTRIBUTES")));
        let service = variable("OTEL_SERVICE_NAME");
        if !service.is_empty() {
            resource.insert("service.name".to_owned(), service);
        }
        let given = typed.keys.resource.as_ref();
        resource.extend(self.sink_table(typed, &sinks::RESOURCE.about, given));
        resource.into_iter().collect()
    }
}

/// The pairs of `a=b,c=d`, whose values may have bytes as `%20`.
fn pairs(text: &str) -> Vec<(String, String)> {
    let pair = |pair: &str| {
        let (key, value) = pair.split_once('=')?;
        let key = key.trim();
        (!key.is_empty()).then(|| (key.to_owned(), percent_decoded(value.trim())))
    };
    text.split(',').filter_map(pair).collect()
}

fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let hex = after.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let decoded = hex.filter(|_| byte == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        (bytes, rest) = match decoded {
            Some(decoded) => ([bytes, vec![decoded]].concat(), &after[2..]),
            None => ([bytes, vec![byte]].concat(), after),
        };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_the_environment_are_read_as_the_specification_says() {
        let pair = |key: &str, value: &str| (key.to_owned(), value.to_owned());
        assert_eq!(
            pairs("a=b, c = d%20e%2C ,x,=y,f=%zz%,g=h=i"),
            [pair("a", "b"), pair("c", "d e,"), pair("f", "%zz%"), pair("g", "h=i")]
        );
        assert_eq!(pairs(""), []);
    }
}
