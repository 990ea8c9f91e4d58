//! The configuration: what was typed becomes what is meant, or a list of errors.
//!
//! [`File`] and [`Flags`] hold what was typed. [`Config`] holds what is meant: every value is
//! checked and nothing is left to default. The table of keys with their bounds and defaults is
//! in `keys`.

use std::{fmt, num::NonZeroUsize, path::PathBuf, time::Duration};

use gstatsd_aggregate::{CounterValue, Glob, Namespace, Scheme};
use log::LevelFilter;

pub(crate) use self::{
    address::Address,
    admin::Admin,
    changes::Changes,
    environment::Environment,
    expand::escape,
    file::File,
    listener::{Endpoint, Framing, Listener, Stream, TlsFiles},
    management::Management,
    rule::{Action, Keep, Rule, RuleSettings},
    sandbox::Sandbox,
    sink::{
        Delivery, GraphitePeer, Header, HttpPeer, InfluxPeer, InfluxTarget, OtlpPeer,
        RemoteWritePeer, ScrapePage, Sink, SinkKind, SpoolOfSink, StatsdPeer, UdpPeer,
    },
    source::Source,
    sources::Sources,
    spool::Spool,
    tags::{TagMode, Tags},
};
use crate::cli::Flags;

mod address;
mod admin;
mod changes;
mod draft;
mod effective;
mod environment;
mod expand;
mod file;
mod key;
mod keys;
mod listener;
mod machine;
mod management;
pub(crate) mod reference;
mod rule;
mod sandbox;
mod sink;
mod source;
mod sources;
mod spec;
mod spool;
mod tags;
#[cfg(test)]
mod tests;

/// What is meant: the whole configuration of the daemon, checked.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Config {
    /// How lines are read and what the metrics are called.
    pub(crate) dialect: Dialect,
    /// Threads that receive and aggregate.
    pub(crate) workers: NonZeroUsize,
    /// Time between flushes; rates are divided by it.
    pub(crate) flush_interval: Duration,
    /// Whether to flush at multiples of the interval.
    pub(crate) align: bool,
    /// What comes out of timers.
    pub(crate) statistics: Statistics,
    /// What comes out of counters in the dogstatsd dialect.
    pub(crate) counts: CounterValue,
    /// The names of the statsd dialect.
    pub(crate) namespace: Namespace,
    /// Whether names of the statsd dialect are made safe for Graphite when they come in.
    pub(crate) sanitize_names: bool,
    /// Stands with a dot before every metric name, unless empty; variables are expanded.
    pub(crate) prefix: String,
    /// The name below which the daemon tells about itself; empty turns that off.
    pub(crate) own_metrics: String,
    /// How long the last flush may take to reach the sinks.
    pub(crate) shutdown_timeout: Duration,
    /// Whether each worker keeps to one core.
    pub(crate) pin_workers: bool,
    /// The receive buffer to ask for each socket, in bytes.
    pub(crate) receive_buffer_bytes: usize,
    /// Memory that the daemon may hold, in bytes.
    pub(crate) memory_max: usize,
    /// Keys, spellings included, that a worker holds at most in an interval.
    pub(crate) series_max: usize,
    /// Timer samples plus set members that a worker holds at most in an interval.
    pub(crate) samples_max: usize,
    /// Samples of one timer that are kept in an interval.
    pub(crate) timer_values_max: usize,
    /// Members of one set that are kept in an interval.
    pub(crate) set_members_max: usize,
    /// The longest metric name that is accepted, in bytes.
    pub(crate) name_bytes_max: usize,
    /// The longest member of a set that is accepted, in bytes.
    pub(crate) member_bytes_max: usize,
    /// Connections that all listeners together have at most.
    pub(crate) connections_max: usize,
    /// Connections that one IP address has at most.
    pub(crate) connections_per_address_max: usize,
    /// Where lines come in; at least one.
    pub(crate) listeners: Vec<Listener>,
    /// Where metrics go; at least one, each with a name of its own.
    pub(crate) sinks: Vec<Sink>,
    /// Who gets a copy of what is received.
    pub(crate) repeaters: Vec<Repeater>,
    /// Who gets what is received, in place of it being aggregated here.
    pub(crate) relay: Option<Relay>,
    /// What is done with the series of some names; the first that matches decides.
    pub(crate) rules: Vec<Rule>,
    /// What is done with tags.
    pub(crate) tags: Tags,
    /// Where commands are taken.
    pub(crate) management: Management,
    /// Where HTTP shows how the daemon is.
    pub(crate) admin: Admin,
    /// What becomes of idle series.
    pub(crate) idle: Idle,
    /// How names that come often are told.
    pub(crate) frequent_keys: FrequentKeys,
    /// What is logged, and where.
    pub(crate) log: Log,
    /// Where what outlives the process is kept; an absolute path.
    pub(crate) state_directory: Option<PathBuf>,
    /// What waits on the disk.
    pub(crate) spool: Spool,
    /// The file that holds the process id, with an absolute path.
    pub(crate) pid_file: Option<PathBuf>,
    /// Whom to become once the sockets are open.
    pub(crate) user: Option<String>,
    /// How far the process is closed in then.
    pub(crate) sandbox: Sandbox,
    /// Whether to go to the background.
    pub(crate) daemonize: bool,
}

/// How lines are read and what the metrics are called.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Dialect {
    /// As gstatsd 0.6 did.
    Gstatsd,
    /// As the Node.js StatsD.
    Statsd,
    /// As Datadog's agent.
    Dogstatsd,
}

/// What comes out of timers.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Statistics {
    /// The percentiles of timers; one in the gstatsd dialect.
    pub(crate) percents: Vec<f64>,
    /// The percentiles of distributions, in the dogstatsd dialect.
    pub(crate) distribution_percents: Vec<f64>,
    /// The words of the statistics.
    pub(crate) words: Vec<String>,
}

