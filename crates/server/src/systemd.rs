//! What systemd is told (`sd_notify(3)`): that we are ready, reload, stop, and that we live.
//!
//! It also keeps our sockets (`FDSTORE`), where its unit says so: they outlive a crash, and the
//! next process gets them as it gets those that systemd has opened.
//!
//! The watchdog is pinged while every stage advances: when one is stuck, systemd starts us again,
//! which is sooner over than to be half dead.

use std::env;
use std::os::fd::AsFd;
use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};
use std::thread;
use std::time::Duration;

use socket2::Socket;

use crate::beats::{self, Beats};
use crate::clock;
use crate::sys::{DESCRIPTORS_MAX, KEPT, send_message};

/// How many pings there are in the time after which systemd gives up: one may be late.
const PINGS: u32 = 3;

/// Who has started us, where that is systemd and it wants to know.
#[derive(Debug, Default)]
pub(crate) struct Systemd {
    socket: Option<UnixDatagram>,
    /// After how long without a ping it gives us up.
    watchdog: Option<Duration>,
}

impl Systemd {
    /// As the environment of this process says; it was meant for the process before this one
    /// where that has handed over.
    pub(crate) fn of_environment(is_successor: bool) -> Self {
        let variable = |name: &str| env::var(name).ok();
        let own_id = (!is_successor).then(std::process::id);
        let socket = variable("NOTIFY_SOCKET").and_then(|name| connect(&name));
        Self { socket, watchdog: watchdog(own_id, variable) }
    }

    /// Has these sockets kept for the process after this one, however this one ends, and no others
    /// that were kept before.
    pub(crate) fn keep(&self, sockets: &[Socket]) {
        let Some(systemd) = &self.socket else { return };
        self.tell(&format!("FDSTOREREMOVE=1\nFDNAME={KEPT}"));
        // It is not to let go of one that has an error, which is for us to read.
        let text = format!("FDSTORE=1\nFDPOLL=0\nFDNAME={KEPT}");
        for some in sockets.chunks(DESCRIPTORS_MAX) {
            let some: Vec<_> = some.iter().map(AsFd::as_fd).collect();
            if let Err(error) = send_message(systemd, text.as_bytes(), &some) {
                log::debug!("systemd cannot be told {text}: {error}");
            }
        }
    }

    /// Whether it says that it keeps sockets. Before its version 254 it does not say so.
    pub(crate) fn keeps() -> bool {
        env::var("FDSTORE").is_ok_and(|room| room.parse::<u64>().is_ok_and(|room| room > 0))
    }

    /// Another process goes on with our work.
    pub(crate) fn handed_over(&self, to: u32) {
        self.tell(&format!("MAINPID={to}"));
    }

    /// Everything runs.
    pub(crate) fn ready(&self) {
        self.tell("READY=1");
    }

    /// The configuration is read again. [`Systemd::ready`] is to follow.
    pub(crate) fn reloading(&self) {
        let now = clock::since_boot().as_micros();
        self.tell(&format!("RELOADING=1\nMONOTONIC_USEC={now}"));
    }

    /// The end has begun.
    pub(crate) fn stopping(&self) {
        self.tell("STOPPING=1");
    }

    /// Pings the watchdog from now on, where there is one, while every stage advances.
    ///
    /// # Errors
    /// The system can start no thread.
    pub(crate) fn watch(&self, beats: Beats) -> std::io::Result<()> {
        let (Some(socket), Some(watchdog)) = (&self.socket, self.watchdog) else { return Ok(()) };
        let watched = Self { socket: Some(socket.try_clone()?), watchdog: None };
        let pause = (watchdog / PINGS).min(beats::WAIT_MAX);
        thread::Builder::new().name("watchdog".to_owned()).spawn(move || {
            let mut told = Vec::new();
            loop {
                let stuck = beats.stuck(clock::now());
                if stuck.is_empty() {
                    watched.tell("WATCHDOG=1");
                } else if stuck != told {
                    log::error!("stuck: {}: the watchdog is pinged no more", stuck.join(", "));
                }
                told = stuck;
                thread::sleep(pause);
            }
        })?;
        Ok(())
    }

    fn tell(&self, text: &str) {
        if let Some(Err(error)) = self.socket.as_ref().map(|socket| socket.send(text.as_bytes())) {
            log::debug!("systemd cannot be told {text}: {error}");
        }
    }
}

/// A socket to where systemd listens: a path, or with `@` a name without a file.
fn connect(name: &str) -> Option<UnixDatagram> {
    let address = match name.strip_prefix('@') {
        Some(name) => SocketAddr::from_abstract_name(name).ok()?,
        None => SocketAddr::from_pathname(name).ok()?,
    };
    let socket = UnixDatagram::unbound().ok()?;
    // It must not hold us up.
    socket.set_nonblocking(true).ok()?;
    socket.connect_addr(&address).ok()?;
    Some(socket)
}

/// The time of the watchdog, if it is for this process, or for any.
fn watchdog(pid: Option<u32>, variable: impl Fn(&str) -> Option<String>) -> Option<Duration> {
    let is_ours =
        variable("WATCHDOG_PID").is_none_or(|of| pid.is_none_or(|pid| of.parse() == Ok(pid)));
    let time = variable("WATCHDOG_USEC")?.parse().ok().map(Duration::from_micros);
    time.filter(|time| is_ours && !time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(variables: &[(&str, &str)]) -> Option<Duration> {
        watchdog(Some(7), |name| {
            let found = variables.iter().find(|(variable, _)| *variable == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn a_watchdog_has_a_time_and_is_ours() {
        let time = ("WATCHDOG_USEC", "2000000");
        assert_eq!(of(&[time]), Some(Duration::from_secs(2)));
        assert_eq!(of(&[time, ("WATCHDOG_PID", "7")]), Some(Duration::from_secs(2)));
        assert_eq!(of(&[time, ("WATCHDOG_PID", "8")]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "0")]), None);
        assert_eq!(of(&[("WATCHDOG_USEC", "x")]), None);
        assert_eq!(of(&[]), None);
    }

    #[test]
    fn a_socket_without_a_file_is_found_too() {
        let name = format!("gstatsd-notify-{}", std::process::id());
        let address = SocketAddr::from_abstract_name(&name).unwrap();
        let listening = UnixDatagram::bind_addr(&address).unwrap();
        let socket = connect(&format!("@{name}"));
        let systemd = Systemd { socket, watchdog: None };
        systemd.ready();
        systemd.reloading();
        let mut buffer = [0; 100];
        let bytes = listening.recv(&mut buffer).unwrap();
        assert_eq!(&buffer[..bytes], b"READY=1");
        let bytes = listening.recv(&mut buffer).unwrap();
        assert!(buffer[..bytes].starts_with(b"RELOADING=1\nMONOTONIC_USEC="));
        assert!(connect("/nonexistent/socket").is_none());
    }
}
