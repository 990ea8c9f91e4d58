//! A file of JSON lines, which is rotated by size.
//!
//! ```text
//! metrics.json      is written
//! metrics.json.1    was written before; at most `files_max` of these
//! metrics.json.2
//! ```

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Write as _};
use std::os::unix::fs::{FileExt as _, MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gstatsd_aggregate::{Naming, Snapshot};

use crate::entry::{self, entries};
use crate::{PointCounter, Receipt, SendError, Sink, json};

/// Lines are gathered to about this many bytes before they are written.
const CHUNK: usize = 64 * 1024;
/// Who may read the file: its owner and its group.
const MODE: u32 = 0o640;

/// Where lines go, and how much of them is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileSettings {
    /// The file.
    pub path: PathBuf,
    /// How long a file becomes, in bytes, unless one line alone is longer. 0 for as long as there
    /// is room.
    pub bytes_max: u64,
    /// How many full files are kept beside the one that is written.
    pub files_max: u32,
}

/// Appends snapshots to a file, in whole lines.
///
/// A file that was moved away or deleted is made anew at the next snapshot, so that others may
/// rotate it too. A line that was cut off, as by a full disk, is taken back, or where that cannot
/// be, ended before more is appended. What was written of a snapshot is not written again.
#[derive(Debug)]
pub struct JsonFile {
    settings: FileSettings,
    file: Option<Opened>,
    /// The number of the snapshot that is under way, and how many of its lines are written.
    under_way: Option<(u64, u64)>,
}

/// An open file that ends with a whole line.
#[derive(Debug)]
struct Opened {
    file: File,
    /// By which it is known: its device and its inode.
    identity: (u64, u64),
    bytes: u64,
}

impl JsonFile {
    /// A file that is opened, or made, with the first snapshot.
    #[must_use]
    pub fn new(settings: FileSettings) -> Self {
        Self { settings, file: None, under_way: None }
    }

    /// Opens the file, or makes it.
    ///
    /// # Errors
    /// That cannot be done.
    pub fn open(settings: FileSettings) -> io::Result<Self> {
        let file = Some(Opened::open(&settings.path)?);
        Ok(Self { settings, file, under_way: None })
    }

    /// Opens the file anew where it is not the one at the path.
    fn reopen(&mut self) -> io::Result<()> {
        let path = &self.settings.path;
        let found = fs::metadata(path);
        let is_same = match (&found, &self.file) {
            (Ok(found), Some(file)) => file.identity == identity(found),
            _ => false,
        };
        match (found, &mut self.file) {
            // Somebody may have cut it short.
            (Ok(found), Some(file)) if is_same => file.bytes = found.len(),
            _ => {
                self.file = None;
                self.file = Some(Opened::open(path)?);
            }
        }
        Ok(())
    }

    /// Writes all lines but those that are written.
    fn go_on(&mut self, snapshot: &Snapshot, naming: &Naming, done: &mut u64) -> io::Result<()> {
        self.reopen()?;
        let (mut chunk, mut ends) = (Vec::with_capacity(CHUNK), Vec::new());
        let window = snapshot.window;
        let mut line = 0;
        let before = *done;
        let mut put = |write: &dyn Fn(&mut Vec<u8>)| -> io::Result<()> {
            line += 1;
            if line > before {
                write(&mut chunk);
                ends.push(chunk.len());
                if chunk.len() >= CHUNK {
                    self.append(&chunk, &ends, done)?;
                    chunk.clear();
                    ends.clear();
                }
            }
            Ok(())
        };
        for entry in entries(snapshot) {
            put(&|out| json::write_entry(&entry, naming, window, out))?;
        }
        for notice in snapshot.notices() {
            put(&|out| json::write_notice(notice, window, out))?;
        }
        self.append(&chunk, &ends, done)
    }

