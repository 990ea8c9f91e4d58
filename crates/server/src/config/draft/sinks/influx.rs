//! A sink of InfluxDB over HTTP.

use super::{Draft, Typed};
use crate::config::keys::sinks;
use crate::config::{Address, InfluxPeer, InfluxTarget};

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
    "org",
    "bucket",
];

impl Draft<'_> {
    /// Its settings; `None` where it is not said where to write to.
    pub(super) fn influx(
        &mut self,
        typed: &Typed,
        address: Address,
        is_secure: bool,
        database: String,
    ) -> Option<InfluxPeer> {
        let given = &typed.keys;
        let http = self.http_peer(typed, address, is_secure);
        let org = self.sink_text(typed, &sinks::ORG, given.org.as_deref());
        let bucket = self.sink_text(typed, &sinks::BUCKET, given.bucket.as_deref());
        let target = match (database.as_str(), org, bucket) {
            ("", Some(org), Some(bucket)) => InfluxTarget::Bucket { org, bucket },
            ("", None, None) => {
                let wrong = "it needs a database, as in influxdb://HOST:PORT/DATABASE, or org and \
                             bucket";
                self.wrong(&typed.place, wrong);
                return None;
            }
            ("", org, _) => {
                let missing = if org.is_some() { &sinks::BUCKET } else { &sinks::ORG };
                self.wrong_in_file(&typed.path(&missing.about), "is missing: the two go together");
                return None;
            }
            (_, None, None) => InfluxTarget::Database(database),
            (_, org, _) => {
                let key = if org.is_some() { &sinks::ORG } else { &sinks::BUCKET };
                let wrong = "the url has a database already";
                self.wrong_in_file(&typed.path(&key.about), wrong);
                return None;
            }
        };
        Some(InfluxPeer { http, target })
    }
}
