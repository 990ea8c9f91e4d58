//! What is answered to each command.

use std::io::{self, Write};
use std::sync::atomic::Ordering;
use std::time::Instant;

use gstatsd_aggregate::{Family, SinkStats};

use super::{Counted, Desk, dump};
use crate::clock;
use crate::flush::{Answer, Ask, Deletion, Meant, State, write_shown};

/// How many dumps may be under way: each is in memory until it is read.
const DUMPS_MAX: usize = 4;

const HELP: &str = "Commands: stats, counters, timers, gauges, delcounters, deltimers, delgauges, \
                    health, config, quit";

/// Answers a command. Says whether the connection goes on.
///
/// # Errors
/// The answer cannot be sent.
pub(super) fn answer(command: &[u8], desk: &Desk, out: &mut impl Write) -> io::Result<bool> {
    let mut words =
        command.trim_ascii().split(|&byte| byte == b' ').filter(|word| !word.is_empty());
    match words.next().unwrap_or_default() {
        b"help" => help(desk, out),
        b"stats" => stats(desk, out),
        b"counters" => show(Family::Counters, desk, out),
        b"timers" => show(Family::Timers, desk, out),
        b"gauges" => show(Family::Gauges, desk, out),
        b"delcounters" => delete(Family::Counters, words, desk, out),
        b"deltimers" => delete(Family::Timers, words, desk, out),
        b"delgauges" => delete(Family::Gauges, words, desk, out),
        b"health" => health(words.next().unwrap_or_default(), desk, out),
        b"config" => write!(out, "\n{}", desk.terms().config),
        b"status" => status(desk, out),
        b"quit" => return Ok(false),
        _ => out.write_all(b"ERROR\n"),
    }?;
    Ok(true)
}

/// Says why nothing more is read.
///
/// # Errors
/// It cannot be sent.
pub(super) fn refuse(why: &str, out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "ERROR: {why}")
}

fn help(desk: &Desk, out: &mut impl Write) -> io::Result<()> {
    let status = if desk.forwarding.nodes_up().is_some() { ", status" } else { "" };
    write!(out, "{HELP}{status}\n\n")
}

fn health(word: &[u8], desk: &Desk, out: &mut impl Write) -> io::Result<()> {
    if word.eq_ignore_ascii_case(b"up") {
        desk.healthy.store(true, Ordering::Relaxed);
    } else if word.eq_ignore_ascii_case(b"down") {
        desk.healthy.store(false, Ordering::Relaxed);
    }
    let healthy = desk.healthy.load(Ordering::Relaxed);
    writeln!(out, "health: {}", if healthy { "up" } else { "down" })
}

/// As the proxy of the original has it.
fn status(desk: &Desk, out: &mut impl Write) -> io::Result<()> {
    let Some(nodes) = desk.forwarding.nodes_up() else { return out.write_all(b"ERROR\n") };
    let nodes: String = nodes.iter().map(|node| format!("{node} ")).collect();
    write!(out, "uptime: {}\nnodes: {nodes}\n", age(desk.start))
}

fn stats(desk: &Desk, out: &mut impl Write) -> io::Result<()> {
    let Some(Answer::State(state)) = desk.questions.ask(Ask::State) else {
        return refuse("no answer", out);
    };
    let State { rejected, last_lines, sinks } = state;
    writeln!(out, "uptime: {}", age(desk.start))?;
    writeln!(out, "messages.last_msg_seen: {}", age(last_lines.unwrap_or(desk.start)))?;
    writeln!(out, "messages.bad_lines_seen: {rejected}")?;
    let terms = desk.terms();
    for (name, label) in &terms.sinks {
        let Some((_, stats)) = sinks.iter().find(|(sink, _)| sink == name) else { continue };
        let SinkStats { flush_bytes, flush, last_exception, last_flush, .. } = stats;
        writeln!(out, "{label}.last_flush: {}", seconds_since(*last_flush))?;
        writeln!(out, "{label}.last_exception: {}", seconds_since(*last_exception))?;
        writeln!(out, "{label}.flush_time: {}", flush.as_millis())?;
        writeln!(out, "{label}.flush_length: {flush_bytes}")?;
    }
    out.write_all(b"END\n\n")
}

fn age(since: Instant) -> u64 {
    clock::now().saturating_duration_since(since).as_secs()
}

/// Since a time in seconds since the epoch. What never was is as long ago as that, as it is in the
/// original.
fn seconds_since(time: i64) -> i64 {
    let now = clock::since_epoch().as_secs();
    i64::try_from(now).unwrap_or(i64::MAX).saturating_sub(time).max(0)
}

fn show(family: Family, desk: &Desk, out: &mut impl Write) -> io::Result<()> {
    let Some(_dump) = Counted::begin(&desk.dumps, DUMPS_MAX) else {
        return refuse("too many dumps are under way", out);
    };
    let Some(Answer::Shown(snapshot)) = desk.questions.ask(Ask::Show(family)) else {
        return refuse("no answer", out);
    };
    let terms = desk.terms();
    let internal = terms.internal.as_deref().filter(|_| family == Family::Counters);
    dump::write(&snapshot, internal, out)?;
    out.write_all(b"\nEND\n\n")
}

fn delete<'w>(
    family: Family,
    words: impl Iterator<Item = &'w [u8]>,
    desk: &Desk,
    out: &mut impl Write,
) -> io::Result<()> {
    if !desk.terms().management.allow_deletions {
        return refuse("management.allow_deletions is false", out);
    }
    let meant = |word: &[u8]| match word.strip_suffix(b"*").filter(|begin| begin.ends_with(b".")) {
        Some(begin) => Meant::Below(begin.into()),
        None => Meant::Name(word.into()),
    };
    let Some(_dump) = Counted::begin(&desk.dumps, DUMPS_MAX) else {
        return refuse("too many dumps are under way", out);
    };
    let ask = Ask::Delete(family, words.map(meant).collect());
    let Some(Answer::Deleted(deletions)) = desk.questions.ask(ask) else {
        return refuse("no answer", out);
    };
    let mut line = Vec::new();
    for Deletion { meant, deleted } in &deletions {
        let mut series: Vec<_> = deleted.iter().collect();
        // By name: which worker had which first is a matter of chance.
        series.sort_unstable_by_key(|(kind, name)| (*name, *kind as u8));
        let is_any = !series.is_empty();
        for (kind, name) in series {
            line.clear();
            line.extend_from_slice(b"deleted: ");
            write_shown(kind, name, &mut line);
            line.push(b'\n');
            out.write_all(&line)?;
        }
        if !is_any {
            let word = match meant {
                Meant::Name(name) => name.to_vec(),
                Meant::Below(begin) => [begin, &b"*"[..]].concat(),
            };
            out.write_all(&[b"metric ", &word[..], b" not found\n"].concat())?;
        }
    }
    out.write_all(b"END\n\n")
}
