//! Where packets go: the addresses of a name, found again and again off the hot path.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError, Weak, mpsc};
use std::thread::{self, Thread};
use std::time::Duration;

use crate::{Address, clock};

/// The most bytes of a packet that crosses a network: it fits into one frame of Ethernet.
pub const PACKET_BYTES_NETWORK: usize = 1_432;
/// The most bytes of a packet that stays on the machine.
pub const PACKET_BYTES_LOCAL: usize = 8_192;

/// The least time between two attempts to resolve a name.
pub(crate) const AGAIN_LEAST: Duration = Duration::from_secs(1);
/// How long a new client waits for the first answer.
const FIRST_WAIT: Duration = Duration::from_millis(500);

/// Finds the addresses of a host: its name and a port in, addresses out.
pub(crate) type Resolve = dyn Fn(&str, u16) -> io::Result<Vec<SocketAddr>> + Send + Sync;

/// How names are resolved.
#[derive(Clone)]
pub(crate) struct Names {
    pub(crate) resolve: Arc<Resolve>,
    /// How often it is done again.
    pub(crate) again: Duration,
}

/// As the system resolves names.
pub(crate) fn resolve(host: &str, port: u16) -> io::Result<Vec<SocketAddr>> {
    Ok((host, port).to_socket_addrs()?.collect())
}

/// An address and what is known of it.
pub(crate) struct Target {
    pub(crate) address: Address,
    /// The addresses of the host; empty for a path, and for a name that was not found yet.
    found: Mutex<Arc<[SocketAddr]>>,
    /// How often they changed.
    generation: AtomicU64,
    packet_bytes: AtomicUsize,
    /// What was asked for instead of what suits the addresses.
    packet_bytes_asked: Option<usize>,
    names: Names,
    resolver: OnceLock<Thread>,
}

impl Target {
    /// Looks for the addresses of a name. Unless there are known ones, as in a child of `fork`,
    /// it waits a moment for the first answer.
    pub(crate) fn new(
        address: Address,
        packet_bytes_asked: Option<usize>,
        names: Names,
        known: Option<Arc<[SocketAddr]>>,
    ) -> Arc<Self> {
        let target = Arc::new(Self {
            address,
            found: Mutex::new(Arc::from([])),
            generation: AtomicU64::new(0),
            packet_bytes: AtomicUsize::new(PACKET_BYTES_NETWORK),
            packet_bytes_asked,
            names,
            resolver: OnceLock::new(),
        });
        let (host, port) = match &target.address {
            Address::Udp { host, port } | Address::Tcp { host, port } => (host, *port),
            _ => {
                target.set_packet_bytes(true);
                return target;
            }
        };
        if let Ok(ip) = host.parse::<IpAddr>() {
            target.set_found(Arc::from([SocketAddr::new(ip, port)]));
        } else {
            let wait = known.is_none();
            target.set_found(known.unwrap_or_default());
            target.start_resolver(wait);
        }
        target
    }

    fn start_resolver(self: &Arc<Self>, wait: bool) {
        let (answered, answer) = mpsc::sync_channel(1);
        let weak = Arc::downgrade(self);
        let resolver = thread::Builder::new()
            .name("statsd-resolver".to_owned())
            .spawn(move || resolve_again_and_again(&weak, &answered));
        // Without a thread the name is never resolved, and every line is counted as such.
        if let Ok(resolver) = resolver {
            self.resolver.set(resolver.thread().clone()).ok();
            if wait {
                answer.recv_timeout(FIRST_WAIT).ok();
            }
        }
    }

    /// The addresses, and a number that changes when they do.
    pub(crate) fn found(&self) -> (u64, Arc<[SocketAddr]>) {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        (self.generation.load(Ordering::Relaxed), Arc::clone(&found))
    }

    /// The addresses, if nobody holds them: in a child of `fork` it may be nobody who lives.
    pub(crate) fn found_without_waiting(&self) -> Arc<[SocketAddr]> {
        self.found.try_lock().map_or_else(|_| Arc::from([]), |found| Arc::clone(&found))
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Relaxed)
    }

    /// The most bytes of a packet.
    #[inline]
    pub(crate) fn packet_bytes(&self) -> usize {
        self.packet_bytes.load(Ordering::Relaxed)
    }

    /// Something went wrong: the name may have another address by now.
    pub(crate) fn doubt(&self) {
        if let Some(resolver) = self.resolver.get() {
            resolver.unpark();
        }
    }

    fn set_packet_bytes(&self, local: bool) {
        let suitable = if local { PACKET_BYTES_LOCAL } else { PACKET_BYTES_NETWORK };
        self.packet_bytes.store(self.packet_bytes_asked.unwrap_or(suitable), Ordering::Relaxed);
    }

    fn set_found(&self, addresses: Arc<[SocketAddr]>) {
        let mut found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        if *found != addresses && !addresses.is_empty() {
            self.set_packet_bytes(addresses.iter().all(|address| address.ip().is_loopback()));
            *found = addresses;
            self.generation.fetch_add(1, Ordering::Relaxed);
        }
    }

    fn resolve_once(&self) {
        if let Address::Udp { host, port } | Address::Tcp { host, port } = &self.address {
            // A name that stops resolving keeps its addresses.
            if let Ok(addresses) = (self.names.resolve)(host, *port) {
                self.set_found(addresses.into());
            }
        }
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        self.doubt();
    }
}

