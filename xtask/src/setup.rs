//! `cargo xtask setup`: installs what the tests need and is missing.
//!
//! A real carbon with the Whisper tools, a Prometheus, a VictoriaMetrics and an InfluxDB from
//! Debian, and the programs whose traffic the tests measure: those for Python from PyPI, and those
//! for Node.js from npm, with a Node.js that comes from PyPI too, for Debian's npm is 387 packages.
//! When all is there it only looks.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};

use crate::command;
use crate::place::Place;

/// A Debian package and the files by which one sees that it is there.
struct Package {
    name: &'static str,
    files: &'static [&'static str],
}

/// The carbon daemon, and with it python3-whisper.
const CARBON: Package = Package {
    name: "graphite-carbon",
    files: &["/usr/bin/carbon-cache", "/usr/bin/whisper-fetch", "/usr/bin/whisper-info"],
};

/// What a system Python needs to make an environment; Debian keeps it apart.
const PYTHON: Package = Package { name: "python3-venv", files: &["/usr/bin/python3"] };

/// What is only unpacked, below the target directory, so that no service is started: the Debian
/// packages, and a file of each that is needed.
const UNPACKED: [(&str, &str); 4] = [
    ("libfaketime", "usr/lib/ARCH-linux-gnu/faketime/libfaketimeMT.so.1"),
    ("prometheus", "usr/bin/prometheus"),
    ("victoria-metrics", "usr/bin/victoria-metrics"),
    ("influxdb", "usr/bin/influxd"),
];

/// The Python packages, pinned.
const REQUIREMENTS: &str = "testdata/python-requirements.txt";

/// The packages of Node.js, pinned: the directory of `package.json` and its lock.
const NODE_PACKAGES: &str = "testdata/node";
/// What says which packages those are.
const NODE_FILES: [&str; 2] = ["package.json", "package-lock.json"];

/// Installs what is missing.
pub(crate) fn run(place: &Place) -> anyhow::Result<()> {
    if !CARBON.is_there() {
        install(&CARBON)?;
        if !CARBON.is_there() {
            bail!("{} is installed but lacks one of {:?}", CARBON.name, CARBON.files);
        }
        if Path::new("/run/systemd/system").exists() {
            println!("systemd may have started the package's own carbon on port 2003; the tests");
            println!("do not need it: `systemctl disable --now carbon-cache` stops it");
        }
    }
    let files = UNPACKED.map(|package| unpacked(place, package));
    let wanted = wanted(place)?;
    let venv = place.venv();
    if !venv_is_current(&venv, &wanted) {
        make_venv(&venv, &place.root.join(REQUIREMENTS))?;
        install_node_packages(place)?;
        fs::write(stamp(&venv), wanted).context("cannot mark the environment as complete")?;
    }
    println!("carbon: {}\npython: {}", CARBON.files[0], venv.join("bin/python").display());
    for file in files {
        println!("unpacked: {}", file?.display());
    }
    println!("node: {}", venv.join("bin/node").display());
    Ok(())
}

/// What the environment is to be made of, as its stamp says it.
fn wanted(place: &Place) -> anyhow::Result<Vec<u8>> {
    let files = NODE_FILES.map(|file| format!("{NODE_PACKAGES}/{file}"));
    let mut wanted = Vec::new();
    for file in [REQUIREMENTS.to_owned()].iter().chain(&files) {
        let bytes = fs::read(place.root.join(file));
        wanted.extend(bytes.with_context(|| format!("cannot read {file}"))?);
    }
    Ok(wanted)
}

impl Package {
    fn is_there(&self) -> bool {
        self.files.iter().all(|file| Path::new(file).exists())
    }
}

/// Installs a Debian package, as root or through sudo.
fn install(package: &Package) -> anyhow::Result<()> {
    let name = package.name;
    if !is_program("apt-get") {
        bail!("the tests need {:?}; without apt-get they have to be put there", package.files);
    }
    let is_root = command::output(Command::new("id").arg("-u"))? == b"0\n";
    if !is_root && !is_program("sudo") {
        bail!("the tests need the Debian package {name}: as root, run `apt-get install {name}`");
    }
    command::header(&format!("apt-get install {name}"));
    let arguments = ["install", "--yes", "--no-install-recommends", name];
    if command::run(&mut apt_get(is_root, &arguments)).is_ok() {
        return Ok(());
    }
    println!("the package lists may be missing or old: reading them again");
    command::run(&mut apt_get(is_root, &["update"]))?;
    command::run(&mut apt_get(is_root, &arguments))
}

