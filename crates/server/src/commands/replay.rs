//! `gstatsd replay`.

use std::process::ExitCode;

use crate::cli::ReplayArgs;

/// Runs the subcommand.
///
/// # Errors
/// Always, until it is written.
pub(crate) fn run(args: &ReplayArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("cannot run with {args:?} yet")
}
