//! The service from start to end.
//!
//! Everything that can be wrong is found before the first thread starts, and before `-D`
//! detaches: configuration, addresses, the log, the pid file.

mod left;
mod outlet;
mod reload;
mod service;

use std::io::{self, Write as _};
use std::os::fd::{BorrowedFd, OwnedFd};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::admin::AdminSockets;
use crate::config::{Config, LogTarget, Sandbox, Sink, SinkKind, Source};
use crate::forward::refuse_loops;
use crate::handover::{Bequest, Launch, Launcher, Predecessor, Successor, open_sockets};
use crate::hooks;
use crate::listen::{self, ManagementSockets, Sockets};
use crate::logging::Logger;
use crate::pid_file::PidFile;
use crate::sandbox::{self, Reach};
use crate::signals::{Request, Signals};
use crate::sys::{
    Detached, KEPT, Resident, Stdio, detach, inherit_passed, map_large_memory, passed_sockets,
};
use crate::systemd::Systemd;
use service::Service;

/// Runs the service until a signal ends it.
///
/// # Errors
/// It cannot start.
pub(crate) fn run(source: &Source) -> anyhow::Result<ExitCode> {
    map_large_memory();
    let launch = Launch::of_process()?;
    let (predecessor, bequest) = Predecessor::of_process()?.unzip();
    let lock = bequest.and_then(inherit);
    let mut config = source.load()?;
    listen::inherit(passed_sockets(KEPT)?, false);
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
    let mut pid_file = open_pid_file(&config, lock)?;
    // A successor is where its predecessor is.
    let ready = match config.daemonize && predecessor.is_none() {
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
    let logger = logger.install();
    sandbox::make_folders(&config);
    sandbox::become_user(&config)?;
    let mut launcher = launcher(launch, &config)?;
    let mut signals = Signals::take_over()?;
    let resident = Resident::open().ok();
    let systemd = Systemd::of_environment(predecessor.is_some());
    let reach = Reach::of(&config, source.file().as_deref());
    let level = sandbox::close_in(&config, &reach)?;
    let _writing = logger.write_apart()?;
    let mut service = Service::start(&config, admin, level, resident)?;
    listen::close_rest();
    if predecessor.is_some() {
        hooks::reach("successor");
    }
    let rest = predecessor.map(Predecessor::take_over).transpose()?.unwrap_or_default();
    if let Some(pid_file) = &mut pid_file {
        pid_file.write()?;
    }
    announce(&config, &sockets, &management);
    left::warn(&config);
    service.listen(&config, sockets, management)?;
    service.adopt(rest);
    if let Some(ready) = ready {
        ready.tell()?;
    }
    hooks::probe();
    systemd.watch(service.beats())?;
    systemd.keep(&open_sockets());
    systemd.ready();
    let lock = pid_file.as_ref().map(PidFile::lock_of);
    let reach = (level > 0).then_some(reach);
    let daemon = Daemon { source, reach, lock, logger, systemd: &systemd };
    let successor = daemon.obey(&mut signals, &mut launcher, &mut config, &mut service);
    daemon.tell_end(successor.as_ref());
    if successor.is_some() {
        // Its lock is the successor's now.
        std::mem::forget(pid_file);
    }
    service.stop(&config, successor.as_ref())?;
    Ok(ExitCode::SUCCESS)
}

/// A daemon that runs, and what it needs to do what signals ask for.
struct Daemon<'d> {
    source: &'d Source,
    /// All that it can reach, where it is closed in.
    reach: Option<Reach>,
    /// That of the pid file, where there is one.
    lock: Option<BorrowedFd<'d>>,
    logger: &'static Logger,
    systemd: &'d Systemd,
}

impl Daemon<'_> {
    /// Does what signals ask for until the end. Gives the process that goes on, where there is
    /// one.
    fn obey(
        &self,
        signals: &mut Signals,
        launcher: &mut Launcher,
        config: &mut Config,
        service: &mut Service,
    ) -> Option<Successor> {
        let mut reload = reload::Reload::new(self.source, self.reach.as_ref());
        loop {
            match signals.wait() {
                Request::Reload => {
                    self.systemd.reloading();
                    self.logger.reopen();
                    reload.run(config, service, self.logger);
                    self.systemd.keep(&open_sockets());
                    self.systemd.ready();
                }
                Request::Tell => service.tell_standing(),
                Request::HandOver => match Successor::start(launcher, self.lock) {
                    Ok(successor) => return Some(successor),
                    Err(error) => log::error!("hand-over: {error:#}; this process goes on"),
                },
                Request::Stop => return None,
            }
        }
    }

    /// Says that the end has begun, and who goes on.
    fn tell_end(&self, successor: Option<&Successor>) {
        match successor {
            Some(successor) => {
                log::info!("handing over to process {}", successor.id());
                self.systemd.handed_over(successor.id());
            }
            None => {
                log::info!("stopping");
                self.systemd.stopping();
            }
        }
    }
}

/// Takes what the process before this one leaves. Gives the file that keeps other daemons away.
fn inherit(bequest: Bequest) -> Option<OwnedFd> {
    let Bequest { sockets, passed, pid_file } = bequest;
    if !passed.is_empty() {
        inherit_passed(passed);
    }
    listen::inherit(sockets, true);
    pid_file
}

/// Who starts the next process: who is closed in cannot.
fn launcher(launch: Launch, config: &Config) -> anyhow::Result<Launcher> {
    if config.sandbox == Sandbox::Off {
        return Ok(Launcher::here(launch));
    }
    let stdio = if config.daemonize { Stdio::Nothing } else { Stdio::Ours };
    Launcher::apart(&launch, stdio).context("cannot make a process that starts the next one")
}

/// The file that keeps other daemons away: as the process before this one has locked it, or anew.
fn open_pid_file(config: &Config, inherited: Option<OwnedFd>) -> anyhow::Result<Option<PidFile>> {
    let Some(path) = config.pid_file.as_deref() else { return Ok(None) };
    Ok(Some(match inherited {
        Some(lock) => PidFile::inherit(path, lock)?,
        None => PidFile::lock(path)?,
    }))
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
