//! From addresses to sockets: each worker gets its share of those for datagrams, and those for
//! connections are accepted from elsewhere.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _};
use std::num::NonZeroUsize;
use std::path::Path;

use anyhow::{Context as _, bail};
use nix::sys::socket::{
    setsockopt,
    sockopt::{RcvBufForce, UdpGroSegment},
};
use socket2::{Domain, Protocol, Socket, Type};

pub(crate) use self::inherited::{close_rest, inherit, is_open_to_all};
pub(crate) use self::management::{ManagementSockets, bind_management};
pub(crate) use self::unix::SocketFile;
use crate::accept::{Listening, Terms};
use crate::config::{Address, Config, Endpoint, Listener, Transport};
use crate::tls::Certificates;
use crate::work::DatagramSocket;

mod inherited;
mod management;
mod passed;
mod unix;

/// How many connections may wait to be accepted. The system may have a lower limit
/// (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

/// The sockets of one listener.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// For each worker, one socket of each address for datagrams. A unix socket is one worker's,
    /// whichever that is.
    pub(crate) of_workers: Vec<Vec<DatagramSocket>>,
    /// Where connections come in.
    pub(crate) listening: Vec<Listening>,
    /// What is listened on, as URLs, with the ports that the kernel chose where 0 was asked for.
    pub(crate) urls: Vec<String>,
    /// The same as IP addresses, those that are such.
    pub(crate) addresses: Vec<(Transport, SocketAddr)>,
    /// The files of unix sockets, to be removed at the end.
    pub(crate) files: Vec<SocketFile>,
    /// The receive buffer of each socket in bytes, where it is smaller than what was asked for.
    pub(crate) receive_buffer_clamped: Option<usize>,
}

/// Binds a listener of a configuration, for every worker.
///
/// # Errors
/// An address cannot be resolved or bound; another daemon that listens there is one reason.
pub(crate) fn bind(listener: &Listener, config: &Config) -> anyhow::Result<Sockets> {
    let mut sockets = Sockets {
        of_workers: (0..config.workers.get()).map(|_| Vec::new()).collect(),
        listening: Vec::new(),
        urls: Vec::new(),
        addresses: Vec::new(),
        files: Vec::new(),
        receive_buffer_clamped: None,
    };
    let bound = match &listener.endpoint {
        Endpoint::Udp(address) => sockets.bind_udp(config, listener, address),
        Endpoint::Tcp(address) => sockets.bind_tcp(listener, address),
        Endpoint::Unix(path) => sockets.bind_unix(listener, path),
        Endpoint::Unixgram(path) => sockets.bind_unixgram(listener, path),
        Endpoint::Passed(name) => sockets.take_passed(config, listener, name),
    };
    bound.with_context(|| format!("cannot listen on {}", listener.endpoint))?;
    Ok(sockets)
}

impl Sockets {
    fn bind_udp(
        &mut self,
        config: &Config,
        listener: &Listener,
        address: &Address,
    ) -> anyhow::Result<()> {
        for place in resolve(address)? {
            let mut group = inherited::take(Type::DGRAM, place.address());
            let is_inherited = !group.is_empty();
            if !is_inherited {
                group = bind_group(place, config.workers)?;
            }
            let bound = bound_address(&group[0])?;
            self.urls.push(format!("udp://{bound}"));
            self.addresses.push((Transport::Udp, bound));
            for socket in &group {
                // An inherited one may have more than we could ask for.
                if is_inherited && socket.recv_buffer_size()? / 2 >= config.receive_buffer_bytes {
                    continue;
                }
                self.ask_for_buffer(socket, config.receive_buffer_bytes)?;
            }
            // Of those that were inherited there may be more than workers, or fewer.
            for (index, socket) in group.into_iter().enumerate() {
                let (sources, workers) = (listener.sources.clone(), self.of_workers.len());
                let socket = DatagramSocket::new(socket, sources, false);
                let is_inherited = is_inherited && inherited::are_counted();
                let socket = DatagramSocket { is_inherited, ..socket };
                self.of_workers[index % workers].push(socket);
            }
        }
        Ok(())
    }

    fn bind_tcp(&mut self, listener: &Listener, address: &Address) -> anyhow::Result<()> {
        for place in resolve(address)? {
            let socket = bind_stream(place)?;
            let bound = bound_address(&socket)?;
            self.addresses.push((Transport::Tcp, bound));
            self.listen(listener, socket, format!("tcp://{bound}"))?;
        }
        Ok(())
    }

