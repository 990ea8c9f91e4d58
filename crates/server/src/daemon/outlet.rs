//! Opens the sink that is configured, and its queue.

use std::io;
use std::time::Duration;

use anyhow::Context as _;
use gstatsd_sinks::{
    Clock, Console, Graphite, GraphiteSettings, GraphiteUdp, InfluxUdp, JsonFile, Statsd, Tls,
    UdpSettings,
};

use crate::beats::{self, Beats};
use crate::clock;
use crate::config::{Config, GraphitePeer, Sink, SinkKind, StatsdPeer, Transport, UdpPeer};
use crate::deliver::Outlet;
use crate::http::HttpServers;
use crate::scrape::ScrapeServer;

/// What sinks read: a courier that waits for its peer looks at the clock, and so advances.
const CLOCK: Clock = Clock { now: beats::now, wall: clock::wall };
/// How long a sink may go without a look at it.
const PATIENCE: Duration = Duration::from_mins(2);

/// Opens a sink. Its page, if it has one, is shown by one of the servers.
pub(super) fn open(
    sink: &Sink,
    config: &Config,
    servers: &HttpServers,
    beats: &Beats,
) -> anyhow::Result<Outlet> {
    let outlet = begin(sink, config, servers)?;
    outlet.beat_with(beats.stage(&format!("sink {}", sink.name), PATIENCE));
    Ok(outlet)
}

fn begin(sink: &Sink, config: &Config, servers: &HttpServers) -> anyhow::Result<Outlet> {
    let (name, delivery, flush) = (sink.name.as_str(), &sink.delivery, config.flush_interval);
    let spool = Some(&config.spool);
    match &sink.kind {
        SinkKind::Console => {
            Ok(Outlet::open(name, Console::new(io::stdout()), delivery, flush, None)?)
        }
        SinkKind::File(settings) => {
            let file = JsonFile::open(settings.clone())
                .with_context(|| format!("sink {name}: cannot open {}", settings.path.display()))?;
            Ok(Outlet::open(name, file, delivery, flush, None)?)
        }
        SinkKind::Graphite(peer) => {
            let graphite = graphite(peer).with_context(|| format!("sink {name}"))?;
            Ok(Outlet::open(name, graphite, delivery, flush, spool)?)
        }
        SinkKind::GraphiteUdp(peer) => {
            Ok(Outlet::open(name, GraphiteUdp::new(udp(peer), CLOCK), delivery, flush, spool)?)
        }
        SinkKind::InfluxUdp(peer) => {
            Ok(Outlet::open(name, InfluxUdp::new(udp(peer), CLOCK), delivery, flush, spool)?)
        }
        SinkKind::Prometheus(page) => {
            let served = ScrapeServer::open(name, page, flush, servers)
                .with_context(|| format!("sink {name}: cannot serve {}", page.address))?;
            Ok(Outlet::open(name, served, delivery, flush, None)?)
        }
        SinkKind::Statsd(peer) => Ok(Outlet::open(name, statsd(peer), delivery, flush, spool)?),
    }
}

fn graphite(peer: &GraphitePeer) -> anyhow::Result<Graphite> {
    let settings = GraphiteSettings {
        host: peer.address.host.clone(),
        port: peer.address.port,
        form: peer.form,
        connect_timeout: peer.connect_timeout,
        write_timeout: peer.write_timeout,
    };
    let graphite = Graphite::new(settings, CLOCK);
    Ok(match &peer.tls {
        None => graphite,
        Some(tls) => graphite.with_tls(Tls::load(tls, &peer.address.host)?),
    })
}

fn udp(UdpPeer { address, packet_bytes }: &UdpPeer) -> UdpSettings {
    UdpSettings { host: address.host.clone(), port: address.port, packet_bytes: *packet_bytes }
}

fn statsd(peer: &StatsdPeer) -> Statsd {
    let (host, port) = (peer.address.host.as_str(), peer.address.port);
    match peer.transport {
        Transport::Udp => Statsd::udp(host, port, peer.lines, CLOCK),
        Transport::Tcp => {
            let timeouts = [peer.connect_timeout, peer.write_timeout];
            Statsd::tcp(host, port, peer.lines, timeouts)
        }
    }
}
