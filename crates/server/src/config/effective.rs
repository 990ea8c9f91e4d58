//! From what is meant back to a file that says all of it.

mod sink;

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use gstatsd_aggregate::{CounterValue, Namespace, Pattern};
use gstatsd_wire::TagStyles;

use super::{
    Action, Admin, Config, Dialect, File, Idle, IdleSeries, Listener, LogTarget, Management, Node,
    Peer, Relay, Repeater, Rule, Spool, TagMode, Tags,
    expand::escape,
    file::{
        Bound, FileAdmin, FileFrequentKeys, FileIdle, FileListener, FileLog, FileManagement,
        FileNamespace, FileNode, FileRelay, FileRepeater, FileRule, FileSpool, FileTags, Numbers,
        Origin,
    },
    sources::Network,
};

/// The file that has this configuration, with every key typed out.
pub(crate) fn file(config: &Config) -> File {
    // What belongs to one dialect alone is an error in the others.
    let (statsd, dogstatsd) =
        (config.dialect == Dialect::Statsd, config.dialect == Dialect::Dogstatsd);
    File {
        dialect: Some(config.dialect.to_string()),
        workers: whole(config.workers.get()),
        flush_interval: Some(config.flush_interval.as_secs_f64()),
        align: Some(config.align),
        percent: Some(Numbers(config.statistics.percents.clone())),
        timer_statistics: Some(config.statistics.words.clone()),
        distribution_percent: dogstatsd
            .then(|| Numbers(config.statistics.distribution_percents.clone())),
        counts: dogstatsd.then(|| counts(config.counts).to_owned()),
        flush_counts: statsd.then_some(config.namespace.flush_counts),
        sanitize_names: statsd.then_some(config.sanitize_names),
        prefix: Some(escape(&config.prefix)),
        own_metrics: Some(config.own_metrics.clone()),
        shutdown_timeout: Some(config.shutdown_timeout.as_secs_f64()),
        pin_workers: Some(config.pin_workers),
        receive_buffer_bytes: whole(config.receive_buffer_bytes),
        memory_max: whole(config.memory_max),
        series_max: whole(config.series_max),
        samples_max: whole(config.samples_max),
        timer_values_max: whole(config.timer_values_max),
        set_members_max: whole(config.set_members_max),
        name_bytes_max: whole(config.name_bytes_max),
        member_bytes_max: whole(config.member_bytes_max),
        connections_max: whole(config.connections_max),
        connections_per_address_max: whole(config.connections_per_address_max),
        state_directory: Some(directory(config.state_directory.as_deref())),
        spool: spool(&config.spool),
        pid_file: config.pid_file.as_deref().map(|file| path(Some(file))),
        user: config.user.clone(),
        sandbox: Some(config.sandbox.to_string()),
        daemonize: Some(config.daemonize),
        log: FileLog {
            target: Some(match &config.log.target {
                LogTarget::Stderr => "stderr".to_owned(),
                LogTarget::Syslog => "syslog".to_owned(),
                LogTarget::File(path) => path.display().to_string(),
            }),
            level: Some(config.log.level.as_str().to_ascii_lowercase()),
        },
        namespace: statsd.then(|| namespace(&config.namespace)),
        idle: idle(&config.idle),
        frequent_keys: FileFrequentKeys {
            interval: Some(config.frequent_keys.interval),
            percent: Some(config.frequent_keys.percent),
            log: Some(path(config.frequent_keys.log.as_deref())),
        },
        tags: tags(&config.tags),
        rule: config.rules.iter().map(rule).collect(),
        listen: config.listeners.iter().map(listener).collect(),
        sink: config.sinks.iter().map(sink::file).collect(),
        repeater: config.repeaters.iter().map(repeater).collect(),
        relay: config.relay.as_ref().map(relay),
        management: management(&config.management),
        admin: admin(&config.admin),
        origin: Origin::default(),
    }
}

