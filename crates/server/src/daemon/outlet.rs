//! Opens the sink that is configured, and its queue.

use std::time::Duration;

use anyhow::Context as _;
use gstatsd_sinks::{JsonFile, Sink as _, Temporality};

use crate::beats::Beats;
use crate::config::{Config, Sink, SinkKind};
use crate::deliver::Outlet;
use crate::http::HttpServers;
use crate::memory::Memory;
use crate::scrape::ScrapeServer;
use crate::sinks;
use crate::tally::Holding;
use crate::totals::TotalsFiles;

/// How long a sink may go without a look at the clock.
const PATIENCE: Duration = Duration::from_mins(2);

/// Opens a sink. Its page, if it has one, is shown by one of the servers.
pub(super) fn open(
    sink: &Sink,
    config: &Config,
    servers: &HttpServers,
    beats: &Beats,
    memory: &Memory,
) -> anyhow::Result<Outlet> {
    let (name, delivery, flush) = (sink.name.as_str(), &sink.delivery, config.flush_interval);
    let totals = config.state_directory.as_deref().filter(|_| has_totals(&sink.kind));
    let totals = totals.map(|state| TotalsFiles::new(state, name));
    let standing = totals.as_ref().map(TotalsFiles::standing);
    let outlet = match &sink.kind {
        SinkKind::Prometheus(page) => {
            let mut served = ScrapeServer::open(name, page, flush, servers)
                .with_context(|| format!("sink {name}: cannot serve {}", page.address))?;
            if let Some(totals) = totals {
                served.keep_totals(Box::new(totals));
            }
            Outlet::open(name, served, delivery, flush, None)?
        }
        SinkKind::File(settings) => {
            let file = JsonFile::open(settings.clone())
                .with_context(|| format!("sink {name}: cannot open {}", settings.path.display()))?;
            Outlet::open(name, file, delivery, flush, None)?
        }
        kind => {
            let mut made = sinks::make(sink, config).with_context(|| format!("sink {name}"))?;
            if let Some(totals) = totals {
                made.keep_totals(Box::new(totals));
            }
            let spool = kind.has_spool().then(|| delivery.spool.of(&config.spool));
            Outlet::open(name, made, delivery, flush, spool.as_ref())?
        }
    };
    outlet.count_in(&memory.budget);
    outlet.beat_with(beats.stage(&format!("sink {name}"), PATIENCE));
    if let Some(state) = &config.state_directory {
        let (holding, lost) = Holding::open(state, name);
        outlet.hold_in(holding, &lost);
    }
    if let Some(standing) = standing {
        outlet.tell_totals(standing);
    }
    Ok(outlet)
}

/// Whether a sink sums up what it gets.
fn has_totals(kind: &SinkKind) -> bool {
    match kind {
        SinkKind::Prometheus(_) | SinkKind::RemoteWrite(_) => true,
        SinkKind::Otlp(peer) => peer.temporality == Temporality::Cumulative,
        SinkKind::Console
        | SinkKind::File(_)
        | SinkKind::Graphite(_)
        | SinkKind::GraphiteUdp(_)
        | SinkKind::Influx(_)
        | SinkKind::InfluxUdp(_)
        | SinkKind::Statsd(_) => false,
    }
}
