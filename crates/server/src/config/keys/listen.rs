//! The keys of `[[listen]]`, and the limits of connections.

use crate::config::key::{About, List, Number, Text, Whole};

/// `connections_max`
pub(crate) const CONNECTIONS_MAX: Whole = Whole {
    about: About {
        path: "connections_max",
        flag: None,
        effect: "Connections that all listeners together have at most. Further ones are refused \
                 and counted.",
        edge: "Each takes a file descriptor, of which a process may have a limited number.",
        reload: true,
    },
    unit: "connections",
    min: 1,
    max: 1_000_000,
    default: 1024,
};

/// `connections_per_address_max`
pub(crate) const CONNECTIONS_PER_ADDRESS_MAX: Whole = Whole {
    about: About {
        path: "connections_per_address_max",
        flag: None,
        effect: "Connections that one IP address has at most, so that it cannot take all of \
                 `connections_max`. Those over unix sockets do not count.",
        edge: "",
        reload: true,
    },
    unit: "connections",
    min: 1,
    max: 1_000_000,
    default: 256,
};

/// `listen.address`
pub(crate) const ADDRESS: Text = Text {
    about: About {
        path: "listen.address",
        flag: Some("-b"),
        effect: "Where lines are received: UDP, TCP, a unix socket with connections (`unix`) or \
                 with datagrams (`unixgram`), or the sockets of one name \
                 (`FileDescriptorName=`) that systemd has opened. Variables are expanded. Any \
                 `-b` replaces all `[[listen]]` of the file. Without either, all sockets that \
                 systemd has opened are taken, if there are any.",
        edge: "An empty host is every address, IPv4 and IPv6; port 0 is any free one.",
        reload: true,
    },
    allowed: "`udp://[HOST]:PORT`, `tcp://[HOST]:PORT`, `unix://PATH`, `unixgram://PATH`, \
              `systemd://NAME`, `[HOST]:PORT` or `PORT` (over UDP); an IPv6 address stands in \
              brackets",
    default: Some("udp://:8125"),
};

/// `listen.dialect`
pub(crate) const DIALECT: Text = Text {
    about: About {
        path: "listen.dialect",
        flag: None,
        effect: "How lines are read that come in here: what values, names and tags mean, and what \
                 is refused. What the metrics are called, their statistics and what becomes of \
                 idle series is said by `dialect`.",
        edge: "The default is `dialect`.",
        reload: true,
    },
    allowed: "`\"gstatsd\"`, `\"statsd\"` or `\"dogstatsd\"`",
    default: Some("gstatsd"),
};

/// `listen.allow`
pub(crate) const ALLOW: List = List {
    about: About {
        path: "listen.allow",
        flag: None,
        effect: "Only these may send. What others send is counted and not read; their \
                 connections are refused.",
        edge: "`[]` is everybody.",
        reload: true,
    },
    allowed: "networks, as in `[\"10.0.0.0/8\", \"fd00::/8\", \"192.0.2.7\"]`",
    default: "[]",
};

/// `listen.deny`
pub(crate) const DENY: List = List {
    about: About {
        path: "listen.deny",
        flag: None,
        effect: "These may not send, even where `listen.allow` has them.",
        edge: "`[]` is nobody.",
        reload: true,
    },
    allowed: "networks, as in `[\"10.1.0.0/16\"]`",
    default: "[]",
};

/// `listen.mode`
pub(crate) const MODE: Text = Text {
    about: About {
        path: "listen.mode",
        flag: None,
        effect: "The permissions of a unix socket: who may write to it may send. A socket that \
                 another process left behind is replaced; one that is in use is not, and \
                 neither is a file of any other kind.",
        edge: "",
        reload: true,
    },
    allowed: "octal permissions, as in `\"0660\"`",
    default: Some("0666"),
};

/// `listen.framing`
pub(crate) const FRAMING: Text = Text {
    about: About {
        path: "listen.framing",
        flag: None,
        effect: "How the bytes of a connection are divided: into lines, or into packets whose \
                 length stands before them in four bytes, the lowest first, as the clients of \
                 DogStatsD write them to a unix stream.",
        edge: "",
        reload: true,
    },
    allowed: "`\"lines\"` or `\"length_prefixed\"`",
    default: Some("lines"),
};

/// `listen.frame_bytes_max`
pub(crate) const FRAME_BYTES_MAX: Whole = Whole {
    about: About {
        path: "listen.frame_bytes_max",
        flag: None,
        effect: "The longest line of a connection, or the longest packet with \
                 `framing = \"length_prefixed\"`. A connection that sends a longer one is closed, \
                 and that is counted as `line_too_long`. Each connection holds at most so much.",
        edge: "",
        reload: true,
    },
    unit: "bytes",
    min: 16,
    max: 1 << 20,
    default: 8192,
};

/// `listen.idle_timeout`
pub(crate) const IDLE_TIMEOUT: Number = Number {
    about: About {
        path: "listen.idle_timeout",
        flag: None,
        effect: "After how long without a line a connection is closed. A client that sends \
                 seldom may lose the line with which it finds out.",
        edge: "0 is never.",
        reload: true,
    },
    unit: "seconds",
    min: 0.0,
    above_min: false,
    max: 31_536_000.0,
    default: 600.0,
};

/// `listen.frame_timeout`
pub(crate) const FRAME_TIMEOUT: Number = Number {
    about: About {
        path: "listen.frame_timeout",
        flag: None,
        effect: "How long the rest of a line (or packet) may take to come once it has begun; \
                 then the connection is closed.",
        edge: "0 is any time.",
        reload: true,
    },
    unit: "seconds",
    min: 0.0,
    above_min: false,
    max: 31_536_000.0,
    default: 60.0,
};

/// `listen.tls_certificate`
pub(crate) const TLS_CERTIFICATE: Text = Text {
    about: About {
        path: "listen.tls_certificate",
        flag: None,
        effect: "Encrypts the connections of a TCP listener with TLS (1.2 and 1.3): the file with \
                 the certificate, followed by those between it and the root. It is read again when \
                 it changes; while it is broken the old one stays. Variables are expanded.",
        edge: "Without it connections are not encrypted.",
        reload: true,
    },
    allowed: "a path of a file in PEM",
    default: None,
};

/// `listen.tls_key`
pub(crate) const TLS_KEY: Text = Text {
    about: About {
        path: "listen.tls_key",
        flag: None,
        effect: "The file with the private key of `listen.tls_certificate`. It is read again when \
                 it changes. Variables are expanded.",
        edge: "",
        reload: true,
    },
    allowed: "a path of a file in PEM",
    default: None,
};

/// `listen.tls_client_ca`
pub(crate) const TLS_CLIENT_CA: Text = Text {
    about: About {
        path: "listen.tls_client_ca",
        flag: None,
        effect: "Only clients with a certificate that comes from one of these roots may connect. \
                 The file is read again when it changes. Variables are expanded.",
        edge: "Without it clients need no certificate.",
        reload: true,
    },
    allowed: "a path of a file in PEM",
    default: None,
};
