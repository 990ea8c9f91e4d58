//! Health checks: asks a node's management port whether it is up, as the Node.js proxy does.

use std::io::{self, Read as _, Write as _};
use std::net::TcpStream;
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use gstatsd_sinks::Host;

use crate::clock;
use crate::config::Address;

/// How long a check may take at most, whatever the interval.
const CHECK_MAX: Duration = Duration::from_secs(5);
/// The least time between two checks, however often trouble is told.
const CHECK_MIN: Duration = Duration::from_millis(250);
/// The longest answer that is read, in bytes.
const ANSWER_MAX: usize = 256;

/// Starts a thread that asks every `interval`, and sooner when `hints` tells of trouble, and
/// tells `report` each time whether the node is up. It ends with the process.
///
/// # Errors
/// The system can start no thread.
pub(super) fn watch(
    address: Address,
    interval: Duration,
    hints: Receiver<()>,
    report: impl Fn(bool) + Send + 'static,
) -> io::Result<()> {
    let mut host = Host::new(&address.host, address.port);
    let watch = move || {
        loop {
            let up = is_up(&mut host, interval.min(CHECK_MAX)).unwrap_or_else(|error| {
                log::debug!("relay: health of {address}: {error}");
                false
            });
            report(up);
            thread::sleep(CHECK_MIN.min(interval));
            // Trouble that was told while the check ran is what it found.
            while hints.try_recv().is_ok() {}
            if hints.recv_timeout(interval) == Err(RecvTimeoutError::Disconnected) {
                thread::sleep(interval);
            }
        }
    };
    thread::Builder::new().name("relay health".to_owned()).spawn(watch)?;
    Ok(())
}

/// Asks once. Up is who says so; whatever else it says, it is not.
fn is_up(host: &mut Host, patience: Duration) -> io::Result<bool> {
    let deadline = clock::now() + patience;
    let left = || -> io::Result<Duration> {
        let left = deadline.saturating_duration_since(clock::now());
        if left.is_zero() { Err(io::ErrorKind::TimedOut.into()) } else { Ok(left) }
    };
    let mut failed = io::Error::new(io::ErrorKind::NotFound, "the host has no address");
    // The other half is for the question.
    for address in host.addresses(patience / 2)? {
        let mut stream = match TcpStream::connect_timeout(&address, left()?) {
            Ok(stream) => stream,
            Err(error) => {
                failed = error;
                continue;
            }
        };
        stream.set_write_timeout(Some(left()?))?;
        stream.write_all(b"health\r\n")?;
        let (mut answer, mut length) = ([0; ANSWER_MAX], 0);
        while !answer[..length].contains(&b'\n') && length < ANSWER_MAX {
            stream.set_read_timeout(Some(left()?))?;
            match stream.read(&mut answer[length..])? {
                0 => break,
                read => length += read,
            }
        }
        return Ok(answer[..length].windows(2).any(|pair| pair == b"up"));
    }
    Err(failed)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    /// What a check makes of a node that answers so.
    fn check(answer: &'static [u8]) -> io::Result<bool> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let node = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut question = [0; 8];
            stream.read_exact(&mut question).unwrap();
            assert_eq!(&question, b"health\r\n");
            stream.write_all(answer).ok();
            // Open until the check is over, as a management port is.
            stream.read_to_end(&mut Vec::new()).ok();
        });
        let up = is_up(&mut Host::new("127.0.0.1", port), Duration::from_millis(300));
        node.join().unwrap();
        up
    }

    #[test]
    fn only_a_node_that_says_so_is_up() {
        assert!(check(b"health: up\n").unwrap());
        assert!(!check(b"health: down\n").unwrap());
        assert!(!check(b"ERROR\n").unwrap());
        assert!(!check(&[b'x'; 5_000]).unwrap());
        assert!(check(b"health:").is_err());
        assert!(is_up(&mut Host::new("127.0.0.1", 1), Duration::from_secs(1)).is_err());
    }
}
