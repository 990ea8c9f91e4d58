//! `cargo xtask long`: what takes too long for `cargo xtask test`.

use std::process::Command;
use std::thread;
use std::time::Duration;

use anyhow::ensure;

use crate::bench::{self, Clock, Core, Program, REST, Receiver, per};
use crate::closed_in;
use crate::command::{self, cargo, header};
use crate::place::Place;

/// What is sent in the run that must lose nothing.
const FEED: &str = "feed --keys 100000 --samples 1000000 --kinds c=9,ms=7,g=3,s=1 --sampled 0.2 \
                    --tagged 0.25 --ports 64";
/// How long that run is.
const EXACT: Duration = Duration::from_secs(60);
/// How long the soak is.
const SOAK_SECONDS: &str = "3600";
/// How long one rate is tried on the bare counter.
const TRIAL: Duration = Duration::from_secs(2);
/// The first rate that is tried, in packets per second, the factor to the next, and how many.
const RATE_FIRST: f64 = 50_000.0;
const RATE_STEP: f64 = 1.2;
const RATES: usize = 20;
/// A sender that reaches less than this share of the rate has come to its end.
const REACHED: f64 = 0.95;

/// What any bytes are read as, and for how many seconds each.
const FUZZED: [&str; 8] =
    ["parse", "ingest", "lines", "snapshot", "spool", "state", "totals", "counts"];
const FUZZING: &str = "-max_total_time=300";
/// How many names come once each, against a budget of 64 MiB.
const FLOOD: &str = "10000000";

/// Where sanitizers are known to work.
const SANITIZED: &str = "x86_64-unknown-linux-gnu";

/// The names of the steps, as `--only` takes them.
pub(crate) fn names() -> [&'static str; STEPS.len()] {
    STEPS.map(|(name, _)| name)
}

