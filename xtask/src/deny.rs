//! `cargo xtask deny`: whether dependencies are what deny.toml says, from what cargo tells of them.
//!
//! It needs nothing but cargo, so it is part of every test run. `cargo deny check`, where that is
//! installed, reads the same file and knows more: advisories above all.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;

use anyhow::{Context as _, ensure};
use serde_json::Value;
use toml::Table;

use self::licence::is_allowed;
use crate::command::{self, cargo, header};
use crate::place::Place;

mod licence;

/// Where dependencies may come from.
const REGISTRY: &str = "registry+https://github.com/rust-lang/crates.io-index";
/// Where the reason of each direct one stands.
const REASONS: &str = "docs/decisions";

/// Checks the dependencies of all crates.
///
/// # Errors
/// One has another licence, comes from elsewhere, is not wanted, or has no line of reason.
pub(crate) fn run(place: &Place) -> anyhow::Result<()> {
    header("dependencies");
    let rules = fs::read_to_string(place.root.join("deny.toml"))?.parse::<Table>()?;
    let rules = Rules::read(&rules).context("deny.toml lacks something")?;
    let host = format!("{}-unknown-linux-gnu", std::env::consts::ARCH);
    let words = ["metadata", "--format-version=1", "--locked", "--all-features"];
    let mut metadata = cargo(place, &words);
    let told = command::output(metadata.args(["--filter-platform", &host]))?;
    let told: Value = serde_json::from_slice(&told).context("cargo tells no JSON")?;
    let packages = told["packages"].as_array().context("cargo tells of no packages")?;
    let packages: Vec<_> = packages.iter().map(Package::read).collect();
    let findings = findings(&packages, &rules, &reasons(place)?);
    for finding in &findings {
        println!("{finding}");
    }
    ensure!(findings.is_empty(), "{} dependencies are not as they should be", findings.len());
    let twice = twice(&packages);
    println!("{} packages; in several versions: {}", packages.len(), twice.join(", "));
    if command::succeeds(&mut cargo(place, &["deny", "--version"])) {
        let rest = ["deny", "--all-features", "check", "licenses", "bans", "sources"];
        command::run(&mut cargo(place, &rest))?;
    }
    Ok(())
}

/// What deny.toml says.
struct Rules {
    licences: BTreeSet<String>,
    unwanted: BTreeSet<String>,
}

impl Rules {
    fn read(table: &Table) -> Option<Self> {
        let licences = table.get("licenses")?.get("allow")?.as_array()?;
        let licences = licences.iter().filter_map(|one| Some(one.as_str()?.to_owned()));
        let unwanted = table.get("bans")?.get("deny")?.as_array()?;
        let unwanted =
            unwanted.iter().filter_map(|one| Some(one.get("crate")?.as_str()?.to_owned()));
        Some(Self { licences: licences.collect(), unwanted: unwanted.collect() })
    }
}

/// What cargo tells of a package.
struct Package<'m> {
    name: &'m str,
    version: &'m str,
    licence: &'m str,
    /// `None` where it is ours.
    source: Option<&'m str>,
    /// Those that it names, with the versions that it takes, as far as they are not ours.
    direct: Vec<(&'m str, &'m str)>,
}

impl<'m> Package<'m> {
    fn read(told: &'m Value) -> Self {
        let text = |value: &'m Value| value.as_str().unwrap_or_default();
        let direct = told["dependencies"].as_array().into_iter().flatten();
        let direct = direct.filter(|one| one["source"].is_string());
        Self {
            name: text(&told["name"]),
            version: text(&told["version"]),
            licence: text(&told["license"]),
            source: told["source"].as_str(),
            direct: direct.map(|one| (text(&one["name"]), text(&one["req"]))).collect(),
        }
    }
}

/// What is not as it should be.
fn findings(packages: &[Package<'_>], rules: &Rules, reasons: &str) -> Vec<String> {
    let mut findings = BTreeSet::new();
    for Package { name, version, licence, source, direct } in packages {
        if !is_allowed(licence, &rules.licences) {
            findings.insert(format!("{name} {version}: its licence is '{licence}'"));
        }
        if source.is_some_and(|source| source != REGISTRY) {
            findings.insert(format!("{name} {version}: it comes from {}", source.unwrap_or("")));
        }
        if rules.unwanted.contains(*name) {
            findings.insert(format!("{name} {version}: it is not wanted"));
        }
        for (name, versions) in direct.iter().filter(|_| source.is_none()) {
            if *versions == "*" {
                findings.insert(format!("{name}: any version of it is taken"));
            }
            if !is_named(name, reasons) {
                findings.insert(format!("{name}: it has no line of reason in {REASONS}/"));
            }
        }
    }
    findings.into_iter().collect()
}

/// Whether a text has this name as a whole word.
fn is_named(name: &str, text: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    text.split(|c| !is_part(c)).any(|word| word == name)
}

/// All pages of reasons in one.
fn reasons(place: &Place) -> anyhow::Result<String> {
    let mut all = String::new();
    for page in fs::read_dir(place.root.join(REASONS))? {
        all += &fs::read_to_string(page?.path())?;
        all.push('\n');
    }
    Ok(all)
}

/// The packages that are there in several versions.
fn twice(packages: &[Package<'_>]) -> Vec<String> {
    let mut versions = BTreeMap::<_, Vec<_>>::new();
    for package in packages {
        versions.entry(package.name).or_default().push(package.version);
    }
    versions.retain(|_, versions| versions.len() > 1);
    versions.into_iter().map(|(name, versions)| format!("{name} {}", versions.join("+"))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_as_deny_toml_says_is_found() {
        let text = "[licenses]\nallow = [\"MIT\"]\n[bans]\ndeny = [{ crate = \"openssl\" }]\n";
        let rules = Rules::read(&text.parse().unwrap()).unwrap();
        let of = |name, licence, source, direct| Package {
            name,
            version: "1.0",
            licence,
            source,
            direct,
        };
        let good = of("a", "MIT OR Unlicense", Some(REGISTRY), vec![("z", "*")]);
        let ours = of("ours", "MIT", None, vec![("a", "^1"), ("b", "^1"), ("c", "*")]);
        assert_eq!(
            findings(&[good, ours], &rules, "| a | why |\n| c, d | why |"),
            ["b: it has no line of reason in docs/decisions/", "c: any version of it is taken",]
        );
        let bad = [
            of("a", "GPL-3.0", Some(REGISTRY), Vec::new()),
            of("b", "MIT", Some("git+https://elsewhere"), Vec::new()),
            of("openssl", "MIT", Some(REGISTRY), Vec::new()),
        ];
        assert_eq!(
            findings(&bad, &rules, ""),
            [
                "a 1.0: its licence is 'GPL-3.0'",
                "b 1.0: it comes from git+https://elsewhere",
                "openssl 1.0: it is not wanted",
            ]
        );
    }

    #[test]
    fn a_name_within_another_is_not_named() {
        assert!(is_named("serde", "| serde, toml | x |"));
        assert!(!is_named("serde", "serde_json and serde-x"));
    }
}
