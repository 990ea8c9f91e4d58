//! How do I have one client for the whole program?

use gstatsd_client::{AddressError, StatsClient, global, increment, set_global, timer};

fn main() -> Result<(), AddressError> {
    let client = StatsClient::new("localhost:8125")?;
    assert!(set_global(client).is_ok());
    // From anywhere.
    increment!("logins", "method" => "password");
    timer!("render", 20);
    // What is global is never dropped, so the end has to be told.
    if let Some(client) = global() {
        client.close();
    }
    Ok(())
}
