//! A daemon to test and a Graphite that remembers.

use std::collections::BTreeMap;
use std::fs;
use std::io::{BufRead as _, BufReader, Read as _};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::unix::process::ExitStatusExt as _;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Receiver, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// How long anything may take that is expected to happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// The binary under test: the one that `GSTATSD_BINARY` names, or that of this build.
pub(crate) fn binary() -> String {
    std::env::var("GSTATSD_BINARY").unwrap_or_else(|_| env!("CARGO_BIN_EXE_gstatsd").to_owned())
}

/// Where a file of an unpacked Debian package is.
pub(crate) fn debian(file: &str) -> PathBuf {
    let binary = PathBuf::from(env!("CARGO_BIN_EXE_gstatsd"));
    let default = || binary.ancestors().nth(2).unwrap().join("debian");
    let path = std::env::var_os("GSTATSD_DEBIAN").map_or_else(default, PathBuf::from).join(file);
    assert!(path.exists(), "no {}: `cargo xtask setup` gets it", path.display());
    path
}

/// How far daemons are closed in; one of this build ends then with a call that is refused.
const SANDBOX: &str = "GSTATSD_TEST_SANDBOX";
/// The `SIGSYS` of a process that made a call that is refused.
const REFUSED_CALL: i32 = 31;

/// The name of a configuration file.
const CONFIG: &str = "gstatsd.toml";

/// A folder of its own for a test, which is removed at its end.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gstatsd-test-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    pub(crate) fn file(&self, name: &str) -> String {
        self.0.join(name).to_str().unwrap().to_owned()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A running daemon. It is killed when the test is over, whatever came of it.
pub(crate) struct Daemon {
    child: Child,
    /// Its configuration, where it has one.
    folder: Option<Folder>,
    log: Receiver<String>,
    pub(crate) seen: Vec<String>,
    /// What it listens on over UDP and TCP, in the order of its flags.
    pub(crate) addresses: Vec<SocketAddr>,
}

impl Daemon {
    /// Starts a daemon, and waits until it listens.
    pub(crate) fn start(arguments: &[&str]) -> Self {
        Self::start_command(Command::new(binary()).args(arguments))
    }

    /// Starts a daemon with a configuration file of this text.
    pub(crate) fn configured(config: &str, arguments: &[&str]) -> Self {
        let folder = Folder::new();
        let path = folder.file(CONFIG);
        fs::write(&path, config).unwrap();
        let mut daemon = Self::start(&[&["-c", &path], arguments].concat());
        daemon.folder = Some(folder);
        daemon
    }

    pub(crate) fn start_command(command: &mut Command) -> Self {
        Self::start_with_input(command.stdin(Stdio::null()))
    }

    /// The same, with whatever the command has as its input. `GSTATSD_TEST_SANDBOX` is how far
    /// daemons are closed in whose test does not say it.
    pub(crate) fn start_with_input(command: &mut Command) -> Self {
        if let Ok(sandbox) = std::env::var(SANDBOX) {
            command.args(["--sandbox", &sandbox]);
        }
        Self::start_as_is(command)
    }

