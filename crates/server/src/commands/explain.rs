//! `gstatsd explain`.

use std::process::ExitCode;

use crate::cli::ExplainArgs;

/// Runs the subcommand.
///
/// # Errors
/// Always, until it is written.
pub(crate) fn run(args: &ExplainArgs) -> anyhow::Result<ExitCode> {
    anyhow::bail!("cannot run with {args:?} yet")
}
