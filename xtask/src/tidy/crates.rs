//! The layers between our crates, and their rows in ARCHITECTURE.md.

use super::Finding;
use super::tree::File;

/// One of our crates and what it may import of ours.
struct Crate {
    /// The directory under `crates/`.
    dir: &'static str,
    /// The name of the package.
    package: &'static str,
    /// The packages it may depend on.
    may_import: &'static [&'static str],
    /// The packages that its tests may use beside those.
    tests_may_import: &'static [&'static str],
}

/// Bottom first: a crate imports only what stands above its row.
const CRATES: [Crate; 9] = [
    // The protocol alone: someone else can use it, and it knows nothing about counting.
    Crate { dir: "wire", package: "gstatsd-wire", may_import: &[], tests_may_import: &[] },
    // Summaries know no keys, time or names.
    Crate { dir: "sketch", package: "gstatsd-sketch", may_import: &[], tests_may_import: &[] },
    // What is kept on disk does not know StatsD.
    Crate { dir: "store", package: "gstatsd-store", may_import: &[], tests_may_import: &[] },
    // Pure: samples in, snapshots out.
    Crate {
        dir: "aggregate",
        package: "gstatsd-aggregate",
        may_import: &["gstatsd-wire", "gstatsd-sketch"],
        tests_may_import: &[],
    },
    // Takes snapshots; wire to send lines on.
    Crate {
        dir: "sinks",
        package: "gstatsd-sinks",
        may_import: &["gstatsd-aggregate", "gstatsd-sketch", "gstatsd-wire"],
        tests_may_import: &[],
    },
    // Goes into other people's programs, so it carries little.
    Crate {
        dir: "client",
        package: "gstatsd-client",
        may_import: &["gstatsd-wire"],
        tests_may_import: &[],
    },
    // A tool beside the server. It must not share the server's idea of what is right.
    Crate {
        dir: "load",
        package: "gstatsd-load",
        may_import: &["gstatsd-wire", "gstatsd-client"],
        tests_may_import: &[],
    },
    // Puts the others together; its tests are fed by `load`.
    Crate {
        dir: "server",
        package: "gstatsd",
        may_import: &[
            "gstatsd-aggregate",
            "gstatsd-client",
            "gstatsd-sinks",
            "gstatsd-sketch",
            "gstatsd-store",
            "gstatsd-wire",
        ],
        tests_may_import: &["gstatsd-load"],
    },
    // The shape that Python sees; its command is the server's.
    Crate {
        dir: "python",
        package: "gstatsd-python",
        may_import: &["gstatsd-client", "gstatsd-wire", "gstatsd"],
        tests_may_import: &[],
    },
];

/// Checks the imports in `crates/*/Cargo.toml`; other files pass.
pub(super) fn check_manifest(path: &str, text: &str) -> Vec<Finding> {
    let Some(dir) = crate_of(path) else { return Vec::new() };
    let Some(row) = CRATES.iter().find(|row| row.dir == dir) else {
        let message = format!("`{dir}` has no row in xtask/src/tidy/crates.rs");
        return vec![Finding::new(path, 1, message)];
    };
    let mut findings = Vec::new();
    let mut section = String::new();
    for (index, line) in text.lines().enumerate() {
        let line = line.trim();
        let mut key = None;
        if let Some(header) = line.strip_prefix('[') {
            section = header.trim_end_matches(']').to_owned();
            // `[dependencies.name]` names the package in the header.
            if let Some((table, name)) = section.clone().split_once("dependencies.") {
                section = format!("{table}dependencies");
                key = Some(name.trim_matches('"').to_owned());
            }
        } else if section.ends_with("dependencies") {
            let end = line.find([' ', '.', '=']).unwrap_or(line.len());
            // `name = { package = "..." }` imports under another name.
            let renamed = line.split_once("package = \"").and_then(|(_, it)| it.split('"').next());
            key = Some(renamed.unwrap_or(&line[..end]).trim_matches('"').to_owned());
        }
        let Some(key) = key.filter(|key| key == "gstatsd" || key.starts_with("gstatsd-")) else {
            continue;
        };
        let for_tests = section.ends_with("dev-dependencies");
        let is_allowed = row.may_import.contains(&key.as_str())
            || (for_tests && row.tests_may_import.contains(&key.as_str()));
        if !is_allowed {
            let message = format!("`{}` may not import `{key}`", row.package);
            findings.push(Finding::new(path, index + 1, message));
        }
    }
    findings
}

