//! TLS before Graphite: what arrives, and what the error says where nothing can.

use std::error::Error as _;
use std::fs;
use std::io::{self, Read as _};
use std::net::TcpStream;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use gstatsd_sinks::{Graphite, GraphiteForm, GraphiteSettings, SendError, Sink as _};
use gstatsd_sinks::{Tls, TlsSettings};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::server::WebPkiClientVerifier;
use rustls::{RootCertStore, ServerConfig, ServerConnection, StreamOwned};

use crate::peer::Peer;
use crate::{TIMESTAMP, clock, counters, lines, naming};

/// A folder with certificates of its own, which is removed at the end.
struct House {
    folder: PathBuf,
    issuer: CertifiedIssuer<'static, KeyPair>,
}

impl House {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gstatsd-sink-tls-{}-{count}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).unwrap();
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
        fs::write(folder.join("ca.pem"), issuer.pem()).unwrap();
        let house = Self { folder, issuer };
        let (certificate, key) = house.issue("client");
        fs::write(house.folder.join("client.pem"), certificate.pem()).unwrap();
        fs::write(house.folder.join("client.key"), key.serialize_pem()).unwrap();
        house
    }

    fn issue(&self, name: &str) -> (rcgen::Certificate, KeyPair) {
        let key = KeyPair::generate().unwrap();
        let params = CertificateParams::new(vec![name.to_owned()]).unwrap();
        (params.signed_by(&key, &self.issuer).unwrap(), key)
    }

    fn file(&self, name: &str) -> Option<PathBuf> {
        Some(self.folder.join(name))
    }

    /// That of a server of this name, which asks for certificates or does not.
    fn server(&self, name: &str, asks: bool) -> Arc<ServerConfig> {
        let (certificate, key) = self.issue(name);
        let provider = Arc::new(ring::default_provider());
        let builder = ServerConfig::builder_with_provider(provider.clone())
            .with_safe_default_protocol_versions()
            .unwrap();
        let mut roots = RootCertStore::empty();
        roots.add(self.issuer.der().clone()).unwrap();
        let builder = match asks {
            false => builder.with_no_client_auth(),
            true => builder.with_client_cert_verifier(
                WebPkiClientVerifier::builder_with_provider(Arc::new(roots), provider)
                    .build()
                    .unwrap(),
            ),
        };
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        Arc::new(builder.with_single_cert(vec![certificate.der().clone()], key).unwrap())
    }
}

impl Drop for House {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.folder).ok();
    }
}

/// Reads the next connection to its end, which must be said within TLS.
fn read_encrypted(peer: &Peer, config: Arc<ServerConfig>) -> JoinHandle<io::Result<String>> {
    peer.serve(move |stream: TcpStream| {
        let session = ServerConnection::new(config).unwrap();
        let mut text = String::new();
        StreamOwned::new(session, stream).read_to_string(&mut text).map(|_| text)
    })
}

fn graphite(peer: &Peer, settings: &TlsSettings, timeout: Duration) -> Graphite {
    let graphite = GraphiteSettings {
        host: "127.0.0.1".to_owned(),
        port: peer.port(),
        form: GraphiteForm::Text,
        connect_timeout: timeout,
        write_timeout: timeout,
    };
    Graphite::new(graphite, clock()).with_tls(Tls::load(settings, "127.0.0.1").unwrap())
}

/// What is said after `cannot connect to 127.0.0.1:PORT`.
fn refused(peer: &Peer, settings: &TlsSettings, timeout: Duration) -> String {
    let mut graphite = graphite(peer, settings, timeout);
    let error = graphite.send(&counters(TIMESTAMP, 1), &naming()).unwrap_err();
    assert!(matches!(error, SendError::Connect { .. }), "{error:?}");
    assert_eq!(error.to_string(), format!("cannot connect to 127.0.0.1:{}", peer.port()));
    error.source().unwrap().to_string()
}

const PATIENCE: Duration = Duration::from_mins(1);

#[test]
fn snapshots_arrive_encrypted_as_the_same_bytes() {
    let house = House::new();
    let peer = Peer::on("127.0.0.1");
    let settings = TlsSettings { ca_file: house.file("ca.pem"), ..TlsSettings::default() };
    let mut graphite = graphite(&peer, &settings, PATIENCE);
    let reading = read_encrypted(&peer, house.server("127.0.0.1", false));
    let snapshots = [(TIMESTAMP, 10), (TIMESTAMP + 10, 50_000), (TIMESTAMP + 20, 0)]
        .map(|(at, count)| counters(at, count));
    for snapshot in &snapshots {
        graphite.send(snapshot, &naming()).unwrap();
    }
    drop(graphite);
    let expected: Vec<_> = snapshots.iter().flat_map(lines).collect();
    assert!(reading.join().unwrap().unwrap() == expected.concat());
    assert!(peer.nobody_else_connected());
}

#[test]
fn the_name_on_the_certificate_may_be_another_if_it_is_told() {
    let house = House::new();
    let peer = Peer::on("127.0.0.1");
    let mut settings = TlsSettings { ca_file: house.file("ca.pem"), ..TlsSettings::default() };
    let reading = read_encrypted(&peer, house.server("carbon.test", false));
    let said = refused(&peer, &settings, PATIENCE);
    assert_eq!(said, "TLS: its certificate is for another name (server_name)");
    assert!(reading.join().unwrap().is_err());
    settings.server_name = Some("carbon.test".to_owned());
    let reading = read_encrypted(&peer, house.server("carbon.test", false));
    graphite(&peer, &settings, PATIENCE).send(&counters(TIMESTAMP, 0), &naming()).unwrap();
    assert_eq!(reading.join().unwrap().unwrap(), "statsd.numStats 0 1700000000\n");
}

