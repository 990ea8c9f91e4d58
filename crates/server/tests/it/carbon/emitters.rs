//! Real emitters from PyPI, run by the Python environment that `cargo xtask setup` makes.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::program::Program;
use crate::support::{Folder, PATIENCE};

/// Sends with the package `statsd`; its argument is the port.
pub(crate) const PYSTATSD: &str = include_str!("pystatsd.py");
/// What gunicorn serves.
const APP: &str = include_str!("app.py");

/// Runs a script to its end; gives what it printed.
pub(crate) fn run_python(script: &str, arguments: &[&str]) -> String {
    let mut command = python();
    command.args(["-c", script]).args(arguments).stderr(Stdio::inherit());
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// A gunicorn of two workers that counts its requests at a StatsD service, below `svc`.
pub(crate) struct Gunicorn {
    program: Program,
    address: SocketAddr,
    _folder: Folder,
}

impl Gunicorn {
    /// Starts it, and waits until it listens.
    pub(crate) fn start(statsd: SocketAddr) -> Self {
        let folder = Folder::new();
        fs::write(folder.file("app.py"), APP).unwrap();
        let mut command = python();
        command.args(["-m", "gunicorn", "app:application", "--workers", "2"]);
        command.args(["--bind", "127.0.0.1:0", "--no-control-socket", "--statsd-prefix", "svc"]);
        command.args(["--statsd-host", &statsd.to_string()]);
        command.env_remove("GUNICORN_CMD_ARGS").current_dir(folder.file(""));
        let mut program = Program::start(&mut command, folder.file("gunicorn.log"));
        let address = program.wait_until("a listening gunicorn", |log| {
            let (_, rest) = log.split_once("Listening at: http://")?;
            let (address, _) = rest.split_once(' ')?;
            address.parse().ok()
        });
        Self { program, address, _folder: folder }
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.address
    }

    /// Ends it: its workers finish what they have begun.
    pub(crate) fn stop(self) {
        self.program.stop();
    }
}

/// Asks for a page; gives the status of the answer.
pub(crate) fn request(address: SocketAddr, path: &str) -> u16 {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    write!(stream, "GET {path} HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer.split(' ').nth(1).unwrap().parse().unwrap()
}

/// The interpreter of the environment.
fn python() -> Command {
    let venv = std::env::var_os("GSTATSD_VENV").map_or_else(default_venv, PathBuf::from);
    let python = venv.join("bin/python");
    assert!(
        python.exists(),
        "no {}: `cargo xtask setup` makes the Python environment of the tests, and \
         GSTATSD_VENV says where it is if not below the target directory",
        python.display()
    );
    Command::new(python)
}

/// `venv` in the target directory, where the setup makes it. The binary of this build is at
/// `debug/gstatsd` there.
fn default_venv() -> PathBuf {
    let binary = Path::new(env!("CARGO_BIN_EXE_gstatsd"));
    binary.ancestors().nth(2).unwrap().join("venv")
}
