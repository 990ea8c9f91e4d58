//! Starts the daemon or runs a subcommand.

fn main() {}
