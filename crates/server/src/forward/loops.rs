//! Refuses to pass things on to ourselves, which would come back for ever.

use std::net::{IpAddr, SocketAddr, UdpSocket};
use std::time::Duration;

use anyhow::bail;
use gstatsd_sinks::Host;

use crate::config::{Address, Config, Transport};

/// How long the start waits for a name server.
const RESOLVE_PATIENCE: Duration = Duration::from_secs(2);

/// Checks that nobody whom things are passed on to, and no sink, has an address of these
/// listeners.
///
/// A name that cannot be resolved passes: it may have an address later, and what then comes back
/// is found by the probes of the relay.
///
/// # Errors
/// One of them leads to a listener of ours.
pub(crate) fn refuse_loops(
    config: &Config,
    listeners: &[(Transport, SocketAddr)],
) -> anyhow::Result<()> {
    let repeaters = config.repeaters.iter().map(|repeater| ("repeater", &repeater.peer));
    let nodes = config.relay.iter().flat_map(|relay| &relay.nodes);
    let peers = repeaters.chain(nodes.map(|node| ("relay.node", &node.peer)));
    let peers = peers.map(|(what, peer)| (what, peer.transport, &peer.address));
    let sinks = config.sinks.iter().filter_map(|sink| sink.peer());
    let sinks = sinks.map(|(transport, address)| ("sink", transport, address));
    for (what, transport, address) in peers.chain(sinks) {
        let same = listeners.iter().filter(|(listener, _)| *listener == transport);
        let same: Vec<SocketAddr> = same.map(|(_, address)| *address).collect();
        refuse(what, address, &same)?;
    }
    Ok(())
}

fn refuse(what: &str, address: &Address, listeners: &[SocketAddr]) -> anyhow::Result<()> {
    let resolved = Host::new(&address.host, address.port).addresses(RESOLVE_PATIENCE);
    for peer in resolved.into_iter().flatten() {
        if listeners.iter().any(|listener| leads_to(peer, *listener)) {
            bail!("{what} {address} is an address that this daemon listens on");
        }
    }
    Ok(())
}

fn leads_to(peer: SocketAddr, listener: SocketAddr) -> bool {
    let (to, at) = (peer.ip().to_canonical(), listener.ip().to_canonical());
    if peer.port() != listener.port() {
        return false;
    }
    // A socket for all of IPv6 takes IPv4 too. To send to no address is to send to this machine.
    let takes = at.is_unspecified() && (at.is_ipv6() || to.is_ipv4());
    to == at || (takes && is_ours(to)) || (to.is_unspecified() && at.is_loopback())
}

/// Whether an address is one of this machine: only such a one can be bound.
fn is_ours(address: IpAddr) -> bool {
    address.is_loopback() || UdpSocket::bind((address, 0)).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(peer: &str, listeners: &[&str]) -> bool {
        let listeners: Vec<_> = listeners.iter().map(|text| text.parse().unwrap()).collect();
        let address = Address::parse(peer, 1).unwrap();
        match refuse("repeater", &address, &listeners) {
            Ok(()) => false,
            Err(error) => {
                let expected = format!("repeater {address} is an address that this daemon");
                assert!(error.to_string().starts_with(&expected), "{error}");
                true
            }
        }
    }

    #[test]
    fn an_address_of_ours_is_refused_and_no_other() {
        assert!(refused("127.0.0.1:8125", &["127.0.0.1:8125"]));
        assert!(refused("127.0.0.1:8125", &["0.0.0.0:8125"]));
        assert!(refused("127.0.0.1:8125", &["[::]:8125"]));
        assert!(refused("[::1]:8125", &["[::]:8125"]));
        assert!(refused("localhost:8125", &["10.0.0.1:1", "[::]:8125"]));
        assert!(refused("0.0.0.0:8125", &["127.0.0.1:8125"]));
        assert!(!refused("[::1]:8125", &["0.0.0.0:8125"]));
        assert!(!refused("127.0.0.1:8126", &["[::]:8125"]));
        assert!(!refused("127.0.0.2:8125", &["127.0.0.1:8125"]));
        // An address for documentation, which no machine has.
        assert!(!refused("192.0.2.1:8125", &["[::]:8125"]));
        assert!(!refused("no-such-host.invalid:8125", &["[::]:8125"]));
    }
}
