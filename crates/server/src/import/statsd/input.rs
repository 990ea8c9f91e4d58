//! Where packets are received.

use super::Import;
use crate::import::document::Section;
use crate::import::keys::Keys;
use crate::import::value::{Node, Value, number_of_digits};

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
    fn listener(&mut self, keys: &mut Keys<'a>) -> Option<Section> {
        let server = keys.find("server");
        let transport = server.map_or("udp".to_owned(), module);
        let (socket, mode) = (keys.find("socket"), keys.find("socket_mod"));
        let socket = socket.filter(|node| node.value.is_truthy());
        let port = keys.find("port");
        let port = self.port(&keys.path("port"), port, DEFAULT_PORT);
        let is_ipv6 = keys.find("address_ipv6").is_some_and(|node| node.value.is_truthy());
        let host = match keys.find("address").filter(|node| node.value.is_truthy()) {
            Some(node) => bracketed(&self.template(&keys.path("address"), node)),
            // An empty host is every address, IPv4 too: as Node.js binds what is for IPv6, and
            // what is for connections.
            None if is_ipv6 || transport == "tcp" => String::new(),
            None => "0.0.0.0".to_owned(),
        };
        let mut section = Section::one_of("listen");
        match (transport.as_str(), socket) {
            ("tcp", Some(socket)) => {
                let path = self.template(&keys.path("socket"), socket);
                section.set("address", format!("unix://{path}"));
                if let Some(mode) = mode {
                    section.set("mode", self.mode(&keys.path("socket_mod"), mode));
                }
            }
            ("udp" | "tcp", _) => {
                section.set("address", format!("{transport}://{host}:{port}"));
                for (key, node) in [("socket", socket), ("socket_mod", mode)] {
                    if let Some(node) = node {
                        let told = keys.told(key, node);
                        self.omitted.push(format!("{told}: this server has no such key."));
                    }
                }
            }
            _ => {
                let told = server.map(|node| keys.told("server", node)).unwrap_or_default();
                self.omitted.push(format!("{told}, port {port}."));
                return None;
            }
        }
        Some(section)
    }

    /// Permissions: a number, or octal digits.
    fn mode(&mut self, key: &str, node: &Node) -> String {
        const MODE_MAX: f64 = 511.0;
        let mode = match &node.value {
            Value::Number(mode) => Some(*mode),
            value => {
                let text = value.to_text().raw();
                let is_octal = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
                is_octal.then(|| number_of_digits(&text, 8))
            }
        };
        match mode {
            Some(mode) if mode.fract() == 0.0 && (0.0..=MODE_MAX).contains(&mode) => {
                #[expect(clippy::cast_possible_truncation, reason = "within bounds")]
                #[expect(clippy::cast_sign_loss, reason = "within bounds")]
                return format!("{:04o}", mode as u32);
            }
            _ => self.wrong_at(node.line, key, &format!("{} is no mode", node.value.shown())),
        }
        String::new()
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
