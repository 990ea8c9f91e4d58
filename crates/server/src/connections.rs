//! The books of connections: who may have one more, and what became of each.
//!
//! They are shared, and locked when a connection comes or goes, never when it brings something.

use std::collections::HashMap;
use std::fs;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use gstatsd_aggregate::{Budget, Step};
use nix::sys::resource::{Resource, getrlimit, setrlimit};

/// Descriptors that are kept for other things than connections: sinks that connect again, files;
/// and what each worker has beside its sockets.
const DESCRIPTORS_SPARE: usize = 64;
const DESCRIPTORS_OF_WORKER: usize = 2;
/// How many are taken to be open where that cannot be seen.
const DESCRIPTORS_OPEN: usize = 64;

/// Why a connection was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Refusal {
    /// Its address has as many as it may.
    AddressLimit,
    /// There are as many as there may be.
    ConnectionLimit,
    /// Its address may not send.
    Denied,
    /// The process has no file descriptor left for it.
    FdLimit,
    /// Memory is short.
    Memory,
}

/// Why a connection was closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Ending {
    /// By the other end, in order.
    Peer,
    /// The network or the other end broke it.
    Broken,
    /// No line came for too long, or the rest of one.
    Idle,
    /// A line was too long.
    LineTooLong,
    /// The next process has it.
    HandedOver,
    /// We end.
    Shutdown,
    /// The other end showed no certificate that we trust.
    TlsCertificate,
    /// What it said was not TLS, or broken.
    TlsFailed,
    /// It does not trust us, or had another reason to say so.
    TlsRefused,
    /// It took too long to begin.
    TlsTimeout,
}

impl Refusal {
    /// Every reason, indexed by its discriminant.
    const ALL: [Self; 5] =
        [Self::AddressLimit, Self::ConnectionLimit, Self::Denied, Self::FdLimit, Self::Memory];

    /// The label under which it is counted.
    const fn label(self) -> &'static str {
        match self {
            Self::AddressLimit => "address_limit",
            Self::ConnectionLimit => "connection_limit",
            Self::Denied => "denied",
            Self::FdLimit => "fd_limit",
            Self::Memory => "memory",
        }
    }
}

impl Ending {
    /// Every reason, indexed by its discriminant.
    const ALL: [Self; 10] = [
        Self::Peer,
        Self::Broken,
        Self::Idle,
        Self::LineTooLong,
        Self::HandedOver,
        Self::Shutdown,
        Self::TlsCertificate,
        Self::TlsFailed,
        Self::TlsRefused,
        Self::TlsTimeout,
    ];

    /// The label under which it is counted.
    const fn label(self) -> &'static str {
        match self {
            Self::Peer => "peer",
            Self::Broken => "broken",
            Self::Idle => "idle",
            Self::LineTooLong => "line_too_long",
            Self::HandedOver => "handed_over",
            Self::Shutdown => "shutdown",
            Self::TlsCertificate => "tls_certificate",
            Self::TlsFailed => "tls_failed",
            Self::TlsRefused => "tls_refused",
            Self::TlsTimeout => "tls_timeout",
        }
    }
}

/// How many connections there may be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    /// Of all listeners together.
    pub(crate) all: usize,
    /// Of one IP address.
    pub(crate) per_address: usize,
    /// As many as the process has file descriptors for.
    pub(crate) descriptors: usize,
}

impl Limits {
    /// The limits that are configured, and the one of the system, which is raised if need be and
    /// as far as that is allowed. To be asked when all sockets but those of connections are open.
    pub(crate) fn new(all: usize, per_address: usize, workers: usize) -> Self {
        let open = fs::read_dir("/proc/self/fd").map_or(DESCRIPTORS_OPEN, Iterator::count);
        let other = open + workers * DESCRIPTORS_OF_WORKER + DESCRIPTORS_SPARE;
        let allowed = raise_descriptors(all.saturating_add(other));
        Self { all, per_address, descriptors: allowed.saturating_sub(other) }
    }
}

/// How many descriptors the process may have, after asking for so many.
fn raise_descriptors(wanted: usize) -> usize {
    let size = |number: u64| usize::try_from(number).unwrap_or(usize::MAX);
    let Ok((soft, hard)) = getrlimit(Resource::RLIMIT_NOFILE) else { return wanted };
    let raised = (wanted as u64).min(hard);
    if raised <= soft || setrlimit(Resource::RLIMIT_NOFILE, raised, hard).is_err() {
        return size(soft);
    }
    size(raised)
}

/// The books of all connections of the daemon. A clone is the same books.
#[derive(Clone, Debug)]
pub(crate) struct Connections {
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    limits: Limits,
    /// Where memory is bounded.
    budget: Option<Budget>,
    counts: ConnectionCounts,
    by_address: HashMap<IpAddr, usize>,
    /// How many each worker has.
    by_worker: Vec<usize>,
}

