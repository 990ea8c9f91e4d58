//! What packets are sent to, the bare counter or the server, and the books of what was sent.

use std::collections::BTreeMap;
use std::fs;
use std::thread;
use std::time::Duration;

use anyhow::Context as _;

use super::cpu::CpuTimes;
use super::program::{Core, Program, counts};
use super::score::{Lost, per};
use crate::place::Place;

/// How long a receiver has to take what was sent last, and to fall asleep.
pub(crate) const REST: Duration = Duration::from_millis(100);
/// Timer samples and members of sets in an interval, above what any workload sends.
const SAMPLES_MAX: u32 = 30_000_000;

/// What the sender says it has sent.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Fed {
    /// Datagrams.
    pub(crate) packets: u64,
    /// Metrics.
    pub(crate) samples: u64,
    /// How long it took, in nanoseconds.
    pub(crate) ns: u64,
}

/// A receiver and what was sent to it.
pub(crate) struct Receiver {
    /// It.
    pub(crate) program: Program,
    /// Where it listens.
    pub(crate) address: String,
    /// All that was sent to it.
    pub(crate) sent: Fed,
}

/// Tells the sender to send, and waits until it has.
///
/// # Errors
///
/// It cannot.
pub(crate) fn tell(sender: &mut Program, what: &str) -> anyhow::Result<Fed> {
    sender.tell(what)?;
    let said = sender.wait_for("fed ")?;
    let counts = counts(&format!("fed {said}"), "fed ");
    let of = |name: &str| counts.get(name).copied().with_context(|| format!("no {name}: {said}"));
    Ok(Fed { packets: of("packets")?, samples: of("samples")?, ns: of("ns")? })
}

impl Fed {
    /// Adds what was sent later.
    pub(crate) fn add(&mut self, more: Self) {
        self.packets += more.packets;
        self.samples += more.samples;
        self.ns += more.ns;
    }
}

impl Receiver {
    /// Starts a bare counter.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub(crate) fn bare(place: &Place, core: Core, waiting: &str) -> anyhow::Result<Self> {
        let mut program = Program::tool(place, core, &["bare", "--waiting", waiting])?;
        let address = program.wait_for("listening on ")?;
        Ok(Self { program, address, sent: Fed::default() })
    }

    /// Starts a server of a dialect that flushes so often.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub(crate) fn server(
        place: &Place,
        core: Core,
        interval: Duration,
        dialect: &str,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let config = format!("dialect = '{dialect}'\n");
        Self::configured(place, core, interval, dialect, &config, flags)
    }

    /// Starts a server with a configuration, whose file has this name.
    ///
    /// # Errors
    ///
    /// It does not start.
    pub(crate) fn configured(
        place: &Place,
        core: Core,
        interval: Duration,
        name: &str,
        config: &str,
        flags: &[&str],
    ) -> anyhow::Result<Self> {
        let file = place.target.join(format!("bench-{name}.toml"));
        fs::write(&file, format!("samples_max = {SAMPLES_MAX}\n{config}"))?;
        let config = file.to_string_lossy();
        let seconds = interval.as_secs().to_string();
        let common = ["-c", &config, "-b", "127.0.0.1:0", "-f", &seconds];
        let mut program = Program::server(place, core, &[&common, flags].concat())?;
        let address = program.wait_for("listening on udp://")?;
        Ok(Self { program, address, sent: Fed::default() })
    }

    /// The CPU time that it has used.
    ///
    /// # Errors
    ///
    /// It is gone.
    pub(crate) fn cpu(&self) -> anyhow::Result<CpuTimes> {
        CpuTimes::read(self.program.pid())
    }

    /// Has packets sent to it, so many per second for so long.
    ///
    /// # Errors
    ///
    /// The sender cannot.
    pub(crate) fn feed(
        &mut self,
        sender: &mut Program,
        rate: f64,
        duration: Duration,
    ) -> anyhow::Result<Fed> {
        let line = format!("feed {} {rate:.0} {:.3}", self.address, duration.as_secs_f64());
        let sent = tell(sender, &line)?;
        self.sent.add(sent);
        Ok(sent)
    }

    /// The same, and what a packet costs it: CPU time in nanoseconds.
    ///
    /// # Errors
    ///
    /// The sender cannot, or the receiver is gone.
    pub(crate) fn packet_ns(
        &mut self,
        sender: &mut Program,
        rate: f64,
        duration: Duration,
    ) -> anyhow::Result<f64> {
        let before = self.cpu()?;
        let sent = self.feed(sender, rate, duration)?;
        thread::sleep(REST);
        Ok(per(self.cpu()?.since(&before).total(), sent.packets))
    }

    /// Ends a bare counter, and says what it did not receive.
    ///
    /// # Errors
    ///
    /// It does not end, or does not say.
    pub(crate) fn lost_packets(self) -> anyhow::Result<u64> {
        let counts = counts(&self.program.stop()?, "counted ");
        let received = counts.get("packets").context("the bare counter says no number")?;
        Ok(self.sent.packets.saturating_sub(*received))
    }

    /// Ends the server, and gives its accounting.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub(crate) fn stop(self) -> anyhow::Result<BTreeMap<String, u64>> {
        Ok(counts(&self.program.stop()?, "accounting:"))
    }

    /// Ends the server, and gives what was sent to it and all that it said.
    ///
    /// # Errors
    ///
    /// It does not end.
    pub(crate) fn stop_saying(self) -> anyhow::Result<(Fed, String)> {
        Ok((self.sent, self.program.stop()?))
    }

    /// Ends the server, and says what its accounting lacks.
    ///
    /// # Errors
    ///
    /// It does not end, or does not say.
    pub(crate) fn lost(self) -> anyhow::Result<Lost> {
        let sent = self.sent;
        let counts = self.stop()?;
        let of = |name: &str| counts.get(name).copied().with_context(|| format!("no {name}"));
        Ok(Lost {
            server_packets: sent.packets.saturating_sub(of("datagrams.received")?),
            server_metrics: of("lines.received")?.saturating_sub(of("samples.aggregated")?),
            bare_packets: 0,
        })
    }
}
