//! The tests of the daemon once more, with every daemon closed in: `sandbox = "require"`.
//!
//! They drive a build with debug assertions, in which a call of the system that the sandbox
//! refuses ends the process, so that the test fails.

use crate::command::{self, cargo, header};
use crate::place::Place;
use crate::test::{DAEMON, test_threads};

/// How far daemons are closed in, for the support of the tests.
const VARIABLE: (&str, &str) = ("GSTATSD_TEST_SANDBOX", "require");

/// What is left out, and why.
const LEFT_OUT: [(&str, &str); 3] = [
    ("clock::", "what makes their clock is a file that the daemon knows nothing of"),
    ("reload::sinks_come_and_go_with_their_books", "its sinks are on ports that a reload brings"),
    ("reload::the_log_can_move_and_change_its_level", "its log goes to a folder of a reload"),
];

/// What stands for all where time is short: sockets of each kind, hand-overs, files that are
/// written, read again and found, peers and pages.
const FEW: [&str; 9] = [
    "admin::",
    "crash::",
    "handover::",
    "kept::",
    "passed::",
    "sinks::",
    "state::",
    "streams::",
    "tls::",
];

/// A few of them.
pub(crate) fn few(place: &Place) -> anyhow::Result<()> {
    run(place, &FEW)
}

/// All of them.
pub(crate) fn all(place: &Place) -> anyhow::Result<()> {
    run(place, &[])
}

fn run(place: &Place, filters: &[&str]) -> anyhow::Result<()> {
    header("daemons that are closed in");
    let mut command = cargo(place, &DAEMON);
    command.args(filters);
    for (test, reason) in LEFT_OUT {
        println!("left out: {test}: {reason}");
        command.args(["--skip", test]);
    }
    command.env(VARIABLE.0, VARIABLE.1);
    command.env("RUST_TEST_THREADS", test_threads().to_string());
    command.env("GSTATSD_LOAD_BINARY", place.release_binary("gstatsd-load"));
    command.env("GSTATSD_DEBIAN", place.debian()).env("GSTATSD_VENV", place.venv());
    command::run(&mut command)
}
