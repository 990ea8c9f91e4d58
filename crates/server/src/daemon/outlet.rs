//! Opens the sink that is configured, and its queue.

use std::io;

use anyhow::Context as _;
use gstatsd_sinks::{Clock, Console, Graphite, GraphiteForm, GraphiteSettings};

use crate::clock;
use crate::config::{Config, GraphitePeer, Sink, SinkKind};
use crate::deliver::Outlet;
use crate::scrape::ScrapeServer;

pub(super) fn open(sink: &Sink, config: &Config) -> anyhow::Result<Outlet> {
    let (name, delivery, flush) = (sink.name.as_str(), &sink.delivery, config.flush_interval);
    match &sink.kind {
        SinkKind::Console => Ok(Outlet::open(name, Console::new(io::stdout()), delivery, flush)?),
        SinkKind::Graphite(peer) => Ok(Outlet::open(name, graphite(peer), delivery, flush)?),
        SinkKind::Prometheus(page) => {
            let served = ScrapeServer::open(name, page, flush)
                .with_context(|| format!("sink {name}: cannot serve {}", page.address))?;
            Ok(Outlet::open(name, served, delivery, flush)?)
        }
    }
}

fn graphite(peer: &GraphitePeer) -> Graphite {
    let settings = GraphiteSettings {
        host: peer.address.host.clone(),
        port: peer.address.port,
        form: GraphiteForm::Text,
        connect_timeout: peer.connect_timeout,
        write_timeout: peer.write_timeout,
    };
    Graphite::new(settings, Clock { now: clock::now, wall: clock::wall })
}
