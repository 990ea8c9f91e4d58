//! Totals that go on over restarts: what a scrape and a collector see of a daemon that ends, is
//! killed, hands over, or finds its files damaged.

use std::net::{SocketAddr, UdpSocket};
use std::process::Command;
use std::time::{Duration, Instant};
use std::{fs, thread};

use serde_json::{Value, json};

use crate::push::Collector;
use crate::scrape::ask;
use crate::support::{Daemon, Folder, PATIENCE, binary};

/// A configuration that keeps totals in that folder.
fn config(folder: &Folder, sink: &str) -> String {
    let file = folder.file("gstatsd.toml");
    let text = format!(
        "flush_interval = 0.1\nstate_directory = \"{}\"\n[[sink]]\nname = \"totals\"\n{sink}\n",
        folder.file("state")
    );
    fs::write(&file, text).unwrap();
    file
}

fn start(config: &str) -> Daemon {
    Daemon::start_command(Command::new(binary()).args(["-c", config, "-b", "127.0.0.1:0"]))
}

/// A daemon with a page, and where that is.
fn serving(config: &str) -> (Daemon, SocketAddr) {
    let mut daemon = start(config);
    let line = daemon.wait_for_log("Prometheus can scrape http://");
    let address = line.split("http://").nth(1).unwrap().strip_suffix("/metrics").unwrap();
    let address = address.parse().unwrap();
    (daemon, address)
}

/// The values of these names on a page, once there are all, and they are as they should be.
fn scrape<const COUNT: usize>(
    page: SocketAddr,
    names: [&str; COUNT],
    is_it: impl Fn(&[f64; COUNT]) -> bool,
) -> [f64; COUNT] {
    let accept = "Accept: application/openmetrics-text; version=1.0.0";
    let end = Instant::now() + PATIENCE;
    loop {
        let (_, text) = ask(page, &format!("GET /metrics HTTP/1.0\r\n{accept}\r\n\r\n"));
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once(' '));
            Some(lines.find(|(there, _)| *there == name)?.1.parse().unwrap())
        };
        let values = names.map(value);
        if values.iter().all(Option::is_some) {
            let values = values.map(|value: Option<f64>| value.unwrap());
            if is_it(&values) {
                return values;
            }
        }
        assert!(Instant::now() < end, "{values:?} in\n{text}");
        thread::sleep(Duration::from_millis(10));
    }
}

const PAGE: &str = "url = \"prometheus://127.0.0.1:0\"";
const NAMES: [&str; 4] = ["hits_total", "hits_created", "took_sum", "once_total"];

#[test]
fn a_page_goes_on_after_a_restart_with_the_old_start() {
    let folder = Folder::new();
    let config = config(&folder, PAGE);
    let (daemon, page) = serving(&config);
    daemon.send(&["hits:3|c\ntook:20|ms\nonce:1|c"]);
    let [_, created, ..] = scrape(page, NAMES, |values| values[0] == 3.0);
    // So that a new start would be another one.
    thread::sleep(Duration::from_millis(1_100));
    daemon.send(&["hits:0.5|c"]);
    assert!(daemon.stop().0.success());
    let (mut daemon, page) = serving(&config);
    daemon.wait_for_log("totals of 3 series: newest in ");
    daemon.send(&["hits:4|c\ntook:1|ms"]);
    let all = scrape(page, NAMES, |values| values[0] > 7.0);
    assert_eq!(all, [7.5, created, 21.0, 1.0]);
    let [restored] =
        scrape(page, ["gstatsd_sinks_totals_totals_restored_newest"], |values| values[0] > 0.0);
    assert_eq!(restored, 1.0);
    assert!(daemon.stop().0.success());
}

#[test]
fn f74_no_total_that_was_scraped_falls_back_after_a_kill() {
    let folder = Folder::new();
    let config = config(&folder, PAGE);
    let (mut last, mut went_on) = ([0.0; 2], 0);
    for _ in 0..12 {
        let (mut daemon, page) = serving(&config);
        let names = [NAMES[0], NAMES[1]];
        let end = Instant::now() + Duration::from_millis(fastrand::u64(200..500));
        let mut is_first = true;
        while Instant::now() < end || is_first {
            daemon.send(&["hits:1|c"]);
            let seen = scrape(page, names, |_| true);
            let goes_on = seen[1] == last[1];
            assert!(seen[0] >= last[0] || !goes_on, "{last:?}, then {seen:?}");
            went_on += u32::from(goes_on && std::mem::take(&mut is_first) && last[0] > 0.0);
            is_first = false;
            last = seen;
        }
        daemon.signal("KILL");
        daemon.wait();
    }
    // Where the disk was too slow a total may have begun anew.
    assert!(went_on >= 6, "{went_on}");
}

