//! Any bytes are read as a snapshot: `cargo +nightly fuzz run snapshot`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gstatsd_aggregate::fuzz_snapshot(bytes));
