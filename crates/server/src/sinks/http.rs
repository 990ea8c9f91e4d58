//! Sinks that speak HTTP.

use std::time::Duration;

use gstatsd_sinks::{
    HttpSettings, InfluxHttp, Otlp, OtlpSettings, OtlpTransport, RemoteWrite, RemoteWriteSettings,
    Secret, TimerForm, Tls,
};

use super::{CLOCK, page_settings};
use crate::config::{HttpPeer, InfluxPeer, InfluxTarget, OtlpPeer, RemoteWritePeer};

/// # Errors
/// A file of TLS cannot be read.
pub(super) fn influx(InfluxPeer { http, target }: &InfluxPeer) -> anyhow::Result<InfluxHttp> {
    let path = match target {
        InfluxTarget::Database(database) => format!("/write?db={database}&precision=s"),
        InfluxTarget::Bucket { org, bucket } => {
            let (org, bucket) = (percent_encoded(org), percent_encoded(bucket));
            format!("/api/v2/write?org={org}&bucket={bucket}&precision=s")
        }
    };
    Ok(InfluxHttp::new(settings(http, &path, "Token")?, CLOCK))
}

/// # Errors
/// A file of TLS cannot be read.
pub(super) fn otlp(peer: &OtlpPeer) -> anyhow::Result<Otlp> {
    let path = match peer.transport {
        OtlpTransport::Grpc => "",
        OtlpTransport::Http => peer.path.as_str(),
    };
    let settings = OtlpSettings {
        transport: peer.transport,
        http: settings(&peer.http, path, "Bearer")?,
        temporality: peer.temporality,
        resource: peer.resource.clone(),
        idle_seconds: u32::try_from(peer.idle_timeout.as_secs()).unwrap_or(u32::MAX),
    };
    Ok(Otlp::new(settings, CLOCK))
}

/// # Errors
/// A file of TLS cannot be read.
pub(super) fn remote_write(peer: &RemoteWritePeer, flush: Duration) -> anyhow::Result<RemoteWrite> {
    let page = page_settings(
        TimerForm::Summary(peer.quantiles.clone()),
        peer.seconds,
        peer.idle_timeout,
        flush,
    );
    let http = settings(&peer.http, &peer.path, "Bearer")?;
    let labels = peer.labels.clone();
    Ok(RemoteWrite::new(RemoteWriteSettings { http, page, labels }, CLOCK))
}

/// How to speak HTTP; `scheme` is the word before a token.
fn settings(peer: &HttpPeer, path: &str, scheme: &str) -> anyhow::Result<HttpSettings> {
    let protocol = if peer.is_secure { "https" } else { "http" };
    let mut headers: Vec<_> = Vec::new();
    for header in &peer.headers {
        headers.push((header.name.clone(), header.value.clone()));
    }
    if let Some((_, token)) = &peer.token {
        let value = Secret::new(format!("{scheme} {}", token.reveal()));
        headers.push(("Authorization".to_owned(), value));
    }
    let tls = match peer.is_secure {
        true => Some(Tls::load(&peer.tls, &peer.address.host)?),
        false => None,
    };
    let url = format!("{protocol}://{}{path}", peer.address);
    Ok(HttpSettings { url, headers, timeout: peer.timeout, gzip: peer.gzip, tls })
}

/// A text as a value in a url.
fn percent_encoded(text: &str) -> String {
    let encoded = |byte: u8| match byte {
        b'-' | b'.' | b'_' | b'~' => char::from(byte).to_string(),
        byte if byte.is_ascii_alphanumeric() => char::from(byte).to_string(),
        byte => format!("%{byte:02X}"),
    };
    text.bytes().map(encoded).collect()
}

#[cfg(test)]
mod tests {
    use super::percent_encoded;

    #[test]
    fn a_name_in_a_url_is_encoded() {
        assert_eq!(percent_encoded("my org&x=\u{e9}"), "my%20org%26x%3D%C3%A9");
        assert_eq!(percent_encoded("a-b_c.d~9"), "a-b_c.d~9");
    }
}
