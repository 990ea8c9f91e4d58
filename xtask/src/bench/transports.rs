//! The same metrics over each transport: what they cost a worker, beside UDP.
//!
//! One server listens on all of them, and each has its turn in every round, at the same rate.
//! No flush falls into it: what a transport costs is the worker's alone.

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
/// Packets per second, over every transport.
const RATE: f64 = 50_000.0;
/// How long a turn is.
const TURN: Duration = Duration::from_millis(500);
/// Longer than all of it.
const INTERVAL: Duration = Duration::from_secs(3_600);

/// Datagrams of equal size that leave the sender as one buffer.
const SEGMENTS: &str = "UDP, equal segments";

/// What a metric costs over one transport.
#[derive(Clone, Debug)]
pub(crate) struct Transport {
    /// What it is called.
    name: &'static str,
    /// At most so many times what it costs over UDP.
    aim: Option<f64>,
    /// CPU time of the worker for a metric in each round, in nanoseconds.
    metric_ns: Vec<f64>,
}

/// Measures every transport in so many rounds; UDP is the first.
///
/// # Errors
///
/// A program cannot be started, or something was lost.
pub(crate) fn measure(place: &Place, rounds: u32) -> anyhow::Result<Vec<Transport>> {
    let mut plain = sender(place, &[])?;
    let mut in_segments = sender(place, &["--segments"])?;
    let mut drain = Program::tool(place, Core::Helping, &["drain"])?;
    let sink = drain.wait_for("listening on ")?;
    let socket = |name: &str| place.target.join(name).display().to_string();
    let unix = format!("unix://{}", socket("bench-stream"));
    let unixgram = format!("unixgram://{}", socket("bench-datagrams"));
    let flags = ["--workers", "1", "-s", &sink];
    let others = ["-b", "tcp://127.0.0.1:0", "-b", &unix, "-b", &unixgram];
    let flags = [&flags[..], &others].concat();
    let mut server = Receiver::server(place, Core::Measured, INTERVAL, "gstatsd", &flags)?;
    let tcp = format!("tcp://{}", server.program.wait_for("listening on tcp://")?);
    let udp = server.address.clone();
    let transport = |name, aim| Transport { name, aim, metric_ns: Vec::new() };
    let mut transports = [
        (udp.clone(), transport("UDP", None)),
        (udp.clone(), transport(SEGMENTS, None)),
        (tcp, transport("TCP", Some(1.3))),
        (unix, transport("unix stream", None)),
        (unixgram, transport("unix datagrams", None)),
    ];
    let mut samples = tell(&mut plain, &format!("keys {udp}"))?.samples;
    for _ in 0..rounds {
        for (address, transport) in &mut transports {
            cpu::settle(server.program.pid())?;
            let before = server.cpu()?;
            let line = format!("feed {address} {RATE:.0} {:.3}", TURN.as_secs_f64());
            let sender = if transport.name == SEGMENTS { &mut in_segments } else { &mut plain };
            let sent = tell(sender, &line)?;
            thread::sleep(REST);
            let used = server.cpu()?.since(&before).of("worker");
            transport.metric_ns.push(per(used, sent.samples));
            samples += sent.samples;
        }
    }
    let counts = server.stop()?;
    let aggregated = counts.get("samples.aggregated").copied().unwrap_or_default();
    ensure!(aggregated == samples, "of {samples} metrics {aggregated} were aggregated");
    Ok(transports.into_iter().map(|(_, transport)| transport).collect())
}

/// The results in Markdown.
pub(crate) fn table(transports: &[Transport]) -> String {
    let mut page = format!(
        "\nThe same packets over each transport in turn, {RATE:.0} a second with 1k keys, to a \
         server that listens on all of them; CPU time of its worker.\n\n\
         | transport | ns/metric | over UDP | aim | of each round |\n|---|--:|--:|--:|---|\n"
    );
    let Some(udp) = transports.first() else { return page };
    for transport in transports {
        let (ns, ratio, each) = compared(&transport.metric_ns, &udp.metric_ns);
        let aim = transport.aim.map_or_else(String::new, |aim| format!("{aim:.2}"));
        let name = transport.name;
        page.push_str(&format!("| {name} | {ns:.1} | **{ratio:.2}** | {aim} | {each} |\n"));
    }
    page.push_str(
        "\nEqual segments leave the sender as one buffer (`UDP_SEGMENT`) and are received as one \
         (`UDP_GRO`); aim 30 ns a metric.\n",
    );
    page
}

fn sender(place: &Place, more: &[&str]) -> anyhow::Result<Program> {
    let feed: Vec<_> = FEED.split_whitespace().chain(more.iter().copied()).collect();
    let mut sender = Program::tool(place, Core::Helping, &feed)?;
    sender.wait_for("ready")?;
    Ok(sender)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_transport_is_compared_with_udp_round_by_round() {
        let transport =
            |name, aim, metric_ns: &[f64]| Transport { name, aim, metric_ns: metric_ns.to_vec() };
        let transports = [
            transport("UDP", None, &[100.0, 50.0, 80.0]),
            transport("TCP", Some(1.3), &[110.0, 60.0, 40.0]),
        ];
        let table = table(&transports);
        assert!(table.contains("\n| UDP | 80.0 | **1.00** |  | 1.00 1.00 1.00 |\n"), "{table}");
        let tcp = "\n| TCP | 60.0 | **1.10** | 1.30 | 1.10 1.20 0.50 |\n";
        assert!(table.contains(tcp), "{table}");
    }
}
