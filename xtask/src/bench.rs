//! `cargo xtask bench`: what a metric costs the server, beside what a datagram costs a counter
//! that does nothing else.
//!
//! Both receive the same packets at the same rate, in turn, on one core; the sender has the
//! other. CPU time is compared, not throughput: on a small machine a contest of throughput
//! measures the sender.

mod client;
mod clock;
mod cpu;
mod dialects;
mod forwarding;
mod instructions;
mod machine;
mod measure;
mod outputs;
mod page;
mod program;
mod receiver;
mod recorded;
mod score;
mod sinks;
mod transports;
mod workload;

use std::fs;
use std::time::Duration;

use anyhow::Context as _;

pub(crate) use self::clock::Clock;
use self::measure::Settings;
use self::page::{Marks, Report};
pub(crate) use self::program::{Core, Program};
pub(crate) use self::receiver::{REST, Receiver};
pub(crate) use self::score::per;
use self::workload::WORKLOADS;
use crate::command::{self, cargo, header};
use crate::place::Place;
use crate::python;

/// The page that `--write` brings up to date.
const PAGE: &str = "docs/benchmarks.md";

/// How often each has its turn at most where no bare counter is compared with: the whole of it
/// shall take a quarter of an hour.
const ROUNDS_MAX: u32 = 3;

/// How the measuring is done.
#[derive(Clone, Debug, Default, clap::Args)]
pub(crate) struct Options {
    /// Two pairs and an interval of 3 s, to see in two minutes where things stand
    #[arg(long)]
    quick: bool,

    /// Write the tables to docs/benchmarks.md too
    #[arg(long)]
    write: bool,

    /// Measure only the workloads whose names contain this
    #[arg(long, value_name = "TEXT", conflicts_with = "write")]
    only: Option<String>,

    /// Measure what a call of the client costs its caller instead
    #[arg(long, conflicts_with_all = ["quick", "only"])]
    client: bool,

    /// Measure what a call of the Python package costs its caller instead
    #[arg(long, conflicts_with_all = ["quick", "only", "client"])]
    python: bool,

    /// Measure what stands beside the score instead: flushes of a million keys, memory, and what
    /// a metric costs without a socket
    #[arg(long, conflicts_with_all = ["quick", "only", "client", "python"])]
    recorded: bool,

    /// Measure what a million series cost each sink instead
    #[arg(long, conflicts_with_all = ["quick", "only", "client", "python", "recorded"])]
    outputs: bool,

    /// Count the instructions of each stage instead, with callgrind
    #[arg(long, conflicts_with_all = ["quick", "only", "client", "python", "recorded"])]
    instructions: bool,
}

/// Builds the programs as they are shipped, measures every workload and prints the tables.
///
/// # Errors
///
/// A program cannot be built or started, or does not do what it should. That something was lost
/// is no error: it stands in the tables.
pub(crate) fn run(place: &Place, options: &Options) -> anyhow::Result<()> {
    if options.python {
        return python::bench(place, options.write);
    }
    if options.client {
        return client::bench(place, options.write);
    }
    // Before the measuring: what is committed meanwhile was not measured.
    let machine = machine::describe(place)?;
    let head: String = machine.iter().map(|line| format!("* {line}\n")).collect();
    if options.instructions {
        let tables = instructions::count(place)?;
        return show(place, options, &instructions::MARKS, &format!("{head}\n{tables}"));
    }
    build(place)?;
    if options.recorded {
        let tables = recorded::measure(place)?;
        return show(place, options, &recorded::MARKS, &format!("{head}\n{tables}"));
    }
    if options.outputs {
        let table = outputs::measure(place)?;
        return show(place, options, &outputs::MARKS, &format!("{head}\n{table}"));
    }
    let settings = match options.quick {
        true => Settings {
            pairs: 2,
            interval: Duration::from_secs(3),
            bare_slice: Duration::from_millis(500),
        },
        false => Settings {
            pairs: 5,
            interval: Duration::from_secs(10),
            bare_slice: Duration::from_secs(1),
        },
    };
    let mut rows = Vec::new();
    for workload in WORKLOADS {
        if options.only.as_ref().is_none_or(|only| workload.title().contains(only)) {
            header(&workload.title());
            let row =
                measure::measure(place, &workload, &settings).with_context(|| workload.title())?;
            println!("{}", page::short(&row));
            rows.push(row);
        }
    }
    let rounds = settings.pairs.min(ROUNDS_MAX);
    let report = Report { machine, settings, rows };
    let mut tables = page::tables(&report);
    if options.only.as_ref().is_none_or(|only| "transports".contains(only)) {
        header("transports");
        let transports = transports::measure(place, rounds).context("transports")?;
        tables.push_str(&transports::table(&transports));
    }
    if options.only.as_ref().is_none_or(|only| "dialects".contains(only)) {
        header("dialects");
        let dialects = dialects::measure(place, rounds).context("dialects")?;
        tables.push_str(&dialects::table(&dialects));
    }
    if options.only.as_ref().is_none_or(|only| "forwarding".contains(only)) {
        header("forwarding");
        let ways = forwarding::measure(place, rounds).context("forwarding")?;
        tables.push_str(&forwarding::table(&ways));
    }
    if options.only.as_ref().is_none_or(|only| "sinks".contains(only)) {
        header("sinks");
        let sinks = sinks::measure(place, rounds).context("sinks")?;
        tables.push_str(&sinks::tables(&sinks));
    }
    show(place, options, &page::SERVER, &tables)
}

/// Prints the tables, and writes them to the page if that was asked for.
fn show(place: &Place, options: &Options, marks: &Marks, tables: &str) -> anyhow::Result<()> {
    println!("\n{tables}");
    if options.write {
        put(place, marks, tables)?;
    }
    Ok(())
}

/// Puts what was made between its marks on the page.
fn put(place: &Place, marks: &Marks, made: &str) -> anyhow::Result<()> {
    let path = place.root.join(PAGE);
    let old = fs::read_to_string(&path).with_context(|| format!("cannot read {PAGE}"))?;
    fs::write(&path, marks.replace(&old, made)?)?;
    Ok(())
}

/// Builds the server and the tools, as they are shipped.
///
/// # Errors
///
/// The build fails.
pub(crate) fn build(place: &Place) -> anyhow::Result<()> {
    let args = ["build", "--release", "-p", "gstatsd", "-p", "gstatsd-load"];
    header(&format!("cargo {}", args.join(" ")));
    command::run(&mut cargo(place, &args))
}
