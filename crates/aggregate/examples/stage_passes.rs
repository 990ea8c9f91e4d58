//! Does one stage so many times, for a program that counts instructions:
//!
//! ```sh
//! cargo build --release -p gstatsd-aggregate --example stage_passes
//! valgrind --tool=callgrind --callgrind-out-file=/dev/null --toggle-collect='*counted*' \
//!     target/release/examples/stage_passes Ingest 1
//! ```
//!
//! Arguments: the stage (`Ingest`, `Flush`, `Format`) and the number of passes. It prints of how
//! many samples, series or lines they were.
#![expect(clippy::print_stdout, reason = "what an example is for")]

#[path = "../benches/stages/stage.rs"]
mod stage;

use crate::stage::{Stage, Workshop};

fn main() -> Result<(), &'static str> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [stage, passes] = &arguments[..] else { return Err("arguments: stage, passes") };
    let stage = Stage::ALL.into_iter().find(|known| format!("{known:?}") == *stage);
    let stage = stage.ok_or("no such stage")?;
    let passes: u64 = passes.parse().map_err(|_| "the passes are a number")?;
    let mut workshop = Workshop::new();
    let mut things = 0;
    for _ in 0..passes {
        workshop.prepare(stage);
        things += counted(&mut workshop, stage);
    }
    println!("{things} things");
    Ok(())
}

#[inline(never)]
fn counted(workshop: &mut Workshop, stage: Stage) -> u64 {
    workshop.pass(stage)
}
