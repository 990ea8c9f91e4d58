//! The configuration file: what was typed, and on which line.

use std::io::{self, Read as _};
use std::{collections::BTreeMap, fs, ops::Range, path::Path};

use serde::{Deserialize, Serialize, Serializer};
use toml::de::{DeTable, DeValue};

mod admin;
mod numbers;
mod rule;
mod sink;
mod spool;
mod tags;

use super::Errors;
pub(crate) use admin::FileAdmin;
pub(crate) use numbers::Numbers;
pub(crate) use rule::{Bound, FileRule};
pub(crate) use sink::FileSink;
pub(crate) use spool::FileSpool;
pub(crate) use tags::FileTags;

/// The longest file that is read, in bytes. One that is longer is not a configuration.
const BYTES_MAX: u64 = 4 << 20;

/// A configuration file as typed: a key that was not typed is `None`.
///
/// Whole numbers are signed here, so that a negative one is told like any other that is out of
/// bounds.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct File {
    /// `dialect`
    pub(crate) dialect: Option<String>,
    /// `workers`
    pub(crate) workers: Option<i64>,
    /// `flush_interval`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) flush_interval: Option<f64>,
    /// `align`
    pub(crate) align: Option<bool>,
    /// `percent`
    pub(crate) percent: Option<Numbers>,
    /// `timer_statistics`
    pub(crate) timer_statistics: Option<Vec<String>>,
    /// `distribution_percent`
    pub(crate) distribution_percent: Option<Numbers>,
    /// `counts`
    pub(crate) counts: Option<String>,
    /// `flush_counts`
    pub(crate) flush_counts: Option<bool>,
    /// `sanitize_names`
    pub(crate) sanitize_names: Option<bool>,
    /// `prefix`
    pub(crate) prefix: Option<String>,
    /// `own_metrics`
    pub(crate) own_metrics: Option<String>,
    /// `shutdown_timeout`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) shutdown_timeout: Option<f64>,
    /// `pin_workers`
    pub(crate) pin_workers: Option<bool>,
    /// `receive_buffer_bytes`
    pub(crate) receive_buffer_bytes: Option<i64>,
    /// `memory_max`
    pub(crate) memory_max: Option<i64>,
    /// `series_max`
    pub(crate) series_max: Option<i64>,
    /// `samples_max`
    pub(crate) samples_max: Option<i64>,
    /// `timer_values_max`
    pub(crate) timer_values_max: Option<i64>,
    /// `set_members_max`
    pub(crate) set_members_max: Option<i64>,
    /// `name_bytes_max`
    pub(crate) name_bytes_max: Option<i64>,
    /// `member_bytes_max`
    pub(crate) member_bytes_max: Option<i64>,
    /// `connections_max`
    pub(crate) connections_max: Option<i64>,
    /// `connections_per_address_max`
    pub(crate) connections_per_address_max: Option<i64>,
    /// `pid_file`
    pub(crate) pid_file: Option<String>,
    /// `user`
    pub(crate) user: Option<String>,
    /// `sandbox`
    pub(crate) sandbox: Option<String>,
    /// `daemonize`
    pub(crate) daemonize: Option<bool>,
    /// `[log]`
    #[serde(default)]
    pub(crate) log: FileLog,
    /// `[namespace]`
    pub(crate) namespace: Option<FileNamespace>,
    /// `[idle]`
    #[serde(default)]
    pub(crate) idle: FileIdle,
    /// `state_directory`
    pub(crate) state_directory: Option<String>,
    /// `[spool]`
    #[serde(default)]
    pub(crate) spool: FileSpool,
    /// `[frequent_keys]`
    #[serde(default)]
    pub(crate) frequent_keys: FileFrequentKeys,
    /// `[tags]`
    #[serde(default)]
    pub(crate) tags: FileTags,
    /// `[[rule]]`
    #[serde(default)]
    pub(crate) rule: Vec<FileRule>,
    /// `[[listen]]`
    #[serde(default)]
    pub(crate) listen: Vec<FileListener>,
    /// `[[sink]]`
    #[serde(default)]
    pub(crate) sink: Vec<FileSink>,
    /// `[[repeater]]`
    #[serde(default)]
    pub(crate) repeater: Vec<FileRepeater>,
    /// `[relay]`
    pub(crate) relay: Option<FileRelay>,
    /// `[management]`
    #[serde(default)]
    pub(crate) management: FileManagement,
    /// `[admin]`
    #[serde(default)]
    pub(crate) admin: FileAdmin,
    /// Where the keys were typed.
    #[serde(skip)]
    pub(crate) origin: Origin,
}

/// The table `[log]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileLog {
    /// `log.target`
    pub(crate) target: Option<String>,
    /// `log.level`
    pub(crate) level: Option<String>,
}

/// The table `[namespace]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileNamespace {
    /// `namespace.legacy`
    pub(crate) legacy: Option<bool>,
    /// `namespace.internal`
    pub(crate) internal: Option<String>,
    /// `namespace.global`
    pub(crate) global: Option<String>,
    /// `namespace.counter`
    pub(crate) counter: Option<String>,
    /// `namespace.timer`
    pub(crate) timer: Option<String>,
    /// `namespace.gauge`
    pub(crate) gauge: Option<String>,
    /// `namespace.set`
    pub(crate) set: Option<String>,
    /// `namespace.suffix`
    pub(crate) suffix: Option<String>,
}

