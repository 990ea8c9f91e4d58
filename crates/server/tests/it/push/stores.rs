//! Real stores: what they answer to questions is what was sent.

use std::fs;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::scrape::ask;
use crate::support::{Daemon, Folder, PATIENCE, accounting, assert_books_close, debian};

/// A program of a Debian package that answers over HTTP.
struct Store {
    child: Child,
    address: SocketAddr,
    _folder: Folder,
}

impl Store {
    fn start(program: &str, make: impl FnOnce(&mut Command, SocketAddr, &Folder)) -> Self {
        let folder = Folder::new();
        // Free a moment ago; none of them can choose one itself.
        let free = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = free.local_addr().unwrap();
        drop(free);
        let mut command = Command::new(debian(program));
        make(&mut command, address, &folder);
        let child = command.stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let store = Self { child, address, _folder: folder };
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect(address).is_err() {
            assert!(Instant::now() < end, "{program} does not listen");
            thread::sleep(Duration::from_millis(50));
        }
        store
    }

    fn prometheus() -> Self {
        Self::start("usr/bin/prometheus", |command, address, folder| {
            let file = folder.file("prometheus.yml");
            fs::write(&file, "{}\n").unwrap();
            command
                .arg(format!("--config.file={file}"))
                .arg(format!("--storage.tsdb.path={}", folder.file("data")))
                .arg(format!("--web.listen-address={address}"))
                .arg("--web.enable-remote-write-receiver");
        })
    }

    fn victoria_metrics() -> Self {
        Self::start("usr/bin/victoria-metrics", |command, address, folder| {
            command
                .arg(format!("-storageDataPath={}", folder.file("data")))
                .arg(format!("-httpListenAddr={address}"))
                .arg("-search.latencyOffset=0s");
        })
    }

    fn influxdb() -> Self {
        let store = Self::start("usr/bin/influxd", |command, address, folder| {
            command
                .env("INFLUXDB_REPORTING_DISABLED", "true")
                .env("INFLUXDB_BIND_ADDRESS", "127.0.0.1:0")
                .env("INFLUXDB_HTTP_BIND_ADDRESS", address.to_string())
                .env("INFLUXDB_META_DIR", folder.file("meta"))
                .env("INFLUXDB_DATA_DIR", folder.file("data"))
                .env("INFLUXDB_DATA_WAL_DIR", folder.file("wal"))
                .env("HOME", folder.file(""));
        });
        let made = store.get("/query?q=CREATE%20DATABASE%20app", "POST");
        assert!(made["error"].is_null(), "{made}");
        store
    }

    fn get(&self, path: &str, method: &str) -> Value {
        let request = format!("{method} {path} HTTP/1.0\r\nContent-Length: 0\r\n\r\n");
        serde_json::from_str(&ask(self.address, &request).1).unwrap_or_default()
    }

    /// Waits until the last value of a query in the language of Prometheus is this.
    fn wait_for(&self, query: &str, expected: &str) {
        let path = format!("/api/v1/query?nocache=1&query={}", encoded(query));
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = self.get(&path, "GET");
            let found = answer["data"]["result"].as_array().cloned().unwrap_or_default();
            if found.len() == 1 && found[0]["value"][1] == expected {
                return;
            }
            assert!(Instant::now() < end, "{query} is {answer} and not {expected}");
            thread::sleep(Duration::from_millis(100));
        }
    }
}

