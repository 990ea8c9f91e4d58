//! The Python package: installed as its users do, into an environment of its own, and tested.

use std::path::PathBuf;
use std::process::Command;

use crate::command::{self, header};
use crate::place::Place;

/// What its tests need from PyPI.
const REQUIREMENTS: &str = "crates/python/tests/requirements.txt";

/// Makes a fresh environment, installs the package with `pip install .` and runs its tests.
///
/// The tests are run against a development build, which shares its parts with the other tests.
pub(crate) fn test(place: &Place) -> anyhow::Result<()> {
    header("Python package");
    let python = environment(place)?;
    let build = ["--config-settings", "build-args=--profile dev", "."];
    command::run(pip(place, &python).args(build))?;
    let mut tests = Command::new(&python);
    // Python leaves compiled files beside its sources; those of the tests are not ours to keep.
    tests.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(&place.root);
    command::run(tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]))
}

/// A fresh environment that has what the tests need: its interpreter.
fn environment(place: &Place) -> anyhow::Result<PathBuf> {
    let venv = place.target.join("venv-package");
    let make = ["-m", "venv", "--clear"];
    command::run(Command::new(place.venv().join("bin/python")).args(make).arg(&venv))?;
    let python = venv.join("bin/python");
    command::run(pip(place, &python).args(["-r", REQUIREMENTS]))?;
    Ok(python)
}

fn pip(place: &Place, python: &PathBuf) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    command.current_dir(&place.root).env("CARGO_TARGET_DIR", &place.target);
    command
}
