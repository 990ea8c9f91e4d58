//! The bare counter: the least that a process can do with datagrams, to measure a server by.
//!
//! It receives and waits as a worker of the server does, and only counts. So what a server costs
//! beyond it is the server's work, not the kernel's and not the waiting.

use std::io;
use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsFd as _;
use std::str::FromStr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::socket::{setsockopt, sockopt};

use crate::clock::Clock;
use crate::sys::{self, Room, Taken};

/// How many datagrams are received at once. As in `server/src/work.rs`, like all that follows.
const BATCH_PACKETS: usize = 64;
/// A batch of at least so many is followed by the next one without a nap.
const BATCH_FULL: usize = BATCH_PACKETS / 2;
/// Above the longest datagram.
const PACKET_BYTES_MAX: usize = 65_536;
/// How long to nap after a batch that was not full.
const NAP: Duration = Duration::from_micros(200);
/// So many naps may bring nothing before it sleeps until something comes.
const EMPTY_NAPS_MAX: u32 = 5;
/// The receive buffer that is asked for, in bytes.
const RECEIVE_BUFFER_BYTES: usize = 8 << 20;

/// How often it looks whether it is over, in milliseconds, when nothing comes.
const LOOK_MS: u16 = 100;

/// How to wait for datagrams.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Waiting {
    /// In `recvmmsg`, until there is one.
    Blocking,
    /// After a batch that was not full, nap, so that the next one is fuller. When nothing came
    /// for some naps, sleep until something does.
    Paced,
}

/// When a count is over. Either end may be missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Until {
    /// After so many datagrams.
    pub packets: Option<u64>,
    /// After so long.
    pub duration: Option<Duration>,
}

/// What was counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Datagrams that were received.
    pub packets: u64,
    /// Their bytes, without headers.
    pub bytes: u64,
    /// Datagrams that the kernel dropped for want of room.
    pub dropped: u32,
    /// The CPU time of the whole process until now.
    pub cpu: Duration,
}

/// Counts the datagrams that come to a port of its own.
#[derive(Debug)]
pub struct BareCounter {
    socket: UdpSocket,
    waiting: Waiting,
}

impl FromStr for Waiting {
    type Err = anyhow::Error;

    /// `blocking` or `paced`
    fn from_str(text: &str) -> anyhow::Result<Self> {
        match text {
            "blocking" => Ok(Self::Blocking),
            "paced" => Ok(Self::Paced),
            _ => bail!("`{text}` is neither `blocking` nor `paced`"),
        }
    }
}

impl BareCounter {
    /// Listens on a port of 127.0.0.1 that the kernel chooses, with the receive buffer that the
    /// server asks for.
    ///
    /// # Errors
    /// The system has no socket left.
    pub fn listen(waiting: Waiting) -> anyhow::Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).context("cannot make a socket")?;
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER_BYTES).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER_BYTES)?;
        }
        socket.set_read_timeout(Some(Duration::from_millis(LOOK_MS.into())))?;
        Ok(Self { socket, waiting })
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The kernel does not say.
    pub fn address(&self) -> io::Result<SocketAddr> {
        self.socket.local_addr()
    }

    /// Counts until then, or until `stop` is set.
    ///
    /// # Errors
    /// The socket is broken.
    pub fn count(&self, until: Until, stop: &AtomicBool) -> io::Result<Counted> {
        let mut room = Room::new(BATCH_PACKETS, PACKET_BYTES_MAX);
        let mut counted = Counted::default();
        let clock = Clock::start();
        let mut empty_naps = 0;
        while !stop.load(Ordering::Relaxed) {
            let now = clock.elapsed();
            let enough = until.packets.is_some_and(|packets| counted.packets >= packets);
            if enough || until.duration.is_some_and(|duration| now >= duration) {
                break;
            }
            let blocking = self.waiting == Waiting::Blocking;
            let Taken { packets, bytes } = room.receive(self.socket.as_fd(), blocking)?;
            counted.packets += packets as u64;
            counted.bytes += bytes;
            match (self.waiting, packets) {
                (Waiting::Paced, 0) if empty_naps >= EMPTY_NAPS_MAX => {
                    self.sleep_until_something_comes();
                }
                (Waiting::Paced, 0..BATCH_FULL) => clock.sleep(NAP),
                _ => {}
            }
            empty_naps = if packets == 0 { empty_naps + 1 } else { 0 };
        }
        counted.dropped = sys::dropped_datagrams(self.socket.as_fd())?;
        counted.cpu = sys::process_cpu();
        Ok(counted)
    }

    fn sleep_until_something_comes(&self) {
        let mut waiting = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        // A signal that interrupts it is as good as a time-out.
        poll(&mut waiting, PollTimeout::from(LOOK_MS)).ok();
    }
}

#[cfg(test)]
mod tests {
    use std::thread;

    use super::*;

    fn until(packets: u64) -> Until {
        Until { packets: Some(packets), duration: Some(Duration::from_secs(10)) }
    }

    #[test]
    fn it_counts_what_comes_however_it_waits() {
        for waiting in [Waiting::Blocking, Waiting::Paced] {
            let counter = BareCounter::listen(waiting).unwrap();
            let to = counter.address().unwrap();
            let sender = thread::spawn(move || {
                let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
                // A pause, in which the counter falls asleep, and looks whether it is over.
                for packet in 0..100 {
                    if packet == 50 {
                        thread::sleep(Duration::from_millis(u64::from(LOOK_MS) * 2));
                    }
                    socket.send_to(b"a:1|c", to).unwrap();
                }
            });
            let counted = counter.count(until(100), &AtomicBool::new(false)).unwrap();
            sender.join().unwrap();
            assert_eq!((counted.packets, counted.bytes, counted.dropped), (100, 500, 0));
            assert!(counted.cpu > Duration::ZERO);
        }
    }

    #[test]
    fn it_ends_when_the_time_is_over_and_when_it_is_told() {
        for waiting in [Waiting::Blocking, Waiting::Paced] {
            let counter = BareCounter::listen(waiting).unwrap();
            let clock = Clock::start();
            let soon = Until { duration: Some(Duration::from_millis(30)), packets: None };
            assert_eq!(counter.count(soon, &AtomicBool::new(false)).unwrap().packets, 0);
            assert!(clock.elapsed() >= Duration::from_millis(30));
            let counted = counter.count(Until::default(), &AtomicBool::new(true)).unwrap();
            assert_eq!(counted.packets, 0);
        }
    }

    #[test]
    fn the_ways_to_wait_have_names() {
        assert_eq!("blocking".parse::<Waiting>().unwrap(), Waiting::Blocking);
        assert_eq!("paced".parse::<Waiting>().unwrap(), Waiting::Paced);
        assert!("spinning".parse::<Waiting>().is_err());
    }
}
