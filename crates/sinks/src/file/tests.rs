//! Files on a real disk, and on one that is full.

use std::os::unix::fs::PermissionsExt as _;
use std::sync::atomic::{AtomicUsize, Ordering};

use gstatsd_aggregate::Window;

use super::*;

struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gstatsd-json-file-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn settings(&self, bytes_max: u64, files_max: u32) -> FileSettings {
        FileSettings { path: self.0.join("m.json"), bytes_max, files_max }
    }

    fn read(&self, name: &str) -> String {
        fs::read_to_string(self.0.join(name)).unwrap()
    }

    /// The names of the files, sorted.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A snapshot with so many gauges, which become lines of one length.
fn gauges(number: u64, count: u32) -> Snapshot {
    let mut snapshot = Snapshot::new(Window { timestamp: 1_700_000_000, seconds: 10.0 });
    snapshot.number = number;
    for index in 0..count {
        snapshot.push_gauge(format!("g{number}_{index:06}").as_bytes(), 1.0);
    }
    snapshot
}

fn naming() -> Naming {
    Naming::gstatsd("", 90.0, "")
}

fn lines(snapshot: &Snapshot) -> String {
    let mut lines = Vec::new();
    for entry in entries(snapshot) {
        json::write_entry(&entry, &naming(), snapshot.window, &mut lines);
    }
    String::from_utf8(lines).unwrap()
}

#[test]
fn snapshots_are_appended_and_the_file_is_for_its_owner_and_group() {
    let folder = Folder::new();
    let mut sink = JsonFile::open(folder.settings(0, 0)).unwrap();
    sink.send(&gauges(0, 3), &naming()).unwrap();
    sink.send(&gauges(1, 2_000), &naming()).unwrap();
    drop(sink);
    let mut sink = JsonFile::open(folder.settings(0, 0)).unwrap();
    sink.send(&gauges(0, 1), &naming()).unwrap();
    let expected = [gauges(0, 3), gauges(1, 2_000), gauges(0, 1)].map(|one| lines(&one)).concat();
    assert!(folder.read("m.json") == expected);
    let mode = fs::metadata(folder.0.join("m.json")).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode & !0o640, 0);
}

#[test]
fn a_folder_that_is_not_there_is_an_error_at_once() {
    let folder = Folder::new();
    let path = folder.0.join("missing/m.json");
    let error = JsonFile::open(FileSettings { path, bytes_max: 0, files_max: 0 }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn full_files_are_put_aside_and_the_oldest_is_dropped() {
    let folder = Folder::new();
    let line = lines(&gauges(0, 1)).len();
    // Ten lines to a file.
    let mut sink = JsonFile::open(folder.settings(10 * line as u64 + 5, 2)).unwrap();
    for number in 0..7 {
        sink.send(&gauges(number, 5), &naming()).unwrap();
    }
    assert_eq!(folder.names(), ["m.json", "m.json.1", "m.json.2"]);
    let both = |first| [gauges(first, 5), gauges(first + 1, 5)].map(|one| lines(&one)).concat();
    assert_eq!(folder.read("m.json.2"), both(2));
    assert_eq!(folder.read("m.json.1"), both(4));
    assert_eq!(folder.read("m.json"), lines(&gauges(6, 5)));
    // One snapshot may fill several.
    sink.send(&gauges(7, 25), &naming()).unwrap();
    let all = lines(&gauges(7, 25));
    let cut = |from: usize, to: usize| &all[from * line..to * line];
    assert_eq!(folder.read("m.json.2"), lines(&gauges(6, 5)) + cut(0, 5));
    assert_eq!(
        (folder.read("m.json.1").as_str(), folder.read("m.json").as_str()),
        (cut(5, 15), cut(15, 25))
    );
    // A line that is longer than a file may be has one of its own.
    let mut sink = JsonFile::open(folder.settings(10, 1)).unwrap();
    sink.send(&gauges(8, 2), &naming()).unwrap();
    assert_eq!(folder.read("m.json").lines().count(), 1);
    let mut sink = JsonFile::open(folder.settings(10, 0)).unwrap();
    sink.send(&gauges(9, 2), &naming()).unwrap();
    assert!(folder.read("m.json.1").contains("g8_000000"), "it is left alone");
    assert!(folder.read("m.json").contains("g9_000001"));
}

#[test]
fn a_file_that_was_moved_or_cut_is_noticed_at_the_next_snapshot() {
    let folder = Folder::new();
    let mut sink = JsonFile::open(folder.settings(0, 0)).unwrap();
    sink.send(&gauges(0, 1), &naming()).unwrap();
    fs::rename(folder.0.join("m.json"), folder.0.join("moved")).unwrap();
    sink.send(&gauges(1, 1), &naming()).unwrap();
    assert_eq!(folder.read("moved"), lines(&gauges(0, 1)));
    assert_eq!(folder.read("m.json"), lines(&gauges(1, 1)));
    fs::remove_file(folder.0.join("m.json")).unwrap();
    sink.send(&gauges(2, 1), &naming()).unwrap();
    assert_eq!(folder.read("m.json"), lines(&gauges(2, 1)));
    File::options().write(true).open(folder.0.join("m.json")).unwrap().set_len(0).unwrap();
    sink.send(&gauges(3, 1), &naming()).unwrap();
    assert_eq!(folder.read("m.json"), lines(&gauges(3, 1)));
}

#[test]
fn a_torn_line_is_ended_before_more_is_appended() {
    let folder = Folder::new();
    fs::write(folder.0.join("m.json"), "{\"name\":\"to").unwrap();
    let mut sink = JsonFile::open(folder.settings(0, 0)).unwrap();
    sink.send(&gauges(0, 1), &naming()).unwrap();
    assert_eq!(folder.read("m.json"), format!("{{\"name\":\"to\n{}", lines(&gauges(0, 1))));
}

#[test]
fn a_full_disk_is_tried_again() {
    // The kernel's file that is always full.
    let path = PathBuf::from("/dev/full");
    let mut sink = JsonFile::open(FileSettings { path, bytes_max: 0, files_max: 0 }).unwrap();
    for _ in 0..2 {
        let error = sink.send(&gauges(0, 1), &naming()).unwrap_err();
        assert_eq!(error.to_string(), "cannot write to /dev/full");
        assert!(!error.is_final());
        assert_eq!(sink.under_way, Some((0, 0)));
    }
}

#[test]
fn after_an_error_it_goes_on_with_the_next_line() {
    let folder = Folder::new();
    let line = lines(&gauges(0, 1)).len();
    let settings = folder.settings(10 * line as u64, 1);
    let mut sink = JsonFile::open(settings).unwrap();
    // The full file cannot be put aside, for a folder has its name.
    fs::create_dir_all(folder.0.join("m.json.1/x")).unwrap();
    assert!(sink.send(&gauges(0, 25), &naming()).is_err());
    assert_eq!(sink.under_way, Some((0, 10)));
    fs::remove_dir_all(folder.0.join("m.json.1")).unwrap();
    sink.send(&gauges(0, 25), &naming()).unwrap();
    let all = lines(&gauges(0, 25));
    let cut = |from: usize| &all[from * line..];
    assert_eq!(folder.read("m.json"), cut(20));
    assert_eq!(folder.read("m.json.1"), cut(10)[..10 * line]);
    assert_eq!(sink.under_way, None);
}
