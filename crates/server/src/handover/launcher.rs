//! Who starts the next process: this one; or another, where this one is closed in and starts no
//! program any more.
//!
//! ```text
//! daemon     "start", the end of a channel -->                  "end" -->
//! launcher                     starts it   -->  its process id            -->  how it ended
//! ```
//!
//! The launcher is made before the first thread and before the first byte is read. It has the user
//! of the daemon, no privileges, and none of its sockets. It knows one program with its words and
//! its directory, and starts that, one at a time, with the channel as its standard input: whoever
//! gets hold of the daemon can have that done, and nothing else. It ends with the daemon.

use std::ffi::OsString;
use std::io;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;
use std::{env, thread};

use anyhow::{Context as _, anyhow, bail, ensure};
use nix::sys::socket::{AddressFamily, SockFlag, SockType, socketpair};

use super::{READY_MAX, VARIABLE, wait_at_most};
use crate::sys::{Stdio as Standard, drop_privileges, receive_message, run_apart, send_message};

/// How long one that is about to end may take.
const GRACE: Duration = Duration::from_secs(1);
/// How often it is asked whether it has ended.
const PAUSE: Duration = Duration::from_millis(5);

/// What the launcher is asked for.
const START: u8 = b'S';
const END_NOW: u8 = b'E';
const END_SOON: u8 = b'W';
/// What it answers.
const STARTED: u8 = b'P';
const TOLD: u8 = b'T';
/// How long an answer is at most.
const ANSWER_MAX: usize = 4096;

/// How this process was started, so that another can be started in the same way.
#[derive(Clone, Debug)]
pub(crate) struct Launch {
    program: PathBuf,
    arguments: Vec<OsString>,
    directory: PathBuf,
}

impl Launch {
    /// How this process was started. To be asked before it goes to another directory.
    ///
    /// # Errors
    /// The working directory is gone.
    pub(crate) fn of_process() -> io::Result<Self> {
        let mut words = env::args_os();
        let directory = env::current_dir()?;
        let named = PathBuf::from(words.next().unwrap_or_default());
        // Not the file that runs, but what now has its name: after an upgrade that is another. A
        // name without a slash was found by looking for it, which whoever starts it does again.
        let has_slash = named.components().count() > 1;
        let program = if has_slash { directory.join(named) } else { named };
        Ok(Self { program, arguments: words.collect(), directory })
    }

    /// Starts it as a child of this process.
    fn start(&self, channel: OwnedFd) -> anyhow::Result<Child> {
        Command::new(&self.program)
            .args(&self.arguments)
            .current_dir(&self.directory)
            .env(VARIABLE, std::process::id().to_string())
            .stdin(Stdio::from(channel))
            .spawn()
            .with_context(|| format!("cannot start {}", self.program.display()))
    }
}

/// Who starts the next process.
#[derive(Debug)]
pub(crate) enum Launcher {
    /// This one.
    Here(Launch, Option<Child>),
    /// Another one, at the other end of this channel.
    Apart(OwnedFd),
}

impl Launcher {
    /// This process starts the next one.
    pub(crate) fn here(launch: Launch) -> Self {
        Self::Here(launch, None)
    }

    /// Makes a process that starts the next one. Must be called before the first thread starts.
    /// `standard` is what the next one has of our standard input and output.
    ///
    /// # Errors
    /// The system can start no process.
    pub(crate) fn apart(launch: &Launch, standard: Standard) -> io::Result<Self> {
        let flags = SockFlag::SOCK_CLOEXEC;
        let (channel, theirs) = socketpair(AddressFamily::Unix, SockType::SeqPacket, None, flags)?;
        run_apart(c"gstatsd-launch", &theirs, standard, || {
            if drop_privileges().is_ok() {
                serve(&theirs, launch);
            }
        })?;
        // Whatever becomes of it, it must not hold us up.
        wait_at_most(&channel, READY_MAX)?;
        Ok(Self::Apart(channel))
    }

    /// Starts the next process, with this end of a channel as its standard input. Gives its id.
    ///
    /// # Errors
    /// It cannot be started.
    pub(super) fn start(&mut self, channel: OwnedFd) -> anyhow::Result<u32> {
        match self {
            Self::Here(launch, process) => {
                let started = launch.start(channel)?;
                Ok(process.insert(started).id())
            }
            Self::Apart(launcher) => {
                let answer = ask(launcher, START, Some(channel)).context("the launcher")?;
                match answer.split_first() {
                    Some((&STARTED, id)) => Ok(u32::from_be_bytes(id.try_into()?)),
                    _ => Err(anyhow!(text(&answer))),
                }
            }
        }
    }

    /// Ends what was started; at once, or if it is about to end anyway as soon as it has. Says how
    /// it ended.
    pub(super) fn end(&mut self, is_ending: bool) -> String {
        let ended = match self {
            Self::Here(_, process) => process.take().map_or_else(
                || Ok("not there".to_owned()),
                |process| Ok(end(process, is_ending)?.to_string()),
            ),
            Self::Apart(launcher) => {
                let what = if is_ending { END_SOON } else { END_NOW };
                ask(launcher, what, None).map(|answer| text(&answer))
            }
        };
        ended.unwrap_or_else(|error| format!("{error:#}"))
    }
}

