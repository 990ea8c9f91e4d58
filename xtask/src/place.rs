//! Where things are: the repository, the target directory, the programs that are built.

use std::env;
use std::path::PathBuf;

use anyhow::Context;

/// The directories a chore works in, absolute.
pub(crate) struct Place {
    /// The root of the repository.
    pub(crate) root: PathBuf,
    /// `CARGO_TARGET_DIR` where it is set, else `target` under the root.
    pub(crate) target: PathBuf,
}

impl Place {
    /// Finds the repository by the manifest of this crate.
    pub(crate) fn find() -> anyhow::Result<Self> {
        // Cargo sets the variable when it runs this program; what was compiled in serves when
        // the program is started by hand.
        let manifest_dir = env::var_os("CARGO_MANIFEST_DIR")
            .map_or_else(|| PathBuf::from(env!("CARGO_MANIFEST_DIR")), PathBuf::from);
        let root = manifest_dir.parent().context("xtask has no parent directory")?.to_path_buf();
        let target = match env::var_os("CARGO_TARGET_DIR") {
            Some(dir) => env::current_dir()?.join(dir),
            None => root.join("target"),
        };
        Ok(Self { root, target })
    }

    /// A program of the release profile, built or not.
    pub(crate) fn release_binary(&self, name: &str) -> PathBuf {
        self.target.join("release").join(name)
    }

    /// What is unpacked of Debian packages.
    pub(crate) fn debian(&self) -> PathBuf {
        self.target.join("debian")
    }

    /// The virtual environment with the Python packages of the tests.
    pub(crate) fn venv(&self) -> PathBuf {
        self.target.join("venv")
    }
}
