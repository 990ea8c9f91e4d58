//! What one daemon leaves to the next: the open interval, gauges, the clock.

use std::process::Command;
use std::time::Duration;
use std::{fs, thread};

use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close, binary};

/// A configuration with state in that folder.
fn config(folder: &Folder, spy: &SpyGraphite, interval: f64) -> String {
    let state = folder.file("state");
    let text = format!(
        "dialect = \"statsd\"\nflush_interval = {interval}\nstate_directory = \"{state}\"\n\
         [[sink]]\nname = \"good\"\nurl = \"graphite://{}\"\n",
        spy.sink()
    );
    let file = folder.file("gstatsd.toml");
    fs::write(&file, text).unwrap();
    file
}

fn start(config: &str) -> Daemon {
    Daemon::start_command(Command::new(binary()).args(["-c", config, "-b", "127.0.0.1:0"]))
}

/// The values that came of a name, without repetitions of gauges.
fn values(spy: &SpyGraphite, name: &str) -> Vec<String> {
    let lines = spy.lines().into_iter().filter(|line| line.name == name);
    let mut values: Vec<_> = lines.map(|line| line.value).collect();
    values.dedup();
    values
}

#[test]
fn f82_a_restart_makes_one_point_of_an_interval() {
    let (folder, spy) = (Folder::new(), SpyGraphite::start());
    let config = config(&folder, &spy, 4.0);
    for value in [1, 2, 4] {
        let mut daemon = start(&config);
        daemon.send(&[format!("a:{value}|c\nt:{value}|ms\ns:m{value}|s\ng:{value}|g")]);
        if value == 4 {
            spy.wait_for("stats_counts.a");
            daemon.wait_for_log("state: newest");
        }
        let (status, log) = daemon.stop();
        assert!(status.success());
        assert_books_close(&accounting(&log));
        assert!(log.contains("the open interval is kept for the next start"), "{log}");
    }
    for (name, value) in [
        ("stats_counts.a", "7"),
        ("stats.timers.t.sum", "7"),
        ("stats.sets.s.count", "3"),
        ("stats.gauges.g", "4"),
    ] {
        assert_eq!(values(&spy, name), [value], "{name}");
    }
}

#[test]
fn gauges_outlive_a_kill() {
    let (folder, spy) = (Folder::new(), SpyGraphite::start());
    let config = config(&folder, &spy, 0.1);
    let mut daemon = start(&config);
    daemon.send(&["g:5|g"]);
    let flushed = |count: usize| {
        spy.wait_until("flushes", |lines| {
            let flushes = lines.iter().filter(|line| line.name == "stats.gauges.g");
            (flushes.count() >= count).then_some(())
        });
    };
    flushed(5);
    daemon.signal("KILL");
    daemon.wait();
    let daemon = start(&config);
    daemon.send(&["g:+2|g"]);
    spy.wait_until("the sum", |lines| {
        lines.iter().any(|line| line.name == "stats.gauges.g" && line.value == "7").then_some(())
    });
    daemon.stop();
}

#[test]
fn a_damaged_state_is_told_and_the_daemon_begins_anew() {
    let (folder, spy) = (Folder::new(), SpyGraphite::start());
    let config = config(&folder, &spy, 0.1);
    let mut daemon = start(&config);
    daemon.wait_for_log("state: missing in");
    daemon.send(&["g:5|g"]);
    spy.wait_for("stats.gauges.g");
    thread::sleep(Duration::from_millis(300));
    daemon.stop();
    for slot in ["state/state.a", "state/state.b"] {
        fs::write(folder.file(slot), b"not a state").unwrap();
    }
    let mut daemon = start(&config);
    daemon.wait_for_log("state: damaged in");
    spy.wait_for("gstatsd.state.restored.damaged");
    daemon.stop();
}
