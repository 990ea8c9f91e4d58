//! How far the process is closed in, and what it needs all the same.

use std::{
    fmt,
    path::{Path, PathBuf},
};

use super::{
    Config, Endpoint, InfluxPeer, LogTarget, OtlpPeer, RemoteWritePeer, SinkKind, Transport,
};

/// How far the process is closed in.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub(crate) enum Sandbox {
    /// As far as this system can.
    Auto,
    /// In all ways, or it does not start.
    Require,
    /// Not at all.
    #[default]
    Off,
}

impl Sandbox {
    /// Each of them.
    pub(crate) const ALL: [Self; 3] = [Self::Auto, Self::Require, Self::Off];
}

impl fmt::Display for Sandbox {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Auto => "auto",
            Self::Require => "require",
            Self::Off => "off",
        })
    }
}

impl Config {
    /// The ports that it connects to over TCP; `None` where that cannot be told.
    pub(crate) fn tcp_ports(&self) -> Option<Vec<u16>> {
        let mut ports = Vec::new();
        for sink in &self.sinks {
            match (&sink.kind, sink.peer()) {
                (SinkKind::Console | SinkKind::File(_) | SinkKind::Prometheus(_), _)
                | (_, Some((Transport::Udp, _))) => {}
                (_, Some((Transport::Tcp, address))) => ports.push(address.port),
                (_, None) => return None,
            }
        }
        let repeaters = self.repeaters.iter().map(|repeater| &repeater.peer);
        let nodes = || self.relay.iter().flat_map(|relay| &relay.nodes);
        let peers = repeaters.chain(nodes().map(|node| &node.peer));
        let over_tcp = peers.filter(|peer| peer.transport == Transport::Tcp);
        ports.extend(over_tcp.map(|peer| peer.address.port));
        ports.extend(nodes().flat_map(|node| &node.health).map(|address| address.port));
        Some(ports)
    }

    /// The ports that it listens on over TCP.
    pub(crate) fn tcp_ports_listened(&self) -> Vec<u16> {
        let endpoints = self.listeners.iter().map(|listener| &listener.endpoint);
        let of_endpoint = |endpoint: &Endpoint| match endpoint {
            Endpoint::Tcp(address) => Some(address.port),
            _ => None,
        };
        let mut ports: Vec<_> = endpoints.filter_map(of_endpoint).collect();
        ports.extend(self.management.endpoint.as_ref().and_then(of_endpoint));
        ports.extend(self.admin.address.iter().map(|address| address.port));
        ports.extend(self.sinks.iter().filter_map(|sink| match &sink.kind {
            SinkKind::Prometheus(page) => Some(page.address.port),
            _ => None,
        }));
        ports
    }

    /// The files that are read again while it runs.
    pub(crate) fn files_read(&self) -> Vec<&Path> {
        let listeners = self.listeners.iter().flat_map(|listener| &listener.tls);
        let mut files: Vec<&Path> = Vec::new();
        for tls in listeners.chain(&self.admin.tls) {
            files.extend([tls.certificate.as_path(), &tls.key]);
            files.extend(tls.client_ca.as_deref());
        }
        for sink in &self.sinks {
            let (tls, token) = match &sink.kind {
                SinkKind::Graphite(peer) => (peer.tls.as_ref(), None),
                SinkKind::Influx(InfluxPeer { http, .. })
                | SinkKind::Otlp(OtlpPeer { http, .. })
                | SinkKind::RemoteWrite(RemoteWritePeer { http, .. }) => {
                    (Some(&http.tls), http.token.as_ref())
                }
                _ => (None, None),
            };
            let of_tls = tls.map(|tls| [&tls.ca_file, &tls.cert_file, &tls.key_file]);
            files.extend(of_tls.into_iter().flatten().flatten().map(PathBuf::as_path));
            files.extend(token.map(|(file, _)| file.as_path()));
        }
        files.extend(self.admin.token_file.as_deref());
        files
    }

    /// The files that are written, made or removed while it runs.
    pub(crate) fn files_written(&self) -> Vec<&Path> {
        let mut files: Vec<&Path> = Vec::new();
        if let LogTarget::File(path) = &self.log.target {
            files.push(path);
        }
        files.extend(self.pid_file.as_deref());
        files.extend(self.frequent_keys.log.as_deref());
        let endpoints = self.listeners.iter().map(|listener| &listener.endpoint);
        for endpoint in endpoints.chain(&self.management.endpoint) {
            if let Endpoint::Unix(path) | Endpoint::Unixgram(path) = endpoint {
                files.push(path);
            }
        }
        for sink in &self.sinks {
            if let SinkKind::File(settings) = &sink.kind {
                files.push(&settings.path);
            }
        }
        files
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::of_file;

    #[test]
    fn it_connects_to_its_peers_alone_where_their_ports_are_known() {
        let config = of_file(
            "[[sink]]\nurl = \"graphite://a:1\"\n[[sink]]\nurl = \"prometheus://:2\"\n\
             [[repeater]]\nurl = \"tcp://b:3\"\n[[repeater]]\nurl = \"udp://b:4\"\n\
             [[relay.node]]\nurl = \"udp://c:5\"\nhealth = \"c:6\"\n",
        );
        assert_eq!(config.tcp_ports(), Some(vec![1, 3, 6]));
    }

    #[test]
    fn it_listens_over_tcp_where_that_is_configured() {
        let config = of_file(
            "[[listen]]\naddress = \"tcp://:1\"\n[[listen]]\naddress = \"udp://:2\"\n\
             [[sink]]\nurl = \"prometheus://:3\"\n[management]\naddress = \"tcp://127.0.0.1:4\"\n\
             [admin]\nlisten = \"127.0.0.1:5\"\n",
        );
        assert_eq!(config.tcp_ports_listened(), [1, 4, 5, 3]);
    }

    #[test]
    fn it_reads_and_writes_what_is_configured() {
        let config = of_file(
            "pid_file = \"/run/a/pid\"\nlog.target = \"/var/b.log\"\n\
             [[listen]]\naddress = \"unix:///run/c/socket\"\n\
             [[listen]]\naddress = \"tcp://:1\"\ntls_certificate = \"/d/c\"\ntls_key = \"/e/k\"\n\
             [[sink]]\nurl = \"file:/f/lines\"\n[admin]\ntoken_file = \"/g/token\"\n",
        );
        let shown = |files: Vec<&std::path::Path>| {
            files.into_iter().map(|file| file.display().to_string()).collect::<Vec<_>>()
        };
        assert_eq!(shown(config.files_read()), ["/d/c", "/e/k", "/g/token"]);
        let written = ["/var/b.log", "/run/a/pid", "/run/c/socket", "/f/lines"];
        assert_eq!(shown(config.files_written()), written);
    }
}
