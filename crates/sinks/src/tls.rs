//! TLS of the connections that we make.

use std::net::IpAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::client::WebPkiServerVerifier;
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject as _;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{CertificateError, ClientConfig, ClientConnection, RootCertStore};

/// Whom we trust, and who we are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TlsSettings {
    /// Certificates in PEM of those that are trusted; those of the system otherwise.
    pub ca_file: Option<PathBuf>,
    /// Our own certificate in PEM, with those between it and a root, for peers that ask for one.
    pub cert_file: Option<PathBuf>,
    /// The key of that.
    pub key_file: Option<PathBuf>,
    /// The name that the certificate of the peer must be for; that of the host otherwise.
    pub server_name: Option<String>,
}

/// Certificates and a name, ready for connections.
#[derive(Clone, Debug)]
pub struct Tls {
    settings: TlsSettings,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
}

/// What is wrong with the files or the name, in one line.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct TlsError(String);

impl Tls {
    /// Reads the files. `host` is a name or an address without brackets.
    ///
    /// # Errors
    /// One of them cannot be read, or does not hold what it should; it is named. Or the name can
    /// be in no certificate.
    pub fn load(settings: &TlsSettings, host: &str) -> Result<Self, TlsError> {
        let name = settings.server_name.as_deref().unwrap_or(host);
        let name = match name.parse::<IpAddr>() {
            Ok(address) => ServerName::IpAddress(address.into()),
            Err(_) => ServerName::try_from(name.to_owned())
                .map_err(|_| TlsError(format!("'{name}' can be the name of no server")))?,
        };
        let config = Arc::new(client_config(settings)?);
        Ok(Self { settings: settings.clone(), config, name })
    }

    /// Reads the files again, as certificates are renewed. Where something is wrong with them the
    /// old ones stay.
    pub(crate) fn refresh(&mut self) {
        if let Ok(config) = client_config(&self.settings) {
            self.config = Arc::new(config);
        }
    }

    /// The begin of a session.
    pub(crate) fn begin(&self) -> Result<ClientConnection, rustls::Error> {
        ClientConnection::new(Arc::clone(&self.config), self.name.clone())
    }

    /// The name that the certificate of the peer must be for.
    pub(crate) fn name(&self) -> &ServerName<'static> {
        &self.name
    }

    /// The settings in the form in which other libraries take them.
    #[must_use]
    pub fn config(&self) -> &Arc<ClientConfig> {
        &self.config
    }
}

/// An error of a handshake in words that say what to look at.
pub(crate) fn explain(error: &rustls::Error) -> String {
    let why = match error {
        // Two issuers may have one name; then the signature tells.
        rustls::Error::InvalidCertificate(
            CertificateError::UnknownIssuer | CertificateError::BadSignature,
        ) => "its certificate is of nobody that is trusted (ca_file)",
        rustls::Error::InvalidCertificate(
            CertificateError::Expired | CertificateError::ExpiredContext { .. },
        ) => "its certificate has expired",
        rustls::Error::InvalidCertificate(
            CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. },
        ) => "its certificate is for another name (server_name)",
        rustls::Error::InvalidMessage(_) => "what it says is no TLS",
        error => return format!("TLS: {error}").replace('\n', " "),
    };
    format!("TLS: {why}")
}

fn client_config(settings: &TlsSettings) -> Result<ClientConfig, TlsError> {
    let provider = Arc::new(ring::default_provider());
    let roots = roots(settings.ca_file.as_deref())?;
    let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), provider.clone());
    let verifier = verifier.build().map_err(|error| TlsError(error.to_string()))?;
    let builder = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| TlsError(error.to_string()))?
        .with_webpki_verifier(verifier);
    let (certificate, key) = match (&settings.cert_file, &settings.key_file) {
        (Some(certificate), Some(key)) => (certificate, key),
        (None, None) => return Ok(builder.with_no_client_auth()),
        _ => return Err(TlsError("cert_file and key_file go together".to_owned())),
    };
    let chain = certificates(certificate)?;
    let private = PrivateKeyDer::from_pem_file(key).map_err(|error| {
        TlsError(format!("{}: not a private key in PEM: {error}", key.display()))
    })?;
    builder.with_client_auth_cert(chain, private).map_err(|error| {
        let (certificate, key) = (certificate.display(), key.display());
        TlsError(format!("{certificate}: it does not go with {key}: {error}"))
    })
}

fn roots(file: Option<&Path>) -> Result<RootCertStore, TlsError> {
    let mut roots = RootCertStore::empty();
    match file {
        Some(path) => {
            for root in certificates(path)? {
                roots.add(root).map_err(|error| {
                    TlsError(format!("{}: not a root: {error}", path.display()))
                })?;
            }
        }
        None => {
            let found = rustls_native_certs::load_native_certs();
            // Systems have odd ones among them, which need not matter.
            roots.add_parsable_certificates(found.certs);
            if roots.is_empty() {
                return Err(TlsError(
                    "this system has no certificates of those that are trusted: give a ca_file"
                        .to_owned(),
                ));
            }
        }
    }
    Ok(roots)
}

fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, TlsError> {
    let shown = path.display();
    let found = CertificateDer::pem_file_iter(path)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| TlsError(format!("{shown}: not certificates in PEM: {error}")))?;
    match found.is_empty() {
        true => Err(TlsError(format!("{shown}: it has no certificate in PEM"))),
        false => Ok(found),
    }
}
