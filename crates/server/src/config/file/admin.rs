//! The table `[admin]` as typed.

use serde::{Deserialize, Serialize};

/// The table `[admin]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileAdmin {
    /// `admin.listen`
    pub(crate) listen: Option<String>,
    /// `admin.hosts`
    pub(crate) hosts: Option<Vec<String>>,
    /// `admin.token_file`
    pub(crate) token_file: Option<String>,
    /// `admin.tls_certificate`
    pub(crate) tls_certificate: Option<String>,
    /// `admin.tls_key`
    pub(crate) tls_key: Option<String>,
    /// `admin.tls_client_ca`
    pub(crate) tls_client_ca: Option<String>,
    /// `admin.allow_insecure_http`
    pub(crate) allow_insecure_http: Option<bool>,
}
