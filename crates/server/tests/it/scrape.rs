//! A page for Prometheus: what HTTP gives, what promtool says of it, and what a real Prometheus
//! reads there.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::support::{Daemon, Folder, PATIENCE, binary};

/// Serves a page, and flushes each second.
const CONFIG: &str = "flush_interval = 1\n\
                      [[sink]]\nname = \"page\"\nurl = \"prometheus://127.0.0.1:0\"\n";

/// A daemon, and where its page is.
fn serving(config: &str) -> (Daemon, SocketAddr) {
    let mut daemon = Daemon::configured(config, &["-b", "127.0.0.1:0"]);
    let line = daemon.wait_for_log("Prometheus can scrape http://");
    let address = line.split("http://").nth(1).unwrap().strip_suffix("/metrics").unwrap();
    let address = address.parse().unwrap();
    (daemon, address)
}

/// The head and the body of what a request gets, byte by byte until the connection ends.
fn ask(address: SocketAddr, request: &str) -> (String, String) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    (head.to_owned(), body.to_owned())
}

/// The page, in one piece.
fn page(address: SocketAddr) -> String {
    // In the old version there are no chunks to put together.
    let (head, body) = ask(address, "GET /metrics HTTP/1.0\r\n\r\n");
    assert!(head.starts_with("HTTP/1.0 200 OK\r\n"), "{head}");
    body
}

/// Waits for a page with all of these lines.
fn page_with(address: SocketAddr, lines: &[&str]) -> String {
    let end = Instant::now() + PATIENCE;
    loop {
        let page = page(address);
        let missing = lines.iter().find(|line| !page.lines().any(|there| there == **line));
        let Some(missing) = missing else { return page };
        assert!(Instant::now() < end, "no {missing} in\n{page}");
        thread::sleep(Duration::from_millis(50));
    }
}

fn send(daemon: &Daemon, lines: &str) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(lines.as_bytes(), daemon.address()).unwrap();
}

#[test]
fn counters_go_on_counting_over_flushes() {
    let (daemon, address) = serving(CONFIG);
    send(&daemon, "hits:3|c\nload:0.5|g\nrender:20|ms\nrender:40|ms\nusers:a|s");
    let first = [
        "hits_total 3",
        "load 0.5",
        "render{quantile=\"0.5\"} 20",
        "render_sum 60",
        "render_count 2",
        "users 1",
        "gstatsd_lines_received 5",
    ];
    page_with(address, &first);
    send(&daemon, "hits:4|c\nrender:1|ms");
    page_with(address, &["hits_total 7", "render_sum 61", "render_count 3", "load 0.5"]);
    assert!(daemon.stop().0.success());
}

#[test]
fn the_page_is_all_there_is() {
    let (daemon, address) = serving(CONFIG);
    let status = |request: &str| ask(address, request).0.lines().next().unwrap_or("").to_owned();
    assert_eq!(status("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n"), "HTTP/1.1 200 OK");
    for (path, expected) in [("/", "200 OK"), ("/x", "404 Not Found"), ("/../etc", "404 Not Found")]
    {
        let request = format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n");
        assert_eq!(status(&request), format!("HTTP/1.1 {expected}"), "{path}");
    }
    let post = "POST /metrics HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n";
    assert_eq!(status(post), "HTTP/1.1 405 Method Not Allowed");
    assert_eq!(status("nonsense\r\n\r\n"), "HTTP/1.1 400 Bad Request");
    let long = format!("GET / HTTP/1.1\r\nHost: {}\r\n\r\n", "a".repeat(70_000));
    assert_eq!(status(&long), "HTTP/1.1 431 Request Header Fields Too Large");
    let (head, body) = ask(
        address,
        "GET /metrics HTTP/1.0\r\nAccept: application/openmetrics-text; version=1.0.0\r\n\r\n",
    );
    let content = "content-type: application/openmetrics-text; version=1.0.0; charset=utf-8";
    assert!(head.lines().any(|line| line.eq_ignore_ascii_case(content)), "{head}");
    assert!(body.ends_with("# EOF\n"), "{body}");
    assert!(daemon.stop().0.success());
}

#[test]
fn a_page_that_cannot_be_served_is_an_error_that_names_it() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let sink = format!("prometheus://{}", taken.local_addr().unwrap());
    let run = Command::new(binary()).args(["-b", "127.0.0.1:0", "-s", &sink]).output().unwrap();
    let error = String::from_utf8(run.stderr).unwrap();
    assert!(!run.status.success());
    assert!(error.contains("cannot serve 127.0.0.1:"), "{error}");
    assert!(error.contains("Address already in use"), "{error}");
}