/// What becomes of idle series.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Idle {
    /// Of counters.
    pub(crate) counters: IdleSeries,
    /// Of timers, histograms and distributions.
    pub(crate) timers: IdleSeries,
    /// Of sets.
    pub(crate) sets: IdleSeries,
    /// Of gauges.
    pub(crate) gauges: IdleSeries,
    /// How long each is sent again, in seconds; 0 is forever, or not at all where it is deleted.
    pub(crate) counter_ttl: f64,
    /// The same of timers, histograms and distributions.
    pub(crate) timer_ttl: f64,
    /// The same of sets.
    pub(crate) set_ttl: f64,
    /// The same of gauges.
    pub(crate) gauge_ttl: f64,
}

/// What becomes of an idle series.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum IdleSeries {
    /// It comes out with 0, a gauge with its value.
    Kept,
    /// It vanishes.
    Deleted,
}

/// How names that come often are told.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FrequentKeys {
    /// How often, in seconds; 0 is never.
    pub(crate) interval: f64,
    /// How many of the names, in percent.
    pub(crate) percent: f64,
    /// The file, with an absolute path; standard output otherwise.
    pub(crate) log: Option<PathBuf>,
}

/// Another StatsD that things are passed on to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Peer {
    /// Its name in own metrics: `[A-Za-z0-9_-]+`.
    pub(crate) name: String,
    /// How it is reached.
    pub(crate) transport: Transport,
    /// Where; never an empty host or port 0.
    pub(crate) address: Address,
}

/// How a peer is reached.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum Transport {
    /// A datagram for each packet.
    Udp,
    /// One connection.
    Tcp,
}

/// Who gets a copy of what is received.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Repeater {
    /// Who.
    pub(crate) peer: Peer,
    /// Patterns of names; without any every packet is copied whole.
    pub(crate) names: Vec<Glob>,
    /// How much may wait for it, in bytes.
    pub(crate) queue_bytes: usize,
}

/// Who gets what is received, in place of it being aggregated here.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Relay {
    /// Who; at least one, each with an address of its own.
    pub(crate) nodes: Vec<Node>,
    /// Time between two health checks of a node.
    pub(crate) check_interval: Duration,
    /// The longest packet that lines are packed into.
    pub(crate) packet_bytes: usize,
    /// How much may wait for each node, in bytes.
    pub(crate) queue_bytes: usize,
}

/// One of those that a relay passes lines on to.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Node {
    /// Who.
    pub(crate) peer: Peer,
    /// Where its health is asked for.
    pub(crate) health: Option<Address>,
}

/// What is logged, and where.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) struct Log {
    /// Where the log goes.
    pub(crate) target: LogTarget,
    /// What is logged.
    pub(crate) level: LevelFilter,
}

/// Where the log goes.
#[derive(Clone, Debug, Eq, PartialEq)]
pub(crate) enum LogTarget {
    /// Standard error.
    Stderr,
    /// The system's log.
    Syslog,
    /// A file, with an absolute path.
    File(PathBuf),
}

/// Everything that is wrong with a configuration, one line for each error.
#[derive(Debug, Eq, PartialEq)]
pub(crate) struct Errors(Vec<String>);

impl Config {
    /// The names and the statistics that this configuration asks for.
    pub(crate) fn scheme(&self) -> Scheme {
        self.dialect.scheme(self.namespace.clone(), self.counts)
    }

    /// The configuration that these flags and the file that they name come to, in the
    /// environment of this process.
    ///
    /// # Errors
    /// All that is wrong with it.
    pub(crate) fn load(flags: &Flags) -> Result<Self, Errors> {
        Source::new(flags)?.load()
    }

    /// What the file and the flags come to. Flags override the file.
    ///
    /// # Errors
    /// All that is wrong with them.
    pub(crate) fn new(
        file: &File,
        flags: &Flags,
        environment: &Environment,
    ) -> Result<Self, Errors> {
        draft::config(file, flags, environment)
    }

    /// The file that has this configuration: every key is typed out, nothing is left to default.
    pub(crate) fn to_file(&self) -> File {
        effective::file(self)
    }
}

/// How much memory the daemon may hold where nothing is configured, and why.
pub(crate) fn memory_by_default() -> String {
    let machine = machine::MachineMemory::of_process();
    let budget = machine.default_budget();
    format!("{budget} bytes: {machine}; a quarter of that, from 16 MiB to 1 GiB")
}

impl Dialect {
    /// Each of them, in the order of its number.
    pub(crate) const ALL: [Self; 3] = [Self::Gstatsd, Self::Statsd, Self::Dogstatsd];

    fn scheme(self, namespace: Namespace, counts: CounterValue) -> Scheme {
        match self {
            Self::Gstatsd => Scheme::Gstatsd,
            Self::Statsd => Scheme::Statsd(namespace),
            Self::Dogstatsd => Scheme::Dogstatsd(counts),
        }
    }
}

impl fmt::Display for Transport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Udp => "udp",
            Self::Tcp => "tcp",
        })
    }
}

impl fmt::Display for Dialect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Gstatsd => "gstatsd",
            Self::Statsd => "statsd",
            Self::Dogstatsd => "dogstatsd",
        })
    }
}

impl Errors {
    /// The errors, one line each.
    pub(crate) fn lines(&self) -> &[String] {
        &self.0
    }
}

impl From<String> for Errors {
    fn from(line: String) -> Self {
        Self(vec![line])
    }
}

impl From<Vec<String>> for Errors {
    fn from(lines: Vec<String>) -> Self {
        Self(lines)
    }
}

impl fmt::Display for Errors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("\n"))
    }
}

impl std::error::Error for Errors {}
