//! What the flush tells of the daemon: own metrics, and how the books stand.

use gstatsd_aggregate::OwnPoint;

use super::Flush;
use crate::accounting::{Board, Heaviest, Identity, Standing};
use crate::beats::Beat;
use crate::logging::lines_dropped;
use crate::memory::Memory;
use crate::notes::Notes;

/// How many of the heaviest are told.
const HEAVIEST_MAX: usize = 5;

/// Where the flush tells how everything stands.
pub(crate) struct Telling {
    /// Where each flush is shown.
    pub(crate) board: Board,
    /// What others have written down to be told.
    pub(crate) notes: Notes,
    /// The memory of the daemon.
    pub(crate) memory: Memory,
    /// Says that the flush advances.
    pub(crate) beat: Beat,
}

impl Flush {
    /// Shows how everything stands at this flush, or before the first one. Gives the own metrics:
    /// everything since the start.
    pub(super) fn publish(&self, timestamp: Option<i64>) -> Vec<OwnPoint> {
        let standing = self.standing(timestamp);
        let point = |prefix: &str, (name, value): &(String, u64)| OwnPoint {
            name: [prefix, name].concat().into_boxed_str(),
            value: *value,
        };
        let prefix = self.naming.own_prefix();
        let own = prefix.map(|prefix| standing.metrics.iter().map(|one| point(prefix, one)));
        let own = own.map(Iterator::collect).unwrap_or_default();
        if let Some(Telling { board, .. }) = &self.telling {
            board.publish(standing);
        }
        own
    }

    fn standing(&self, timestamp: Option<i64>) -> Standing {
        let mut metrics: Vec<(String, u64)> = Vec::new();
        let mut identities: Vec<Identity> = Vec::new();
        let mut add = |name: &[&str], value| metrics.push((name.concat(), value));
        let mut identity = |name: &str, residual| {
            let (stem, name) = (format!("{name}."), name.to_owned());
            identities.push(Identity { name, residual, stem });
        };
        self.totals.named(|stem, reason, count| add(&[stem, reason], count));
        identity("lines", self.totals.lines_residual());
        identity("samples", self.totals.samples_residual());
        add(&["flushes"], self.flushes);
        add(&["flushes.overrun"], self.overruns);
        add(&["clock.steps"], self.timestamps.steps());
        add(&["log.lines.dropped"], lines_dropped());
        if let Some(tally) = &self.tally {
            add(&["samples.lost.crash"], tally.lost());
        }
        if let Some(keeping) = &self.keeping {
            keeping.named(|name, count| add(&[name], count));
        }
        add(&["reloads.applied"], self.reloads.applied);
        add(&["reloads.failed"], self.reloads.failed);
        add(&["reloads.stale"], u64::from(self.reloads.is_stale));
        add(&["series"], self.merger.series_count() as u64);
        add(&["series.forgotten"], self.merger.forgotten());
        let connections = self.connections.counts();
        connections.named(|stem, reason, count| add(&[stem, reason], count));
        identity("connections", connections.residual());
        for (sink, books) in self.outlets.books() {
            books.named(|stem, reason, count| add(&["sinks.", &sink, ".", stem, reason], count));
            identity(&format!("sinks.{sink}.points"), books.residual());
        }
        self.outlets.name_totals(|sink, stem, reason, count| {
            add(&["sinks.", sink, ".", stem, reason], count);
        });
        if let Some(forwarding) = &self.forwarding {
            forwarding.named(|name, count| add(&[name], count));
            for (peer, books) in forwarding.books() {
                identity(&peer, books.residual());
            }
        }
        if let Some(telling) = &self.telling {
            telling.memory.named(|name, number| add(&[name], number));
        }
        for (name, number) in self.telling.iter().flat_map(|telling| telling.notes.all()) {
            add(&[name], number);
        }
        let heaviest = self.heaviest();
        heaviest.named(|name, percent| add(&[name], percent));
        let prefix = self.naming.own_prefix().unwrap_or_default().to_owned();
        Standing { timestamp, prefix, metrics, identities, heaviest }
    }

    /// Who sent most in the interval, and whose names were new lately.
    fn heaviest(&self) -> Heaviest {
        let prefixes = self.newcomers.heaviest(HEAVIEST_MAX).into_iter();
        let senders = self.senders.heaviest(HEAVIEST_MAX).into_iter();
        Heaviest {
            prefixes: prefixes
                .map(|(text, share)| (text.escape_ascii().to_string(), share))
                .collect(),
            senders: senders.map(|(address, share)| (address.to_string(), share)).collect(),
        }
    }
}
