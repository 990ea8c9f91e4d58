//! The admin server: what it shows, to whom, and what it makes of requests that are meant to do
//! harm, byte by byte.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use rcgen::{CertifiedKey, generate_simple_self_signed};
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde_json::Value;

use crate::support::{Daemon, Folder, PATIENCE, SpyGraphite};

const ROUTES: [&str; 7] =
    ["/", "/healthz", "/readyz", "/metrics", "/accounting", "/config", "/-/reload"];
const TOKEN: &str = "a-token-of-sixteen-bytes";

/// A daemon with an admin server and these further keys of it, and where that is.
pub(crate) fn start(more: &str) -> (Daemon, SocketAddr) {
    let config = format!("[admin]\nlisten = \"127.0.0.1:0\"\n{more}\n");
    let page = "prometheus://127.0.0.1:0";
    let mut daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0", "-f", "0.2", "-s", page]);
    let line = daemon.wait_for_log("admin: http");
    let address = line.split("://").nth(1).unwrap().trim_end_matches('/').parse().unwrap();
    (daemon, address)
}

/// The head and the body of what these bytes get, until the connection ends.
pub(crate) fn ask(address: SocketAddr, request: &[u8]) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    // Who is refused in the midst of it may not be heard to the end.
    stream.write_all(request).ok();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).ok();
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

/// The status that a request with these header lines gets.
fn status(address: SocketAddr, line: &str, headers: &str) -> u16 {
    let (head, _) = ask(address, format!("{line} HTTP/1.1\r\n{headers}\r\n").as_bytes());
    status_of(&head)
}

fn status_of(head: &str) -> u16 {
    let status = head.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.split(' ').next());
    status.unwrap_or_else(|| panic!("no status: '{head}'")).parse().unwrap()
}

pub(crate) fn get(address: SocketAddr, path: &str) -> String {
    let request = format!("GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n");
    let (head, body) = ask(address, request.as_bytes());
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{path}: {head}");
    body
}

/// Waits until the accounting is as expected.
pub(crate) fn accounting_with(address: SocketAddr, is_there: impl Fn(&Value) -> bool) -> Value {
    let end = Instant::now() + PATIENCE;
    loop {
        let shown: Value = serde_json::from_str(&get(address, "/accounting")).unwrap();
        if is_there(&shown) {
            return shown;
        }
        assert!(Instant::now() < end, "{shown:#}");
        thread::sleep(Duration::from_millis(20));
    }
}

#[test]
fn the_identities_are_shown_with_their_terms_and_close() {
    let spy = SpyGraphite::start();
    let config = "flush_interval = 0.2\n[admin]\nlisten = \"127.0.0.1:0\"\n";
    let mut daemon = Daemon::configured(config, &["-b", "127.0.0.1:0", "-s", &spy.sink()]);
    let line = daemon.wait_for_log("admin: http://");
    let address = line.split("://").nth(1).unwrap().trim_end_matches('/').parse().unwrap();
    let first: Value = serde_json::from_str(&get(address, "/accounting")).unwrap();
    assert!(first["identities"].as_array().unwrap().len() >= 4, "{first:#}");
    daemon.send(&["a:1|c\nb:x|c\nnonsense"]);
    let shown = accounting_with(address, |shown| {
        shown["metrics"]["lines.received"] == 3 && delivered(shown) > 0
    });
    assert_eq!(shown["closes"], true, "{shown:#}");
    let identities = shown["identities"].as_array().unwrap();
    let names: Vec<_> = identities.iter().map(|one| one["name"].as_str().unwrap()).collect();
    assert_eq!(names[..3], ["lines", "samples", "connections"]);
    assert!(names[3].starts_with("sinks.graphite_127_0_0_1_"), "{names:?}");
    assert!(identities.iter().all(|one| one["residual"] == 0), "{shown:#}");
    assert_eq!(identities[0]["terms"]["lines.rejected.no_value"], 1);
    assert_eq!(identities[1]["terms"]["samples.rejected.bad_value"], 1);
    let page = get(address, "/metrics");
    assert!(page.lines().any(|line| line == "gstatsd_lines_received 3"), "{page}");
    assert!(page.lines().any(|line| line == "gstatsd_admin_insecure 0"), "{page}");
    assert!(get(address, "/config").contains("listen = \"127.0.0.1:0\""));
    assert!(daemon.stop().0.success());
}

