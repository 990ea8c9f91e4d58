//! Parses the same packets so many times, for a program that counts instructions. The difference
//! of two runs is what the passes between them took:
//!
//! ```sh
//! cargo build --release -p gstatsd-wire --example parse_passes
//! for passes in 1 2; do
//!     valgrind --tool=callgrind --callgrind-out-file=/dev/null \
//!         target/release/examples/parse_passes Packed Avx2 $passes
//! done
//! ```
//!
//! Arguments: the traffic (`Packed`, `Single`, `Tagged`, `Named`, `Timers`), the scanner
//! (`Portable`, `Sse2`, `Avx2`) or `obvious`, the number of passes over its 40,000 lines, and
//! `scan` to leave it at looking for the bytes that divide a line.
#![expect(clippy::print_stdout, reason = "what an example is for")]

#[path = "../benches/parse/traffic.rs"]
mod traffic;

use std::hint::black_box;

use gstatsd_wire::{Scanner, parse_obviously};

use crate::traffic::{Sum, Traffic};

fn main() -> Result<(), &'static str> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [traffic, scanner, passes, ..] = &arguments[..] else {
        return Err("arguments: traffic, scanner, passes and scan");
    };
    let only_scan = arguments.get(3).is_some_and(|word| word == "scan");
    let traffic = Traffic::ALL.into_iter().find(|known| format!("{known:?}") == *traffic);
    let traffic = traffic.ok_or("no such traffic")?;
    let obvious = scanner == "obvious";
    let scanner = Scanner::available().find(|known| format!("{known:?}") == *scanner);
    if scanner.is_none() && !obvious {
        return Err("no such scanner on this processor");
    }
    let passes: u64 = passes.parse().map_err(|_| "the passes are a number")?;
    let (packets, lines) = traffic.packets();
    let grammar = traffic.grammar();
    let mut sum = Sum::default();
    for packet in (0..passes).flat_map(|_| &packets) {
        match scanner {
            Some(scanner) if only_scan => {
                sum.names += scanner.count_marks(black_box(packet)) as usize;
            }
            Some(scanner) => scanner.parse(black_box(packet), &grammar, &mut sum),
            None => parse_obviously(black_box(packet), &grammar, &mut sum),
        }
    }
    println!("{} lines, checksums {} and {}", passes * lines, sum.values, sum.names);
    Ok(())
}