    /// The same, closed in as the command says and not otherwise.
    pub(crate) fn start_as_is(command: &mut Command) -> Self {
        let mut child = command.stderr(Stdio::piped()).spawn().unwrap();
        let (sender, log) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                if sender.send(line).is_err() {
                    break;
                }
            }
        });
        let (seen, addresses) = (Vec::new(), Vec::new());
        let mut daemon = Self { child, folder: None, log, seen, addresses };
        // The last line that it says on start.
        daemon.wait_for_log("try: gstatsd ");
        let urls = daemon.seen.iter().filter_map(|line| line.split_once("listening on "));
        let urls = urls.filter_map(|(_, url)| url.split_once("://"));
        let with_address = urls.filter(|(transport, _)| ["udp", "tcp"].contains(transport));
        daemon.addresses = with_address.map(|(_, address)| address.parse().unwrap()).collect();
        daemon
    }

    /// The path of its configuration file.
    pub(crate) fn config(&self) -> String {
        self.folder.as_ref().unwrap().file(CONFIG)
    }

    /// Gives it another configuration file, and tells it so.
    pub(crate) fn reload(&self, config: &str) {
        fs::write(self.config(), config).unwrap();
        self.signal("HUP");
    }

    /// The first address.
    pub(crate) fn address(&self) -> SocketAddr {
        self.addresses[0]
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Sends packets from one socket, with a pause now and then so that none is dropped.
    pub(crate) fn send<P: AsRef<[u8]>>(&self, packets: &[P]) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        for (index, packet) in packets.iter().enumerate() {
            socket.send_to(packet.as_ref(), self.address()).unwrap();
            if index % 64 == 63 {
                thread::sleep(Duration::from_millis(1));
            }
        }
    }

    /// Waits until the log has a line with this text, and gives the line.
    pub(crate) fn wait_for_log(&mut self, text: &str) -> String {
        let seen = self.seen.iter().find(|line| line.contains(text)).cloned();
        seen.unwrap_or_else(|| self.wait_for_another_log(text))
    }

    /// Waits until the log has a line with this text that was not seen before.
    pub(crate) fn wait_for_another_log(&mut self, text: &str) -> String {
        let end = Instant::now() + PATIENCE;
        loop {
            let left = end.saturating_duration_since(Instant::now());
            let Ok(line) = self.log.recv_timeout(left) else {
                panic!("no '{text}' in the log:\n{}", self.seen.join("\n"))
            };
            self.seen.push(line.clone());
            if line.contains(text) {
                return line;
            }
        }
    }

    pub(crate) fn signal(&self, name: &str) {
        let pid = self.pid().to_string();
        assert!(Command::new("kill").args(["-s", name, &pid]).status().unwrap().success());
    }

    /// Ends it with SIGTERM; gives its exit status and its whole log.
    pub(crate) fn stop(mut self) -> (ExitStatus, String) {
        self.signal("TERM");
        self.wait()
    }

    /// Waits for its end.
    pub(crate) fn wait(&mut self) -> (ExitStatus, String) {
        let status = self.wait_for_exit();
        while let Ok(line) = self.log.recv_timeout(PATIENCE) {
            self.seen.push(line);
        }
        (status, self.seen.join("\n"))
    }
}

impl Daemon {
    /// Waits for its end, and not for that of others that write to its log.
    pub(crate) fn wait_for_exit(&mut self) -> ExitStatus {
        let end = Instant::now() + PATIENCE;
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(Instant::now() < end, "the daemon does not end:\n{}", self.seen.join("\n"));
            thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        self.child.kill().ok();
        let status = self.child.wait().unwrap();
        let is_refused = status.signal() == Some(REFUSED_CALL);
        assert!(thread::panicking() || !is_refused, "the sandbox refused a call");
    }
}

/// What a daemon that was stopped says in its last lines: every count by its name, those of
/// sinks and peers as `SINK:NAME`.
pub(crate) fn accounting(log: &str) -> BTreeMap<String, i128> {
    let mut counts = BTreeMap::new();
    for line in log.lines() {
        let Some((_, line)) = line.split_once("accounting: ") else { continue };
        let of_one = line.strip_prefix("sink ").or_else(|| line.strip_prefix("peer "));
        let (sink, line) = match of_one {
            Some(line) => line.split_once(": ").map(|(sink, line)| (format!("{sink}:"), line)),
            None => Some((String::new(), line)),
        }
        .unwrap();
        for count in line.split_whitespace() {
            let (name, count) = count.split_once('=').unwrap();
            counts.insert(format!("{sink}{name}"), count.parse().unwrap());
        }
    }
    assert!(!counts.is_empty(), "no accounting in the log:\n{log}");
    counts
}

/// Asserts that every identity closes.
pub(crate) fn assert_books_close(counts: &BTreeMap<String, i128>) {
    let residuals = counts.iter().filter(|(name, _)| name.ends_with("residual"));
    assert!(residuals.clone().count() >= 3, "{counts:?}");
    for (name, residual) in residuals {
        assert_eq!(*residual, 0, "{name} in {counts:?}");
    }
}

/// One line as Graphite gets it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GraphiteLine {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) timestamp: i64,
}

