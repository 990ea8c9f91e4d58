//! Encrypted connections: who may connect, what comes of who may not, and certificates that are
//! rotated while the daemon runs.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair, date_time_ymd};
use rustls::crypto::ring;
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

use crate::handover::end;
use crate::support::{
    Daemon, Folder, PATIENCE, SpyGraphite, accounting, assert_books_close, binary, sum,
};

type Authority = CertifiedIssuer<'static, KeyPair>;

fn authority() -> Authority {
    let mut params = CertificateParams::new(Vec::new()).unwrap();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap()
}

/// A certificate and its key, in PEM.
struct Identity {
    certificate: String,
    key: String,
}

fn identity(of: &Authority, name: &str, last_year: i32) -> Identity {
    let mut params = CertificateParams::new(vec![name.to_owned()]).unwrap();
    params.not_after = date_time_ymd(last_year, 1, 1);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, of).unwrap();
    Identity { certificate: certificate.pem(), key: key.serialize_pem() }
}

/// The files of a daemon, and a daemon that uses them.
struct Site {
    folder: Folder,
    authority: Authority,
    clients: Authority,
}

impl Site {
    fn new() -> Self {
        let site = Self { folder: Folder::new(), authority: authority(), clients: authority() };
        site.write(&identity(&site.authority, "localhost", 2099));
        fs::write(site.folder.file("clients.pem"), site.clients.pem()).unwrap();
        site
    }

    fn write(&self, identity: &Identity) {
        fs::write(self.folder.file("cert.pem"), &identity.certificate).unwrap();
        fs::write(self.folder.file("key.pem"), &identity.key).unwrap();
    }

    fn config(&self, more: &str) -> String {
        format!(
            "[[listen]]\naddress = \"tcp://127.0.0.1:0\"\ntls_certificate = \"{}\"\n\
             tls_key = \"{}\"\n{more}\n",
            self.folder.file("cert.pem"),
            self.folder.file("key.pem"),
        )
    }

    /// A daemon whose clients need certificates, if `are_known`.
    fn start(&self, spy: &SpyGraphite, are_known: bool) -> Daemon {
        let ca = match are_known {
            true => format!("tls_client_ca = \"{}\"", self.folder.file("clients.pem")),
            false => String::new(),
        };
        Daemon::configured(&self.config(&ca), &["-s", &spy.sink(), "-f", "0.2"])
    }
}

/// What a client shows and whom it trusts.
fn client(trusted: &Authority, shows: Option<&Identity>) -> ClientConfig {
    let mut roots = RootCertStore::empty();
    roots.add(trusted.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let builder = ClientConfig::builder_with_provider(provider);
    let builder =
        builder.with_safe_default_protocol_versions().unwrap().with_root_certificates(roots);
    match shows {
        None => builder.with_no_client_auth(),
        Some(identity) => {
            use rustls::pki_types::pem::PemObject as _;
            let chain = CertificateDer::pem_slice_iter(identity.certificate.as_bytes());
            let chain = chain.collect::<Result<_, _>>().unwrap();
            let key = PrivateKeyDer::from_pem_slice(identity.key.as_bytes()).unwrap();
            builder.with_client_auth_cert(chain, key).unwrap()
        }
    }
}

type Stream = StreamOwned<ClientConnection, TcpStream>;

fn connect(daemon: &Daemon, config: ClientConfig, name: &'static str) -> io::Result<Stream> {
    let socket = TcpStream::connect(daemon.address())?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let name = ServerName::try_from(name).unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, socket);
    while stream.conn.is_handshaking() {
        stream.conn.complete_io(&mut stream.sock)?;
    }
    Ok(stream)
}

/// Sends a line, and says whether the other end is still there after it.
fn send(mut stream: Stream, line: &str) -> io::Result<()> {
    stream.write_all(line.as_bytes())?;
    stream.conn.send_close_notify();
    stream.flush()?;
    match stream.read(&mut [0]) {
        Ok(0) => Ok(()),
        // We have said goodbye; who is told off hears an alert instead.
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(()),
        Ok(_) => panic!("the daemon said something"),
        Err(error) => Err(error),
    }
}