    fn bind_unix(&mut self, listener: &Listener, path: &Path) -> anyhow::Result<()> {
        let (socket, file) = unix::bind(path, Type::STREAM, listener.mode)?;
        self.files.push(file);
        self.listen(listener, socket, listener.endpoint.to_string())
    }

    fn bind_unixgram(&mut self, listener: &Listener, path: &Path) -> anyhow::Result<()> {
        let (socket, file) = unix::bind(path, Type::DGRAM, listener.mode)?;
        self.files.push(file);
        self.urls.push(listener.endpoint.to_string());
        socket.set_nonblocking(true)?;
        // Between two that read it the order within one sender would be lost.
        let of_worker = self.of_workers.first_mut().context("there is no worker")?;
        let sources = listener.sources.clone();
        of_worker.push(DatagramSocket::new(socket, sources, true));
        Ok(())
    }

    fn ask_for_buffer(&mut self, socket: &Socket, bytes: usize) -> io::Result<()> {
        let got = ask_for_buffer(socket, bytes)?;
        if got < bytes {
            self.receive_buffer_clamped = Some(got);
        }
        Ok(())
    }

    fn listen(&mut self, listener: &Listener, socket: Socket, url: String) -> anyhow::Result<()> {
        socket.set_nonblocking(true)?;
        socket.listen(BACKLOG)?;
        self.urls.push(url);
        self.listening.push(Listening { socket, terms: terms(listener)? });
        Ok(())
    }
}

/// Sockets where connections come in, with each address of a host; all have one port. None of
/// them is waited for.
///
/// # Errors
/// An address cannot be resolved or bound.
pub(crate) fn bind_connections(address: &Address) -> anyhow::Result<Vec<(Socket, SocketAddr)>> {
    let (mut sockets, mut port) = (Vec::new(), address.port);
    for place in resolve(address)? {
        let socket = bind_stream(place.with_port(port))?;
        let bound = bound_address(&socket)?;
        port = bound.port();
        socket.listen(BACKLOG)?;
        sockets.push((socket, bound));
    }
    Ok(sockets)
}

/// What holds for those who connect to a listener.
///
/// # Errors
/// A file of its certificates cannot be read.
pub(crate) fn terms(listener: &Listener) -> anyhow::Result<Terms> {
    let Listener { stream, sources, tls, .. } = listener;
    let tls = tls.as_ref().map(Certificates::load).transpose()?;
    Ok(Terms { stream: *stream, sources: sources.clone(), tls })
}

/// One address to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Every address, IPv4 and IPv6, through one socket.
    Everywhere(u16),
    At(SocketAddr),
}

impl Place {
    /// The address of a socket that is bound there; without IPv6 everywhere is `0.0.0.0`.
    fn address(self) -> SocketAddr {
        match self {
            Self::Everywhere(port) => (Ipv6Addr::UNSPECIFIED, port).into(),
            Self::At(address) => address,
        }
    }

    fn with_port(self, port: u16) -> Self {
        match self {
            Self::Everywhere(_) => Self::Everywhere(port),
            Self::At(address) => Self::At(SocketAddr::new(address.ip(), port)),
        }
    }
}

fn resolve(address: &Address) -> anyhow::Result<Vec<Place>> {
    let (host, port) = (address.host.as_str(), address.port);
    if host.is_empty() {
        return Ok(vec![Place::Everywhere(port)]);
    }
    let mut places = Vec::new();
    for address in (host, port).to_socket_addrs()?.map(Place::At) {
        if !places.contains(&address) {
            places.push(address);
        }
    }
    if places.is_empty() {
        bail!("the name has no address");
    }
    Ok(places)
}

/// A socket for connections: one that was inherited, or a new one.
fn bind_stream(place: Place) -> io::Result<Socket> {
    let inherited = inherited::take(Type::STREAM, place.address()).into_iter().next();
    inherited.map_or_else(|| bind_one(place, Type::STREAM, false), Ok)
}

/// One socket for each worker, all on one address: the kernel spreads the senders over them.
fn bind_group(place: Place, workers: NonZeroUsize) -> io::Result<Vec<Socket>> {
    let alone = bind_one(place, Type::DGRAM, false)?;
    if workers.get() == 1 {
        return Ok(vec![alone]);
    }
    // Sockets that share an address would share it with those of another daemon too, which
    // takes half of the traffic without a word. The one that was bound alone proved that there
    // is none; now it makes room for the group, on its port.
    let port = bound_address(&alone)?.port();
    drop(alone);
    let place = place.with_port(port);
    (0..workers.get()).map(|_| bind_one(place, Type::DGRAM, true)).collect()
}

