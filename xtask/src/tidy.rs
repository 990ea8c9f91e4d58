//! `cargo xtask tidy`: style as a test, for what rustfmt and clippy do not see.
//!
//! Each check is a pure function from text to findings, with a test that shows it fires. The
//! whole runs under `cargo test` too.

mod crates;
mod lexer;
mod links;
mod modules;
mod names;
mod source;
mod text;
mod tree;

use std::fmt;

use anyhow::bail;

use crate::place::Place;
use crate::tidy::tree::File;

/// Something that has to change, and where.
#[derive(Debug, PartialEq, Eq)]
struct Finding {
    /// Relative to the root of the repository.
    path: String,
    /// From 1; 0 where the whole file is meant.
    line: usize,
    /// What is wrong, and what to do instead.
    message: String,
}

/// Prints what is found and fails if that is anything.
pub(crate) fn run(place: &Place) -> anyhow::Result<()> {
    let files = tree::read(&place.root)?;
    let findings = check(&files);
    for finding in &findings {
        println!("{finding}");
    }
    if !findings.is_empty() {
        bail!("{} things are not tidy", findings.len());
    }
    println!("{} files are tidy", files.len());
    Ok(())
}

/// All checks over all files, in the order of the paths.
fn check(files: &[File]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for file in files {
        findings.extend(names::check(file));
        if let Some(text) = &file.text {
            findings.extend(text::check(&file.path, text));
            findings.extend(source::check(&file.path, text));
            findings.extend(crates::check_manifest(&file.path, text));
            findings.extend(modules::check(&file.path, text));
        }
    }
    findings.extend(crates::check_architecture(files));
    findings.extend(modules::check_table(files));
    findings.extend(links::check(files));
    findings.sort_by(|a, b| (&a.path, a.line).cmp(&(&b.path, b.line)));
    findings
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self { path: path.to_owned(), line, message: message.into() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.message)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_tidy() {
        let files = tree::read(&Place::find().unwrap().root).unwrap();
        assert!(files.len() > 20, "only {} files were read", files.len());
        let findings: Vec<String> = check(&files).iter().map(Finding::to_string).collect();
        assert!(findings.is_empty(), "\n{}", findings.join("\n"));
    }

    #[test]
    fn every_check_is_made_and_its_findings_come_in_order() {
        let text = |path: &str, text: &str| File {
            path: path.to_owned(),
            bytes: 1,
            text: Some(text.to_owned()),
        };
        let files = [
            text("crates/server/src/sys.rs", "//! The system.\nuse crate::daemon;\n"),
            text("crates/server/src/utils.rs", "//! Bits.\n"),
            text("crates/wire/Cargo.toml", "[dependencies]\ngstatsd-load = \"1\"\n"),
            text("a.rs", "fn main() {} \n"),
            text("ARCHITECTURE.md", "# Architecture\n\n[nowhere](nowhere.rs)\n"),
        ];
        let mut found: Vec<(String, usize)> =
            check(&files).into_iter().map(|finding| (finding.path, finding.line)).collect();
        // The table of modules has rows that this small tree lacks.
        assert_eq!(found.pop(), Some(("xtask/src/tidy/modules.rs".to_owned(), 0)));
        found.retain(|(path, _)| !path.starts_with("xtask/"));
        let expected = [
            ("ARCHITECTURE.md", 0),
            ("ARCHITECTURE.md", 3),
            ("a.rs", 1),
            ("a.rs", 1),
            ("crates/server/src/sys.rs", 2),
            ("crates/server/src/utils.rs", 0),
            ("crates/server/src/utils.rs", 1),
            ("crates/wire/Cargo.toml", 2),
        ];
        let expected: Vec<(String, usize)> =
            expected.iter().map(|(path, line)| ((*path).to_owned(), *line)).collect();
        assert_eq!(found, expected);
    }
}