fn stop(daemon: Daemon, spy: &SpyGraphite) -> (BTreeMap<String, i128>, impl Fn(&str) -> f64) {
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    let lines = spy.all_lines(&log);
    (books, move |name: &str| sum(&lines, &format!("stats_counts.{name}")))
}

#[test]
fn lines_come_over_encrypted_connections() {
    let (spy, site) = (SpyGraphite::start(), Site::new());
    let daemon = site.start(&spy, false);
    // The last flight of the handshake and the first lines in one.
    send(connect(&daemon, client(&site.authority, None), "localhost").unwrap(), "a:1|c\n").unwrap();
    let mut many = connect(&daemon, client(&site.authority, None), "localhost").unwrap();
    // Many records, cut anywhere.
    let text = "abc.def:1|c\nb:2|c\n".repeat(60_000);
    for piece in text.as_bytes().chunks(70_001) {
        many.write_all(piece).unwrap();
    }
    many.write_all(b"torn:1|").unwrap();
    many.flush().unwrap();
    drop(many);
    thread::sleep(Duration::from_millis(300));
    let (books, count) = stop(daemon, &spy);
    assert_eq!((count("a"), count("abc.def"), count("b")), (1.0, 60_000.0, 120_000.0));
    assert_eq!(books["lines.rejected.truncated"], 1);
    assert_eq!(books["connections.closed.peer"], 2);
    assert_eq!(books["streams.bytes"], text.len() as i128 + 13);
}

#[test]
fn f38_only_who_has_a_certificate_from_our_roots_may_connect() {
    let (spy, site) = (SpyGraphite::start(), Site::new());
    let daemon = site.start(&spy, true);
    let good = identity(&site.clients, "client", 2099);
    let expired = identity(&site.clients, "client", 2001);
    let stranger = identity(&authority(), "client", 2099);
    let attempt = |shows: Option<&Identity>| {
        let stream = connect(&daemon, client(&site.authority, shows), "localhost");
        stream.and_then(|stream| send(stream, "a:1|c\n"))
    };
    attempt(Some(&good)).unwrap();
    for shows in [None, Some(&expired), Some(&stranger)] {
        attempt(shows).unwrap_err();
    }
    // The other way round: they do not trust us, or look for somebody else.
    connect(&daemon, client(&site.clients, Some(&good)), "localhost").unwrap_err();
    connect(&daemon, client(&site.authority, Some(&good)), "elsewhere").unwrap_err();
    let (books, count) = stop(daemon, &spy);
    assert_eq!(count("a"), 1.0);
    assert_eq!(books["connections.closed.tls_certificate"], 3);
    assert_eq!(books["connections.closed.tls_refused"], 2);
    assert_eq!(books["connections.closed.peer"], 1);
}

#[test]
fn f38_what_is_not_tls_is_not_read() {
    let (spy, site) = (SpyGraphite::start(), Site::new());
    let daemon = site.start(&spy, false);
    for garbage in [&b"a:1|c\n"[..], b"GET / HTTP/1.1\r\n\r\n", &[0x16; 100], &[0xff; 20_000]] {
        let mut stream = TcpStream::connect(daemon.address()).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        stream.write_all(garbage).ok();
        // An alert at most, and the end.
        stream.read_to_end(&mut Vec::new()).ok();
    }
    let mut stream = connect(&daemon, client(&site.authority, None), "localhost").unwrap();
    stream.write_all(b"a:1|c\n").unwrap();
    stream.flush().unwrap();
    // In the midst of it something that nobody has encrypted.
    stream.sock.write_all(b"a:1|c\n").unwrap();
    stream.sock.read_to_end(&mut Vec::new()).ok();
    let (books, count) = stop(daemon, &spy);
    assert_eq!(count("a"), 1.0);
    assert_eq!(books["connections.closed.tls_failed"], 5);
    assert_eq!(books["lines.received"], 1);
}

