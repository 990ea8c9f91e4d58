//! That tables and the merger make of any bytes what an obvious twin makes of them: what the fuzzer
//! asks.

use std::collections::{BTreeMap, BTreeSet};

use gstatsd_wire::{
    Grammar, Line, Receiver, Rejection, Sample, SignedGauge, Tag, TagStyles, Tags, Value,
    parse_obviously,
};

use crate::{
    CounterValue, Dialect, Limits, Merger, Naming, NamingSettings, Order, Part, Scheme, SeriesKind,
    SeriesSettings, Snapshot, State, Table, Window, write_series,
};

/// What an interval made of each series, by kind and text: a sum, the last value, or how many
/// members or values there are.
type Outcome = BTreeMap<(SeriesKind, Vec<u8>), f64>;

/// Takes in any bytes as a packet in each of the dialects, with tags dropped and kept within
/// narrow limits, in the styles of the dialect and in all of them.
///
/// # Panics
///
/// When a table makes something else of them than the twin, or the books do not close.
pub fn fuzz_ingest(packet: &[u8]) {
    let narrow = Tags::Check { count_max: 2, bytes_max: 16 };
    for dialect in [Dialect::GSTATSD, Dialect::STATSD, Dialect::DOGSTATSD] {
        for tags in [Tags::Skip, narrow, Dialect::DOGSTATSD.grammar.tags] {
            for tag_styles in [dialect.grammar.tag_styles, TagStyles::ALL] {
                let origin = tag_styles == TagStyles::ALL && tags != Tags::Skip;
                let grammar = Grammar { tags, tag_styles, origin, ..dialect.grammar };
                agree(Dialect { grammar, ..dialect }, &[packet]);
            }
        }
    }
}

/// Reads any bytes as a snapshot. Where they are one, everything may be asked of it, and it is
/// written as it was read.
///
/// # Panics
///
/// When it is not.
pub fn fuzz_snapshot(bytes: &[u8]) {
    let Ok(snapshot) = Snapshot::decode(bytes) else { return };
    let naming = naming(&Dialect::STATSD);
    let mut points = 0_usize;
    naming.points(&snapshot, |_| points += 1);
    naming.dated_points(&snapshot, |_, _| points += 1);
    assert_eq!(points as u64, naming.point_count(&snapshot), "points are counted as they come");
    let mut again = Vec::new();
    snapshot.encode(&mut again);
    let mut third = Vec::new();
    if let Ok(same) = Snapshot::decode(&again) {
        same.encode(&mut third);
    }
    // Of a HyperLogLog the order is a matter of how it grew.
    assert_eq!(again.len(), third.len(), "what is written is read as the same");
}

/// Takes in packets in a dialect, twice. Changes of gauges are taken for numbers.
///
/// # Panics
///
/// As [`fuzz_ingest`] does.
pub fn agree(dialect: Dialect, packets: &[&[u8]]) {
    let grammar = Grammar { signed_gauge: SignedGauge::Absolute, ..dialect.grammar };
    let dialect = Dialect { grammar, ..dialect };
    let limits = Limits::new(10_000, 100_000);
    let naming = naming(&dialect);
    let mut table = Table::new(dialect, naming.clone(), limits);
    let mut merger = Merger::new();
    // The second time all spellings are known.
    for _ in 0..2 {
        let mut twin = Twin { dialect, series: BTreeMap::new(), dated: 0 };
        for packet in packets {
            table.packet(packet, Order::default());
            parse_obviously(packet, &grammar, &mut twin);
        }
        let mut part = table.rotate(Box::<Part>::default());
        merger.add(0, &mut part);
        assert_eq!((part.counts.samples_residual(), part.counts.lines_residual()), (0, 0));
        assert_eq!(part.counts.samples_passed_on, twin.dated);
        let snapshot = merger.finish(Window { timestamp: 0, seconds: 1.0 }, Vec::new());
        let series = snapshot.series().map(|series| {
            let value = match series.state {
                State::Counter(value) | State::Gauge(value) => value,
                State::Set(members) => count(members.count()),
                State::Timer { values, .. } => count(values.len()),
            };
            ((series.kind, series.name.to_vec()), value)
        });
        assert_eq!(series.collect::<Outcome>(), twin.outcome(), "{dialect:?}");
        let mut points = 0;
        naming.points(&snapshot, |_| points += 1);
        naming.dated_points(&snapshot, |_, _| points += 1);
        assert_eq!(naming.point_count(&snapshot), points);
    }
}

