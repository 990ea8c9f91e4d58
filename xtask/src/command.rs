//! Starting other programs: with a header, and an error that repeats what was started.

use std::env;
use std::ffi::OsString;
use std::process::Command;

use anyhow::{Context, bail};

use crate::place::Place;

/// A cargo command in the root of the repository, with the target directory of `place`.
pub(crate) fn cargo(place: &Place, args: &[&str]) -> Command {
    let program = env::var_os("CARGO").unwrap_or_else(|| OsString::from("cargo"));
    let mut command = Command::new(program);
    command.args(args).current_dir(&place.root).env("CARGO_TARGET_DIR", &place.target);
    command
}

/// Prints a header, so that a long log shows where each step begins.
pub(crate) fn header(title: &str) {
    println!("\n== {title}");
}

/// Runs a command to its end; its output goes where ours goes.
///
/// # Errors
///
/// The command cannot be started, or it ends with anything but 0.
pub(crate) fn run(command: &mut Command) -> anyhow::Result<()> {
    let shown = shown(command);
    let status = command.status().with_context(|| format!("cannot start `{shown}`"))?;
    if !status.success() {
        bail!("`{shown}` failed: {status}");
    }
    Ok(())
}

/// Runs a command and returns what it printed; its errors go where ours go.
///
/// # Errors
///
/// As [`run`].
pub(crate) fn output(command: &mut Command) -> anyhow::Result<Vec<u8>> {
    let shown = shown(command);
    let output = command
        .stderr(std::process::Stdio::inherit())
        .output()
        .with_context(|| format!("cannot start `{shown}`"))?;
    if !output.status.success() {
        bail!("`{shown}` failed: {}", output.status);
    }
    Ok(output.stdout)
}

/// Whether a command can be started and ends with 0; what it prints is dropped.
pub(crate) fn succeeds(command: &mut Command) -> bool {
    command.output().is_ok_and(|output| output.status.success())
}

fn shown(command: &Command) -> String {
    let mut words = vec![command.get_program().to_string_lossy().into_owned()];
    words.extend(command.get_args().map(|arg| arg.to_string_lossy().into_owned()));
    words.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failed_command_is_named_in_the_error() {
        let error = run(Command::new("false").arg("--why")).unwrap_err();
        assert!(error.to_string().starts_with("`false --why` failed"), "{error}");
        let error = output(&mut Command::new("false")).unwrap_err();
        assert!(error.to_string().starts_with("`false` failed"), "{error}");
    }

    #[test]
    fn the_output_of_a_command_is_returned() {
        assert_eq!(output(Command::new("echo").arg("one two")).unwrap(), b"one two\n");
    }
}
