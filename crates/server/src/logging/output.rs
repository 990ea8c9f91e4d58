//! What log lines are written to.

use std::fmt::Arguments;
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use anyhow::bail;
use log::Level;
use syslog::{Facility, Formatter3164, LoggerBackend};

use crate::config::LogTarget;

/// Where the system's log listens.
const SYSLOG_SOCKETS: &[&str] = &["/dev/log", "/var/run/syslog"];

/// What log lines are written to. A line that cannot be written is gone.
pub(super) enum Output {
    File { path: PathBuf, file: File },
    Stderr,
    Syslog(Box<Syslog>),
}

/// The system's log.
pub(super) struct Syslog {
    sockets: Vec<PathBuf>,
    formatter: Formatter3164,
    logger: syslog::Logger<LoggerBackend, Formatter3164>,
}

impl Output {
    /// Opens it.
    ///
    /// # Errors
    /// The file cannot be opened, or there is no system log.
    pub(super) fn open(target: &LogTarget) -> anyhow::Result<Self> {
        Ok(match target {
            LogTarget::File(path) => Self::File { path: path.clone(), file: append(path)? },
            LogTarget::Stderr => Self::Stderr,
            LogTarget::Syslog => Self::Syslog(Box::new(Syslog::connect(SYSLOG_SOCKETS)?)),
        })
    }

    /// Writes a line of that time.
    pub(super) fn write(&mut self, level: Level, time: SystemTime, line: Arguments<'_>) {
        match self {
            Self::File { file, .. } => write_line(file, level, time, line),
            Self::Stderr => write_line(&mut io::stderr(), level, time, line),
            Self::Syslog(syslog) => syslog.log(level, line),
        }
    }

    /// Opens the file again, after it was moved away, and says so in it. Where that fails the old
    /// one is kept. What is no file stays as it is.
    pub(super) fn reopen(&mut self, time: SystemTime) {
        let Self::File { path, file } = self else { return };
        match append(path) {
            Ok(again) => {
                *file = again;
                let line = format_args!("the log file was opened again");
                write_line(file, Level::Info, time, line);
            }
            Err(error) => {
                let line = format_args!("the log stays in the old file: {error:#}");
                write_line(file, Level::Error, time, line);
            }
        }
    }
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

fn write_line(output: &mut impl io::Write, level: Level, time: SystemTime, line: Arguments<'_>) {
    let time = humantime::format_rfc3339_millis(time);
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
        let error = Output::open(&target).err().unwrap();
        assert!(format!("{error:#}").starts_with("cannot open the log file /nowhere/at/all: "));
    }
}
