//! Any bytes are read as a segment of a spool: `cargo +nightly fuzz run spool`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gstatsd_store::fuzz_segment(bytes));
