//! Unix sockets: files that outlive who made them, so that one of them may stand in the way.

use std::fs::{self, File, Permissions};
use std::io::{self, ErrorKind};
use std::os::fd::AsFd as _;
use std::os::unix::fs::{FileTypeExt as _, MetadataExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::stat::Mode;
use socket2::{Domain, SockAddr, Socket, Type};

use super::inherited;

/// The file of a socket. It is removed when this is dropped, unless another has its place.
#[derive(Debug)]
pub(crate) struct SocketFile {
    path: PathBuf,
    identity: Identity,
}

/// Device, inode, and when it was made: numbers of inodes are used again.
type Identity = (u64, u64, i64, i64);

/// Binds a socket to a path, with these permissions. One that nobody listens on any more is
/// replaced.
///
/// # Errors
/// Somebody listens there, something else has the path, or the system refuses.
pub(super) fn bind(path: &Path, kind: Type, mode: u32) -> io::Result<(Socket, SocketFile)> {
    // Of two that start at once one might take the fresh socket of the other for an old one.
    let _lock = lock_directory(path)?;
    // One that systemd has kept is of no use where its file is gone.
    let inherited = inherited::take_unix(kind, path).filter(|_| fs::symlink_metadata(path).is_ok());
    let socket = match inherited {
        Some(inherited) => inherited,
        None => {
            let socket = Socket::new(Domain::UNIX, kind, None)?;
            make_room(path, kind)?;
            bind_with_mode(&socket, path, mode)?;
            socket
        }
    };
    let made = fs::symlink_metadata(path)?;
    let file = SocketFile { path: path.to_owned(), identity: identity(&made) };
    Ok((socket, file))
}

/// Keeps others that do the same from this directory. Not on every file system can that be done.
fn lock_directory(path: &Path) -> io::Result<Option<Flock<File>>> {
    let parent = path.parent().unwrap_or(Path::new("/"));
    let directory = match File::open(parent) {
        Ok(directory) => directory,
        // It can be used, but not read.
        Err(error) if error.kind() == ErrorKind::PermissionDenied => return Ok(None),
        Err(error) => return Err(error),
    };
    Ok(Flock::lock(directory, FlockArg::LockExclusive).ok())
}

/// Removes a socket that nobody listens on.
fn make_room(path: &Path, kind: Type) -> io::Result<()> {
    let found = match fs::symlink_metadata(path) {
        Ok(found) => found.file_type(),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
        Err(error) => return Err(error),
    };
    if !found.is_socket() {
        let what = match found {
            found if found.is_symlink() => "a symbolic link",
            found if found.is_dir() => "a directory",
            found if found.is_file() => "a file",
            _ => "something else",
        };
        let why = format!("there is {what}, which is not replaced");
        return Err(io::Error::new(ErrorKind::AlreadyExists, why));
    }
    let probe = Socket::new(Domain::UNIX, kind, None)?;
    // A full queue must not hold us up: who has one is alive.
    probe.set_nonblocking(true)?;
    match probe.connect(&SockAddr::unix(path)?) {
        Err(error) if error.kind() == ErrorKind::ConnectionRefused => fs::remove_file(path),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => Err(error),
        // It answers, or is a socket of another kind that is in use.
        _ => Err(io::Error::new(ErrorKind::AddrInUse, "another process listens there")),
    }
}

/// At no time has it more permissions than these.
fn bind_with_mode(socket: &Socket, path: &Path, mode: u32) -> io::Result<()> {
    nix::sys::stat::fchmod(socket.as_fd(), Mode::from_bits_truncate(mode))?;
    socket.bind(&SockAddr::unix(path)?)?;
    // The umask took some away.
    fs::set_permissions(path, Permissions::from_mode(mode))
}

fn identity(found: &fs::Metadata) -> Identity {
    (found.dev(), found.ino(), found.mtime(), found.mtime_nsec())
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        let found = fs::symlink_metadata(&self.path);
        if found.is_ok_and(|found| identity(&found) == self.identity) {
            // Nothing can be done about it where that fails; the next one replaces it.
            fs::remove_file(&self.path).ok();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::net::{UnixDatagram, UnixListener};

    use super::*;

    /// A folder of its own for a test, which is removed at its end.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let name = format!("gstatsd-unix-{name}-{}", std::process::id());
            let path = std::env::temp_dir().join(name);
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }

        fn socket(&self) -> PathBuf {
            self.0.join("socket")
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            fs::remove_dir_all(&self.0).ok();
        }
    }

    #[test]
    fn a_socket_has_the_mode_that_is_asked_for_and_goes_with_us() {
        let folder = Folder::new("mode");
        for (kind, mode) in [(Type::STREAM, 0o666), (Type::DGRAM, 0o620)] {
            let (_socket, file) = bind(&folder.socket(), kind, mode).unwrap();
            let found = fs::symlink_metadata(folder.socket()).unwrap();
            assert_eq!(found.permissions().mode() & 0o7777, mode);
            drop(file);
            assert!(!folder.socket().exists());
        }
    }

    #[test]
    fn f40_a_socket_that_was_left_behind_is_replaced() {
        let folder = Folder::new("stale");
        for kind in [Type::STREAM, Type::DGRAM] {
            drop(UnixListener::bind(folder.socket()).unwrap());
            bind(&folder.socket(), kind, 0o600).unwrap();
            drop(UnixDatagram::bind(folder.socket()).unwrap());
            let (_socket, _file) = bind(&folder.socket(), kind, 0o600).unwrap();
        }
    }

    #[test]
    fn f40_a_socket_in_use_is_not_touched_whatever_its_kind() {
        let folder = Folder::new("live");
        let check = || {
            for kind in [Type::STREAM, Type::DGRAM] {
                let error = bind(&folder.socket(), kind, 0o600).unwrap_err();
                assert_eq!(error.to_string(), "another process listens there");
            }
        };
        let stream = UnixListener::bind(folder.socket()).unwrap();
        check();
        assert!(folder.socket().exists());
        drop(stream);
        fs::remove_file(folder.socket()).unwrap();
        let _datagrams = UnixDatagram::bind(folder.socket()).unwrap();
        check();
    }

    #[test]
    fn f40_what_is_no_socket_is_not_touched() {
        let folder = Folder::new("others");
        let path = folder.socket();
        let check = |what: &str| {
            let error = bind(&path, Type::DGRAM, 0o600).unwrap_err().to_string();
            assert_eq!(error, format!("there is {what}, which is not replaced"));
        };
        fs::write(&path, "precious").unwrap();
        check("a file");
        assert_eq!(fs::read(&path).unwrap(), b"precious");
        fs::remove_file(&path).unwrap();
        std::os::unix::fs::symlink("/nonexistent", &path).unwrap();
        check("a symbolic link");
        fs::remove_file(&path).unwrap();
        fs::create_dir(&path).unwrap();
        check("a directory");
    }

    #[test]
    fn f40_at_the_end_the_socket_of_a_successor_stays() {
        let folder = Folder::new("successor");
        let (socket, file) = bind(&folder.socket(), Type::DGRAM, 0o600).unwrap();
        drop(socket);
        let (_successor, _file) = bind(&folder.socket(), Type::DGRAM, 0o600).unwrap();
        drop(file);
        assert!(folder.socket().exists());
    }
}
