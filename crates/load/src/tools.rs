//! What `gstatsd-load` has to measure a server with, beside sending: the bare counter, the fast
//! sender, and a sink.

use std::io::{self, BufRead as _, Write as _};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Subcommand;
use gstatsd_load::{BareCounter, Counted, Drain, Fed, Feeder, Until, Waiting};
use signal_hook::consts::{SIGINT, SIGTERM};

use crate::Content;

/// Tools to measure a server with.
#[derive(Subcommand)]
pub(crate) enum Tool {
    /// Count datagrams and do nothing else, until a signal ends it: what a server is measured by
    Bare {
        /// How to wait for datagrams: `paced`, as the server does, or `blocking`
        #[arg(long, default_value = "paced")]
        waiting: Waiting,

        /// End after so many datagrams
        #[arg(long, value_name = "NUMBER")]
        packets: Option<u64>,

        /// End after so long
        #[arg(long, value_name = "SECONDS")]
        seconds: Option<f64>,
    },
    /// Accept TCP connections, read what comes and forget it, until a signal ends it
    Drain,
    /// Send packets from memory, fast and counted, as lines on the standard input say
    ///
    /// `keys ADDR` sends every key once; `feed ADDR PACKETS_PER_SECOND SECONDS` sends what was
    /// drawn, over and over. ADDR is HOST:PORT, tcp://HOST:PORT, unix://PATH or unixgram://PATH.
    /// Each is answered with a line when it is done.
    Feed {
        #[command(flatten)]
        content: Content,

        /// Send packets of equal size as one buffer that the kernel cuts up (UDP_SEGMENT)
        #[arg(long)]
        segments: bool,
    },
}

impl Tool {
    /// Does what it is for.
    pub(crate) fn run(&self) -> anyhow::Result<()> {
        match self {
            Self::Bare { waiting, packets, seconds } => {
                let duration = seconds.map(Duration::try_from_secs_f64).transpose();
                let duration = duration.context("--seconds")?;
                count(*waiting, Until { packets: *packets, duration })
            }
            Self::Drain => {
                let drain = Drain::listen()?;
                say(&format!("listening on {}", drain.address()?))?;
                loop {
                    drain.one()?;
                }
            }
            Self::Feed { content, segments } => {
                feed(&mut Feeder::new(&content.plan(None), *segments)?)
            }
        }
    }
}

fn count(waiting: Waiting, until: Until) -> anyhow::Result<()> {
    let stop = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        signal_hook::flag::register(signal, Arc::clone(&stop))?;
    }
    let counter = BareCounter::listen(waiting)?;
    say(&format!("listening on {}", counter.address()?))?;
    let Counted { packets, bytes, dropped, cpu } = counter.count(until, &stop)?;
    let nanoseconds = cpu.as_nanos();
    say(&format!("counted packets={packets} bytes={bytes} dropped={dropped} cpu_ns={nanoseconds}"))
}

fn feed(feeder: &mut Feeder) -> anyhow::Result<()> {
    say("ready")?;
    for line in io::stdin().lock().lines() {
        let line = line?;
        let Fed { packets, samples, bytes, elapsed } =
            obey(feeder, &line).with_context(|| format!("`{line}`"))?;
        let nanoseconds = elapsed.as_nanos();
        say(&format!("fed packets={packets} samples={samples} bytes={bytes} ns={nanoseconds}"))?;
    }
    Ok(())
}

fn obey(feeder: &mut Feeder, line: &str) -> anyhow::Result<Fed> {
    let words: Vec<_> = line.split_whitespace().collect();
    match words[..] {
        ["keys", to] => feeder.feed_every_key(&to.parse()?),
        ["feed", to, rate, seconds] => {
            let duration = Duration::try_from_secs_f64(seconds.parse()?)?;
            feeder.feed(&to.parse()?, rate.parse()?, duration)
        }
        _ => bail!("neither `keys ADDR` nor `feed ADDR PACKETS_PER_SECOND SECONDS`"),
    }
}

/// Prints a line at once, for whoever waits at the other end of a pipe.
fn say(line: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    writeln!(out, "{line}")?;
    Ok(out.flush()?)
}
