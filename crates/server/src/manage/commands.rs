//! The commands of a connection: a line each, or what comes at once without an end.

use std::io::{self, ErrorKind, Read as _};
use std::os::fd::AsFd as _;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use socket2::Socket;

/// What came without a newline is a command when nothing follows for so long, as the original has
/// it: there what comes at once is one.
const PAUSE: Duration = Duration::from_millis(250);
/// How many commands may come before the answers to those before them are awaited.
const AHEAD_MAX: usize = 1_000;
/// How much is read at once.
const READ_BYTES: usize = 4_096;

/// The commands that come over a connection.
pub(super) struct Commands<'s> {
    socket: &'s Socket,
    /// What came and was not taken.
    bytes: Vec<u8>,
    line_bytes_max: usize,
    idle_timeout: Duration,
    /// How many commands came since there was nothing to read.
    ahead: usize,
    is_ended: bool,
}

/// What comes next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// A command, without its end.
    Command(Vec<u8>),
    /// Nothing more will be read, and why.
    Refused(&'static str),
    /// Nothing more will come.
    End,
}

impl<'s> Commands<'s> {
    /// The commands of a connection that is never waited for.
    pub(super) fn new(socket: &'s Socket, line_bytes_max: usize, idle_timeout: Duration) -> Self {
        Self { socket, bytes: Vec::new(), line_bytes_max, idle_timeout, ahead: 0, is_ended: false }
    }

    /// Waits for the next one.
    ///
    /// # Errors
    /// The connection is broken.
    pub(super) fn next(&mut self) -> io::Result<Next> {
        loop {
            if let Some(end) = self.bytes.iter().position(|&byte| byte == b'\n') {
                let rest = self.bytes.split_off(end + 1);
                self.bytes.truncate(end);
                return Ok(self.command(rest));
            }
            if self.bytes.len() > self.line_bytes_max {
                return Ok(Next::Refused("the line is too long"));
            }
            if self.is_ended {
                return Ok(match self.bytes.is_empty() {
                    true => Next::End,
                    false => self.command(Vec::new()),
                });
            }
            if !self.is_readable(Duration::ZERO)? {
                self.ahead = 0;
                let (patience, is_idle) = match self.bytes.is_empty() {
                    true => (self.idle_timeout, true),
                    false => (PAUSE, false),
                };
                match (self.is_readable(patience)?, is_idle) {
                    (true, _) => {}
                    (false, true) => return Ok(Next::End),
                    (false, false) => return Ok(self.command(Vec::new())),
                }
            }
            self.read()?;
        }
    }

    /// What came so far is a command, and `rest` comes after it.
    fn command(&mut self, rest: Vec<u8>) -> Next {
        let command = std::mem::replace(&mut self.bytes, rest);
        self.ahead += 1;
        if command.len() > self.line_bytes_max {
            return Next::Refused("the line is too long");
        }
        if self.ahead > AHEAD_MAX {
            return Next::Refused("too many commands at once");
        }
        if is_of_another_protocol(&command) {
            return Next::Refused("this is no command");
        }
        Next::Command(command)
    }

    fn is_readable(&self, patience: Duration) -> io::Result<bool> {
        let mut waiting = [PollFd::new(self.socket.as_fd(), PollFlags::POLLIN)];
        let milliseconds = i32::try_from(patience.as_millis()).unwrap_or(i32::MAX);
        let timeout = PollTimeout::try_from(milliseconds).unwrap_or(PollTimeout::MAX);
        match poll(&mut waiting, timeout) {
            Ok(ready) => Ok(ready > 0),
            // Whoever waits asks again.
            Err(nix::errno::Errno::EINTR) => Ok(true),
            Err(error) => Err(error.into()),
        }
    }

    fn read(&mut self) -> io::Result<()> {
        let mut buffer = [0; READ_BYTES];
        let mut socket = self.socket;
        match socket.read(&mut buffer) {
            Ok(0) => self.is_ended = true,
            Ok(bytes) => self.bytes.extend_from_slice(&buffer[..bytes]),
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// Whether it is the begin of HTTP or of TLS: a web page must not give commands with what follows.
fn is_of_another_protocol(command: &[u8]) -> bool {
    let is_http = command.windows(6).any(|part| part == b" HTTP/");
    is_http || command.starts_with(&[0x16, 0x03])
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::os::unix::net::UnixStream;
    use std::thread;

    use super::*;

    /// What is made of these pieces, each sent after a pause.
    fn read(pieces: &[&[u8]], line_bytes_max: usize) -> Vec<Next> {
        let (mut client, server) = UnixStream::pair().unwrap();
        server.set_nonblocking(true).unwrap();
        let server = Socket::from(server);
        thread::scope(|scope| {
            scope.spawn(move || {
                for (number, piece) in pieces.iter().enumerate() {
                    if number > 0 {
                        thread::sleep(2 * PAUSE);
                    }
                    // A server that has had enough reads no more.
                    client.write_all(piece).ok();
                }
            });
            let mut commands = Commands::new(&server, line_bytes_max, Duration::from_secs(60));
            let mut all = Vec::new();
            while all.last().is_none_or(|last| matches!(last, Next::Command(_))) {
                all.push(commands.next().unwrap());
            }
            drop(server);
            all
        })
    }

    fn command(text: &str) -> Next {
        Next::Command(text.as_bytes().to_vec())
    }

    #[test]
    fn a_command_is_a_line_or_what_comes_at_once() {
        let all = read(&[b"help\r\n\nstats\nhea", b"lth", b"quit"], 100);
        let expected =
            [command("help\r"), command(""), command("stats"), command("hea"), command("lth")];
        assert_eq!(all[..5], expected);
        assert_eq!(all[5..], [command("quit"), Next::End]);
    }

    #[test]
    fn f50_endless_lines_and_too_many_commands_end_the_connection() {
        let too_long = Next::Refused("the line is too long");
        assert_eq!(read(&[&[b'x'; 10 << 20]], 100), [too_long]);
        let long = [&[b'x'; 101][..], b"\n"].concat();
        assert_eq!(read(&[&long], 100), [Next::Refused("the line is too long")]);
        let all = read(&[&b"x\n".repeat(5 << 20)], 100);
        assert_eq!(all.len(), AHEAD_MAX + 1);
        assert_eq!(all.last(), Some(&Next::Refused("too many commands at once")));
        assert_eq!(read(&["h\u{e9}\n".as_bytes()], 100)[0], command("h\u{e9}"));
    }

    #[test]
    fn a_web_page_gives_no_commands() {
        for begin in ["POST / HTTP/1.1\r\n\r\nhelp\n", "GET /a HTTP/1.0\n", "\u{16}\u{3}\n"] {
            let all = read(&[begin.as_bytes()], 100);
            assert_eq!(all, [Next::Refused("this is no command")], "{begin}");
        }
    }
}
