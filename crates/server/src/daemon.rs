//! The service from start to end: this is where the stages are put together.
//!
//! Everything that can be wrong is found before the first thread starts, and before `-D`
//! detaches: configuration, addresses, the log, the pid file.

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::thread::{self, JoinHandle};

use anyhow::Context as _;
use gstatsd_aggregate::Counts;
use gstatsd_sinks::{Console, Graphite, GraphiteSettings};

use crate::aggregation;
use crate::clock::{self, Cadence};
use crate::config::{Config, LogTarget, Sink, SinkKind};
use crate::deliver::{Books, Outlets};
use crate::flush::{self, Flush};
use crate::listen::{self, Sockets};
use crate::logging::Logger;
use crate::pid_file::PidFile;
use crate::signals::{Request, Signals};
use crate::sys::{Detached, detach};
use crate::work::{Control, ControlInbox, Worker};

/// Runs the service until a signal ends it.
///
/// # Errors
/// It cannot start.
pub(crate) fn run(config: &Config) -> anyhow::Result<ExitCode> {
    let sockets = listen::bind(config)?;
    let logger = open_log(config)?;
    let mut pid_file = config.pid_file.as_deref().map(PidFile::lock).transpose()?;
    let ready = match config.daemonize {
        false => None,
        true => match detach().context("cannot go to the background")? {
            Detached::Starter { started } => {
                // The file and its lock are the daemon's now: forgotten here, not removed.
                std::mem::forget(pid_file);
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
    announce(config, &sockets);
    let service = Service::start(config, sockets)?;
    if let Some(ready) = ready {
        ready.tell()?;
    }
    while signals.wait() == Request::Reopen {
        logger.reopen();
    }
    log::info!("stopping");
    service.stop(config)?;
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

/// The running threads.
struct Service {
    workers: Vec<(JoinHandle<()>, ControlInbox)>,
    flush: JoinHandle<(Outlets, Counts)>,
}

impl Service {
    /// Starts the threads from the end of the path to its beginning, so that nothing is received
    /// that has nowhere to go.
    fn start(config: &Config, sockets: Sockets) -> anyhow::Result<Self> {
        let naming = aggregation::naming(config);
        let mut outlets = Outlets::new();
        for sink in &config.sinks {
            open_outlet(&mut outlets, sink)?;
        }
        let cadence =
            Cadence::new(clock::now(), clock::wall(), config.flush_interval, config.align);
        let (inbox, pushes) = flush::inbox(sockets.of_workers.len());
        let (mut spares, mut workers) = (Vec::new(), Vec::new());
        for (index, sockets) in sockets.of_workers.into_iter().enumerate() {
            let (spare, returned) = channel();
            let table = aggregation::table(config, &naming);
            let inbox = inbox.clone();
            workers.push(Worker::new(
                index,
                sockets,
                table,
                cadence,
                inbox,
                returned,
                config.pin_workers,
            )?);
            spares.push(spare);
        }
        let naming = Arc::new(naming);
        let flush = Flush::new(pushes, spares, cadence, config.flush_interval, outlets, naming);
        let flush = spawn("flush", move || flush.run())?;
        let start = |(index, (worker, control)): (usize, (Worker, ControlInbox))| {
            Ok((spawn(&format!("worker {index}"), move || worker.run())?, control))
        };
        let workers = workers.into_iter().enumerate().map(start).collect::<io::Result<_>>()?;
        Ok(Self { workers, flush })
    }

    /// Ends the threads in the order of the path, and says what became of everything.
    fn stop(self, config: &Config) -> anyhow::Result<()> {
        let deadline = clock::now() + config.shutdown_timeout;
        for (_, control) in &self.workers {
            control.tell(Control::Stop);
        }
        // A panic of theirs has ended the process already.
        for (worker, _) in self.workers {
            worker.join().ok().context("a worker panicked")?;
        }
        let (outlets, counts) = self.flush.join().ok().context("the flush panicked")?;
        log_accounting(&counts, &outlets.close(deadline));
        Ok(())
    }
}

fn open_outlet(outlets: &mut Outlets, sink: &Sink) -> io::Result<()> {
    match &sink.kind {
        SinkKind::Console => {
            let console = Console::new(io::stdout());
            outlets.add(&sink.name, console, sink.queue_bytes)
        }
        SinkKind::Graphite { address, connect_timeout, write_timeout } => {
            let settings = GraphiteSettings {
                host: address.host.clone(),
                port: address.port,
                connect_timeout: *connect_timeout,
                write_timeout: *write_timeout,
            };
            outlets.add(&sink.name, Graphite::new(settings), sink.queue_bytes)
        }
    }
}

fn spawn<T: Send + 'static>(
    name: &str,
    run: impl FnOnce() -> T + Send + 'static,
) -> io::Result<JoinHandle<T>> {
    thread::Builder::new().name(name.to_owned()).spawn(run)
}

/// Says what is listened to, where things go, and one line to try.
fn announce(config: &Config, sockets: &Sockets) {
    let (seconds, workers) = (config.flush_interval.as_secs_f64(), config.workers);
    log::info!(
        "gstatsd {} with {workers} workers flushes every {seconds} s",
        env!("CARGO_PKG_VERSION")
    );
    for address in &sockets.addresses {
        log::info!("listening on udp://{address}");
    }
    for Sink { name, kind, .. } in &config.sinks {
        match kind {
            SinkKind::Console => log::info!("sink {name}: standard output"),
            SinkKind::Graphite { address, .. } => {
                log::info!("sink {name}: Graphite at {address}");
            }
        }
    }
    if let Some(clamped) = sockets.receive_buffer_clamped {
        log::warn!(
            "receive_buffer_bytes: the kernel gives {clamped} of {} bytes, so bursts may be \
             dropped: raise net.core.rmem_max",
            config.receive_buffer_bytes
        );
    }
    if let Some(address) = sockets.addresses.first() {
        let to = match address.port() {
            8125 => String::new(),
            port => format!("--to {port} "),
        };
        log::info!("try: gstatsd send {to}'hello:1|c'");
    }
}

/// The books at the end, with the residual of each identity.
fn log_accounting(counts: &Counts, sinks: &[(String, Books)]) {
    let mut line = String::new();
    let mut add = |stem: &str, reason: &str, count: u64| {
        line.push_str(&format!(" {stem}{reason}={count}"));
    };
    counts.named(&mut add);
    log::info!(
        "accounting:{line} lines.residual={} samples.residual={}",
        counts.lines_residual(),
        counts.samples_residual()
    );
    for (name, books) in sinks {
        let mut line = String::new();
        books.named(|stem, reason, count| line.push_str(&format!(" {stem}{reason}={count}")));
        log::info!("accounting: sink {name}:{line} points.residual={}", books.residual());
    }
}