fn resolve_again_and_again(target: &Weak<Target>, answered: &mpsc::SyncSender<()>) {
    while let Some(target) = target.upgrade() {
        target.resolve_once();
        let wait = if target.generation() > 0 { target.names.again } else { AGAIN_LEAST };
        // Nobody may wait for it any more.
        answered.try_send(()).ok();
        drop(target);
        let last = clock::now();
        thread::park_timeout(wait);
        thread::sleep(AGAIN_LEAST.saturating_sub(clock::now().saturating_sub(last)));
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    fn target(address: Address, resolve: Arc<Resolve>) -> Arc<Target> {
        Target::new(address, None, Names { resolve, again: AGAIN_LEAST }, None)
    }

    #[test]
    fn packets_are_as_large_as_the_way_allows() {
        let none: Arc<Resolve> = Arc::new(|_, _| panic!("an address is not resolved"));
        let of = |address: &str| target(address.parse().unwrap(), Arc::clone(&none)).packet_bytes();
        assert_eq!(of("127.0.0.1"), PACKET_BYTES_LOCAL);
        assert_eq!(of("[::1]"), PACKET_BYTES_LOCAL);
        assert_eq!(of("192.0.2.1"), PACKET_BYTES_NETWORK);
        assert_eq!(of("unixgram:///x"), PACKET_BYTES_LOCAL);
        let names = Names { resolve: none, again: AGAIN_LEAST };
        let asked = Target::new(Address::udp("192.0.2.1", 1), Some(512), names, None);
        assert_eq!(asked.packet_bytes(), 512);
    }

    #[test]
    fn a_name_that_stops_resolving_keeps_its_addresses() {
        let works = Arc::new(AtomicBool::new(true));
        let seen = Arc::clone(&works);
        let resolve: Arc<Resolve> = Arc::new(move |host, port| match host {
            "name" if seen.load(Ordering::Relaxed) => Ok(vec![([127, 0, 0, 1], port).into()]),
            _ => Err(io::Error::other("no such name")),
        });
        let target = target(Address::udp("name", 9), resolve);
        let known = target.found();
        assert_eq!(&known.1[..], [SocketAddr::from(([127, 0, 0, 1], 9))]);
        assert_eq!(target.packet_bytes(), PACKET_BYTES_LOCAL);
        works.store(false, Ordering::Relaxed);
        target.resolve_once();
        assert_eq!(target.found(), known);
    }

    #[test]
    fn a_name_is_resolved_again_although_nothing_is_wrong() {
        let asked = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&asked);
        let resolve: Arc<Resolve> = Arc::new(move |_, port| {
            let host = 1 + u8::from(seen.fetch_add(1, Ordering::Relaxed) > 0);
            Ok(vec![([127, 0, 0, host], port).into()])
        });
        let target = target(Address::udp("name", 9), resolve);
        assert_eq!(&target.found().1[..], [SocketAddr::from(([127, 0, 0, 1], 9))]);
        while target.generation() < 2 {
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(&target.found().1[..], [SocketAddr::from(([127, 0, 0, 2], 9))]);
    }

    #[test]
    fn a_name_without_an_address_is_asked_for_again() {
        let asked = Arc::new(AtomicU64::new(0));
        let seen = Arc::clone(&asked);
        let resolve: Arc<Resolve> =
            Arc::new(move |_, port| match seen.fetch_add(1, Ordering::Relaxed) {
                0 => Err(io::Error::other("not yet")),
                _ => Ok(vec![([127, 0, 0, 1], port).into()]),
            });
        let target = target(Address::udp("name", 9), resolve);
        assert_eq!(target.generation(), 0);
        while target.generation() == 0 {
            target.doubt();
            thread::sleep(Duration::from_millis(5));
        }
        assert_eq!(asked.load(Ordering::Relaxed), 2);
    }
}
