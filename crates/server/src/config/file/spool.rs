//! The table `[spool]` as typed.

use serde::{Deserialize, Serialize};

use super::short_number;

/// The table `[spool]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileSpool {
    /// `spool.directory`
    pub(crate) directory: Option<String>,
    /// `spool.bytes`
    pub(crate) bytes: Option<i64>,
    /// `spool.age`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) age: Option<f64>,
    /// `spool.free_percent`
    #[serde(serialize_with = "short_number")]
    pub(crate) free_percent: Option<f64>,
    /// `spool.sync`
    pub(crate) sync: Option<bool>,
}
