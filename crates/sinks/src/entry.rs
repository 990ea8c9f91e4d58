//! What a snapshot holds, one thing after the other, for protocols with a record for each.

use gstatsd_aggregate::{DatedReading, OwnPoint, Series, SeriesKind, Snapshot, State};

/// One thing of a snapshot: to protocols with a record for each series, a point.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Entry<'s> {
    /// A series of the interval.
    Series(Series<'s>),
    /// What a series was at a second of its own.
    Dated(Series<'s>, i64),
    /// One of our own metrics.
    Own(&'s OwnPoint),
}

/// Every entry of a snapshot, always in the same order.
pub(crate) type Entries<'s> = Box<dyn Iterator<Item = Entry<'s>> + Send + 's>;

/// Every entry of a snapshot: the series, those with a second of their own, our own metrics.
pub(crate) fn entries(snapshot: &Snapshot) -> Entries<'_> {
    let series = snapshot.series().map(Entry::Series);
    let dated = snapshot.dated.iter().map(|dated| Entry::Dated(series_of(dated), dated.second));
    Box::new(series.chain(dated).chain(snapshot.own.iter().map(Entry::Own)))
}

/// How many entries a snapshot has.
pub(crate) fn count(snapshot: &Snapshot) -> u64 {
    (snapshot.series_count() + snapshot.dated.len() + snapshot.own.len()) as u64
}

fn series_of(dated: &DatedReading) -> Series<'_> {
    let state = match dated.kind {
        SeriesKind::Counter => State::Counter(dated.value),
        _ => State::Gauge(dated.value),
    };
    Series { kind: dated.kind, name: &dated.name, settings: 0, state }
}
