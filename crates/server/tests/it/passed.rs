//! Sockets that are there before the daemon: those that systemd hands over. A shell stands in for
//! systemd, and moves them to where `sd_listen_fds(3)` has them.

use std::io::Write as _;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use crate::support::{Daemon, Folder, SpyGraphite, accounting, assert_books_close, binary, sum};

/// A command that gets two sockets, with these names.
pub(crate) fn with_sockets(one: OwnedFd, two: OwnedFd, names: &str, arguments: &[&str]) -> Command {
    let exec = "exec 3<&0 4>&1 0</dev/null 1>/dev/null; export LISTEN_PID=$$; exec \"$@\"";
    let mut command = Command::new("sh");
    command.args(["-c", exec, "sh", &binary()]).args(arguments);
    command.env("LISTEN_FDS", "2").env("LISTEN_FDNAMES", names);
    command.stdin(Stdio::from(one)).stdout(Stdio::from(two));
    command
}

fn sockets() -> (UdpSocket, TcpListener) {
    (UdpSocket::bind("127.0.0.1:0").unwrap(), TcpListener::bind("127.0.0.1:0").unwrap())
}

#[test]
fn sockets_that_systemd_has_opened_are_taken_and_nothing_else() {
    let spy = SpyGraphite::start();
    let (udp, tcp) = sockets();
    let (to_udp, to_tcp) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
    // What comes before the daemon waits for it.
    let sender = UdpSocket::bind("127.0.0.1:0").unwrap();
    sender.send_to(b"a:1|c", to_udp).unwrap();
    let mut stream = TcpStream::connect(to_tcp).unwrap();
    stream.write_all(b"b:1|c\n").unwrap();
    let arguments = ["-s", &spy.sink(), "-f", "600", "--workers", "2"];
    let mut command = with_sockets(udp.into(), tcp.into(), "datagrams:streams", &arguments);
    let daemon = Daemon::start_with_input(&mut command);
    assert_eq!(daemon.addresses, [to_udp, to_tcp]);
    sender.send_to(b"a:2|c", to_udp).unwrap();
    stream.write_all(b"b:2|c\n").unwrap();
    let (_, log) = daemon.stop();
    let (books, lines) = (accounting(&log), spy.all_lines(&log));
    assert_books_close(&books);
    assert_eq!(sum(&lines, "stats_counts.a"), 3.0);
    assert_eq!(sum(&lines, "stats_counts.b"), 3.0);
    assert!(!log.contains(":8125"), "{log}");
}

#[test]
fn a_listener_has_the_sockets_of_its_name_and_settings_of_its_own() {
    let (spy, folder) = (SpyGraphite::start(), Folder::new());
    let (udp, tcp) = sockets();
    let (to_udp, to_tcp) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
    let config = folder.file("gstatsd.toml");
    let text = "[[listen]]\naddress = \"systemd://one\"\ndeny = [\"127.0.0.1\"]\n\
                [[listen]]\naddress = \"systemd://two\"\nframing = \"length_prefixed\"\n";
    std::fs::write(&config, text).unwrap();
    let arguments = ["-c", &config, "-s", &spy.sink(), "-f", "600"];
    let mut command = with_sockets(udp.into(), tcp.into(), "one:two", &arguments);
    let daemon = Daemon::start_with_input(&mut command);
    UdpSocket::bind("127.0.0.1:0").unwrap().send_to(b"a:1|c", to_udp).unwrap();
    TcpStream::connect(to_tcp).unwrap().write_all(b"\x05\0\0\0b:1|c").unwrap();
    let (_, log) = daemon.stop();
    let (books, lines) = (accounting(&log), spy.all_lines(&log));
    assert_books_close(&books);
    assert_eq!(sum(&lines, "stats_counts.b"), 1.0);
    assert_eq!((books["datagrams.denied"], books["lines.received"]), (1, 1));
}

#[test]
fn a_socket_that_is_not_there_or_of_no_use_is_told() {
    let (udp, tcp) = sockets();
    let connected = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    let mut command = with_sockets(udp.into(), connected.into(), "a:b", &["-b", "systemd://c"]);
    let said = |command: &mut Command| {
        let output = command.stderr(Stdio::piped()).output().unwrap();
        assert_eq!(output.status.code(), Some(1));
        String::from_utf8(output.stderr).unwrap()
    };
    assert_eq!(
        said(&mut command),
        "gstatsd: cannot listen on systemd://c: systemd has opened no socket of this name, but \
         [\"a\", \"b\"]\n"
    );
    let (udp, _) = sockets();
    let connected = TcpStream::connect(tcp.local_addr().unwrap()).unwrap();
    let mut command = with_sockets(udp.into(), connected.into(), "a:b", &["-b", "systemd://b"]);
    assert_eq!(
        said(&mut command),
        "gstatsd: cannot listen on systemd://b: a socket of this name is neither for datagrams \
         nor for connections\n"
    );
    let mut command = Command::new(binary());
    command.args(["-b", "systemd://a"]).env_remove("LISTEN_FDS");
    assert_eq!(
        said(&mut command),
        "gstatsd: cannot listen on systemd://a: systemd has opened no socket for this process\n"
    );
}
