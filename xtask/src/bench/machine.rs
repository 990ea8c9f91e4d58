//! What was measured, on what.

use std::fs;
use std::process::Command;
use std::thread;

use crate::command;
use crate::place::Place;

/// Lines for the head of the tables: processor, kernel, compiler, commit and date.
///
/// # Errors
///
/// This is no clone of the repository, or there is no compiler.
pub(crate) fn describe(place: &Place) -> anyhow::Result<Vec<String>> {
    let info = fs::read_to_string("/proc/cpuinfo")?;
    let cores = thread::available_parallelism()?;
    let kernel = fs::read_to_string("/proc/sys/kernel/osrelease")?;
    let said = |program: &str, args: &[&str]| {
        let said = command::output(Command::new(program).args(args).current_dir(&place.root))?;
        anyhow::Ok(String::from_utf8_lossy(&said).trim().to_owned())
    };
    let mut commit = said("git", &["rev-parse", "--short=12", "HEAD"])?;
    if !said("git", &["status", "--porcelain", "--", "crates", "Cargo.lock"])?.is_empty() {
        commit.push_str(" with changes");
    }
    Ok(vec![
        format!("processor: {}, {cores} cores", model(&info)),
        format!("kernel: Linux {}", kernel.trim()),
        format!("compiler: {}", said("rustc", &["--version"])?),
        format!("commit: {commit}"),
        format!("date: {}", said("date", &["-u", "+%Y-%m-%d %H:%M UTC"])?),
    ])
}

/// The model of the first processor in a `cpuinfo`.
fn model(info: &str) -> &str {
    let line = info.lines().find_map(|line| line.strip_prefix("model name"));
    line.and_then(|line| line.split_once(": ")).map_or("unknown", |(_, name)| name.trim())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_model_is_found_or_unknown() {
        assert_eq!(model("processor\t: 0\nmodel name\t: AMD EPYC\nmodel name\t: B\n"), "AMD EPYC");
        assert_eq!(model("processor\t: 0\n"), "unknown");
    }
}
