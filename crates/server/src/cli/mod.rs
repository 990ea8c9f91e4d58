//! The command line: what can be typed, and what is said about it in help texts.
//!
//! Values of flags stay text here. `config` gives them their meaning, so that a value that does
//! not parse is told in the same words, whether it comes from a flag or from the file.

#![allow(
    rustdoc::broken_intra_doc_links,
    reason = "doc comments are help texts here, and [HOST] in them is no link"
)]

use std::{ffi::OsString, path::PathBuf};

use clap::{
    ArgAction, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum,
    error::{ContextKind, ContextValue, ErrorKind},
};

#[cfg(test)]
mod tests;

pub(crate) mod man;

const EXAMPLES: &str = "\
Examples:
  gstatsd                      listen on port 8125, show each flush on standard output
  gstatsd -s 2003              send to the Graphite on this machine
  gstatsd -s carbon1:2003 -s carbon2:2003 -f 10 -p 95
                               send everything to two Graphites
  gstatsd check gstatsd.toml   is this configuration valid, and what does it come to
  gstatsd explain 'a:1|c|@0.1' how a line is read, and what it becomes";

/// A StatsD service: it receives metrics over UDP, TCP and unix sockets, gathers them for an
/// interval, and sends counts, rates and statistics to Graphite.
#[derive(Debug, Parser)]
#[command(
    name = "gstatsd",
    version,
    after_help = EXAMPLES,
    infer_long_args = true,
    args_override_self = true,
    args_conflicts_with_subcommands = true,
    max_term_width = 100
)]
pub(crate) struct Cli {
    /// The flags of the daemon.
    #[command(flatten)]
    pub(crate) flags: Flags,

    /// What to do instead of running the daemon.
    #[command(subcommand)]
    pub(crate) command: Option<Command>,

    /// Words after the flags that mean nothing. gstatsd 0.6 ignored them; we say so first.
    #[arg(skip)]
    pub(crate) stray: Vec<String>,
}

/// The flags of the daemon, as typed. Each overrides its key of the configuration file.
#[derive(Args, Clone, Debug, Default)]
pub(crate) struct Flags {
    /// Listen here: [HOST]:PORT, PORT or udp://HOST:PORT (UDP), tcp://HOST:PORT, unix://PATH
    /// (connections) or unixgram://PATH (datagrams); can be repeated [default: :8125]
    #[arg(short, long, value_name = "ADDR", allow_hyphen_values = true)]
    pub(crate) bind: Vec<String>,

    /// Send to this Graphite ([HOST]:PORT, PORT or graphite://HOST:PORT), StatsD (statsd://HOST:PORT)
    /// or file (file:PATH), or show each flush on standard output (console:); can be repeated, each
    /// gets everything [default: console:]
    // As it always was the shortest form.
    #[arg(short, long, alias = "s", value_name = "SINK", allow_hyphen_values = true)]
    pub(crate) sink: Vec<String>,

    /// Seconds between flushes [default: 10]
    #[arg(short, long, value_name = "SECONDS", allow_hyphen_values = true)]
    pub(crate) flush: Option<String>,

    /// Percentile of the timers, above 0 and up to 100 [default: 90]
    #[arg(short, long, value_name = "PERCENT", allow_hyphen_values = true)]
    pub(crate) percent: Option<String>,

    /// Put this and a dot before the name of every metric; ${HOSTNAME} and other variables are
    /// expanded [default: none]
    #[arg(short = 'x', long, value_name = "PREFIX", allow_hyphen_values = true)]
    pub(crate) prefix: Option<String>,

    /// Read the configuration from this TOML file; flags override it
    #[arg(short, long, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,

    /// Log more: -v for debug, -vv for every packet
    #[arg(short, action = ArgAction::Count)]
    pub(crate) verbose: u8,

    /// Check everything, then go to the background
    #[arg(short = 'D', long)]
    pub(crate) daemonize: bool,

