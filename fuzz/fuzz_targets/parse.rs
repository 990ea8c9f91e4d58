//! All scanners read any bytes as the obvious way does: `cargo +nightly fuzz run parse`.
#![no_main]

libfuzzer_sys::fuzz_target!(|packet: &[u8]| gstatsd_wire::fuzz_parse(packet));