/// The table `[idle]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileIdle {
    /// `idle.counters`
    pub(crate) counters: Option<String>,
    /// `idle.timers`
    pub(crate) timers: Option<String>,
    /// `idle.sets`
    pub(crate) sets: Option<String>,
    /// `idle.gauges`
    pub(crate) gauges: Option<String>,
    /// `idle.counter_ttl`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) counter_ttl: Option<f64>,
    /// `idle.timer_ttl`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) timer_ttl: Option<f64>,
    /// `idle.set_ttl`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) set_ttl: Option<f64>,
    /// `idle.gauge_ttl`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) gauge_ttl: Option<f64>,
}

/// The table `[frequent_keys]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileFrequentKeys {
    /// `frequent_keys.interval`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) interval: Option<f64>,
    /// `frequent_keys.percent`
    #[serde(serialize_with = "short_number")]
    pub(crate) percent: Option<f64>,
    /// `frequent_keys.log`
    pub(crate) log: Option<String>,
}

/// One table `[[listen]]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileListener {
    /// `listen.address`
    pub(crate) address: Option<String>,
    /// `listen.dialect`
    pub(crate) dialect: Option<String>,
    /// `listen.allow`
    pub(crate) allow: Option<Vec<String>>,
    /// `listen.deny`
    pub(crate) deny: Option<Vec<String>>,
    /// `listen.mode`
    pub(crate) mode: Option<String>,
    /// `listen.framing`
    pub(crate) framing: Option<String>,
    /// `listen.frame_bytes_max`
    pub(crate) frame_bytes_max: Option<i64>,
    /// `listen.idle_timeout`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) idle_timeout: Option<f64>,
    /// `listen.frame_timeout`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) frame_timeout: Option<f64>,
    /// `listen.tls_certificate`
    pub(crate) tls_certificate: Option<String>,
    /// `listen.tls_key`
    pub(crate) tls_key: Option<String>,
    /// `listen.tls_client_ca`
    pub(crate) tls_client_ca: Option<String>,
}

/// One table `[[repeater]]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileRepeater {
    /// `repeater.url`
    pub(crate) url: Option<String>,
    /// `repeater.match`
    #[serde(rename = "match")]
    pub(crate) names: Option<Vec<String>>,
    /// `repeater.queue_bytes`
    pub(crate) queue_bytes: Option<i64>,
}

/// The table `[relay]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileRelay {
    /// `relay.check_interval`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) check_interval: Option<f64>,
    /// `relay.packet_bytes`
    pub(crate) packet_bytes: Option<i64>,
    /// `relay.queue_bytes`
    pub(crate) queue_bytes: Option<i64>,
    /// `[[relay.node]]`
    #[serde(default)]
    pub(crate) node: Vec<FileNode>,
}

/// One table `[[relay.node]]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileNode {
    /// `relay.node.url`
    pub(crate) url: Option<String>,
    /// `relay.node.health`
    pub(crate) health: Option<String>,
}

/// The table `[management]` as typed.
#[derive(Clone, Debug, Default, Deserialize, Serialize)]
#[serde(deny_unknown_fields, expecting = "a table")]
pub(crate) struct FileManagement {
    /// `management.address`
    pub(crate) address: Option<String>,
    /// `management.mode`
    pub(crate) mode: Option<String>,
    /// `management.allow`
    pub(crate) allow: Option<Vec<String>>,
    /// `management.allow_deletions`
    pub(crate) allow_deletions: Option<bool>,
    /// `management.health`
    pub(crate) health: Option<String>,
    /// `management.connections_max`
    pub(crate) connections_max: Option<i64>,
    /// `management.line_bytes_max`
    pub(crate) line_bytes_max: Option<i64>,
    /// `management.idle_timeout`, in seconds
    #[serde(serialize_with = "short_number")]
    pub(crate) idle_timeout: Option<f64>,
}

/// Where the keys of a file were typed.
#[derive(Clone, Debug, Default)]
pub(crate) struct Origin {
    /// The file as it was named; empty for a file that was never typed.
    name: String,
    /// The line, from 1, of each key and of each table, by path (`sink.1.url`).
    lines: BTreeMap<String, usize>,
}

impl File {
    /// Reads the file at a path, which errors call `name`.
    ///
    /// # Errors
    /// It cannot be read, or is not TOML of the right shape.
    pub(crate) fn read(path: &Path, name: &str) -> Result<Self, Errors> {
        match read_text(path) {
            Ok(text) => Self::parse(&text, name),
            Err(error) => Err(Errors::from(format!("{name}: {error}"))),
        }
    }

