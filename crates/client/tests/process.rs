//! A client and its process: forks, signals, closed standard streams, and the end.
#![expect(clippy::unwrap_used, reason = "a test")]
#![expect(unsafe_code, reason = "a fork, and handlers of signals, cannot be had without")]

use std::io::Write as _;
use std::net::UdpSocket;
use std::os::fd::RawFd;
use std::process::Command;
use std::sync::OnceLock;
use std::time::Duration;
use std::{env, io, thread};

use gstatsd_client::{Builder, Reason, Spy, StatsClient};
use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, raise, sigaction};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};

const PATIENCE: Duration = Duration::from_secs(30);
/// Says to this program, run once more, where to send.
const TO: &str = "GSTATSD_CLIENT_TEST_TO";

fn peer() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    let address = socket.local_addr().unwrap().to_string();
    (socket, address)
}

fn packet(socket: &UdpSocket) -> String {
    let mut buffer = [0; 65_536];
    let bytes = socket.recv(&mut buffer).unwrap();
    String::from_utf8(buffer[..bytes].to_vec()).unwrap()
}

/// Does something in a child of this process, and waits for its end.
fn in_child(work: impl FnOnce()) {
    // SAFETY: the child uses the heap, which the system's library keeps whole over a fork, and
    // nothing else that another thread of this process may have held.
    match unsafe { fork() }.unwrap() {
        ForkResult::Parent { child } => {
            assert_eq!(waitpid(child, None).unwrap(), WaitStatus::Exited(child, 0));
        }
        ForkResult::Child => {
            let done = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
            // SAFETY: it ends the process at once, without what the harness has to do.
            unsafe { libc::_exit(i32::from(done.is_err())) }
        }
    }
}

#[test]
fn a_child_sends_what_is_its_own() {
    for direct in [false, true] {
        let (socket, address) = peer();
        let builder = StatsClient::builder(&address).unwrap().delay_max(Duration::from_secs(60));
        let client = if direct { builder.direct().build() } else { builder.build() };
        client.increment("parent");
        let mut client = Some(client);
        in_child(|| {
            let child = client.as_ref().unwrap().clone();
            child.increment("child");
            assert_eq!(child.counts().lines, 1);
            assert!(child.flush(PATIENCE));
            // A child of the child, which has never known the first one's threads.
            in_child(|| {
                child.increment("grandchild");
                drop(child);
                client.take();
            });
        });
        client.take();
        let mut packets = [packet(&socket), packet(&socket), packet(&socket)];
        packets.sort_unstable();
        assert_eq!(packets, ["child:1|c", "grandchild:1|c", "parent:1|c"]);
        socket.set_nonblocking(true).unwrap();
        assert!(socket.recv(&mut [0; 64]).is_err(), "something was sent twice");
    }
}

#[test]
fn a_child_that_sends_nothing_starts_nothing() {
    let (socket, address) = peer();
    let client = StatsClient::builder(&address).unwrap().build();
    client.increment("parent");
    in_child(|| {
        assert!(client.flush(PATIENCE));
        assert_eq!(client.counts().lines, 0);
        drop(client.clone());
        assert_eq!(std::fs::read_dir("/proc/self/task").unwrap().count(), 1);
    });
    drop(client);
    assert_eq!(packet(&socket), "parent:1|c");
}

#[test]
fn what_was_closed_stays_closed_in_a_child() {
    let (_socket, address) = peer();
    let client = StatsClient::builder(&address).unwrap().build();
    client.close();
    in_child(|| {
        client.increment("a");
        assert_eq!(client.counts().dropped(Reason::Closed), 1);
    });
}

