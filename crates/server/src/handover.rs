//! The way from one process of the daemon to the next, without a gap: another binary, or the same
//! with what takes effect at a start only.
//!
//! ```text
//! old   SIGUSR2: has it started     --> all its sockets -->  (serves on)         "go" ends
//! new                                   binds none anew  -->  "ready"   waits -->  serves
//! ```
//!
//! They talk over the standard input of the new one, in messages whose first byte says what they
//! are. What is not understood is passed over, so that an old one and a new one get along that
//! know of different things. A new one that is not ready in time is killed, and the old one goes
//! on as if nothing had been.

mod launcher;

use std::collections::{BTreeSet, HashSet};
use std::env;
use std::fs::File;
use std::io::{self, Read as _, Seek as _, Write as _, stdin};
use std::os::fd::{AsFd as _, BorrowedFd, OwnedFd};
use std::os::unix::process::parent_id;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::memfd::{MFdFlags, memfd_create};
use nix::sys::socket::{
    AddressFamily, SockFlag, SockType, setsockopt, socketpair, sockopt::ReceiveTimeout,
};
use nix::sys::stat::fstat;
use nix::sys::time::{TimeVal, TimeValLike as _};
use socket2::Socket;

pub(crate) use self::launcher::{Launch, Launcher};
use crate::hooks;
use crate::listen::is_open_to_all;
use crate::sys::{
    DESCRIPTORS_MAX, passed_names, passed_sockets, receive_message, send_message, sockets,
};

/// Says to the new process whose successor it is: the process id of the old one.
const VARIABLE: &str = "GSTATSD_PREDECESSOR";
/// How long the new process may take to be ready.
const READY_MAX: Duration = Duration::from_secs(5);
/// How long the old one may take to end its part, at most; then it is taken for dead.
const GO_MAX: Duration = Duration::from_mins(1);

/// What a message says.
const SOCKETS: u8 = b'S';
const PASSED: u8 = b'N';
const PID_FILE: u8 = b'P';
const ALL: u8 = b'A';
const READY: u8 = b'R';
const CONNECTION: u8 = b'C';
const INTERVAL: u8 = b'I';
const GO: u8 = b'G';
/// How long a message is at most: the begin of a frame may be in it.
const MESSAGE_MAX: usize = 128 * 1024;
/// How long a name of systemd is at most: `FDNAME_MAX`.
const NAME_MAX: usize = 255;
/// How long an open interval is at most, in bytes.
const INTERVAL_MAX: u64 = 1 << 30;

/// The next process, seen from the old one.
pub(crate) struct Successor {
    id: u32,
    channel: OwnedFd,
    /// Whether it goes on with an interval that is not over.
    takes_interval: bool,
}

