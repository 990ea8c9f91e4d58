//! Sessions over a pair of sockets, with a client in memory.

use std::io::Write as _;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection};

use super::*;

/// A listener's certificates, and a client that trusts them.
fn pair() -> (Certificates, ClientConnection) {
    let rcgen::CertifiedKey { cert, signing_key } =
        rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    let folder = std::env::temp_dir().join(format!("gstatsd-tls-{:p}", &raw const cert));
    fs::create_dir_all(&folder).unwrap();
    let files = TlsFiles {
        certificate: folder.join("cert.pem"),
        key: folder.join("key.pem"),
        client_ca: None,
    };
    fs::write(&files.certificate, cert.pem()).unwrap();
    fs::write(&files.key, signing_key.serialize_pem()).unwrap();
    let certificates = Certificates::load(&files).unwrap();
    fs::remove_dir_all(&folder).unwrap();
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let provider = Arc::new(ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    (certificates, ClientConnection::new(Arc::new(config), name).unwrap())
}

/// What the client has to say.
fn said(client: &mut ClientConnection) -> Vec<u8> {
    let mut bytes = Vec::new();
    while client.wants_write() {
        client.write_tls(&mut bytes).unwrap();
    }
    bytes
}

#[test]
fn what_comes_with_the_end_of_the_handshake_is_read_wherever_it_is_cut() {
    for cut in 0..60 {
        let (certificates, mut client) = pair();
        let (mut theirs, ours) = UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let ours = Socket::from(OwnedFd::from(ours));
        let mut session = certificates.begin().unwrap();
        theirs.write_all(&said(&mut client)).unwrap();
        assert_eq!(session.shake_hands(&ours), Ok(Handshake::Waits));
        client.read_tls(&mut theirs).unwrap();
        client.process_new_packets().unwrap();
        client.writer().write_all(b"a:1|c\n").unwrap();
        client.send_close_notify();
        let last = said(&mut client);
        let (first, second) = last.split_at(last.len().saturating_sub(cut));
        theirs.write_all(first).unwrap();
        let mut done = session.shake_hands(&ours).unwrap();
        if done == Handshake::Waits {
            theirs.write_all(second).unwrap();
            done = session.shake_hands(&ours).unwrap();
        }
        let mut buffer = vec![0; BUFFER_BYTES];
        let (mut text, mut ended) = (Vec::new(), None);
        for round in 0..4 {
            if round == 1 && done == Handshake::Done {
                theirs.write_all(second).unwrap();
            }
            let (bytes, end) = session.read(&ours, &mut buffer);
            text.extend_from_slice(&buffer[..bytes]);
            ended = end;
            if ended.is_some() {
                break;
            }
        }
        assert_eq!((text.as_slice(), ended), (&b"a:1|c\n"[..], Some(Ending::Peer)), "{cut}");
    }
}
