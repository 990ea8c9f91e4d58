//! The addresses of a host, which may move, while name servers may be slow or away.

use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// A host and a port, whose name is resolved each time that it is needed.
///
/// The system may take minutes to resolve a name and cannot be told to stop, so it is asked on a
/// thread of its own, one at a time. Where it gives no address, or not in time, those count that
/// it gave last: a name server that is away for a while changes nothing.
#[derive(Debug)]
pub struct Host {
    name: String,
    port: u16,
    /// How the system is asked.
    ask: fn(&str, u16) -> io::Result<Vec<SocketAddr>>,
    /// What it is asked still.
    asked: Option<Receiver<io::Result<Vec<SocketAddr>>>>,
    /// What it last said.
    known: Vec<SocketAddr>,
}

impl Host {
    /// A name or an address, the latter without brackets; nothing is asked yet.
    #[must_use]
    pub fn new(name: &str, port: u16) -> Self {
        let ask = |name: &str, port: u16| Ok((name, port).to_socket_addrs()?.collect());
        Self { name: name.to_owned(), port, ask, asked: None, known: Vec::new() }
    }

    /// Its addresses, at least one; waits for an answer of the system for so long.
    ///
    /// # Errors
    /// It has none, or there was no answer, and it never had one; `TimedOut` is for the latter.
    pub fn addresses(&mut self, patience: Duration) -> io::Result<Vec<SocketAddr>> {
        if let Ok(address) = self.name.parse::<IpAddr>() {
            return Ok(vec![SocketAddr::new(address, self.port)]);
        }
        match self.resolve(patience) {
            Ok(addresses) => self.known = addresses,
            Err(error) if self.known.is_empty() => return Err(error),
            Err(_) => {}
        }
        Ok(self.known.clone())
    }

    /// What the system says now, or says to what it was asked before and had not answered.
    fn resolve(&mut self, patience: Duration) -> io::Result<Vec<SocketAddr>> {
        let asked = match self.asked.take() {
            Some(asked) => asked,
            None => self.begin()?,
        };
        let found = match asked.recv_timeout(patience) {
            Ok(answer) => answer?,
            Err(RecvTimeoutError::Timeout) => {
                self.asked = Some(asked);
                let slow = format!("no name server answered within {patience:?}");
                return Err(io::Error::new(ErrorKind::TimedOut, slow));
            }
            Err(RecvTimeoutError::Disconnected) => Vec::new(),
        };
        match found.is_empty() {
            true => Err(io::Error::new(ErrorKind::NotFound, "the host has no address")),
            false => Ok(found),
        }
    }

    fn begin(&self) -> io::Result<Receiver<io::Result<Vec<SocketAddr>>>> {
        let (answer, asked) = sync_channel(1);
        let (ask, name, port) = (self.ask, self.name.clone(), self.port);
        thread::Builder::new().name("resolve".to_owned()).spawn(move || {
            // Nobody may wait for it any more.
            answer.send(ask(&name, port)).ok();
        })?;
        Ok(asked)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;

    const PATIENCE: Duration = Duration::from_secs(10);

    fn host(ask: fn(&str, u16) -> io::Result<Vec<SocketAddr>>) -> Host {
        Host { ask, ..Host::new("graphite.example", 2003) }
    }

    fn address(last: u64) -> SocketAddr {
        SocketAddr::new([127, 0, 0, u8::try_from(last).unwrap()].into(), 2003)
    }

    #[test]
    fn an_address_needs_nobody_to_be_asked() {
        let unasked = |_: &str, _| panic!("nobody should be asked");
        for name in ["127.0.0.1", "::1"] {
            let mut host = Host { ask: unasked, ..Host::new(name, 1) };
            let expected = SocketAddr::new(name.parse().unwrap(), 1);
            assert_eq!(host.addresses(Duration::ZERO).unwrap(), [expected]);
        }
    }

    #[test]
    fn f60_a_host_that_moves_is_followed_and_one_that_is_gone_is_where_it_was() {
        static ASKED: AtomicU64 = AtomicU64::new(0);
        let mut host = host(|_, port| match ASKED.fetch_add(1, Ordering::Relaxed) {
            0 | 5 => Err(io::Error::other("NXDOMAIN")),
            1 | 4 => Ok(Vec::new()),
            step => Ok(vec![SocketAddr::new(address(step).ip(), port)]),
        });
        assert_eq!(host.addresses(PATIENCE).unwrap_err().to_string(), "NXDOMAIN");
        let error = host.addresses(PATIENCE).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::NotFound);
        for expected in [2, 3, 3, 3, 6] {
            assert_eq!(host.addresses(PATIENCE).unwrap(), [address(expected)]);
        }
    }

    #[test]
    fn f60_a_slow_answer_is_waited_for_no_longer_than_asked_and_counts_when_it_comes() {
        static ASKED: AtomicU64 = AtomicU64::new(0);
        let mut host = host(|_, _| {
            let asked = ASKED.fetch_add(1, Ordering::Relaxed);
            thread::sleep(Duration::from_millis(50));
            Ok(vec![address(asked + 1)])
        });
        for _ in 0..3 {
            let error = host.addresses(Duration::ZERO).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::TimedOut);
        }
        assert_eq!(host.addresses(PATIENCE).unwrap(), [address(1)]);
        // It is asked anew, and meanwhile where it was.
        assert_eq!(host.addresses(Duration::ZERO).unwrap(), [address(1)]);
        assert_eq!(host.addresses(PATIENCE).unwrap(), [address(2)]);
        assert_eq!(ASKED.load(Ordering::Relaxed), 2, "one at a time");
    }
}
