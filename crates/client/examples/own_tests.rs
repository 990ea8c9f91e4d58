//! How do I test that my code sends the right metrics?

use gstatsd_client::StatsClient;

/// The code under test takes the client as an argument.
fn log_in(client: &StatsClient, user: &str) {
    client.increment("logins");
    client.set("users", user);
}

fn main() {
    let (client, spy) = StatsClient::spy();
    log_in(&client, "alice");
    assert_eq!(spy.take(), ["logins:1|c", "users:alice|s"]);
    // For code that needs a client whose metrics do not matter.
    log_in(&StatsClient::nop(), "bob");
}
