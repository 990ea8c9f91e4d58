//! The sinks: from `-s`, from `[[sink]]`, or the default; each gets a name of its own.

use std::{collections::BTreeSet, time::Duration};

mod delivery;
mod file;
mod graphite;
mod http;
mod influx;
mod otlp;
mod remote_write;
mod scrape_page;
mod statsd;
mod tls;

use super::Draft;
use crate::config::{
    Sink, SinkKind,
    file::FileSink,
    key::{About, Number},
    keys::sinks,
    spec::{self, GraphiteWay, SinkSpec},
};

/// The longest name that can be given to a sink, in bytes.
const NAME_BYTES_MAX: usize = 64;

/// One sink as typed.
struct Typed {
    /// Where its url was typed, for errors.
    place: String,
    /// The path of its table in the file, for errors.
    table: String,
    /// The keys of its table.
    keys: FileSink,
}

impl Draft<'_> {
    /// The sinks; `flush` is the flush interval.
    pub(super) fn sinks(&mut self, flush: Duration) -> Vec<Sink> {
        let typed = self.typed_sinks();
        // Names that were given come first: a name that we make gives way to them.
        let mut names = BTreeSet::new();
        for sink in &typed {
            self.check_name(sink, &mut names);
        }
        typed.iter().filter_map(|typed| self.sink(typed, flush, &mut names)).collect()
    }

    /// The sinks as typed.
    fn typed_sinks(&self) -> Vec<Typed> {
        let alone = |place: &str, url: &str| Typed {
            place: place.to_owned(),
            table: "sink".to_owned(),
            keys: FileSink { url: Some(url.to_owned()), ..FileSink::default() },
        };
        if !self.flags.sink.is_empty() {
            return self.flags.sink.iter().map(|url| alone("-s", url)).collect();
        }
        if self.file.sink.is_empty() {
            return sinks::URL.default.iter().map(|url| alone("", url)).collect();
        }
        let in_file = |(index, keys): (usize, &FileSink)| {
            let table = format!("sink.{index}");
            let place = self.file.origin.place(&format!("{table}.url"));
            Typed { place, table, keys: keys.clone() }
        };
        self.file.sink.iter().enumerate().map(in_file).collect()
    }

    /// Checks the name that was given to a sink, if any, and adds it to those that are taken.
    fn check_name(&mut self, sink: &Typed, names: &mut BTreeSet<String>) {
        let Some(name) = &sink.keys.name else {
            return;
        };
        let path = format!("{}.name", sink.table);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(spec::is_name_char) {
            let wrong = format!("'{name}' is not {}", sinks::NAME.bounds());
            self.wrong_in_file(&path, &wrong);
        } else if !names.insert(name.clone()) {
            self.wrong_in_file(&path, &format!("'{name}' is the name of another sink"));
        }
    }

    /// One sink. What every sink has is checked, whatever is wrong with its url.
    fn sink(
        &mut self,
        typed: &Typed,
        flush: Duration,
        names: &mut BTreeSet<String>,
    ) -> Option<Sink> {
        let Typed { place, keys: given, .. } = typed;
        let delivery = self.delivery(typed, flush);
        let url = given.url.as_deref().map(|url| self.expanded(url));
        let spec = match url.map(|url| url.and_then(|url| spec::sink(&url))) {
            Some(Ok(spec)) => spec,
            Some(Err(why)) => {
                self.wrong(place, &why);
                return None;
            }
            None => {
                self.wrong(place, "is missing");
                return None;
            }
        };
        let name = given.name.clone().unwrap_or_else(|| free_name(&spec.default_name(), names));
        let (own_keys, kind): (&[&str], _) = match spec {
            SinkSpec::Console => (&[], SinkKind::Console),
            SinkSpec::File(path) => (file::KEYS, SinkKind::File(self.file_sink(typed, &path)?)),
            SinkSpec::Graphite(GraphiteWay::Udp, address) => {
                (graphite::UDP_KEYS, SinkKind::GraphiteUdp(self.udp_peer(typed, address)))
            }
            SinkSpec::Graphite(way, address) => {
                (graphite::keys(way), SinkKind::Graphite(self.graphite(typed, way, address)))
            }
            SinkSpec::InfluxUdp(address) => {
                (graphite::UDP_KEYS, SinkKind::InfluxUdp(self.udp_peer(typed, address)))
            }
            SinkSpec::Influx(address, is_secure, database) => {
                (influx::KEYS, SinkKind::Influx(self.influx(typed, address, is_secure, database)?))
            }
            SinkSpec::Otlp(spec) => (otlp::KEYS, SinkKind::Otlp(self.otlp(typed, spec)?)),
            SinkSpec::RemoteWrite(address, is_secure, path) => {
                let peer = self.remote_write(typed, address, is_secure, path);
                (remote_write::KEYS, SinkKind::RemoteWrite(peer))
            }
            SinkSpec::Prometheus(address, path) => {
                let page = self.scrape_page(typed, address, path);
                (scrape_page::KEYS, SinkKind::Prometheus(page))
            }
            SinkSpec::Statsd(transport, address) => {
                let peer = self.statsd(typed, transport, address);
                (statsd::keys(transport), SinkKind::Statsd(peer))
            }
        };
        self.refuse_other_keys(typed, own_keys, kind.has_spool());
        Some(Sink { name, kind, delivery })
    }

    /// Refuses keys that mean nothing for the sink: all but those of every sink and its own.
    fn refuse_other_keys(&mut self, typed: &Typed, own: &[&str], has_spool: bool) {
        // What was read from a file can be written as a table.
        let given = toml::Table::try_from(&typed.keys).unwrap_or_default();
        for key in given.keys().map(String::as_str) {
            let is_of_spool = has_spool && delivery::SPOOL_KEYS.contains(&key);
            if !delivery::KEYS.contains(&key) && !is_of_spool && !own.contains(&key) {
                let path = format!("{}.{key}", typed.table);
                self.wrong_in_file(&path, "means nothing for this kind of sink");
            }
        }
    }

    /// A time of a sink, in seconds.
    fn sink_seconds(&mut self, key: &Number, typed: &Typed, given: Option<f64>) -> Duration {
        let path = typed.path(&key.about);
        Duration::from_secs_f64(self.number_in_file(key, &path, given))
    }
}

impl Typed {
    /// The path of a key of every sink in the table of this one, for errors.
    fn path(&self, about: &About) -> String {
        let key = about.path.rsplit('.').next().unwrap_or_default();
        format!("{}.{key}", self.table)
    }
}

/// The name, or the first of `NAME_2`, `NAME_3`, ... that is free. It is taken from then on.
pub(super) fn free_name(name: &str, names: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number: u32| format!("{name}_{number}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !names.contains(name));
    let free = free.unwrap_or_default();
    names.insert(free.clone());
    free
}
