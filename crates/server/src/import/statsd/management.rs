//! The management port.

use std::net::IpAddr;

use super::Import;
use super::input::bracketed;
use crate::import::document::Section;

/// The port of the original.
const DEFAULT_PORT: u16 = 8126;

impl Import<'_> {
    /// `mgmt_address`, `mgmt_port` and `healthStatus`; nothing where none of them is set. The
    /// original takes commands then too.
    pub(super) fn management(&mut self) -> Section {
        let mut section = Section::of("management");
        let [address, port, health] =
            ["mgmt_address", "mgmt_port", "healthStatus"].map(|key| self.keys.find(key));
        if address.is_none() && port.is_none() && health.is_none() {
            return section;
        }
        let port = self.port("mgmt_port", port, DEFAULT_PORT);
        let host = match address.filter(|node| node.value.is_truthy()) {
            Some(node) => self.template("mgmt_address", node),
            None => {
                section.say(
                    "mgmt_address is not set: the original takes commands from everybody then. \
                     Here others than this machine need management.allow.",
                );
                "localhost".to_owned()
            }
        };
        let is_local = host == "localhost"
            || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback());
        section.set("address", format!("tcp://{}:{port}", bracketed(&host)));
        if is_local {
            section.set("allow_deletions", true);
        } else {
            section.say(
                "Everybody, as in the original, which asks for no password: better name who may. \
                 Deletions need allow_deletions.",
            );
            section.set("allow", vec!["0.0.0.0/0", "::/0"]);
        }
        if let Some(node) = health.filter(|node| node.value.is_truthy()) {
            let health = self.plain("healthStatus", node);
            if !matches!(health.as_str(), "up" | "down") {
                let wrong = format!("{} is neither up nor down", node.value.shown());
                self.wrong_at(node.line, "healthStatus", &wrong);
            }
            section.set("health", health);
        }
        section
    }
}
