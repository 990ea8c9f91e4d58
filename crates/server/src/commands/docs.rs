//! `gstatsd docs`: the manual page, the reference of the configuration, shell completions.

use std::{
    io::{self, Write},
    process::ExitCode,
};

use clap::CommandFactory;
use clap_complete::{Shell, generate};

use crate::{
    cli::{Cli, DocsArgs, Page, man},
    config::reference,
};

/// Prints the page.
///
/// # Errors
/// Standard output does not take it.
pub(crate) fn run(args: &DocsArgs) -> anyhow::Result<ExitCode> {
    let mut page = Vec::new();
    let completions = |shell: Shell, page: &mut Vec<u8>| {
        generate(shell, &mut Cli::command(), "gstatsd", page);
    };
    match args.page {
        Page::Man => man::render(&mut page)?,
        Page::Config => page = reference::markdown().into_bytes(),
        Page::Bash => completions(Shell::Bash, &mut page),
        Page::Zsh => completions(Shell::Zsh, &mut page),
        Page::Fish => completions(Shell::Fish, &mut page),
    }
    io::stdout().write_all(&page)?;
    Ok(ExitCode::SUCCESS)
}
