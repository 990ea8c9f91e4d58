//! A host that stops us for a while, gives small buffers, or takes the network away: F91, F93, F94.

use std::fs;
use std::process::Command;
use std::thread;
use std::time::Duration;

use nix::sched::{CloneFlags, unshare};

use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close, binary, sum};

#[test]
fn f91_what_came_while_the_process_was_stopped_counts_over_the_time_that_it_took() {
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "0.5"]);
    daemon.send(&["a:1|c"; 100]);
    daemon.signal("STOP");
    daemon.send(&["a:1|c"; 200]);
    thread::sleep(Duration::from_secs(2));
    daemon.signal("CONT");
    let lines = spy.wait_until("all of it", |lines| {
        (sum(lines, "stats_counts.a") >= 300.0).then(|| lines.to_vec())
    });
    let (status, log) = daemon.stop();
    assert!(status.success());
    assert_books_close(&accounting(&log));
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 300.0);
    // A rate that took the interval for half a second would be four times too high.
    let of = |name: &str, timestamp: i64| {
        let mut lines = lines.iter().filter(|line| line.name == name);
        lines.find(|line| line.timestamp == timestamp).unwrap().value.parse::<f64>().unwrap()
    };
    let counts = lines.iter().filter(|line| line.name == "stats_counts.a");
    let lengths =
        counts.map(|line| line.timestamp).map(|at| of("stats_counts.a", at) / of("stats.a", at));
    let longest = lengths.fold(0.0, f64::max);
    assert!(longest > 1.4, "{longest} s: {lines:?}");
}

#[test]
fn f94_a_receive_buffer_that_is_smaller_than_asked_for_is_told_at_start() {
    let most = fs::read_to_string("/proc/sys/net/core/rmem_max").unwrap();
    let most: u64 = most.trim().parse().unwrap();
    let (asked, folder) = (most + 1, Folder::new());
    let config = folder.file("gstatsd.toml");
    fs::write(&config, format!("receive_buffer_bytes = {asked}\n")).unwrap();
    // Who may administer the network gets any size.
    let mut command = Command::new("setpriv");
    command.args(["--bounding-set=-net_admin", &binary(), "-c", &config, "-b", "127.0.0.1:0"]);
    let mut daemon = Daemon::start_command(&mut command);
    let line = daemon.wait_for_log("receive_buffer_bytes: ");
    assert!(line.contains(&format!("gives {most} of {asked} bytes")), "{line}");
}

/// The CPU time of a process so far, in hundredths of a second.
fn ticks(pid: u32) -> u64 {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let fields: Vec<_> = stat.rsplit(") ").next().unwrap().split(' ').collect();
    fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
}

/// In a network of this thread and its children alone, whose loopback goes down and comes back.
fn without_a_network() {
    let loopback = |state: &str| {
        assert!(Command::new("ip").args(["link", "set", "lo", state]).status().unwrap().success());
    };
    loopback("up");
    let spy = SpyGraphite::start();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", &spy.sink(), "-f", "0.1"]);
    let send = || daemon.send(&["a:1|c"; 100]);
    send();
    spy.wait_until("what came before", |lines| {
        (sum(lines, "stats_counts.a") == 100.0).then_some(())
    });
    loopback("down");
    let before = ticks(daemon.pid());
    thread::sleep(Duration::from_secs(1));
    let spent = ticks(daemon.pid()) - before;
    assert!(spent < 50, "{spent} of 100 ticks went into a network that is gone");
    loopback("up");
    send();
    spy.wait_until("what came after", |lines| {
        (sum(lines, "stats_counts.a") >= 200.0).then_some(())
    });
    let (status, log) = daemon.stop();
    assert!(status.success());
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!(books["datagrams.received"], 200);
}

#[test]
fn f93_a_network_that_goes_down_and_comes_back_costs_neither_metrics_nor_cpu_time() {
    let has_ip = Command::new("ip").arg("-V").output().is_ok();
    let thread = thread::spawn(move || match unshare(CloneFlags::CLONE_NEWNET) {
        Ok(()) if !has_ip => println!("left out: there is no `ip`"),
        Ok(()) => without_a_network(),
        Err(error) => println!("left out: this user may not make a network of its own: {error}"),
    });
    thread.join().unwrap();
}
