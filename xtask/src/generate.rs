//! `cargo xtask generate`: the pages under `docs/` that come out of the program itself.

use std::fs;
use std::process::Command;

use anyhow::{Context, bail};

use crate::command::{self, cargo};
use crate::place::Place;

/// What `gstatsd docs` is asked for, and the file that holds the answer.
const PAGES: [(&str, &str); 5] = [
    ("config", "docs/configuration.md"),
    ("man", "docs/gstatsd.1"),
    ("bash", "docs/completions/gstatsd.bash"),
    ("zsh", "docs/completions/gstatsd.zsh"),
    ("fish", "docs/completions/gstatsd.fish"),
];

/// Writes each page that is not current.
pub(crate) fn write(place: &Place) -> anyhow::Result<()> {
    for (page, path) in PAGES {
        let wanted = ask(place, page)?;
        let file = place.root.join(path);
        if is_current(fs::read(&file).ok().as_deref(), &wanted) {
            continue;
        }
        if let Some(dir) = file.parent() {
            fs::create_dir_all(dir).with_context(|| format!("cannot make {}", dir.display()))?;
        }
        fs::write(&file, wanted).with_context(|| format!("cannot write {path}"))?;
        println!("wrote {path}");
    }
    Ok(())
}

/// Fails with the names of the pages that are not current.
pub(crate) fn check(place: &Place) -> anyhow::Result<()> {
    let mut stale = Vec::new();
    for (page, path) in PAGES {
        let wanted = ask(place, page)?;
        if !is_current(fs::read(place.root.join(path)).ok().as_deref(), &wanted) {
            stale.push(path);
        }
    }
    if !stale.is_empty() {
        bail!("not current: {}; run `cargo xtask generate`", stale.join(", "));
    }
    println!("{} pages are current", PAGES.len());
    Ok(())
}

fn ask(place: &Place, page: &str) -> anyhow::Result<Vec<u8>> {
    command::run(&mut cargo(place, &["build", "--quiet", "--release", "-p", "gstatsd"]))?;
    command::output(Command::new(place.release_binary("gstatsd")).args(["docs", page]))
}

fn is_current(found: Option<&[u8]>, wanted: &[u8]) -> bool {
    found == Some(wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_that_is_missing_or_differs_is_not_current() {
        assert!(is_current(Some(b"page\n"), b"page\n"));
        assert!(!is_current(Some(b"old\n"), b"page\n"));
        assert!(!is_current(None, b""));
    }
}
