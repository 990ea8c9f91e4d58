//! `cargo xtask package`: the Debian package, from the same description that `cargo deb` reads,
//! and whether it installs, starts, keeps its configuration over an upgrade, and goes.
//!
//! All of it in folders below the target directory: nothing of the machine changes.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail};
use toml::{Table, Value};

use crate::command::{self, cargo, header};
use crate::place::Place;

/// The manifest that describes the package, and where its paths begin.
const MANIFEST: &str = "crates/server/Cargo.toml";
const BASE: &str = "crates/server";
/// How exposed the unit may be, as `systemd-analyze security` counts: from 0, not at all, to 10.
const EXPOSURE_MAX: f64 = 1.5;

/// Builds the package, and checks it and the unit.
pub(crate) fn run(place: &Place) -> anyhow::Result<()> {
    command::run(&mut cargo(place, &["build", "--release", "-p", "gstatsd"]))?;
    check(place)
}

/// Packages the release binary that is there, and checks the package and the unit.
pub(crate) fn check(place: &Place) -> anyhow::Result<()> {
    header("package");
    if !command::succeeds(Command::new("dpkg-deb").arg("--version")) {
        println!("no dpkg-deb on this machine: there is no package to check");
        return Ok(());
    }
    let manifest = fs::read_to_string(place.root.join(MANIFEST))?.parse::<Table>()?;
    let workspace = fs::read_to_string(place.root.join("Cargo.toml"))?.parse::<Table>()?;
    let about = manifest["package"]["metadata"]["deb"].as_table().context("no metadata")?;
    let version = workspace["workspace"]["package"]["version"].as_str().context("no version")?;
    let first = build(place, about, version)?;
    let next = build(place, about, &format!("{version}+next"))?;
    check_installed(place, &first, &next)?;
    check_unit(place)?;
    println!("{}: installs, starts, is upgraded, and goes", first.display());
    Ok(())
}

fn text<'t>(about: &'t Table, key: &str) -> anyhow::Result<&'t str> {
    about.get(key).and_then(Value::as_str).with_context(|| format!("the package has no {key}"))
}

/// Builds a package of a version. Gives its file.
fn build(place: &Place, about: &Table, version: &str) -> anyhow::Result<PathBuf> {
    let staged = place.target.join("package/staged");
    fs::remove_dir_all(&staged).ok();
    let base = place.root.join(BASE);
    let mut installed_bytes = 0;
    for asset in about["assets"].as_array().context("no assets")? {
        let parts: Vec<&str> =
            asset.as_array().into_iter().flatten().flat_map(Value::as_str).collect();
        let [from, to, mode] = parts[..] else { bail!("not an asset: {asset}") };
        let source = match from.strip_prefix("target/release/") {
            Some(program) => place.release_binary(program),
            None => base.join(from),
        };
        let name = Path::new(from).file_name().context("an asset without a name")?;
        let to = if to.ends_with('/') { Path::new(to).join(name) } else { PathBuf::from(to) };
        installed_bytes += put(&source, &staged.join(to), mode)?;
    }
    let scripts = base.join(text(about, "maintainer-scripts")?);
    for script in ["postinst", "prerm", "postrm"] {
        put(&scripts.join(script), &staged.join("DEBIAN").join(script), "755")?;
    }
    let kept = about["conf-files"].as_array().into_iter().flatten().flat_map(Value::as_str);
    let kept: String = kept.map(|file| format!("{file}\n")).collect();
    fs::write(staged.join("DEBIAN/conffiles"), kept)?;
    let architecture = command::output(Command::new("dpkg").arg("--print-architecture"))?;
    let architecture = String::from_utf8(architecture)?;
    let control = format!(
        "Package: gstatsd\nVersion: {version}\nArchitecture: {}\nMaintainer: {}\nSection: {}\n\
         Priority: {}\nDepends: {}\nRecommends: {}\nInstalled-Size: {}\n\
         Description: A StatsD service\n {}\n",
        architecture.trim(),
        text(about, "maintainer")?,
        text(about, "section")?,
        text(about, "priority")?,
        text(about, "depends")?,
        text(about, "recommends")?,
        installed_bytes / 1024,
        text(about, "extended-description")?.replace('\n', "\n "),
    );
    fs::write(staged.join("DEBIAN/control"), control)?;
    let package = place.target.join("package").join(format!("gstatsd_{version}.deb"));
    let mut dpkg = Command::new("dpkg-deb");
    dpkg.args(["--root-owner-group", "-Zxz", "-z1", "--build"]).arg(&staged).arg(&package);
    command::run(dpkg.stdout(Stdio::null()))?;
    Ok(package)
}

/// Copies a file with its permissions. Gives its size.
fn put(source: &Path, to: &Path, mode: &str) -> anyhow::Result<u64> {
    let parent = to.parent().context("a file without a folder")?;
    fs::create_dir_all(parent)?;
    let bytes =
        fs::copy(source, to).with_context(|| format!("cannot copy {}", source.display()))?;
    fs::set_permissions(to, fs::Permissions::from_mode(u32::from_str_radix(mode, 8)?))?;
    Ok(bytes)
}

