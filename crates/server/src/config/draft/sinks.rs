//! The sinks: from `-s`, from `[[sink]]`, or the default; each gets a name of its own.

use std::{collections::BTreeSet, time::Duration};

use super::Draft;
use crate::config::{
    Address, ScrapePage, Sink, SinkKind,
    file::FileSink,
    keys::sinks,
    spec::{self, SinkSpec},
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
    pub(super) fn sinks(&mut self) -> Vec<Sink> {
        let typed = self.typed_sinks();
        // Names that were given come first: a name that we make gives way to them.
        let mut names = BTreeSet::new();
        for sink in &typed {
            self.check_name(sink, &mut names);
        }
        typed.iter().filter_map(|typed| self.sink(typed, &mut names)).collect()
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

    /// One sink. All its keys are checked, whatever is wrong with its url.
    fn sink(&mut self, typed: &Typed, names: &mut BTreeSet<String>) -> Option<Sink> {
        let Typed { place, table, keys: given } = typed;
        let path = format!("{table}.queue_bytes");
        let queue_bytes = self.whole_in_file(&sinks::QUEUE_BYTES, &path, given.queue_bytes);
        let timeouts = self.timeouts(typed);
        let page = self.page(typed);
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
        if !matches!(spec, SinkSpec::Graphite(_)) {
            let keys = [given.connect_timeout, given.write_timeout];
            self.refuse(typed, ["connect_timeout", "write_timeout"], keys.map(|key| key.is_some()));
        }
        if !matches!(spec, SinkSpec::Prometheus(..)) {
            let keys =
                [given.quantiles.is_some(), given.seconds.is_some(), given.idle_timeout.is_some()];
            self.refuse(typed, ["quantiles", "seconds", "idle_timeout"], keys);
        }
        let kind = match spec {
            SinkSpec::Console => SinkKind::Console,
            SinkSpec::Graphite(address) => {
                let [connect_timeout, write_timeout] = timeouts;
                SinkKind::Graphite { address, connect_timeout, write_timeout }
            }
            SinkSpec::Prometheus(address, path) => {
                SinkKind::Prometheus(ScrapePage { address, path, ..page })
            }
        };
        Some(Sink { name, kind, queue_bytes })
    }

    /// Refuses keys that mean nothing for the sink.
    fn refuse<const COUNT: usize>(
        &mut self,
        typed: &Typed,
        keys: [&str; COUNT],
        are_given: [bool; COUNT],
    ) {
        for (key, _) in keys.iter().zip(are_given).filter(|(_, is_given)| *is_given) {
            let path = format!("{}.{key}", typed.table);
            self.wrong_in_file(&path, "means nothing for this kind of sink");
        }
    }

    /// How long connecting and writing may take.
    fn timeouts(&mut self, typed: &Typed) -> [Duration; 2] {
        let Typed { table, keys: given, .. } = typed;
        [
            (&sinks::CONNECT_TIMEOUT, "connect_timeout", given.connect_timeout),
            (&sinks::WRITE_TIMEOUT, "write_timeout", given.write_timeout),
        ]
        .map(|(key, name, given)| self.number_in_file(key, &format!("{table}.{name}"), given))
        .map(Duration::from_secs_f64)
    }

    /// What is typed for a page, without its address.
    fn page(&mut self, typed: &Typed) -> ScrapePage {
        let Typed { table, keys: given, .. } = typed;
        let quantiles = given.quantiles.clone().unwrap_or_else(|| vec![0.5, 0.9, 0.99]);
        for wrong in quantiles.iter().filter(|quantile| !(**quantile > 0.0 && **quantile <= 1.0)) {
            let path = format!("{table}.quantiles");
            self.wrong_in_file(&path, &format!("{wrong} is not in (0, 1]"));
        }
        let mut sorted = quantiles.clone();
        sorted.sort_by(f64::total_cmp);
        if let Some([twice, _]) = sorted.array_windows().find(|[left, right]| left == right) {
            let path = format!("{table}.quantiles");
            self.wrong_in_file(&path, &format!("{twice} stands there twice"));
        }
        let path = format!("{table}.idle_timeout");
        let idle_timeout = self.number_in_file(&sinks::IDLE_TIMEOUT, &path, given.idle_timeout);
        ScrapePage {
            address: Address { host: String::new(), port: 0 },
            path: String::new(),
            quantiles,
            seconds: given.seconds.unwrap_or(sinks::SECONDS.default),
            idle_timeout: Duration::from_secs_f64(idle_timeout),
        }
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