/// Names for series of such kinds, of which none is reserved.
fn naming(dialect: &Dialect) -> Naming {
    let scheme = match dialect.histograms_apart {
        true => Scheme::Dogstatsd(CounterValue::Sum),
        false => Scheme::Gstatsd,
    };
    Naming::new(&NamingSettings {
        scheme,
        prefix: String::new(),
        own_metrics: String::new(),
        series: SeriesSettings::default(),
        rules: Vec::new(),
    })
}

/// Reads each line in the obvious way, and asks for the tags of each sample.
struct Twin {
    dialect: Dialect,
    series: BTreeMap<(SeriesKind, Vec<u8>), Vec<Seen>>,
    /// How many samples have a time of their own.
    dated: u64,
}

enum Seen {
    /// With its rate.
    Number(f64, f64),
    Member(Vec<u8>),
}

impl<'a> Receiver<'a> for Twin {
    fn line(&mut self, _: Line<'a>) {}

    fn sample(&mut self, sample: Sample<'a>) {
        if sample.timestamp.is_some() {
            self.dated += 1;
            return;
        }
        let grammar = &self.dialect.grammar;
        let tagged = grammar.tagged(&sample);
        let (mut name, mut text) = (Vec::new(), Vec::new());
        self.dialect.sanitise(&tagged.name.concat(), &mut name);
        let safe = |text: &[u8]| {
            let mut safe = Vec::new();
            self.dialect.sanitise_tag(text, &mut safe);
            safe
        };
        let tags = tagged.tags().filter(|_| grammar.tags != Tags::Skip);
        let tags: Vec<_> = tags.map(|tag| (safe(tag.key), tag.value.map(safe))).collect();
        let tags = tags.iter().filter(|(key, _)| !key.is_empty());
        let mut tags: Vec<_> =
            tags.map(|(key, value)| Tag { key, value: value.as_deref() }).collect();
        write_series(&name, &mut tags, &mut text);
        let seen = match sample.value {
            Value::Number(number) | Value::Delta(number) => Seen::Number(number, sample.rate),
            Value::Member(member) => Seen::Member(member.to_vec()),
        };
        let kind = self.dialect.series_kind(sample.kind);
        self.series.entry((kind, text)).or_default().push(seen);
    }

    fn reject(&mut self, _: Rejection<'a>) {}
}

impl Twin {
    fn outcome(self) -> Outcome {
        let value = |kind, seen: &[Seen]| {
            let mut numbers = seen.iter().filter_map(|seen| match seen {
                Seen::Number(number, rate) => Some((*number, *rate)),
                Seen::Member(_) => None,
            });
            let members = seen.iter().filter_map(|seen| match seen {
                Seen::Number(..) => None,
                Seen::Member(member) => Some(member),
            });
            match kind {
                SeriesKind::Counter => numbers
                    .fold(0.0, |sum, (number, rate)| crate::sum::weighted(sum, number, rate).0),
                SeriesKind::Gauge => numbers.next_back().map_or(0.0, |(number, _)| number),
                SeriesKind::Set => count(members.collect::<BTreeSet<_>>().len()),
                SeriesKind::Distribution | SeriesKind::Histogram | SeriesKind::Timer => {
                    count(seen.len())
                }
            }
        };
        let series = self.series.into_iter();
        series.map(|((kind, text), seen)| ((kind, text), value(kind, &seen))).collect()
    }
}

#[expect(clippy::cast_precision_loss, reason = "few things are counted")]
fn count(things: usize) -> f64 {
    things as f64
}
