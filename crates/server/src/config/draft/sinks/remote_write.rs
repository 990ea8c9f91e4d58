//! A sink of Prometheus remote write.

use super::{Draft, Typed};
use crate::config::keys::sinks;
use crate::config::{Address, RemoteWritePeer};

/// The keys of its own.
pub(super) const KEYS: &[&str] = &[
    "timeout",
    "headers",
    "token_file",
    "ca_file",
    "cert_file",
    "key_file",
    "server_name",
    "labels",
    "quantiles",
    "seconds",
    "idle_timeout",
];

impl Draft<'_> {
    pub(super) fn remote_write(
        &mut self,
        typed: &Typed,
        address: Address,
        is_secure: bool,
        path: String,
    ) -> RemoteWritePeer {
        let given = &typed.keys;
        let about = &sinks::LABELS.about;
        let labels = self.sink_table(typed, about, given.labels.as_ref());
        for (name, _) in labels.iter().filter(|(name, _)| !is_label(name)) {
            let path = format!("{}.{name}", typed.path(about));
            self.wrong_in_file(&path, "is no name of a label: letters, digits and _, as in zone_1");
        }
        RemoteWritePeer {
            http: self.http_peer(typed, address, is_secure),
            path,
            labels,
            quantiles: self.quantiles(typed),
            seconds: given.seconds.unwrap_or(sinks::SECONDS.default),
            idle_timeout: self.sink_seconds(&sinks::IDLE_TIMEOUT, typed, given.idle_timeout),
        }
    }
}

/// Whether Prometheus takes it for the name of a label that is not its own.
fn is_label(name: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    name.bytes().all(is_plain)
        && name.bytes().next().is_some_and(|byte| !byte.is_ascii_digit())
        && !name.starts_with("__")
}