/// A step, and its name.
type Step = (&'static str, fn(&Place) -> anyhow::Result<()>);

/// All of them, in their order.
const STEPS: [Step; 8] = [
    ("random", round_trips),
    ("sandbox", closed_in::all),
    ("memory", memory),
    ("soak", soak),
    ("exactness", exactness),
    ("unsafe", unsafe_code),
    ("fuzz", fuzz),
    ("bench", |place| bench::run(place, &bench::Options::default())),
];

/// Takes the steps of the list one after the other, or the one of this name: [`STEPS`] says what
/// they are, and each function what it proves.
///
/// # Errors
///
/// Something was lost, or a program does not do what it should.
pub(crate) fn run(place: &Place, only: Option<&str>) -> anyhow::Result<()> {
    bench::build(place)?;
    for (name, step) in STEPS {
        if only.is_none_or(|only| only == name) {
            step(place)?;
        }
    }
    Ok(())
}

/// Ten million random names, tags and values through our client and our server; rules that
/// change two hundred times; and a thousand connections of a sink that break.
fn round_trips(place: &Place) -> anyhow::Result<()> {
    for (told, test, variable, count) in [
        ("round trips: random metrics", "client::", "GSTATSD_ROUND_TRIPS", "10000000"),
        ("reloads of random rules", "reloaded_rules::", "GSTATSD_RELOAD_ROUNDS", "200"),
        ("kills while samples come", "crash::", "GSTATSD_KILLS", "1000"),
        ("hand-overs under load", "handover::f86", "GSTATSD_UPGRADES", "100"),
        ("ends and hand-overs with a state", "under_load::", "GSTATSD_UPGRADES", "100"),
    ] {
        header(&format!("{told}, {count}"));
        let args = ["test", "--release", "-p", "gstatsd", "--test", "it", "--", test];
        let mut command = cargo(place, &args);
        command.env("GSTATSD_BINARY", place.release_binary("gstatsd")).env(variable, count);
        command::run(&mut command)?;
    }
    header("a Graphite that resets the connection 1,000 times at random bytes");
    let args = ["test", "--release", "-p", "gstatsd-sinks", "--test", "graphite", "--", "f54_"];
    command::run(cargo(place, &args).env("GSTATSD_RESETS", "1000"))
}

/// Ten million names within a budget of 64 MiB, and a thousand series that are exact all the while.
fn memory(place: &Place) -> anyhow::Result<()> {
    header(&format!("a flood of {FLOOD} names"));
    let args =
        ["test", "--release", "-p", "gstatsd", "--test", "it", "--", "memory::f89_", "--nocapture"];
    let mut command = cargo(place, &args);
    command.env("GSTATSD_BINARY", place.release_binary("gstatsd"));
    command::run(command.env("GSTATSD_FLOOD", FLOOD))
}

/// An hour of 20,000 samples a second over 20,000 series, with a sink that is down now and then.
fn soak(place: &Place) -> anyhow::Result<()> {
    header(&format!("a soak of {SOAK_SECONDS} s"));
    let args =
        ["test", "--release", "-p", "gstatsd", "--test", "it", "--", "soak::", "--nocapture"];
    let mut command = cargo(place, &args);
    command.env("GSTATSD_BINARY", place.release_binary("gstatsd"));
    command::run(command.env("GSTATSD_SOAK_SECONDS", SOAK_SECONDS))
}

fn exactness(place: &Place) -> anyhow::Result<()> {
    header("exactness: two workers, 100k keys, 64 source ports");
    let feed: Vec<_> = FEED.split_whitespace().collect();
    let mut sender = Program::tool(place, Core::Any, &feed)?;
    sender.wait_for("ready")?;
    let lossless = lossless_rate(place, &mut sender)?;
    println!("the bare counter takes {lossless:.0} packets/s without a loss, or no more is sent");

    let mut drain = Program::tool(place, Core::Any, &["drain"])?;
    let sink = drain.wait_for("listening on ")?;
    let flags = ["--workers", "2", "-s", &sink];
    let mut server =
        Receiver::server(place, Core::Any, Duration::from_secs(10), "gstatsd", &flags)?;
    let clock = Clock::start();
    server.feed(&mut sender, lossless / 2.0, EXACT)?;
    let seconds = clock.elapsed().as_secs_f64();
    thread::sleep(REST);
    let cpu = server.cpu()?;
    let sent = server.sent;
    let counts = server.stop()?;
    let of = |name: &str| counts.get(name).copied().unwrap_or_default();
    println!(
        "in {seconds:.1} s: sent {} metrics in {} packets ({:.0} packets/s), aggregated {}, \
         dropped by the kernel {}; {:.0} ns of CPU time a metric",
        sent.samples,
        sent.packets,
        per(sent.packets, sent.ns) * 1e9,
        of("samples.aggregated"),
        of("datagrams.dropped.kernel"),
        per(cpu.total(), sent.samples),
    );
    ensure!(of("datagrams.dropped.kernel") == 0, "the kernel dropped datagrams");
    ensure!(of("datagrams.received") == sent.packets, "datagrams were lost");
    ensure!(of("samples.aggregated") == sent.samples, "metrics were lost");
    Ok(())
}

/// The highest rate that the bare counter receives without a loss, or that the sender reaches.
fn lossless_rate(place: &Place, sender: &mut Program) -> anyhow::Result<f64> {
    let (mut rate, mut lossless) = (RATE_FIRST, 0.0);
    for _ in 0..RATES {
        let mut bare = Receiver::bare(place, Core::Any, "paced")?;
        let sent = bare.feed(sender, rate, TRIAL)?;
        thread::sleep(REST);
        if bare.lost_packets()? > 0 {
            break;
        }
        let reached = per(sent.packets, sent.ns) * 1e9;
        lossless = f64::max(lossless, reached);
        if reached < rate * REACHED {
            break;
        }
        rate *= RATE_STEP;
    }
    ensure!(lossless > 0.0, "the bare counter loses packets at {RATE_FIRST} a second");
    Ok(lossless)
}

/// Runs what has `unsafe` on its own memory under Miri, which checks each access but takes a
/// thousand times as long, and under the address sanitizer. What depends on the processor's
/// vectors is left to the sanitizer: Miri knows few of them.
fn unsafe_code(place: &Place) -> anyhow::Result<()> {
    let nightly = |args: &[&str]| {
        let mut command = Command::new("cargo");
        command.arg("+nightly").args(args).current_dir(&place.root);
        command
    };
    header("Miri");
    if !command::succeeds(&mut nightly(&["miri", "--version"])) {
        println!("left out: there is no nightly toolchain with Miri");
        return Ok(());
    }
    // Random input and twenty thousand series take it hours.
    let left_out =
        ["homes", "property_test", "has_become_empty", "f90_"].map(|name| ["--skip", name]);
    let tests = [&["index::"][..], left_out.as_flattened()].concat();
    let args = [&["miri", "test", "-p", "gstatsd-aggregate", "--lib", "--"][..], &tests].concat();
    command::run(
        nightly(&args)
            .env("CARGO_TARGET_DIR", place.target.join("miri"))
            .env("MIRIFLAGS", "-Zmiri-disable-isolation"),
    )?;
    header("address sanitizer");
    let packages = ["-p", "gstatsd-wire", "-p", "gstatsd-aggregate"];
    // With a target named, the sanitizer is not for what runs while it is built.
    let args = [&["test", "--target", SANITIZED, "--lib", "--tests"][..], &packages].concat();
    command::run(
        nightly(&args)
            .env("CARGO_TARGET_DIR", place.target.join("sanitizer"))
            .env("RUSTFLAGS", "-Zsanitizer=address"),
    )
}

/// Gives what reads foreign bytes any that libFuzzer can think of.
fn fuzz(place: &Place) -> anyhow::Result<()> {
    header("libFuzzer");
    let nightly = |args: &[&str]| {
        let mut command = Command::new("cargo");
        command.args(["+nightly", "fuzz"]).args(args).current_dir(&place.root);
        command.env("CARGO_TARGET_DIR", place.target.join("fuzz"));
        command
    };
    if !command::succeeds(&mut nightly(&["--version"])) {
        println!("left out: there is no nightly toolchain with cargo-fuzz");
        return Ok(());
    }
    for target in FUZZED {
        header(target);
        command::run(&mut nightly(&["run", target, "--", FUZZING]))?;
    }
    Ok(())
}