fn spool(spool: &Spool) -> FileSpool {
    FileSpool {
        directory: Some(directory(spool.directory.as_deref())),
        bytes: Some(i64::try_from(spool.bytes).unwrap_or(i64::MAX)),
        age: Some(spool.age.as_secs_f64()),
        free_percent: Some(spool.free_percent),
        sync: Some(spool.sync),
    }
}

/// A path of which variables are expanded.
fn directory(directory: Option<&Path>) -> String {
    escape(&path(directory))
}

fn tags(tags: &Tags) -> FileTags {
    let Tags { mode, styles, count_max, bytes_max, constant, origin, folded, template } = tags;
    let mode = TagMode::WORDS.iter().find(|(_, other)| other == mode);
    let words = |styles: &TagStyles| styles.iter().map(|style| style.word().to_owned()).collect();
    let constant = constant.iter().map(|(key, value)| match value {
        Some(value) => escape(&format!("{key}:{value}")),
        None => escape(key),
    });
    FileTags {
        mode: mode.map(|(word, _)| (*word).to_owned()),
        styles: Some(styles.as_ref().map_or(vec!["own".to_owned()], words)),
        count_max: whole(*count_max),
        bytes_max: whole(*bytes_max),
        constant: Some(constant.collect()),
        origin: Some(*origin),
        output: Some(if *folded { "name" } else { "tags" }.to_owned()),
        template: Some(template.to_string()),
    }
}

fn rule(rule: &Rule) -> FileRule {
    let (glob, contains) = match &rule.pattern {
        Pattern::Glob(glob) => (Some(glob.to_string()), None),
        Pattern::Contains(text) => (None, Some(text.to_string())),
    };
    let kinds = rule.kinds.iter().map(|kind| kind.word().to_owned()).collect();
    let kinds = Some(kinds).filter(|kinds: &Vec<_>| !kinds.is_empty());
    let typed = FileRule { glob, contains, kinds, drop: Some(false), ..FileRule::default() };
    let Action::Keep(keep) = &rule.action else { return FileRule { drop: Some(true), ..typed } };
    let tags = keep.tags.iter().map(|(key, value)| (key.clone(), value.to_string()));
    let settings = keep.settings.clone();
    FileRule {
        rename: keep.rename.as_ref().map(ToString::to_string),
        tags: Some(tags.collect()).filter(|tags: &BTreeMap<_, _>| !tags.is_empty()),
        absolute: Some(keep.absolute),
        percent: settings.percents.map(Numbers),
        timer_statistics: settings.words,
        buckets: settings.buckets.map(|bounds| bounds.into_iter().map(Bound).collect()),
        ttl: settings.ttl,
        ..typed
    }
}

fn repeater(repeater: &Repeater) -> FileRepeater {
    FileRepeater {
        url: Some(url(&repeater.peer)),
        names: Some(repeater.names.iter().map(ToString::to_string).collect()),
        queue_bytes: Some(i64::try_from(repeater.queue_bytes).unwrap_or(i64::MAX)),
    }
}

fn relay(relay: &Relay) -> FileRelay {
    let node = |Node { peer, health }: &Node| FileNode {
        url: Some(url(peer)),
        health: Some(health.as_ref().map(ToString::to_string).unwrap_or_default()),
    };
    FileRelay {
        check_interval: Some(relay.check_interval.as_secs_f64()),
        packet_bytes: Some(i64::try_from(relay.packet_bytes).unwrap_or(i64::MAX)),
        queue_bytes: Some(i64::try_from(relay.queue_bytes).unwrap_or(i64::MAX)),
        node: relay.nodes.iter().map(node).collect(),
    }
}

fn management(management: &Management) -> FileManagement {
    let endpoint = management.endpoint.as_ref().map(ToString::to_string);
    FileManagement {
        address: Some(escape(&endpoint.unwrap_or_default())),
        mode: Some(format!("{:04o}", management.mode)),
        allow: Some(management.allow.iter().map(ToString::to_string).collect()),
        allow_deletions: Some(management.allow_deletions),
        health: Some(if management.healthy { "up" } else { "down" }.to_owned()),
        connections_max: whole(management.connections_max),
        line_bytes_max: whole(management.line_bytes_max),
        idle_timeout: Some(management.idle_timeout.as_secs_f64()),
    }
}

