//! Whom a sink trusts over TLS.

use std::path::{Path, PathBuf};

use gstatsd_sinks::TlsSettings;

use super::{Draft, Typed};
use crate::config::{key::Text, keys::sinks};

impl Draft<'_> {
    pub(super) fn sink_tls(&mut self, typed: &Typed) -> TlsSettings {
        let given = &typed.keys;
        let settings = TlsSettings {
            ca_file: self.file_of_sink(&sinks::CA_FILE, typed, given.ca_file.as_deref()),
            cert_file: self.file_of_sink(&sinks::CERT_FILE, typed, given.cert_file.as_deref()),
            key_file: self.file_of_sink(&sinks::KEY_FILE, typed, given.key_file.as_deref()),
            server_name: given.server_name.clone(),
        };
        let pair = [
            (&sinks::CERT_FILE, given.cert_file.is_some(), "goes with key_file"),
            (&sinks::KEY_FILE, given.key_file.is_some(), "goes with cert_file"),
        ];
        if pair[0].1 != pair[1].1 {
            for (key, _, why) in pair.iter().filter(|(_, is_given, _)| *is_given) {
                self.wrong_in_file(&typed.path(&key.about), why);
            }
        }
        settings
    }

    /// The absolute path of a file, with its variables expanded.
    pub(super) fn file_of_sink(
        &mut self,
        key: &Text,
        typed: &Typed,
        given: Option<&str>,
    ) -> Option<PathBuf> {
        let place = self.file.origin.place(&typed.path(&key.about));
        match self.expanded(given?) {
            Ok(text) => self.path(&place, Path::new(&text)),
            Err(why) => {
                self.wrong(&place, &why);
                None
            }
        }
    }
}
