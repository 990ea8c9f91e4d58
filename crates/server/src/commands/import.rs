//! `gstatsd import`: a foreign configuration as ours.

use std::fs;
use std::io::{self, Read as _, Write as _};
use std::process::ExitCode;

use anyhow::Context as _;

use crate::cli::ImportArgs;
use crate::import;

/// Prints the configuration file.
///
/// # Errors
/// The file cannot be read, or holds what has no meaning here; or standard output does not take
/// the text.
pub(crate) fn run(args: &ImportArgs) -> anyhow::Result<ExitCode> {
    let name = args.file.display().to_string();
    let (name, bytes) = if name == "-" {
        let mut bytes = Vec::new();
        let read = io::stdin().read_to_end(&mut bytes);
        read.context("cannot read standard input")?;
        ("standard input".to_owned(), bytes)
    } else {
        let bytes = fs::read(&args.file).with_context(|| format!("cannot read {name}"))?;
        (name, bytes)
    };
    let text = String::from_utf8(bytes).with_context(|| format!("{name} is not UTF-8"))?;
    io::stdout().write_all(import::configuration(&name, &text)?.as_bytes())?;
    Ok(ExitCode::SUCCESS)
}
