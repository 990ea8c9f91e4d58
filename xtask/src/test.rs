//! `cargo xtask test`: everything that has to pass before a change lands.

use std::process::Command;
use std::thread;

use crate::command::{self, cargo, header};
use crate::place::Place;
use crate::{closed_in, deny, generate, package, python, setup};

/// The scanners that only older processors would choose. The tests of the parser itself run on
/// all of them; those of what it feeds run on each, with programs that have debug assertions.
const SCANNERS: [&str; 3] = ["Portable", "Sse2", "Avx2"];

/// What is tested beside the defaults.
const FEATURES: &str = "--features=gstatsd-client/metrics";

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
    for scanner in SCANNERS {
        header(&format!("scanner {scanner}"));
        let on_scanner = |command: &mut Command| {
            command.env("GSTATSD_SCANNER", scanner);
        };
        step(place, &["test", "-p", "gstatsd-aggregate", "--lib", "--tests"], on_scanner)?;
        let daemon = ["accounting", "bad_input", "exactness"];
        let args = ["test", "-p", "gstatsd", "--test", "it", "--"];
        step(place, &[&args[..], &daemon].concat(), on_scanner)?;
    }
    step(place, &["doc", "--no-deps", "--workspace", FEATURES], |command| {
        command.env("RUSTDOCFLAGS", "-D warnings");
    })?;
    header("all passed");
    Ok(())
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
