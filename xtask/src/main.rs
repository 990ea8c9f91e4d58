//! Chores of the project: `cargo xtask --help`.
#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a command line tool for people and CI logs"
)]

mod bench;
mod closed_in;
mod command;
mod deny;
mod generate;
mod long;
mod package;
mod place;
mod python;
mod setup;
mod test;
mod tidy;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

use crate::place::Place;

/// Chores of the project.
#[derive(Parser)]
#[command(name = "cargo xtask")]
struct Cli {
    #[command(subcommand)]
    chore: Chore,
}

#[derive(Subcommand)]
enum Chore {
    /// Install what the tests need and is missing: carbon, whisper, the emitters
    Setup,
    /// Everything that has to pass before a change lands: what CI runs
    Test,
    /// Check what rustfmt and clippy do not: layers, lengths, banned words, names
    Tidy,
    /// Write the pages under docs/ that come out of the program itself
    Generate {
        /// Write nothing; fail when a page is not current
        #[arg(long)]
        check: bool,
    },
    /// Check licences, sources and reasons of dependencies against deny.toml
    Deny,
    /// The Debian package, and whether it installs, starts, is upgraded and goes
    Package,
    /// Measure what a metric costs, beside a counter that only receives
    Bench(bench::Options),
    /// What takes too long for `test`: a minute in which nothing may be lost, then `bench`
    Long {
        /// Take only this step
        #[arg(long, value_name = "STEP", value_parser = long::names())]
        only: Option<String>,
    },
}

fn main() -> ExitCode {
    match run(&Cli::parse().chore) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(chore: &Chore) -> anyhow::Result<()> {
    let place = Place::find()?;
    match chore {
        Chore::Setup => setup::run(&place),
        Chore::Test => test::run(&place),
        Chore::Tidy => tidy::run(&place),
        Chore::Generate { check: true } => generate::check(&place),
        Chore::Generate { check: false } => generate::write(&place),
        Chore::Deny => deny::run(&place),
        Chore::Package => package::run(&place),
        Chore::Bench(options) => bench::run(&place, options),
        Chore::Long { only } => long::run(&place, only.as_deref()),
    }
}
