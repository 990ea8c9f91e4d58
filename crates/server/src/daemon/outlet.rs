//! Opens the sink that is configured, and its queue.

use std::time::Duration;

use anyhow::Context as _;
use gstatsd_sinks::JsonFile;

use crate::beats::Beats;
use crate::config::{Config, Sink, SinkKind};
use crate::deliver::Outlet;
use crate::http::HttpServers;
use crate::scrape::ScrapeServer;
use crate::sinks;

/// How long a sink may go without a look at the clock.
const PATIENCE: Duration = Duration::from_mins(2);

/// Opens a sink. Its page, if it has one, is shown by one of the servers.
pub(super) fn open(
    sink: &Sink,
    config: &Config,
    servers: &HttpServers,
    beats: &Beats,
) -> anyhow::Result<Outlet> {
    let (name, delivery, flush) = (sink.name.as_str(), &sink.delivery, config.flush_interval);
    let outlet = match &sink.kind {
        SinkKind::Prometheus(page) => {
            let served = ScrapeServer::open(name, page, flush, servers)
                .with_context(|| format!("sink {name}: cannot serve {}", page.address))?;
            Outlet::open(name, served, delivery, flush, None)?
        }
        SinkKind::File(settings) => {
            let file = JsonFile::open(settings.clone())
                .with_context(|| format!("sink {name}: cannot open {}", settings.path.display()))?;
            Outlet::open(name, file, delivery, flush, None)?
        }
        kind => {
            let made = sinks::make(sink, config).with_context(|| format!("sink {name}"))?;
            // Standard output is as far away as the disk.
            let spool = (!matches!(kind, SinkKind::Console)).then_some(&config.spool);
            Outlet::open(name, made, delivery, flush, spool)?
        }
    };
    outlet.beat_with(beats.stage(&format!("sink {name}"), PATIENCE));
    Ok(outlet)
}