fn delivered(shown: &Value) -> u64 {
    let identity = &shown["identities"][3];
    let terms = identity["terms"].as_object().unwrap();
    let delivered = terms.iter().find(|(name, _)| name.ends_with(".delivered"));
    delivered.map_or(0, |(_, count)| count.as_u64().unwrap())
}

#[test]
fn f44_no_route_answers_to_a_foreign_name() {
    let (daemon, address) = start("hosts = [\"stats.example\"]");
    for route in ROUTES.iter().chain(&["/nothing"]) {
        let line = format!("GET {route}");
        for host in ["evil.example", "127.0.0.2", "localhost.evil.example:80", "[::1]"] {
            assert_eq!(status(address, &line, &format!("Host: {host}\r\n")), 421, "{line} {host}");
        }
        for host in ["localhost", &address.to_string(), "Stats.Example:80"] {
            let got = status(address, &line, &format!("Host: {host}\r\n"));
            assert!([200, 404, 405].contains(&got), "{line} {host}: {got}");
        }
    }
    let (head, _) = ask(address, b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    for line in ["x-content-type-options: nosniff", "cache-control: no-store"] {
        assert!(head.contains(line), "{head}");
    }
    assert!(head.contains("content-security-policy: default-src 'none'"), "{head}");
    assert!(daemon.stop().0.success());
}

#[test]
fn f45_changing_something_takes_the_token_and_no_foreign_page() {
    let folder = Folder::new();
    fs::write(folder.file("token"), format!("{TOKEN}\n")).unwrap();
    let (daemon, address) = start(&format!("token_file = \"{}\"", folder.file("token")));
    let post = |more: &str| {
        status(
            address,
            "POST /-/reload",
            &format!("Host: localhost\r\nContent-Length: 0\r\n{more}"),
        )
    };
    let bearer = format!("Authorization: Bearer {TOKEN}\r\n");
    for foreign in [
        "Origin: http://evil.example\r\n",
        "Origin: null\r\n",
        "Sec-Fetch-Site: cross-site\r\n",
        "Content-Type: text/plain\r\nOrigin: https://evil.example\r\n",
    ] {
        assert_eq!(post(&format!("{bearer}{foreign}")), 403, "{foreign}");
    }
    for wrong in ["", "Authorization: Bearer\r\n", "Authorization: Bearer wrong-wrong-wrong\r\n"] {
        assert_eq!(post(wrong), 401, "{wrong}");
    }
    let in_url = format!("POST /-/reload?token={TOKEN}&access_token={TOKEN}");
    assert_eq!(status(address, &in_url, "Host: localhost\r\n"), 401);
    assert_eq!(post(&bearer), 202);
    accounting_with(address, |shown| shown["metrics"]["reloads.applied"] == 1);
    let shown = accounting_with(address, |shown| shown["metrics"]["http.refused.token"] == 4);
    assert_eq!(shown["metrics"]["http.refused.origin"], 4, "{shown:#}");
    // A reload reads the token again.
    fs::write(folder.file("token"), "another-token-of-ours").unwrap();
    assert_eq!(post(&bearer), 202);
    accounting_with(address, |shown| shown["metrics"]["reloads.applied"] == 2);
    assert_eq!(post(&bearer), 401);
    assert!(!get(address, "/config").contains(TOKEN));
    assert!(daemon.stop().0.success());
}

#[test]
fn f46_requests_that_can_be_read_in_two_ways_reach_nobody() {
    let (daemon, address) = start("");
    let many = "X: y\r\n".repeat(100);
    let long = format!("X: {}\r\n", "y".repeat(65_536));
    let (host, chunked) = ("Host: localhost\r\n", "Transfer-Encoding: chunked\r\n\r\n");
    for (request, expected) in [
        (format!("POST / HTTP/1.1\r\n{host}Content-Length: 3\r\n{chunked}0\r\n\r\n"), 400),
        (format!("POST / HTTP/1.1\r\n{host}{chunked}zz\r\n"), 400),
        (format!("GET / HTTP/1.1\n{}\n", host.replace("\r\n", "\n")), 400),
        (format!("GET / HTTP/1.1\r\n{host}X: y\n\r\n"), 400),
        (format!("GET / HTTP/1.1\r\n{host}{many}\r\n"), 431),
        (format!("GET / HTTP/1.1\r\n{host}{long}\r\n"), 431),
        (format!("GET /{} HTTP/1.1\r\n{host}\r\n", "a".repeat(65_536)), 431),
        (format!("GET http://localhost/ HTTP/1.1\r\n{host}\r\n"), 400),
        (format!("GET / HTTP/1.1\r\n{host}{host}\r\n"), 400),
        (format!("GET / HTTP/1.1\r\n{host} folded\r\n\r\n"), 400),
        ("GET / HTTP/1.1\r\n\r\n".to_owned(), 400),
        ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), 400),
        ("\u{16}\u{3}\u{1}".to_owned(), 400),
    ] {
        let (head, _) = ask(address, request.as_bytes());
        assert_eq!(status_of(&head), expected, "{:?}", &request[..request.len().min(99)]);
    }
    // The second of two requests at once is not looked at.
    let two = format!("GET /healthz HTTP/1.1\r\n{host}\r\n").repeat(2);
    let (_, body) = ask(address, two.as_bytes());
    assert_eq!(body, "ok\n");
    let shown = accounting_with(address, |shown| shown["metrics"]["http.refused.malformed"] == 10);
    assert_eq!(shown["metrics"]["http.refused.head_too_long"], 3, "{shown:#}");
    assert!(daemon.stop().0.success());
}