/// Asks the launcher for something, and waits for its answer.
fn ask(launcher: &OwnedFd, what: u8, channel: Option<OwnedFd>) -> anyhow::Result<Vec<u8>> {
    let channels: Vec<_> = channel.iter().map(|channel| channel.as_fd()).collect();
    send_message(launcher, &[what], &channels)?;
    let mut answer = vec![0; ANSWER_MAX];
    let (length, _) = receive_message(launcher, &mut answer)?;
    ensure!(length > 0, "it is gone");
    answer.truncate(length);
    Ok(answer)
}

/// What an answer says.
fn text(answer: &[u8]) -> String {
    String::from_utf8_lossy(answer.get(1..).unwrap_or_default()).into_owned()
}

/// The launcher: does what it is asked for until nobody asks any more.
fn serve(channel: &OwnedFd, launch: &Launch) {
    let (mut process, mut what) = (None, [0]);
    loop {
        let descriptors = match receive_message(channel, &mut what) {
            Ok((1.., descriptors)) => descriptors,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Ok(_) | Err(_) => return,
        };
        let answer = match what {
            [START] => start(launch, &mut process, descriptors),
            _ => match process.take() {
                Some(running) => {
                    let ended = end(running, what == [END_SOON]);
                    ended.map(|status| told(&status.to_string())).map_err(Into::into)
                }
                None => Ok(told("not there")),
            },
        };
        let answer = answer.unwrap_or_else(|error| told(&format!("{error:#}")));
        let answer = &answer[..answer.len().min(ANSWER_MAX)];
        if send_message(channel, answer, &[]).is_err() {
            return;
        }
    }
}

fn told(text: &str) -> Vec<u8> {
    [&[TOLD], text.as_bytes()].concat()
}

/// Starts one, unless the one before still runs.
fn start(
    launch: &Launch,
    process: &mut Option<Child>,
    descriptors: Vec<OwnedFd>,
) -> anyhow::Result<Vec<u8>> {
    if let Some(before) = process
        && before.try_wait()?.is_none()
    {
        bail!("the next process is there already");
    }
    let channel = descriptors.into_iter().next().context("there is no channel to it")?;
    let id = process.insert(launch.start(channel)?).id();
    Ok([&[STARTED], &id.to_be_bytes()[..]].concat())
}

/// Ends a process: kills it, but for one that is about to end, which has a moment.
fn end(mut process: Child, is_ending: bool) -> io::Result<ExitStatus> {
    let mut left = if is_ending { GRACE } else { Duration::ZERO };
    while !left.is_zero() {
        if let Some(status) = process.try_wait()? {
            return Ok(status);
        }
        thread::sleep(PAUSE);
        left = left.saturating_sub(PAUSE);
    }
    process.kill()?;
    process.wait()
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::UnixStream;

    use super::*;

    /// A channel to a launcher on a thread of its own, which starts a shell.
    fn launcher(script: &str) -> (Launcher, thread::JoinHandle<()>) {
        let flags = SockFlag::empty();
        let kind = SockType::SeqPacket;
        let (channel, theirs) = socketpair(AddressFamily::Unix, kind, None, flags).unwrap();
        let launch = Launch {
            program: "sh".into(),
            arguments: vec!["-c".into(), script.into()],
            directory: "/".into(),
        };
        (Launcher::Apart(channel), thread::spawn(move || serve(&theirs, &launch)))
    }

    fn channel() -> OwnedFd {
        UnixStream::pair().unwrap().0.into()
    }

    #[test]
    fn a_launcher_starts_one_process_at_a_time_and_tells_how_it_ended() {
        let (mut launcher, thread) = launcher("exec sleep 60");
        assert!(launcher.start(channel()).unwrap() > 0);
        let refused = launcher.start(channel()).unwrap_err();
        assert_eq!(refused.to_string(), "the next process is there already");
        assert_eq!(launcher.end(false), "signal: 9 (SIGKILL)");
        assert_eq!(launcher.end(false), "not there");
        assert!(launcher.start(channel()).is_ok());
        launcher.end(false);
        drop(launcher);
        thread.join().unwrap();
    }

    #[test]
    fn one_that_ends_by_itself_is_not_killed() {
        let (mut launcher, _thread) = launcher("exit 7");
        launcher.start(channel()).unwrap();
        assert_eq!(launcher.end(true), "exit status: 7");
    }

    #[test]
    fn a_launcher_does_nothing_without_a_channel_for_the_next_process() {
        let (launcher, _thread) = launcher("exit 7");
        let Launcher::Apart(asked) = &launcher else { return };
        let answer = ask(asked, START, None).unwrap();
        assert_eq!(text(&answer), "there is no channel to it");
    }
}
