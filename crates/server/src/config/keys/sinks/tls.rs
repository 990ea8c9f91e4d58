//! The keys of sinks that connect over TLS.

use crate::config::key::{About, Text};

/// `sink.ca_file`
pub(crate) const CA_FILE: Text = Text {
    about: About {
        path: "sink.ca_file",
        flag: None,
        effect: "The certificates of those that are trusted over TLS. Without it, those of the \
                 system.",
        edge: "",
        reload: true,
    },
    allowed: "a path to PEM",
    default: None,
};

/// `sink.cert_file`
pub(crate) const CERT_FILE: Text = Text {
    about: About {
        path: "sink.cert_file",
        flag: None,
        effect: "Our own certificate, for a peer that asks for one. It goes with `key_file`.",
        edge: "",
        reload: true,
    },
    allowed: "a path to PEM",
    default: None,
};

/// `sink.key_file`
pub(crate) const KEY_FILE: Text = Text {
    about: About {
        path: "sink.key_file",
        flag: None,
        effect: "The key of `cert_file`.",
        edge: "",
        reload: true,
    },
    allowed: "a path to PEM",
    default: None,
};

/// `sink.server_name`
pub(crate) const SERVER_NAME: Text = Text {
    about: About {
        path: "sink.server_name",
        flag: None,
        effect: "The name that the peer's certificate must be for. Without it, the host of the \
                 url.",
        edge: "",
        reload: true,
    },
    allowed: "a host name or an address",
    default: None,
};
