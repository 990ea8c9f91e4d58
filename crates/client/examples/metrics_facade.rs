//! How do I send what libraries report to the `metrics` facade?

use gstatsd_client::{AddressError, Recorder, StatsClient};

fn main() -> Result<(), AddressError> {
    let client = StatsClient::new("localhost:8125")?;
    assert!(Recorder::new(client.clone()).install().is_ok());
    metrics::counter!("hits", "route" => "/home").increment(1);
    metrics::histogram!("sizes").record(512.0);
    // The recorder is never dropped, so the end has to be told.
    client.close();
    Ok(())
}
