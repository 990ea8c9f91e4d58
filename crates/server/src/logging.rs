//! Where log lines go: standard error, a file, or the system's log.
//!
//! A log line that cannot be written is dropped: logging never ends the service.

use std::fmt::Arguments;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use anyhow::bail;
use log::{Level, LevelFilter, Log, Metadata, Record};
use syslog::{Facility, Formatter3164, LoggerBackend};

use crate::clock;
use crate::config::LogTarget;

/// The log of the process.
pub(crate) struct Logger(Mutex<State>);

struct State {
    level: LevelFilter,
    output: Output,
}

enum Output {
    File { path: PathBuf, file: File },
    Stderr,
    Syslog(Box<Syslog>),
}

/// Where the system's log listens.
const SYSLOG_SOCKETS: &[&str] = &["/dev/log", "/var/run/syslog"];

struct Syslog {
    sockets: Vec<PathBuf>,
    formatter: Formatter3164,
    logger: syslog::Logger<LoggerBackend, Formatter3164>,
}

impl Logger {
    /// Opens the log, and does not yet log.
    ///
    /// # Errors
    /// The file cannot be opened, or there is no system log.
    pub(crate) fn open(target: &LogTarget, level: LevelFilter) -> anyhow::Result<Self> {
        let output = match target {
            LogTarget::File(path) => Output::File { path: path.clone(), file: append(path)? },
            LogTarget::Stderr => Output::Stderr,
            LogTarget::Syslog => Output::Syslog(Box::new(Syslog::connect(SYSLOG_SOCKETS)?)),
        };
        Ok(Self(Mutex::new(State { level, output })))
    }

