//! What one process leaves in the files, and what the next believes of it.

use std::fs;
use std::sync::atomic::AtomicUsize;

use super::*;

/// A directory of its own, gone at the end.
struct Dir(PathBuf);

impl Dir {
    fn new() -> Self {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("gstatsd-totals-{}-{count}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.join("totals/page").join(name)
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).ok();
    }
}

/// A keeper that has begun, what it was given to read, and the word for that.
fn begun(dir: &Dir) -> (TotalsFiles, Option<Vec<u8>>, &'static str) {
    let mut files = TotalsFiles::new(&dir.0, "page");
    let mut read = None;
    assert!(files.begin(true, &mut |bytes| {
        read = Some(bytes.to_vec());
        Ok(1)
    }));
    let word = *files.standing.0.found.get().unwrap();
    (files, read, word)
}

fn keep(files: &mut TotalsFiles, text: &[u8]) {
    // However slow this machine is.
    files.open.as_mut().unwrap().pause = None;
    files.keep(&mut |out| out.extend_from_slice(text));
}

/// What a process found that kept these, one after the other, and was killed, or ended with the
/// last.
fn left(dir: &Dir, texts: &[&[u8]], in_order: bool) {
    let (mut files, ..) = begun(dir);
    texts.iter().for_each(|text| keep(&mut files, text));
    if in_order {
        files.end(&mut |out| out.extend_from_slice(texts.last().unwrap()));
    }
}

#[test]
fn what_was_kept_last_is_found_after_an_end_and_after_a_kill() {
    let dir = Dir::new();
    assert!(matches!(begun(&dir), (_, None, "missing")));
    for in_order in [true, false, false, true, true] {
        left(&dir, &[b"first", b"second"], in_order);
        let (_, read, word) = begun(&dir);
        assert_eq!((read.as_deref(), word), (Some(&b"second"[..]), "newest"), "{in_order}");
    }
}

#[test]
fn either_file_may_be_damaged_after_an_end() {
    for name in ["totals.a", "totals.b"] {
        let dir = Dir::new();
        left(&dir, &[b"first", b"second"], true);
        fs::write(dir.file(name), b"damage").unwrap();
        let (_, read, word) = begun(&dir);
        assert_eq!((read.as_deref(), word), (Some(&b"second"[..]), "older"));
    }
    let dir = Dir::new();
    left(&dir, &[b"first"], true);
    for name in ["totals.a", "totals.b"] {
        fs::write(dir.file(name), b"damage").unwrap();
    }
    assert!(matches!(begun(&dir), (_, None, "damaged")));
}

#[test]
fn totals_that_are_older_than_what_was_shown_are_not_believed_then_or_later() {
    let dir = Dir::new();
    left(&dir, &[b"first", b"second", b"third"], false);
    // The newest.
    fs::write(dir.file("totals.a"), b"damage").unwrap();
    let (files, read, word) = begun(&dir);
    assert_eq!((read, word), (None, "behind"));
    drop(files);
    assert!(matches!(begun(&dir), (_, None, "missing")));
    // What was not written is shown all the same.
    let (mut files, ..) = begun(&dir);
    keep(&mut files, b"first");
    files.open.as_mut().unwrap().pause = Some(beats::now() + END_MAX);
    files.keep(&mut |_| panic!("that is too much now"));
    drop(files);
    assert!(matches!(begun(&dir), (_, None, "behind")));
}

#[test]
fn totals_that_take_long_to_keep_are_kept_less_often_and_at_the_end() {
    let dir = Dir::new();
    let (mut files, ..) = begun(&dir);
    files.keep(&mut |out| {
        thread::sleep(SHORT * 2);
        out.extend_from_slice(b"first");
    });
    files.keep(&mut |_| panic!("it is not due"));
    files.end(&mut |out| out.extend_from_slice(b"second"));
    let (_, read, word) = begun(&dir);
    assert_eq!((read.as_deref(), word), (Some(&b"second"[..]), "newest"));
}

#[test]
fn f75_after_a_power_cut_nothing_is_believed_and_a_newer_version_neither() {
    let payload = |version: u8, is_final: u8| {
        let mut payload = vec![version, is_final];
        payload.extend(7_u64.to_le_bytes());
        payload.extend_from_slice(b"totals");
        Some(payload)
    };
    let word = |payload, previous: &Previous| match Found::of(payload, previous) {
        Found::Totals(bytes, number) => {
            assert_eq!((&bytes[..], number), (&b"totals"[..], 7));
            "totals"
        }
        Found::Nothing => "nothing",
        Found::Behind => "behind",
        Found::Damaged => "damaged",
        Found::Newer => "newer",
    };
    let killed = |shown| Previous::Killed { run: 1, counters: vec![shown] };
    assert_eq!(word(payload(1, 1), &Previous::None), "totals");
    assert_eq!(word(payload(1, 0), &Previous::None), "behind");
    assert_eq!(word(payload(1, 0), &killed(7)), "totals");
    assert_eq!(word(payload(1, 1), &killed(0)), "totals");
    assert_eq!(word(payload(1, 0), &killed(8)), "behind");
    assert_eq!(word(payload(1, 1), &killed(NOTHING)), "behind");
    assert_eq!(word(payload(1, 1), &Previous::PowerLost), "behind");
    assert_eq!(word(payload(1, 1), &Previous::Unknown), "behind");
    assert_eq!(word(payload(2, 1), &Previous::None), "newer");
    assert_eq!(word(Some(vec![1, 1]), &Previous::None), "damaged");
    assert_eq!(word(None, &Previous::None), "nothing");
}

#[test]
fn f79_totals_of_a_newer_version_are_put_aside() {
    let dir = Dir::new();
    left(&dir, &[b"first"], true);
    let whole = fs::read(dir.file("totals.a")).unwrap();
    let mut files = TotalsFiles::new(&dir.0, "page");
    assert!(files.begin(true, &mut |_| Err(DecodeError::Version(9))));
    assert_eq!(files.standing.0.found.get(), Some(&"newer_version"));
    keep(&mut files, b"ours");
    keep(&mut files, b"ours");
    assert_eq!(fs::read(dir.file("quarantine/totals.a")).unwrap(), whole);
}

#[test]
fn while_one_process_keeps_totals_another_does_not() {
    let dir = Dir::new();
    let (files, ..) = begun(&dir);
    let mut second = TotalsFiles::new(&dir.0, "page");
    assert!(!second.begin(false, &mut |_| Ok(0)));
    second.waited_since = Some(beats::now().checked_sub(WAIT_MAX).unwrap());
    assert!(second.begin(false, &mut |_| Ok(0)), "it has waited for long enough");
    let mut told = Vec::new();
    second.standing.named(|stem, reason, count| told.push((format!("{stem}{reason}"), count)));
    assert_eq!(told, [("totals.failures".to_owned(), 1)]);
    second.keep(&mut |_| panic!("there is nowhere to keep it"));
    drop(files);
}
