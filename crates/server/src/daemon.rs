//! The service from start to end.
//!
//! Everything that can be wrong is found before the first thread starts, and before `-D`
//! detaches: configuration, addresses, the log, the pid file.

mod outlet;
mod reload;
mod service;

use std::io::{self, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::admin::AdminSockets;
use crate::config::{Config, LogTarget, Sink, SinkKind, Source};
use crate::forward::refuse_loops;
use crate::listen::{self, ManagementSockets, Sockets};
use crate::logging::Logger;
use crate::pid_file::PidFile;
use crate::signals::{Request, Signals};
use crate::sys::{Detached, detach, map_large_memory};
use service::Service;

/// Runs the service until a signal ends it.
///
/// # Errors
/// It cannot start.
pub(crate) fn run(source: &Source) -> anyhow::Result<ExitCode> {
    map_large_memory();
    let mut config = source.load()?;
    let sockets = config
        .listeners
        .iter()
        .map(|listener| listen::bind(listener, &config))
        .collect::<anyhow::Result<Vec<_>>>()?;
    let listeners: Vec<_> =
        sockets.iter().flat_map(|sockets| &sockets.addresses).copied().collect();
    refuse_loops(&config, &listeners)?;
    let management = listen::bind_management(&config.management)?;
    let admin = AdminSockets::bind(&config)?;
    let logger = open_log(&config)?;
    let mut pid_file = config.pid_file.as_deref().map(PidFile::lock).transpose()?;
    let ready = match config.daemonize {
        false => None,
        true => match detach().context("cannot go to the background")? {
            Detached::Starter { started } => {
                // The files and the lock are the daemon's now: forgotten here, not removed.
                std::mem::forget((pid_file, sockets, management, admin));
                return Ok(if started { ExitCode::SUCCESS } else { ExitCode::FAILURE });
            }
            Detached::Daemon(ready) => Some(ready),
        },
    };
    if let Some(pid_file) = &mut pid_file {
        pid_file.write()?;
    }
    let logger = logger.install();
    let mut signals = Signals::take_over()?;
    announce(&config, &sockets, &management);
    let mut service = Service::start(&config, sockets, management, admin)?;
    if let Some(ready) = ready {
        ready.tell()?;
    }
    let mut reload = reload::Reload::new(source);
    while signals.wait() == Request::Reload {
        logger.reopen();
        reload.run(&mut config, &mut service, logger);
    }
    log::info!("stopping");
    service.stop(&config)?;
    Ok(ExitCode::SUCCESS)
}

/// A daemon has no standard error: unless told otherwise it logs to the system's log. Where there
/// is none it starts all the same, as gstatsd 0.6 did, and says so first.
fn open_log(config: &Config) -> anyhow::Result<Logger> {
    let level = config.log.level;
    if !config.daemonize || config.log.target != LogTarget::Stderr {
        return Logger::open(&config.log.target, level);
    }
    Logger::open(&LogTarget::Syslog, level).or_else(|error| {
        let line = format!("gstatsd: {error}: nothing will be logged, unless --log names a file");
        writeln!(io::stderr(), "{line}").ok();
        Logger::open(&LogTarget::File("/dev/null".into()), level)
    })
}

/// Says what is listened to, where things go, and one line to try.
fn announce(config: &Config, sockets: &[Sockets], management: &ManagementSockets) {
    let (seconds, workers) = (config.flush_interval.as_secs_f64(), config.workers);
    log::info!(
        "gstatsd {} with {workers} workers flushes every {seconds} s",
        env!("CARGO_PKG_VERSION")
    );
    for sockets in sockets {
        announce_listener(sockets, config);
    }
    for url in &management.urls {
        log::info!("taking commands on {url}");
    }
    for sink in &config.sinks {
        announce_sink(sink);
    }
    log::info!("try: {}", something_to_try(sockets));
}

/// One line that brings a metric in.
fn something_to_try(sockets: &[Sockets]) -> String {
    let mut urls = sockets.iter().flat_map(|sockets| &sockets.urls);
    let of_udp = urls.find_map(|url| url.strip_prefix("udp://"));
    let port = of_udp.and_then(|address| address.rsplit_once(':')).map(|(_, port)| port);
    match port {
        Some("8125") => "gstatsd send 'hello:1|c'".to_owned(),
        Some(port) => format!("gstatsd send --to {port} 'hello:1|c'"),
        None => "gstatsd explain 'hello:1|c'".to_owned(),
    }
}

fn announce_listener(sockets: &Sockets, config: &Config) {
    for url in &sockets.urls {
        log::info!("listening on {url}");
    }
    if let Some(clamped) = sockets.receive_buffer_clamped {
        log::warn!(
            "receive_buffer_bytes: the kernel gives {clamped} of {} bytes, so bursts may be \
             dropped: raise net.core.rmem_max",
            config.receive_buffer_bytes
        );
    }
}

fn announce_sink(sink: &Sink) {
    // The server of a page says where, once it listens.
    if !matches!(sink.kind, SinkKind::Prometheus(_)) {
        log::info!("sink {}: {}", sink.name, sink.destination());
    }
}