fn bind_one(place: Place, kind: Type, shared: bool) -> io::Result<Socket> {
    match place {
        Place::At(address) => bind_address(address, kind, true, shared),
        Place::Everywhere(port) => {
            let six = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
            bind_address(six, kind, false, shared).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                // This host has no IPv6.
                _ => bind_address((Ipv4Addr::UNSPECIFIED, port).into(), kind, true, shared),
            })
        }
    }
}

fn bind_address(
    address: SocketAddr,
    kind: Type,
    only_v6: bool,
    shared: bool,
) -> io::Result<Socket> {
    let is_udp = kind == Type::DGRAM;
    let protocol = if is_udp { Protocol::UDP } else { Protocol::TCP };
    let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    if is_udp {
        socket.set_reuse_port(shared)?;
        // Kernels before 5.0 do not know it, and then each datagram comes alone.
        setsockopt(&socket, UdpGroSegment, &true).ok();
    } else {
        // Connections of an earlier daemon may still be on their way out.
        socket.set_reuse_address(true)?;
    }
    socket.bind(&address.into())?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

fn bound_address(socket: &Socket) -> io::Result<SocketAddr> {
    let address = socket.local_addr()?;
    address.as_socket().ok_or_else(|| io::Error::other("the socket has no IP address"))
}

/// Asks for a receive buffer and says what was given. A privileged process may exceed the limit
/// of the system.
fn ask_for_buffer(socket: &Socket, bytes: usize) -> io::Result<usize> {
    if setsockopt(socket, RcvBufForce, &bytes).is_err() {
        socket.set_recv_buffer_size(bytes)?;
    }
    // The kernel doubles what is asked for, to make room for its own bookkeeping.
    Ok(socket.recv_buffer_size()? / 2)
}

#[cfg(test)]
mod tests {
    use std::net::UdpSocket;

    use super::*;

    fn any(port: u16) -> Place {
        Place::At((Ipv4Addr::LOCALHOST, port).into())
    }

    fn two() -> NonZeroUsize {
        NonZeroUsize::new(2).unwrap()
    }

    #[test]
    fn the_workers_of_a_group_share_one_port() {
        let group = bind_group(any(0), two()).unwrap();
        let ports: Vec<_> = group.iter().map(|one| bound_address(one).unwrap().port()).collect();
        assert_eq!(ports.len(), 2);
        assert!(ports[0] != 0 && ports[0] == ports[1]);
    }

    #[test]
    fn an_address_that_is_in_use_is_refused_even_if_its_owner_would_share_it() {
        let group = bind_group(any(0), two()).unwrap();
        let port = bound_address(&group[0]).unwrap().port();
        for place in [any(port), Place::Everywhere(port)] {
            let error = bind_group(place, two()).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        }
    }

    #[test]
    fn everywhere_is_ipv4_and_ipv6() {
        let socket: UdpSocket = bind_one(Place::Everywhere(0), Type::DGRAM, false).unwrap().into();
        let port = socket.local_addr().unwrap().port();
        socket.set_nonblocking(false).unwrap();
        for (from, to) in [("127.0.0.1:0", "127.0.0.1"), ("[::1]:0", "::1")] {
            let sender = UdpSocket::bind(from).unwrap();
            sender.send_to(to.as_bytes(), (to, port)).unwrap();
            let mut buffer = [0; 16];
            let bytes = socket.recv(&mut buffer).unwrap();
            assert_eq!(&buffer[..bytes], to.as_bytes());
        }
    }

    #[test]
    fn a_name_stands_for_all_its_addresses_once() {
        let address = Address { host: "localhost".into(), port: 8125 };
        let places = resolve(&address).unwrap();
        assert!(places.contains(&any(8125)));
        for (index, place) in places.iter().enumerate() {
            assert!(!places[..index].contains(place));
        }
    }

    #[test]
    fn a_buffer_that_is_clamped_is_told() {
        let socket = bind_one(any(0), Type::DGRAM, false).unwrap();
        assert_eq!(ask_for_buffer(&socket, 65_536).unwrap(), 65_536);
        let huge = 1 << 30;
        assert!(ask_for_buffer(&socket, huge).unwrap() <= huge);
    }
}