/// Checks that ARCHITECTURE.md, where there is one, has a table row for each crate.
pub(super) fn check_architecture(files: &[File]) -> Vec<Finding> {
    const PATH: &str = "ARCHITECTURE.md";
    let page = files.iter().find(|file| file.path == PATH);
    let Some(text) = page.and_then(|page| page.text.as_deref()) else { return Vec::new() };
    let has_row = |dir: &str| {
        let name = format!("`{dir}`");
        let cells = text.lines().filter_map(|line| line.strip_prefix('|')?.split('|').next());
        cells.into_iter().any(|cell| cell.contains(&name))
    };
    files
        .iter()
        .filter_map(|file| crate_of(&file.path))
        .filter(|dir| !has_row(dir))
        .map(|dir| Finding::new(PATH, 0, format!("no table row begins with `{dir}`, a crate")))
        .collect()
}

/// The directory under `crates/` whose manifest this is.
fn crate_of(path: &str) -> Option<&str> {
    let dir = path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml")?;
    (!dir.contains('/')).then_some(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(path: &str, text: &str) -> Vec<usize> {
        check_manifest(path, text).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn the_table_has_no_cycle() {
        for (index, row) in CRATES.iter().enumerate() {
            for import in row.may_import {
                let above = CRATES[..index].iter().any(|above| above.package == *import);
                assert!(above, "{} imports {import}", row.package);
            }
        }
    }

    #[test]
    fn an_import_against_the_layers_is_found_however_it_is_written() {
        let path = "crates/wire/Cargo.toml";
        assert_eq!(lines(path, "[dependencies]\nserde.workspace = true\n"), [0_usize; 0]);
        assert_eq!(lines(path, "[dependencies]\ngstatsd-load.workspace = true\n"), [2]);
        assert_eq!(lines(path, "[dependencies]\n\"gstatsd-load\" = { path = \"x\" }\n"), [2]);
        assert_eq!(lines(path, "[dependencies]\na = { package = \"gstatsd-load\" }\n"), [2]);
        assert_eq!(lines(path, "[dev-dependencies]\ngstatsd = \"1\"\n"), [2]);
        assert_eq!(lines(path, "[build-dependencies]\ngstatsd = \"1\"\n"), [2]);
        assert_eq!(lines(path, "[dependencies.gstatsd-load]\npath = \"x\"\n"), [1]);
        assert_eq!(lines(path, "[target.'cfg(unix)'.dependencies]\ngstatsd = \"1\"\n"), [2]);
        assert_eq!(lines(path, "[package]\nname = \"gstatsd-wire\"\n"), [0_usize; 0]);
    }

    #[test]
    fn the_server_uses_load_in_its_tests_only() {
        let path = "crates/server/Cargo.toml";
        assert_eq!(lines(path, "[dependencies]\ngstatsd-wire.workspace = true\n"), [0_usize; 0]);
        assert_eq!(lines(path, "[dependencies]\na = { package = \"gstatsd-load\" }\n"), [2]);
        assert_eq!(
            lines(path, "[dev-dependencies]\ngstatsd-load.workspace = true\n"),
            [0_usize; 0]
        );
        assert_eq!(lines(path, "[dependencies]\ngstatsd-load.workspace = true\n"), [2]);
    }

    #[test]
    fn a_crate_without_a_row_is_found() {
        assert_eq!(lines("crates/cluster/Cargo.toml", "[package]\n"), [1]);
        assert_eq!(lines("xtask/Cargo.toml", "[dependencies]\ngstatsd = \"1\"\n"), [0_usize; 0]);
    }

    #[test]
    fn a_crate_that_the_architecture_does_not_list_is_found() {
        let file = |path: &str, text: &str| File {
            path: path.to_owned(),
            bytes: 1,
            text: Some(text.to_owned()),
        };
        let manifest = || file("crates/wire/Cargo.toml", "");
        let page = |text: &str| file("ARCHITECTURE.md", text);
        assert_eq!(check_architecture(&[manifest()]), []);
        assert_eq!(check_architecture(&[manifest(), page("| `wire` | lines |\n")]), []);
        assert_eq!(check_architecture(&[manifest(), page("| [`wire`](x) | a |\n")]), []);
        assert_eq!(check_architecture(&[manifest(), page("`wire`: lines\n")]).len(), 1);
        assert_eq!(check_architecture(&[manifest(), page("| `load` | `wire` |\n")]).len(), 1);
    }
}
