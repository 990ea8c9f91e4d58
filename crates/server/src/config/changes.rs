//! What a configuration that was read again changes, and what it cannot change.

use std::collections::BTreeMap;

use toml::Value;

use super::{Admin, Config, Management, keys::ALL};

/// What a configuration that was read again changes.
#[derive(Debug)]
pub(crate) struct Changes {
    /// What to run with from now on.
    pub(crate) config: Config,
    /// The keys with a new value that is applied.
    pub(crate) applied: Vec<String>,
    /// The keys with a new value that takes effect at the next start.
    pub(crate) postponed: Vec<String>,
}

impl Changes {
    /// What changes from one configuration to the next.
    pub(crate) fn between(now: &Config, next: Config) -> Self {
        let (values_now, values_next) = (values(now), values(&next));
        let mut paths: Vec<&String> = values_now.keys().chain(values_next.keys()).collect();
        paths.sort_unstable();
        paths.dedup();
        paths.retain(|&path| values_now.get(path) != values_next.get(path));
        let (applied, postponed) = paths.into_iter().partition::<Vec<_>, _>(|path| applies(path));
        let [applied, postponed] = [applied, postponed].map(|paths| {
            paths.into_iter().map(|path| shown(path, &values_now, &values_next)).collect()
        });
        Self { config: keep_what_stays(now, next), applied, postponed }
    }
}

/// The next configuration, but for what stays until the next start.
fn keep_what_stays(now: &Config, next: Config) -> Config {
    Config {
        workers: now.workers,
        flush_interval: now.flush_interval,
        align: now.align,
        pin_workers: now.pin_workers,
        receive_buffer_bytes: now.receive_buffer_bytes,
        state_directory: now.state_directory.clone(),
        spool: now.spool.clone(),
        pid_file: now.pid_file.clone(),
        user: now.user.clone(),
        sandbox: now.sandbox,
        daemonize: now.daemonize,
        repeaters: now.repeaters.clone(),
        relay: now.relay.clone(),
        management: Management {
            endpoint: now.management.endpoint.clone(),
            mode: now.management.mode,
            ..next.management
        },
        admin: Admin { hosts: next.admin.hosts, ..now.admin.clone() },
        ..next
    }
}

/// The value of each key, by its path. Tables that can be repeated are one value.
fn values(config: &Config) -> BTreeMap<String, Value> {
    let mut values = BTreeMap::new();
    // What can be written as a file can be written as a table.
    if let Ok(table) = toml::Table::try_from(config.to_file()) {
        flatten("", table, &mut values);
    }
    values
}

fn flatten(above: &str, table: toml::Table, values: &mut BTreeMap<String, Value>) {
    for (key, value) in table {
        let path = if above.is_empty() { key } else { format!("{above}.{key}") };
        match value {
            Value::Table(inner) => flatten(&path, inner, values),
            value => drop(values.insert(path, value)),
        }
    }
}

/// Whether a reload applies the key at this path. Of tables that can be repeated, and of those
/// with keys of the user's own, all keys are alike.
fn applies(path: &str) -> bool {
    let within = |inner: &str, outer: &str| {
        inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    let mut keys = ALL.iter().map(|key| key.about());
    keys.any(|key| (within(key.path, path) || within(path, key.path)) && key.reload)
}

/// The path as it is typed: `[[sink]]` for tables that can be repeated.
fn shown(path: &str, now: &BTreeMap<String, Value>, next: &BTreeMap<String, Value>) -> String {
    let is_repeated = |values: &BTreeMap<String, Value>| {
        let items = values.get(path).and_then(Value::as_array);
        items.is_some_and(|items| items.iter().any(Value::is_table))
    };
    if is_repeated(now) || is_repeated(next) { format!("[[{path}]]") } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::super::File;
    use std::collections::BTreeSet;

    use super::super::tests::{dogstatsd_file, environment, full_file, statsd_file};
    use super::*;
    use crate::cli::Flags;

    fn config(file: &File) -> Config {
        Config::new(file, &Flags::default(), &environment()).unwrap()
    }

    #[test]
    fn every_key_is_applied_or_postponed_as_the_reference_says() {
        let now = config(&File::default());
        let mut changed = BTreeSet::new();
        for file in [full_file(), statsd_file(), dogstatsd_file()] {
            let next = config(&file);
            let changes = Changes::between(&now, next.clone());
            let [now, next, got] = [&now, &next, &changes.config].map(values);
            for key in ALL {
                let about = key.about();
                let table = about.path.rsplit_once('.').map_or("", |(table, _)| table);
                let path = if next.contains_key(table) { table } else { about.path };
                if now.get(path) == next.get(path) {
                    continue;
                }
                changed.insert(about.path);
                let expected = if about.reload { &next } else { &now };
                assert_eq!(got.get(path), expected.get(path), "{path}");
                let told = if about.reload { &changes.applied } else { &changes.postponed };
                assert!(told.iter().any(|told| told.trim_matches(['[', ']']) == path), "{path}");
            }
        }
        let unchanged = ALL.iter().map(|key| key.about().path);
        let unchanged: Vec<_> = unchanged.filter(|path| !changed.contains(path)).collect();
        assert!(unchanged.is_empty(), "the test needs other values of {unchanged:?}");
    }

    #[test]
    fn a_configuration_that_is_the_same_changes_nothing() {
        let config = config(&full_file());
        let changes = Changes::between(&config, config.clone());
        assert_eq!(changes.config, config);
        assert!(changes.applied.is_empty() && changes.postponed.is_empty());
    }
}