impl GraphiteLine {
    fn parse(line: &str) -> Self {
        let fields: Vec<&str> = line.split(' ').collect();
        let &[name, value, timestamp] = fields.as_slice() else {
            panic!("not a Graphite line: '{line}'")
        };
        let timestamp = timestamp.parse().unwrap();
        Self { name: name.to_owned(), value: value.to_owned(), timestamp }
    }
}

/// A Graphite that remembers what it gets, on a port of its own.
pub(crate) struct SpyGraphite {
    port: u16,
    text: Arc<Mutex<String>>,
}

impl SpyGraphite {
    pub(crate) fn start() -> Self {
        Self::start_at(0)
    }

    /// One at this port, which nobody has; 0 is any.
    pub(crate) fn start_at(port: u16) -> Self {
        let listener = TcpListener::bind(("127.0.0.1", port)).unwrap();
        let port = listener.local_addr().unwrap().port();
        let text = Arc::new(Mutex::new(String::new()));
        let kept = Arc::clone(&text);
        thread::spawn(move || {
            for mut stream in listener.incoming().map_while(Result::ok) {
                let kept = Arc::clone(&kept);
                thread::spawn(move || {
                    let mut buffer = [0; 65_536];
                    while let Ok(bytes) = stream.read(&mut buffer) {
                        if bytes == 0 {
                            break;
                        }
                        let text = std::str::from_utf8(&buffer[..bytes]).unwrap();
                        kept.lock().unwrap().push_str(text);
                    }
                });
            }
        });
        Self { port, text }
    }

    /// As `-s` takes it.
    pub(crate) fn sink(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// The whole lines that have come so far.
    pub(crate) fn lines(&self) -> Vec<GraphiteLine> {
        let text = self.text.lock().unwrap().clone();
        let end = text.rfind('\n').map_or(0, |end| end + 1);
        text[..end].lines().map(GraphiteLine::parse).collect()
    }

    /// All that has come, once there are so many lines.
    pub(crate) fn wait_for_text(&self, lines: usize) -> String {
        self.wait_until("as many lines", |found| (found.len() >= lines).then_some(()));
        self.text.lock().unwrap().clone()
    }

    /// All lines, after a daemon has ended with this log: waits for as many as it delivered.
    pub(crate) fn all_lines(&self, log: &str) -> Vec<GraphiteLine> {
        let books = accounting(log);
        let usual = format!("graphite_127_0_0_1_{}:points.delivered", self.port);
        let delivered = books.get(&usual).or_else(|| books.get("good:points.delivered"));
        let delivered = usize::try_from(*delivered.unwrap()).unwrap();
        self.wait_until("what was delivered", |lines| {
            (lines.len() >= delivered).then(|| lines.to_vec())
        })
    }

    /// Waits until a line of this name has come, and gives the first.
    pub(crate) fn wait_for(&self, name: &str) -> GraphiteLine {
        self.wait_until(&format!("a line '{name}'"), |lines| {
            lines.iter().find(|line| line.name == name).cloned()
        })
    }

    /// Waits until the lines are as expected.
    pub(crate) fn wait_until<T>(
        &self,
        what: &str,
        found: impl Fn(&[GraphiteLine]) -> Option<T>,
    ) -> T {
        let end = Instant::now() + PATIENCE;
        loop {
            let lines = self.lines();
            if let Some(found) = found(&lines) {
                return found;
            }
            assert!(Instant::now() < end, "{what} did not come: {lines:?}");
            thread::sleep(Duration::from_millis(5));
        }
    }
}

/// The sum of all values of a name.
pub(crate) fn sum(lines: &[GraphiteLine], name: &str) -> f64 {
    let of_name = lines.iter().filter(|line| line.name == name);
    of_name.map(|line| line.value.parse::<f64>().unwrap()).sum()
}

/// Name and value of the lines of users' metrics, sorted: without our own.
pub(crate) fn without_own(lines: &[GraphiteLine]) -> Vec<String> {
    let users = lines.iter().filter(|line| !line.name.starts_with("gstatsd."));
    let mut users: Vec<_> = users.map(|line| format!("{} {}", line.name, line.value)).collect();
    users.sort_unstable();
    users
}