    /// Reads the text of the file `name`.
    ///
    /// # Errors
    /// It is not TOML, has a key that we do not know, or one of the wrong type. The parser stops
    /// at the first of these.
    pub(crate) fn parse(text: &str, name: &str) -> Result<Self, Errors> {
        let spans = DeTable::parse(text).map(|table| {
            let mut spans = Vec::new();
            collect_spans(table.get_ref(), "", &mut spans);
            spans
        });
        let error = match (spans, toml::from_str::<Self>(text)) {
            (Ok(spans), Ok(file)) => {
                let lines = spans.into_iter().map(|(path, span)| (path, line_of(text, span.start)));
                let origin = Origin { name: name.to_owned(), lines: lines.collect() };
                return Ok(Self { origin, ..file });
            }
            (Ok(spans), Err(error)) => one_line(text, &spans, &error),
            (Err(error), _) => one_line(text, &[], &error),
        };
        Err(Errors::from(format!("{name}: {error}")))
    }
}

impl Origin {
    /// The place of a key, to begin an error with: `gstatsd.toml: line 3: percent`. The path
    /// tells tables of one name apart by number (`sink.1.url`); what is shown does not, as the
    /// line does.
    pub(crate) fn place(&self, path: &str) -> String {
        let shown: Vec<&str> =
            path.split('.').filter(|part| part.parse::<usize>().is_err()).collect();
        let shown = shown.join(".");
        if self.name.is_empty() {
            return shown;
        }
        // A key that is missing is told with the line of its table.
        let table = path.rsplit_once('.').map_or("", |(table, _)| table);
        match self.lines.get(path).or_else(|| self.lines.get(table)) {
            Some(line) => format!("{}: line {line}: {shown}", self.name),
            None => format!("{}: {shown}", self.name),
        }
    }
}

fn read_text(path: &Path) -> io::Result<String> {
    let mut text = String::new();
    fs::File::open(path)?.take(BYTES_MAX + 1).read_to_string(&mut text)?;
    if text.len() as u64 > BYTES_MAX {
        return Err(io::Error::other(format!("it has more than {BYTES_MAX} bytes")));
    }
    Ok(text)
}

/// Gathers the path and the bytes of each value, outer ones first.
fn collect_spans(table: &DeTable<'_>, above: &str, spans: &mut Vec<(String, Range<usize>)>) {
    for (key, value) in table {
        let path = if above.is_empty() {
            key.get_ref().to_string()
        } else {
            format!("{above}.{}", key.get_ref())
        };
        spans.push((path.clone(), value.span()));
        match value.get_ref() {
            DeValue::Table(inner) => collect_spans(inner, &path, spans),
            DeValue::Array(items) => {
                for (index, item) in items.iter().enumerate() {
                    let path = format!("{path}.{index}");
                    spans.push((path.clone(), item.span()));
                    if let DeValue::Table(inner) = item.get_ref() {
                        collect_spans(inner, &path, spans);
                    }
                }
            }
            _ => {}
        }
    }
}

/// An error of the TOML parser as one line: `line 3: percent: invalid type: ...`.
fn one_line(text: &str, spans: &[(String, Range<usize>)], error: &toml::de::Error) -> String {
    let message = error.message().replace('\n', ", ");
    let message = in_our_words(&message);
    let Some(span) = error.span() else {
        return message;
    };
    let line = line_of(text, span.start);
    // The innermost value that the error is about; none when a key itself is the error.
    match spans.iter().rfind(|(_, value)| *value == span) {
        Some((path, _)) => {
            let shown = Origin::default().place(path);
            format!("line {line}: {shown}: {message}")
        }
        None => format!("line {line}: {message}"),
    }
}

/// The parser speaks of Rust types and fields; whoever writes TOML knows numbers and keys.
fn in_our_words(message: &str) -> String {
    message
        .replace("unknown field", "unknown key")
        .replace("expected f64", "expected a number")
        .replace("expected i64", "expected a whole number")
        .replace("expected a boolean", "expected true or false")
        .replace("expected a sequence", "expected an array")
        .replace(" as i128", "")
}

/// The line, from 1, of the byte at `offset`.
fn line_of(text: &str, offset: usize) -> usize {
    let before = text.as_bytes().get(..offset).unwrap_or(text.as_bytes());
    1 + before.iter().filter(|&&byte| byte == b'\n').count()
}

/// Writes a whole number of seconds as `10`, not `10.0`.
#[expect(clippy::ref_option, reason = "serde calls it with a reference to the field")]
fn short_number<S: Serializer>(number: &Option<f64>, serializer: S) -> Result<S::Ok, S::Error> {
    match *number {
        Some(number) => serializer.serialize_some(&ShortNumber(number)),
        None => serializer.serialize_none(),
    }
}

/// A number that is written as `10`, not `10.0`, where it is whole.
struct ShortNumber(f64);

impl Serialize for ShortNumber {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        /// Up to here every whole `f64` is one `i64`.
        const EXACT: f64 = 9_007_199_254_740_992.0;
        let Self(number) = *self;
        #[expect(clippy::cast_possible_truncation, reason = "whole and within bounds")]
        let whole = number as i64;
        match number.fract() == 0.0 && number.abs() <= EXACT {
            true => serializer.serialize_i64(whole),
            false => serializer.serialize_f64(number),
        }
    }
}

#[cfg(test)]
mod tests;
