//! Sinks that speak HTTP, as typed.

use std::path::Path;

use gstatsd_sinks::{OtlpTransport, Temporality, TlsSettings};

use crate::config::expand::escape;
use crate::config::file::FileSink;
use crate::config::{HttpPeer, InfluxPeer, InfluxTarget, OtlpPeer, RemoteWritePeer};

/// What stands for a value that may be a secret.
const HIDDEN: &str = "***";

pub(super) fn influx(InfluxPeer { http, target }: &InfluxPeer) -> FileSink {
    let scheme = if http.is_secure { "influxdb+https" } else { "influxdb" };
    let (database, org, bucket) = match target {
        InfluxTarget::Database(database) => (format!("/{database}"), None, None),
        InfluxTarget::Bucket { org, bucket } => {
            (String::new(), Some(escape(org)), Some(escape(bucket)))
        }
    };
    let url = Some(format!("{scheme}://{}{}", http.address, escape(&database)));
    FileSink { url, org, bucket, compression: compression(http), ..peer(http) }
}

pub(super) fn otlp(otlp: &OtlpPeer) -> FileSink {
    let OtlpPeer { http, transport, path, temporality, resource, idle_timeout } = otlp;
    let scheme = match (transport, http.is_secure) {
        (OtlpTransport::Grpc, false) => "otlp",
        (OtlpTransport::Grpc, true) => "otlp+tls",
        (OtlpTransport::Http, false) => "otlp+http",
        (OtlpTransport::Http, true) => "otlp+https",
    };
    let resource = resource.iter().map(|(key, value)| (key.clone(), escape(value))).collect();
    let temporality = match temporality {
        Temporality::Cumulative => "cumulative",
        Temporality::Delta => "delta",
    };
    FileSink {
        url: Some(format!("{scheme}://{}{}", http.address, escape(path))),
        temporality: Some(temporality.to_owned()),
        resource: Some(resource),
        idle_timeout: Some(idle_timeout.as_secs_f64()),
        compression: compression(http),
        ..peer(http)
    }
}

pub(super) fn remote_write(remote: &RemoteWritePeer) -> FileSink {
    let RemoteWritePeer { http, path, labels, quantiles, seconds, idle_timeout } = remote;
    let scheme = if http.is_secure { "remote-write+https" } else { "remote-write" };
    let labels = labels.iter().map(|(name, value)| (name.clone(), escape(value)));
    FileSink {
        url: Some(format!("{scheme}://{}{}", http.address, escape(path))),
        labels: (!remote.labels.is_empty()).then(|| labels.collect()),
        quantiles: Some(quantiles.clone()),
        seconds: Some(*seconds),
        idle_timeout: Some(idle_timeout.as_secs_f64()),
        ..peer(http)
    }
}

fn compression(http: &HttpPeer) -> Option<String> {
    Some(if http.gzip { "gzip" } else { "none" }.to_owned())
}

/// The keys of every peer that speaks HTTP.
fn peer(http: &HttpPeer) -> FileSink {
    let file = |path: &Path| escape(&path.display().to_string());
    let headers = http.headers.iter().map(|header| {
        let value = header.typed.clone().unwrap_or_else(|| HIDDEN.to_owned());
        (header.name.clone(), value)
    });
    let TlsSettings { ca_file, cert_file, key_file, server_name } = &http.tls;
    FileSink {
        timeout: Some(http.timeout.as_secs_f64()),
        headers: (!http.headers.is_empty()).then(|| headers.collect()),
        token_file: http.token.as_ref().map(|(path, _)| file(path)),
        ca_file: ca_file.as_deref().map(file),
        cert_file: cert_file.as_deref().map(file),
        key_file: key_file.as_deref().map(file),
        server_name: server_name.as_deref().map(escape),
        ..FileSink::default()
    }
}
