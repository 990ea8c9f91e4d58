//! The ways to a real carbon: plain text over UDP, pickle, TLS before it, and tags. What stands in
//! the Whisper files is what another sink got as plain text of the same flush.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::crypto::ring;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use rustls::{ServerConfig, ServerConnection, StreamOwned};

use super::whisper::{Carbon, Point};
use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close};

/// Of every kind, with values that no short text stands for.
const PACKET: &str = "hits:7|c\nhits:1|c|@0.1\nthird:0.3333333333333333|g\nbelow:-12.75|g\n\
                      time:1.1:2.2:3.3|ms\ntime:100|ms\nusers:ann|s\nusers:bob|s\nbig:1e15|g";

/// Sends packets through a daemon with this sink and one of plain text; gives what stands in the
/// Whisper files, and the lines of the other, by name.
fn store(sink: &str, carbon: &Carbon, config: &str) -> [BTreeMap<String, f64>; 2] {
    let spy = SpyGraphite::start();
    let config = format!(
        "{config}\n[[sink]]\nname = \"one\"\n{sink}\n\
         [[sink]]\nname = \"good\"\nurl = \"{}\"\n",
        spy.sink()
    );
    let daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-f", "600"]);
    daemon.send(&[PACKET]);
    // Enough for several datagrams, and for more than one message of pickle.
    let many: Vec<_> = (0..150).map(|index| format!("many.{index:0200}:{index}.5|g")).collect();
    daemon.send(&many.chunks(5).map(|lines| lines.join("\n")).collect::<Vec<_>>());
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    let books = accounting(&log);
    assert_books_close(&books);
    let (delivered, emitted) = (books["one:points.delivered"], books["one:points.emitted"]);
    assert_eq!(delivered, emitted, "{log}");
    let points = carbon.points(usize::try_from(delivered).unwrap());
    let stored = points.into_iter().map(|Point { name, value, .. }| (untangled(&name), value));
    let told = spy.all_lines(&log).into_iter();
    let told = told.map(|line| (line.name, line.value.parse().unwrap()));
    [stored.collect(), told.collect()]
}

/// The name of a series with tags, which carbon keeps elsewhere: `_tagged.HASH.HASH.NAME`.
fn untangled(name: &str) -> String {
    match name.strip_prefix("_tagged.") {
        Some(rest) => rest.splitn(3, '.').last().unwrap().replace("_DOT_", "."),
        None => name.to_owned(),
    }
}

#[test]
fn datagrams_of_text_reach_whisper_to_the_last_digit() {
    let carbon = Carbon::start();
    let sink = format!("url = \"graphite+udp://127.0.0.1:{}\"", carbon.port());
    let [stored, told] = store(&sink, &carbon, "");
    assert_eq!(stored, told);
    assert_eq!(stored["stats.third"], 0.333333);
}

#[test]
fn pickle_reaches_whisper_as_exact_as_it_was() {
    let carbon = Carbon::start();
    let sink = format!("url = \"graphite+pickle://127.0.0.1:{}\"", carbon.pickle_port());
    let [stored, told] = store(&sink, &carbon, "");
    assert!(stored.keys().eq(told.keys()));
    for (name, value) in &stored {
        // Plain text has six decimals in this dialect.
        assert_eq!(format!("{value:.6}"), format!("{:.6}", told[name]), "{name}");
    }
    assert_eq!(stored["stats.third"], 0.3333333333333333);
    assert_eq!(stored["stats_counts.hits"], 17.0);
    assert_eq!(stored["stats.below"], -12.75);
}

#[test]
fn text_through_tls_reaches_whisper() {
    let (carbon, folder) = (Carbon::start(), Folder::new());
    let (port, ca) = terminator(carbon.port());
    fs::write(folder.file("ca.pem"), ca).unwrap();
    let sink = format!(
        "url = \"graphite+tls://127.0.0.1:{port}\"\nca_file = \"{}\"\nserver_name = \"carbon.test\"",
        folder.file("ca.pem")
    );
    let [stored, told] = store(&sink, &carbon, "");
    assert_eq!(stored, told);
}

#[test]
fn tags_reach_carbon_valid_whatever_they_hold() {
    let carbon = Carbon::start();
    let sink = format!("url = \"graphite://127.0.0.1:{}\"", carbon.port());
    // The name of each line is told by what must come of its tags.
    let tagged = "a:1|g|#zone:b,env:prod\nb:2|g|#flag\nc:3|g|#k:~x;y=z!^\nd:4|g|#k!=^x:v w\n\
                  e:5|g|#a b:,k:\u{e9}\nf:6|c|#dc.name:x.y";
    let spy = SpyGraphite::start();
    let config = format!(
        "own_metrics = \"\"\ntags.mode = \"keep\"\n[[sink]]\nname = \"one\"\n{sink}\n\
         [[sink]]\nname = \"good\"\nurl = \"{}\"\n",
        spy.sink()
    );
    let daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-f", "600"]);
    daemon.send(&[tagged]);
    let (_, log) = daemon.stop();
    let delivered = accounting(&log)["one:points.delivered"];
    let points = carbon.points(usize::try_from(delivered).unwrap());
    let stored: BTreeMap<_, _> =
        points.iter().map(|point| (untangled(&point.name), point.value)).collect();
    let told = spy.all_lines(&log).into_iter();
    let told: BTreeMap<String, f64> =
        told.map(|line| (line.name, line.value.parse().unwrap())).collect();
    assert_eq!(stored, told);
    for (name, value) in [
        ("stats.a;env=prod;zone=b", 1.0),
        ("stats.b;flag=true", 2.0),
        ("stats.c;k=_x_y=z!^", 3.0),
        ("stats_counts.f;dc.name=x.y", 6.0),
    ] {
        assert_eq!(stored.get(name), Some(&value), "{stored:?}");
    }
}

/// Takes TLS from connections and passes what they say on. Gives its port and whom to trust.
fn terminator(to: u16) -> (u16, String) {
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let issuer = CertifiedIssuer::self_signed(params, KeyPair::generate().unwrap()).unwrap();
    let key = KeyPair::generate().unwrap();
    let params = CertificateParams::new(vec!["carbon.test".to_owned()]).unwrap();
    let certificate = params.signed_by(&key, &issuer).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)
        .unwrap();
    let config = Arc::new(config);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    thread::spawn(move || {
        for stream in listener.incoming().map_while(Result::ok) {
            let session = ServerConnection::new(Arc::clone(&config)).unwrap();
            let mut inside = StreamOwned::new(session, stream);
            let mut carbon = TcpStream::connect(("127.0.0.1", to)).unwrap();
            thread::spawn(move || io::copy(&mut inside, &mut carbon));
        }
    });
    (port, issuer.pem())
}