    /// Threads that receive and aggregate; 0 is one for each core [default: 0]
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pub(crate) workers: Option<String>,

    /// Write the process id to this file
    #[arg(long, value_name = "FILE")]
    pub(crate) pid_file: Option<PathBuf>,

    /// Log to stderr, syslog or a file (opened again on SIGHUP) [default: stderr]
    #[arg(long, value_name = "TARGET")]
    pub(crate) log: Option<String>,

    /// Close the process in: auto (as far as this system can), require or off [default: off]
    #[arg(long, value_name = "HOW")]
    pub(crate) sandbox: Option<String>,
}

/// What to do instead of running the daemon.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Is this configuration valid, and what does it come to
    ///
    /// Prints the whole effective configuration as TOML, or one line for each error. What it
    /// prints is itself a configuration file.
    Check(CheckArgs),

    /// How a line is read, and what it becomes
    ///
    /// Shows the samples of a line, what is rejected and why, and the names it gets in Graphite.
    Explain(ExplainArgs),

    /// Send lines to a StatsD service
    ///
    /// Sends each LINE as one packet.
    Send(SendArgs),

    /// What recorded packets become, without a network
    ///
    /// Reads packets from FILE, one a line with the escapes \n, \\ and \xNN; an empty line ends
    /// an interval. Prints the Graphite lines of each interval, sorted, then an empty line.
    Replay(ReplayArgs),

    /// Print a configuration of the Node.js StatsD as ours
    ///
    /// FILE is a configuration of the Node.js StatsD or of its proxy, or a mapping of
    /// statsd_exporter (YAML); - is standard input. Prints a configuration file with a comment
    /// for everything that has no counterpart.
    Import(ImportArgs),

    /// What waits on the disk for sinks
    ///
    /// Reads the spools that the configuration names, while the daemon runs or not, and changes
    /// nothing.
    Spool(SpoolArgs),

    /// Print the manual page, the configuration reference or shell completions
    Docs(DocsArgs),
}

/// Arguments of `gstatsd check`.
#[derive(Args, Debug)]
pub(crate) struct CheckArgs {
    /// The flags of the daemon.
    #[command(flatten)]
    pub(crate) flags: Flags,

    /// The configuration file, as with -c
    #[arg(value_name = "FILE", conflicts_with = "config")]
    pub(crate) file: Option<PathBuf>,
}

/// Arguments of `gstatsd explain`.
#[derive(Args, Debug)]
pub(crate) struct ExplainArgs {
    /// The flags of the daemon.
    #[command(flatten)]
    pub(crate) flags: Flags,

    /// The line, such as 'a:1|c|@0.1'
    #[arg(value_name = "LINE")]
    pub(crate) line: String,
}

/// Arguments of `gstatsd send`.
#[derive(Args, Debug)]
pub(crate) struct SendArgs {
    /// Where to send: [HOST]:PORT, PORT, or a URL with udp, tcp, unix, unixgram or unixstream
    /// [default: localhost:8125]
    #[arg(long, value_name = "ADDR", allow_hyphen_values = true)]
    pub(crate) to: Option<String>,

    /// The lines, such as 'deploys:1|c'
    #[arg(value_name = "LINE", required = true)]
    pub(crate) lines: Vec<OsString>,
}

/// Arguments of `gstatsd replay`.
#[derive(Args, Debug)]
pub(crate) struct ReplayArgs {
    /// The flags of the daemon.
    #[command(flatten)]
    pub(crate) flags: Flags,

    /// Add the time stamps of a virtual clock to the lines
    #[arg(long)]
    pub(crate) timestamps: bool,

    /// The recorded packets
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Arguments of `gstatsd import`.
#[derive(Args, Debug)]
pub(crate) struct ImportArgs {
    /// The configuration to read, or -
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}

/// Arguments of `gstatsd spool`.
#[derive(Args, Debug)]
pub(crate) struct SpoolArgs {
    /// The flags of the daemon.
    #[command(flatten)]
    pub(crate) flags: Flags,

