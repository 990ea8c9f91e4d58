//! What all sinks have that speak HTTP or TLS.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use gstatsd_sinks::{Secret, TlsSettings, check_header};

use super::{Draft, Typed};
use crate::config::key::{About, Text};
use crate::config::keys::sinks;
use crate::config::{Address, Header, HttpPeer};

impl Draft<'_> {
    pub(super) fn http_peer(
        &mut self,
        typed: &Typed,
        address: Address,
        is_secure: bool,
    ) -> HttpPeer {
        let given = &typed.keys;
        HttpPeer {
            address,
            is_secure,
            timeout: self.sink_seconds(&sinks::TIMEOUT, typed, given.timeout),
            gzip: self.compression(typed),
            headers: self.headers(typed),
            token: self.token(typed),
            tls: self.http_tls(typed, is_secure),
        }
    }

    /// Whom to trust, and who we are, where the url is one with TLS.
    fn http_tls(&mut self, typed: &Typed, is_secure: bool) -> TlsSettings {
        if is_secure {
            return self.sink_tls(typed);
        }
        let given = &typed.keys;
        for (key, text) in [
            (&sinks::CA_FILE, &given.ca_file),
            (&sinks::CERT_FILE, &given.cert_file),
            (&sinks::KEY_FILE, &given.key_file),
            (&sinks::SERVER_NAME, &given.server_name),
        ] {
            if text.is_some() {
                let path = typed.path(&key.about);
                self.wrong_in_file(&path, "the url of the sink is one without TLS");
            }
        }
        TlsSettings::default()
    }

    /// A text of a sink with its variables expanded.
    pub(super) fn sink_text(
        &mut self,
        typed: &Typed,
        key: &Text,
        text: Option<&str>,
    ) -> Option<String> {
        match self.expanded(text?) {
            Ok(text) => Some(text),
            Err(why) => {
                self.wrong_in_file(&typed.path(&key.about), &why);
                None
            }
        }
    }

    /// The texts of a table by their keys, with their variables expanded.
    pub(super) fn sink_table(
        &mut self,
        typed: &Typed,
        about: &About,
        table: Option<&BTreeMap<String, String>>,
    ) -> Vec<(String, String)> {
        let mut texts = Vec::new();
        for (key, text) in table.into_iter().flatten() {
            match self.expanded(text) {
                Ok(text) => texts.push((key.clone(), text)),
                Err(why) => self.wrong_in_file(&format!("{}.{key}", typed.path(about)), &why),
            }
        }
        texts
    }

    fn compression(&mut self, typed: &Typed) -> bool {
        match typed.keys.compression.as_deref() {
            None | Some("none") => false,
            Some("gzip") => true,
            Some(other) => {
                let wrong = format!("'{other}' is not {}", sinks::COMPRESSION.bounds());
                self.wrong_in_file(&typed.path(&sinks::COMPRESSION.about), &wrong);
                false
            }
        }
    }

    fn headers(&mut self, typed: &Typed) -> Vec<Header> {
        let mut headers = Vec::new();
        for (name, text) in typed.keys.headers.iter().flatten() {
            let path = format!("{}.{name}", typed.path(&sinks::HEADERS.about));
            let value = self.expanded(text).map(Secret::new);
            let checked = value.and_then(|value| check_header(name, &value).map(|()| value));
            match checked {
                Ok(value) => {
                    let typed = text.contains("${").then(|| text.clone());
                    headers.push(Header { name: name.clone(), typed, value });
                }
                Err(why) => self.wrong_in_file(&path, &why),
            }
        }
        headers
    }

    /// The token, and the file that it stands in.
    fn token(&mut self, typed: &Typed) -> Option<(PathBuf, Secret)> {
        let key = &sinks::TOKEN_FILE;
        let path = self.file_of_sink(key, typed, typed.keys.token_file.as_deref())?;
        let token = fs::read_to_string(&path).map_err(|error| error.to_string());
        let token = token.and_then(|text| {
            let token = Secret::new(text.trim());
            match token.reveal().is_empty() {
                true => Err("is empty".to_owned()),
                false => check_header("Authorization", &token).map(|()| token),
            }
        });
        match token {
            Ok(token) => Some((path, token)),
            Err(why) => {
                let wrong = format!("{}: {why}", path.display());
                self.wrong_in_file(&typed.path(&key.about), &wrong);
                None
            }
        }
    }
}

/// A time as it stands in a variable, in milliseconds.
pub(super) fn milliseconds(text: &str) -> Option<Duration> {
    text.trim().parse().ok().filter(|milliseconds| *milliseconds > 0).map(Duration::from_millis)
}
