//! How do I know what was lost?

use std::time::Duration;

use gstatsd_client::{AddressError, Reason, StatsClient};

fn main() -> Result<(), AddressError> {
    let client = StatsClient::new("localhost:8125")?;
    client.increment("a");
    client.gauge("b", f64::NAN);
    client.flush(Duration::from_secs(1));
    let counts = client.counts();
    assert_eq!(counts.lines, counts.sent + counts.waiting + counts.dropped_in_all());
    assert_eq!(counts.dropped(Reason::NonFinite), 1);
    // The server is told too: statsd.client.dropped.non_finite:1|c
    Ok(())
}
