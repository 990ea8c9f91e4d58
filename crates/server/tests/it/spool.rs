//! What a dead sink does not take waits on the disk, and the next daemon delivers it.

use std::net::{TcpListener, UdpSocket};
use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};
use std::{fs, thread};

use crate::support::{
    Daemon, Folder, PATIENCE, SpyGraphite, accounting, assert_books_close, binary, sum,
};

/// A configuration with one sink of that name at that port, and its spool.
fn config(folder: &Folder, name: &str, port: u16) -> String {
    let state = folder.file("state");
    let text = format!(
        "flush_interval = 0.1\nown_metrics = \"\"\nstate_directory = \"{state}\"\n\
         [spool]\nfree_percent = 0\n\
         [[sink]]\nname = \"{name}\"\nurl = \"graphite://127.0.0.1:{port}\"\n\
         queue_bytes = 4096\n"
    );
    let file = folder.file(&format!("{name}.toml"));
    fs::write(&file, text).unwrap();
    file
}

fn start(config: &str) -> Daemon {
    Daemon::start_command(Command::new(binary()).args(["-c", config, "-b", "127.0.0.1:0"]))
}

fn spool(what: &str, config: &str) -> Output {
    Command::new(binary()).args(["spool", "-c", config, what]).output().unwrap()
}

