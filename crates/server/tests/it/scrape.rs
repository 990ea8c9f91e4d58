//! A page for Prometheus: what HTTP gives, what promtool says of it, and what a real Prometheus
//! reads there.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::support::{Daemon, Folder, PATIENCE, binary, debian};

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
pub(crate) fn ask(address: SocketAddr, request: &str) -> (String, String) {
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
    // There may be too many who scrape.
    if head.starts_with("HTTP/1.0 503 ") {
        return String::new();
    }
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
    assert_promtool_is_content(&page(address));
    assert!(daemon.stop().0.success());
    let (daemon, address) = serving(&format!("{CONFIG}timers = \"histogram\"\n"));
    send(&daemon, "render:3|ms");
    assert_promtool_is_content(&page_with(address, &["render_bucket{le=\"5\"} 1"]));
    assert!(daemon.stop().0.success());
}

fn assert_promtool_is_content(page: &str) {
    let mut promtool = Command::new(debian("usr/bin/promtool"));
    promtool.args(["check", "metrics"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = promtool.stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(page.as_bytes()).unwrap();
    let said = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&said.stderr).into_owned();
    assert!(said.status.success() && text.is_empty() && said.stdout.is_empty(), "{text}");
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

/// What a page has of the timers of these lines, to a real Prometheus: each query and its value.
fn assert_timers(form: &str, queries: &[(&str, &str)]) {
    let config = format!("{CONFIG}seconds = true\ntimers = \"{form}\"\n");
    let (daemon, address) = serving(&config);
    // By their rate 100 of 1 to 50 ms, and as many of -5 ms.
    let values: Vec<String> = (1..=50).map(|value| format!("render:{value}|ms|@0.5")).collect();
    send(&daemon, &values.join("\n"));
    send(&daemon, &["render:-5|ms|@0.5"; 50].join("\n"));
    page_with(address, &["render_count 200"]);
    let prometheus = Prometheus::start_with(address, &["--enable-feature=native-histograms"]);
    for (query, value) in queries {
        assert_eq!(prometheus.value(query), *value, "{query}");
    }
    drop(prometheus);
    assert!(daemon.stop().0.success());
}

#[test]
fn a_real_prometheus_reads_native_histograms() {
    assert_timers(
        "native",
        &[
            ("histogram_count(render)", "200"),
            ("round(histogram_sum(render), 0.001)", "2.05"),
            // Half of them are above 0, and half of those above 25 ms, give or take a bucket.
            ("round(histogram_fraction(0, +Inf, render), 0.001)", "0.5"),
            ("abs(histogram_quantile(0.75, render) - 0.025) < bool 0.0025", "1"),
            ("abs(histogram_quantile(0.25, render) + 0.005) < bool 0.0005", "1"),
            ("gstatsd_flushes >= bool 1", "1"),
        ],
    );
}

#[test]
fn a_real_prometheus_reads_classic_histograms() {
    assert_timers(
        "histogram",
        &[
            ("render_bucket{le=\"0.005\"}", "110"),
            ("render_bucket{le=\"0.025\"}", "150"),
            ("render_bucket{le=\"+Inf\"}", "200"),
            ("render_count", "200"),
            ("histogram_quantile(0.75, render_bucket)", "0.025"),
        ],
    );
}

/// The head and the bytes of what a request gets.
fn ask_for_bytes(address: SocketAddr, request: &str) -> (String, Vec<u8>) {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).unwrap();
    let end = answer.windows(4).position(|bytes| bytes == b"\r\n\r\n").unwrap();
    let head = String::from_utf8_lossy(&answer[..end]).to_ascii_lowercase();
    (head, answer[end + 4..].to_vec())
}

/// Row F63.
#[test]
fn a_page_comes_packed_or_its_head_alone_and_not_to_too_many_at_once() {
    let config = CONFIG.replace("flush_interval = 1", "flush_interval = 1\nown_metrics = \"\"");
    let (daemon, address) = serving(&config);
    let lines: Vec<String> =
        (0..30_000).map(|number| format!("{}.{number}:1|c", "name".repeat(25))).collect();
    let packets: Vec<String> = lines.chunks(50).map(|lines| lines.join("\n")).collect();
    daemon.send(&packets);
    let last = format!("{}_29999_total 1", "name".repeat(25));
    let page = page_with(address, &[&last]);
    let request = "GET /metrics HTTP/1.0\r\nAccept-Encoding: br, gzip\r\n\r\n";
    let (head, packed) = ask_for_bytes(address, request);
    assert!(head.contains("content-encoding: gzip"), "{head}");
    let mut unpacked = String::new();
    flate2::read::GzDecoder::new(&packed[..]).read_to_string(&mut unpacked).unwrap();
    assert!(unpacked == page && packed.len() * 10 < page.len());
    let (head, body) = ask_for_bytes(address, "HEAD /metrics HTTP/1.0\r\n\r\n");
    assert!(head.starts_with("http/1.0 200 ok") && body.is_empty(), "{head}");
    let slow: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = TcpStream::connect(address).unwrap();
            stream.write_all(b"GET /metrics HTTP/1.0\r\n\r\n").unwrap();
            stream
        })
        .collect();
    let end = Instant::now() + PATIENCE;
    loop {
        let (head, body) = ask(address, "GET /metrics HTTP/1.0\r\n\r\n");
        if head.starts_with("HTTP/1.0 503 ") {
            assert_eq!(body, "too many scrapes\n");
            break;
        }
        assert!(Instant::now() < end, "{head}");
    }
    // Flushes go on, and when they are gone there is a page again.
    drop(slow);
    send(&daemon, &lines[29_999]);
    page_with(address, &[&format!("{}_29999_total 2", "name".repeat(25))]);
    assert!(daemon.stop().0.success());
}

/// A Prometheus that scrapes one page each second.
struct Prometheus {
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

impl Prometheus {
    fn start(page: SocketAddr) -> Self {
        Self::start_with(page, &[])
    }

    fn start_with(page: SocketAddr, flags: &[&str]) -> Self {
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
            .args(flags)
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
