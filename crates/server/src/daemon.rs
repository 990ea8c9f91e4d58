//! Runs the service.

use std::process::ExitCode;

use crate::config::Config;

/// Runs the service until it is told to end.
///
/// # Errors
/// It cannot start.
pub(crate) fn run(config: Config) -> anyhow::Result<ExitCode> {
    anyhow::bail!("cannot run {} listeners yet", config.listeners.len())
}
