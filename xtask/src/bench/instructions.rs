//! `cargo xtask bench --instructions`: how many instructions each stage takes, counted by
//! callgrind. Unlike times they are the same on a busy machine.
//!
//! What is counted for so many passes less what is for one less is one pass, without what comes
//! before it.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, bail};

use super::page::Marks;
use super::score::per;
use crate::command::{self, cargo, header};
use crate::place::Place;

/// Where the tables stand on the page.
pub(super) const MARKS: Marks = Marks {
    begin: "<!-- Made by `cargo xtask bench --instructions --write`. Do not edit. -->",
    end: "<!-- The end of what is counted. -->",
};

/// The scanners that callgrind can run; it has no AVX-512.
const SCANNERS: [&str; 3] = ["Portable", "Sse2", "Avx2"];
/// The traffic of which parsing is counted.
const TRAFFIC: [&str; 5] = ["Packed", "Single", "Tagged", "Named", "Timers"];
/// Stages behind the parser: the argument, what it is called, and of what it is.
const STAGES: [(&str, &str, &str); 3] = [
    ("Ingest", "parse, key and update", "metric"),
    ("Flush", "merge and make a snapshot", "series"),
    ("Format", "name and format", "line"),
];

/// Counts it all; gives the tables in Markdown.
///
/// # Errors
///
/// A program cannot be built, or there is no callgrind.
pub(crate) fn count(place: &Place) -> anyhow::Result<String> {
    let parser = example(place, "gstatsd-wire", "parse_passes")?;
    let stages = example(place, "gstatsd-aggregate", "stage_passes")?;
    let mut rows = Vec::new();
    for (more, what) in [(&["scan"][..], "scan"), (&[], "parse")] {
        for traffic in TRAFFIC.into_iter().take(if more.is_empty() { TRAFFIC.len() } else { 1 }) {
            let mut row = vec![format!("{what}, {}", traffic.to_lowercase())];
            for scanner in SCANNERS {
                header(&format!("{what}, {traffic}, {scanner}"));
                let run = |passes: &str| {
                    callgrind(&[], &parser, &[&[traffic, scanner, passes], more].concat())
                };
                row.push(format!("{:.0}", pass(run)?));
            }
            rows.push(row);
        }
    }
    let mut page = "Instructions a line, of the parser with a receiver that only adds up:\n\n\
                    | | portable | SSE2 | AVX2 |\n|---|--:|--:|--:|\n"
        .to_owned();
    page.extend(rows.iter().map(|row| format!("| {} |\n", row.join(" | "))));
    page.push_str(
        "\nInstructions of the stages, 10,000 series of mixed kinds and 4 samples for each, with \
         AVX2:\n\n| stage | instructions | for each |\n|---|--:|---|\n",
    );
    for (stage, what, unit) in STAGES {
        header(what);
        let toggle = ["--toggle-collect=*stage_passes*counted*"];
        let each = pass(|passes| callgrind(&toggle, &stages, &[stage, passes]))?;
        page.push_str(&format!("| {what} | {each:.0} | {unit} |\n"));
    }
    Ok(page)
}

/// What one pass takes for each of its things.
fn pass(run: impl Fn(&str) -> anyhow::Result<(u64, u64)>) -> anyhow::Result<f64> {
    let ((less, few), (more, many)) = (run("1")?, run("2")?);
    let each = per(more.saturating_sub(less), many.saturating_sub(few));
    println!("{each:.1}");
    Ok(each)
}

/// Builds an example as it would be shipped.
fn example(place: &Place, package: &str, name: &str) -> anyhow::Result<PathBuf> {
    let args = ["build", "--release", "-p", package, "--example", name];
    header(&format!("cargo {}", args.join(" ")));
    command::run(&mut cargo(place, &args))?;
    Ok(place.release_binary("examples").join(name))
}

/// Runs a program: the instructions that were counted, and the number that it prints first.
fn callgrind(options: &[&str], program: &PathBuf, args: &[&str]) -> anyhow::Result<(u64, u64)> {
    let mut command = Command::new("valgrind");
    command.args(["--tool=callgrind", "--callgrind-out-file=/dev/null"]);
    command.args(options).arg(program).args(args);
    let output = command.output().context("cannot start valgrind; Debian has a package of it")?;
    let (said, printed) =
        (String::from_utf8_lossy(&output.stderr), String::from_utf8_lossy(&output.stdout));
    if !output.status.success() {
        bail!("{} under callgrind: {said}", program.display());
    }
    let counted = collected(&said).with_context(|| format!("no count: {said}"))?;
    let first = printed.split_whitespace().next().and_then(|word| word.parse().ok());
    Ok((counted, first.with_context(|| format!("no number: {printed}"))?))
}

/// The line `==7== Collected : 123`.
fn collected(said: &str) -> Option<u64> {
    let (_, rest) = said.split_once("Collected : ")?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_counted_is_read_and_one_pass_is_the_difference_of_two_runs() {
        let said = "==7== Events    : Ir\n==7== Collected : 1234\n==7==\n";
        assert_eq!(collected(said), Some(1_234));
        assert_eq!(collected("==7== nothing"), None);
        let run = |passes: &str| Ok(if passes == "1" { (1_000, 10) } else { (1_500, 20) });
        assert_eq!(pass(run).unwrap(), 50.0);
    }
}
