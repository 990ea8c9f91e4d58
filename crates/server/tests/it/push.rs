//! Sinks that post: OpenTelemetry before a collector made of the official classes, remote write
//! before a real Prometheus and a VictoriaMetrics, InfluxDB before a real one. Every value that is
//! read back equals what was sent.

mod hostile;
mod stores;

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::process::{Child, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::emitters::python;
use crate::support::{Daemon, Folder, PATIENCE, accounting, assert_books_close};

const RECEIVER: &str = include_str!("push/receiver.py");

/// A collector, which remembers the points that came.
pub(crate) struct Collector {
    child: Child,
    pub(crate) port: u16,
    points: Arc<Mutex<Vec<Value>>>,
}

impl Collector {
    pub(crate) fn start(transport: &str) -> Self {
        let mut command = python();
        command.args(["-c", RECEIVER, transport]).stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let port = lines.next().unwrap().unwrap().parse().unwrap();
        let points = Arc::new(Mutex::new(Vec::new()));
        let kept = Arc::clone(&points);
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                kept.lock().unwrap().push(serde_json::from_str(&line).unwrap());
            }
        });
        Self { child, port, points }
    }

    /// The first point of a name that is as it should be, once it has come.
    pub(crate) fn wait_for(&self, name: &str, is_it: impl Fn(&Value) -> bool) -> Value {
        let end = Instant::now() + PATIENCE;
        loop {
            let points = self.points.lock().unwrap().clone();
            let found = points.iter().find(|point| point["name"] == name && is_it(point));
            if let Some(found) = found {
                return found.clone();
            }
            assert!(Instant::now() < end, "no {name} in {points:?}");
            thread::sleep(Duration::from_millis(20));
        }
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

fn exports_every_value(transport: &str, scheme: &str, temporality: &str) {
    let (collector, folder) = (Collector::start(transport), Folder::new());
    let token = folder.file("token");
    fs::write(&token, "s3cret\n").unwrap();
    let port = collector.port;
    let daemon = Daemon::configured(
        &format!(
            "dialect = \"dogstatsd\"\nflush_interval = 1\n[[sink]]\nname = \"otel\"\n\
             url = \"{scheme}://127.0.0.1:{port}\"\ntemporality = \"{temporality}\"\n\
             compression = \"gzip\"\ntoken_file = \"{token}\"\nresource = {{ zone = \"z\" }}\n"
        ),
        &["-b", "127.0.0.1:0"],
    );
    daemon.send(&["hits:3|c\nhits:2.5|c|#env:prod\nload:-0.5|g\nusers:a|s\nusers:b|s\n\
                   took:1|ms\ntook:2|ms|@0.5\ntook:4|ms\nback:-1|c"]);
    let no_tags = |point: &Value| point["attributes"] == json!({});
    let hits = collector.wait_for("hits", no_tags);
    assert_eq!(
        (&hits["value"], &hits["kind"], &hits["monotonic"]),
        (&json!(3.0), &json!("sum"), &json!(true))
    );
    let temporality_number = if temporality == "delta" { 1 } else { 2 };
    assert_eq!(hits["temporality"], temporality_number);
    assert_eq!(hits["resource"]["zone"], "z");
    assert_eq!(hits["resource"]["service.name"], "gstatsd");
    assert_eq!(hits["token"], "Bearer s3cret");
    let seconds =
        |point: &Value| point["time"].as_u64().unwrap() - point["start"].as_u64().unwrap();
    assert_eq!(seconds(&hits), 1_000_000_000);
    let tagged = collector.wait_for("hits", |point| point["attributes"] == json!({"env": "prod"}));
    assert_eq!(tagged["value"], 2.5);
    assert_eq!(collector.wait_for("load", no_tags)["value"], -0.5);
    assert_eq!(collector.wait_for("users", no_tags)["value"], 2);
    assert_eq!(collector.wait_for("back", no_tags)["monotonic"], false);
    let took = collector.wait_for("took", no_tags);
    assert_eq!(took["count"], 4);
    assert_eq!((&took["min"], &took["max"]), (&json!(1.0), &json!(4.0)));
    let counts: Vec<u64> = serde_json::from_value(took["counts"].clone()).unwrap();
    assert_eq!(counts.iter().sum::<u64>(), 4);
    // A second interval says whether sums go on.
    daemon.send(&["hits:4|c\ntook:8|ms"]);
    let (sum, count) = if temporality == "delta" { (4.0, 1) } else { (7.0, 5) };
    collector.wait_for("hits", |point| no_tags(point) && point["value"] == sum);
    collector.wait_for("took", |point| point["count"] == count && point["max"] == 8.0);
    let (status, log) = daemon.stop();
    assert!(status.success());
    assert!(log.contains("says: one too many") && !log.contains("s3cret"), "{log}");
    let counts = accounting(&log);
    assert_books_close(&counts);
    let count = |name: &str| counts.get(&format!("otel:points.{name}")).copied().unwrap_or(0);
    // The collector refuses one point of each request.
    let rejected = count("dropped.rejected_by_sink");
    assert!(rejected >= 2, "{counts:?}");
    let came = collector.points.lock().unwrap().len();
    assert_eq!(count("delivered") + rejected, i128::try_from(came).unwrap(), "{counts:?}");
}

#[test]
fn a_collector_of_grpc_gets_every_value_as_sums_since_the_start() {
    exports_every_value("grpc", "otlp", "cumulative");
}

#[test]
fn a_collector_of_http_gets_every_value_of_each_interval() {
    exports_every_value("http", "otlp+http", "delta");
}
