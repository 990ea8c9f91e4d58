//! A peer: another StatsD that packets are passed on to, by a thread of its own.
//!
//! ```text
//! workers --> Queue --> Courier --> UDP: a datagram for each packet
//!                                   TCP: one connection; each packet ends with a newline
//! ```

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::thread;
use std::time::{Duration, Instant};

use gstatsd_sinks::{Connection, Fault, Host};

use super::queue::{Books, Drop, Packet, Queue};
use crate::clock;
use crate::config::{self, Transport};

/// The shortest and the longest wait before a connection is tried again.
const BACKOFF_MIN: Duration = Duration::from_millis(250);
const BACKOFF_MAX: Duration = Duration::from_secs(5);
/// How often a failing peer is mentioned in the log.
const MENTION: Duration = Duration::from_mins(1);
/// How often the name of a peer is resolved again, where there is no connection that would break.
const RESOLVE: Duration = Duration::from_mins(1);
/// How long a connection may take to be made, and the peer to acknowledge nothing.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// Packets are gathered to about so many bytes before they are written to a connection.
const CHUNK: usize = 64 * 1024;

/// Where packets are passed on to.
pub(crate) struct Peer {
    /// Its name in own metrics.
    pub(crate) name: String,
    /// `host:port`, as it was typed.
    pub(crate) label: String,
    /// What waits for it.
    pub(crate) queue: Arc<Queue>,
}

impl Peer {
    /// Starts the thread of a peer. Packets beyond `queue_bytes` are dropped, oldest first; as
    /// much again may be on its way. `trouble` is told when the peer refuses or breaks off.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn start(
        peer: &config::Peer,
        queue_bytes: usize,
        trouble: Option<Sender<()>>,
    ) -> io::Result<Self> {
        let queue = Arc::new(Queue::new(queue_bytes));
        let label = peer.address.to_string();
        let courier = Courier {
            label: label.clone(),
            transport: peer.transport,
            host: Host::new(&peer.address.host, peer.address.port),
            queue: Arc::clone(&queue),
            link: None,
            trouble,
            mentioned: None,
            chunk: Vec::new(),
        };
        thread::Builder::new().name(format!("peer {label}")).spawn(move || courier.run())?;
        Ok(Self { name: peer.name.clone(), label, queue })
    }

    /// How its books stand.
    pub(crate) fn books(&self) -> Books {
        self.queue.books()
    }
}

/// The thread of one peer.
struct Courier {
    label: String,
    transport: Transport,
    host: Host,
    queue: Arc<Queue>,
    link: Option<Link>,
    trouble: Option<Sender<()>>,
    /// When the log last spoke of it.
    mentioned: Option<Instant>,
    /// Room for packets on their way to a connection.
    chunk: Vec<u8>,
}

enum Link {
    Udp {
        socket: UdpSocket,
        /// When its name was resolved.
        resolved: Instant,
        /// What the last packet counted for.
        last_units: u64,
    },
    Tcp(Connection),
}

impl Courier {
    fn run(mut self) {
        let mut packets = VecDeque::new();
        let mut failures = 0;
        while self.queue.take(&mut packets) {
            while !packets.is_empty() {
                match self.link() {
                    Ok(()) => {
                        failures = 0;
                        self.send(&mut packets);
                    }
                    Err(error) => {
                        self.report(&error);
                        let wait = BACKOFF_MIN.saturating_mul(1 << failures.min(8));
                        failures += 1;
                        if !self.queue.back_off(wait.min(BACKOFF_MAX)) {
                            let units = packets.drain(..).map(|packet| packet.units).sum();
                            self.queue.settle(units, Err(Drop::Shutdown));
                        }
                    }
                }
            }
        }
    }

