//! `[admin]`.

use std::path::{Path, PathBuf};

use super::Draft;
use crate::config::{Address, Admin, keys::admin as keys};

impl Draft<'_> {
    pub(super) fn admin(&mut self) -> Admin {
        let typed = &self.file.admin;
        let files = [&typed.tls_certificate, &typed.tls_key, &typed.tls_client_ca];
        let of_tls = [&keys::TLS_CERTIFICATE, &keys::TLS_KEY, &keys::TLS_CLIENT_CA];
        let allowed = &keys::ALLOW_INSECURE_HTTP;
        let admin = Admin {
            address: self.admin_address(),
            hosts: self.admin_hosts(),
            token_file: self.token_file(),
            tls: self.tls_files("admin", of_tls, files.map(Option::as_deref)),
            allow_insecure_http: typed.allow_insecure_http.unwrap_or(allowed.default),
        };
        if admin.is_insecure() && !admin.allow_insecure_http {
            let needed = [
                (admin.token_file.is_none(), keys::TOKEN_FILE.about.path),
                (admin.tls.is_none(), keys::TLS_CERTIFICATE.about.path),
            ];
            let missing = needed.iter().filter(|(is_missing, _)| *is_missing);
            let missing: Vec<_> = missing.map(|(_, key)| *key).collect();
            let wrong = format!(
                "others than this machine may reach it: it needs {}, or {} = true",
                missing.join(" and "),
                allowed.about.path
            );
            self.wrong_in_file(keys::LISTEN.about.path, &wrong);
        }
        admin
    }

    fn admin_address(&mut self) -> Option<Address> {
        let (place, text) = self.text(&keys::LISTEN, None, self.file.admin.listen.as_deref());
        if text.trim().is_empty() {
            return None;
        }
        match self.expanded(&text).and_then(|text| Address::parse(&text, 0)) {
            Ok(address) => Some(address.or_localhost()),
            Err(why) => {
                self.wrong(&place, &format!("'{text}' is no address: {why}"));
                None
            }
        }
    }

    fn admin_hosts(&mut self) -> Vec<String> {
        let hosts = self.file.admin.hosts.clone().unwrap_or_default();
        let is_plain = |c: char| c.is_ascii_alphanumeric() || "-._:".contains(c);
        for host in hosts.iter().filter(|host| host.is_empty() || !host.chars().all(is_plain)) {
            let wrong = format!("'{host}' is no name of a host without a port");
            self.wrong_in_file(keys::HOSTS.about.path, &wrong);
        }
        hosts.iter().map(|host| host.to_ascii_lowercase()).collect()
    }

    fn token_file(&mut self) -> Option<PathBuf> {
        let text = self.file.admin.token_file.as_deref().filter(|text| !text.is_empty())?;
        let place = self.file.origin.place(keys::TOKEN_FILE.about.path);
        match self.expanded(text) {
            Ok(text) => self.path(&place, Path::new(&text)),
            Err(why) => {
                self.wrong(&place, &why);
                None
            }
        }
    }
}
