//! A carbon of one's own, and what it has written to its Whisper files.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4, TcpStream};
use std::process::Command;

use socket2::{Domain, Socket, Type};

use super::program::Program;
use crate::support::{Folder, PATIENCE};

/// Debian's carbon, from the package graphite-carbon.
const CARBON_CACHE: &str = "/usr/bin/carbon-cache";
/// The Python that has Debian's whisper module.
const PYTHON: &str = "/usr/bin/python3";
/// Prints all points of a folder of Whisper files, by the module behind `whisper-fetch`.
const READ_POINTS: &str = include_str!("points.py");

/// A slot for each second, as many as a test can need.
const SCHEMAS: &str = "[seconds]\npattern = .*\nretentions = 1s:10m\n";

/// One value in a Whisper file.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Point {
    pub(crate) name: String,
    pub(crate) timestamp: i64,
    pub(crate) value: f64,
}

impl Point {
    /// Whether it is of a user's metric, not of the daemon's own.
    pub(crate) fn is_users(&self) -> bool {
        !self.name.starts_with("gstatsd.")
    }
}

/// A running carbon-cache with a folder and a port of its own.
pub(crate) struct Carbon {
    program: Program,
    folder: Folder,
    port: u16,
    pickle_port: u16,
    /// Holds the port. Carbon shares it, for it sets SO_REUSEPORT too; connections go to carbon
    /// alone, for this socket does not listen.
    _reserved: [Socket; 2],
}

/// A port of our own that carbon can share, and what holds it.
fn reserve() -> (Socket, SocketAddrV4) {
    let reserved = Socket::new(Domain::IPV4, Type::STREAM, None).unwrap();
    reserved.set_reuse_port(true).unwrap();
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    reserved.bind(&any_port.into()).unwrap();
    let address = reserved.local_addr().unwrap().as_socket_ipv4().unwrap();
    (reserved, address)
}

impl Carbon {
    /// Starts it, and waits until it listens.
    pub(crate) fn start() -> Self {
        let ((reserved, address), (pickle, pickle_address)) = (reserve(), reserve());
        let folder = Folder::new();
        let config = folder.file("carbon.conf");
        fs::write(&config, configuration(&folder, address, pickle_address.port())).unwrap();
        fs::write(folder.file("storage-schemas.conf"), SCHEMAS).unwrap();
        fs::create_dir(folder.file("whisper")).unwrap();
        let mut command = Command::new(CARBON_CACHE);
        command.arg("--config").arg(&config).args(["--nodaemon", "start"]);
        command.current_dir(folder.file(""));
        let mut program = Program::start(&mut command, folder.file("carbon.log"));
        program.wait_until("a listening carbon", |_| TcpStream::connect(address).ok());
        let (port, pickle_port) = (address.port(), pickle_address.port());
        Self { program, folder, port, pickle_port, _reserved: [reserved, pickle] }
    }

    /// As `-s` takes it.
    pub(crate) fn sink(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The port of plain text, over TCP and UDP.
    pub(crate) fn port(&self) -> u16 {
        self.port
    }

    /// The port of pickle.
    pub(crate) fn pickle_port(&self) -> u16 {
        self.pickle_port
    }

    /// Waits until there are this many points, and reads them, those of a series in the order of
    /// their times. More or fewer are an error.
    pub(crate) fn points(&self, count: usize) -> Vec<Point> {
        let mut command = Command::new(PYTHON);
        command.args(["-c", READ_POINTS]).arg(self.folder.file("whisper"));
        command.args([count.to_string(), PATIENCE.as_secs().to_string()]);
        let output = command.output().unwrap();
        assert!(output.status.success(), "{output:?}");
        let text = String::from_utf8(output.stdout).unwrap();
        let points: Vec<_> = text.lines().map(parse_point).collect();
        assert_eq!(points.len(), count, "points, with this log of carbon:\n{}", self.program.log());
        points
    }
}

/// Ports that are not needed are off (0), or any (the cache's, which cannot be off).
fn configuration(folder: &Folder, address: SocketAddrV4, pickle_port: u16) -> String {
    let root = folder.file("");
    let (ip, port) = (address.ip(), address.port());
    format!(
        "[cache]\n\
         STORAGE_DIR = {root}\n\
         LOCAL_DATA_DIR = {root}/whisper\n\
         LOG_DIR = {root}/log\n\
         PID_DIR = {root}\n\
         USER =\n\
         LINE_RECEIVER_INTERFACE = {ip}\n\
         LINE_RECEIVER_PORT = {port}\n\
         ENABLE_UDP_LISTENER = True\n\
         UDP_RECEIVER_INTERFACE = {ip}\n\
         UDP_RECEIVER_PORT = {port}\n\
         PICKLE_RECEIVER_INTERFACE = {ip}\n\
         PICKLE_RECEIVER_PORT = {pickle_port}\n\
         CACHE_QUERY_INTERFACE = {ip}\n\
         CACHE_QUERY_PORT = 0\n\
         MAX_CACHE_SIZE = inf\n\
         MAX_CREATES_PER_MINUTE = inf\n\
         MAX_UPDATES_PER_SECOND = inf\n\
         CACHE_WRITE_STRATEGY = sorted\n\
         WHISPER_AUTOFLUSH = True\n\
         ENABLE_LOGROTATION = False\n\
         ENABLE_TAGS = False\n\
         TAG_HASH_FILENAMES = False\n\
         LOG_UPDATES = False\n\
         CARBON_METRIC_INTERVAL = 0\n"
    )
}

/// Reads a line `name timestamp value`.
fn parse_point(line: &str) -> Point {
    let fields: Vec<&str> = line.split(' ').collect();
    let &[name, timestamp, value] = fields.as_slice() else { panic!("not a point: '{line}'") };
    Point {
        name: name.to_owned(),
        timestamp: timestamp.parse().unwrap(),
        value: value.parse().unwrap(),
    }
}
