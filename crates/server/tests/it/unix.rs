//! Unix sockets: datagrams, connections, and the files that they are.

use std::fs;
use std::io::{ErrorKind, Read as _, Write as _};
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::os::unix::net::{UnixDatagram, UnixStream};
use std::process::Command;
use std::thread;
use std::time::Duration;

use crate::support::{
    Daemon, Folder, PATIENCE, SpyGraphite, accounting, assert_books_close, binary, sum,
};

fn start(config: &str, spy: &SpyGraphite) -> Daemon {
    Daemon::configured(config, &["-s", &spy.sink(), "-f", "600"])
}

#[test]
fn datagrams_and_connections_come_over_unix_sockets() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let (datagrams, stream) = (folder.file("datagrams"), folder.file("stream"));
    let sink = spy.sink();
    let urls = [format!("unixgram://{datagrams}"), format!("unix://{stream}")];
    let daemon = Daemon::start(&["-b", &urls[0], "-b", &urls[1], "-s", &sink, "-f", "600"]);
    let socket = UnixDatagram::unbound().unwrap();
    let longest = "b:1|c\n".repeat(10_000);
    for text in ["a:1|c", "a:1|c\nb:1|c\n", "", &longest] {
        socket.send_to(text.as_bytes(), &datagrams).unwrap();
    }
    let mut stream = UnixStream::connect(&stream).unwrap();
    stream.write_all(b"a:1|c\nb:1|c\nc:1").unwrap();
    let (_, log) = daemon.stop();
    let (books, lines) = (accounting(&log), spy.all_lines(&log));
    assert_books_close(&books);
    assert_eq!(sum(&lines, "stats_counts.a"), 3.0);
    assert_eq!(sum(&lines, "stats_counts.b"), 10_002.0);
    assert_eq!((books["datagrams.received"], books["datagrams.empty"]), (4, 1));
    assert_eq!(books["lines.rejected.truncated"], 1);
    assert!(!fs::exists(&datagrams).unwrap() && !fs::exists(folder.file("stream")).unwrap());
}

#[test]
fn packets_with_their_length_before_them_are_read() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let path = folder.file("socket");
    let config =
        format!("[[listen]]\naddress = \"unix://{path}\"\nframing = \"length_prefixed\"\n");
    let daemon = start(&config, &spy);
    let prefixed =
        |text: &str| [&u32::try_from(text.len()).unwrap().to_le_bytes(), text.as_bytes()].concat();
    let all = [prefixed("a:1|c\nb:1|c"), prefixed("a:1|c\n"), prefixed(""), prefixed("b:1|c")];
    for piece in [1, 3, 1_000] {
        let mut stream = UnixStream::connect(&path).unwrap();
        all.concat().chunks(piece).for_each(|bytes| stream.write_all(bytes).unwrap());
    }
    let mut torn = UnixStream::connect(&path).unwrap();
    torn.write_all(&[&all[1][..], &prefixed("c:1|c")[..7]].concat()).unwrap();
    drop(torn);
    thread::sleep(Duration::from_millis(100));
    // F42: a length that nobody has, and no memory for it.
    let mut endless = UnixStream::connect(&path).unwrap();
    endless.write_all(b"\xff\xff\xff\xff").unwrap();
    endless.set_read_timeout(Some(PATIENCE)).unwrap();
    assert_eq!(endless.read(&mut [0]).unwrap(), 0);
    let (_, log) = daemon.stop();
    let (books, lines) = (accounting(&log), spy.all_lines(&log));
    assert_books_close(&books);
    assert_eq!(sum(&lines, "stats_counts.a"), 7.0);
    assert_eq!(sum(&lines, "stats_counts.b"), 6.0);
    assert_eq!(books["lines.rejected.truncated"], 1);
    assert_eq!(books["lines.rejected.line_too_long"], 1);
    assert_eq!(books["connections.closed.line_too_long"], 1);
}

