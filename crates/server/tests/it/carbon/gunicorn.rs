//! A gunicorn that counts its requests at the daemon.

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};

use super::program::Program;
use crate::emitters::python;
use crate::support::{Folder, PATIENCE};

/// What gunicorn serves.
const APP: &str = include_str!("app.py");

/// A gunicorn of two workers that counts its requests at a StatsD service, below `svc`.
pub(crate) struct Gunicorn {
    program: Program,
    address: SocketAddr,
    _folder: Folder,
}

impl Gunicorn {
    /// Starts it with its `--statsd-host`, and waits until it listens.
    pub(crate) fn start(statsd: &str) -> Self {
        let folder = Folder::new();
        fs::write(folder.file("app.py"), APP).unwrap();
        let mut command = python();
        command.args(["-m", "gunicorn", "app:application", "--workers", "2"]);
        command.args(["--bind", "127.0.0.1:0", "--no-control-socket", "--statsd-prefix", "svc"]);
        command.args(["--statsd-host", statsd]);
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
