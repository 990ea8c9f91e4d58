//! Names and sizes of files.

use super::Finding;
use super::tree::File;

/// Nothing larger comes into the history: it never leaves it again.
const BYTES_MAX: u64 = 256 * 1024;

/// File names that say nothing about what is in the file.
const EMPTY_NAMES: [&str; 6] =
    ["common.rs", "helper.rs", "helpers.rs", "misc.rs", "util.rs", "utils.rs"];

/// Checks the name and the size of a file.
pub(super) fn check(file: &File) -> Vec<Finding> {
    let mut findings = Vec::new();
    if file.bytes > BYTES_MAX {
        let message = format!("{} bytes, more than {BYTES_MAX}: make it smaller", file.bytes);
        findings.push(Finding::new(&file.path, 0, message));
    }
    let name = file.path.rsplit('/').next().unwrap_or_default();
    if EMPTY_NAMES.contains(&name) {
        let message = "name the file for what it does or holds";
        findings.push(Finding::new(&file.path, 0, message));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: u64) -> File {
        File { path: path.to_owned(), bytes, text: None }
    }

    #[test]
    fn a_large_file_is_found() {
        assert_eq!(check(&file("a.bin", BYTES_MAX)), []);
        assert_eq!(check(&file("a.bin", BYTES_MAX + 1)).len(), 1);
    }

    #[test]
    fn a_name_that_says_nothing_is_found() {
        assert_eq!(check(&file("crates/wire/src/line.rs", 1)), []);
        assert_eq!(check(&file("crates/wire/src/utils.rs", 1)).len(), 1);
        assert_eq!(check(&file("common.rs", 1)).len(), 1);
    }
}
