//! From addresses to sockets: each worker gets one of each listener.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::num::NonZeroUsize;

use anyhow::{Context as _, bail};
use nix::sys::socket::{
    setsockopt,
    sockopt::{RcvBufForce, UdpGroSegment},
};
use socket2::{Domain, Protocol, Socket, Type};

use crate::config::{Config, Listener};

/// The sockets of one listener.
#[derive(Debug)]
pub(crate) struct Sockets {
    /// For each worker, one socket of each address.
    pub(crate) of_workers: Vec<Vec<UdpSocket>>,
    /// What is listened on, with the ports that the kernel chose where 0 was asked for.
    pub(crate) addresses: Vec<SocketAddr>,
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
        addresses: Vec::new(),
        receive_buffer_clamped: None,
    };
    for address in resolve(listener)? {
        let group = bind_group(address, config.workers)
            .with_context(|| format!("cannot listen on udp://{}", listener.address))?;
        sockets.addresses.push(bound_address(&group[0])?);
        for (socket, of_worker) in group.into_iter().zip(&mut sockets.of_workers) {
            let got = ask_for_buffer(&socket, config.receive_buffer_bytes)?;
            if got < config.receive_buffer_bytes {
                sockets.receive_buffer_clamped = Some(got);
            }
            of_worker.push(socket.into());
        }
    }
    Ok(sockets)
}

/// One address to bind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    /// Every address, IPv4 and IPv6, through one socket.
    Everywhere(u16),
    At(SocketAddr),
}

fn resolve(listener: &Listener) -> anyhow::Result<Vec<Place>> {
    let (host, port) = (listener.address.host.as_str(), listener.address.port);
    if host.is_empty() {
        return Ok(vec![Place::Everywhere(port)]);
    }
    let mut places = Vec::new();
    let resolved = (host, port)
        .to_socket_addrs()
        .with_context(|| format!("cannot listen on udp://{}", listener.address))?;
    for address in resolved.map(Place::At) {
        if !places.contains(&address) {
            places.push(address);
        }
    }
    if places.is_empty() {
        bail!("cannot listen on udp://{}: the name has no address", listener.address);
    }
    Ok(places)
}

/// One socket for each worker, all on one address: the kernel spreads the senders over them.
fn bind_group(place: Place, workers: NonZeroUsize) -> io::Result<Vec<Socket>> {
    let alone = bind_one(place, false)?;
    if workers.get() == 1 {
        return Ok(vec![alone]);
    }
    // Sockets that share an address would share it with those of another daemon too, which
    // takes half of the traffic without a word. The one that was bound alone proved that there
    // is none; now it makes room for the group, on its port.
    let port = bound_address(&alone)?.port();
    drop(alone);
    let place = match place {
        Place::Everywhere(_) => Place::Everywhere(port),
        Place::At(address) => Place::At(SocketAddr::new(address.ip(), port)),
    };
    (0..workers.get()).map(|_| bind_one(place, true)).collect()
}

fn bind_one(place: Place, shared: bool) -> io::Result<Socket> {
    match place {
        Place::At(address) => bind_address(address, true, shared),
        Place::Everywhere(port) => {
            let six = SocketAddr::new(IpAddr::V6(Ipv6Addr::UNSPECIFIED), port);
            bind_address(six, false, shared).or_else(|error| match error.kind() {
                io::ErrorKind::AddrInUse | io::ErrorKind::PermissionDenied => Err(error),
                // This host has no IPv6.
                _ => bind_address((Ipv4Addr::UNSPECIFIED, port).into(), true, shared),
            })
        }
    }
}

fn bind_address(address: SocketAddr, only_v6: bool, shared: bool) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_cloexec(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    socket.set_reuse_port(shared)?;
    // Kernels before 5.0 do not know it, and then each datagram comes alone.
    setsockopt(&socket, UdpGroSegment, &true).ok();
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
    use super::*;
    use crate::config::Address;

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
        let socket: UdpSocket = bind_one(Place::Everywhere(0), false).unwrap().into();
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
        let places = resolve(&Listener { address }).unwrap();
        assert!(places.contains(&any(8125)));
        for (index, place) in places.iter().enumerate() {
            assert!(!places[..index].contains(place));
        }
    }

    #[test]
    fn a_buffer_that_is_clamped_is_told() {
        let socket = bind_one(any(0), false).unwrap();
        assert_eq!(ask_for_buffer(&socket, 65_536).unwrap(), 65_536);
        let huge = 1 << 30;
        assert!(ask_for_buffer(&socket, huge).unwrap() <= huge);
    }
}
