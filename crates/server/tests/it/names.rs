//! F60: name servers that say nothing, say no, or change their mind, in a network of the test's
//! own.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::net::{Ipv4Addr, Shutdown, TcpListener, TcpStream, UdpSocket};
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use nix::sched::{CloneFlags, unshare};

use crate::support::{Daemon, Folder, PATIENCE, accounting, assert_books_close};

/// What the name server says of any name.
#[derive(Clone, Copy)]
enum Answer {
    /// Nothing at all.
    Silent,
    /// That there is no such name.
    Unknown,
    /// That it is 127.0.0.this.
    At(u8),
}

/// Starts a name server, which says what it is told to.
fn name_server() -> Arc<Mutex<Answer>> {
    let answer = Arc::new(Mutex::new(Answer::Silent));
    let (told, socket) = (Arc::clone(&answer), UdpSocket::bind("127.0.0.1:53").unwrap());
    thread::spawn(move || {
        let mut query = [0; 512];
        while let Ok((length, from)) = socket.recv_from(&mut query) {
            let answer = *told.lock().unwrap();
            if let Some(reply) = reply(&query[..length], answer) {
                socket.send_to(&reply, from).unwrap();
            }
        }
    });
    answer
}

/// RFC 1035, section 4.1: a header of 12 bytes, the question again, and perhaps an address.
fn reply(query: &[u8], answer: Answer) -> Option<Vec<u8>> {
    let name = query[12..].iter().position(|byte| *byte == 0).unwrap();
    let question = &query[12..12 + name + 5];
    let asks_for_ipv4 = question[name + 1..] == [0, 1, 0, 1];
    let (code, address) = match answer {
        Answer::Silent => return None,
        Answer::Unknown => (3, None),
        Answer::At(last) => (0, asks_for_ipv4.then_some(last)),
    };
    let mut reply = query[..2].to_vec();
    reply.extend([0x81, 0x80 | code, 0, 1, 0, u8::from(address.is_some()), 0, 0, 0, 0]);
    reply.extend(question);
    if let Some(last) = address {
        // The name of the question, type A, class IN, for no time, four bytes.
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 127, 0, 0, last]);
    }
    Some(reply)
}

/// A Graphite at 127.0.0.this, which can hang up.
#[derive(Clone, Default)]
struct Peer {
    text: Arc<Mutex<String>>,
    connection: Arc<Mutex<Option<TcpStream>>>,
}

impl Peer {
    fn start(last: u8) -> Self {
        let (peer, listener) =
            (Self::default(), TcpListener::bind((Ipv4Addr::new(127, 0, 0, last), 2003)).unwrap());
        let Self { text, connection } = peer.clone();
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                *connection.lock().unwrap() = Some(stream.try_clone().unwrap());
                for line in BufReader::new(stream).lines().map_while(Result::ok) {
                    *text.lock().unwrap() += &(line + "\n");
                }
            }
        });
        peer
    }

    fn hang_up(&self) {
        let connection = self.connection.lock().unwrap().take();
        connection.unwrap().shutdown(Shutdown::Both).unwrap();
    }

    fn wait_for(&self, line: &str) {
        let end = Instant::now() + PATIENCE;
        while !self.text.lock().unwrap().contains(line) {
            assert!(Instant::now() < end, "no '{line}' in: {}", self.text.lock().unwrap());
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// In a network and with files of this thread and its children alone.
fn among_name_servers() {
    let folder = Folder::new();
    let resolvers = folder.file("resolv.conf");
    fs::write(&resolvers, "nameserver 127.0.0.1\noptions timeout:1 attempts:60\n").unwrap();
    let run = |command: &str| {
        let words: Vec<_> = command.split(' ').collect();
        assert!(Command::new(words[0]).args(&words[1..]).status().unwrap().success());
    };
    run("mount --make-rprivate /");
    run(&format!("mount --bind {resolvers} /etc/resolv.conf"));
    run("ip link set lo up");

    let (answer, first, second) = (name_server(), Peer::start(2), Peer::start(3));
    let begin = Instant::now();
    let daemon = Daemon::start(&["-b", "127.0.0.1:0", "-s", "graphite.example:2003", "-f", "0.2"]);
    assert!(begin.elapsed() < PATIENCE / 2, "a name server that says nothing holds up the start");
    // Long enough for the resolver to be asked, and asked again.
    daemon.send(&["a:1|c"; 1_000]);
    thread::sleep(Duration::from_secs(1));
    daemon.send(&["a:1|c"; 1_000]);
    *answer.lock().unwrap() = Answer::At(2);
    first.wait_for("stats_counts.a 1000.000000 ");

    *answer.lock().unwrap() = Answer::At(3);
    first.hang_up();
    daemon.send(&["b:1|c"]);
    second.wait_for("stats_counts.b 1.000000 ");

    *answer.lock().unwrap() = Answer::Unknown;
    second.hang_up();
    daemon.send(&["c:1|c"]);
    second.wait_for("stats_counts.c 1.000000 ");

    let (status, log) = daemon.stop();
    assert!(status.success());
    let books = accounting(&log);
    assert_books_close(&books);
    assert_eq!((books["datagrams.received"], books["datagrams.dropped.kernel"]), (2_002, 0));
    let delivered = books.iter().find(|(name, _)| name.ends_with(":points.delivered")).unwrap().1;
    let emitted = books.iter().find(|(name, _)| name.ends_with(":points.emitted")).unwrap().1;
    assert_eq!(delivered, emitted);
}

#[test]
fn f60_name_servers_that_are_slow_or_away_hold_up_nothing() {
    let has_tools =
        ["ip", "mount"].iter().all(|tool| Command::new(tool).arg("-V").output().is_ok());
    let own = CloneFlags::CLONE_NEWNET | CloneFlags::CLONE_NEWNS;
    let thread = thread::spawn(move || match unshare(own) {
        Ok(()) if !has_tools => println!("left out: there is no `ip` or no `mount`"),
        Ok(()) => among_name_servers(),
        Err(error) => println!("left out: this user may not make a network of its own: {error}"),
    });
    thread.join().unwrap();
}