#[test]
fn a_page_goes_on_after_a_hand_over() {
    let folder = Folder::new();
    let config = config(&folder, PAGE);
    let mut daemon = start(&config);
    let line = daemon.wait_for_log("Prometheus can scrape http://");
    let page: SocketAddr =
        line.split("http://").nth(1).unwrap().strip_suffix("/metrics").unwrap().parse().unwrap();
    daemon.send(&["hits:3|c"]);
    let names = [NAMES[0], NAMES[1]];
    let [_, created] = scrape(page, names, |values| values[0] == 3.0);
    let to = daemon.address();
    daemon.signal("USR2");
    let said = daemon.wait_for_log("handing over to process ");
    let next: u32 = said.rsplit(' ').next().unwrap().parse().unwrap();
    assert!(daemon.wait_for_exit().success());
    daemon.wait_for_log("totals of 1 series: newest in ");
    let mut lines = daemon.seen.iter().rev();
    let line = lines.find(|line| line.contains("can scrape http://"));
    let page = line.and_then(|line| line.split("http://").nth(1)).unwrap();
    let page = page.strip_suffix("/metrics").unwrap().parse().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"hits:4|c", to).unwrap();
    let seen = scrape(page, names, |values| values[0] != 3.0);
    Command::new("kill").arg(next.to_string()).status().unwrap();
    assert_eq!(seen, [7.0, created]);
}

#[test]
fn f76_damaged_totals_are_told_and_begin_anew() {
    let folder = Folder::new();
    let config = config(&folder, PAGE);
    let names = [NAMES[0], NAMES[1]];
    let file = |slot: &str| folder.file(&format!("state/totals/totals/totals.{slot}"));
    let (daemon, page) = serving(&config);
    daemon.send(&["hits:3|c"]);
    let [_, created] = scrape(page, names, |values| values[0] == 3.0);
    daemon.stop();
    fs::write(file("a"), b"damage").unwrap();
    let (mut daemon, page) = serving(&config);
    daemon.wait_for_log("totals of 1 series: older in ");
    daemon.send(&["hits:1|c"]);
    assert_eq!(scrape(page, names, |values| values[0] > 3.0), [4.0, created]);
    daemon.stop();
    thread::sleep(Duration::from_millis(1_100));
    for slot in ["a", "b"] {
        fs::write(file(slot), b"damage").unwrap();
    }
    let (mut daemon, page) = serving(&config);
    daemon.wait_for_log("sink totals: totals: damaged in ");
    daemon.send(&["hits:1|c"]);
    let [hits, anew] = scrape(page, names, |_| true);
    assert!(hits == 1.0 && anew > created, "{hits} since {anew}, before since {created}");
    scrape(page, ["gstatsd_sinks_totals_totals_restored_damaged"], |values| values[0] == 1.0);
    daemon.stop();
}

#[test]
fn a_collector_gets_sums_that_go_on_after_a_restart_and_after_a_kill() {
    let (collector, folder) = (Collector::start("http"), Folder::new());
    let port = collector.port;
    let config = config(&folder, &format!("url = \"otlp+http://127.0.0.1:{port}\""));
    let no_tags = |point: &Value| point["attributes"] == json!({});
    let come = |daemon: &Daemon, sum: f64, count: u64| {
        daemon.send(&["hits:2|c\ntook:5|ms"]);
        let hits = collector.wait_for("hits", |point| no_tags(point) && point["value"] == sum);
        let took = collector.wait_for("took", |point| point["count"] == count);
        (hits["start"].clone(), took["start"].clone())
    };
    let mut daemon = start(&config);
    let starts = come(&daemon, 2.0, 1);
    assert!(daemon.stop().0.success());
    thread::sleep(Duration::from_millis(1_100));
    daemon = start(&config);
    assert_eq!(come(&daemon, 4.0, 2), starts);
    daemon.signal("KILL");
    daemon.wait();
    thread::sleep(Duration::from_millis(1_100));
    daemon = start(&config);
    assert_eq!(come(&daemon, 6.0, 3), starts);
    assert!(daemon.stop().0.success());
}
