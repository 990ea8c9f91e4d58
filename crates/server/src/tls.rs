//! TLS for connections: the certificates, which may be rotated while we run, and the handshake.

use std::fs;
use std::io::{self, ErrorKind, Read as _};
use std::net::Shutdown;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, bail};
use rustls::crypto::{CryptoProvider, ring};
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{NoServerSessionStorage, WebPkiClientVerifier};
use rustls::{RootCertStore, ServerConfig, ServerConnection};
use socket2::Socket;

use crate::config::TlsFiles;
use crate::connections::Ending;

/// How much is read at once.
const READ_BYTES: usize = 32_768;
/// Above what comes of that, with a record that began before: a record has 16 KiB at most.
pub(crate) const BUFFER_BYTES: usize = 65_536;

/// The certificates of a listener, as they were when they were last read.
#[derive(Clone, Debug)]
pub(crate) struct Certificates {
    files: TlsFiles,
    /// What the files were when they were last read, with success or without.
    stamps: Vec<Option<Stamp>>,
    config: Arc<ServerConfig>,
    is_stale: bool,
}

/// What is another when a file was written or replaced: its inode, length and time.
type Stamp = (u64, u64, i64, i64);

/// The encrypted side of a connection.
pub(crate) struct Session {
    connection: ServerConnection,
    /// What was read and not decrypted yet.
    raw: Vec<u8>,
}

/// How far a handshake has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Handshake {
    /// It is over, and lines may come.
    Done,
    /// The other end has to say something.
    Waits,
}

impl Certificates {
    /// Reads the files.
    ///
    /// # Errors
    /// One of them cannot be read, or does not hold what it should; it is named.
    pub(crate) fn load(files: &TlsFiles) -> anyhow::Result<Self> {
        let stamps = stamps(files);
        let config = Arc::new(server_config(files)?);
        Ok(Self { files: files.clone(), stamps, config, is_stale: false })
    }

    /// Reads the files again if one of them has changed. What is wrong with them leaves the old
    /// ones in use, until they change again.
    pub(crate) fn refresh(&mut self) {
        let stamps = stamps(&self.files);
        if stamps == self.stamps {
            return;
        }
        self.stamps = stamps;
        let shown = self.files.certificate.display();
        match server_config(&self.files) {
            Ok(config) => {
                log::info!("{shown}: the certificate was renewed");
                self.config = Arc::new(config);
                self.is_stale = false;
            }
            Err(error) => {
                log::error!("the old certificate stays: {error:#}");
                self.is_stale = true;
            }
        }
    }

    /// Whether those in use are not those of the files.
    pub(crate) fn is_stale(&self) -> bool {
        self.is_stale
    }

    /// Those in use, for who holds sessions of another kind.
    pub(crate) fn config(&self) -> Arc<ServerConfig> {
        Arc::clone(&self.config)
    }

    /// The begin of a session.
    ///
    /// # Errors
    /// Never with a configuration that was accepted.
    pub(crate) fn begin(&self) -> Result<Session, rustls::Error> {
        let connection = ServerConnection::new(Arc::clone(&self.config))?;
        Ok(Session { connection, raw: Vec::new() })
    }
}

impl Session {
    /// Goes on with the handshake as far as that is possible without waiting.
    ///
    /// # Errors
    /// Why the connection has to be closed.
    pub(crate) fn shake_hands(&mut self, mut socket: &Socket) -> Result<Handshake, Ending> {
        loop {
            while self.connection.wants_write() {
                match self.connection.write_tls(&mut socket) {
                    Ok(_) => {}
                    Err(error) => return waits(&error),
                }
            }
            if !self.connection.is_handshaking() {
                return Ok(Handshake::Done);
            }
            match self.connection.read_tls(&mut socket) {
                Ok(0) => return Err(Ending::Peer),
                Ok(_) => self.process(socket)?,
                Err(error) => return waits(&error),
            }
        }
    }

    /// Reads once, and decrypts all that came into `buffer`, which has [`BUFFER_BYTES`]. Gives
    /// the number of bytes, 0 where nothing has come; and why the connection has to be closed
    /// then, if it has to.
    pub(crate) fn read(&mut self, socket: &Socket, buffer: &mut [u8]) -> (usize, Option<Ending>) {
        // What came with the end of the handshake. More may wait in the socket; it stays ready.
        let (mut bytes, mut ended) = self.decrypted(buffer);
        if bytes == 0 && ended.is_none() {
            let mut raw = std::mem::take(&mut self.raw);
            raw.resize(READ_BYTES, 0);
            ended = self.receive(socket, &mut raw, buffer, &mut bytes).err();
            self.raw = raw;
        }
        (bytes, ended)
    }

