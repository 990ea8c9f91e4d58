//! The keys of `[admin]`.

use crate::config::key::{About, List, Switch, Text};

/// `admin.listen`
pub(crate) const LISTEN: Text = Text {
    about: About {
        path: "admin.listen",
        flag: None,
        effect: "Where HTTP shows how the daemon is: `/healthz`, `/readyz`, `/metrics`, \
                 `/accounting`, `/config`; and takes `POST /-/reload`. A sink `prometheus://` \
                 with the same address shows its page there too, in place of `/metrics` where \
                 that is its path. Variables are expanded.",
        edge: "`\"\"` is nowhere; an empty host is localhost; port 0 is any free one. Any other \
               address than one of this machine alone needs `admin.token_file` and \
               `admin.tls_certificate`.",
        reload: false,
    },
    allowed: "`[HOST]:PORT` or `PORT`",
    default: Some(""),
};

/// `admin.hosts`
pub(crate) const HOSTS: List = List {
    about: About {
        path: "admin.hosts",
        flag: None,
        effect: "The names that the server may be called by, beside `localhost` and the address \
                 that is connected to: requests with another `Host` are answered with 421, so \
                 that no page of the web can reach it through a name of its own.",
        edge: "",
        reload: true,
    },
    allowed: "names without ports, as in `[\"stats.example\"]`",
    default: "[]",
};

/// `admin.token_file`
pub(crate) const TOKEN_FILE: Text = Text {
    about: About {
        path: "admin.token_file",
        flag: None,
        effect: "The file with the token: one word of 16 to 1024 bytes. Who changes something \
                 has to send it (`Authorization: Bearer TOKEN`), and where others than this \
                 machine may connect, who reads something other than `/healthz` and `/readyz`. A \
                 reload reads the file again. Variables are expanded.",
        edge: "Without it nothing can be changed.",
        reload: false,
    },
    allowed: "a path",
    default: None,
};

/// `admin.tls_certificate`
pub(crate) const TLS_CERTIFICATE: Text = Text {
    about: About {
        path: "admin.tls_certificate",
        flag: None,
        effect: "Serves HTTPS: the file with the certificate, followed by those between it and \
                 the root. It is read again when it changes. Variables are expanded.",
        edge: "Without it connections are not encrypted.",
        reload: false,
    },
    allowed: "a path of a file in PEM",
    default: None,
};

/// `admin.tls_key`
pub(crate) const TLS_KEY: Text = Text {
    about: About {
        path: "admin.tls_key",
        flag: None,
        effect: "The file with the private key of `admin.tls_certificate`.",
        edge: "",
        reload: false,
    },
    allowed: "a path of a file in PEM",
    default: None,
};

/// `admin.tls_client_ca`
pub(crate) const TLS_CLIENT_CA: Text = Text {
    about: About {
        path: "admin.tls_client_ca",
        flag: None,
        effect: "Only clients with a certificate that comes from one of these roots may connect.",
        edge: "Without it clients need no certificate.",
        reload: false,
    },
    allowed: "a path of a file in PEM",
    default: None,
};

/// `admin.allow_insecure_http`
pub(crate) const ALLOW_INSECURE_HTTP: Switch = Switch {
    about: About {
        path: "admin.allow_insecure_http",
        flag: None,
        effect: "Lets others than this machine reach the server without a token, or unencrypted. \
                 The own metric `admin.insecure` is 1 then.",
        edge: "",
        reload: false,
    },
    default: false,
};