fn text(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

/// A port that nobody listens on.
fn dead_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn f83_a_dead_sink_costs_nothing_and_the_next_daemon_delivers() {
    let (folder, port) = (Folder::new(), dead_port());
    let good = config(&folder, "good", port);
    let daemon = start(&good);
    for _ in 0..20 {
        daemon.send(&["a:1|c", "b:2|ms"]);
        thread::sleep(Duration::from_millis(60));
    }
    let asked = Instant::now();
    let (status, log) = daemon.stop();
    assert!(asked.elapsed() < Duration::from_secs(5), "row F83 says so");
    assert!(status.success());
    let books = accounting(&log);
    assert_books_close(&books);
    let spooled = books["good:points.spooled"];
    assert!(spooled > 20, "{books:?}");
    assert!(!books.contains_key("good:points.dropped.shutdown"), "{books:?}");

    let listed = text(&spool("ls", &good));
    assert!(listed.starts_with("good: "), "{listed}");
    assert!(listed.contains(&format!(", {spooled} points, state: newest\n")), "{listed}");
    assert!(spool("verify", &good).status.success());
    let exported = text(&spool("export", &good));
    let counts = exported.lines().filter_map(|line| line.strip_prefix("stats_counts.a "));
    let counts = counts.map(|rest| rest.split(' ').next().unwrap().parse::<f64>().unwrap());
    assert_eq!(counts.sum::<f64>(), 20.0, "{exported}");

    // Row F62: another configuration leaves it where it is, and says so.
    let other = config(&folder, "other", port);
    let mut daemon = start(&other);
    daemon.wait_for_log(&format!("{spooled} points wait in the spool of good"));
    daemon.stop();

    let spy = SpyGraphite::start_at(port);
    let daemon = start(&good);
    spy.wait_until("all of it", |lines| (sum(lines, "stats_counts.a") == 20.0).then_some(()));
    let end = Instant::now() + PATIENCE;
    while !text(&spool("ls", &good)).contains("good: 0 records, 0 points") {
        assert!(Instant::now() < end, "the spool does not become empty");
        thread::sleep(Duration::from_millis(20));
    }
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!(books["good:points.restored"], spooled);
    assert!(!books.contains_key("good:points.spooled"), "{books:?}");
}

#[test]
fn f78_a_second_daemon_on_one_spool_says_so_and_serves_without() {
    let folder = Folder::new();
    let spy = SpyGraphite::start();
    let port = spy.sink().rsplit_once(':').unwrap().1.parse().unwrap();
    let config = config(&folder, "good", port);
    let _first = start(&config);
    // A thread of the sink opens it.
    let end = Instant::now() + PATIENCE;
    while !Path::new(&folder.file("state/spool/good/state.a")).exists() {
        assert!(Instant::now() < end, "the first daemon opens no spool");
        thread::sleep(Duration::from_millis(5));
    }
    let mut second = start(&config);
    second.wait_for_log("is in use by another process");
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.send_to(b"a:3|c", second.address()).unwrap();
    spy.wait_for("stats_counts.a");
    let (status, log) = second.stop();
    assert!(status.success());
    assert_books_close(&accounting(&log));
}

#[test]
fn f76_damage_is_told_by_verify_and_costs_one_record() {
    let (folder, port) = (Folder::new(), dead_port());
    let good = config(&folder, "good", port);
    let daemon = start(&good);
    for _ in 0..6 {
        daemon.send(&["a:1|c"]);
        thread::sleep(Duration::from_millis(150));
    }
    daemon.stop();
    let dir = folder.file("state/spool/good");
    let names = fs::read_dir(&dir).unwrap().map(|file| file.unwrap().path());
    let segment = names.into_iter().find(|path| path.extension() == Some("seg".as_ref())).unwrap();
    let mut bytes = fs::read(&segment).unwrap();
    bytes[110] ^= 1;
    fs::write(&segment, bytes).unwrap();
    let verified = spool("verify", &good);
    assert_eq!(verified.status.code(), Some(1));
    assert!(text(&verified).contains("damaged: "), "{}", text(&verified));
    let spy = SpyGraphite::start_at(port);
    let daemon = start(&good);
    spy.wait_until("the others", |lines| (sum(lines, "stats_counts.a") == 5.0).then_some(()));
    let (_, log) = daemon.stop();
    let books = accounting(&log);
    assert_books_close(&books);
    // It is counted when the end of its segment is reached, in this run or in the next one.
    let of = |name: &str| books.get(name).copied().unwrap_or_default();
    let lost = of("good:points.dropped.spool_corrupt") + of("good:points.spooled");
    assert!(lost > 0 && of("good:points.delivered") > 0, "{books:?}");
}

/// Row F71, on a file system of 512 KiB in a namespace of the daemon's own. Where the system gives
/// no such namespace, the tests of the spool itself stand in with a disk that has no room.
#[test]
fn f71_a_full_disk_ends_nothing() {
    let in_namespace = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(["-rm", "sh", "-c", script, "sh"]);
        command
    };
    let folder = Folder::new();
    let state = folder.file("state");
    fs::create_dir(&state).unwrap();
    let mount = format!("mount -t tmpfs -o size=512k none {state}");
    if !in_namespace(&mount).status().is_ok_and(|status| status.success()) {
        return;
    }
    let good = config(&folder, "good", dead_port());
    let exec = format!("{mount} && exec \"$@\"");
    let mut command = in_namespace(&exec);
    command.args([&binary(), "-c", &good, "-b", "127.0.0.1:0"]);
    let daemon = Daemon::start_command(&mut command);
    for round in 0..40 {
        let lines: Vec<_> = (0..60).map(|index| format!("r{round}.{index}:1|c")).collect();
        daemon.send(&[lines.join("\n")]);
        thread::sleep(Duration::from_millis(60));
    }
    let (status, log) = daemon.stop();
    assert!(status.success(), "{log}");
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!(books["samples.aggregated"], 2_400);
    assert!(books["good:points.spooled"] > 0, "{books:?}");
}

#[test]
fn f77_a_daemon_says_at_its_start_that_the_disk_has_too_little_room() {
    let folder = Folder::new();
    let file = config(&folder, "good", dead_port());
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("free_percent = 0", "free_percent = 100")).unwrap();
    let mut daemon = start(&file);
    daemon.wait_for_log("sink good: the spool ");
    let (_, log) = daemon.stop();
    let told: Vec<_> = log.lines().filter(|line| line.contains("can take nothing")).collect();
    assert_eq!(told.len(), 1, "{log}");
    assert!(told[0].contains("spool.free_percent = 100 keeps "), "{told:?}");
    assert_eq!(accounting(&log)["good:spool.no_room"], 1);
}
