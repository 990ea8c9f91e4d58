//! From what was typed to what is meant, gathering every error on the way.

use std::{
    num::NonZeroUsize,
    path::{Path, PathBuf},
    str::FromStr,
    time::Duration,
};

use log::LevelFilter;

use super::{
    Config, Dialect, Environment, Errors, File, Log, LogTarget, Sandbox,
    expand::expand,
    key::{About, Number, Text, Whole},
    keys,
};
use crate::cli::Flags;

mod admin;
mod dialect;
mod listeners;
mod management;
mod peers;
mod rules;
mod sinks;
mod spool;
mod tags;

/// What the file and the flags come to.
///
/// # Errors
/// All that is wrong with them.
pub(crate) fn config(
    file: &File,
    flags: &Flags,
    environment: &Environment,
) -> Result<Config, Errors> {
    let mut draft = Draft { file, flags, environment, errors: Vec::new() };
    let dialect = draft.dialect();
    let (counts, namespace) = (draft.counts(dialect), draft.namespace(dialect));
    let scheme = dialect.scheme(namespace.clone(), counts);
    let workers = draft.workers();
    let (flag, key) = (flags.flush.as_deref(), &keys::FLUSH_INTERVAL);
    let flush_interval = draft.seconds(key, flag, file.flush_interval);
    let config = Config {
        dialect,
        workers,
        flush_interval,
        align: file.align.unwrap_or(keys::ALIGN.default),
        statistics: draft.statistics(dialect, &scheme),
        counts,
        namespace,
        sanitize_names: draft.sanitize_names(dialect),
        prefix: draft.prefix(),
        own_metrics: draft.own_metrics(),
        shutdown_timeout: draft.seconds(&keys::SHUTDOWN_TIMEOUT, None, file.shutdown_timeout),
        pin_workers: file.pin_workers.unwrap_or(keys::PIN_WORKERS.default),
        receive_buffer_bytes: draft.whole(
            &keys::RECEIVE_BUFFER_BYTES,
            None,
            file.receive_buffer_bytes,
        ),
        memory_max: draft.memory_max(),
        series_max: draft.whole(&keys::SERIES_MAX, None, file.series_max),
        samples_max: draft.whole(&keys::SAMPLES_MAX, None, file.samples_max),
        timer_values_max: draft.whole(&keys::TIMER_VALUES_MAX, None, file.timer_values_max),
        set_members_max: draft.whole(&keys::SET_MEMBERS_MAX, None, file.set_members_max),
        name_bytes_max: draft.whole(&keys::NAME_BYTES_MAX, None, file.name_bytes_max),
        member_bytes_max: draft.whole(&keys::MEMBER_BYTES_MAX, None, file.member_bytes_max),
        connections_max: draft.whole(&keys::listen::CONNECTIONS_MAX, None, file.connections_max),
        connections_per_address_max: draft.whole(
            &keys::listen::CONNECTIONS_PER_ADDRESS_MAX,
            None,
            file.connections_per_address_max,
        ),
        listeners: draft.listeners(dialect),
        sinks: draft.sinks(flush_interval),
        repeaters: draft.repeaters(),
        relay: draft.relay(),
        management: draft.management(),
        admin: draft.admin(),
        rules: draft.rules(dialect, &scheme),
        tags: draft.tags(),
        idle: draft.idle(dialect),
        frequent_keys: draft.frequent_keys(),
        log: Log { target: draft.log_target(), level: draft.log_level() },
        state_directory: draft.state_directory(),
        spool: draft.spool(),
        pid_file: draft.pid_file(),
        user: file.user.clone().filter(|user| !user.is_empty()),
        sandbox: draft.sandbox(),
        daemonize: flags.daemonize || file.daemonize.unwrap_or(keys::DAEMONIZE.default),
    };
    if draft.errors.is_empty() { Ok(config) } else { Err(Errors(draft.errors)) }
}

/// A configuration in the making. A value that is wrong leaves an error here and counts as its
/// default, so that the rest is checked too.
struct Draft<'a> {
    file: &'a File,
    flags: &'a Flags,
    environment: &'a Environment,
    errors: Vec<String>,
}

