//! The Python package: installed as its users do, into an environment of its own, and tested or
//! measured there.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::command::{self, header};
use crate::place::Place;

/// What its tests need from PyPI.
const REQUIREMENTS: &str = "crates/python/tests/requirements.txt";
/// Which versions of other packages it is measured beside.
const OTHERS: &str = "testdata/python-requirements.txt";

/// Makes a fresh environment, installs the package with `pip install .` and runs its tests.
///
/// The tests are run against a development build, which shares its parts with the other tests.
pub(crate) fn test(place: &Place) -> anyhow::Result<()> {
    header("Python package");
    let python = environment(place, "venv-package")?;
    command::run(pip(place, &python).args(["-r", REQUIREMENTS]))?;
    let build = ["--config-settings", "build-args=--profile dev", "."];
    command::run(pip(place, &python).args(build))?;
    let mut tests = Command::new(&python);
    // Python leaves compiled files beside its sources; those of the tests are not ours to keep.
    tests.env("PYTHONDONTWRITEBYTECODE", "1").current_dir(&place.root);
    command::run(tests.args(["-m", "pytest", "-q", "-p", "no:cacheprovider"]))
}

/// Makes a fresh environment, installs the package as it is shipped, and measures its calls beside
/// those of other packages; `write` puts the table onto the page too.
pub(crate) fn bench(place: &Place, write: bool) -> anyhow::Result<()> {
    header("Python package");
    let python = environment(place, "venv-bench")?;
    command::run(pip(place, &python).args(["-c", OTHERS, "statsd", "datadog", "."]))?;
    let mut bench = Command::new(&python);
    bench.current_dir(&place.root).arg("crates/python/benches/calls.py");
    command::run(if write { bench.arg("--write") } else { &mut bench })
}

/// A fresh environment: its interpreter.
fn environment(place: &Place, name: &str) -> anyhow::Result<PathBuf> {
    let venv = place.target.join(name);
    let make = ["-m", "venv", "--clear"];
    command::run(Command::new(place.venv().join("bin/python")).args(make).arg(&venv))?;
    Ok(venv.join("bin/python"))
}

fn pip(place: &Place, python: &Path) -> Command {
    let mut command = Command::new(python);
    command.args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check"]);
    command.current_dir(&place.root).env("CARGO_TARGET_DIR", &place.target);
    command
}