    /// Makes this the log of the process, for as long as it lives.
    pub(crate) fn install(self) -> &'static Self {
        let logger: &'static Self = Box::leak(Box::new(self));
        log::set_max_level(logger.state().level);
        // Fails only when there is a log already, and then that one goes on.
        log::set_logger(logger).ok();
        logger
    }

    /// Goes on as another log, which was opened and not installed.
    pub(crate) fn become_as(&self, other: Self) {
        let state = other.0.into_inner().unwrap_or_else(PoisonError::into_inner);
        log::set_max_level(state.level);
        *self.state() = state;
    }

    /// Opens the file again, after it was moved away, and says so in it. Where that fails the old
    /// one is kept. A log that is no file stays as it is.
    pub(crate) fn reopen(&self) {
        let Output::File { path, file } = &mut self.state().output else { return };
        match append(path) {
            Ok(again) => {
                *file = again;
                write_line(file, Level::Info, format_args!("the log file was opened again"));
            }
            Err(error) => {
                let line = format_args!("the log stays in the old file: {error:#}");
                write_line(file, Level::Error, line);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Log for Logger {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.level() <= self.state().level
    }

    fn log(&self, record: &Record<'_>) {
        let mut state = self.state();
        if record.level() > state.level {
            return;
        }
        match &mut state.output {
            Output::File { file, .. } => write_line(file, record.level(), *record.args()),
            Output::Stderr => write_line(&mut io::stderr(), record.level(), *record.args()),
            Output::Syslog(syslog) => syslog.log(record.level(), *record.args()),
        }
    }

    fn flush(&self) {}
}

impl Syslog {
    fn connect(sockets: &[impl AsRef<Path>]) -> anyhow::Result<Self> {
        let sockets: Vec<_> = sockets.iter().map(|path| path.as_ref().to_owned()).collect();
        let formatter = Formatter3164 {
            facility: Facility::LOG_DAEMON,
            hostname: None,
            process: "gstatsd".into(),
            pid: std::process::id(),
        };
        let logger = connect_first(&sockets, &formatter)?;
        Ok(Self { sockets, formatter, logger })
    }

    fn log(&mut self, level: Level, line: Arguments<'_>) {
        if self.write(level, line).is_err() {
            // The system's log was started again: its socket is a new one.
            if let Ok(logger) = connect_first(&self.sockets, &self.formatter) {
                self.logger = logger;
                self.write(level, line).ok();
            }
        }
    }

    fn write(&mut self, level: Level, line: Arguments<'_>) -> Result<(), syslog::Error> {
        // A child that was forked since has another number.
        self.logger.formatter.pid = std::process::id();
        match level {
            Level::Error => self.logger.err(line),
            Level::Warn => self.logger.warning(line),
            Level::Info => self.logger.info(line),
            Level::Debug | Level::Trace => self.logger.debug(line),
        }
    }
}

fn connect_first(
    sockets: &[PathBuf],
    formatter: &Formatter3164,
) -> anyhow::Result<syslog::Logger<LoggerBackend, Formatter3164>> {
    for path in sockets {
        if let Ok(logger) = syslog::unix_custom(formatter.clone(), path) {
            return Ok(logger);
        }
    }
    bail!("there is no system log at {}", SYSLOG_SOCKETS.join(" or "))
}

fn write_line(output: &mut impl io::Write, level: Level, line: Arguments<'_>) {
    let time = humantime::format_rfc3339_millis(clock::wall());
    // In one write, so that lines of several processes do not mix.
    let line = format!("{time} {level:<5} {line}\n");
    output.write_all(line.as_bytes()).ok();
}

fn append(path: &Path) -> anyhow::Result<File> {
    File::options().create(true).append(true).open(path).map_err(|error| {
        anyhow::Error::new(error).context(format!("cannot open the log file {}", path.display()))
    })
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixDatagram;
    use std::time::Duration;

    use super::*;

    #[test]
    fn a_moved_file_is_opened_again() {
        let folder = std::env::temp_dir().join(format!("gstatsd-log-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (path, moved) = (folder.join("log"), folder.join("log.1"));
        let target = LogTarget::File(path.clone());
        let logger = Logger::open(&target, LevelFilter::Info).unwrap();
        let log = |level: Level, line: &str| {
            logger.log(&Record::builder().level(level).args(format_args!("{line}")).build());
        };
        log(Level::Info, "one");
        log(Level::Debug, "too much");
        std::fs::rename(&path, &moved).unwrap();
        log(Level::Info, "two");
        logger.reopen();
        log(Level::Warn, "three");
        let read = |path: &Path| std::fs::read_to_string(path).unwrap();
        assert_eq!(read(&moved).matches('\n').count(), 2);
        assert!(read(&moved).ends_with("INFO  two\n"));
        assert!(read(&path).ends_with("WARN  three\n"));
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn the_system_log_gets_lines_with_their_level_and_may_start_again() {
        let name = format!("gstatsd-syslog-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        let listen = || {
            let socket = UnixDatagram::bind(&path).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            socket
        };
        let receive = |socket: &UnixDatagram| {
            let mut buffer = [0; 256];
            let bytes = socket.recv(&mut buffer).unwrap();
            String::from_utf8(buffer[..bytes].to_vec()).unwrap()
        };
        assert!(Syslog::connect(&[&path]).is_err());
        let socket = listen();
        let mut syslog = Syslog::connect(&[Path::new("/nowhere/at/all"), &path]).unwrap();
        syslog.log(Level::Warn, format_args!("one"));
        let line = receive(&socket);
        // Facility 3, severity 4.
        assert!(line.starts_with("<28>") && line.contains("gstatsd[") && line.ends_with(": one"));
        drop(socket);
        std::fs::remove_file(&path).unwrap();
        syslog.log(Level::Info, format_args!("lost"));
        let socket = listen();
        syslog.log(Level::Error, format_args!("two"));
        assert!(receive(&socket).starts_with("<27>"));
        std::fs::remove_file(&path).unwrap();
    }

    #[test]
    fn a_file_that_cannot_be_opened_is_named() {
        let target = LogTarget::File("/nowhere/at/all".into());
        let error = Logger::open(&target, LevelFilter::Info).err().unwrap();
        assert!(format!("{error:#}").starts_with("cannot open the log file /nowhere/at/all: "));
    }
}
