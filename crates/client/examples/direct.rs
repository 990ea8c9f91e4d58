//! How do I send each line at once, as a datagram of its own?

use gstatsd_client::{AddressError, StatsClient};

fn main() -> Result<(), AddressError> {
    let client = StatsClient::builder("localhost:8125")?.direct().build();
    // The system has taken the datagram, or not, when this returns. It never waits for room.
    client.increment("restarts");
    Ok(())
}
