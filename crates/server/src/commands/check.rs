//! `gstatsd check`: is a configuration valid, and what does it come to.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use anyhow::Context;

use crate::{
    cli::{CheckArgs, Flags},
    config::{Config, memory_by_default},
};

/// Prints the whole effective configuration, as a configuration file.
///
/// # Errors
/// The configuration is not valid, or standard output does not take it.
pub(crate) fn run(args: &CheckArgs) -> anyhow::Result<ExitCode> {
    let config = args.file.clone().or_else(|| args.flags.config.clone());
    let flags = Flags { config, ..args.flags.clone() };
    let file = Config::load(&flags)?.to_file();
    let text = toml::to_string(&file).context("the configuration cannot be written as TOML")?;
    let memory = memory_by_default();
    write!(io::stdout(), "# valid\n# memory_max by default: {memory}\n{text}")?;
    Ok(ExitCode::SUCCESS)
}