#[test]
fn a_reload_opens_and_closes_pages() {
    let (mut daemon, address) = serving(CONFIG);
    daemon.reload(&CONFIG.replace("page", "other"));
    let line = daemon.wait_for_log("sink other: Prometheus can scrape http://");
    let other = line.split("http://").nth(1).unwrap().strip_suffix("/metrics").unwrap();
    send(&daemon, "hits:1|c");
    page_with(other.parse().unwrap(), &["hits_total 1"]);
    let end = Instant::now() + PATIENCE;
    while TcpStream::connect(address).is_ok() {
        assert!(Instant::now() < end, "the old page is still there");
        thread::sleep(Duration::from_millis(20));
    }
    assert!(daemon.stop().0.success());
}

/// Names and tags that are hard to show to a Prometheus.
const HOSTILE: &str = "5xx:1|c\na.total:1|c\na.total:2|g\na.count:3|g\na:4|ms\na:5|g\na:6|s\n\
                       y_z:1|c\ny.z:1|c\ny-z:1|c\nx.bucket:1|g\n\u{e9}t\u{e9}:1|g\n::a::1|c\n\
                       q:1|ms|#quantile:0.5,le:1,__name__:x,a-b:1,a.b:2,\u{e9}:\u{e9}\"\\,flag\n\
                       job:1|g|#job:a,instance:b";

fn hostile() -> (Daemon, SocketAddr) {
    let config = format!("dialect = \"dogstatsd\"\n{CONFIG}");
    let (daemon, address) = serving(&config);
    send(&daemon, HOSTILE);
    page_with(address, &["_5xx_total 1", "a_total 1", "y_z_total 3"]);
    (daemon, address)
}

#[test]
fn promtool_has_nothing_to_say_of_hostile_names() {
    let (daemon, address) = hostile();
    let mut promtool = Command::new(debian("usr/bin/promtool"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = promtool.stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(page(address).as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() && text.is_empty() && said.stdout.is_empty(), "{text}");
    assert!(daemon.stop().0.success());
}

#[test]
fn a_real_prometheus_reads_every_value() {
    let (daemon, address) = hostile();
    let prometheus = Prometheus::start(address);
    let expected = [
        ("_5xx_total", "1"),
        ("a_total", "1"),
        ("y_z_total", "3"),
        ("a_as_value", "5"),
        ("a_total_as_value", "2"),
        ("a_count_as_value", "3"),
        ("a_as_set", "1"),
        ("x_bucket_as_value", "1"),
        ("_t_", "1"),
        ("job{exported_job=\"a\",exported_instance=\"b\"}", "1"),
        (
            "q_sum{a_b=\"1\",flag=\"true\",tag_quantile=\"0.5\",tag_le=\"1\",tag___name__=\"x\"}",
            "1",
        ),
        ("a_as_timer{quantile=\"0.99\"}", "4"),
    ];
    for (query, value) in expected {
        assert_eq!(prometheus.value(query), value, "{query}");
    }
    drop(prometheus);
    assert!(daemon.stop().0.success());
}

/// Where a file of an unpacked Debian package is.
fn debian(file: &str) -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_gstatsd"));
    let default = || binary.ancestors().nth(2).unwrap().join("debian");
    let path = std::env::var_os("GSTATSD_DEBIAN").map_or_else(default, PathBuf::from).join(file);
    assert!(path.exists(), "no {}: `cargo xtask setup` gets it", path.display());
    path
}

/// A Prometheus that scrapes one page each second.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

impl Prometheus {
    fn start(page: SocketAddr) -> Self {
        let folder = Folder::new();
        let config = format!(
            "global: {{scrape_interval: 1s}}\n\
             scrape_configs: [{{job_name: gstatsd, static_configs: [{{targets: ['{page}']}}]}}]\n"
        );
        let file = folder.file("prometheus.yml");
        fs::write(&file, config).unwrap();
        // Free a moment ago; Prometheus cannot choose one itself.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let child = Command::new(debian("usr/bin/prometheus"))
            .arg(format!("--config.file={file}"))
            .arg(format!("--storage.tsdb.path={}", folder.file("data")))
            .arg(format!("--web.listen-address={address}"))
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        Self { child, address, _folder: folder }
    }

    /// The value that a query gives, once it gives one.
    fn value(&self, query: &str) -> String {
        let encoded: String = query.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let request = format!("GET /api/v1/query?query={encoded} HTTP/1.0\r\n\r\n");
        let end = Instant::now() + PATIENCE;
        loop {
            assert!(Instant::now() < end, "no value of {query}");
            thread::sleep(Duration::from_millis(100));
            if TcpStream::connect(self.address).is_err() {
                continue;
            }
            let (_, body) = ask(self.address, &request);
            let answer: serde_json::Value = serde_json::from_str(&body).unwrap_or_default();
            assert_ne!(answer["status"], "error", "{body}");
            let found = answer["data"]["result"].as_array();
            if let Some(found) = found.filter(|found| !found.is_empty()) {
                assert_eq!(found.len(), 1, "{body}");
                return found[0]["value"][1].as_str().unwrap().to_owned();
            }
        }
    }
}

impl Drop for Prometheus {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}
