//! A sink as a table `[[sink]]` that says all of it.

use gstatsd_aggregate::Glob;

use crate::config::file::FileSink;
use crate::config::{Delivery, GraphitePeer, ScrapePage, Sink, SinkKind};

pub(super) fn file(sink: &Sink) -> FileSink {
    let Delivery { queue_bytes, interval, include, exclude } = &sink.delivery;
    let globs = |globs: &[Glob]| Some(globs.iter().map(ToString::to_string).collect());
    FileSink {
        name: Some(sink.name.clone()),
        queue_bytes: super::whole(*queue_bytes),
        interval: Some(interval.as_secs_f64()),
        include: globs(include),
        exclude: globs(exclude),
        ..of_kind(&sink.kind)
    }
}

/// The keys that are those of its kind alone.
fn of_kind(kind: &SinkKind) -> FileSink {
    match kind {
        SinkKind::Console => FileSink { url: Some("console:".to_owned()), ..FileSink::default() },
        SinkKind::Graphite(peer) => graphite(peer),
        SinkKind::Prometheus(page) => scrape_page(page),
    }
}

fn graphite(GraphitePeer { address, connect_timeout, write_timeout }: &GraphitePeer) -> FileSink {
    FileSink {
        url: Some(format!("graphite://{address}")),
        connect_timeout: Some(connect_timeout.as_secs_f64()),
        write_timeout: Some(write_timeout.as_secs_f64()),
        ..FileSink::default()
    }
}

fn scrape_page(page: &ScrapePage) -> FileSink {
    let ScrapePage { address, path, quantiles, seconds, idle_timeout } = page;
    FileSink {
        url: Some(format!("prometheus://{address}{path}")),
        quantiles: Some(quantiles.clone()),
        seconds: Some(*seconds),
        idle_timeout: Some(idle_timeout.as_secs_f64()),
        ..FileSink::default()
    }
}
