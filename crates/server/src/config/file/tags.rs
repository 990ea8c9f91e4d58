//! The table `[tags]` as typed.

use serde::{Deserialize, Serialize};

/// The table `[tags]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileTags {
    /// `tags.mode`
    pub(crate) mode: Option<String>,
    /// `tags.styles`
    pub(crate) styles: Option<Vec<String>>,
    /// `tags.count_max`
    pub(crate) count_max: Option<i64>,
    /// `tags.bytes_max`
    pub(crate) bytes_max: Option<i64>,
    /// `tags.constant`
    pub(crate) constant: Option<Vec<String>>,
    /// `tags.origin`
    pub(crate) origin: Option<bool>,
    /// `tags.output`
    pub(crate) output: Option<String>,
    /// `tags.template`
    pub(crate) template: Option<String>,
}