#[test]
fn f46_idle_connections_give_way_and_slow_heads_are_ended() {
    let (daemon, address) = start("");
    let idle: Vec<_> = (0..66).map(|_| TcpStream::connect(address).unwrap()).collect();
    let mut slow = TcpStream::connect(address).unwrap();
    slow.write_all(b"GET / HTTP/1.1\r\nHost: loc").unwrap();
    assert_eq!(get(address, "/healthz"), "ok\n");
    let mut answer = String::new();
    slow.set_read_timeout(Some(PATIENCE)).unwrap();
    slow.read_to_string(&mut answer).ok();
    assert_eq!(status_of(&answer), 408);
    drop(idle);
    assert!(daemon.stop().0.success());
}

/// The memory of a process that is in use, in kB.
fn resident(daemon: &Daemon) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

#[test]
fn f47_bodies_are_not_read_however_they_are_packed() {
    let (daemon, address) = start("");
    get(address, "/healthz");
    let before = resident(&daemon);
    // What they unpack to is no matter where nobody unpacks them.
    let nested = "[".repeat(10_000).into_bytes();
    for (kind, body) in [
        ("Content-Encoding: gzip", vec![0x1f; 100_000]),
        ("Content-Encoding: zstd", vec![0x28; 100_000]),
        ("Content-Encoding: snappy", vec![0xff; 100_000]),
        ("Content-Type: application/x-protobuf", vec![0xff; 100_000]),
        ("Content-Type: application/json", nested),
    ] {
        for length in [body.len(), usize::MAX] {
            let head = format!(
                "POST /-/reload HTTP/1.1\r\nHost: localhost\r\n{kind}\r\n\
                 Content-Length: {length}\r\n\r\n"
            );
            let (answer, _) = ask(address, &[head.as_bytes(), &body].concat());
            assert_eq!(status_of(&answer), 413, "{kind}");
        }
    }
    let more = resident(&daemon).saturating_sub(before);
    assert!(more < 2_048, "{more} kB more");
    assert!(daemon.stop().0.success());
}

