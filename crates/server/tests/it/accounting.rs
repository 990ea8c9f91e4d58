//! Every loss is counted: the kernel's, and what our own metrics say of it.

use std::collections::BTreeMap;
use std::net::UdpSocket;
use std::process::Command;

use crate::support::{
    Daemon, Folder, GraphiteLine, SpyGraphite, accounting, assert_books_close, binary,
};

#[test]
fn f94_what_the_kernel_drops_is_counted_to_the_unit() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::configured(
        "receive_buffer_bytes = 4096\nworkers = 2",
        &["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"],
    );
    // Stopped, it reads nothing, so that most of this must be dropped.
    daemon.signal("STOP");
    for _ in 0..4 {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..1_000 {
            socket.send_to(b"a:1|c", daemon.address()).unwrap();
        }
    }
    daemon.signal("CONT");
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert!(books["datagrams.dropped.kernel"] > 0);
    assert_eq!(books["datagrams.received"] + books["datagrams.dropped.kernel"], 4_000);
    assert!(
        log.contains("datagrams dropped by the kernel; who sends most: 127.0.0.1 100 %"),
        "{log}"
    );
}

#[test]
fn our_own_metrics_close_the_books_at_every_flush() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "0.1"]);
    let packet = "a:1|c:x|c\nb\n_e{1,1}:t|x\n_sc|n|0";
    for _ in 0..5 {
        daemon.send(&vec![packet; 20]);
        std::thread::sleep(std::time::Duration::from_millis(120));
    }
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    let unsupported = books.iter().find(|(name, _)| name.ends_with("notices.dropped.unsupported"));
    assert_eq!(unsupported.map(|(_, count)| *count), Some(200), "Graphite has no events");

    let flushes = flushes(&spy.all_lines(&log));
    assert!(flushes.len() >= 5);
    let mut received = 0;
    for own in &flushes {
        let total = |stem: &str| -> u64 {
            let of_stem = own.iter().filter(|(name, _)| name.starts_with(stem));
            of_stem.map(|(_, count)| *count).sum()
        };
        let lines = total("lines.") - own["lines.received"];
        assert_eq!(lines, own["lines.received"], "{own:?}");
        let samples = total("samples.") - own["samples.received"];
        assert_eq!(samples, own["samples.received"], "{own:?}");
        let (sinks, emitted): (Vec<_>, Vec<_>) = own
            .iter()
            .filter(|(name, _)| name.starts_with("sinks.") && name.contains(".points."))
            .partition(|(name, _)| !name.ends_with("emitted"));
        let (emitted, other): (u64, u64) = (
            emitted.iter().map(|(_, count)| **count).sum(),
            sinks.iter().map(|(_, count)| **count).sum(),
        );
        assert_eq!(emitted, other, "{own:?}");
        let notices = total("sinks.") - emitted - other;
        assert!(notices <= own["lines.events"] + own["lines.service_checks"], "{own:?}");
        assert!(own["datagrams.received"] >= received, "totals only grow");
        received = own["datagrams.received"];
    }
    assert_eq!(received, 100);
}

#[test]
fn own_metrics_can_be_named_otherwise() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let config = folder.file("gstatsd.toml");
    std::fs::write(&config, "own_metrics = \"ops.${HOSTNAME_FOR_TEST}.gstatsd\"").unwrap();
    let mut command = Command::new(binary());
    command.env("HOSTNAME_FOR_TEST", "h1");
    command.args(["-c", &config, "-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "600"]);
    let (_, log) = Daemon::start_command(&mut command).stop();
    let names: Vec<_> = spy.all_lines(&log).into_iter().map(|line| line.name).collect();
    assert_eq!(names[0], "statsd.numStats");
    assert!(names.len() > 5);
    assert!(names[1..].iter().all(|name| name.starts_with("ops.h1.gstatsd.")), "{names:?}");
}

#[test]
fn own_metrics_can_be_turned_off() {
    let spy = SpyGraphite::start();
    let sink = spy.sink();
    let arguments = ["-b", "127.0.0.1:0", "-s", &sink, "-f", "600"];
    let (_, log) = Daemon::configured("own_metrics = ''", &arguments).stop();
    let names: Vec<_> = spy.all_lines(&log).into_iter().map(|line| line.name).collect();
    assert_eq!(names, ["statsd.numStats"]);
}

/// Our own metrics of each flush, without what begins their names.
fn flushes(lines: &[GraphiteLine]) -> Vec<BTreeMap<String, u64>> {
    let mut flushes = vec![BTreeMap::new()];
    for line in lines {
        let Some(name) = line.name.strip_prefix("gstatsd.") else { continue };
        // Every flush begins with this one.
        if name == "datagrams.received" {
            flushes.push(BTreeMap::new());
        }
        let of_flush = flushes.last_mut().unwrap();
        of_flush.insert(name.to_owned(), line.value.parse().unwrap());
    }
    flushes.remove(0);
    flushes
}
