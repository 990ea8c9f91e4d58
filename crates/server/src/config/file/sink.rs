//! A table `[[sink]]` as typed.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use super::short_number;

/// One table `[[sink]]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileSink {
    /// `sink.url`
    pub(crate) url: Option<String>,
    /// `sink.name`
    pub(crate) name: Option<String>,
    /// `sink.connect_timeout`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) connect_timeout: Option<f64>,
    /// `sink.write_timeout`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) write_timeout: Option<f64>,
    /// `sink.packet_bytes`
    pub(crate) packet_bytes: Option<i64>,
    /// `sink.tag_style`
    pub(crate) tag_style: Option<String>,
    /// `sink.pack_values`
    pub(crate) pack_values: Option<bool>,
    /// `sink.file_bytes_max`
    pub(crate) file_bytes_max: Option<i64>,
    /// `sink.files_max`
    pub(crate) files_max: Option<i64>,
    /// `sink.ca_file`
    pub(crate) ca_file: Option<String>,
    /// `sink.cert_file`
    pub(crate) cert_file: Option<String>,
    /// `sink.key_file`
    pub(crate) key_file: Option<String>,
    /// `sink.server_name`
    pub(crate) server_name: Option<String>,
    /// `sink.queue_bytes`
    pub(crate) queue_bytes: Option<i64>,
    /// `sink.replay`
    pub(crate) replay: Option<i64>,
    /// `sink.spool_bytes`
    pub(crate) spool_bytes: Option<i64>,
    /// `sink.spool_age`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) spool_age: Option<f64>,
    /// `sink.spool_sync`
    pub(crate) spool_sync: Option<bool>,
    /// `sink.interval`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) interval: Option<f64>,
    /// `sink.include`
    pub(crate) include: Option<Vec<String>>,
    /// `sink.exclude`
    pub(crate) exclude: Option<Vec<String>>,
    /// `sink.timers`
    pub(crate) timers: Option<String>,
    /// `sink.buckets`
    pub(crate) buckets: Option<Vec<f64>>,
    /// `sink.quantiles`
    pub(crate) quantiles: Option<Vec<f64>>,
    /// `sink.seconds`
    pub(crate) seconds: Option<bool>,
    /// `sink.idle_timeout`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) idle_timeout: Option<f64>,
    /// `sink.timeout`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) timeout: Option<f64>,
    /// `sink.compression`
    pub(crate) compression: Option<String>,
    /// `sink.token_file`
    pub(crate) token_file: Option<String>,
    /// `sink.org`
    pub(crate) org: Option<String>,
    /// `sink.bucket`
    pub(crate) bucket: Option<String>,
    /// `sink.temporality`
    pub(crate) temporality: Option<String>,
    /// `sink.headers`
    pub(crate) headers: Option<BTreeMap<String, String>>,
    /// `sink.labels`
    pub(crate) labels: Option<BTreeMap<String, String>>,
    /// `sink.resource`
    pub(crate) resource: Option<BTreeMap<String, String>>,
}