/// What became of connections since the start.
///
/// `accepted = open + closed`, at any time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct ConnectionCounts {
    /// Those that were not refused.
    accepted: u64,
    /// Those that are not closed.
    open: u64,
    closed: [u64; Ending::ALL.len()],
    refused: [u64; Refusal::ALL.len()],
    /// Listeners whose certificates in use are not those of their files.
    stale_certificates: u64,
    management: ManagementCounts,
}

/// What came to the management port since the start. Its connections are none of the others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct ManagementCounts {
    /// Connections that were not refused.
    connections: u64,
    /// Connections of those who may not connect, and those that were too many.
    refused: u64,
    commands: u64,
}

/// The place of one connection. It is free again when this is dropped, by default because we end.
#[derive(Debug)]
pub(crate) struct Place {
    connections: Connections,
    address: Option<IpAddr>,
    worker: usize,
    ending: Ending,
}

impl Connections {
    /// No connection yet.
    pub(crate) fn new(limits: Limits, workers: usize) -> Self {
        let state = State {
            limits,
            budget: None,
            counts: ConnectionCounts::default(),
            by_address: HashMap::new(),
            by_worker: vec![0; workers],
        };
        Self { state: Arc::new(Mutex::new(state)) }
    }

    /// From now on connections are refused while this budget has no room for new ones.
    pub(crate) fn bound_by(&self, budget: &Budget) {
        self.lock().budget = Some(budget.clone());
    }

    /// Gives a connection its place, with the worker that has fewest, or refuses and counts it.
    /// One over a unix socket has no address.
    pub(crate) fn admit(&self, address: Option<IpAddr>) -> Result<Place, Refusal> {
        let address = address.map(|address| address.to_canonical());
        let refusal = {
            let mut state = self.lock();
            match state.refusal(address) {
                None => {
                    let worker = state.enter(address);
                    let (connections, ending) = (self.clone(), Ending::Shutdown);
                    return Ok(Place { connections, address, worker, ending });
                }
                Some(refusal) => refusal,
            }
        };
        self.refuse(refusal);
        Err(refusal)
    }

    /// Counts a connection that was refused before it asked for a place.
    pub(crate) fn refuse(&self, refusal: Refusal) {
        self.lock().counts.refused[refusal as usize] += 1;
    }

    /// From now on these limits hold. Those who are in stay.
    pub(crate) fn limit(&self, limits: Limits) {
        self.lock().limits = limits;
    }

    /// Writes down how many listeners could not read the certificates that they have now.
    pub(crate) fn note_stale_certificates(&self, listeners: u64) {
        self.lock().counts.stale_certificates = listeners;
    }

    /// Counts a connection to the management port, which is taken or refused.
    pub(crate) fn note_management(&self, is_taken: bool) {
        let management = &mut self.lock().counts.management;
        *(if is_taken { &mut management.connections } else { &mut management.refused }) += 1;
    }

    /// Counts a command.
    pub(crate) fn note_command(&self) {
        self.lock().counts.management.commands += 1;
    }

    /// How many are open.
    pub(crate) fn open(&self) -> usize {
        usize::try_from(self.lock().counts.open).unwrap_or(usize::MAX)
    }

    /// What became of all of them.
    pub(crate) fn counts(&self) -> ConnectionCounts {
        self.lock().counts
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A panic of another thread ends the process.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn refusal(&self, address: Option<IpAddr>) -> Option<Refusal> {
        let open = usize::try_from(self.counts.open).unwrap_or(usize::MAX);
        let limits = self.limits;
        let of_address = address.and_then(|address| self.by_address.get(&address));
        if open >= limits.all {
            return Some(Refusal::ConnectionLimit);
        }
        if open >= limits.descriptors {
            return Some(Refusal::FdLimit);
        }
        if self.budget.as_ref().is_some_and(|budget| budget.takes(Step::RefuseNew)) {
            return Some(Refusal::Memory);
        }
        of_address.is_some_and(|open| *open >= limits.per_address).then_some(Refusal::AddressLimit)
    }

    /// Takes a connection in, and gives its worker.
    fn enter(&mut self, address: Option<IpAddr>) -> usize {
        self.counts.accepted += 1;
        self.counts.open += 1;
        if let Some(address) = address {
            *self.by_address.entry(address).or_default() += 1;
        }
        let loads = self.by_worker.iter_mut().enumerate();
        let Some((worker, load)) = loads.min_by_key(|(_, load)| **load) else { return 0 };
        *load += 1;
        worker
    }
}

impl Place {
    /// The worker that is to have the connection.
    pub(crate) fn worker(&self) -> usize {
        self.worker
    }

    /// Frees the place.
    pub(crate) fn close(mut self, ending: Ending) {
        self.ending = ending;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.connections.lock();
        state.counts.open -= 1;
        state.counts.closed[self.ending as usize] += 1;
        if let Some(load) = state.by_worker.get_mut(self.worker) {
            *load -= 1;
        }
        let Some(address) = self.address else { return };
        if let Some(open) = state.by_address.get_mut(&address) {
            *open -= 1;
            if *open == 0 {
                state.by_address.remove(&address);
            }
        }
    }
}

impl ConnectionCounts {
    /// How far the identity is from closing: 0 when every connection is accounted for.
    pub(crate) fn residual(&self) -> i128 {
        let accounted = self.open + self.closed.iter().sum::<u64>();
        i128::from(self.accepted) - i128::from(accounted)
    }

