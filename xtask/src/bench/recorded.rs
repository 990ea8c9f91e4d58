//! `cargo xtask bench --recorded`: figures that are recorded beside the score: what a million keys
//! cost at a flush, in time and memory, and what a metric costs without a socket.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context as _;

use super::clock::Clock;
use super::cpu;
use super::page::Marks;
use super::program::{Core, Program};
use super::receiver::{REST, Receiver, tell};
use super::score::{median, per};
use crate::command::{self, cargo, header};
use crate::place::Place;

/// Where the tables stand on the page.
pub(super) const MARKS: Marks = Marks {
    begin: "<!-- Made by `cargo xtask bench --recorded --write`. Do not edit. -->",
    end: "<!-- The end of what is recorded. -->",
};

/// A million keys, as all workloads have them.
const MIXED: &str = "feed --keys 1000000 --samples 2000000 --kinds c=9,ms=7,g=3,s=1 --sampled 0.2 \
                     --packed 1432";
/// A million counters; what is drawn is not sent.
const COUNTERS: &str = "feed --keys 1000000 --samples 1 --kinds c=1";
/// Packets per second of the mixed keys. In an interval each key comes about three times.
const RATE: f64 = 20_000.0;
const INTERVAL: Duration = Duration::from_secs(4);
const FLUSHES: usize = 10;
/// In the first intervals the keys become known; their flushes are not of the steady state.
const FIRST: usize = 2;
/// What stands behind the longest gap in the log.
const GAP: &str = " us of CPU time between two receives";

/// How many keys are used from memory, and what is aimed at, in nanoseconds.
const KEYS: [(&str, f64); 4] =
    [("1000", 20.0), ("100000", 20.0), ("1000000", 30.0), ("10000000", 40.0)];

/// What ten flushes of a million keys were like.
#[derive(Clone, Debug)]
struct Flushes {
    /// For each, the longest CPU time of the worker between two receives, in microseconds.
    gaps_us: Vec<f64>,
    /// For each, CPU time of all threads but the worker, in milliseconds.
    cpu_ms: Vec<f64>,
    /// Resident memory after all of them, in bytes.
    resident_bytes: u64,
    /// Samples that were not aggregated.
    lost: u64,
}

/// Measures it all; gives the tables in Markdown.
///
/// # Errors
///
/// A program cannot be built or started.
pub(crate) fn measure(place: &Place) -> anyhow::Result<String> {
    header("ten flushes of a million mixed keys");
    let mixed = flushes(place, MIXED, "feed")?;
    println!("{mixed:?}");
    header("ten flushes of a million counters");
    let counters = flushes(place, COUNTERS, "keys")?;
    println!("{counters:?}");
    let format = bench(place, "flush", &["counters"])?;
    let format_ns = figure(&format, "write counters of 1 workers").context("no ns/line")?;
    let mut from_memory = Vec::new();
    for (keys, aim) in KEYS {
        // What is beyond a million keys takes too much memory to be drawn four times each.
        let args = if keys == "10000000" { &[keys, keys, "mixed"][..] } else { &[keys] };
        from_memory.push((keys, aim, columns(&bench(place, "ingest", args)?)));
    }
    Ok(tables(&mixed, &counters, format_ns, &from_memory))
}

/// A million keys in each of ten intervals; `how` the sender is told to send them.
fn flushes(place: &Place, feed: &str, how: &str) -> anyhow::Result<Flushes> {
    let feed: Vec<_> = feed.split_whitespace().collect();
    let mut sender = Program::tool(place, Core::Helping, &feed)?;
    sender.wait_for("ready")?;
    let mut drain = Program::tool(place, Core::Helping, &["drain"])?;
    let sink = drain.wait_for("listening on ")?;
    let flags = ["-v", "--workers", "1", "-s", &sink];
    let mut server = Receiver::server(place, Core::Measured, INTERVAL, "gstatsd", &flags)?;
    let clock = Clock::start();
    let line = match how {
        "keys" => format!("keys {}", server.address),
        _ => {
            // Every key is known first.
            server.sent.add(tell(&mut sender, &format!("keys {}", server.address))?);
            let seconds = (INTERVAL - REST * 4).as_secs_f64();
            format!("feed {} {RATE} {seconds}", server.address)
        }
    };
    let mut cpu_ms = Vec::new();
    let mut before = server.cpu()?;
    // From the middle of an interval to that of the next, so that a flush is over at its end.
    let mut middle = INTERVAL / 2;
    for _ in 0..FIRST + FLUSHES {
        server.sent.add(tell(&mut sender, &line)?);
        middle += INTERVAL;
        clock.sleep_until(middle);
        let now = server.cpu()?;
        let used = now.since(&before);
        before = now;
        cpu_ms.push(per(used.total() - used.of("worker"), 1_000_000));
    }
    cpu::settle(server.program.pid())?;
    let resident_bytes = cpu::resident_bytes(server.program.pid())?;
    let (sent, said) = server.stop_saying()?;
    let counts = super::program::counts(&said, "accounting:");
    let aggregated = counts.get("samples.aggregated").copied().unwrap_or_default();
    let mut gaps_us = gaps(&said);
    // What comes at the end is no interval.
    gaps_us.truncate(cpu_ms.len());
    gaps_us.drain(..FIRST);
    cpu_ms.drain(..FIRST);
    let lost = sent.samples.saturating_sub(aggregated);
    Ok(Flushes { gaps_us, cpu_ms, resident_bytes, lost })
}