fn admin(admin: &Admin) -> FileAdmin {
    let Admin { address, hosts, token_file, tls, allow_insecure_http } = admin;
    let file = |path: &Path| escape(&path.display().to_string());
    FileAdmin {
        listen: Some(address.as_ref().map(ToString::to_string).unwrap_or_default()),
        hosts: Some(hosts.clone()),
        token_file: token_file.as_deref().map(file),
        tls_certificate: tls.as_ref().map(|files| file(&files.certificate)),
        tls_key: tls.as_ref().map(|files| file(&files.key)),
        tls_client_ca: tls.as_ref().and_then(|files| files.client_ca.as_deref().map(file)),
        allow_insecure_http: Some(*allow_insecure_http),
    }
}

fn url(peer: &Peer) -> String {
    format!("{}://{}", peer.transport, peer.address)
}

/// A key that its transport does not know is not there.
fn listener(listener: &Listener) -> FileListener {
    let Listener { endpoint, dialect, sources, stream, mode, tls } = listener;
    let list = |networks: &[Network]| {
        endpoint.has_addresses().then(|| networks.iter().map(ToString::to_string).collect())
    };
    let seconds = |timeout: Option<Duration>| timeout.unwrap_or_default().as_secs_f64();
    let stream = endpoint.has_connections().then_some(stream);
    let file = |path: &Path| escape(&path.display().to_string());
    FileListener {
        address: Some(escape(&endpoint.to_string())),
        dialect: Some(dialect.to_string()),
        allow: list(&sources.allow),
        deny: list(&sources.deny),
        mode: endpoint.has_mode().then(|| format!("{mode:04o}")),
        framing: stream.map(|stream| stream.framing.to_string()),
        frame_bytes_max: stream.and_then(|stream| whole(stream.frame_bytes_max)),
        idle_timeout: stream.map(|stream| seconds(stream.idle_timeout)),
        frame_timeout: stream.map(|stream| seconds(stream.frame_timeout)),
        tls_certificate: tls.as_ref().map(|files| file(&files.certificate)),
        tls_key: tls.as_ref().map(|files| file(&files.key)),
        tls_client_ca: tls.as_ref().and_then(|files| files.client_ca.as_deref().map(file)),
    }
}

fn whole(number: usize) -> Option<i64> {
    Some(i64::try_from(number).unwrap_or(i64::MAX))
}

fn path(path: Option<&Path>) -> String {
    path.map(|path| path.display().to_string()).unwrap_or_default()
}

fn counts(value: CounterValue) -> &'static str {
    match value {
        CounterValue::Rate => "rate",
        CounterValue::Sum => "sum",
    }
}

fn namespace(namespace: &Namespace) -> FileNamespace {
    let part = |part: &String| Some(escape(part));
    FileNamespace {
        legacy: Some(namespace.legacy),
        internal: part(&namespace.internal),
        global: part(&namespace.global),
        counter: part(&namespace.counter),
        timer: part(&namespace.timer),
        gauge: part(&namespace.gauge),
        set: part(&namespace.set),
        suffix: part(&namespace.suffix),
    }
}

fn idle(idle: &Idle) -> FileIdle {
    let word = |series, kept: &str| {
        let word = if series == IdleSeries::Kept { kept } else { "delete" };
        Some(word.to_owned())
    };
    FileIdle {
        counters: word(idle.counters, "zero"),
        timers: word(idle.timers, "zero"),
        sets: word(idle.sets, "zero"),
        gauges: word(idle.gauges, "repeat"),
        counter_ttl: Some(idle.counter_ttl),
        timer_ttl: Some(idle.timer_ttl),
        set_ttl: Some(idle.set_ttl),
        gauge_ttl: Some(idle.gauge_ttl),
    }
}