    /// Says that we write nothing more, and that this is the end: who reads that knows that what it
    /// sent from now on may be lost.
    pub(crate) fn say_goodbye(&mut self, mut socket: &Socket) {
        self.connection.send_close_notify();
        while self.connection.wants_write() && self.connection.write_tls(&mut socket).is_ok() {}
        socket.shutdown(Shutdown::Write).ok();
    }

    fn receive(
        &mut self,
        mut socket: &Socket,
        raw: &mut [u8],
        buffer: &mut [u8],
        bytes: &mut usize,
    ) -> Result<(), Ending> {
        let mut rest: &[u8] = match socket.read(raw) {
            Ok(0) => return Err(Ending::Peer),
            Ok(received) => &raw[..received],
            Err(error) => return waits(&error).map(drop),
        };
        while !rest.is_empty() {
            self.connection.read_tls(&mut rest).map_err(|_| Ending::TlsFailed)?;
            let processed = self.process(socket);
            // What was good before something broken came counts.
            let (more, ended) = self.decrypted(&mut buffer[*bytes..]);
            *bytes += more;
            processed.and(ended.map_or(Ok(()), Err))?;
        }
        Ok(())
    }

    /// Moves what is decrypted into a buffer that has room for it.
    fn decrypted(&mut self, buffer: &mut [u8]) -> (usize, Option<Ending>) {
        let mut bytes = 0;
        while bytes < buffer.len() {
            match self.connection.reader().read(&mut buffer[bytes..]) {
                Ok(0) => return (bytes, Some(Ending::Peer)),
                Ok(more) => bytes += more,
                Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                Err(_) => return (bytes, Some(Ending::Peer)),
            }
        }
        (bytes, None)
    }

    /// Looks into what came, and answers where that is asked for.
    fn process(&mut self, mut socket: &Socket) -> Result<(), Ending> {
        let processed = self.connection.process_new_packets();
        if processed.is_err() || !self.connection.is_handshaking() {
            // An alert, or a key that is renewed. Who does not read it gets no second one.
            while self.connection.wants_write() && self.connection.write_tls(&mut socket).is_ok() {}
        }
        processed.map(drop).map_err(|error| {
            log::debug!("TLS: {error}");
            ending(&error)
        })
    }
}

/// What an error of a socket that is never waited for means.
fn waits(error: &io::Error) -> Result<Handshake, Ending> {
    match error.kind() {
        ErrorKind::WouldBlock | ErrorKind::Interrupted => Ok(Handshake::Waits),
        _ => Err(Ending::Broken),
    }
}

/// Under what an error is counted.
fn ending(error: &rustls::Error) -> Ending {
    match error {
        rustls::Error::NoCertificatesPresented | rustls::Error::InvalidCertificate(_) => {
            Ending::TlsCertificate
        }
        rustls::Error::AlertReceived(_) => Ending::TlsRefused,
        _ => Ending::TlsFailed,
    }
}

fn stamps(files: &TlsFiles) -> Vec<Option<Stamp>> {
    let stamp = |path: &PathBuf| {
        let found = fs::metadata(path).ok()?;
        Some((found.ino(), found.len(), found.mtime(), found.mtime_nsec()))
    };
    [&files.certificate, &files.key].into_iter().chain(&files.client_ca).map(stamp).collect()
}

fn server_config(files: &TlsFiles) -> anyhow::Result<ServerConfig> {
    let provider = Arc::new(ring::default_provider());
    let chain = certificates(&files.certificate)?;
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .with_context(|| format!("{}: not a private key in PEM", files.key.display()))?;
    let builder = ServerConfig::builder_with_provider(Arc::clone(&provider))
        .with_safe_default_protocol_versions()?;
    let builder = match &files.client_ca {
        None => builder.with_no_client_auth(),
        Some(path) => builder.with_client_cert_verifier(verifier(path, provider)?),
    };
    let shown = files.certificate.display();
    let mut config = builder
        .with_single_cert(chain, key)
        .with_context(|| format!("{shown}: it does not go with {}", files.key.display()))?;
    // Connections last long, so that nothing is to be gained by sessions that are taken up
    // again; and each new one is held to the certificates of its day.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    Ok(config)
}

fn certificates(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let shown = path.display();
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .with_context(|| format!("{shown}: not certificates in PEM"))?;
    if found.is_empty() {
        bail!("{shown}: it has no certificate in PEM");
    }
    Ok(found)
}

fn verifier(
    path: &Path,
    provider: Arc<CryptoProvider>,
) -> anyhow::Result<Arc<dyn rustls::server::danger::ClientCertVerifier>> {
    let mut roots = RootCertStore::empty();
    for root in certificates(path)? {
        roots.add(root).with_context(|| format!("{}: not a root", path.display()))?;
    }
    let builder = WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider);
    builder.build().with_context(|| path.display().to_string())
}

#[cfg(test)]
mod tests;
