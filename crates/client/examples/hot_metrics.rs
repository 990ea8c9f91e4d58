//! How do I count something that happens a million times a second?

use std::time::Duration;

use gstatsd_client::{AddressError, StatsClient};

fn main() -> Result<(), AddressError> {
    // Counters are added up here and told once a second.
    let client = StatsClient::builder("localhost:8125")?.aggregate(Duration::from_secs(1)).build();
    let packets = client.get_counter("packets");
    for _ in 0..1_000_000 {
        packets.increment();
    }
    // Or only a part is sent, with its rate, and the server scales it up.
    let sampled = StatsClient::new("localhost:8125")?;
    for size in 0..1_000_000 {
        sampled.rate(0.001).histogram("sizes", size);
    }
    Ok(())
}