/// Installs a package into a folder, starts it, upgrades it, and removes it.
fn check_installed(place: &Place, first: &Path, next: &Path) -> anyhow::Result<()> {
    let root = place.target.join("package/installed");
    fs::remove_dir_all(&root).ok();
    for folder in ["info", "updates", "triggers"] {
        fs::create_dir_all(root.join("var/lib/dpkg").join(folder))?;
    }
    for file in ["status", "available"] {
        fs::write(root.join("var/lib/dpkg").join(file), "")?;
    }
    let dpkg = |words: &[&str], file: Option<&Path>| {
        let mut dpkg = Command::new("dpkg");
        dpkg.arg(format!("--root={}", root.display()));
        // What it depends on is on the machine, not in the folder; scripts find the folder by
        // DPKG_ROOT.
        dpkg.args(["--force-not-root", "--force-depends", "--force-script-chrootless"]);
        dpkg.args(["--force-confold"]).args(words).args(file).stdout(Stdio::null());
        command::run(dpkg.stderr(Stdio::null()))
    };
    dpkg(&["--install"], Some(first))?;
    let config = root.join("etc/gstatsd/gstatsd.toml");
    check_start(&root, &config)?;
    let changed = format!("{}\n# ours\n", fs::read_to_string(&config)?);
    fs::write(&config, &changed)?;
    dpkg(&["--install"], Some(next))?;
    if fs::read_to_string(&config)? != changed {
        bail!("an upgrade lost what was configured");
    }
    dpkg(&["--remove", "gstatsd"], None)?;
    if root.join("usr/bin/gstatsd").exists() || !config.exists() {
        bail!("removing it leaves the program, or takes the configuration");
    }
    dpkg(&["--purge", "gstatsd"], None)?;
    if config.exists() {
        bail!("purging it leaves the configuration");
    }
    Ok(())
}

/// Starts what was installed by the command line of its unit, and ends it.
fn check_start(root: &Path, config: &Path) -> anyhow::Result<()> {
    let unit = fs::read_to_string(root.join("usr/lib/systemd/system/gstatsd.service"))?;
    let line = unit.lines().find_map(|line| line.strip_prefix("ExecStart=")).context("no start")?;
    let words: Vec<&str> = line.split(' ').collect();
    let [program, "-c", named] = words[..] else { bail!("another command line: {line}") };
    if root.join(named.trim_start_matches('/')) != config {
        bail!("the unit names another configuration: {named}");
    }
    let program = root.join(program.trim_start_matches('/'));
    // The sockets of the unit are systemd's; these are free ones.
    let text = fs::read_to_string(config)?
        .replace("systemd://gstatsd", "udp://127.0.0.1:0")
        .replace("127.0.0.1:9125", "127.0.0.1:0");
    let started = root.join("started.toml");
    fs::write(&started, text)?;
    let mut daemon = Command::new(program);
    let mut daemon = daemon.arg("-c").arg(&started).stderr(Stdio::null()).spawn()?;
    thread::sleep(Duration::from_secs(1));
    let pid = daemon.id().to_string();
    let is_ended = command::run(Command::new("kill").args(["-s", "TERM", &pid]));
    let status = daemon.wait()?;
    fs::remove_file(&started)?;
    is_ended?;
    if !status.success() {
        bail!("the installed program ends with {status}");
    }
    Ok(())
}

/// Whether the unit is closed in as it should be.
fn check_unit(place: &Place) -> anyhow::Result<()> {
    let unit = place.root.join("pkg/systemd/gstatsd.service");
    if !command::succeeds(Command::new("systemd-analyze").arg("--version")) {
        println!("no systemd-analyze on this machine: the exposure of the unit is not checked");
        return Ok(());
    }
    let mut analyze = Command::new("systemd-analyze");
    analyze.args(["security", "--offline=yes", "--no-pager"]).arg(unit);
    let told = String::from_utf8(command::output(&mut analyze)?)?;
    let figure = exposure(&told).context("systemd-analyze tells no exposure")?;
    println!("exposure of gstatsd.service: {figure}");
    if figure > EXPOSURE_MAX {
        bail!("gstatsd.service is exposed by {figure}, more than {EXPOSURE_MAX}");
    }
    Ok(())
}

/// The figure in the last line: `Overall exposure level for gstatsd.service: 1.3 OK`.
fn exposure(told: &str) -> Option<f64> {
    let line = told.lines().find(|line| line.contains("Overall exposure level"))?;
    line.rsplit_once(": ")?.1.split(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_exposure_stands_in_the_last_line() {
        let told = "a: 1\n\u{2192} Overall exposure level for gstatsd.service: 1.3 OK :-)\n";
        assert_eq!(exposure(told), Some(1.3));
        assert_eq!(exposure("nothing: 1"), None);
    }
}