    /// Appends lines that end at these places, as many to a file as fit.
    fn append(&mut self, lines: &[u8], ends: &[usize], done: &mut u64) -> io::Result<()> {
        let (mut start, mut ends) = (0, ends);
        while let Some(first) = ends.first() {
            let room = match self.settings.bytes_max {
                0 => usize::MAX,
                most => {
                    let used = self.file.as_ref().map_or(0, |file| file.bytes);
                    if used > 0 && used + (*first - start) as u64 > most {
                        self.rotate()?;
                        continue;
                    }
                    usize::try_from(most.saturating_sub(used)).unwrap_or(usize::MAX)
                }
            };
            let fit = ends.partition_point(|end| end - start <= room).max(1);
            let end = ends[fit - 1];
            let Some(file) = &mut self.file else { return Err(ErrorKind::NotFound.into()) };
            let written = file.append(&lines[start..end]);
            let bytes = *written.as_ref().unwrap_or_else(|(bytes, _)| bytes);
            *done += ends.partition_point(|end| *end <= start + bytes) as u64;
            if let Err((_, error)) = written {
                // What is torn is mended when it is opened again.
                self.file = None;
                return Err(error);
            }
            (start, ends) = (end, &ends[fit..]);
        }
        Ok(())
    }

    /// Puts the full file aside, and begins another.
    fn rotate(&mut self) -> io::Result<()> {
        let FileSettings { path, files_max, .. } = &self.settings;
        self.file = None;
        let numbered = |number: u32| {
            let mut name = path.clone().into_os_string();
            name.push(format!(".{number}"));
            PathBuf::from(name)
        };
        match *files_max {
            0 => fs::remove_file(path)?,
            most => {
                for number in (1..most).rev() {
                    match fs::rename(numbered(number), numbered(number + 1)) {
                        Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
                        _ => {}
                    }
                }
                fs::rename(path, numbered(1))?;
            }
        }
        self.file = Some(Opened::open(path)?);
        Ok(())
    }
}

impl Opened {
    fn open(path: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.read(true).append(true).create(true).mode(MODE).open(path)?;
        let found = file.metadata()?;
        if found.is_dir() {
            return Err(ErrorKind::IsADirectory.into());
        }
        let mut opened = Self { file, identity: identity(&found), bytes: found.len() };
        let mut last = [0];
        if found.is_file()
            && found.len() > 0
            && opened.file.read_at(&mut last, found.len() - 1)? == 1
            && last != *b"\n"
        {
            opened.append(b"\n").map_err(|(_, error)| error)?;
        }
        Ok(opened)
    }

    /// Appends bytes. Where it fails, takes back what was not a whole line, and gives how many
    /// bytes of whole lines were written.
    fn append(&mut self, bytes: &[u8]) -> Result<usize, (usize, io::Error)> {
        let mut written = 0;
        while written < bytes.len() {
            let error = match self.file.write(&bytes[written..]) {
                Ok(0) => ErrorKind::WriteZero.into(),
                Ok(count) => {
                    written += count;
                    continue;
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(error) => error,
            };
            let whole = bytes[..written].iter().rposition(|byte| *byte == b'\n');
            let whole = whole.map_or(0, |place| place + 1);
            // Where it cannot be taken back, opening it again ends the line.
            self.file.set_len(self.bytes + whole as u64).ok();
            return Err((whole, error));
        }
        self.bytes += bytes.len() as u64;
        Ok(written)
    }
}

impl Sink for JsonFile {
    fn point_counter(&self) -> PointCounter {
        Arc::new(|snapshot, _| entry::count(snapshot))
    }

    fn carries_notices(&self) -> bool {
        true
    }

    fn send(&mut self, snapshot: &Snapshot, naming: &Naming) -> Result<Receipt, SendError> {
        let mut done = match self.under_way {
            Some((number, done)) if number == snapshot.number => done,
            _ => 0,
        };
        let sent = self.go_on(snapshot, naming, &mut done);
        self.under_way = sent.is_err().then_some((snapshot.number, done));
        sent.map(|()| Receipt::default()).map_err(|source| SendError::Write {
            peer: self.settings.path.display().to_string(),
            source,
        })
    }

    fn preview(&self, snapshot: &Snapshot, naming: &Naming, show: &mut dyn FnMut(&str)) {
        let mut lines = Vec::new();
        for entry in entries(snapshot) {
            json::write_entry(&entry, naming, snapshot.window, &mut lines);
        }
        for notice in snapshot.notices() {
            json::write_notice(notice, snapshot.window, &mut lines);
        }
        String::from_utf8_lossy(&lines).lines().for_each(show);
    }
}

fn identity(found: &fs::Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

#[cfg(test)]
mod tests;
