//! What a call of the Rust client costs its caller, beside cadence.

use super::page::Marks;
use super::{machine, put};
use crate::command::{self, cargo, header};
use crate::place::Place;

const MARKS: Marks = Marks {
    begin: "<!-- Made by `cargo xtask bench --client --write`. Do not edit. -->",
    end: "<!-- The end of what is made of the client. -->",
};

/// Runs `crates/client/benches/calls.rs`, and with `write` puts its table onto the page.
///
/// # Errors
///
/// It does not build, or a client dropped something.
pub(super) fn bench(place: &Place, write: bool) -> anyhow::Result<()> {
    let args = ["bench", "-q", "-p", "gstatsd-client", "--bench", "calls"];
    header(&format!("cargo {}", args.join(" ")));
    let machine = machine::describe(place)?;
    let output = command::output(&mut cargo(place, &args))?;
    let table = String::from_utf8(output)?;
    let mut made: String = machine.iter().map(|line| format!("* {line}\n")).collect();
    made.push('\n');
    // Whatever else cargo prints is not of the table.
    for line in table.lines().filter(|line| line.starts_with('|')) {
        made.push_str(line);
        made.push('\n');
    }
    println!("{made}");
    if write {
        put(place, &MARKS, &made)?;
    }
    Ok(())
}
