//! Packets onto sockets.

use std::io::{self, ErrorKind};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::clock::Clock;
use crate::manifest::Manifest;
use crate::pace::Pace;
use crate::plan::Plan;

/// How long a full send buffer is waited for before that is an error.
const FULL_BUFFER_MAX: Duration = Duration::from_secs(10);

/// How long to wait before the next attempt at a full send buffer.
const FULL_BUFFER_STEP: Duration = Duration::from_micros(100);

/// What was replayed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Replayed {
    /// Datagrams that the kernel accepted.
    pub packets: u64,
    /// Their bytes, without headers.
    pub bytes: u64,
}

/// A socket with a source port of its own, connected to where the packets go.
struct Outlet {
    socket: UdpSocket,
    to: SocketAddr,
}

/// Sends a plan, and returns what the kernel accepted.
///
/// # Errors
///
/// A field of the plan is outside of its range; a socket cannot be made; nobody listens at `to`
/// (as far as the kernel says so: for an address of this machine it does); the send buffer stays
/// full for ten seconds. What was sent until then is not known to be complete, so there is no
/// manifest.
pub fn send(plan: &Plan, to: SocketAddr) -> anyhow::Result<Manifest> {
    let mut tally = plan.tally()?;
    let packets = plan.packets()?;
    let outlets =
        (0..plan.ports).map(|_| Outlet::connect(to)).collect::<anyhow::Result<Vec<_>>>()?;
    let mut pace = plan.rate_per_second.map(Pace::new);
    let clock = Clock::start();
    for packet in packets {
        if let Some(pace) = &mut pace {
            let samples = u32::try_from(packet.readings.len()).unwrap_or(u32::MAX);
            clock.sleep(pace.wait(clock.elapsed(), samples));
        }
        outlets[packet.port].send(&packet.bytes)?;
        tally.add(&packet);
    }
    outlets.iter().try_for_each(Outlet::finish)?;
    Ok(tally.manifest())
}

/// Sends recorded datagrams from one port in their order, at most `rate_per_second` of them in a
/// second.
///
/// # Errors
///
/// The rate is not above zero; otherwise as [`send`].
pub fn replay(
    datagrams: &[Vec<u8>],
    to: SocketAddr,
    rate_per_second: Option<f64>,
) -> anyhow::Result<Replayed> {
    if rate_per_second.is_some_and(|rate| !rate.is_finite() || rate <= 0.0) {
        bail!("rate: must be above zero");
    }
    let outlet = Outlet::connect(to)?;
    let mut pace = rate_per_second.map(Pace::new);
    let mut replayed = Replayed::default();
    let clock = Clock::start();
    for datagram in datagrams {
        if let Some(pace) = &mut pace {
            clock.sleep(pace.wait(clock.elapsed(), 1));
        }
        outlet.send(datagram)?;
        replayed.packets += 1;
        replayed.bytes += datagram.len() as u64;
    }
    outlet.finish()?;
    Ok(replayed)
}

impl Outlet {
    fn connect(to: SocketAddr) -> anyhow::Result<Self> {
        let any: SocketAddr = match to {
            SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
            SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
        };
        let socket = UdpSocket::bind(any).context("cannot make a socket")?;
        socket.connect(to).with_context(|| format!("cannot reach {to}"))?;
        Ok(Self { socket, to })
    }

    fn send(&self, packet: &[u8]) -> anyhow::Result<()> {
        let mut waited = Duration::ZERO;
        loop {
            let Err(error) = self.socket.send(packet) else { return Ok(()) };
            if error.kind() == ErrorKind::Interrupted {
                continue;
            }
            if !is_full_buffer(&error) || waited >= FULL_BUFFER_MAX {
                return Err(self.explain(error));
            }
            thread::sleep(FULL_BUFFER_STEP);
            waited += FULL_BUFFER_STEP;
        }
    }

    /// Asks for an error that came after the last packet.
    fn finish(&self) -> anyhow::Result<()> {
        let late = self.socket.take_error().context("cannot ask a socket for its error")?;
        late.map_or(Ok(()), |error| Err(self.explain(error)))
    }

    fn explain(&self, error: io::Error) -> anyhow::Error {
        let to = self.to;
        let message = match error.kind() {
            ErrorKind::ConnectionRefused => format!("nobody listens at {to}"),
            _ => format!("cannot send to {to}"),
        };
        anyhow::Error::new(error).context(message)
    }
}

/// Whether the kernel had no room for the packet: it was not sent, and may be sent again.
fn is_full_buffer(error: &io::Error) -> bool {
    error.kind() == ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_full_buffer_is_worth_another_attempt_and_a_refusal_is_not() {
        assert!(is_full_buffer(&io::Error::from_raw_os_error(libc::ENOBUFS)));
        assert!(is_full_buffer(&io::Error::from_raw_os_error(libc::EAGAIN)));
        assert!(!is_full_buffer(&io::Error::from_raw_os_error(libc::ECONNREFUSED)));
    }

    #[test]
    fn a_packet_that_no_datagram_can_hold_is_an_error_that_says_where_it_should_go() {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let to = socket.local_addr().unwrap();
        let outlet = Outlet::connect(to).unwrap();
        let error = outlet.send(&[0; Plan::PACKET_BYTES_MAX + 1]).unwrap_err();
        assert_eq!(error.to_string(), format!("cannot send to {to}"));
        outlet.send(&[0; Plan::PACKET_BYTES_MAX]).unwrap();
    }
}
