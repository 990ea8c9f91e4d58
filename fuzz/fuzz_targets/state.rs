//! Any bytes are read as the two files of the state: `cargo +nightly fuzz run state`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| gstatsd::fuzz_state(bytes));
