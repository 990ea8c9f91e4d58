//! The sinks: from `-s`, from `[[sink]]`, or the default; each gets a name of its own.

use std::{collections::BTreeSet, time::Duration};

use super::Draft;
use crate::config::{
    Sink, SinkKind,
    file::FileSink,
    keys,
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
            return keys::SINK_URL.default.iter().map(|url| alone("", url)).collect();
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
            let wrong = format!("'{name}' is not {}", keys::SINK_NAME.bounds());
            self.wrong_in_file(&path, &wrong);
        } else if !names.insert(name.clone()) {
            self.wrong_in_file(&path, &format!("'{name}' is the name of another sink"));
        }
    }

    /// One sink. All its keys are checked, whatever is wrong with its url.
    fn sink(&mut self, typed: &Typed, names: &mut BTreeSet<String>) -> Option<Sink> {
        let Typed { place, table, keys: given } = typed;
        let path = |key: &str| format!("{table}.{key}");
        let bytes = given.queue_bytes;
        let queue_bytes = self.whole_in_file(&keys::SINK_QUEUE_BYTES, &path("queue_bytes"), bytes);
        let timeouts = [
            (&keys::SINK_CONNECT_TIMEOUT, path("connect_timeout"), given.connect_timeout),
            (&keys::SINK_WRITE_TIMEOUT, path("write_timeout"), given.write_timeout),
        ];
        let [connect_timeout, write_timeout] = timeouts
            .each_ref()
            .map(|(key, path, given)| self.number_in_file(key, path, *given))
            .map(Duration::from_secs_f64);
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
        let kind = match spec {
            SinkSpec::Console => {
                for (_, path, _) in timeouts.iter().filter(|(_, _, given)| given.is_some()) {
                    self.wrong_in_file(path, "a console has no connection");
                }
                SinkKind::Console
            }
            SinkSpec::Graphite(address) => {
                SinkKind::Graphite { address, connect_timeout, write_timeout }
            }
        };
        Some(Sink { name, kind, queue_bytes })
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
