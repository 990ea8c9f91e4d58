//! The command `gstatsd`: the daemon itself.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::process::ExitCode;

use pyo3::prelude::*;

/// Does what the words of a command line ask for, and returns the exit code. The first word is
/// the name of the program. It has the process to itself.
#[pyfunction]
pub(crate) fn main(words: Vec<OsString>) -> u8 {
    // The interpreter stays ours: nobody else is there who wants it, and a daemon forks.
    let code = gstatsd::main(words);
    // A program that is Rust's does so when it ends. There is nobody left to tell of an error.
    io::stdout().flush().ok();
    number(code)
}

/// The number of an exit code, which has no way to tell it.
fn number(code: ExitCode) -> u8 {
    (0..=u8::MAX).find(|number| ExitCode::from(*number) == code).unwrap_or(1)
}
