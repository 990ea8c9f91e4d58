//! Where packets are received.

use super::Import;
use crate::import::document::Section;
use crate::import::keys::Keys;
use crate::import::value::{Node, Value};

/// The keys of a server.
const KEYS: [&str; 6] = ["server", "address", "address_ipv6", "port", "socket", "socket_mod"];

/// The port of StatsD.
const DEFAULT_PORT: u16 = 8125;

impl<'a> Import<'a> {
    /// `servers`, or the one server that is configured without them.
    pub(super) fn listeners(&mut self) -> Vec<Section> {
        let servers = self.keys.find("servers").filter(|node| node.value.is_truthy());
        let Some(servers) = servers else {
            let mut keys = self.keys.again();
            for key in KEYS {
                self.keys.find(key);
            }
            return self.listener(&mut keys).into_iter().collect();
        };
        // Those of the configuration itself do not count then.
        for key in KEYS {
            if let Some(node) = self.keys.find(key) {
                let told = self.keys.told(key, node);
                self.omitted.push(format!("{told}: servers stand in its place."));
            }
        }
        let mut sections = Vec::new();
        let Value::List(items) = &servers.value else {
            let wrong = format!("{} is no list", servers.value.shown());
            self.wrong_at(servers.line, "servers", &wrong);
            return sections;
        };
        for item in items {
            let Value::Table(table) = &item.value else {
                let wrong = format!("{} is no server", item.value.shown());
                self.wrong_at(item.line, "servers", &wrong);
                continue;
            };
            let mut keys = Keys::new("servers.", Some(table));
            sections.extend(self.listener(&mut keys));
            self.omit_unread(&keys);
        }
        sections
    }

    /// One server, or a comment where it has no counterpart.
    pub(super) fn listener(&mut self, keys: &mut Keys<'a>) -> Option<Section> {
        let server = keys.find("server");
        let socket = [keys.find("socket"), keys.find("socket_mod")];
        let port = keys.find("port");
        let port = self.port(&keys.path("port"), port, DEFAULT_PORT);
        let address = keys.find("address").filter(|node| node.value.is_truthy());
        let is_ipv6 = keys.find("address_ipv6").is_some_and(|node| node.value.is_truthy());
        let host = match address {
            Some(node) => bracketed(&self.template(&keys.path("address"), node)),
            // An empty host is every address, IPv4 too, as a socket of Node.js for IPv6 has it.
            None if is_ipv6 => String::new(),
            None => "0.0.0.0".to_owned(),
        };
        if let Some(server) = server.filter(|server| module(server) != "udp") {
            let told = keys.told("server", server);
            let of_socket = socket[0].map(|node| format!(", {}", keys.told("socket", node)));
            let of_socket = of_socket.unwrap_or_else(|| format!(", port {port}"));
            self.omitted.push(format!("{told}{of_socket}: this version listens on UDP alone."));
            return None;
        }
        for (key, node) in ["socket", "socket_mod"].into_iter().zip(socket) {
            if let Some(node) = node {
                let told = keys.told(key, node);
                self.omitted.push(format!("{told}: a server over UDP has no such key."));
            }
        }
        let mut section = Section::one_of("listen");
        section.set("address", format!("udp://{host}:{port}"));
        Some(section)
    }
}

/// The host with brackets around where it is an IPv6 address.
pub(super) fn bracketed(host: &str) -> String {
    let is_ipv6 = host.contains(':') && !host.starts_with('[');
    if is_ipv6 { format!("[{host}]") } else { host.to_owned() }
}

/// The name of a module: `graphite` for `./backends/graphite.js`.
pub(super) fn module(node: &Node) -> String {
    let path = node.value.to_text().raw();
    let name = path.rsplit('/').next().unwrap_or_default();
    name.strip_suffix(".js").unwrap_or(name).to_owned()
}