/// A file of a Debian package, which is downloaded and unpacked where it is not there.
fn unpacked(place: &Place, (name, file): (&str, &str)) -> anyhow::Result<PathBuf> {
    let folder = place.debian();
    let file = folder.join(file.replace("ARCH", std::env::consts::ARCH));
    if file.exists() {
        return Ok(file);
    }
    command::header(&format!("apt-get download {name}"));
    // Apart, so that what is there is whole, whenever this ends.
    let download = folder.with_extension("download");
    fs::create_dir_all(&download).with_context(|| format!("cannot make {}", folder.display()))?;
    let fetch =
        || command::run(Command::new("apt-get").args(["download", name]).current_dir(&download));
    if fetch().is_err() {
        let is_root = command::output(Command::new("id").arg("-u"))? == b"0\n";
        command::run(&mut apt_get(is_root, &["update"]))?;
        fetch()?;
    }
    let archives = fs::read_dir(&download)?.filter_map(Result::ok).map(|entry| entry.path());
    for archive in archives.filter(|path| path.extension().is_some_and(|end| end == "deb")) {
        command::run(Command::new("dpkg").arg("-x").arg(archive).arg(&folder))?;
    }
    fs::remove_dir_all(&download)?;
    if !file.exists() {
        bail!("the package {name} has no {}", file.display());
    }
    Ok(file)
}

fn apt_get(is_root: bool, arguments: &[&str]) -> Command {
    let mut command = if is_root { Command::new("env") } else { Command::new("sudo") };
    if !is_root {
        command.arg("env");
    }
    // Another installation may hold the lock for a while on a fresh machine.
    command.args(["DEBIAN_FRONTEND=noninteractive", "apt-get", "-o", "DPkg::Lock::Timeout=120"]);
    command.args(arguments);
    command
}

/// Makes the environment anew, so that nothing of an older list of packages stays.
fn make_venv(venv: &Path, requirements: &Path) -> anyhow::Result<()> {
    let python = match find_python() {
        Some(python) => python,
        None => {
            install(&PYTHON)?;
            find_python().context("no python3 of version 3.10 or later with venv and ensurepip")?
        }
    };
    command::header(&format!("Python environment from {REQUIREMENTS}"));
    command::run(Command::new(python).args(["-m", "venv", "--clear"]).arg(venv))?;
    let pip = ["-m", "pip", "install", "--quiet", "--disable-pip-version-check", "-r"];
    command::run(Command::new(venv.join("bin/python")).args(pip).arg(requirements))
}

/// Installs the packages of Node.js into the environment, with its npm.
fn install_node_packages(place: &Place) -> anyhow::Result<()> {
    command::header(&format!("Node.js packages from {NODE_PACKAGES}"));
    let folder = place.venv().join("emitters");
    fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
    for file in NODE_FILES {
        let from = place.root.join(NODE_PACKAGES).join(file);
        fs::copy(&from, folder.join(file))
            .with_context(|| format!("cannot copy {}", from.display()))?;
    }
    // Optional packages have to be compiled, and nothing here needs them.
    let install = ["ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund"];
    let npm = place.venv().join("bin/npm");
    command::run(Command::new(npm).args(install).current_dir(&folder))
}

/// The Python to make the environment from: the system's where it can, else any in the path.
fn find_python() -> Option<PathBuf> {
    let needs = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 10))";
    ["/usr/bin/python3", "python3"]
        .into_iter()
        .find(|python| command::succeeds(Command::new(python).args(["-c", needs])))
        .map(PathBuf::from)
}

fn is_program(name: &str) -> bool {
    command::succeeds(Command::new(name).arg("--version"))
}

/// Whether the environment was completed from exactly this.
fn venv_is_current(venv: &Path, wanted: &[u8]) -> bool {
    let has_python = venv.join("bin/python").exists();
    has_python && fs::read(stamp(venv)).is_ok_and(|found| found == wanted)
}

/// Written last: it says what the environment was completed from.
fn stamp(venv: &Path) -> PathBuf {
    venv.join("complete.txt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_environment_is_current_only_for_the_requirements_it_was_completed_from() {
        let venv = std::env::temp_dir().join(format!("gstatsd-xtask-venv-{}", std::process::id()));
        fs::create_dir_all(venv.join("bin")).unwrap();
        fs::write(stamp(&venv), "statsd==4.0.1\n").unwrap();
        assert!(!venv_is_current(&venv, b"statsd==4.0.1\n"), "there is no interpreter");
        fs::write(venv.join("bin/python"), "").unwrap();
        assert!(venv_is_current(&venv, b"statsd==4.0.1\n"));
        assert!(!venv_is_current(&venv, b"statsd==4.0.2\n"));
        fs::remove_dir_all(&venv).unwrap();
    }

    #[test]
    fn a_package_is_there_when_all_of_its_files_are() {
        assert!(Package { name: "", files: &["/"] }.is_there());
        assert!(!Package { name: "", files: &["/", "/no/such/file"] }.is_there());
    }
}