/// The longest gaps that the log tells of, in microseconds, flush by flush.
fn gaps(said: &str) -> Vec<f64> {
    let lines = said.lines().filter_map(|line| line.strip_suffix(GAP));
    lines.filter_map(|line| line.rsplit(' ').next()?.parse().ok()).collect()
}

/// Runs a benchmark of the aggregate, and gives what it prints.
fn bench(place: &Place, name: &str, words: &[&str]) -> anyhow::Result<String> {
    let args = [&["bench", "-q", "-p", "gstatsd-aggregate", "--bench", name, "--"], words].concat();
    header(&format!("cargo {}", args.join(" ")));
    let printed = String::from_utf8(command::output(&mut cargo(place, &args))?)?;
    print!("{printed}");
    Ok(printed)
}

/// The figure behind a name, `NAME   1.5 ns/line`.
fn figure(printed: &str, name: &str) -> Option<f64> {
    let rest = printed.lines().find_map(|line| line.strip_prefix(name))?;
    rest.split_whitespace().next()?.parse().ok()
}

/// The last two columns of a table: names and figures.
fn columns(printed: &str) -> BTreeMap<String, f64> {
    let words = printed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let pairs = words.filter_map(|words| match words[..] {
        [_, name, figure] => Some((name.to_owned(), figure.parse().ok()?)),
        _ => None,
    });
    pairs.collect()
}

fn tables(
    mixed: &Flushes,
    counters: &Flushes,
    format_ns: f64,
    from_memory: &[(&str, f64, BTreeMap<String, f64>)],
) -> String {
    let worst = |values: &[f64]| values.iter().copied().fold(0.0, f64::max);
    let mut page = "| what | mixed keys | counters | aim |\n|---|--:|--:|--:|\n".to_owned();
    let mut row = |what: &str, of: &dyn Fn(&Flushes) -> f64, aim: &str| {
        page.push_str(&format!("| {what} | {:.1} | {:.1} | {aim} |\n", of(mixed), of(counters)));
    };
    let gap = "longest CPU time of the worker between two receives, ms";
    row(&format!("{gap}, median of {FLUSHES} flushes"), &|of| median(of.gaps_us.clone()) / 1e3, "");
    row(&format!("{gap}, longest of all"), &|of| worst(&of.gaps_us) / 1e3, "1");
    row(
        "CPU time of a flush with its sending, ms, median",
        &|of| median(of.cpu_ms.clone()),
        "1500",
    );
    row("the same, longest of all", &|of| worst(&of.cpu_ms), "1500");
    let resident = |of: &Flushes| of.resident_bytes as f64 / f64::from(1 << 20);
    row("resident after all of them, MiB", &resident, "200 for counters");
    row("samples lost", &|of| of.lost as f64, "0");
    page.push_str(&format!("\nTo name and format a line: {format_ns:.0} ns, aim 100.\n\n"));
    page.push_str(
        "From memory, without a socket: CPU time of a metric in nanoseconds.\n\n\
         | keys | mixed | counters | timers | aim | mixed, a quarter with tags, dogstatsd | \
         two workers, times one | aim |\n\
         |--:|--:|--:|--:|--:|--:|--:|--:|\n",
    );
    for (keys, aim, found) in from_memory {
        let of = |name: &str, digits: usize| match found.get(name) {
            Some(figure) => format!("{figure:.digits$}"),
            None => String::new(),
        };
        page.push_str(&format!(
            "| {} | {} | {} | {} | {aim:.0} | {} | {} | 1.8 |\n",
            shortened(keys),
            of("mixed", 1),
            of("c", 1),
            of("ms", 1),
            of("tags", 1),
            of("x2", 2),
        ));
    }
    page
}

/// `10M` for ten million.
fn shortened(number: &str) -> String {
    for (zeros, unit) in [("000000", "M"), ("000", "k")] {
        if let Some(rest) = number.strip_suffix(zeros) {
            return format!("{rest}{unit}");
        }
    }
    number.to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gaps_stand_in_the_log() {
        let said = "x DEBUG worker 0: 17 us of CPU time between two receives\n\
                    x DEBUG flush at 1: 2 series\n\
                    x DEBUG worker 0: 203 us of CPU time between two receives\n";
        assert_eq!(gaps(said), [17.0, 203.0]);
    }

    #[test]
    fn the_tables_show_the_medians_and_the_worst() {
        let flushes = Flushes {
            gaps_us: vec![100.0, 900.0, 1_200.0],
            cpu_ms: vec![300.0, 500.0, 400.0],
            resident_bytes: 100 << 20,
            lost: 0,
        };
        let found =
            columns("keys  kinds  ns/metric\n 1000 mixed 48.84\n 1000 tags 51.52\n 1000 x2 2.01\n");
        let printed =
            "flush counters of 1 workers   51.2 ns/key\nwrite counters of 1 workers  36.4 ns/line";
        let format_ns = figure(printed, "write counters of 1 workers").unwrap();
        let page = tables(&flushes, &flushes, format_ns, &[("10000000", 40.0, found)]);
        for line in [
            "two receives, ms, median of 10 flushes | 0.9 | 0.9 |  |\n",
            "two receives, ms, longest of all | 1.2 | 1.2 | 1 |\n",
            "sending, ms, median | 400.0 | 400.0 | 1500 |\n",
            "all of them, MiB | 100.0 | 100.0 | 200 for counters |\n",
            "a line: 36 ns, aim 100.\n",
            "| 10M | 48.8 |  |  | 40 | 51.5 | 2.01 | 1.8 |\n",
        ] {
            assert!(page.contains(line), "{line}: {page}");
        }
    }
}
