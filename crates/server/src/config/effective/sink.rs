//! A sink as a table `[[sink]]` that says all of it.

use gstatsd_aggregate::Glob;
use gstatsd_sinks::TimerForm;

mod http;

use crate::config::file::FileSink;
use gstatsd_sinks::{FileSettings, GraphiteForm, TlsSettings};

use crate::config::{
    Address, Delivery, GraphitePeer, ScrapePage, Sink, SinkKind, StatsdPeer, Transport, escape,
};

pub(super) fn file(sink: &Sink) -> FileSink {
    let Delivery { queue_bytes, interval, include, exclude, replay, spool } = &sink.delivery;
    let has_replay = matches!(sink.kind, SinkKind::Graphite(_));
    let globs = |globs: &[Glob]| Some(globs.iter().map(ToString::to_string).collect());
    FileSink {
        name: Some(sink.name.clone()),
        queue_bytes: super::whole(*queue_bytes),
        interval: Some(interval.as_secs_f64()),
        include: globs(include),
        exclude: globs(exclude),
        replay: super::whole(*replay).filter(|_| has_replay),
        spool_bytes: spool.bytes.and_then(|bytes| i64::try_from(bytes).ok()),
        spool_age: spool.age.map(|age| age.as_secs_f64()),
        spool_sync: spool.sync,
        ..of_kind(&sink.kind)
    }
}

/// The keys that are those of its kind alone.
fn of_kind(kind: &SinkKind) -> FileSink {
    match kind {
        SinkKind::Console => FileSink { url: Some("console:".to_owned()), ..FileSink::default() },
        SinkKind::File(settings) => json_file(settings),
        SinkKind::Graphite(peer) => graphite(peer),
        SinkKind::GraphiteUdp(peer) => udp("graphite+udp", &peer.address, peer.packet_bytes),
        SinkKind::Influx(peer) => http::influx(peer),
        SinkKind::InfluxUdp(peer) => udp("influxdb+udp", &peer.address, peer.packet_bytes),
        SinkKind::Otlp(peer) => http::otlp(peer),
        SinkKind::Prometheus(page) => scrape_page(page),
        SinkKind::RemoteWrite(peer) => http::remote_write(peer),
        SinkKind::Statsd(peer) => statsd(peer),
    }
}

fn json_file(FileSettings { path, bytes_max, files_max }: &FileSettings) -> FileSink {
    FileSink {
        url: Some(escape(&format!("file:{}", path.display()))),
        file_bytes_max: i64::try_from(*bytes_max).ok(),
        files_max: Some(i64::from(*files_max)),
        ..FileSink::default()
    }
}

fn graphite(peer: &GraphitePeer) -> FileSink {
    let GraphitePeer { address, form, tls, connect_timeout, write_timeout } = peer;
    let scheme = match (tls, form) {
        (Some(_), _) => "graphite+tls",
        (None, GraphiteForm::Pickle) => "graphite+pickle",
        (None, GraphiteForm::Text) => "graphite",
    };
    let file = FileSink {
        url: Some(format!("{scheme}://{address}")),
        connect_timeout: Some(connect_timeout.as_secs_f64()),
        write_timeout: Some(write_timeout.as_secs_f64()),
        ..FileSink::default()
    };
    match tls {
        None => file,
        Some(TlsSettings { ca_file, cert_file, key_file, server_name }) => {
            let [ca_file, cert_file, key_file] = [ca_file, cert_file, key_file]
                .map(|path| path.as_ref().map(|path| escape(&path.display().to_string())));
            FileSink { ca_file, cert_file, key_file, server_name: server_name.clone(), ..file }
        }
    }
}

fn udp(scheme: &str, address: &Address, packet_bytes: usize) -> FileSink {
    FileSink {
        url: Some(format!("{scheme}://{address}")),
        packet_bytes: super::whole(packet_bytes),
        ..FileSink::default()
    }
}

fn statsd(peer: &StatsdPeer) -> FileSink {
    let StatsdPeer { transport, address, lines, connect_timeout, write_timeout } = peer;
    let (scheme, has_connection) = match transport {
        Transport::Udp => ("statsd", false),
        Transport::Tcp => ("statsd+tcp", true),
    };
    FileSink {
        tag_style: Some(lines.style.word().to_owned()),
        pack_values: Some(lines.packed),
        connect_timeout: has_connection.then_some(connect_timeout.as_secs_f64()),
        write_timeout: has_connection.then_some(write_timeout.as_secs_f64()),
        ..udp(scheme, address, lines.packet_bytes)
    }
}

fn scrape_page(page: &ScrapePage) -> FileSink {
    let ScrapePage { address, path, timers, seconds, idle_timeout } = page;
    let (word, quantiles, buckets) = match timers {
        TimerForm::Summary(quantiles) => ("summary", Some(quantiles.clone()), None),
        TimerForm::Histogram(buckets) => ("histogram", None, Some(buckets.clone())),
        TimerForm::Native => ("native", None, None),
    };
    FileSink {
        url: Some(format!("prometheus://{address}{path}")),
        timers: Some(word.to_owned()),
        quantiles,
        buckets,
        seconds: Some(*seconds),
        idle_timeout: Some(idle_timeout.as_secs_f64()),
        ..FileSink::default()
    }
}
