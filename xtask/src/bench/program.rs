//! Programs that are measured or that help to: started, listened to, told things, ended.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};

use super::clock::Clock;
use crate::command;
use crate::place::Place;

/// How long anything may take that is expected to happen.
const PATIENCE: Duration = Duration::from_secs(120);

/// The core of what is measured, and that of all that helps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Core {
    /// Pinned to the first core.
    Measured,
    /// Pinned to the second core.
    Helping,
    /// Where the system likes.
    Any,
}

/// A running program. It is killed when it is dropped.
pub(crate) struct Program {
    child: Child,
    lines: Receiver<String>,
    name: String,
}

impl Program {
    /// Starts a tool of `gstatsd-load`, which says on its standard output what it does.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn tool(place: &Place, core: Core, args: &[&str]) -> anyhow::Result<Self> {
        let mut command = pinned(core, place.release_binary("gstatsd-load").as_os_str());
        command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().context("cannot start gstatsd-load under taskset")?;
        let output = child.stdout.take().context("no output to read")?;
        Ok(Self { child, lines: read_lines(output), name: format!("gstatsd-load {}", args[0]) })
    }

    /// Starts the server, which logs on its standard error.
    ///
    /// # Errors
    ///
    /// It cannot be started.
    pub(crate) fn server(place: &Place, core: Core, args: &[&str]) -> anyhow::Result<Self> {
        let mut command = pinned(core, place.release_binary("gstatsd").as_os_str());
        command.args(args).stdin(Stdio::null()).stderr(Stdio::piped());
        let mut child = command.spawn().context("cannot start gstatsd under taskset")?;
        let log = child.stderr.take().context("no log to read")?;
        Ok(Self { child, lines: read_lines(log), name: "gstatsd".to_owned() })
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Waits for the next line with this text, and gives what follows the text.
    ///
    /// # Errors
    ///
    /// It does not come, or the program ends.
    pub(crate) fn wait_for(&mut self, text: &str) -> anyhow::Result<String> {
        let clock = Clock::start();
        let mut seen = Vec::new();
        while let Some(left) = PATIENCE.checked_sub(clock.elapsed()) {
            let Ok(line) = self.lines.recv_timeout(left) else { break };
            if let Some((_, rest)) = line.split_once(text) {
                return Ok(rest.to_owned());
            }
            seen.push(line);
        }
        bail!("{} does not say '{text}': {}", self.name, seen.join("\n"));
    }

    /// Tells it a line.
    ///
    /// # Errors
    ///
    /// It does not listen.
    pub(crate) fn tell(&mut self, line: &str) -> anyhow::Result<()> {
        let input = self.child.stdin.as_mut().context("it has no input")?;
        writeln!(input, "{line}").with_context(|| format!("{} does not listen", self.name))
    }

    /// Ends it with SIGTERM, and gives what it said since it was last listened to.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub(crate) fn stop(mut self) -> anyhow::Result<String> {
        let pid = self.pid().to_string();
        command::run(Command::new("kill").args(["-s", "TERM", &pid]))?;
        let mut said = String::new();
        let clock = Clock::start();
        while let Some(left) = PATIENCE.checked_sub(clock.elapsed()) {
            match self.lines.recv_timeout(left) {
                Ok(line) => said.push_str(&format!("{line}\n")),
                // It has closed its output; that is its end.
                Err(_) => {
                    self.child.wait()?;
                    return Ok(said);
                }
            }
        }
        bail!("{} does not end", self.name);
    }
}

impl Drop for Program {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// What the lines with this text say as `name=number`. Names that come again are the last ones.
pub(crate) fn counts(said: &str, text: &str) -> BTreeMap<String, u64> {
    let lines = said.lines().filter_map(|line| line.split_once(text));
    let words = lines.flat_map(|(_, rest)| rest.split_whitespace());
    let pairs = words.filter_map(|word| word.split_once('='));
    pairs.filter_map(|(name, count)| Some((name.to_owned(), count.parse().ok()?))).collect()
}

fn pinned(core: Core, program: &OsStr) -> Command {
    let number = match core {
        Core::Measured => "0",
        Core::Helping => "1",
        Core::Any => return Command::new(program),
    };
    let mut command = Command::new("taskset");
    command.args(["-c", number]).arg(program);
    command
}

fn read_lines(output: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, lines) = channel();
    thread::spawn(move || {
        for line in BufReader::new(output).lines().map_while(Result::ok) {
            if sender.send(line).is_err() {
                break;
            }
        }
    });
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_lines_that_have_them() {
        let said = "x accounting: a.b=1 c=-2 d\nother e=5\naccounting: f=3\n";
        let counts = counts(said, "accounting:");
        assert_eq!(counts, BTreeMap::from([("a.b".to_owned(), 1), ("f".to_owned(), 3)]));
    }
}
