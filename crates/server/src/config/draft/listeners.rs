//! The listeners: from `-b`, from `[[listen]]`, or the default.

use std::{
    collections::BTreeSet,
    os::unix::ffi::OsStrExt as _,
    path::{Path, PathBuf},
    time::Duration,
};

use super::Draft;
use crate::config::{
    Dialect, Endpoint, Framing, Listener, Sources, Stream, TlsFiles,
    file::FileListener,
    key::{About, List, Number, Text},
    keys::listen,
    sources::Network,
    spec,
};

/// The longest path of a unix socket, in bytes: `sun_path` of `unix(7)` without its end.
const SOCKET_PATH_BYTES_MAX: usize = 107;
/// Every permission of a file.
const MODE_MAX: u32 = 0o777;

/// One listener as typed.
struct Typed {
    /// Where its address was typed, for errors.
    place: String,
    /// The path of its table in the file, for errors.
    table: String,
    /// The keys of its table.
    keys: FileListener,
}

impl Draft<'_> {
    /// `usual` is the dialect of those that name none.
    pub(super) fn listeners(&mut self, usual: Dialect) -> Vec<Listener> {
        let mut listeners: Vec<Listener> = Vec::new();
        for typed in self.typed_listeners() {
            let Some(listener) = self.listener(&typed, usual) else { continue };
            if listeners.iter().any(|other| is_same(&other.endpoint, &listener.endpoint)) {
                let text = typed.keys.address.unwrap_or_default();
                self.wrong(&typed.place, &format!("'{text}' is listed twice"));
            } else {
                listeners.push(listener);
            }
        }
        listeners
    }

    /// The listeners as typed.
    fn typed_listeners(&self) -> Vec<Typed> {
        let alone = |place: &str, text: &str| Typed {
            place: place.to_owned(),
            table: "listen".to_owned(),
            keys: FileListener { address: Some(text.to_owned()), ..FileListener::default() },
        };
        if !self.flags.bind.is_empty() {
            return self.flags.bind.iter().map(|text| alone("-b", text)).collect();
        }
        if self.file.listen.is_empty() && !self.environment.passed.is_empty() {
            let names = self.environment.passed.iter().collect::<BTreeSet<_>>();
            return names.iter().map(|name| alone("", &format!("systemd://{name}"))).collect();
        }
        if self.file.listen.is_empty() {
            return listen::ADDRESS.default.iter().map(|text| alone("", text)).collect();
        }
        let in_file = |(index, keys): (usize, &FileListener)| {
            let table = format!("listen.{index}");
            let place = self.file.origin.place(&format!("{table}.address"));
            Typed { place, table, keys: keys.clone() }
        };
        self.file.listen.iter().enumerate().map(in_file).collect()
    }

    /// One listener. All its keys are checked, whatever is wrong with its address.
    fn listener(&mut self, typed: &Typed, usual: Dialect) -> Option<Listener> {
        let Typed { place, table, keys } = typed;
        let dialect =
            self.dialect_at(&path(table, &listen::DIALECT.about), keys.dialect.as_deref(), usual);
        let sources = Sources {
            allow: self.networks(&listen::ALLOW, table, keys.allow.as_deref()),
            deny: self.networks(&listen::DENY, table, keys.deny.as_deref()),
        };
        let mode = self.mode(&listen::MODE, table, keys.mode.as_deref());
        let stream = self.stream(table, keys);
        let tls = self.tls(table, keys);
        let address = keys.address.as_deref().map(|text| self.expanded(text));
        let endpoint = match address.map(|text| spec::listener(&text?)) {
            Some(Ok(endpoint)) => self.endpoint(place, endpoint)?,
            Some(Err(why)) => {
                self.wrong(place, &why);
                return None;
            }
            None => {
                self.wrong(place, "is missing");
                return None;
            }
        };
        self.refuse_strangers(&endpoint, table, keys);
        Some(Listener { endpoint, dialect, sources, stream, mode, tls })
    }

    /// The endpoint with the absolute path of its socket.
    pub(super) fn endpoint(&mut self, place: &str, endpoint: Endpoint) -> Option<Endpoint> {
        let mut absolute = |path: PathBuf| {
            let path = self.path(place, &path)?;
            if path.as_os_str().as_bytes().len() > SOCKET_PATH_BYTES_MAX {
                let wrong = format!(
                    "'{}' is longer than the {SOCKET_PATH_BYTES_MAX} bytes that the path of a \
                     socket may have",
                    path.display()
                );
                self.wrong(place, &wrong);
                return None;
            }
            Some(path)
        };
        match endpoint {
            Endpoint::Unix(path) => absolute(path).map(Endpoint::Unix),
            Endpoint::Unixgram(path) => absolute(path).map(Endpoint::Unixgram),
            other => Some(other),
        }
    }

    pub(super) fn networks(
        &mut self,
        key: &List,
        table: &str,
        typed: Option<&[String]>,
    ) -> Vec<Network> {
        let mut networks = Vec::new();
        for text in typed.unwrap_or_default() {
            match text.parse::<Network>() {
                Ok(network) => networks.push(network),
                Err(why) => self.wrong_in_file(&path(table, &key.about), &why),
            }
        }
        networks
    }

    /// The permissions of the key of a table.
    pub(super) fn mode(&mut self, key: &Text, table: &str, typed: Option<&str>) -> u32 {
        let text = typed.or(key.default).unwrap_or_default();
        let digits = text.bytes().all(|byte| matches!(byte, b'0'..=b'7'));
        match u32::from_str_radix(text, 8) {
            Ok(mode) if digits && mode <= MODE_MAX => mode,
            _ => {
                let wrong = format!("'{text}' is not {}", key.bounds());
                self.wrong_in_file(&path(table, &key.about), &wrong);
                MODE_MAX
            }
        }
    }

    fn stream(&mut self, table: &str, keys: &FileListener) -> Stream {
        let bytes = &listen::FRAME_BYTES_MAX;
        let mut timeout = |key: &Number, typed| {
            let seconds = self.number_in_file(key, &path(table, &key.about), typed);
            (seconds > 0.0).then(|| Duration::from_secs_f64(seconds))
        };
        let idle_timeout = timeout(&listen::IDLE_TIMEOUT, keys.idle_timeout);
        let frame_timeout = timeout(&listen::FRAME_TIMEOUT, keys.frame_timeout);
        let place = path(table, &bytes.about);
        let frame_bytes_max = self.whole_in_file(bytes, &place, keys.frame_bytes_max);
        let framing = match keys.framing.as_deref().or(listen::FRAMING.default) {
            Some("lines") => Framing::Lines,
            Some("length_prefixed") => Framing::LengthPrefixed,
            other => {
                let wrong =
                    format!("'{}' is not {}", other.unwrap_or_default(), listen::FRAMING.bounds());
                self.wrong_in_file(&path(table, &listen::FRAMING.about), &wrong);
                Framing::Lines
            }
        };
        Stream { framing, frame_bytes_max, idle_timeout, frame_timeout }
    }

    /// The files of TLS, which go together.
    fn tls(&mut self, table: &str, keys: &FileListener) -> Option<TlsFiles> {
        let of_tls = [&listen::TLS_CERTIFICATE, &listen::TLS_KEY, &listen::TLS_CLIENT_CA];
        let typed = [&keys.tls_certificate, &keys.tls_key, &keys.tls_client_ca];
        self.tls_files(table, of_tls, typed.map(Option::as_deref))
    }

    /// The files of TLS in a table: those of the certificate, its key, and the roots of clients.
    pub(super) fn tls_files(
        &mut self,
        table: &str,
        keys: [&Text; 3],
        typed: [Option<&str>; 3],
    ) -> Option<TlsFiles> {
        let mut file = |key: &Text, typed: Option<&str>| {
            let place = self.file.origin.place(&path(table, &key.about));
            match self.expanded(typed?) {
                Ok(text) => self.path(&place, Path::new(&text)),
                Err(why) => {
                    self.wrong(&place, &why);
                    None
                }
            }
        };
        let [certificate, key, client_ca] = [0, 1, 2].map(|index| file(keys[index], typed[index]));
        if typed.iter().any(Option::is_some) {
            let both = keys.into_iter().zip(typed).take(2);
            for (key, _) in both.filter(|(_, typed)| typed.is_none()) {
                self.wrong_in_file(&path(table, &key.about), "is missing: TLS needs both");
            }
        }
        Some(TlsFiles { certificate: certificate?, key: key?, client_ca })
    }

    /// Refuses keys that mean nothing for the endpoint.
    fn refuse_strangers(&mut self, endpoint: &Endpoint, table: &str, keys: &FileListener) {
        let addresses = [
            (&listen::ALLOW.about, keys.allow.is_some()),
            (&listen::DENY.about, keys.deny.is_some()),
        ];
        let connections = [
            (&listen::FRAMING.about, keys.framing.is_some()),
            (&listen::FRAME_BYTES_MAX.about, keys.frame_bytes_max.is_some()),
            (&listen::IDLE_TIMEOUT.about, keys.idle_timeout.is_some()),
            (&listen::FRAME_TIMEOUT.about, keys.frame_timeout.is_some()),
        ];
        let mode = [(&listen::MODE.about, keys.mode.is_some())];
        let tls = [
            (&listen::TLS_CERTIFICATE.about, keys.tls_certificate.is_some()),
            (&listen::TLS_KEY.about, keys.tls_key.is_some()),
            (&listen::TLS_CLIENT_CA.about, keys.tls_client_ca.is_some()),
        ];
        let mut refuse = |keys: &[(&About, bool)], why: &str| {
            for (about, _) in keys.iter().filter(|(_, is_typed)| *is_typed) {
                self.wrong_in_file(&path(table, about), why);
            }
        };
        if !endpoint.has_addresses() {
            refuse(&addresses, "who may send to a unix socket is said by its mode");
        }
        if !endpoint.has_connections() {
            refuse(&connections, "datagrams come over no connection");
        }
        if !endpoint.has_mode() {
            refuse(&mode, "only a unix socket has a mode");
        }
        if !endpoint.has_tls() {
            refuse(&tls, "only connections over TCP are encrypted");
        }
    }
}

/// The path of a key in one of several tables: `listen.1.mode`.
fn path(table: &str, about: &About) -> String {
    let key = about.path.rsplit('.').next().unwrap_or_default();
    format!("{table}.{key}")
}

/// Whether two listeners would be in each other's way. Port 0 is another free port each time.
fn is_same(one: &Endpoint, other: &Endpoint) -> bool {
    match (one, other) {
        (Endpoint::Udp(one), Endpoint::Udp(other)) | (Endpoint::Tcp(one), Endpoint::Tcp(other)) => {
            one == other && one.port != 0
        }
        (
            Endpoint::Unix(one) | Endpoint::Unixgram(one),
            Endpoint::Unix(other) | Endpoint::Unixgram(other),
        ) => one == other,
        (Endpoint::Passed(one), Endpoint::Passed(other)) => one == other,
        _ => false,
    }
}
