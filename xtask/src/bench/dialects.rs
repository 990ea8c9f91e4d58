//! The same metrics in each dialect: what they cost a worker, beside that of gstatsd 0.6.
//!
//! A server for each dialect, and each has its turn in every round, at the same rate. No flush
//! falls into it: what comes out of a dialect is another matter than what goes in.

use std::thread;
use std::time::Duration;

use anyhow::ensure;

use super::cpu;
use super::program::{Core, Program};
use super::receiver::{REST, Receiver, tell};
use super::score::{compared, per};
use crate::place::Place;

/// What is sent: packets of up to 1,432 bytes, without tags, which not every dialect keeps.
const FEED: &str = "feed --keys 100000 --samples 400000 --kinds c=9,ms=7,g=3,s=1 --sampled 0.2 \
                    --packed 1432";
/// Packets per second.
const RATE: f64 = 50_000.0;
/// How long a turn is.
const TURN: Duration = Duration::from_millis(500);
/// Longer than all of it.
const INTERVAL: Duration = Duration::from_secs(3_600);
/// At most so many times what it costs in the first.
const AIM: f64 = 1.1;
const DIALECTS: [&str; 3] = ["gstatsd", "statsd", "dogstatsd"];

/// What a metric costs in one dialect.
#[derive(Clone, Debug)]
pub(crate) struct Dialect {
    name: &'static str,
    /// CPU time of the worker for a metric in each round, in nanoseconds.
    metric_ns: Vec<f64>,
}

/// Measures every dialect in so many rounds; that of gstatsd 0.6 is the first.
///
/// # Errors
///
/// A program cannot be started, or something was lost.
pub(crate) fn measure(place: &Place, rounds: u32) -> anyhow::Result<Vec<Dialect>> {
    let feed: Vec<_> = FEED.split_whitespace().collect();
    let mut sender = Program::tool(place, Core::Helping, &feed)?;
    sender.wait_for("ready")?;
    let mut drain = Program::tool(place, Core::Helping, &["drain"])?;
    let sink = drain.wait_for("listening on ")?;
    let mut servers = Vec::new();
    for name in DIALECTS {
        let flags = ["--workers", "1", "-s", &sink];
        let mut server = Receiver::server(place, Core::Measured, INTERVAL, name, &flags)?;
        server.sent.add(tell(&mut sender, &format!("keys {}", server.address))?);
        servers.push((server, Dialect { name, metric_ns: Vec::new() }));
    }
    for _ in 0..rounds {
        for (server, dialect) in &mut servers {
            cpu::settle(server.program.pid())?;
            let before = server.cpu()?;
            let sent = server.feed(&mut sender, RATE, TURN)?;
            thread::sleep(REST);
            let used = server.cpu()?.since(&before).of("worker");
            dialect.metric_ns.push(per(used, sent.samples));
        }
    }
    let mut dialects = Vec::new();
    for (server, dialect) in servers {
        let lost = server.lost()?;
        ensure!(lost.is_nothing(), "{}: lost {lost:?}", dialect.name);
        dialects.push(dialect);
    }
    Ok(dialects)
}

/// The results in Markdown.
pub(crate) fn table(dialects: &[Dialect]) -> String {
    let mut page = format!(
        "\nThe same packets in each dialect in turn, {RATE:.0} a second with 100k keys and no \
         tags, to a server for each; CPU time of its worker.\n\n\
         | dialect | ns/metric | over gstatsd | aim | of each round |\n|---|--:|--:|--:|---|\n"
    );
    let Some(first) = dialects.first() else { return page };
    for Dialect { name, metric_ns } in dialects {
        let (ns, ratio, each) = compared(metric_ns, &first.metric_ns);
        page.push_str(&format!("| {name} | {ns:.1} | **{ratio:.2}** | {AIM:.2} | {each} |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialect_is_compared_with_the_first_round_by_round() {
        let dialect = |name, metric_ns: &[f64]| Dialect { name, metric_ns: metric_ns.to_vec() };
        let dialects =
            [dialect("gstatsd", &[100.0, 50.0, 80.0]), dialect("statsd", &[110.0, 60.0, 40.0])];
        let table = table(&dialects);
        assert!(table.contains("\n| gstatsd | 80.0 | **1.00** | 1.10 | 1.00 1.00 1.00 |\n"));
        assert!(table.contains("\n| statsd | 60.0 | **1.10** | 1.10 | 1.10 1.20 0.50 |\n"));
    }
}