#[test]
fn f40_a_socket_left_behind_is_replaced_and_has_the_mode_that_was_asked_for() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let path = folder.file("socket");
    let config = format!("[[listen]]\naddress = \"unixgram://{path}\"\nmode = \"0620\"\n");
    let killed = start(&config, &spy);
    killed.signal("KILL");
    drop(killed);
    assert!(fs::exists(&path).unwrap(), "it had no time to tidy up");
    let daemon = start(&config, &spy);
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o620);
    UnixDatagram::unbound().unwrap().send_to(b"a:1|c", &path).unwrap();
    let (_, log) = daemon.stop();
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 1.0);
    assert!(!fs::exists(&path).unwrap());
}

#[test]
fn f40_what_is_in_use_or_no_socket_is_not_touched() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let live = folder.file("live");
    let daemon = start(&format!("[[listen]]\naddress = \"unixgram://{live}\"\n"), &spy);
    fs::write(folder.file("file"), "precious").unwrap();
    symlink(folder.file("file"), folder.file("link")).unwrap();
    fs::create_dir(folder.file("folder")).unwrap();
    for (name, why) in [
        ("live", "another process listens there"),
        ("file", "there is a file, which is not replaced"),
        ("link", "there is a symbolic link, which is not replaced"),
        ("folder", "there is a directory, which is not replaced"),
        ("nowhere/socket", "No such file or directory (os error 2)"),
    ] {
        for transport in ["unix", "unixgram"] {
            let url = format!("{transport}://{}", folder.file(name));
            let output = Command::new(binary()).args(["-b", &url]).output().unwrap();
            assert_eq!(output.status.code(), Some(1));
            let said = String::from_utf8(output.stderr).unwrap();
            assert_eq!(said, format!("gstatsd: cannot listen on {url}: {why}\n"));
        }
    }
    assert_eq!(fs::read(folder.file("link")).unwrap(), b"precious");
    UnixDatagram::unbound().unwrap().send_to(b"a:1|c", &live).unwrap();
    let (_, log) = daemon.stop();
    assert_eq!(sum(&spy.all_lines(&log), "stats_counts.a"), 1.0);
}

#[test]
fn f41_a_full_queue_holds_up_only_who_waits_for_it_and_loses_nothing_that_was_taken() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let path = folder.file("socket");
    let daemon = start(&format!("[[listen]]\naddress = \"unixgram://{path}\"\n"), &spy);
    let (fast, patient) = (UnixDatagram::unbound().unwrap(), UnixDatagram::unbound().unwrap());
    fast.connect(&path).unwrap();
    fast.set_nonblocking(true).unwrap();
    daemon.signal("STOP");
    let refused = |sent: std::io::Result<usize>| {
        sent.map(drop).is_err_and(|error| error.kind() == ErrorKind::WouldBlock)
    };
    let taken = (0..10_000).take_while(|_| !refused(fast.send(b"fast:1|c"))).count();
    assert!(taken < 10_000);
    daemon.signal("CONT");
    for _ in 0..2_000 {
        patient.send_to(b"patient:1|c", &path).unwrap();
    }
    let (_, log) = daemon.stop();
    let (books, lines) = (accounting(&log), spy.all_lines(&log));
    assert_books_close(&books);
    assert_eq!(sum(&lines, "stats_counts.fast"), taken as f64);
    assert_eq!(sum(&lines, "stats_counts.patient"), 2_000.0);
    assert_eq!(books["datagrams.dropped.kernel"], 0);
}

#[test]
fn a_daemon_in_the_background_keeps_its_socket() {
    let folder = Folder::new();
    let (path, pid_file) = (folder.file("socket"), folder.file("pid"));
    let url = format!("unixgram://{path}");
    let arguments = ["-b", &url, "-D", "--pid-file", &pid_file, "--log", &folder.file("log")];
    let status = Command::new(binary()).args(arguments).status().unwrap();
    assert!(status.success());
    let pid = fs::read_to_string(&pid_file).unwrap();
    let sent = UnixDatagram::unbound().unwrap().send_to(b"a:1|c", &path);
    Command::new("kill").arg(pid.trim()).status().unwrap();
    sent.unwrap();
    let gone = || !fs::exists(&path).unwrap() && !fs::exists(&pid_file).unwrap();
    assert!((0..1_000).any(|_| {
        thread::sleep(Duration::from_millis(10));
        gone()
    }));
}
