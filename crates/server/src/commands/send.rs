//! `gstatsd send`: sends lines from a shell.

use std::net::ToSocketAddrs as _;
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use gstatsd_client::{Address, Builder, Reason};

use crate::cli::SendArgs;

/// How long a host may take to say that nothing listens; only one nearby says it in time.
const REFUSAL_WAIT: Duration = Duration::from_millis(20);
/// The most bytes of a datagram: a line that is typed may be as long.
const PACKET_BYTES_MAX: usize = 65_507;
/// How long a connection may take, and a reader that is slow.
const PATIENCE: Duration = Duration::from_secs(5);

/// Sends each line as one packet.
///
/// # Errors
/// The address is not valid or has no host, or as far as can be known not every line was taken.
pub(crate) fn run(args: &SendArgs) -> anyhow::Result<ExitCode> {
    let text = args.to.as_deref().unwrap_or_default();
    let address: Address =
        text.parse().map_err(|error| anyhow::anyhow!("--to: '{text}': {error}"))?;
    let mut builder =
        Builder::to(address.clone()).direct().own_metrics("").packet_bytes_max(PACKET_BYTES_MAX);
    if let Address::Udp { host, port } | Address::Tcp { host, port } = &address {
        // Here somebody waits for the answer, and wants to know what is wrong with a name.
        let found = (host.as_str(), *port).to_socket_addrs();
        let found: Vec<_> = found.with_context(|| format!("--to: cannot find {host}"))?.collect();
        builder = builder.resolver(move |_, _| Ok(found.clone()));
    }
    let client = builder.build();
    for line in &args.lines {
        client.send_line(line.as_bytes());
    }
    if matches!(address, Address::Udp { .. }) {
        // A refusal comes back after the packet.
        thread::sleep(REFUSAL_WAIT);
    }
    let taken = client.flush(PATIENCE);
    client.close();
    let counts = client.counts();
    match Reason::ALL.into_iter().find(|reason| counts.dropped(*reason) > 0) {
        None => Ok(ExitCode::SUCCESS),
        Some(Reason::Closed) if !taken => {
            bail!("cannot send to {address}: nobody has taken it in {} s", PATIENCE.as_secs())
        }
        Some(reason) => bail!("cannot send to {address}: {reason}"),
    }
}
