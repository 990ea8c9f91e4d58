//! A table `[[sink]]` as typed.

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
    /// `sink.queue_bytes`
    pub(crate) queue_bytes: Option<i64>,
    /// `sink.interval`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) interval: Option<f64>,
    /// `sink.include`
    pub(crate) include: Option<Vec<String>>,
    /// `sink.exclude`
    pub(crate) exclude: Option<Vec<String>>,
    /// `sink.quantiles`
    pub(crate) quantiles: Option<Vec<f64>>,
    /// `sink.seconds`
    pub(crate) seconds: Option<bool>,
    /// `sink.idle_timeout`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) idle_timeout: Option<f64>,
}
