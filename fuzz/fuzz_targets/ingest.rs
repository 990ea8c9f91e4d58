//! Tables make of any bytes what an obvious twin makes of them: `cargo +nightly fuzz run ingest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|packet: &[u8]| gstatsd_aggregate::fuzz_ingest(packet));
