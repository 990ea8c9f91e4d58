//! The daemon as its users meet it: a real process, real sockets on ports that the kernel
//! chooses, real peers on the other end.

#![expect(clippy::unwrap_used, reason = "a test fails where something is not as expected")]
#![expect(clippy::disallowed_methods, reason = "tests bound how long they wait")]

mod accounting;
mod admin;
mod bad_input;
mod carbon;
mod client;
mod clock;
mod commands;
mod crash;
mod dialects;
mod dogstatsd;
mod emitters;
mod exactness;
mod forward;
mod handover;
mod hard_input;
mod host;
mod kept;
mod large_series;
mod lifetime;
mod management;
mod memory;
mod more_sinks;
mod names;
mod old_kernels;
mod passed;
mod push;
mod reload;
mod reloaded_rules;
mod rules;
mod sandbox;
mod scrape;
mod sinks;
mod soak;
mod spool;
mod state;
mod streams;
mod support;
mod systemd;
mod tags;
mod tls;
mod totals;
mod under_load;
mod unix;
mod vectors;