    /// Sees to it that there is a link.
    fn link(&mut self) -> io::Result<()> {
        if let Some(Link::Tcp(connection)) = &mut self.link
            && connection.is_open()
        {
            return Ok(());
        }
        match &mut self.link {
            Some(Link::Udp { resolved, .. }) if clock::now() < *resolved + RESOLVE => {
                return Ok(());
            }
            Some(Link::Udp { socket, resolved, .. }) => {
                *resolved = clock::now();
                // A network that is away for a while changes nothing.
                let addresses = self.host.addresses(CONNECT_TIMEOUT);
                if let Ok(fresh) = addresses.and_then(connected_udp) {
                    *socket = fresh;
                }
                return Ok(());
            }
            Some(Link::Tcp(_)) | None => {}
        }
        self.link = None;
        let addresses = self.host.addresses(CONNECT_TIMEOUT)?;
        self.link = Some(match self.transport {
            Transport::Udp => {
                let (socket, resolved) = (connected_udp(addresses)?, clock::now());
                Link::Udp { socket, resolved, last_units: 0 }
            }
            Transport::Tcp => {
                Link::Tcp(Connection::open(addresses, CONNECT_TIMEOUT, WRITE_TIMEOUT)?)
            }
        });
        Ok(())
    }

    /// Sends a packet or, over a connection, as many as make a chunk.
    fn send(&mut self, packets: &mut VecDeque<Packet>) {
        match &mut self.link {
            Some(Link::Udp { socket, last_units, .. }) => {
                let Some(Packet { bytes, units }) = packets.pop_front() else { return };
                let mut sent = socket.send(&bytes);
                if refused(&sent) {
                    // That is the answer to the packet before.
                    self.queue.regret(*last_units, Drop::Refused);
                    sent = socket.send(&bytes);
                }
                // On one machine the answer is there at once.
                let sent = sent.and_then(|_| socket.take_error()?.map_or(Ok(()), Err));
                *last_units = if sent.is_ok() { units } else { 0 };
                let reason = if refused(&sent) { Drop::Refused } else { Drop::Broken };
                self.queue.settle(units, sent.as_ref().map(drop).map_err(|_| reason));
                if let Err(error) = sent {
                    self.report(&error);
                }
            }
            Some(Link::Tcp(connection)) => {
                let units = gather(packets, &mut self.chunk);
                let sent = transmit(connection, &self.chunk);
                self.queue.settle(units, sent.as_ref().map(drop).map_err(|_| Drop::Broken));
                if let Err(error) = sent {
                    // Reset, so that the first half of a line is no line.
                    self.link = None;
                    self.report(&error);
                }
            }
            None => {}
        }
    }

    /// Speaks of trouble, not too often, and tells who wants to know.
    fn report(&mut self, error: &io::Error) {
        if let Some(trouble) = &self.trouble {
            trouble.send(()).ok();
        }
        let now = clock::now();
        if self.mentioned.is_none_or(|mentioned| now >= mentioned + MENTION) {
            self.mentioned = Some(now);
            log::warn!("peer {}: {error}", self.label);
        }
    }
}

/// A socket that sends to the first of these addresses that takes it.
fn connected_udp(addresses: Vec<SocketAddr>) -> io::Result<UdpSocket> {
    let mut failed = io::Error::new(ErrorKind::NotFound, "the host has no address");
    for address in addresses {
        let any: IpAddr = match address {
            SocketAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
            SocketAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
        };
        let connected =
            UdpSocket::bind((any, 0)).and_then(|socket| socket.connect(address).map(|()| socket));
        match connected {
            Ok(socket) => return Ok(socket),
            Err(error) => failed = error,
        }
    }
    Err(failed)
}

fn refused<T>(sent: &io::Result<T>) -> bool {
    sent.as_ref().is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

/// Takes packets until they make a chunk, each with a newline at its end. Gives their units.
fn gather(packets: &mut VecDeque<Packet>, chunk: &mut Vec<u8>) -> u64 {
    chunk.clear();
    let mut units = 0;
    while chunk.len() < CHUNK
        && let Some(packet) = packets.pop_front()
    {
        chunk.extend_from_slice(&packet.bytes);
        if !chunk.ends_with(b"\n") {
            chunk.push(b'\n');
        }
        units += packet.units;
    }
    units
}

/// Writes a chunk, and returns when the peer's kernel has all of it.
fn transmit(connection: &mut Connection, chunk: &[u8]) -> io::Result<()> {
    let sent = connection.begin().and_then(|()| connection.write(chunk));
    sent.and_then(|()| connection.finish()).map_err(|fault| match fault {
        Fault::Io(error) => error,
        Fault::Stalled(timeout) => {
            let text = format!("nothing was taken for {} s", timeout.as_secs_f64());
            io::Error::new(ErrorKind::TimedOut, text)
        }
    })
}