    /// What to do
    #[arg(value_name = "WHAT")]
    pub(crate) what: SpoolTask,

    /// Of this sink alone; it need not be in the configuration any more
    #[arg(value_name = "NAME")]
    pub(crate) name: Option<String>,
}

/// What `gstatsd spool` does.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum SpoolTask {
    /// One line for each spool: how much is there
    Ls,
    /// Read every record; the exit code is 1 where anything is damaged
    Verify,
    /// Print what is there as lines for Graphite
    Export,
}

/// Arguments of `gstatsd docs`.
#[derive(Args, Debug)]
pub(crate) struct DocsArgs {
    /// What to print
    #[arg(value_name = "PAGE")]
    pub(crate) page: Page,
}

/// A page that `gstatsd docs` prints.
#[derive(Clone, Copy, Debug, Eq, PartialEq, ValueEnum)]
pub(crate) enum Page {
    /// The manual page, for man(1)
    Man,
    /// The reference of the configuration file, in Markdown
    Config,
    /// Completions for bash
    Bash,
    /// Completions for zsh
    Zsh,
    /// Completions for fish
    Fish,
}

impl Cli {
    /// Reads the words of a command line, the name of the program first.
    ///
    /// # Errors
    /// A wrong use (exit code 2), or the text of `--help` or `--version` (exit code 0).
    pub(crate) fn of_words<I, W>(words: I) -> Result<Self, clap::Error>
    where
        I: IntoIterator<Item = W>,
        W: Into<OsString>,
    {
        let words: Vec<OsString> = words.into_iter().map(Into::into).collect();
        let flags_first =
            words.get(1).is_some_and(|word| word.as_encoded_bytes()[..].starts_with(b"-"));
        let mut command = Self::command();
        if flags_first {
            // Only then: otherwise every mistyped subcommand would be a stray word.
            command = command.arg(
                clap::Arg::new("stray")
                    .num_args(0..)
                    .hide(true)
                    .value_parser(clap::value_parser!(OsString)),
            );
        }
        let matches = command
            .try_get_matches_from_mut(words)
            .map_err(|error| with_short_flag(error, &command))?;
        let mut cli =
            Self::from_arg_matches(&matches).map_err(|error| error.format(&mut command))?;
        if flags_first && let Some(stray) = matches.get_many::<OsString>("stray") {
            cli.stray = stray.map(|word| word.to_string_lossy().into_owned()).collect();
            refuse_late_subcommand(&cli.stray, &mut command)?;
        }
        Ok(cli)
    }
}

/// Refuses a subcommand after flags: whoever types it does not want the daemon.
fn refuse_late_subcommand(
    stray: &[String],
    command: &mut clap::Command,
) -> Result<(), clap::Error> {
    match stray.first() {
        Some(word) if command.find_subcommand(word).is_some() => {
            let message = format!("'{word}' must come before its flags: gstatsd {word} ...");
            Err(command.error(ErrorKind::ArgumentConflict, message))
        }
        _ => Ok(()),
    }
}

/// Names an argument by both of its spellings: clap has the long one alone, and whoever typed
/// `-f` looks for that.
fn with_short_flag(mut error: clap::Error, command: &clap::Command) -> clap::Error {
    // Its tip for an unknown flag, to type it after `--`, would make it a stray word.
    error.remove(ContextKind::Suggested);
    let Some(ContextValue::String(shown)) = error.get(ContextKind::InvalidArg) else {
        return error;
    };
    let argument = command.get_arguments().find(|argument| argument.to_string() == *shown);
    if let Some(short) = argument.and_then(|argument| argument.get_short()) {
        let both = format!("-{short}/{shown}");
        error.insert(ContextKind::InvalidArg, ContextValue::String(both));
    }
    error
}
