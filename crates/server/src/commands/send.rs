//! `gstatsd send`.

use std::process::ExitCode;

use crate::cli::SendArgs;

/// Runs the subcommand.
///
/// # Errors
/// Always, until it is written.
pub(crate) fn run(args: &SendArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("cannot run with {args:?} yet")
}
