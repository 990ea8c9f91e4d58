//! How do I send packets in a way of my own?

use std::io::{self, Write as _};

use gstatsd_client::{Builder, Sink};

/// Prints packets.
struct Printer;

impl Sink for Printer {
    fn send(&self, packet: &[u8]) -> io::Result<()> {
        let mut out = io::stdout().lock();
        out.write_all(packet)?;
        out.write_all(b"\n")
    }
}

fn main() {
    let client = Builder::to_sink(Printer).build();
    client.increment("printed");
}
