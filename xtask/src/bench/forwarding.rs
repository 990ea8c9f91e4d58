//! What it costs to pass metrics on: to a repeater beside the aggregation, and as a relay in its
//! place.
//!
//! A server for each way, and each has its turn in every round, at the same rate. All its threads
//! count, those that send too. No flush falls into it.

use std::fmt::Write as _;
use std::thread;
use std::time::Duration;

use anyhow::ensure;

use super::cpu;
use super::program::{Core, Program};
use super::receiver::{REST, Receiver, tell};
use super::score::{compared, per};
use crate::place::Place;

/// What is sent: packets of up to 1,432 bytes.
const FEED: &str = "feed --keys 1000 --samples 200000 --kinds c=9,ms=7,g=3,s=1 --sampled 0.2 \
                    --packed 1432";
/// Packets per second.
const RATE: f64 = 20_000.0;
/// How long a turn is.
const TURN: Duration = Duration::from_millis(500);
/// Longer than all of it.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// What a metric costs that goes one way.
#[derive(Clone, Debug)]
pub(crate) struct Way {
    name: &'static str,
    /// CPU time of all threads for a metric in each round, in nanoseconds.
    metric_ns: Vec<f64>,
}

/// Measures every way in so many rounds; aggregating alone is the first.
///
/// # Errors
///
/// A program cannot be started, or something was lost.
pub(crate) fn measure(place: &Place, rounds: u32) -> anyhow::Result<Vec<Way>> {
    let feed: Vec<_> = FEED.split_whitespace().collect();
    let mut sender = Program::tool(place, Core::Helping, &feed)?;
    sender.wait_for("ready")?;
    let mut drain = Program::tool(place, Core::Helping, &["drain"])?;
    let sink = drain.wait_for("listening on ")?;
    let bare = || Receiver::bare(place, Core::Helping, "paced");
    let peers = [bare()?, bare()?, bare()?];
    let repeater = format!("[[repeater]]\nurl = \"udp://{}\"\n", peers[0].address);
    let mut relay = String::new();
    for peer in &peers {
        writeln!(relay, "[[relay.node]]\nurl = \"udp://{}\"", peer.address)?;
    }
    let ways = [
        ("aggregated", "plain", String::new()),
        ("and all repeated", "repeated", repeater.clone()),
        ("and one name in ten repeated", "matched", format!("{repeater}match = [\"**1\"]\n")),
        ("relayed to one of three", "relayed", relay),
    ];
    let mut servers = Vec::new();
    for (name, file, config) in ways {
        let flags = ["--workers", "1", "-s", &sink];
        let core = Core::Measured;
        let mut server = Receiver::configured(place, core, INTERVAL, file, &config, &flags)?;
        server.sent.add(tell(&mut sender, &format!("keys {}", server.address))?);
        servers.push((server, Way { name, metric_ns: Vec::new() }));
    }
    for _ in 0..rounds {
        for (server, way) in &mut servers {
            cpu::settle(server.program.pid())?;
            let before = server.cpu()?;
            let sent = server.feed(&mut sender, RATE, TURN)?;
            thread::sleep(REST);
            way.metric_ns.push(per(server.cpu()?.since(&before).total(), sent.samples));
        }
    }
    let mut ways = Vec::new();
    for (server, way) in servers {
        let sent = server.sent.samples;
        let counts = server.stop()?;
        let of = |name: &str| counts.get(name).copied().unwrap_or_default();
        let arrived = of("samples.aggregated") + of("lines.relayed");
        // A relay sends itself a probe through each node.
        ensure!(arrived >= sent, "{}: of {sent} metrics {arrived} arrived", way.name);
        ways.push(way);
    }
    Ok(ways)
}

/// The results in Markdown.
pub(crate) fn table(ways: &[Way]) -> String {
    let mut page = format!(
        "\nThe same packets aggregated, repeated and relayed in turn, {RATE:.0} a second with 1k \
         keys, to a server for each; CPU time of all its threads.\n\n\
         | way | ns/metric | over aggregated | of each round |\n|---|--:|--:|---|\n"
    );
    let Some(first) = ways.first() else { return page };
    for Way { name, metric_ns } in ways {
        let (ns, ratio, each) = compared(metric_ns, &first.metric_ns);
        page.push_str(&format!("| {name} | {ns:.1} | **{ratio:.2}** | {each} |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_way_is_compared_with_the_first_round_by_round() {
        let way = |name, metric_ns: &[f64]| Way { name, metric_ns: metric_ns.to_vec() };
        let ways = [way("one", &[100.0, 50.0, 80.0]), way("other", &[110.0, 60.0, 40.0])];
        let table = table(&ways);
        assert!(table.contains("\n| one | 80.0 | **1.00** | 1.00 1.00 1.00 |\n"), "{table}");
        assert!(table.contains("\n| other | 60.0 | **1.10** | 1.10 1.20 0.50 |\n"), "{table}");
    }
}
