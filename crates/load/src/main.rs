//! `gstatsd-load`: sends what a plan says, or what was recorded, and says what was sent.
#![expect(
    clippy::print_stderr,
    clippy::print_stdout,
    reason = "a command line tool that reports to the terminal"
)]

mod tools;

use std::fs;
use std::net::{SocketAddr, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::Context;
use clap::{Args, Parser};
use gstatsd_load::recording::{self, Form};
use gstatsd_load::{Clock, Manifest, Plan, Weights, replay, send};

use crate::tools::Tool;

/// Sends StatsD samples, always the same for one seed, and says exactly what was sent.
#[derive(Parser)]
#[command(
    name = "gstatsd-load",
    version,
    args_conflicts_with_subcommands = true,
    subcommand_negates_reqs = true
)]
struct Cli {
    #[command(subcommand)]
    tool: Option<Tool>,

    /// Where to send: HOST:PORT or [HOST]:PORT
    #[arg(long, value_name = "ADDR", required = true)]
    to: Option<String>,

    #[command(flatten)]
    content: Content,

    /// Samples per second at most, or datagrams with --replay [default: flat out]
    #[arg(long, value_name = "NUMBER")]
    rate: Option<f64>,

    /// Write what was sent as JSON, in total, per type and per key
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,

    /// Send recorded datagrams instead: one a line, with the escapes \n, \\ and \xNN
    #[arg(
        long,
        value_name = "FILE",
        conflicts_with_all =
            ["seed", "samples", "keys", "kinds", "packed", "ports", "tagged", "sampled", "manifest"]
    )]
    replay: Option<PathBuf>,

    /// The recording holds bytes literals of Python, one a line
    #[arg(long, requires = "replay")]
    python: bool,
}

/// What to send, without how fast.
#[derive(Args)]
struct Content {
    /// Where the random choices begin
    #[arg(long, value_name = "NUMBER", default_value_t = 0)]
    seed: u64,

    /// The number of samples
    #[arg(long, value_name = "NUMBER", default_value_t = 1_000)]
    samples: u64,

    /// The number of different keys over all types
    #[arg(long, value_name = "NUMBER", default_value_t = 100)]
    keys: u32,

    /// How the keys are spread over the types c, d, g, h, kv, m, ms and s
    #[arg(long, value_name = "WEIGHTS", default_value = "c=4,ms=3,g=2,s=1")]
    kinds: Weights,

    /// Fill datagrams with lines up to so many bytes [default: one line a datagram]
    #[arg(long, value_name = "BYTES")]
    packed: Option<usize>,

    /// The number of source ports; one key leaves from one port
    #[arg(long, value_name = "NUMBER", default_value_t = 1)]
    ports: usize,

    /// The share of the keys that have tags
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    tagged: f64,

    /// The share of the counter and meter samples that have a rate
    #[arg(long, value_name = "SHARE", default_value_t = 0.0)]
    sampled: f64,
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let result = match &cli.tool {
        Some(tool) => tool.run(),
        None => run(&cli),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("gstatsd-load: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(cli: &Cli) -> anyhow::Result<()> {
    let to = cli.to.as_deref().context("--to is missing")?;
    let to = resolve(to)?;
    let clock = Clock::start();
    if let Some(file) = &cli.replay {
        let form = if cli.python { Form::Python } else { Form::Escaped };
        let content = fs::read(file).with_context(|| format!("cannot read {}", file.display()))?;
        let datagrams = recording::read(&content, form).with_context(|| shown(file))?;
        let sent = replay(&datagrams, to, cli.rate)?;
        println!("sent {} packets, {} bytes", sent.packets, sent.bytes);
        return Ok(());
    }
    let manifest = send(&cli.content.plan(cli.rate), to)?;
    let seconds = clock.elapsed().as_secs_f64();
    #[expect(clippy::cast_precision_loss, reason = "a rounded rate for people")]
    let per_second = manifest.samples as f64 / seconds;
    let Manifest { samples, packets, bytes, .. } = manifest;
    println!(
        "sent {samples} samples in {packets} packets, {bytes} bytes, \
         in {seconds:.3} s: {per_second:.0} samples/s"
    );
    if let Some(file) = &cli.manifest {
        let mut json = serde_json::to_vec_pretty(&manifest)?;
        json.push(b'\n');
        fs::write(file, json).with_context(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

impl Content {
    fn plan(&self, rate_per_second: Option<f64>) -> Plan {
        Plan {
            seed: self.seed,
            samples: self.samples,
            keys: self.keys,
            kinds: self.kinds,
            packet_bytes_max: self.packed,
            rate_per_second,
            ports: self.ports,
            tagged_share: self.tagged,
            sampled_share: self.sampled,
        }
    }
}

fn resolve(to: &str) -> anyhow::Result<SocketAddr> {
    let mut addresses = to.to_socket_addrs().with_context(|| format!("--to {to}"))?;
    addresses.next().with_context(|| format!("--to {to}: no address of this name"))
}

fn shown(file: &Path) -> String {
    file.display().to_string()
}
