//! The program `gstatsd`.

use std::{env, process::ExitCode};

fn main() -> ExitCode {
    gstatsd::main(env::args_os())
}