impl Drop for Store {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn encoded(text: &str) -> String {
    text.bytes().map(|byte| format!("%{byte:02x}")).collect()
}

/// A daemon with this sink, which flushes each second.
fn daemon(url: &str, keys: &str) -> Daemon {
    let config = format!(
        "dialect = \"dogstatsd\"\nflush_interval = 1\n[[sink]]\nname = \"store\"\nurl = \"{url}\"\n\
         {keys}\n"
    );
    Daemon::configured(&config, &["-b", "127.0.0.1:0"])
}

/// Ends it, and holds it to it that all has arrived.
fn all_arrived(daemon: Daemon) {
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    let counts = accounting(&log);
    assert_books_close(&counts);
    let [emitted, delivered] =
        ["emitted", "delivered"].map(|name| counts[&format!("store:points.{name}")]);
    assert!(emitted > 0 && emitted == delivered, "{log}");
}

const LINES: &str = "hits:3|c\nhits:2.5|c|#env:a\"b\\c,\u{fc}:1\n5xx:1|c\nload:-0.25|g\n\
                     users:a|s\nusers:b|s\ntook:1|ms\ntook:2|ms\ntook:4|ms\na:1|c\na:2|g\ny.z:1|c\n\
                     y-z:2|c";

fn every_value_is_written_to(store: &Store) {
    let keys = "labels = { replica = \"one\" }\nquantiles = [0.5]";
    let daemon = daemon(&format!("remote-write://{}", store.address), keys);
    daemon.send(&[LINES]);
    for (query, value) in [
        ("hits_total{env=\"\",replica=\"one\"}", "3"),
        ("hits_total{env=\"a\\\"b\\\\c\",_=\"1\"}", "2.5"),
        ("_5xx_total", "1"),
        ("load", "-0.25"),
        ("users", "2"),
        ("took_count", "3"),
        ("took_sum", "7"),
        ("took{quantile=\"0.5\"}", "2"),
        ("a_total", "1"),
        ("a_as_value", "2"),
        ("y_z_total", "3"),
        ("gstatsd_lines_metric", "13"),
    ] {
        store.wait_for(query, value);
    }
    daemon.send(&["hits:4|c\ntook:8|ms"]);
    store.wait_for("hits_total{env=\"\"}", "7");
    store.wait_for("took_sum", "15");
    all_arrived(daemon);
}

#[test]
fn a_real_prometheus_has_every_value_that_is_written_to_it() {
    every_value_is_written_to(&Store::prometheus());
}

#[test]
fn a_real_victoria_metrics_has_every_value_that_is_written_to_it() {
    every_value_is_written_to(&Store::victoria_metrics());
}

#[test]
fn a_real_victoria_metrics_has_every_line_that_is_posted_to_it() {
    let store = Store::victoria_metrics();
    let daemon = daemon(&format!("influxdb://{}/app", store.address), "compression = \"gzip\"");
    daemon.send(&[LINES]);
    for (query, value) in [
        ("hits_value{env=\"\",metric_type=\"counter\"}", "3"),
        ("hits_value{env=\"a\\\"b\\\\c\"}", "2.5"),
        ("load_value", "-0.25"),
        ("users_count", "2"),
        ("took_sum", "7"),
        ("a_value{metric_type=\"gauge\"}", "2"),
    ] {
        store.wait_for(&format!("last_over_time({query}[1m])"), value);
    }
    all_arrived(daemon);
}

#[test]
fn a_real_influxdb_has_every_line_that_is_posted_to_it() {
    let store = Store::influxdb();
    let daemon = daemon(&format!("influxdb://{}/app", store.address), "");
    daemon.send(&[LINES]);
    let value = |question: &str| {
        let path = format!("/query?db=app&q={}", encoded(question));
        let end = Instant::now() + PATIENCE;
        loop {
            let answer = store.get(&path, "GET");
            let found = &answer["results"][0]["series"][0]["values"][0][1];
            if !found.is_null() {
                return found.clone();
            }
            assert!(Instant::now() < end, "{question}: {answer}");
            thread::sleep(Duration::from_millis(100));
        }
    };
    for (question, expected) in [
        ("SELECT value FROM hits WHERE env = ''", 3.0),
        ("SELECT value FROM hits WHERE env != ''", 2.5),
        ("SELECT value FROM \"5xx\"", 1.0),
        ("SELECT value FROM load", -0.25),
        ("SELECT \"count\" FROM \"users\"", 2.0),
        ("SELECT \"sum\" FROM took", 7.0),
        ("SELECT \"count\" FROM took", 3.0),
        ("SELECT value FROM a WHERE metric_type = 'gauge'", 2.0),
        ("SELECT value FROM a WHERE metric_type = 'counter'", 1.0),
    ] {
        assert_eq!(value(question), expected, "{question}");
    }
    all_arrived(daemon);
}
