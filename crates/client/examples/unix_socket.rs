//! How do I send to a unix socket, or over TCP?

use gstatsd_client::{AddressError, StatsClient};

fn main() -> Result<(), AddressError> {
    // Whether it is a datagram socket or a stream is found out. While nobody listens lines wait,
    // and the oldest are dropped when there are too many.
    let local = StatsClient::new("unix:///run/statsd.socket")?;
    local.increment("a");
    let remote = StatsClient::new("tcp://localhost:8125")?;
    remote.increment("a");
    Ok(())
}
