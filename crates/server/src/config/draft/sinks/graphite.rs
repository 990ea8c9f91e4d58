//! A sink of Graphite, and others that get datagrams.

use gstatsd_sinks::GraphiteForm;

use super::{Draft, Typed};
use crate::config::{Address, GraphitePeer, UdpPeer, keys::sinks, spec::GraphiteWay};

/// The keys of those that get datagrams.
pub(super) const UDP_KEYS: &[&str] = &["packet_bytes"];

/// The keys of a Graphite that is connected to.
pub(super) fn keys(way: GraphiteWay) -> &'static [&'static str] {
    match way {
        GraphiteWay::Udp => UDP_KEYS,
        GraphiteWay::Text | GraphiteWay::Pickle => &["connect_timeout", "write_timeout", "replay"],
        GraphiteWay::Tls => &[
            "connect_timeout",
            "write_timeout",
            "replay",
            "ca_file",
            "cert_file",
            "key_file",
            "server_name",
        ],
    }
}

impl Draft<'_> {
    pub(super) fn graphite(
        &mut self,
        typed: &Typed,
        way: GraphiteWay,
        address: Address,
    ) -> GraphitePeer {
        let form = match way {
            GraphiteWay::Pickle => GraphiteForm::Pickle,
            GraphiteWay::Text | GraphiteWay::Tls | GraphiteWay::Udp => GraphiteForm::Text,
        };
        let given = &typed.keys;
        GraphitePeer {
            address,
            form,
            tls: (way == GraphiteWay::Tls).then(|| self.sink_tls(typed)),
            connect_timeout: self.sink_seconds(
                &sinks::CONNECT_TIMEOUT,
                typed,
                given.connect_timeout,
            ),
            write_timeout: self.sink_seconds(&sinks::WRITE_TIMEOUT, typed, given.write_timeout),
        }
    }

    pub(super) fn udp_peer(&mut self, typed: &Typed, address: Address) -> UdpPeer {
        UdpPeer { address, packet_bytes: self.packet_bytes(typed) }
    }

    pub(super) fn packet_bytes(&mut self, typed: &Typed) -> usize {
        let path = typed.path(&sinks::PACKET_BYTES.about);
        self.whole_in_file(&sinks::PACKET_BYTES, &path, typed.keys.packet_bytes)
    }
}