#[test]
fn f49_there_are_no_paths_but_the_routes() {
    let (daemon, address) = start("");
    for path in [
        "/../",
        "/../../etc/passwd",
        "/%2e%2e/%2e%2e/etc/passwd",
        "/healthz%00",
        "/healthz/",
        "//healthz",
        "/\\..\\healthz",
        "/HEALTHZ",
        "/./healthz",
        "/config/../healthz",
        "/%68ealthz",
        "/-/",
        "/static/../config",
    ] {
        assert_eq!(status(address, &format!("GET {path}"), "Host: localhost\r\n"), 404, "{path}");
    }
    for line in ["GET /-/reload", "POST /healthz", "DELETE /config", "TRACE /metrics"] {
        let got = status(address, line, "Host: localhost\r\n");
        assert!([403, 405].contains(&got), "{line}: {got}");
    }
    assert_eq!(status(address, "HEAD /healthz", "Host: localhost\r\n"), 200);
    assert!(daemon.stop().0.success());
}

#[test]
fn a_page_for_prometheus_shares_the_listener() {
    // Free a moment ago; both have to name it.
    let free = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let config = format!(
        "flush_interval = 0.2\n[admin]\nlisten = \"{address}\"\n\
         [[sink]]\nname = \"page\"\nurl = \"prometheus://{address}/metrics\"\n"
    );
    let daemon = Daemon::configured(&config, &["-b", "127.0.0.1:0"]);
    daemon.send(&["hits:3|c"]);
    let end = Instant::now() + PATIENCE;
    while !get(address, "/metrics").lines().any(|line| line == "hits_total 3") {
        assert!(Instant::now() < end, "{}", get(address, "/metrics"));
        thread::sleep(Duration::from_millis(20));
    }
    assert_eq!(get(address, "/readyz"), "ok\n");
    assert_eq!(status(address, "GET /metrics", "Host: evil.example\r\n"), 421);
    // Without the sink the page has the daemon's own metrics again.
    daemon.reload(&format!("flush_interval = 0.2\n[admin]\nlisten = \"{address}\"\n"));
    while get(address, "/metrics").contains("hits_total") {
        assert!(Instant::now() < end, "{}", get(address, "/metrics"));
        thread::sleep(Duration::from_millis(20));
    }
    assert!(get(address, "/metrics").contains("gstatsd_lines_received 1\n"));
    assert!(daemon.stop().0.success());
}

#[test]
fn https_shows_the_same() {
    let folder = Folder::new();
    let CertifiedKey { cert, signing_key } =
        generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
    fs::write(folder.file("cert.pem"), cert.pem()).unwrap();
    fs::write(folder.file("key.pem"), signing_key.serialize_pem()).unwrap();
    let (cert_file, key_file) = (folder.file("cert.pem"), folder.file("key.pem"));
    let (daemon, address) =
        start(&format!("tls_certificate = \"{cert_file}\"\ntls_key = \"{key_file}\""));
    let mut roots = RootCertStore::empty();
    roots.add(cert.der().clone()).unwrap();
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = ServerName::try_from("localhost").unwrap();
    let connection = ClientConnection::new(Arc::new(config), name).unwrap();
    let mut stream = StreamOwned::new(connection, TcpStream::connect(address).unwrap());
    stream.write_all(b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.0 200 OK") && answer.ends_with("ok\n"), "{answer}");
    // What is not encrypted is not answered.
    let (head, _) = ask(address, b"GET /healthz HTTP/1.0\r\nHost: localhost\r\n\r\n");
    assert!(!head.contains("HTTP/1"), "{head}");
    assert!(daemon.stop().0.success());
}