#[test]
fn who_is_not_trusted_gets_nothing() {
    let (house, other) = (House::new(), House::new());
    let peer = Peer::on("127.0.0.1");
    let settings = TlsSettings { ca_file: other.file("ca.pem"), ..TlsSettings::default() };
    let reading = read_encrypted(&peer, house.server("127.0.0.1", false));
    let said = refused(&peer, &settings, PATIENCE);
    assert_eq!(said, "TLS: its certificate is of nobody that is trusted (ca_file)");
    assert!(reading.join().unwrap().is_err());
}

#[test]
fn a_peer_that_asks_for_a_certificate_gets_ours() {
    let house = House::new();
    let peer = Peer::on("127.0.0.1");
    let mut settings = TlsSettings {
        ca_file: house.file("ca.pem"),
        cert_file: house.file("client.pem"),
        key_file: house.file("client.key"),
        server_name: None,
    };
    let reading = read_encrypted(&peer, house.server("127.0.0.1", true));
    graphite(&peer, &settings, PATIENCE).send(&counters(TIMESTAMP, 0), &naming()).unwrap();
    assert_eq!(reading.join().unwrap().unwrap(), "statsd.numStats 0 1700000000\n");

    // Without one it breaks off, and the reason is told.
    (settings.cert_file, settings.key_file) = (None, None);
    let reading = read_encrypted(&peer, house.server("127.0.0.1", true));
    let mut graphite = graphite(&peer, &settings, PATIENCE);
    let error = graphite.send(&counters(TIMESTAMP, 100_000), &naming()).unwrap_err();
    let said = error.source().unwrap().to_string();
    assert!(said.contains("CertificateRequired"), "{said}");
    assert!(reading.join().unwrap().is_err());
}

#[test]
fn a_handshake_that_comes_to_no_end_is_given_up() {
    let house = House::new();
    let settings = TlsSettings { ca_file: house.file("ca.pem"), ..TlsSettings::default() };
    let timeout = Duration::from_millis(300);
    let peer = Peer::on("127.0.0.1");
    let silent = peer.serve(|stream| stream);
    let expected = "the TLS handshake was not over after 300ms";
    assert_eq!(refused(&peer, &settings, timeout), expected);
    drop(silent.join().unwrap());
    // A record that never ends, a byte at a time.
    let dripping = peer.serve(|mut stream| {
        io::Write::write_all(&mut stream, &[22, 3, 3, 64, 0]).unwrap();
        while io::Write::write_all(&mut stream, &[0]).is_ok() {
            thread::sleep(Duration::from_millis(5));
        }
    });
    assert_eq!(refused(&peer, &settings, timeout), expected);
    dripping.join().unwrap();
}

#[test]
fn a_peer_that_speaks_no_tls_is_told_so() {
    let house = House::new();
    let settings = TlsSettings { ca_file: house.file("ca.pem"), ..TlsSettings::default() };
    let peer = Peer::on("127.0.0.1");
    let plain = peer.serve(|mut stream| {
        io::Write::write_all(&mut stream, b"HTTP/1.1 400 Bad Request\r\n\r\n").unwrap();
        stream.read_to_end(&mut Vec::new()).ok();
    });
    assert_eq!(refused(&peer, &settings, PATIENCE), "TLS: what it says is no TLS");
    plain.join().unwrap();
    let closing = peer.serve(drop);
    let said = refused(&peer, &settings, PATIENCE);
    assert!(said.contains("closed in the middle") || said.contains("reset"), "{said}");
    closing.join().unwrap();
}

#[test]
fn files_that_are_no_good_are_named() {
    let house = House::new();
    fs::write(house.folder.join("empty.pem"), "").unwrap();
    let load = |ca: &str, certificate: Option<&str>, key: Option<&str>| {
        let settings = TlsSettings {
            ca_file: house.file(ca),
            cert_file: certificate.and_then(|name| house.file(name)),
            key_file: key.and_then(|name| house.file(name)),
            server_name: None,
        };
        let said = Tls::load(&settings, "127.0.0.1").unwrap_err().to_string();
        assert!(!said.contains('\n'));
        said.replace(house.folder.to_str().unwrap(), "DIR")
    };
    let said = load("missing.pem", None, None);
    assert!(said.starts_with("DIR/missing.pem: not certificates in PEM: "), "{said}");
    assert_eq!(load("empty.pem", None, None), "DIR/empty.pem: it has no certificate in PEM");
    assert_eq!(load("ca.pem", Some("client.pem"), None), "cert_file and key_file go together");
    let said = load("ca.pem", Some("client.pem"), Some("client.pem"));
    assert!(said.starts_with("DIR/client.pem: not a private key in PEM: "), "{said}");
    fs::write(house.folder.join("other.key"), KeyPair::generate().unwrap().serialize_pem())
        .unwrap();
    let said = load("ca.pem", Some("client.pem"), Some("other.key"));
    assert!(said.starts_with("DIR/client.pem: it does not go with DIR/other.key"), "{said}");
    let error = Tls::load(&TlsSettings::default(), "no name").unwrap_err();
    assert_eq!(error.to_string(), "'no name' can be the name of no server");
}
