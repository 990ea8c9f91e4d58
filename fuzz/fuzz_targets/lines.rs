//! Any packet is accounted for and becomes sound lines, in every dialect and style of tags:
//! `cargo +nightly fuzz run lines`.
#![no_main]

#[path = "../../crates/aggregate/tests/any_bytes/check.rs"]
mod check;

libfuzzer_sys::fuzz_target!(|packet: &[u8]| check::check(packet));