impl Successor {
    /// Has the next process started, gives it the sockets of this one, and waits until it is ready
    /// to use them. `pid_file` is the file that keeps other daemons away.
    ///
    /// # Errors
    /// It cannot be started, ends, or is not ready in time; it is gone then.
    pub(crate) fn start(
        launcher: &mut Launcher,
        pid_file: Option<BorrowedFd<'_>>,
    ) -> anyhow::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (channel, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        let patience = hooks::patience(READY_MAX);
        wait_at_most(&channel, patience)?;
        let id = launcher.start(theirs)?;
        let mut successor = Self { id, channel, takes_interval: false };
        match successor.bequeath(pid_file).and_then(|()| successor.wait_until_ready()) {
            Ok(()) => Ok(successor),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                launcher.end(false);
                bail!("the next process was not ready within {patience:?}");
            }
            // It says itself why.
            Err(_) => bail!("the next process ended: {}", launcher.end(true)),
        }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.id
    }

    /// Lets it serve from now on. It does so too where this fails: then it sees that we are gone.
    pub(crate) fn go(&self) {
        if let Err(error) = send_message(&self.channel, &[GO], &[]) {
            log::warn!("hand-over: the next process does not listen: {error}");
        }
    }

    /// Gives it a connection of the listener with this address; `begun` is what was read of a frame
    /// that is not whole. Says whether it has it.
    pub(crate) fn give(&self, listener: &str, socket: BorrowedFd<'_>, begun: &[u8]) -> bool {
        let Ok(length) = u16::try_from(listener.len()) else { return false };
        let message = [&[CONNECTION], &length.to_be_bytes()[..], listener.as_bytes(), begun];
        let message = message.concat();
        message.len() <= MESSAGE_MAX && send_message(&self.channel, &message, &[socket]).is_ok()
    }

    /// What gives it the open interval, as bytes, and says whether it has that; `None` where it
    /// would not know what that is.
    pub(crate) fn heir(&self) -> Option<impl FnOnce(&[u8]) -> bool + Send + use<>> {
        let channel = self.channel.try_clone().ok().filter(|_| self.takes_interval)?;
        Some(move |interval: &[u8]| {
            let left = memory_file(interval)
                .and_then(|file| send_message(&channel, &[INTERVAL], &[file.as_fd()]));
            if let Err(error) = &left {
                log::warn!("hand-over: the open interval goes to the sinks: {error}");
            }
            left.is_ok()
        })
    }

    fn bequeath(&self, pid_file: Option<BorrowedFd<'_>>) -> io::Result<()> {
        for name in passed_names().collect::<BTreeSet<_>>() {
            let passed = passed_sockets(name)?;
            for some in passed.chunks(DESCRIPTORS_MAX) {
                let some: Vec<_> = some.iter().map(|socket| socket.as_fd()).collect();
                send_message(&self.channel, &[&[PASSED], name.as_bytes()].concat(), &some)?;
            }
        }
        let open = open_sockets();
        for some in open.chunks(DESCRIPTORS_MAX) {
            let some: Vec<_> = some.iter().map(|socket| socket.as_fd()).collect();
            send_message(&self.channel, &[SOCKETS], &some)?;
        }
        if let Some(pid_file) = pid_file {
            send_message(&self.channel, &[PID_FILE], &[pid_file])?;
        }
        send_message(&self.channel, &[ALL], &[])
    }

    /// # Errors
    /// `WouldBlock`: it takes too long. Another: it is gone.
    fn wait_until_ready(&mut self) -> io::Result<()> {
        let mut message = [0; 16];
        loop {
            match receive_message(&self.channel, &mut message) {
                Ok((0, _)) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok((length, _)) if message[0] == READY => {
                    self.takes_interval = message[1..length].contains(&INTERVAL);
                    return Ok(());
                }
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
    }
}

/// The sockets of this process that others can reach; without those that systemd has opened, which
/// it knows by names.
pub(crate) fn open_sockets() -> Vec<Socket> {
    let passed = passed_names().filter_map(|name| passed_sockets(name).ok()).flatten();
    // There may be several descriptors of one.
    let mut known: HashSet<_> = passed.map(|socket| inode(&socket)).collect();
    let open = sockets().into_iter().filter(|socket| known.insert(inode(socket)));
    open.map(Socket::from).filter(is_open_to_all).collect()
}

/// What tells one socket from another.
fn inode(socket: &OwnedFd) -> Option<u64> {
    fstat(socket).ok().map(|found| found.st_ino)
}

/// A file without a place, of these bytes.
fn memory_file(bytes: &[u8]) -> io::Result<File> {
    let mut file = File::from(memfd_create(c"interval", MFdFlags::MFD_CLOEXEC)?);
    file.write_all(bytes)?;
    file.rewind()?;
    Ok(file)
}

/// The process before this one, which serves until this one is ready.
pub(crate) struct Predecessor {
    channel: OwnedFd,
}

/// What a process gets of the one before it.
#[derive(Debug, Default)]
pub(crate) struct Bequest {
    /// Its sockets.
    pub(crate) sockets: Vec<OwnedFd>,
    /// Those that systemd had opened for it, with their names.
    pub(crate) passed: Vec<(String, OwnedFd)>,
    /// The file that keeps other daemons away, locked.
    pub(crate) pid_file: Option<OwnedFd>,
}

/// What a process gets when the one before it has ended its part.
#[derive(Debug, Default)]
pub(crate) struct Rest {
    /// Its connections.
    pub(crate) connections: Vec<Given>,
    /// What it had gathered of the open interval, where it left that here.
    pub(crate) interval: Option<Vec<u8>>,
}

/// A connection that the process before this one had.
#[derive(Debug)]
pub(crate) struct Given {
    /// The address of its listener, as it is written.
    pub(crate) listener: String,
    pub(crate) socket: Socket,
    /// What was read of a frame that is not whole.
    pub(crate) begun: Vec<u8>,
}

impl Given {
    fn read(message: &[u8], descriptors: Vec<OwnedFd>) -> Option<Self> {
        let (length, rest) = message.split_first_chunk()?;
        let (listener, begun) = rest.split_at_checked(u16::from_be_bytes(*length).into())?;
        let listener = String::from_utf8(listener.to_vec()).ok()?;
        let socket = descriptors.into_iter().next()?.into();
        Some(Self { listener, socket, begun: begun.to_vec() })
    }
}

impl Predecessor {
    /// The process before this one, and what it leaves; `None` where there is none.
    ///
    /// # Errors
    /// It does not say what there is.
    pub(crate) fn of_process() -> anyhow::Result<Option<(Self, Bequest)>> {
        // Set for a parent of ours it is not for us.
        if env::var(VARIABLE).ok() != Some(parent_id().to_string()) {
            return Ok(None);
        }
        let channel = stdin().as_fd().try_clone_to_owned()?;
        let text = "the process before this one does not hand over";
        wait_at_most(&channel, READY_MAX).context(text)?;
        let predecessor = Self { channel };
        let bequest = predecessor.receive().context(text)?;
        Ok(Some((predecessor, bequest)))
    }

    /// Says that all is ready, and waits until the other one has ended its part, or is gone. Gives
    /// what it leaves then.
    ///
    /// # Errors
    /// The channel is broken.
    pub(crate) fn take_over(self) -> anyhow::Result<Rest> {
        wait_at_most(&self.channel, GO_MAX)?;
        send_message(&self.channel, &[READY, INTERVAL], &[])
            .context("the process before this is gone")?;
        let (mut rest, mut message) = (Rest::default(), vec![0; MESSAGE_MAX]);
        loop {
            match receive_message(&self.channel, &mut message) {
                Ok((length, descriptors)) if length > 0 => match message[0] {
                    GO => return Ok(rest),
                    CONNECTION => {
                        rest.connections.extend(Given::read(&message[1..length], descriptors));
                    }
                    INTERVAL => rest.interval = descriptors.into_iter().next().and_then(read_all),
                    _ => {}
                },
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // It is gone, or as good as that.
                Ok(_) | Err(_) => return Ok(rest),
            }
        }
    }

    fn receive(&self) -> anyhow::Result<Bequest> {
        let (mut bequest, mut message) = (Bequest::default(), [0; NAME_MAX + 1]);
        loop {
            let (length, descriptors) = receive_message(&self.channel, &mut message)?;
            match message.first().filter(|_| length > 0) {
                Some(&SOCKETS) => bequest.sockets.extend(descriptors),
                Some(&PASSED) => {
                    let name = String::from_utf8_lossy(&message[1..length]).into_owned();
                    bequest.passed.extend(descriptors.into_iter().map(|one| (name.clone(), one)));
                }
                Some(&PID_FILE) => bequest.pid_file = descriptors.into_iter().next(),
                Some(&ALL) => return Ok(bequest),
                Some(_) => {}
                None => bail!("it is gone"),
            }
        }
    }
}

/// All of a file, as far as it may be that long.
fn read_all(file: OwnedFd) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    File::from(file).take(INTERVAL_MAX).read_to_end(&mut bytes).ok()?;
    Some(bytes)
}

/// How long a message is waited for.
fn wait_at_most(channel: &OwnedFd, time: Duration) -> nix::Result<()> {
    let seconds = i64::try_from(time.as_secs()).unwrap_or(i64::MAX);
    setsockopt(channel, ReceiveTimeout, &TimeVal::seconds(seconds))
}
