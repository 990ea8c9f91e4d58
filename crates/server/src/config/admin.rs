//! The admin server, as it is meant.

use std::path::PathBuf;

use super::{Address, Config, TlsFiles};

/// Where HTTP shows how the daemon is, and to whom.
#[derive(Clone, Debug, Default, Eq, PartialEq)]
pub(crate) struct Admin {
    /// What is listened on; `None` is off.
    pub(crate) address: Option<Address>,
    /// The names that it may be called by, beside `localhost` and its address; in lower case.
    pub(crate) hosts: Vec<String>,
    /// The file with the token, with an absolute path.
    pub(crate) token_file: Option<PathBuf>,
    /// Where connections are encrypted, what with.
    pub(crate) tls: Option<TlsFiles>,
    /// Whether others may reach it without a token or unencrypted.
    pub(crate) allow_insecure_http: bool,
}

impl Admin {
    /// Whether others than this machine may reach it.
    pub(crate) fn is_public(&self) -> bool {
        self.address.as_ref().is_some_and(|address| !address.is_of_this_machine())
    }

    /// Whether others than this machine may reach it without a token or unencrypted.
    pub(crate) fn is_insecure(&self) -> bool {
        self.is_public() && (self.token_file.is_none() || self.tls.is_none())
    }
}

impl Config {
    /// The configuration as a file, without what is secret in it.
    pub(crate) fn redacted(&self) -> String {
        let mut table = toml::Table::try_from(self.to_file()).unwrap_or_default();
        table.iter_mut().for_each(|(key, value)| redact(key, value));
        toml::to_string(&table).unwrap_or_default()
    }
}

/// What stands in place of a secret.
const REDACTED: &str = "REDACTED";
/// What the names of keys end with that have secrets; those of files and variables are none.
const SECRET: [&str; 6] = ["token", "password", "secret", "authorization", "api_key", "headers"];

fn redact(key: &str, value: &mut toml::Value) {
    let is_secret = SECRET.iter().any(|word| key.ends_with(word));
    match value {
        toml::Value::Table(table) if is_secret => {
            table.iter_mut().for_each(|(_, value)| *value = REDACTED.into());
        }
        toml::Value::Table(table) => table.iter_mut().for_each(|(key, value)| redact(key, value)),
        toml::Value::Array(items) => items.iter_mut().for_each(|item| redact(key, item)),
        toml::Value::String(text) if is_secret && !text.is_empty() => REDACTED.clone_into(text),
        toml::Value::String(text) => *text = without_secrets(text),
        _ => {}
    }
}

/// A URL without the name and the password before its host, and without the values of its query.
fn without_secrets(text: &str) -> String {
    let Some((scheme, rest)) = text.split_once("://") else { return text.to_owned() };
    let (rest, query) = match rest.split_once('?') {
        Some((rest, query)) => (rest, Some(query)),
        None => (rest, None),
    };
    let host_end = rest.find('/').unwrap_or(rest.len());
    let (host, path) = rest.split_at(host_end);
    let host =
        host.rsplit_once('@').map_or(host.to_owned(), |(_, host)| format!("{REDACTED}@{host}"));
    let mut shown = format!("{scheme}://{host}{path}");
    for (index, pair) in query.into_iter().flat_map(|query| query.split('&')).enumerate() {
        shown.push(if index == 0 { '?' } else { '&' });
        let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
        shown.push_str(key);
        if !value.is_empty() {
            shown.push_str(&format!("={REDACTED}"));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_are_not_shown() {
        let text = "token_file = \"/a\"\n[[sink]]\nurl = \"http://me:pw@host:1/a?token=x&db=y\"\n\
                    token = \"abc\"\nbearer_token = \"abc\"\n[sink.headers]\nx-key = \"abc\"\n";
        let mut table: toml::Table = text.parse().unwrap();
        table.iter_mut().for_each(|(key, value)| redact(key, value));
        let shown = table.to_string();
        assert!(
            !shown.contains("pw") && !shown.contains("abc") && !shown.contains("=x"),
            "{shown}"
        );
        assert!(shown.contains("token_file = \"/a\""), "{shown}");
        let url = "url = \"http://REDACTED@host:1/a?token=REDACTED&db=REDACTED\"";
        assert!(shown.contains(url), "{shown}");
    }

    #[test]
    fn what_has_no_secret_stays_as_it_is() {
        for text in ["udp://:8125", "graphite://[::1]:2003", "prometheus://:1/metrics", "a@b", ""] {
            assert_eq!(without_secrets(text), text);
        }
    }
}