impl Draft<'_> {
    fn dialect(&mut self) -> Dialect {
        let path = keys::DIALECT.about.path;
        self.dialect_at(path, self.file.dialect.as_deref(), Dialect::Gstatsd)
    }

    /// The dialect at a path of the file, or the usual one.
    fn dialect_at(&mut self, path: &str, typed: Option<&str>, usual: Dialect) -> Dialect {
        let Some(word) = typed else { return usual };
        let known = Dialect::ALL.into_iter().find(|dialect| dialect.to_string() == word);
        known.unwrap_or_else(|| {
            let wrong = format!("'{word}' is not {}", keys::DIALECT.bounds());
            self.wrong_in_file(path, &wrong);
            usual
        })
    }

    fn workers(&mut self) -> NonZeroUsize {
        let typed = self.whole(&keys::WORKERS, self.flags.workers.as_deref(), self.file.workers);
        NonZeroUsize::new(typed).unwrap_or(self.environment.parallelism)
    }

    fn memory_max(&mut self) -> usize {
        let key = &keys::memory::MEMORY_MAX;
        match self.whole(key, None, self.file.memory_max) {
            0 => self.environment.memory.default_budget(),
            typed @ ..keys::memory::LEAST => {
                let (path, least) = (key.about.path, keys::memory::LEAST);
                self.wrong_in_file(
                    path,
                    &format!("{typed} is neither 0 nor {least} bytes at least"),
                );
                least
            }
            typed => typed,
        }
    }

    fn prefix(&mut self) -> String {
        let (place, text) =
            self.text(&keys::PREFIX, self.flags.prefix.as_deref(), self.file.prefix.as_deref());
        match self.expanded(&text) {
            Ok(prefix) if !prefix.chars().any(char::is_control) => return prefix,
            Ok(prefix) => self.wrong(&place, &format!("{prefix:?} has a control character")),
            Err(why) => self.wrong(&place, &why),
        }
        String::new()
    }

    fn own_metrics(&mut self) -> String {
        let (place, text) = self.text(&keys::OWN_METRICS, None, self.file.own_metrics.as_deref());
        match self.expanded(&text) {
            Ok(name) if is_metric_name(&name) => return name,
            Ok(name) => {
                let allowed = keys::OWN_METRICS.bounds();
                self.wrong(&place, &format!("{name:?} is not made of {allowed}"));
            }
            Err(why) => self.wrong(&place, &why),
        }
        String::new()
    }

    fn log_target(&mut self) -> LogTarget {
        let (place, text) = self.text(
            &keys::LOG_TARGET,
            self.flags.log.as_deref(),
            self.file.log.target.as_deref(),
        );
        match text.as_str() {
            "stderr" => LogTarget::Stderr,
            "syslog" => LogTarget::Syslog,
            "" => {
                self.wrong(&place, &format!("'' is not {}", keys::LOG_TARGET.bounds()));
                LogTarget::Stderr
            }
            path => match self.path(&place, Path::new(path)) {
                Some(path) => LogTarget::File(path),
                None => LogTarget::Stderr,
            },
        }
    }

    fn log_level(&mut self) -> LevelFilter {
        match self.flags.verbose {
            0 => {}
            1 => return LevelFilter::Debug,
            _ => return LevelFilter::Trace,
        }
        let (place, text) = self.text(&keys::LOG_LEVEL, None, self.file.log.level.as_deref());
        LevelFilter::from_str(&text).unwrap_or_else(|_| {
            self.wrong(&place, &format!("'{text}' is not {}", keys::LOG_LEVEL.bounds()));
            LevelFilter::Info
        })
    }

    fn sandbox(&mut self) -> Sandbox {
        let key = &keys::SANDBOX;
        let (place, text) =
            self.text(key, self.flags.sandbox.as_deref(), self.file.sandbox.as_deref());
        let known = Sandbox::ALL.into_iter().find(|sandbox| sandbox.to_string() == text);
        known.unwrap_or_else(|| {
            self.wrong(&place, &format!("'{text}' is not {}", key.bounds()));
            Sandbox::Off
        })
    }

    fn pid_file(&mut self) -> Option<PathBuf> {
        let key = &keys::PID_FILE.about;
        let (place, path) = match (&self.flags.pid_file, &self.file.pid_file) {
            (Some(path), _) => (key.flag.unwrap_or_default().to_owned(), path.clone()),
            (None, Some(path)) => (self.file.origin.place(key.path), PathBuf::from(path)),
            (None, None) => return None,
        };
        if path.as_os_str().is_empty() { None } else { self.path(&place, &path) }
    }

    /// The absolute path: a daemon leaves the directory it was started in. A configuration can
    /// be written down only if its paths are text.
    fn path(&mut self, place: &str, path: &Path) -> Option<PathBuf> {
        let path = self.environment.directory.join(path);
        if path.to_str().is_none() {
            self.wrong(place, &format!("{} is not UTF-8", path.display()));
            return None;
        }
        Some(path)
    }

    /// The time of a key: from its flag, from the file, or the default.
    fn seconds(&mut self, key: &Number, flag: Option<&str>, file: Option<f64>) -> Duration {
        Duration::from_secs_f64(self.number(key, flag, file))
    }

    /// The number of a key: from its flag, from the file, or the default.
    fn number(&mut self, key: &Number, flag: Option<&str>, file: Option<f64>) -> f64 {
        let Some(text) = flag else {
            return self.number_in_file(key, key.about.path, file);
        };
        let wrong = match text.trim().parse() {
            Ok(number) if key.allows(number) => return number,
            Ok(_) => format!("{} is not {}", text.trim(), key.bounds()),
            Err(_) => format!("'{text}' is not {}", key.kind()),
        };
        self.wrong_in_flag(&key.about, &wrong);
        key.default
    }

    /// The number at a path of the file, or the default.
    fn number_in_file(&mut self, key: &Number, path: &str, file: Option<f64>) -> f64 {
        match file {
            None => {}
            Some(number) if key.allows(number) => return number,
            Some(number) => {
                self.wrong_in_file(path, &format!("{number} is not {}", key.bounds()));
            }
        }
        key.default
    }

    /// The whole number of a key: from its flag, from the file, or the default.
    fn whole(&mut self, key: &Whole, flag: Option<&str>, file: Option<i64>) -> usize {
        let Some(text) = flag else {
            return self.whole_in_file(key, key.about.path, file);
        };
        let wrong = match text.trim().parse() {
            Ok(number) if key.allows(number) => return size(number),
            Ok(_) => format!("{} is not {}", text.trim(), key.bounds()),
            Err(_) => format!("'{text}' is not {}", key.kind()),
        };
        self.wrong_in_flag(&key.about, &wrong);
        size(key.default)
    }

    /// The whole number at a path of the file, or the default.
    fn whole_in_file(&mut self, key: &Whole, path: &str, file: Option<i64>) -> usize {
        match file {
            None => {}
            Some(number) if key.allows(number) => return size(number),
            Some(number) => {
                self.wrong_in_file(path, &format!("{number} is not {}", key.bounds()));
            }
        }
        size(key.default)
    }

    /// The text of a key and the place it comes from: its flag, the file, or the default.
    fn text(&self, key: &Text, flag: Option<&str>, file: Option<&str>) -> (String, String) {
        if let (Some(text), Some(flag)) = (flag, key.about.flag) {
            return (flag.to_owned(), text.to_owned());
        }
        let text = file.or(key.default).unwrap_or_default();
        (self.file.origin.place(key.about.path), text.to_owned())
    }

    /// The text with its variables expanded.
    fn expanded(&self, text: &str) -> Result<String, String> {
        expand(text, self.environment.variable)
    }

    fn wrong_in_flag(&mut self, about: &About, why: &str) {
        self.wrong(about.flag.unwrap_or(about.path), why);
    }

    fn wrong_in_file(&mut self, path: &str, why: &str) {
        self.wrong(&self.file.origin.place(path), why);
    }

    fn wrong(&mut self, place: &str, why: &str) {
        self.errors.push(format!("{place}: {why}"));
    }
}

/// A number that is within the bounds of its key. None of them allows a negative one, and where
/// memory is addressed with 32 bits no more than that can be meant.
fn size(number: i64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

/// Whether the text is a path of metric names, which cannot break a line of Graphite.
fn is_metric_name(text: &str) -> bool {
    text.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.'))
        && !text.starts_with('.')
        && !text.ends_with('.')
}
