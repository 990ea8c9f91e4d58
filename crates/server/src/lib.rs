//! Starts the daemon or runs a subcommand, and turns what came of it into an exit code.
//!
//! A library only so that the Python package has the same command, and the fuzzer what it reads:
//! [`main`] is all of it.

use std::{
    ffi::OsString,
    io::{self, ErrorKind, Write},
    panic, process,
    process::ExitCode,
    thread,
    time::Duration,
};

use clap::Error as UsageError;

use crate::{
    cli::{Cli, Command},
    config::{Errors, Source},
};

mod accept;
mod accounting;
mod admin;
mod aggregation;
mod beats;
mod cli;
mod clock;
mod commands {
    //! The subcommands, one file each.

    pub(crate) mod check;
    pub(crate) mod docs;
    pub(crate) mod explain;
    pub(crate) mod import;
    pub(crate) mod replay;
    pub(crate) mod send;
    pub(crate) mod spool;
}
mod config;
mod connections;
mod daemon;
mod deliver;
mod flush;
mod forward;
mod frequent;
mod handover;
mod hooks;
mod http;
mod import;
mod listen;
mod logging;
mod losses;
mod manage;
mod memory;
mod notes;
mod pid_file;
mod sandbox;
mod scrape;
mod senders;
mod signals;
mod sinks;
mod state;
mod sys;
mod systemd;
mod tally;
mod tls;
mod totals;
mod work;

/// How long a panic may take to be told.
const PANIC_TOLD_MAX: Duration = Duration::from_millis(500);

/// Does what the words of a command line ask for, and returns when it is done: the exit code. The
/// first word is the name of the program.
///
/// It has the process to itself: it takes over the signals, and from now on a panic on any thread
/// ends the process. With `-D` it returns in two processes, that of the caller and the daemon.
pub fn main(words: impl IntoIterator<Item = OsString>) -> ExitCode {
    end_on_any_panic();
    match Cli::of_words(words) {
        Ok(cli) => run(cli).unwrap_or_else(|error| report(&error)),
        Err(error) => report_usage(&error),
    }
}

/// Any bytes are read as the state of the process before, and a process goes on with it.
#[doc(hidden)]
pub fn fuzz_state(bytes: &[u8]) {
    state::fuzz(bytes);
}

/// Any bytes are read as the counts of a process that was killed.
#[doc(hidden)]
pub fn fuzz_counts(bytes: &[u8]) {
    tally::fuzz(bytes);
}

/// Runs what was asked for.
///
/// # Errors
/// Whatever ends the program with exit code 1.
fn run(cli: Cli) -> anyhow::Result<ExitCode> {
    match cli.command {
        None => {
            for word in &cli.stray {
                complain(&format!("ignoring '{word}'"));
            }
            daemon::run(&Source::new(&cli.flags)?)
        }
        Some(Command::Check(args)) => commands::check::run(&args),
        Some(Command::Explain(args)) => commands::explain::run(&args),
        Some(Command::Send(args)) => commands::send::run(&args),
        Some(Command::Replay(args)) => commands::replay::run(&args),
        Some(Command::Import(args)) => commands::import::run(&args),
        Some(Command::Spool(args)) => commands::spool::run(&args),
        Some(Command::Docs(args)) => commands::docs::run(&args),
    }
}

/// Says on standard error why the program ends, one line for each error, and gives the exit code.
///
/// A reader that closed our standard output early (`gstatsd check | head -1`) has what it wanted.
fn report(error: &anyhow::Error) -> ExitCode {
    let closed = |cause: &(dyn std::error::Error + 'static)| {
        cause.downcast_ref::<io::Error>().is_some_and(|io| io.kind() == ErrorKind::BrokenPipe)
    };
    if error.chain().any(closed) {
        return ExitCode::SUCCESS;
    }
    match error.downcast_ref::<Errors>() {
        Some(errors) => errors.lines().iter().for_each(|line| complain(line)),
        None => complain(&format!("{error:#}")),
    }
    ExitCode::FAILURE
}

/// Prints what clap has to say: help and the version (exit code 0) or a wrong use (exit code 2).
fn report_usage(error: &UsageError) -> ExitCode {
    // Nothing can be done about a standard output or standard error that does not take it.
    error.print().ok();
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}

/// Writes one line to standard error. When that is closed, nobody is left to tell.
fn complain(line: &str) {
    writeln!(io::stderr(), "gstatsd: {line}").ok();
}

/// Makes a panic on any thread end the process: half-dead is worse than dead.
fn end_on_any_panic() {
    let print = panic::take_hook();
    panic::set_hook(Box::new(move |panic| {
        // Standard error may be a pipe that nobody reads.
        let end = || {
            thread::sleep(PANIC_TOLD_MAX);
            process::abort();
        };
        thread::Builder::new().spawn(end).ok();
        print(panic);
        process::abort();
    }));
}