#[test]
fn f38_handshakes_that_stall_are_closed_and_hold_nobody_up_for_long() {
    let (spy, site) = (SpyGraphite::start(), Site::new());
    let daemon = site.start(&spy, false);
    let stalled: Vec<TcpStream> = (0..200)
        .map(|index| {
            let mut stream = TcpStream::connect(daemon.address()).unwrap();
            // Some of them have begun.
            if index % 2 == 0 {
                stream.write_all(&[0x16, 3, 1, 0, 200, 1]).unwrap();
            }
            stream
        })
        .collect();
    let stream = connect(&daemon, client(&site.authority, None), "localhost").unwrap();
    send(stream, "a:1|c\n").unwrap();
    drop(stalled);
    let (books, count) = stop(daemon, &spy);
    assert_eq!(count("a"), 1.0);
    assert!(books["connections.closed.tls_timeout"] >= 137, "{books:?}");
    assert!(books["connections.accepted"] <= 201);
}

#[test]
fn f39_certificates_are_rotated_without_a_restart_and_broken_ones_are_not_served() {
    let (spy, site) = (SpyGraphite::start(), Site::new());
    let mut daemon = site.start(&spy, false);
    let served = |daemon: &Daemon| {
        let stream = connect(daemon, client(&site.authority, None), "localhost").unwrap();
        stream.conn.peer_certificates().unwrap()[0].to_vec()
    };
    let stale = |count: &str| {
        spy.wait_until(&format!("{count} stale certificates"), |lines| {
            let name = "gstatsd.connections.stale_certificates";
            let last = lines.iter().rfind(|line| line.name == name);
            last.filter(|line| line.value == count).map(drop)
        });
    };
    let mut before = connect(&daemon, client(&site.authority, None), "localhost").unwrap();
    let first = served(&daemon);
    stale("0");

    let second = identity(&site.authority, "localhost", 2098);
    site.write(&second);
    daemon.wait_for_log("the certificate was renewed");
    assert_ne!(served(&daemon), first);
    let second = served(&daemon);

    fs::write(site.folder.file("cert.pem"), "broken").unwrap();
    daemon.wait_for_log("the old certificate stays");
    stale("1");
    assert_eq!(served(&daemon), second);
    fs::remove_file(site.folder.file("key.pem")).unwrap();
    stale("1");
    assert_eq!(served(&daemon), second);

    site.write(&identity(&site.authority, "localhost", 2097));
    stale("0");
    assert_ne!(served(&daemon), second);
    before.write_all(b"a:1|c\n").unwrap();
    send(before, "a:1|c\n").unwrap();
    let (_, count) = stop(daemon, &spy);
    assert_eq!(count("a"), 2.0);
}

#[test]
fn certificates_that_cannot_be_used_are_told_at_the_start() {
    let site = Site::new();
    let other = identity(&site.authority, "localhost", 2099);
    let (cert, key) = (site.folder.file("cert.pem"), site.folder.file("key.pem"));
    let config = site.folder.file("gstatsd.toml");
    fs::write(&config, site.config("")).unwrap();
    for (path, text, why) in [
        (&key, other.key.as_str(), format!("{cert}: it does not go with {key}")),
        (&key, "", format!("{key}: not a private key in PEM")),
        (&cert, "", format!("{cert}: it has no certificate in PEM")),
    ] {
        fs::write(path, text).unwrap();
        let output = Command::new(binary()).args(["-c", &config]).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1));
        let expected = format!("gstatsd: cannot listen on tcp://127.0.0.1:0: {why}");
        assert!(said.starts_with(&expected) && said.lines().count() == 1, "{said}");
    }
}

#[test]
fn a_hand_over_tells_encrypted_connections_of_their_end_and_loses_nothing_of_them() {
    let (spy, site) = (SpyGraphite::start(), Site::new());
    let mut daemon = site.start(&spy, false);
    let mut stream = connect(&daemon, client(&site.authority, None), "localhost").unwrap();
    let text = "a:1|c\n".repeat(10_000);
    stream.write_all(text.as_bytes()).unwrap();
    daemon.signal("USR2");
    // The end is said in the words of TLS, so that it is no error.
    assert_eq!(stream.read_to_end(&mut Vec::new()).unwrap(), 0);
    send(connect(&daemon, client(&site.authority, None), "localhost").unwrap(), "a:1|c\n").unwrap();
    spy.wait_until("all of it", |lines| (sum(lines, "stats_counts.a") >= 10_001.0).then_some(()));
    let next = daemon.wait_for_log("handing over to process ");
    end(next.rsplit(' ').next().unwrap().parse().unwrap());
    assert_eq!(sum(&spy.lines(), "stats_counts.a"), 10_001.0);
}
