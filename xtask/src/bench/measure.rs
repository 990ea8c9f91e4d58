//! Measures one workload: bare counter and server in turn.
//!
//! The intervals of the server run on while the bare counter has its turn, so the windows in
//! which the server's CPU time is taken lie end to end, each exactly one interval long:
//!
//! ```text
//! flush --> settle | bare | server ............ flush ... | bare | server ........ flush ... |
//!                  +------------ first window ------------+---------- second window ---------+
//! ```
//!
//! So each window holds one flush of one interval's metrics, wherever in it the flush falls.

use std::thread;
use std::time::Duration;

use super::clock::Clock;
use super::cpu;
use super::program::{Core, Program};
use super::receiver::{Fed, REST, Receiver, tell};
use super::score::{Pair, Row, per};
use super::workload::Workload;
use crate::place::Place;

/// What the server may take of its core, so that the flush fits in beside the worker.
const WORKER_SHARE: f64 = 0.3;
/// How long the server is fed to see what a packet costs it, before the rate is chosen.
const TRIAL: Duration = Duration::from_millis(500);
/// At what share of the highest rate at first. Packets that come more slowly than in the end cost
/// more, as fewer are received at once; so it is tried again at the rate that was found.
const TRIAL_SHARE: f64 = 0.2;
const TRIALS: usize = 2;

/// How long things are measured.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Settings {
    /// How often each has its turn.
    pub(crate) pairs: u32,
    /// Between two flushes.
    pub(crate) interval: Duration,
    /// How long the bare counter's turn is; the server has the rest of the interval.
    pub(crate) bare_slice: Duration,
}

/// Measures one workload.
///
/// # Errors
///
/// A program cannot be started, or does not do what it should.
pub(crate) fn measure(
    place: &Place,
    workload: &Workload,
    settings: &Settings,
) -> anyhow::Result<Row> {
    let mut feed = vec!["feed".to_owned()];
    feed.extend(workload.flags());
    let feed: Vec<_> = feed.iter().map(String::as_str).collect();
    let mut sender = Program::tool(place, Core::Helping, &feed)?;
    sender.wait_for("ready")?;
    let mut bare = Receiver::bare(place, Core::Measured, "paced")?;
    let mut blocking = match workload.blocking {
        true => Some(Receiver::bare(place, Core::Measured, "blocking")?),
        false => None,
    };
    let mut drain = Program::tool(place, Core::Helping, &["drain"])?;
    let sink = drain.wait_for("listening on ")?;
    let interval = settings.interval;
    let flags = ["--workers", "1", "-s", &sink];
    let mut server = Receiver::server(place, Core::Measured, interval, workload.dialect(), &flags)?;
    let clock = Clock::start();

    // Every key is known, and the first flush is over, before anything counts.
    server.sent.add(tell(&mut sender, &format!("keys {}", server.address))?);
    let rate = choose_rate(&mut sender, &mut server, workload)?;
    let flushes = clock.elapsed().as_nanos() / interval.as_nanos() + 1;
    clock.sleep_until(interval * u32::try_from(flushes)? + REST);
    cpu::settle(server.program.pid())?;

    let start = clock.elapsed();
    let mut before = server.cpu()?;
    let (mut pairs, mut fed) = (Vec::new(), Fed::default());
    for index in 1..=settings.pairs {
        let bare_packet_ns = bare.packet_ns(&mut sender, rate, settings.bare_slice)?;
        let blocking_packet_ns = match &mut blocking {
            Some(blocking) => Some(blocking.packet_ns(&mut sender, rate, settings.bare_slice)?),
            None => None,
        };
        let end = start + interval * index;
        let sent =
            server.feed(&mut sender, rate, end.saturating_sub(clock.elapsed() + REST * 2))?;
        clock.sleep_until(end);
        let after = server.cpu()?;
        let used = after.since(&before);
        before = after;
        fed.add(sent);
        pairs.push(Pair {
            bare_packet_ns,
            blocking_packet_ns,
            server_metric_ns: per(used.total(), sent.samples),
            worker_metric_ns: per(used.of("worker"), sent.samples),
            metrics_per_packet: per(sent.samples, sent.packets),
        });
    }
    let resident_bytes = cpu::resident_bytes(server.program.pid())?;
    let mut lost = server.lost()?;
    for bare in std::iter::once(bare).chain(blocking) {
        lost.bare_packets += bare.lost_packets()?;
    }
    Ok(Row {
        workload: *workload,
        packets_per_second: per(fed.packets, fed.ns) * 1e9,
        metrics_per_flush: per(fed.samples, settings.pairs.into()),
        pairs,
        lost,
        resident_bytes,
    })
}

/// The highest rate that leaves room for the flush, in packets per second.
fn choose_rate(
    sender: &mut Program,
    server: &mut Receiver,
    workload: &Workload,
) -> anyhow::Result<f64> {
    let max = f64::from(workload.packets_per_second_max);
    let mut rate = max * TRIAL_SHARE;
    for _ in 0..TRIALS {
        cpu::settle(server.program.pid())?;
        let before = server.cpu()?;
        let sent = server.feed(sender, rate, TRIAL)?;
        thread::sleep(REST);
        let packet_ns = per(server.cpu()?.since(&before).of("worker"), sent.packets);
        rate = max.min(WORKER_SHARE * 1e9 / packet_ns);
    }
    Ok(rate)
}
