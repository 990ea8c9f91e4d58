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
    /// Its url.
    url: String,
    /// The other keys of its table.
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

    /// The sinks as typed. A table without a url leaves an error.
    fn typed_sinks(&mut self) -> Vec<Typed> {
        let alone = |place: &str, url: &str| Typed {
            place: place.to_owned(),
            table: "sink".to_owned(),
            url: url.to_owned(),
            keys: FileSink::default(),
        };
        if !self.flags.sink.is_empty() {
            return self.flags.sink.iter().map(|url| alone("-s", url)).collect();
        }
        let file = self.file;
        if file.sink.is_empty() {
            return keys::SINK_URL.default.iter().map(|url| alone("", url)).collect();
        }
        let mut typed = Vec::new();
        for (index, keys) in file.sink.iter().enumerate() {
            let table = format!("sink.{index}");
            let path = format!("{table}.url");
            let place = file.origin.place(&path);
            match keys.url.clone() {
                Some(url) => typed.push(Typed { place, table, url, keys: keys.clone() }),
                None => self.wrong_in_file(&path, "is missing"),
            }
        }
        typed
    }

    /// Checks the name that was given to a sink, if any, and adds it to those that are taken.
    fn check_name(&mut self, sink: &Typed, names: &mut BTreeSet<String>) {
        let Some(name) = &sink.keys.name else {
            return;
        };
        let path = format!("{}.name", sink.table);
        if name.is_empty() || name.len() > NAME_BYTES_MAX || !name.chars().all(spec::is_name_char) {
            let allowed = keys::SINK_NAME.allowed;
            self.wrong_in_file(&path, &format!("'{name}' is not made of {allowed}"));
        } else if !names.insert(name.clone()) {
            self.wrong_in_file(&path, &format!("'{name}' is the name of another sink"));
        }
    }

    fn sink(&mut self, typed: &Typed, names: &mut BTreeSet<String>) -> Option<Sink> {
        let Typed { place, table, url, keys: given } = typed;
        let queue_bytes = self.whole_in_file(
            &keys::SINK_QUEUE_BYTES,
            &format!("{table}.queue_bytes"),
            given.queue_bytes,
        );
        let spec = match spec::sink(url) {
            Ok(spec) => spec,
            Err(why) => {
                self.wrong(place, &why);
                return None;
            }
        };
        let name = given.name.clone().unwrap_or_else(|| free_name(&spec.default_name(), names));
        let timeouts = [
            (&keys::SINK_CONNECT_TIMEOUT, "connect_timeout", given.connect_timeout),
            (&keys::SINK_WRITE_TIMEOUT, "write_timeout", given.write_timeout),
        ];
        let kind = match spec {
            SinkSpec::Console => {
                for (_, key, _) in timeouts.iter().filter(|(_, _, given)| given.is_some()) {
                    self.wrong_in_file(&format!("{table}.{key}"), "a console has no connection");
                }
                SinkKind::Console
            }
            SinkSpec::Graphite(address) => {
                let [connect_timeout, write_timeout] = timeouts.map(|(key, name, given)| {
                    let path = format!("{table}.{name}");
                    Duration::from_secs_f64(self.number_in_file(key, &path, given))
                });
                SinkKind::Graphite { address, connect_timeout, write_timeout }
            }
        };
        Some(Sink { name, kind, queue_bytes })
    }
}

/// The name, or the first of `NAME_2`, `NAME_3`, ... that is free. It is taken from then on.
fn free_name(name: &str, names: &mut BTreeSet<String>) -> String {
    let numbered = (2..).map(|number: u32| format!("{name}_{number}"));
    let free = std::iter::once(name.to_owned()).chain(numbered).find(|name| !names.contains(name));
    let free = free.unwrap_or_default();
    names.insert(free.clone());
    free
}
