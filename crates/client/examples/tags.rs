//! How do I add tags, to one metric and to all of them?

use gstatsd_client::{AddressError, StatsClient};

fn main() -> Result<(), AddressError> {
    let client = StatsClient::builder("localhost:8125")?.prefix("shop").tag("env", "prod").build();
    // shop.orders:1|c|#env:prod,country:nl,express
    client.tags(&[("country", "nl"), ("express", "")]).increment("orders");
    // A tag may hold anything: it cannot leave its place.
    client.tags(&[("agent", "a|b,c:d\ne:1|c")]).increment("orders");
    Ok(())
}
