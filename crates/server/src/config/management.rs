//! Where commands are taken, as it is meant.

use std::{net::IpAddr, time::Duration};

use super::{Config, Endpoint, sources::Network};

/// Where commands are taken, and from whom.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Management {
    /// What is listened on, over TCP or a unix socket; `None` is off.
    pub(crate) endpoint: Option<Endpoint>,
    /// The permissions of a unix socket, as those of a file.
    pub(crate) mode: u32,
    /// Who may connect beside this machine.
    pub(crate) allow: Vec<Network>,
    /// Whether series may be deleted.
    pub(crate) allow_deletions: bool,
    /// Whether the daemon calls itself up.
    pub(crate) healthy: bool,
    /// Connections at once.
    pub(crate) connections_max: usize,
    /// The longest command, in bytes.
    pub(crate) line_bytes_max: usize,
    /// After how long without a command a connection is closed.
    pub(crate) idle_timeout: Duration,
}

impl Management {
    /// Whether somebody at this address may connect.
    pub(crate) fn admits(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        address.is_loopback() || self.allow.iter().any(|network| network.has(address))
    }
}

impl Config {
    /// Every key with its value, a line each, as the Node.js StatsD tells its own:
    /// `log > level: info`.
    pub(crate) fn told(&self) -> String {
        let mut lines = String::new();
        if let Ok(table) = toml::Table::try_from(self.to_file()) {
            tell("", toml::Value::Table(table), &mut lines);
        }
        lines
    }
}

fn tell(path: &str, value: toml::Value, lines: &mut String) {
    let below = |key: &str| match path {
        "" => key.to_owned(),
        path => format!("{path} > {key}"),
    };
    match value {
        toml::Value::Table(table) => {
            table.into_iter().for_each(|(key, value)| tell(&below(&key), value, lines));
        }
        toml::Value::Array(items) if items.iter().any(toml::Value::is_table) => {
            let items = items.into_iter().enumerate();
            items.for_each(|(index, item)| tell(&below(&index.to_string()), item, lines));
        }
        toml::Value::String(text) => lines.push_str(&format!("{path}: {text}\n")),
        value => lines.push_str(&format!("{path}: {value}\n")),
    }
}
