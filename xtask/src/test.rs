//! `cargo xtask test`: everything that has to pass before a change lands.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, thread};

use crate::command::{self, cargo, header};
use crate::place::Place;
use crate::{closed_in, deny, generate, package, python, setup};

/// The scanners that only older processors would choose. The tests of the parser itself run on
/// all of them; those of what it feeds run on each, with programs that have debug assertions.
const SCANNERS: [&str; 3] = ["Portable", "Sse2", "Avx2"];

/// What is tested beside the defaults.
const FEATURES: &str = "--features=gstatsd-client/metrics";

/// The tests of the daemon alone. With one package everything would be built anew, as it would be
/// with other features.
pub(crate) const DAEMON: [&str; 6] = ["test", "--workspace", FEATURES, "--test", "it", "--"];

/// Runs each step in turn and stops at the first that fails.
///
/// The tests drive the release binaries; they find them, and the Python environment, by the
/// variables `GSTATSD_BINARY`, `GSTATSD_LOAD_BINARY`, `GSTATSD_DEBIAN` and `GSTATSD_VENV`.
pub(crate) fn run(place: &Place) -> anyhow::Result<()> {
    header("setup");
    setup::run(place)?;
    step(place, &["fmt", "--all", "--check"], |_| ())?;
    let clippy = ["clippy", "--workspace", "--all-targets", FEATURES, "--", "-D", "warnings"];
    step(place, &clippy, |_| ())?;
    step(place, &["build", "--release", "-p", "gstatsd", "-p", "gstatsd-load"], |_| ())?;
    deny::run(place)?;
    header("generated pages");
    generate::check(place)?;
    step(place, &["test", "--workspace", FEATURES], |command| {
        command
            .env("GSTATSD_BINARY", place.release_binary("gstatsd"))
            .env("GSTATSD_LOAD_BINARY", place.release_binary("gstatsd-load"))
            .env("GSTATSD_DEBIAN", place.debian())
            .env("GSTATSD_VENV", place.venv())
            .env("RUST_TEST_THREADS", test_threads().to_string());
    })?;
    closed_in::few(place)?;
    package::check(place)?;
    python::test(place)?;
    let named = test_names(&place.root.join("crates/aggregate/tests"))?;
    for scanner in SCANNERS {
        header(&format!("scanner {scanner}"));
        let on_scanner = |command: &mut Command| {
            command.env("GSTATSD_SCANNER", scanner);
        };
        let named = named.iter().flat_map(|name| ["--test", name]);
        let aggregate: Vec<_> =
            ["test", "--workspace", FEATURES].into_iter().chain(named).collect();
        step(place, &aggregate, on_scanner)?;
        let daemon = ["accounting", "bad_input", "exactness"];
        step(place, &[&DAEMON[..], &daemon].concat(), on_scanner)?;
    }
    step(place, &["doc", "--no-deps", "--workspace", FEATURES], |command| {
        command.env("RUSTDOCFLAGS", "-D warnings");
    })?;
    header("all passed");
    Ok(())
}

/// The names of the integration tests in a folder.
fn test_names(folder: &Path) -> anyhow::Result<Vec<String>> {
    let entries = fs::read_dir(folder)?.map(|entry| entry.map(|entry| entry.path()));
    let is_test = |path: &PathBuf| {
        path.extension().is_some_and(|end| end == "rs") || path.join("main.rs").exists()
    };
    let stem = |path: PathBuf| Some(path.file_stem()?.to_string_lossy().into_owned());
    let paths = entries.collect::<Result<Vec<_>, _>>()?;
    Ok(paths.into_iter().filter(is_test).filter_map(stem).collect())
}

/// Tests of the daemon wait more than they compute: two for each core.
pub(crate) fn test_threads() -> usize {
    thread::available_parallelism().map_or(2, |cores| cores.get() * 2)
}

fn step(place: &Place, args: &[&str], adjust: impl FnOnce(&mut Command)) -> anyhow::Result<()> {
    header(&format!("cargo {}", args.join(" ")));
    let mut command = cargo(place, args);
    adjust(&mut command);
    command::run(&mut command)
}
