//! How do I send events and service checks to a DogStatsD server?

use gstatsd_client::{AddressError, Alert, Event, ServiceCheck, StatsClient, Status};

fn main() -> Result<(), AddressError> {
    let client = StatsClient::new("localhost:8125")?;
    let event = Event::new("Deployed", "version 7 is out\nwith new metrics");
    client.event(&Event { alert: Some(Alert::Success), tags: &[("env", "prod")], ..event });
    let check = ServiceCheck::new("database", Status::Critical);
    client.service_check(&ServiceCheck { message: "no answer", ..check });
    Ok(())
}
