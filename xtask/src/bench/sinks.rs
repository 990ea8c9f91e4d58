//! The same metrics with one sink and with five, and with one whose backlog, with all that outlives
//! the process, is kept on the disk: what they cost a worker, and all of it.
//!
//! A server for each, and each has its turn in every round, at the same rate. A turn is an
//! interval long, so that one flush falls into it.

use std::net::UdpSocket;
use std::time::Duration;
use std::{fs, thread};

use super::cpu;
use super::program::{Core, Program};
use super::receiver::{REST, Receiver, tell};
use super::score::{compared, per};
use crate::place::Place;

/// What is sent to one and to five sinks: packets of up to 1,432 bytes.
const PACKED: Load = Load {
    feed: "feed --keys 100000 --samples 400000 --kinds c=9,ms=7,g=3,s=1 --sampled 0.2 \
           --packed 1432",
    rate: 20_000.0,
};
/// What is sent with and without a state: a line in each packet, as a state costs something for
/// each batch.
const SINGLE: Load = Load {
    feed: "feed --keys 100000 --samples 400000 --kinds c=9,ms=7,g=3,s=1 --sampled 0.2",
    rate: 100_000.0,
};
/// The flush interval, and how long a turn is.
const INTERVAL: Duration = Duration::from_secs(4);

/// What is sent, and how many packets per second.
struct Load {
    feed: &'static str,
    rate: f64,
}

/// A server: what it is called, its configuration, and where it sends.
struct Setting<'s> {
    name: &'static str,
    config: &'s str,
    urls: &'s [String],
}

/// What a metric costs with some sinks.
#[derive(Clone, Debug)]
pub(crate) struct Sinks {
    name: &'static str,
    /// CPU time of the worker for a metric in each round, in nanoseconds.
    worker_ns: Vec<f64>,
    /// The same of all threads.
    all_ns: Vec<f64>,
    lost: u64,
}

/// Measures in so many rounds; in each group, what the others are compared with comes first.
///
/// # Errors
///
/// A program cannot be started.
pub(crate) fn measure(place: &Place, rounds: u32) -> anyhow::Result<[Vec<Sinks>; 2]> {
    let mut drain = Program::tool(place, Core::Helping, &["drain"])?;
    let sink = drain.wait_for("listening on ")?;
    // Nobody reads it: what is sent costs the same.
    let deaf = UdpSocket::bind("127.0.0.1:0")?;
    let lines = place.target.join("bench-sinks.jsonl");
    let five = [
        sink.clone(),
        format!("graphite+pickle://{sink}"),
        "prometheus://127.0.0.1:0".to_owned(),
        format!("influxdb+udp://{}", deaf.local_addr()?),
        format!("file:{}", lines.display()),
    ];
    let setting = |name, urls| Setting { name, config: "", urls };
    let settings = [setting("one", &five[..1]), setting("five", &five)];
    let of_number = rounds_of(place, rounds, &PACKED, &settings)?;
    fs::remove_file(&lines)?;
    let state = place.target.join("bench-state");
    let config = format!("state_directory = {:?}\n", state.display().to_string());
    let without = Setting { name: "without", config: "", urls: &five[..1] };
    let with = Setting { name: "with", config: &config, urls: &five[..1] };
    let of_state = rounds_of(place, rounds, &SINGLE, &[without, with])?;
    fs::remove_dir_all(&state)?;
    Ok([of_number, of_state])
}

fn rounds_of(
    place: &Place,
    rounds: u32,
    load: &Load,
    settings: &[Setting<'_>],
) -> anyhow::Result<Vec<Sinks>> {
    let feed: Vec<_> = load.feed.split_whitespace().collect();
    let mut sender = Program::tool(place, Core::Helping, &feed)?;
    sender.wait_for("ready")?;
    let mut servers = Vec::new();
    for Setting { name, config, urls } in settings {
        let mut flags = vec!["--workers", "1"];
        flags.extend(urls.iter().flat_map(|url| ["-s", url.as_str()]));
        let mut server =
            Receiver::configured(place, Core::Measured, INTERVAL, name, config, &flags)?;
        server.sent.add(tell(&mut sender, &format!("keys {}", server.address))?);
        let (worker_ns, all_ns) = (Vec::new(), Vec::new());
        servers.push((server, Sinks { name, worker_ns, all_ns, lost: 0 }));
    }
    for _ in 0..rounds {
        for (server, sinks) in &mut servers {
            cpu::settle(server.program.pid())?;
            let before = server.cpu()?;
            let sent = server.feed(&mut sender, load.rate, INTERVAL)?;
            thread::sleep(REST);
            let used = server.cpu()?.since(&before);
            sinks.worker_ns.push(per(used.of("worker"), sent.samples));
            sinks.all_ns.push(per(used.total(), sent.samples));
        }
    }
    let mut all = Vec::new();
    for (server, mut sinks) in servers {
        let lost = server.lost()?;
        sinks.lost = lost.server_packets + lost.server_metrics;
        all.push(sinks);
    }
    Ok(all)
}

/// The results in Markdown.
pub(crate) fn tables([of_number, of_state]: &[Vec<Sinks>; 2]) -> String {
    let seconds = INTERVAL.as_secs();
    let number = format!(
        "One sink (Graphite over TCP), and five (the same, pickle, a page for Prometheus, \
         InfluxDB over UDP, a file), in turn, {:.0} packets a second with 100k keys and a \
         flush every {seconds} s; CPU time of the worker, and of all threads.",
        PACKED.rate
    );
    let state = format!(
        "Without and with a `state_directory`, with the state, the spool and the count of what \
         a crash would cost, in turn, {:.0} packets of one line a second, else as above.",
        SINGLE.rate
    );
    [table(&number, "sinks", of_number), table(&state, "state", of_state)].concat()
}

fn table(caption: &str, of: &str, all: &[Sinks]) -> String {
    let mut page = format!(
        "\n{caption}\n\n\
         | {of} | worker ns/metric | over the first | of each round | all ns/metric \
         | over the first | lost |\n|---|--:|--:|---|--:|--:|--:|\n"
    );
    let Some(first) = all.first() else { return page };
    for Sinks { name, worker_ns, all_ns, lost } in all {
        let (worker, over, each) = compared(worker_ns, &first.worker_ns);
        let (all, all_over, _) = compared(all_ns, &first.all_ns);
        page.push_str(&format!("| {name} | {worker:.1} | **{over:.2}** | {each} "));
        page.push_str(&format!("| {all:.1} | {all_over:.2} | {lost} |\n"));
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_are_compared_with_one_round_by_round() {
        let sinks = |name, worker_ns: &[f64], all_ns: &[f64]| Sinks {
            name,
            worker_ns: worker_ns.to_vec(),
            all_ns: all_ns.to_vec(),
            lost: 0,
        };
        let one = sinks("one", &[100.0, 50.0, 80.0], &[200.0, 200.0, 200.0]);
        let table =
            table("", "", &[one, sinks("five", &[110.0, 60.0, 80.0], &[300.0, 300.0, 300.0])]);
        assert!(
            table.contains("\n| one | 80.0 | **1.00** | 1.00 1.00 1.00 | 200.0 | 1.00 | 0 |\n")
        );
        assert!(
            table.contains("\n| five | 80.0 | **1.10** | 1.10 1.20 1.00 | 300.0 | 1.50 | 0 |\n")
        );
    }
}
