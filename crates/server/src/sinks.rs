//! What is configured, as sinks: nothing is bound or connected to make one, and no file written.

mod http;

use std::io;
use std::time::Duration;

use gstatsd_sinks::{
    Clock, Console, Graphite, GraphiteSettings, GraphiteUdp, InfluxUdp, JsonFile, Prometheus,
    PrometheusSettings, Scrape, Sink, Statsd, TimerForm, Tls, UdpSettings,
};

use crate::config::{
    self, Config, GraphitePeer, ScrapePage, SinkKind, StatsdPeer, Transport, UdpPeer,
};
use crate::{beats, clock};

/// For how long the quantiles of an interval are shown, where none with samples follows: who
/// scrapes once in a minute has seen them.
const QUANTILE_MAX: Duration = Duration::from_mins(5);
/// How long the names and labels of all series on a page are at most: some five million series.
const TEXT_BYTES_MAX: usize = 256 << 20;
/// What sinks read: a courier that waits for its peer looks at the clock, and so advances.
const CLOCK: Clock = Clock { now: beats::now, wall: clock::wall };

/// The sink that is configured. That of a page shows it to nobody.
///
/// # Errors
/// A file that it needs cannot be read.
pub(crate) fn make(sink: &config::Sink, config: &Config) -> anyhow::Result<Box<dyn Sink>> {
    Ok(match &sink.kind {
        SinkKind::Console => Box::new(Console::new(io::stdout())),
        SinkKind::File(settings) => Box::new(JsonFile::new(settings.clone())),
        SinkKind::Graphite(peer) => Box::new(graphite(peer)?),
        SinkKind::GraphiteUdp(peer) => Box::new(GraphiteUdp::new(udp(peer), CLOCK)),
        SinkKind::Influx(peer) => Box::new(http::influx(peer)?),
        SinkKind::InfluxUdp(peer) => Box::new(InfluxUdp::new(udp(peer), CLOCK)),
        SinkKind::Otlp(peer) => Box::new(http::otlp(peer)?),
        SinkKind::RemoteWrite(peer) => Box::new(http::remote_write(peer, config.flush_interval)?),
        SinkKind::Prometheus(page) => Box::new(prometheus(page, config.flush_interval).0),
        SinkKind::Statsd(peer) => Box::new(statsd(peer)),
    })
}

/// The sink of a page, and what is shown of it.
pub(crate) fn prometheus(page: &ScrapePage, flush: Duration) -> (Prometheus, Scrape) {
    let ScrapePage { timers, seconds, idle_timeout, .. } = page;
    Prometheus::new(page_settings(timers.clone(), *seconds, *idle_timeout, flush))
}

/// What a Prometheus is shown, or sent.
fn page_settings(
    timers: TimerForm,
    seconds: bool,
    idle_timeout: Duration,
    flush: Duration,
) -> PrometheusSettings {
    PrometheusSettings {
        timers,
        seconds,
        idle_flushes_max: flushes(idle_timeout, flush),
        quantile_flushes_max: flushes(QUANTILE_MAX, flush),
        text_bytes_max: TEXT_BYTES_MAX,
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
            Statsd::tcp(host, port, peer.lines, timeouts, CLOCK)
        }
    }
}

/// How many flushes there are in a time; at least 1.
fn flushes(time: Duration, interval: Duration) -> u32 {
    let flushes = (time.as_secs_f64() / interval.as_secs_f64()).ceil();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "held there")]
    let held = flushes.clamp(1.0, f64::from(u32::MAX)) as u32;
    held
}
