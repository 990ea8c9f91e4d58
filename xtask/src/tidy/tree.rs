//! The files of the repository: those that git tracks or would track.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::Context;

/// A file as the checks see it.
pub(super) struct File {
    /// Relative to the root, with `/` between its parts.
    pub(super) path: String,
    /// The size of the file.
    pub(super) bytes: u64,
    /// The content, where it is UTF-8.
    pub(super) text: Option<String>,
}

/// Reads every file, in the order of the paths.
///
/// New files count before they are added, so that one sees a finding before the commit.
///
/// # Errors
///
/// A file or directory cannot be read.
pub(super) fn read(root: &Path) -> anyhow::Result<Vec<File>> {
    let mut paths = match paths_by_git(root) {
        Some(paths) => paths,
        None => paths_by_walk(root)?,
    };
    paths.sort();
    paths.dedup();
    let mut files = Vec::with_capacity(paths.len());
    for path in paths {
        // Git lists a file that was deleted and not yet removed from the index, too.
        let Ok(metadata) = fs::metadata(root.join(&path)) else { continue };
        let content = fs::read(root.join(&path)).with_context(|| format!("cannot read {path}"))?;
        files.push(File { path, bytes: metadata.len(), text: String::from_utf8(content).ok() });
    }
    Ok(files)
}

/// What git lists; nothing where there is no git or no repository.
fn paths_by_git(root: &Path) -> Option<Vec<String>> {
    // A checkout often belongs to another user than the one who tests it.
    let arguments = ["-c", "safe.directory=*", "ls-files", "-z", "--cached", "--others"];
    let mut git = Command::new("git");
    git.current_dir(root).args(arguments).arg("--exclude-standard");
    let output = git.output().ok().filter(|output| output.status.success())?;
    let listed = String::from_utf8(output.stdout).ok()?;
    Some(listed.split('\0').filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// Everything but build products, for a source tree that came without git.
fn paths_by_walk(root: &Path) -> anyhow::Result<Vec<String>> {
    let mut paths = Vec::new();
    let mut pending = vec![String::new()];
    while let Some(dir) = pending.pop() {
        let entries =
            fs::read_dir(root.join(&dir)).with_context(|| format!("cannot read {dir}"))?;
        for entry in entries {
            let entry = entry?;
            let name = entry.file_name().to_string_lossy().into_owned();
            let path = if dir.is_empty() { name } else { format!("{dir}/{name}") };
            if path == ".git" || path == "target" {
                continue;
            }
            if entry.file_type()?.is_dir() {
                pending.push(path);
            } else {
                paths.push(path);
            }
        }
    }
    Ok(paths)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::Place;

    #[test]
    fn both_ways_of_listing_find_the_sources_and_no_build_products() {
        let root = Place::find().unwrap().root;
        for paths in [paths_by_git(&root), Some(paths_by_walk(&root).unwrap())] {
            // A source tree without git has only the second.
            let Some(paths) = paths else { continue };
            assert!(paths.iter().any(|path| path == "xtask/src/tidy/tree.rs"));
            assert!(!paths.iter().any(|path| path.starts_with("target/")));
            assert!(!paths.iter().any(|path| path.starts_with(".git/")));
        }
    }
}
