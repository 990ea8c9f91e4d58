//! How do I send a metric?

use std::time::Duration;

use gstatsd_client::{AddressError, StatsClient};

fn main() -> Result<(), AddressError> {
    // UDP to this machine. The client gathers lines, and its own thread sends them.
    let client = StatsClient::new("localhost:8125")?;
    client.increment("logins");
    client.counter("bytes", 1_452);
    client.timer("render", Duration::from_millis(20));
    client.gauge("temperature", 36.6);
    client.set("users", "alice");
    // What waits is sent when the last clone is dropped.
    Ok(())
}