    /// Every count with its name; reasons that never happened are left out.
    pub(crate) fn named(&self, mut emit: impl FnMut(&str, &str, u64)) {
        emit("connections.accepted", "", self.accepted);
        emit("connections.open", "", self.open);
        let closed = Ending::ALL.iter().map(|ending| ending.label()).zip(self.closed);
        for (label, count) in closed.filter(|(_, count)| *count > 0) {
            emit("connections.closed.", label, count);
        }
        emit("connections.stale_certificates", "", self.stale_certificates);
        let ManagementCounts { connections, refused, commands } = self.management;
        let management =
            [("connections", connections), ("refused", refused), ("commands", commands)];
        for (what, count) in management.into_iter().filter(|(_, count)| *count > 0) {
            emit("management.", what, count);
        }
        let refused = Refusal::ALL.iter().map(|refusal| refusal.label()).zip(self.refused);
        for (label, count) in refused.filter(|(_, count)| *count > 0) {
            emit("connections.refused.", label, count);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connections(all: usize, per_address: usize) -> Connections {
        Connections::new(Limits { all, per_address, descriptors: 100 }, 2)
    }

    fn from(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    fn named(connections: &Connections) -> Vec<String> {
        let mut named = Vec::new();
        let counts = connections.counts();
        assert_eq!(counts.residual(), 0);
        counts.named(|stem, reason, count| named.push(format!("{stem}{reason}={count}")));
        named.retain(|name| !name.ends_with("=0"));
        named
    }

    #[test]
    fn reasons_are_indexed_by_their_discriminant() {
        assert!(Ending::ALL.iter().enumerate().all(|(index, one)| *one as usize == index));
        assert!(Refusal::ALL.iter().enumerate().all(|(index, one)| *one as usize == index));
    }

    #[test]
    fn every_connection_is_open_or_closed_or_refused() {
        let connections = connections(3, 3);
        let mut places: Vec<_> = (0..3).map(|_| connections.admit(None).unwrap()).collect();
        assert_eq!(connections.admit(None).unwrap_err(), Refusal::ConnectionLimit);
        connections.refuse(Refusal::Denied);
        places.pop().unwrap().close(Ending::Idle);
        drop(places.pop());
        assert_eq!(
            named(&connections),
            [
                "connections.accepted=3",
                "connections.open=1",
                "connections.closed.idle=1",
                "connections.closed.shutdown=1",
                "connections.refused.connection_limit=1",
                "connections.refused.denied=1",
            ]
        );
        assert!(connections.admit(None).is_ok());
    }

    #[test]
    fn while_memory_is_short_connections_are_refused() {
        let (connections, budget) = (connections(10, 10), Budget::new(100));
        connections.bound_by(&budget);
        let mut lease = budget.lease(gstatsd_aggregate::Owner::Rest);
        let place = connections.admit(None);
        lease.set(95);
        assert_eq!(connections.admit(None).unwrap_err(), Refusal::Memory);
        assert!(named(&connections).contains(&"connections.refused.memory=1".to_owned()));
        lease.set(89);
        assert!(place.is_ok() && connections.admit(None).is_ok());
    }

    #[test]
    fn one_address_does_not_take_all_in_ipv6_clothes_neither() {
        let connections = connections(10, 2);
        let places = ["10.0.0.1", "::ffff:10.0.0.1"].map(|text| connections.admit(from(text)));
        let refused = connections.admit(from("10.0.0.1")).unwrap_err();
        assert_eq!(refused, Refusal::AddressLimit);
        assert!(connections.admit(from("10.0.0.2")).is_ok());
        assert!(connections.admit(None).is_ok());
        drop(places);
        assert!(connections.admit(from("10.0.0.1")).is_ok());
        assert!(connections.lock().by_address.is_empty(), "addresses without any are forgotten");
    }

    #[test]
    fn descriptors_may_be_fewer_than_the_limit() {
        let limits = Limits { all: 10, per_address: 10, descriptors: 1 };
        let connections = Connections::new(limits, 1);
        let _place = connections.admit(None).unwrap();
        assert_eq!(connections.admit(None).unwrap_err(), Refusal::FdLimit);
    }

    #[test]
    fn the_worker_with_fewest_gets_the_next_one() {
        let connections = connections(10, 10);
        let mut places: Vec<_> = (0..4).map(|_| connections.admit(None).unwrap()).collect();
        let workers: Vec<_> = places.iter().map(Place::worker).collect();
        assert_eq!(workers, [0, 1, 0, 1]);
        places.remove(1).close(Ending::Peer);
        assert_eq!(connections.admit(None).unwrap().worker(), 1);
    }
}
