//! `gstatsd send`: sends lines from a shell.

use std::io;
use std::net::{SocketAddr, ToSocketAddrs as _, UdpSocket};
use std::os::unix::ffi::OsStrExt as _;
use std::process::ExitCode;
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};

use crate::cli::SendArgs;
use crate::config::Address;

/// Where to send when nothing is said.
const DEFAULT_TO: &str = "localhost:8125";
/// How long a host may take to say that nothing listens; only one nearby says it in time.
const REFUSAL_WAIT: Duration = Duration::from_millis(20);

/// Sends each line as one packet.
///
/// # Errors
/// The address is not valid, or the host says that nothing listens there.
pub(crate) fn run(args: &SendArgs) -> anyhow::Result<ExitCode> {
    let text = args.to.as_deref().unwrap_or(DEFAULT_TO);
    let address = Address::parse(text.strip_prefix("udp://").unwrap_or(text), 1)
        .map_err(|error| anyhow::anyhow!("--to: '{text}': {error}"))?
        .or_localhost();
    let resolved = (address.host.as_str(), address.port)
        .to_socket_addrs()
        .with_context(|| format!("--to: cannot find {}", address.host))?;
    // A name may have an address of each family, and the service listen on one alone.
    let mut refused = None;
    for to in resolved {
        match send(to, args) {
            Ok(()) => return Ok(ExitCode::SUCCESS),
            Err(error) => refused = Some(error),
        }
    }
    match refused {
        Some(error) => Err(error).with_context(|| format!("cannot send to udp://{address}")),
        None => bail!("--to: {} has no address", address.host),
    }
}

fn send(to: SocketAddr, args: &SendArgs) -> io::Result<()> {
    let from: SocketAddr = match to {
        SocketAddr::V4(_) => ([0, 0, 0, 0], 0).into(),
        SocketAddr::V6(_) => ([0_u16; 8], 0).into(),
    };
    let socket = UdpSocket::bind(from)?;
    socket.connect(to)?;
    for line in &args.lines {
        socket.send(line.as_bytes())?;
    }
    // A refusal comes back after the packet, and says that none of them was taken.
    thread::sleep(REFUSAL_WAIT);
    socket.take_error()?.map_or(Ok(()), Err)
}
