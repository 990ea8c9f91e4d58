//! Any bytes are read as the counts of a process that was killed: `cargo +nightly fuzz run counts`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gstatsd::fuzz_counts(bytes));