#[test]
fn a_child_is_not_held_up_by_what_its_parent_was_doing() {
    let (socket, address) = peer();
    let client = StatsClient::builder(&address).unwrap().build();
    let stop = std::sync::atomic::AtomicBool::new(false);
    thread::scope(|scope| {
        // Somebody holds a buffer in most moments.
        for _ in 0..4 {
            scope.spawn(|| {
                while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                    client.increment("parent");
                }
            });
        }
        for _ in 0..50 {
            in_child(|| {
                client.increment("child");
                assert!(client.flush(PATIENCE));
            });
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    drop((client, socket));
}

#[test]
fn chances_in_a_child_are_its_own() {
    let (client, spy) = StatsClient::spy();
    let draw = || {
        for name in ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o"] {
            client.rate(0.5).increment(name);
        }
        spy.take()
    };
    draw();
    let (reader, mut writer) = io::pipe().unwrap();
    for _ in 0..3 {
        in_child(|| writeln!(writer, "{:?}", draw()).unwrap());
    }
    drop(writer);
    let text = io::read_to_string(reader).unwrap();
    let drawn: Vec<_> = text.lines().collect();
    assert_eq!(drawn.len(), 3);
    assert!(drawn[0] != drawn[1] || drawn[1] != drawn[2], "{drawn:?}");
}

#[test]
fn a_socket_never_becomes_a_standard_stream() {
    let (socket, address) = peer();
    for direct in [false, true] {
        in_child(|| {
            for standard in 0..=2 as RawFd {
                nix::unistd::close(standard).unwrap();
            }
            let builder = StatsClient::builder(&address).unwrap();
            let client = if direct { builder.direct().build() } else { builder.build() };
            client.increment("a");
            client.flush(PATIENCE);
            // SAFETY: the bytes live through the call. Whoever has the number gets them.
            unsafe { libc::write(1, b"forged:1|c".as_ptr().cast(), 10) };
        });
        assert_eq!(packet(&socket), "a:1|c");
    }
    socket.set_nonblocking(true).unwrap();
    assert!(socket.recv(&mut [0; 64]).is_err(), "what was printed was sent");
}

static INTERRUPTED: OnceLock<StatsClient> = OnceLock::new();

extern "C" fn interrupt(_: i32) {
    if let Some(client) = INTERRUPTED.get() {
        client.increment("handler");
    }
}

#[test]
fn a_signal_handler_may_call_while_a_call_is_on_its_way() {
    let spy = Spy::new();
    let client = Builder::to_sink(spy).buffer_bytes_max(1_000).build();
    let client = INTERRUPTED.get_or_init(|| client);
    let handler = SigHandler::Handler(interrupt);
    let action = SigAction::new(handler, SaFlags::SA_RESTART, SigSet::empty());
    // SAFETY: the handler calls what this test is about.
    unsafe { sigaction(Signal::SIGUSR1, &action) }.unwrap();
    let caller = nix::sys::pthread::pthread_self();
    thread::scope(|scope| {
        let interrupting = scope.spawn(|| {
            for _ in 0..2_000 {
                nix::sys::pthread::pthread_kill(caller, Signal::SIGUSR1).unwrap();
                thread::yield_now();
            }
        });
        while !interrupting.is_finished() {
            client.increment("caller");
        }
    });
    raise(Signal::SIGUSR1).unwrap();
    assert!(client.flush(PATIENCE));
    let counts = client.counts();
    assert_eq!(counts.lines, counts.sent + counts.waiting + counts.dropped_in_all());
    // It depends on the moment whether a handler found the thread inside of a call.
    assert_eq!(
        counts.dropped_in_all(),
        counts.dropped(Reason::Busy) + counts.dropped(Reason::Full)
    );
}

#[test]
fn what_waits_is_sent_when_the_program_ends() {
    let (socket, address) = peer();
    let name = "the_program_that_ends";
    let program = env::current_exe().unwrap();
    let status = Command::new(program)
        .args(["--exact", name, "--nocapture"])
        .env(TO, &address)
        .output()
        .unwrap()
        .status;
    assert!(status.success());
    assert_eq!(packet(&socket), "last:1|c\nwords:1|c");
}

/// Does nothing by itself.
#[test]
fn the_program_that_ends() {
    if let Ok(address) = env::var(TO) {
        let builder = StatsClient::builder(&address).unwrap();
        let client = builder.delay_max(Duration::from_secs(60)).build();
        client.increment("last");
        client.increment("words");
    }
}
