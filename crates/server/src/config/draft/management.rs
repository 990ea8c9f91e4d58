//! `[management]`.

use std::time::Duration;

use super::Draft;
use crate::config::{
    Endpoint, Management,
    key::{Number, Whole},
    keys::management as keys,
    spec,
};

impl Draft<'_> {
    pub(super) fn management(&mut self) -> Management {
        let typed = &self.file.management;
        let mut whole = |key: &Whole, typed| self.whole_in_file(key, key.about.path, typed);
        let connections_max = whole(&keys::CONNECTIONS_MAX, typed.connections_max);
        let line_bytes_max = whole(&keys::LINE_BYTES_MAX, typed.line_bytes_max);
        let idle: &Number = &keys::IDLE_TIMEOUT;
        let idle_timeout = self.number_in_file(idle, idle.about.path, typed.idle_timeout);
        let allow = self.networks(&keys::ALLOW, "management", typed.allow.as_deref());
        let endpoint = self.management_endpoint(!allow.is_empty());
        Management {
            endpoint,
            mode: self.mode(&keys::MODE, "management", typed.mode.as_deref()),
            allow,
            allow_deletions: typed.allow_deletions.unwrap_or(keys::ALLOW_DELETIONS.default),
            healthy: self.healthy(),
            connections_max,
            line_bytes_max,
            idle_timeout: Duration::from_secs_f64(idle_timeout),
        }
    }

    /// What is listened on. Without a word who may connect, only this machine can.
    fn management_endpoint(&mut self, others_may: bool) -> Option<Endpoint> {
        let key = &keys::ADDRESS;
        let (place, text) = self.text(key, None, self.file.management.address.as_deref());
        if text.trim().is_empty() {
            return None;
        }
        match self.expanded(&text).and_then(|text| spec::management(&text)) {
            Ok(Endpoint::Tcp(address)) if !others_may && !address.is_of_this_machine() => {
                let wrong = format!(
                    "others than this machine may reach {address}: name them in management.allow"
                );
                self.wrong(&place, &wrong);
                None
            }
            Ok(endpoint) => self.endpoint(&place, endpoint),
            Err(why) => {
                self.wrong(&place, &why);
                None
            }
        }
    }

    fn healthy(&mut self) -> bool {
        let key = &keys::HEALTH;
        let (place, text) = self.text(key, None, self.file.management.health.as_deref());
        if !matches!(text.as_str(), "up" | "down") {
            self.wrong(&place, &format!("'{text}' is not {}", key.bounds()));
        }
        text != "down"
    }
}
