//! Any bytes are read as the totals of a sink: `cargo +nightly fuzz run totals`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gstatsd_sinks::fuzz_totals(bytes));
